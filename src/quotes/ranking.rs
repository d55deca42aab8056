//! From opened quotes to a ranking. Pure, and complete in itself: whoever holds the input recomputes
//! every figure of the result, without a database (`lokapasar verify evaluation`).
//!
//! All quotes are compared on one base: gross, delivered at the place. A quote's delivery fee is spread over
//! its lines by their value, so that the shares add up to the fee whatever lines are awarded. Where an order
//! bears a part of it already, the input has the rest.
use crate::kernel::{Amount, LineId, Percent, Quantity, QuoteId, RequestId, VendorId};
use crate::requests::{AwardMode, EvaluationMethod};
use crate::taxes::{LineTax, PriceBasis, TaxClass, VatRates, line_tax, totals};
use chrono::{DateTime, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The version of the arithmetic below.
pub const FORMULA: &str = "lokapasar-evaluation-1";

/// Everything that a ranking depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvaluationInput {
    #[schema(example = "lokapasar-evaluation-1")]
    pub formula: String,
    pub request_id: RequestId,
    pub award: AwardMode,
    pub evaluation: EvaluationMethod,
    pub weights: Weights,
    /// What quality is judged by; weights make 100.
    pub criteria: Vec<CriterionWeight>,
    pub vat: VatInput,
    /// The ladder of domestic products (Perpres 46/2025 Pasal 66); none for what is not goods.
    pub ladder: Option<Ladder>,
    pub lines: Vec<LineInput>,
    pub quotes: Vec<QuoteInput>,
}

/// How much price and quality count; together 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Weights {
    #[schema(value_type = String, example = "70")]
    pub price: Decimal,
    #[schema(value_type = String, example = "30")]
    pub quality: Decimal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CriterionWeight {
    pub code: String,
    pub weight: Percent,
}

/// The VAT rates of the day of the opening; bases as numerator and denominator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VatInput {
    #[schema(value_type = String, example = "0.12")]
    pub rate: Decimal,
    #[schema(value_type = Vec<String>)]
    pub base: (Decimal, Decimal),
    #[schema(value_type = Vec<String>)]
    pub luxury_base: (Decimal, Decimal),
    pub charged_by_non_registered: bool,
}

impl From<VatRates> for VatInput {
    fn from(rates: VatRates) -> Self {
        Self {
            rate: rates.rate,
            base: rates.base,
            luxury_base: rates.luxury_base,
            charged_by_non_registered: rates.charged_by_non_registered,
        }
    }
}

impl VatInput {
    fn rates(&self) -> VatRates {
        VatRates {
            rate: self.rate,
            base: self.base,
            luxury_base: self.luxury_base,
            charged_by_non_registered: self.charged_by_non_registered,
        }
    }
}

