//! A ranking is arithmetic that anybody does again: generated evaluations are played over HTTP, and the server's
//! ranking is compared with one that is computed here from the published input, in whole numbers and by no code
//! of the program.
use crate::support::purchase::{Asked, NEEDED_ON, Office, slot};
use crate::support::trade::{PENS, Vendor};
use crate::support::{Answer, Caller, TestApp, scaled};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::iter;
use lokapasar::cli::verify_evaluation;
use lokapasar::kernel::Realm;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::future::Future;

/// How many requests share a deadline, so that the clock moves rarely; and how many are played at once.
const BATCH: usize = 100;
const AT_ONCE: usize = 6;
const SEED: u64 = 20_260_630;

/// Annual sales and whether the vendor is registered for VAT. The last two are a cooperative and a newcomer.
const VENDORS: [(&str, bool); 8] = [
    ("120000000", false),
    ("150000000", true),
    ("9000000000", false),
    ("8000000000", true),
    ("40000000000", true),
    ("90000000000", false),
    ("3000000000", true),
    ("", false),
];
const COOPERATIVE: usize = 6;

/// What each vendor sells: tax class, origin, TKDN and BMP. Ties are planted among the first two.
const GOODS: [(&str, &str, &str, &str); 8] = [
    ("vat_standard", "local", "0", "0"),
    ("vat_exempt", "local", "0", "0"),
    ("vat_standard", "import", "0", "0"),
    ("vat_exempt", "import", "0", "0"),
    ("vat_luxury", "domestic", "12.5", "0"),
    ("not_subject", "domestic", "0", "0"),
    ("vat_standard", "domestic", "27.25", "5"),
    ("vat_standard", "domestic", "31", "12.5"),
];

/// Everything that has to come up at least once.
const KINDS: [&str; 29] = [
    "asked by product",
    "asked by specification",
    "broken by earlier_submission",
    "broken by preference",
    "business of medium size",
    "business of unknown size",
    "cooperative",
    "delivery with VAT",
    "disqualified",
    "domestic ladder",
    "excluded as below_ladder",
    "itemised",
    "left out of a line by the ladder",
    "line of an unregistered vendor",
    "line with VAT",
    "local content certified",
    "lowest_price",
    "luxury line",
    "no domestic ladder",
    "nobody left",
    "not_subject line",
    "partial quote",
    "replaced",
    "tax_exclusive",
    "tax_inclusive",
    "vat_exempt line of a registered vendor",
    "weighted",
    "whole",
    "withdrawn",
];

// The recomputation. Rupiah are whole numbers, and so is everything else at its own scale.

/// A decimal text in units of 10⁻ᵖˡᵃᶜᵉˢ.
fn units(text: &Value, places: usize) -> i128 {
    let text = text.as_str().unwrap_or_else(|| panic!("{text} is no decimal text"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    assert!(part.len() <= places, "{text} has more than {places} places");
    format!("{whole}{part:0<places$}").parse().unwrap()
}

/// A fraction to the nearest whole, halves up.
fn nearest(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator) / (2 * denominator)
}

fn rupiah(amount: i128) -> Value {
    json!(format!("{amount}.00"))
}

/// Ten-thousandths as they are printed, without needless zeros.
fn printed(score: i128) -> Value {
    let text = format!("{}.{:04}", score / 10_000, score % 10_000);
    json!(text.trim_end_matches('0').trim_end_matches('.'))
}

fn list<'v>(of: &'v Value, member: &str) -> &'v [Value] {
    of[member].as_array().unwrap_or_else(|| panic!("no list {member}"))
}

fn of_line<'v>(quote: &'v Value, line: &Value) -> Option<&'v Value> {
    list(quote, "lines").iter().find(|price| price["line_id"] == line["line_id"])
}

/// VAT on one rupiah without it, as a fraction; none where none is charged.
fn vat(input: &Value, class: &str, quote: &Value) -> Option<(i128, i128)> {
    let base = match class {
        "vat_standard" => &input["vat"]["base"],
        "vat_luxury" => &input["vat"]["luxury_base"],
        _ => return None,
    };
    let charges = quote["vat_registered"] == true || input["vat"]["charged_by_non_registered"] == true;
    let part = units(&input["vat"]["rate"], 4) * units(&base[0], 2);
    charges.then_some((part, 10_000 * units(&base[1], 2)))
}

/// What a quote comes to before anybody looks at others: goods and VAT of each quoted line, then the fee.
struct Sum {
    goods: Vec<i128>,
    vat: Vec<i128>,
    fee: i128,
    fee_vat: i128,
}

impl Sum {
    fn of(input: &Value, quote: &Value) -> Self {
        let mut sum = Self { goods: Vec::new(), vat: Vec::new(), fee: 0, fee_vat: 0 };
        for line in list(input, "lines") {
            let Some(price) = of_line(quote, line) else { continue };
            // A price has two places and a quantity three.
            let typed = nearest(units(&price["unit_price"], 2) * units(&line["quantity"], 3), 100_000);
            let bears = vat(input, price["tax_class"].as_str().unwrap(), quote);
            let goods = match bears {
                Some((part, one)) if price["price_basis"] == "tax_inclusive" => {
                    nearest(typed * one, one + part)
                }
                _ => typed,
            };
            sum.goods.push(goods);
            sum.vat.push(match bears {
                None => 0,
                Some(_) if price["price_basis"] == "tax_inclusive" => typed - goods,
                Some((part, one)) => nearest(typed * part, one),
            });
        }
        sum.fee = nearest(units(&quote["shipping_fee"], 2), 100);
        if let Some((part, one)) =
            vat(input, "vat_standard", quote).filter(|_| sum.vat.iter().any(|vat| *vat > 0))
        {
            sum.fee_vat = nearest(sum.fee * part, one);
        }
        sum
    }

    /// An amount that is spread by the lines' goods, cut to whole rupiah; the last line takes the rest.
    fn spread(&self, amount: i128) -> Vec<i128> {
        let together: i128 = self.goods.iter().sum();
        let mut shares: Vec<i128> = self.goods.iter().map(|goods| amount * goods / together).collect();
        let given: i128 = shares.iter().sum();
        *shares.last_mut().expect("a quote has a line") += amount - given;
        shares
    }

    fn gross(&self) -> i128 {
        self.goods.iter().chain(&self.vat).sum::<i128>() + self.fee + self.fee_vat
    }
}

/// On which step of the ladder a product stands: by TKDN from the minimum on, where somebody's TKDN and BMP
/// reach the other minimum and where nobody's do; by some TKDN; by origin.
fn step(ladder: &Value, reached: bool, price: &Value) -> u8 {
    let percent = |member: &str| if price[member].is_null() { 0 } else { units(&price[member], 2) };
    match percent("tkdn_percent") {
        tkdn if tkdn >= units(&ladder["local_content_minimum"], 2) => 1 + u8::from(!reached),
        1.. => 3,
        _ if price["origin"] == "import" => 5,
        _ => 4,
    }
}

/// Each quote's step on a line, and which step is the last that competes.
fn climbed(input: &Value, line: &Value) -> (BTreeMap<String, u8>, u8) {
    let ladder = &input["ladder"];
    let offers: Vec<(&Value, &Value)> =
        list(input, "quotes").iter().filter_map(|quote| Some((quote, of_line(quote, line)?))).collect();
    let competing = || offers.iter().filter(|(quote, _)| quote["disqualified"].is_null());
    let both = |price: &Value| {
        ["tkdn_percent", "bmp_percent"]
            .iter()
            .map(|part| if price[part].is_null() { 0 } else { units(&price[part], 2) })
            .sum::<i128>()
    };
    let reached = competing().any(|(_, price)| both(price) >= units(&ladder["combined_minimum"], 2));
    let last = competing().map(|(_, price)| step(ladder, reached, price)).min().unwrap_or(5);
    let steps =
        offers.iter().map(|(quote, price)| (quote["quote_id"].to_string(), step(ladder, reached, price)));
    (steps.collect(), last)
}