/// From which share on a product's origin decides, per cent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ladder {
    /// TKDN and BMP together.
    #[schema(value_type = String, example = "40")]
    pub combined_minimum: Decimal,
    /// TKDN alone.
    #[schema(value_type = String, example = "25")]
    pub local_content_minimum: Decimal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineInput {
    pub line_id: LineId,
    pub quantity: Quantity,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteInput {
    pub quote_id: QuoteId,
    pub vendor_id: VendorId,
    pub submitted_at: DateTime<Utc>,
    pub vat_registered: bool,
    /// Smaller businesses go first among equals.
    #[schema(example = "micro")]
    pub size_class: Option<String>,
    pub lines: Vec<PriceInput>,
    pub shipping_fee: Amount,
    /// Agreed scores by criterion, 0 to 100.
    #[schema(value_type = Object)]
    pub scores: BTreeMap<String, Decimal>,
    /// Why the quote is out.
    pub disqualified: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceInput {
    pub line_id: LineId,
    pub unit_price: Amount,
    pub price_basis: PriceBasis,
    pub tax_class: TaxClass,
    #[schema(example = "local")]
    pub origin: String,
    pub tkdn_percent: Option<Percent>,
    pub bmp_percent: Option<Percent>,
}

/// The result, with every step on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranking {
    pub quotes: Vec<QuoteResult>,
    /// By everything that is asked for; empty where lines are awarded apart.
    pub whole: Vec<Ranked>,
    /// Line by line; empty where one vendor gets everything.
    pub lines: Vec<LineRanking>,
}

/// What a quote comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteResult {
    pub quote_id: QuoteId,
    pub lines: Vec<LineResult>,
    pub goods_total: Amount,
    pub shipping_fee: Amount,
    pub vat_total: Amount,
    pub gross_total: Amount,
    /// Every line that is asked for has a price.
    pub complete: bool,
    /// Scores by their criteria's weights, 0 to 100.
    #[schema(value_type = Option<String>)]
    pub quality_score: Option<Decimal>,
    /// Why it is not ranked: disqualified, incomplete, below_ladder.
    #[schema(example = "incomplete")]
    pub excluded: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineResult {
    pub line_id: LineId,
    pub goods_amount: Amount,
    pub vat_amount: Amount,
    /// The line's share of the delivery fee and of the VAT on it.
    pub shipping_share: Amount,
    pub shipping_vat_share: Amount,
    pub gross_amount: Amount,
    /// Which step of the ladder the product stands on: 1 to 5, 5 for imports; none where it does not apply.
    pub ladder_step: Option<u8>,
    /// Whether the ladder admits it for this line.
    pub admitted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineRanking {
    pub line_id: LineId,
    pub ranked: Vec<Ranked>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranked {
    pub rank: u32,
    pub quote_id: QuoteId,
    pub gross: Amount,
    /// 100 × lowest gross ÷ gross; where quality counts.
    #[schema(value_type = Option<String>)]
    pub price_score: Option<Decimal>,
    /// Price and quality by their weights.
    #[schema(value_type = Option<String>)]
    pub score: Option<Decimal>,
    /// What put it behind the one before: preference or earlier_submission.
    pub tie_broken_by: Option<String>,
}

/// Ranks; the same input gives the same result for ever.
pub fn rank(input: &EvaluationInput) -> Ranking {
    let mut quotes: Vec<QuoteResult> = input.quotes.iter().map(|quote| price(input, quote)).collect();
    climb(input, &mut quotes);
    exclude(input, &mut quotes);
    let (whole, lines) = match input.award {
        AwardMode::Whole => {
            let field = quotes.iter().filter(|quote| quote.excluded.is_none());
            (
                order(input, field.map(|quote| (quote.quote_id, quote.gross_total, quote.quality_score))),
                vec![],
            )
        }
        AwardMode::Itemised => {
            let of_line = |line: &LineInput| {
                let field = quotes.iter().filter(|quote| quote.excluded.is_none()).filter_map(|quote| {
                    let result = quote.lines.iter().find(|result| result.line_id == line.line_id)?;
                    result.admitted.then_some((quote.quote_id, result.gross_amount, quote.quality_score))
                });
                LineRanking { line_id: line.line_id, ranked: order(input, field) }
            };
            (vec![], input.lines.iter().map(of_line).collect())
        }
    };
    Ranking { quotes, whole, lines }
}

/// What a quote comes to, line by line.
fn price(input: &EvaluationInput, quote: &QuoteInput) -> QuoteResult {
    let rates = input.vat.rates();
    let mut lines = Vec::new();
    for line in &input.lines {
        let Some(price) = quote.lines.iter().find(|price| price.line_id == line.line_id) else { continue };
        let tax = line_tax(
            &rates,
            price.tax_class,
            quote.vat_registered,
            price.price_basis,
            price.unit_price,
            line.quantity,
        );
        lines.push((line.line_id, tax));
    }
    let taxes: Vec<LineTax> = lines.iter().map(|(_, tax)| *tax).collect();
    let whole = totals(&rates, quote.vat_registered, &taxes, quote.shipping_fee);
    let on_lines: Amount = taxes.iter().map(|tax| tax.vat).sum();
    let shipping = shares(whole.shipping, &taxes);
    let shipping_vat = shares(Amount(whole.vat.0 - on_lines.0), &taxes);
    let result = |place: usize, (line_id, tax): &(LineId, LineTax)| LineResult {
        line_id: *line_id,
        goods_amount: tax.goods,
        vat_amount: tax.vat,
        shipping_share: shipping[place],
        shipping_vat_share: shipping_vat[place],
        gross_amount: tax.goods + tax.vat + shipping[place] + shipping_vat[place],
        ladder_step: None,
        admitted: true,
    };
    QuoteResult {
        quote_id: quote.quote_id,
        complete: lines.len() == input.lines.len(),
        lines: lines.iter().enumerate().map(|(place, line)| result(place, line)).collect(),
        goods_total: whole.goods,
        shipping_fee: whole.shipping,
        vat_total: whole.vat,
        gross_total: whole.gross,
        quality_score: quality(input, quote),
        excluded: None,
    }
}

/// Spreads whole rupiah over lines by their goods' value; what rounding leaves goes to the last line.
fn shares(amount: Amount, lines: &[LineTax]) -> Vec<Amount> {
    let goods: Amount = lines.iter().map(|line| line.goods).sum();
    let mut left = amount;
    let mut spread = Vec::with_capacity(lines.len());
    for (place, line) in lines.iter().enumerate() {
        let share = if place + 1 == lines.len() || goods == Amount::ZERO {
            left
        } else {
            let share =
                (amount.0 * line.goods.0 / goods.0).round_dp_with_strategy(0, RoundingStrategy::ToZero);
            Amount(share)
        };
        left = Amount(left.0 - share.0);
        spread.push(share);
    }
    spread
}

fn quality(input: &EvaluationInput, quote: &QuoteInput) -> Option<Decimal> {
    if input.evaluation != EvaluationMethod::Weighted {
        return None;
    }
    let score = |criterion: &CriterionWeight| {
        quote.scores.get(&criterion.code).copied().unwrap_or_default() * criterion.weight.0
    };
    let together: Decimal = input.criteria.iter().map(score).sum();
    Some(four_places(together / Decimal::ONE_HUNDRED))
}

/// Marks on which step of the ladder each product stands, and which steps are admitted: the highest on
/// which some quote stands (Perpres 16/2018 jo. 46/2025 Pasal 66).
fn climb(input: &EvaluationInput, quotes: &mut [QuoteResult]) {
    let Some(ladder) = &input.ladder else { return };
    for line in &input.lines {
        let offers: Vec<(QuoteId, &PriceInput)> = input
            .quotes
            .iter()
            .filter(|quote| quote.disqualified.is_none())
            .filter_map(|quote| {
                let price = quote.lines.iter().find(|price| price.line_id == line.line_id)?;
                Some((quote.quote_id, price))
            })
            .collect();
        let percent = |percent: &Option<Percent>| percent.map(|percent| percent.0).unwrap_or_default();
        let reached = offers.iter().any(|(_, price)| {
            percent(&price.tkdn_percent) + percent(&price.bmp_percent) >= ladder.combined_minimum
        });
        let step = |price: &PriceInput| match percent(&price.tkdn_percent) {
            tkdn if tkdn >= ladder.local_content_minimum => {
                if reached {
                    1
                } else {
                    2
                }
            }
            tkdn if tkdn > Decimal::ZERO => 3,
            _ if price.origin != "import" => 4,
            _ => 5,
        };
        let best = offers.iter().map(|(_, price)| step(price)).min().unwrap_or(5);
        for quote in quotes.iter_mut() {
            let of_quote = input.quotes.iter().find(|of| of.quote_id == quote.quote_id);
            let price = of_quote.and_then(|of| of.lines.iter().find(|price| price.line_id == line.line_id));
            let result = quote.lines.iter_mut().find(|result| result.line_id == line.line_id);
            if let (Some(price), Some(result)) = (price, result) {
                result.ladder_step = Some(step(price));
                result.admitted = step(price) <= best;
            }
        }
    }
}

/// Says who is not ranked, and why.
fn exclude(input: &EvaluationInput, quotes: &mut [QuoteResult]) {
    for quote in quotes.iter_mut() {
        let disqualified =
            input.quotes.iter().any(|of| of.quote_id == quote.quote_id && of.disqualified.is_some());
        if disqualified {
            quote.excluded = Some("disqualified".into());
        } else if input.award == AwardMode::Whole && !quote.complete {
            quote.excluded = Some("incomplete".into());
        }
    }
    if input.award == AwardMode::Whole {
        let climbs = |quote: &QuoteResult| quote.lines.iter().all(|line| line.admitted);
        // Where no quote as a whole stands on the admitted steps, the ladder is of no use and binds nobody.
        let some = quotes.iter().any(|quote| quote.excluded.is_none() && climbs(quote));
        for quote in quotes.iter_mut().filter(|quote| quote.excluded.is_none()) {
            if some && !climbs(quote) {
                quote.excluded = Some("below_ladder".into());
            }
        }
    }
}

/// Orders a field: by total or by score, equals by preference, then by the earlier final submission.
fn order(
    input: &EvaluationInput,
    field: impl Iterator<Item = (QuoteId, Amount, Option<Decimal>)>,
) -> Vec<Ranked> {
    let mut field: Vec<Entry<'_>> = field
        .filter_map(|(id, gross, quality)| {
            let quote = input.quotes.iter().find(|quote| quote.quote_id == id)?;
            Some(Entry { quote, gross, quality, price_score: None, score: None })
        })
        .collect();
    if input.evaluation == EvaluationMethod::Weighted {
        let lowest = field.iter().map(|entry| entry.gross).min().unwrap_or_default();
        for entry in &mut field {
            let price = if entry.gross == Amount::ZERO {
                Decimal::ONE_HUNDRED
            } else {
                four_places(Decimal::ONE_HUNDRED * lowest.0 / entry.gross.0)
            };
            let quality = entry.quality.unwrap_or_default();
            let both = input.weights.price * price + input.weights.quality * quality;
            entry.price_score = Some(price);
            entry.score = Some(four_places(both / Decimal::ONE_HUNDRED));
        }
    }
    field.sort_by(|one, other| {
        one.merit(other)
            .then(one.preference().cmp(&other.preference()))
            .then(one.quote.submitted_at.cmp(&other.quote.submitted_at))
            .then(one.quote.quote_id.cmp(&other.quote.quote_id))
    });
    let tie = |place: usize| {
        let (before, entry) = (&field[place.checked_sub(1)?], &field[place]);
        if before.merit(entry) != Ordering::Equal {
            return None;
        }
        let word =
            if before.preference() == entry.preference() { "earlier_submission" } else { "preference" };
        Some(word.to_owned())
    };
    (0..field.len())
        .map(|place| Ranked {
            rank: u32::try_from(place + 1).unwrap_or(u32::MAX),
            quote_id: field[place].quote.quote_id,
            gross: field[place].gross,
            price_score: field[place].price_score,
            score: field[place].score,
            tie_broken_by: tie(place),
        })
        .collect()
}

struct Entry<'q> {
    quote: &'q QuoteInput,
    gross: Amount,
    quality: Option<Decimal>,
    price_score: Option<Decimal>,
    score: Option<Decimal>,
}

impl Entry<'_> {
    /// The better one first: the higher score, or the lower gross.
    fn merit(&self, other: &Self) -> Ordering {
        match (self.score, other.score) {
            (Some(own), Some(others)) => others.cmp(&own),
            _ => self.gross.cmp(&other.gross),
        }
    }

    /// Micro before small before medium before the rest (Perpres 16/2018 Pasal 65).
    fn preference(&self) -> u8 {
        match self.quote.size_class.as_deref() {
            Some("micro") => 0,
            Some("small") => 1,
            Some("medium") => 2,
            _ => 3,
        }
    }
}

fn four_places(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero).normalize()
}