/// The quality that was scored, in ten-thousandths.
fn quality(input: &Value, quote: &Value) -> Option<i128> {
    if input["evaluation"] != "weighted" {
        return None;
    }
    let score = |criterion: &Value| {
        let score = &quote["scores"][criterion["code"].as_str().unwrap()];
        units(&criterion["weight"], 2) * if score.is_null() { 0 } else { units(score, 2) }
    };
    Some(nearest(list(input, "criteria").iter().map(score).sum(), 100))
}

/// Orders quotes by what each comes to; answers them as the server should.
fn ranked(input: &Value, field: &[(&Value, i128)]) -> Vec<Value> {
    let lowest = field.iter().map(|(_, gross)| *gross).min().unwrap_or_default();
    let scores = |quote: &Value, gross: i128| {
        let quality = quality(input, quote)?;
        let price = nearest(1_000_000 * lowest, gross);
        let weigh = |part: &str| units(&input["weights"][part], 2);
        Some((price, nearest(weigh("price") * price + weigh("quality") * quality, 10_000)))
    };
    let size = |quote: &Value| {
        ["micro", "small", "medium"].iter().position(|size| quote["size_class"] == *size).unwrap_or(3)
    };
    // A higher score or a lower total; then the smaller business; then who came first.
    let merit = |quote: &Value, gross: i128| {
        let score = scores(quote, gross).map(|(_, score)| score);
        (Reverse(score), if score.is_some() { 0 } else { gross })
    };
    let mut order: Vec<&(&Value, i128)> = field.iter().collect();
    order.sort_by_key(|(quote, gross)| {
        let came: DateTime<Utc> = quote["submitted_at"].as_str().unwrap().parse().unwrap();
        (merit(quote, *gross), size(quote), came, quote["quote_id"].to_string())
    });
    let entry = |place: usize| {
        let (quote, gross) = *order[place];
        let tie = place
            .checked_sub(1)
            .map(|before| *order[before])
            .filter(|(before, other)| merit(before, *other) == merit(quote, gross));
        let broken = tie
            .map(|(before, _)| if size(before) == size(quote) { "earlier_submission" } else { "preference" });
        let scores = scores(quote, gross);
        json!({ "rank": place + 1, "quote_id": quote["quote_id"], "gross": rupiah(gross),
            "price_score": scores.map(|(price, _)| printed(price)), "score": scores.map(|(_, score)| printed(score)),
            "tie_broken_by": broken })
    };
    (0..order.len()).map(entry).collect()
}

/// The whole ranking, from the input alone.
fn ranking(input: &Value) -> Value {
    let lines = list(input, "lines");
    let whole = input["award"] == "whole";
    let ladder = (!input["ladder"].is_null())
        .then(|| lines.iter().map(|line| climbed(input, line)).collect::<Vec<_>>());
    let mut results = Vec::new();
    for quote in list(input, "quotes") {
        let sum = Sum::of(input, quote);
        let (fee, fee_vat) = (sum.spread(sum.fee), sum.spread(sum.fee_vat));
        let quoted = lines.iter().enumerate().filter(|(_, line)| of_line(quote, line).is_some());
        let line = |(place, (number, line)): (usize, (usize, &Value))| {
            let climbed = ladder.as_ref().map(|ladder| &ladder[number]);
            let step = climbed.map(|(steps, _)| steps[&quote["quote_id"].to_string()]);
            let gross = sum.goods[place] + sum.vat[place] + fee[place] + fee_vat[place];
            json!({ "line_id": line["line_id"], "goods_amount": rupiah(sum.goods[place]), "vat_amount": rupiah(sum.vat[place]),
                "shipping_share": rupiah(fee[place]), "shipping_vat_share": rupiah(fee_vat[place]), "gross_amount": rupiah(gross),
                "ladder_step": step, "admitted": climbed.is_none_or(|(_, last)| step <= Some(*last)) })
        };
        let own: Vec<Value> = quoted.enumerate().map(line).collect();
        let complete = own.len() == lines.len();
        let excluded = if quote["disqualified"].is_null() {
            (whole && !complete).then_some("incomplete")
        } else {
            Some("disqualified")
        };
        results.push(json!({ "quote_id": quote["quote_id"], "lines": own, "goods_total": rupiah(sum.goods.iter().sum()),
            "shipping_fee": rupiah(sum.fee), "vat_total": rupiah(sum.vat.iter().sum::<i128>() + sum.fee_vat),
            "gross_total": rupiah(sum.gross()), "complete": complete,
            "quality_score": quality(input, quote).map(printed), "excluded": excluded }));
    }
    let stands = |result: &Value| list(result, "lines").iter().all(|line| line["admitted"] == true);
    if whole && results.iter().any(|result| result["excluded"].is_null() && stands(result)) {
        for result in results.iter_mut().filter(|result| result["excluded"].is_null()) {
            if !stands(result) {
                result["excluded"] = json!("below_ladder");
            }
        }
    }
    let field = || {
        let both = results.iter().zip(list(input, "quotes"));
        both.filter(|(result, _)| result["excluded"].is_null())
    };
    let of_whole: Vec<(&Value, i128)> =
        field().filter(|_| whole).map(|(result, quote)| (quote, units(&result["gross_total"], 0))).collect();
    let apart = |line: &Value| {
        let offered = field().filter_map(|(result, quote)| {
            let own = of_line(result, line).filter(|own| own["admitted"] == true)?;
            Some((quote, units(&own["gross_amount"], 0)))
        });
        json!({ "line_id": line["line_id"], "ranked": ranked(input, &offered.collect::<Vec<_>>()) })
    };
    let by_line: Vec<Value> = lines.iter().filter(|_| !whole).map(apart).collect();
    json!({ "whole": ranked(input, &of_whole), "lines": by_line, "quotes": results })
}

// The stage: offices that compare in different ways, and vendors with all kinds of goods.

struct Seller {
    vendor: Vendor,
    /// A product for each of [`GOODS`].
    goods: Vec<String>,
}

struct Stage {
    app: TestApp,
    /// One as the platform's policies say, one without the ladder, one where everybody charges VAT.
    offices: Vec<Office>,
    sellers: Vec<Seller>,
}

/// A quote that was handed in, and what is to become of it.
struct Handed {
    id: String,
    seller: usize,
    lines: Vec<Value>,
    fee: String,
    out: bool,
}

struct Played {
    number: usize,
    office: usize,
    asked: Asked,
    /// Codes of the criteria; empty where the lowest price wins.
    criteria: Vec<&'static str>,
    tie: bool,
    quotes: Vec<Handed>,
    seen: Vec<&'static str>,
    dice: StdRng,
}

fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

async fn act(who: &Caller, quote: &str, verb: &str) {
    who.act(&format!("/api/v1/quotes/{quote}/actions/{verb}")).await.expect(200);
}