/// Who leads, by line: one quote for all lines, or the first of each line. Lines without a quote are left out.
pub fn leaders(input: &EvaluationInput, ranking: &Ranking) -> BTreeMap<LineId, QuoteId> {
    match input.award {
        AwardMode::Whole => {
            let first = ranking.whole.first().map(|first| first.quote_id);
            input.lines.iter().filter_map(|line| Some((line.line_id, first?))).collect()
        }
        AwardMode::Itemised => ranking
            .lines
            .iter()
            .filter_map(|line| Some((line.line_id, line.ranked.first()?.quote_id)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn line(number: u128) -> LineId {
        LineId(Uuid::from_u128(number))
    }

    fn quote(number: u128, prices: &[(u128, i64)]) -> QuoteInput {
        let price = |(of, price): &(u128, i64)| PriceInput {
            line_id: line(*of),
            unit_price: Amount((*price).into()),
            price_basis: PriceBasis::TaxExclusive,
            tax_class: TaxClass::VatStandard,
            origin: "local".into(),
            tkdn_percent: None,
            bmp_percent: None,
        };
        QuoteInput {
            quote_id: QuoteId(Uuid::from_u128(number)),
            vendor_id: VendorId(Uuid::from_u128(number)),
            submitted_at: DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(i64::try_from(number).unwrap()),
            vat_registered: false,
            size_class: Some("micro".into()),
            lines: prices.iter().map(price).collect(),
            shipping_fee: Amount::ZERO,
            scores: BTreeMap::new(),
            disqualified: None,
        }
    }

    fn input(award: AwardMode, lines: &[(u128, i64)], quotes: Vec<QuoteInput>) -> EvaluationInput {
        let line = |(number, quantity): &(u128, i64)| LineInput {
            line_id: line(*number),
            quantity: Quantity((*quantity).into()),
        };
        EvaluationInput {
            formula: FORMULA.into(),
            request_id: RequestId(Uuid::nil()),
            award,
            evaluation: EvaluationMethod::LowestPrice,
            weights: Weights { price: 70.into(), quality: 30.into() },
            criteria: Vec::new(),
            vat: VatInput {
                rate: "0.12".parse().unwrap(),
                base: (11.into(), 12.into()),
                luxury_base: (1.into(), 1.into()),
                charged_by_non_registered: false,
            },
            ladder: None,
            lines: lines.iter().map(line).collect(),
            quotes,
        }
    }

    fn order_of(ranked: &[Ranked]) -> Vec<u128> {
        ranked.iter().map(|ranked| ranked.quote_id.0.as_u128()).collect()
    }

    #[test]
    fn the_lowest_total_delivered_wins_and_vat_counts() {
        let registered = QuoteInput { vat_registered: true, ..quote(1, &[(1, 1000)]) };
        let delivered = QuoteInput { shipping_fee: Amount(5_000.into()), ..quote(2, &[(1, 1020)]) };
        let third = quote(3, &[(1, 1105)]);
        let found = rank(&input(AwardMode::Whole, &[(1, 100)], vec![registered, delivered, third]));
        // 100,000 + 11 % = 111,000; 102,000 + 5,000 = 107,000; 110,500.
        assert_eq!(order_of(&found.whole), [2, 3, 1]);
        let gross: Vec<_> = found.whole.iter().map(|ranked| ranked.gross.to_string()).collect();
        assert_eq!(gross, ["107000.00", "110500.00", "111000.00"]);
    }

    #[test]
    fn equals_go_by_preference_and_then_by_the_earlier_submission() {
        let small = QuoteInput { size_class: Some("small".into()), ..quote(1, &[(1, 100)]) };
        let found = rank(&input(
            AwardMode::Whole,
            &[(1, 1)],
            vec![small, quote(3, &[(1, 100)]), quote(2, &[(1, 100)])],
        ));
        assert_eq!(order_of(&found.whole), [2, 3, 1]);
        let told: Vec<_> = found.whole.iter().map(|ranked| ranked.tie_broken_by.as_deref()).collect();
        assert_eq!(told, [None, Some("earlier_submission"), Some("preference")]);
    }

    #[test]
    fn a_part_of_the_lines_competes_line_by_line_only() {
        let quotes = vec![quote(1, &[(1, 100), (2, 200)]), quote(2, &[(1, 90)]), quote(3, &[(2, 150)])];
        let whole = rank(&input(AwardMode::Whole, &[(1, 1), (2, 1)], quotes.clone()));
        assert_eq!(order_of(&whole.whole), [1]);
        assert_eq!(whole.quotes[1].excluded.as_deref(), Some("incomplete"));
        let itemised = input(AwardMode::Itemised, &[(1, 1), (2, 1)], quotes);
        let found = rank(&itemised);
        assert_eq!(order_of(&found.lines[0].ranked), [2, 1]);
        assert_eq!(order_of(&found.lines[1].ranked), [3, 1]);
        let leaders: Vec<_> = leaders(&itemised, &found).values().map(|id| id.0.as_u128()).collect();
        assert_eq!(leaders, [2, 3]);
    }

    #[test]
    fn price_and_quality_weigh_seventy_and_thirty() {
        let scored = |number, price, score: i64| QuoteInput {
            scores: BTreeMap::from([("mutu".to_owned(), score.into())]),
            ..quote(number, &[(1, price)])
        };
        let mut input = input(AwardMode::Whole, &[(1, 1)], vec![scored(1, 1000, 60), scored(2, 1200, 100)]);
        input.evaluation = EvaluationMethod::Weighted;
        input.criteria = vec![CriterionWeight { code: "mutu".into(), weight: Percent(100.into()) }];
        let found = rank(&input);
        // 0.7 × 100 + 0.3 × 60 = 88; 0.7 × 83.3333 + 0.3 × 100 = 88.3333.
        assert_eq!(order_of(&found.whole), [2, 1]);
        let scores: Vec<_> = found.whole.iter().filter_map(|ranked| ranked.score).collect();
        assert_eq!(scores, ["88.3333".parse().unwrap(), Decimal::from(88)]);
    }

    #[test]
    fn the_ladder_admits_the_highest_step_that_somebody_stands_on() {
        let made = |number, price, origin: &str, tkdn: Option<i64>, bmp: Option<i64>| {
            let mut quote = quote(number, &[(1, price)]);
            quote.lines[0].origin = origin.into();
            quote.lines[0].tkdn_percent = tkdn.map(|percent| Percent(percent.into()));
            quote.lines[0].bmp_percent = bmp.map(|percent| Percent(percent.into()));
            quote
        };
        let ladder = Ladder { combined_minimum: 40.into(), local_content_minimum: 25.into() };
        let ranked = |quotes: Vec<QuoteInput>| {
            let mut input = input(AwardMode::Whole, &[(1, 1)], quotes);
            input.ladder = Some(ladder.clone());
            order_of(&rank(&input).whole)
        };
        let import = made(1, 10, "import", None, None);
        let plain = made(2, 20, "local", None, None);
        let little = made(3, 30, "domestic", Some(10), None);
        let middle = made(4, 40, "domestic", Some(25), None);
        let high = made(5, 50, "domestic", Some(30), Some(10));
        assert_eq!(ranked(vec![import.clone()]), [1]);
        assert_eq!(ranked(vec![import.clone(), plain.clone()]), [2]);
        assert_eq!(ranked(vec![import.clone(), plain.clone(), little.clone()]), [3]);
        assert_eq!(ranked(vec![plain.clone(), little.clone(), middle.clone()]), [4]);
        // One reaches 40 together, so whoever has TKDN 25 competes.
        assert_eq!(ranked(vec![import, plain, little, middle, high.clone()]), [4, 5]);
        // Who is out does not lift the others' step.
        let out = QuoteInput { disqualified: Some("late".into()), ..high };
        assert_eq!(ranked(vec![out, made(6, 60, "local", None, None)]), [6]);
    }

    /// Unit prices, delivery fee, VAT, size class and whether it is out.
    type Offer = (Vec<Option<i64>>, i64, bool, u8, bool);

    fn quotes() -> impl Strategy<Value = Vec<QuoteInput>> {
        let one = (
            prop::collection::vec(prop::option::of(1i64..2_000_000), 3),
            0i64..500_000,
            any::<bool>(),
            0u8..4,
            prop::bool::weighted(0.1),
        );
        prop::collection::vec(one, 0..8).prop_map(|all| {
            let made = |(number, (prices, shipping, registered, size, out)): (usize, Offer)| {
                let prices: Vec<(u128, i64)> = prices
                    .iter()
                    .enumerate()
                    .filter_map(|(place, price)| Some((place as u128 + 1, (*price)?)))
                    .collect();
                QuoteInput {
                    vat_registered: registered,
                    shipping_fee: Amount(shipping.into()),
                    size_class: [Some("micro"), Some("small"), Some("large"), None][usize::from(size)]
                        .map(ToOwned::to_owned),
                    disqualified: out.then(|| "technical".to_owned()),
                    ..quote(number as u128 + 1, &prices)
                }
            };
            all.into_iter().enumerate().map(made).collect()
        })
    }

    proptest! {
        #[test]
        fn parts_add_up_and_the_order_of_the_quotes_does_not_matter(quotes in quotes(), itemised in any::<bool>()) {
            let award = if itemised { AwardMode::Itemised } else { AwardMode::Whole };
            let one = input(award, &[(1, 7), (2, 3), (3, 11)], quotes);
            let found = rank(&one);
            for quote in &found.quotes {
                let sum = |pick: fn(&LineResult) -> Amount| quote.lines.iter().map(pick).sum::<Amount>();
                prop_assert_eq!(sum(|line| line.gross_amount), if quote.lines.is_empty() { Amount::ZERO } else { quote.gross_total });
                if !quote.lines.is_empty() {
                    prop_assert_eq!(sum(|line| line.shipping_share), quote.shipping_fee);
                    prop_assert_eq!(sum(|line| line.vat_amount) + sum(|line| line.shipping_vat_share), quote.vat_total);
                }
            }
            let mut turned = one.clone();
            turned.quotes.reverse();
            let again = rank(&turned);
            prop_assert_eq!(&found.whole, &again.whole);
            prop_assert_eq!(&found.lines, &again.lines);
            for ranked in &found.whole {
                let quote = one.quotes.iter().find(|quote| quote.quote_id == ranked.quote_id).unwrap();
                prop_assert!(quote.disqualified.is_none() && quote.lines.len() == 3);
            }
            for pair in found.whole.windows(2) {
                prop_assert!(pair[0].gross <= pair[1].gross);
            }
            // Through JSON and back, as an offline check reads it.
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(rank(&serde_json::from_str(&text).unwrap()), found);
        }
    }
}