impl Stage {
    async fn open() -> Self {
        let wide = |settings: &mut lokapasar::settings::Settings| {
            settings.workers = 2;
            settings.database.pool_size = 12;
        };
        let app = TestApp::start_in(Realm::Sandbox, wide).await;
        let offices = vec![app.office().await, app.office().await, app.office().await];
        app.policy(offices[1].agency, "domestic.ladder", "false", "flag").await;
        app.policy(offices[1].agency, "evaluation.weights", r#"{"price":"55.5","quality":"44.5"}"#, "json")
            .await;
        app.policy(offices[2].agency, "tax.vat.charged_by_non_registered", "true", "flag").await;
        let mut stage = Self { app, offices, sellers: Vec::new() };
        let made: Vec<Seller> = together(0..VENDORS.len(), |number| stage.seller(number)).await;
        stage.sellers = made;
        stage
    }

    async fn seller(&self, number: usize) -> Seller {
        let (sales, registered) = VENDORS[number];
        let vendor = match sales {
            "" => self.app.vendor().await,
            sales => self.app.vendor_with(json!({ "annual_sales": sales })).await,
        };
        if registered {
            self.app.register_for_vat(&vendor).await;
        }
        if number == COOPERATIVE {
            let form = format!(
                "UPDATE vendors SET kind = 'entity', legal_form = 'koperasi' WHERE id = '{}'",
                vendor.id
            );
            self.app.sql(&form).await;
        }
        let mut goods = Vec::new();
        for (class, origin, tkdn, bmp) in GOODS {
            let fields = json!({ "tax_class": class, "origin": origin, "tkdn_percent": tkdn, "bmp_percent": bmp,
                "availability": "made_to_order", "unit": "H87" });
            // Drafts may be quoted; what a request shows stands on the shelf.
            goods.push(match goods.is_empty() {
                true => self.app.goods(&vendor, PENS, "12500.00", fields).await,
                false => self.app.draft_product(&vendor, PENS, "12500.00", fields).await,
            });
        }
        Seller { vendor, goods }
    }

    /// Everybody logs in anew: a token lasts a quarter of an hour, and the full count may take longer.
    async fn log_in(&mut self) {
        let Self { app, offices, sellers } = self;
        let offices = offices.iter_mut().flat_map(|office| [&mut office.officer, &mut office.approver]);
        for who in offices.chain(sellers.iter_mut().map(|seller| &mut seller.vendor.owner)) {
            *who = app.log_in(who.user.unwrap(), &who.contact, who.membership).await;
        }
    }

    /// Asks for quotes and gets them; every dice of a request depends on its number alone.
    async fn play(&self, number: usize) -> Played {
        let mut dice = StdRng::seed_from_u64(SEED + number as u64);
        let office = number % self.offices.len();
        let whole = dice.random_bool(0.5);
        let criteria = match dice.random_bool(0.4) {
            true => vec!["mutu", "waktu", "layanan"][..dice.random_range(1..=3)].to_vec(),
            false => Vec::new(),
        };
        let mut seen = Vec::new();
        let lines: Vec<Value> =
            (0..dice.random_range(1..=4)).map(|_| self.line(&mut dice, &mut seen)).collect();
        let weights = [vec![], vec!["100"], vec!["62.5", "37.5"], vec!["33.33", "33.33", "33.34"]];
        let weights = &weights[criteria.len()];
        let named = criteria.iter().zip(weights);
        let named = named.map(|(code, weight)| json!({ "code": code, "name": "Mutu", "weight": weight }));
        let quotation = json!({ "invitation": "open", "award": if whole { "whole" } else { "itemised" },
            "evaluation": if criteria.is_empty() { "lowest_price" } else { "weighted" },
            "criteria": named.collect::<Vec<_>>(), "window_days": 3, "lines": lines });
        let asked = self.offices[office].asks(quotation).await;
        let tie = dice.random_bool(0.35);
        let prices: Vec<i64> = asked.lines.iter().map(|_| dice.random_range(50_000..9_000_000)).collect();
        let mut played = Played { number, office, asked, criteria, tie, quotes: Vec::new(), seen, dice };
        let mut sellers: Vec<usize> = (0..self.sellers.len()).collect();
        for place in 0..played.dice.random_range(2..=5) {
            let seller = sellers.swap_remove(played.dice.random_range(0..sellers.len()));
            self.quote(&mut played, seller, &prices, whole, place > 0).await;
        }
        played
    }

    /// A line by a product that shows what is meant, or by a specification, which may ask for part of a unit.
    fn line(&self, dice: &mut StdRng, seen: &mut Vec<&'static str>) -> Value {
        let by_product = dice.random_bool(0.5);
        seen.push(if by_product { "asked by product" } else { "asked by specification" });
        let pieces = dice.random_range(1..400);
        if by_product {
            let quantity = pieces.to_string();
            let shown = &self.sellers.choose(dice).unwrap().goods[0];
            return json!({ "product_id": shown, "quantity": quantity, "slots": [slot(NEEDED_ON, &quantity)] });
        }
        let quantity = format!("{pieces}.{:03}", dice.random_range(0..1000));
        json!({ "name": "Tinta spidol", "category_code": PENS, "unit": "LTR", "attributes": { "warna": "biru" },
            "quantity": quantity, "slots": [slot(NEEDED_ON, &quantity)] })
    }

    async fn quote(&self, played: &mut Played, seller: usize, prices: &[i64], whole: bool, may_go: bool) {
        let Seller { vendor, goods } = &self.sellers[seller];
        let (dice, tie) = (&mut played.dice, played.tie);
        let kept: Vec<usize> = (0..prices.len()).filter(|_| whole || tie || dice.random_bool(0.7)).collect();
        let kept = if kept.is_empty() { vec![dice.random_range(0..prices.len())] } else { kept };
        let basis = *["tax_inclusive", "tax_exclusive"].choose(dice).unwrap();
        let line = |place: &usize| {
            let price =
                if tie { prices[*place] } else { prices[*place] * dice.random_range(850..1150) / 1000 };
            let product = &goods[dice.random_range(0..if tie { 2 } else { goods.len() })];
            json!({ "line_id": played.asked.lines[*place], "product_id": product,
                "unit_price": format!("{}.{:02}", price / 100, price % 100),
                "price_basis": if tie { "tax_inclusive" } else { basis } })
        };
        let lines: Vec<Value> = kept.iter().map(line).collect();
        let fee = if tie {
            "0".to_owned()
        } else {
            format!("{}.{:02}", dice.random_range(0..400_000), dice.random_range(0..100))
        };
        let body = json!({ "lines": lines, "shipping_fee": fee, "lead_time_days": 3 });
        let [withdrawn, replaced, out] = [0.12, 0.12, 0.12].map(|share: f64| dice.random_bool(share));
        // Of some requests everybody falls out.
        let out = out || played.number % 20 == 7;
        let id = vendor.owner.post(&at(&played.asked.request, "/quotes"), body).await.expect(201).id();
        act(&vendor.owner, &id, "submit").await;
        if replaced {
            act(&vendor.owner, &id, "replace").await;
            played.seen.push("replaced");
        }
        if withdrawn && may_go {
            act(&vendor.owner, &id, "withdraw").await;
            played.seen.push("withdrawn");
            return;
        }
        played.quotes.push(Handed { id, seller, lines, fee, out });
    }

    /// Opens, scores, throws out and completes; answers what the officer reads then.
    async fn evaluate(&self, played: &mut Played) -> Answer {
        let (officer, request) = (&self.offices[played.office].officer, played.asked.request.clone());
        officer.act(&at(&request, "/opening")).await.expect(200);
        let early = played.dice.random_bool(0.5);
        if early {
            self.disqualify(played).await;
        }
        let mut body = json!({ "reason": "Dinilai menurut kriteria" });
        let field = played.quotes.iter().filter(|quote| !(early && quote.out)).map(|quote| quote.id.clone());
        let scores = played.scores(field.collect());
        if !scores.is_empty() {
            // By a sheet that is the only one, or agreed at once.
            if played.dice.random_bool(0.5) || (!early && played.quotes.iter().any(|quote| quote.out)) {
                let etag = officer.get(&at(&request, "")).await.expect(200).etag();
                officer
                    .put(&at(&request, "/score-sheet"), &etag, json!({ "scores": scores }))
                    .await
                    .expect(200);
            } else {
                body["scores"] = json!(scores);
            }
        }
        if !early {
            self.disqualify(played).await;
        }
        officer.post(&at(&request, "/evaluation"), body).await.expect(200);
        officer.get(&at(&request, "/evaluation")).await.expect(200)
    }

    async fn disqualify(&self, played: &Played) {
        let officer = &self.offices[played.office].officer;
        let why = json!({ "code": "technical", "reason": "Tinta tidak tahan air" });
        for quote in played.quotes.iter().filter(|quote| quote.out) {
            let path = format!("/api/v1/quotes/{}/actions/disqualify", quote.id);
            officer.post(&path, why.clone()).await.expect(200);
        }
    }

    /// What the vendors handed in is what was compared: their prices, and their products' facts.
    fn compared(&self, played: &Played, input: &Value) {
        let compared: Vec<&Value> = list(input, "quotes").iter().map(|quote| &quote["quote_id"]).collect();
        assert_eq!(compared.len(), played.quotes.len(), "{input}");
        for quote in &played.quotes {
            let found = list(input, "quotes").iter().find(|found| found["quote_id"] == quote.id.as_str());
            let found = found.unwrap_or_else(|| panic!("{} is not compared", quote.id));
            let (own, registered) = (&self.sellers[quote.seller], VENDORS[quote.seller].1);
            assert_eq!(found["vendor_id"], own.vendor.id.to_string());
            assert_eq!(found["vat_registered"], registered);
            assert_eq!(found["disqualified"], if quote.out { json!("technical") } else { Value::Null });
            assert_eq!(units(&found["shipping_fee"], 2), units(&json!(quote.fee), 2));
            assert_eq!(list(found, "lines").len(), quote.lines.len());
            for line in &quote.lines {
                let read = of_line(found, line).expect("a quoted line");
                let (class, origin, tkdn, bmp) = GOODS
                    [own.goods.iter().position(|product| line["product_id"] == product.as_str()).unwrap()];
                assert_eq!(units(&read["unit_price"], 2), units(&line["unit_price"], 2));
                assert_eq!(
                    [&read["price_basis"], &read["tax_class"], &read["origin"]],
                    [&line["price_basis"], &json!(class), &json!(origin)]
                );
                for (percent, own) in [("tkdn_percent", tkdn), ("bmp_percent", bmp)] {
                    assert_eq!(units(&read[percent], 2), units(&json!(own), 2));
                }
            }
        }
    }
}

impl Played {
    /// A score of each quote by each criterion; equal ones where a tie is planted.
    fn scores(&mut self, field: Vec<String>) -> Vec<Value> {
        let mut scores = Vec::new();
        for quote in &field {
            for code in &self.criteria {
                let given =
                    format!("{}.{:02}", self.dice.random_range(0..100), self.dice.random_range(0..100));
                let given = if self.tie { "72.5".to_owned() } else { given };
                scores.push(json!({ "quote_id": quote, "criterion": code, "score": given }));
            }
        }
        scores
    }
}

/// Several at once, in any order.
async fn together<T, F: Future<Output = T>>(
    numbers: std::ops::Range<usize>,
    work: impl FnMut(usize) -> F,
) -> Vec<T> {
    iter(numbers).map(work).buffered(AT_ONCE).collect().await
}

/// Places of everything that is a number, below a place.
fn numbers(of: &Value, place: &str, found: &mut Vec<String>) {
    match of {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| numbers(value, &format!("{place}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(number, item)| numbers(item, &format!("{place}/{number}"), found));
        }
        Value::String(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            found.push(place.to_owned());
        }
        Value::Number(_) => found.push(place.to_owned()),
        _ => {}
    }
}

/// Another number in the place of one: a digit of it has moved on.
fn tampered(body: &Value, dice: &mut StdRng) -> (String, Value) {
    let mut places = Vec::new();
    for part in ["input", "ranking"] {
        numbers(&body[part], &format!("/{part}"), &mut places);
    }
    let place = places.choose(dice).expect("a number").clone();
    let mut body = body.clone();
    let number = body.pointer_mut(&place).unwrap();
    *number = match &*number {
        Value::String(text) => {
            let digits: Vec<usize> =
                text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(at, _)| at).collect();
            let (at, mut bytes) = (*digits.choose(dice).unwrap(), text.clone().into_bytes());
            bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
            json!(String::from_utf8(bytes).unwrap())
        }
        number => json!(number.as_u64().unwrap() + 1),
    };
    (place, body)
}

/// Which of [`KINDS`] an evaluation shows.
fn kinds(body: &Value, seen: &mut Vec<String>) {
    let (input, ranking) = (&body["input"], &body["ranking"]);
    let mut note = |kind: &str| seen.push(kind.to_owned());
    for choice in ["award", "evaluation"] {
        note(input[choice].as_str().unwrap());
    }
    note(if input["ladder"].is_null() { "no domestic ladder" } else { "domestic ladder" });
    for (quote, result) in list(input, "quotes").iter().zip(list(ranking, "quotes")) {
        match quote["size_class"].as_str() {
            None => note("business of unknown size"),
            Some(size) => note(&format!("business of {size} size")),
        }
        match result["excluded"].as_str() {
            None => {}
            Some("disqualified") => note("disqualified"),
            Some(why) => note(&format!("excluded as {why}")),
        }
        if result["complete"] == false {
            note("partial quote");
        }
        for (price, line) in
            list(quote, "lines").iter().filter_map(|price| Some((price, of_line(result, price)?)))
        {
            note(price["price_basis"].as_str().unwrap());
            let registered = quote["vat_registered"] == true;
            match price["tax_class"].as_str().unwrap() {
                "vat_exempt" if registered => note("vat_exempt line of a registered vendor"),
                "not_subject" => note("not_subject line"),
                "vat_luxury" if line["vat_amount"] != "0.00" => note("luxury line"),
                _ if line["vat_amount"] != "0.00" => note("line with VAT"),
                _ if !registered => note("line of an unregistered vendor"),
                _ => {}
            }
            if price["tkdn_percent"] != "0.00" {
                note("local content certified");
            }
            if line["shipping_vat_share"] != "0.00" {
                note("delivery with VAT");
            }
            if line["admitted"] == false && input["award"] == "itemised" {
                note("left out of a line by the ladder");
            }
        }
    }
    let apart = list(ranking, "lines").iter().map(|line| list(line, "ranked"));
    let orders: Vec<&[Value]> = apart.chain([list(ranking, "whole")]).collect();
    if orders.iter().all(|order| order.is_empty()) {
        note("nobody left");
    }
    for broken in orders.concat().iter().filter_map(|ranked| ranked["tie_broken_by"].as_str()) {
        note(&format!("broken by {broken}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_evaluations_come_out_as_anybody_computes_them_from_their_input() {
    let mut stage = Stage::open().await;
    let count = scaled(1000);
    let mut seen: Vec<String> = Vec::new();
    for first in (0..count).step_by(BATCH) {
        stage.log_in().await;
        let played = together(first..count.min(first + BATCH), |number| stage.play(number)).await;
        let last = played.iter().max_by_key(|played| played.asked.deadline.parse::<DateTime<Utc>>().unwrap());
        stage.app.set_clock(&last.unwrap().asked.deadline).await;
        let evaluated = iter(played).map(|mut played| async {
            let answer = stage.evaluate(&mut played).await;
            (played, answer)
        });
        let mut evaluated = evaluated.buffered(AT_ONCE);
        while let Some((mut played, answer)) = evaluated.next().await {
            let number = played.number;
            let text = String::from_utf8(answer.bytes).unwrap();
            verify_evaluation(&text).unwrap_or_else(|error| panic!("{number}: {error}"));
            let (input, server) = (&answer.body["input"], &answer.body["ranking"]);
            stage.compared(&played, input);
            let own = ranking(input);
            assert_eq!(&own, server, "evaluation {number} comes out otherwise, from {input}");
            // Written anew it is still accepted, so that a refusal below is about the number.
            verify_evaluation(&answer.body.to_string()).unwrap_or_else(|error| panic!("{number}: {error}"));
            let (place, body) = tampered(&answer.body, &mut played.dice);
            assert!(verify_evaluation(&body.to_string()).is_err(), "{number}: {place} was changed unseen");
            kinds(&answer.body, &mut seen);
            seen.extend(played.seen.iter().map(|kind| (*kind).to_owned()));
            if played.quotes.iter().any(|quote| quote.seller == COOPERATIVE) {
                seen.push("cooperative".into());
            }
        }
    }
    let mut counts: BTreeMap<&str, usize> = KINDS.iter().map(|kind| (*kind, 0)).collect();
    for kind in &seen {
        if let Some(count) = counts.get_mut(kind.as_str()) {
            *count += 1;
        }
    }
    println!("{count} evaluations recomputed: {counts:?}");
    let lost: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
    assert!(lost.is_empty(), "the generator no longer makes {lost:?}");
    stage.app.finish().await;
}
