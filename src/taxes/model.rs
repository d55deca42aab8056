//! How much VAT a line bears. Pure.
use crate::kernel::{Amount, Quantity, whole_rupiah};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the price as typed holds VAT.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasis {
    TaxInclusive,
    TaxExclusive,
}

crate::kernel::text_enum!(PriceBasis { TaxInclusive = "tax_inclusive", TaxExclusive = "tax_exclusive" });

/// How VAT treats the goods (domain handbook §6).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    VatStandard,
    VatLuxury,
    VatExempt,
    /// Catering and restaurants, which bear a regional tax instead.
    NotSubject,
}

crate::kernel::text_enum!(TaxClass {
    VatStandard = "vat_standard",
    VatLuxury = "vat_luxury",
    VatExempt = "vat_exempt",
    NotSubject = "not_subject",
});

/// The rates of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VatRates {
    /// 0.12 since 2025.
    pub rate: Decimal,
    /// Share of the price that the rate applies to, as numerator and denominator.
    pub base: (Decimal, Decimal),
    pub luxury_base: (Decimal, Decimal),
    /// Whether vendors that are not registered charge VAT all the same (they do not, regime 59).
    pub charged_by_non_registered: bool,
}

/// A line's parts; they add up to what the buyer pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTax {
    /// Without VAT, whole rupiah.
    pub goods: Amount,
    /// Whole rupiah.
    pub vat: Amount,
}

/// A document's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub goods: Amount,
    pub shipping: Amount,
    pub vat: Amount,
    pub gross: Amount,
}

impl VatRates {
    /// VAT on one rupiah of net price, as numerator and denominator; none where none is charged.
    fn charged(&self, class: TaxClass, vat_registered: bool) -> Option<(Decimal, Decimal)> {
        let (numerator, denominator) = match class {
            TaxClass::VatStandard => self.base,
            TaxClass::VatLuxury => self.luxury_base,
            TaxClass::VatExempt | TaxClass::NotSubject => return None,
        };
        (vat_registered || self.charged_by_non_registered).then_some((self.rate * numerator, denominator))
    }
}

/// Goods and VAT of a line. A tax-inclusive price of a vendor that charges none is the price.
pub fn line_tax(
    rates: &VatRates,
    class: TaxClass,
    vat_registered: bool,
    basis: PriceBasis,
    unit_price: Amount,
    quantity: Quantity,
) -> LineTax {
    let typed = whole_rupiah(unit_price.0 * quantity.0);
    match (rates.charged(class, vat_registered), basis) {
        (None, _) => LineTax { goods: typed, vat: Amount::ZERO },
        (Some((numerator, denominator)), PriceBasis::TaxExclusive) => {
            LineTax { goods: typed, vat: whole_rupiah(typed.0 * numerator / denominator) }
        }
        (Some((numerator, denominator)), PriceBasis::TaxInclusive) => {
            let goods = whole_rupiah(typed.0 * denominator / (denominator + numerator));
            LineTax { goods, vat: Amount(typed.0 - goods.0) }
        }
    }
}

/// Adds lines and a vendor's own delivery, which is part of the same taxable supply when any of
/// the goods bear VAT (PMK 58/2022 and 59/2022: the fee is in the invoice's base).
pub fn totals(rates: &VatRates, vat_registered: bool, lines: &[LineTax], shipping: Amount) -> Totals {
    let goods: Amount = lines.iter().map(|line| line.goods).sum();
    let line_vat: Amount = lines.iter().map(|line| line.vat).sum();
    let shipping = whole_rupiah(shipping.0);
    let taxed = line_vat > Amount::ZERO;
    let shipping_vat = rates
        .charged(TaxClass::VatStandard, vat_registered)
        .filter(|_| taxed)
        .map_or(Amount::ZERO, |(numerator, denominator)| whole_rupiah(shipping.0 * numerator / denominator));
    let vat = line_vat + shipping_vat;
    Totals { goods, shipping, vat, gross: goods + shipping + vat }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates() -> VatRates {
        VatRates {
            rate: "0.12".parse().unwrap(),
            base: (11.into(), 12.into()),
            luxury_base: (1.into(), 1.into()),
            charged_by_non_registered: false,
        }
    }

    fn line(basis: PriceBasis, price: &str, quantity: &str, class: TaxClass, registered: bool) -> LineTax {
        let (price, quantity) = (Amount(price.parse().unwrap()), Quantity(quantity.parse().unwrap()));
        line_tax(&rates(), class, registered, basis, price, quantity)
    }

    fn rupiah(value: i64) -> Amount {
        Amount(value.into())
    }

    #[test]
    fn the_handbooks_examples_come_out_to_the_rupiah() {
        use PriceBasis::{TaxExclusive, TaxInclusive};
        let standard = TaxClass::VatStandard;
        assert_eq!(line(TaxExclusive, "50000000", "1", standard, true).vat, rupiah(5_500_000));
        assert_eq!(line(TaxExclusive, "150000", "1", standard, true).vat, rupiah(16_500));
        let desk = line(TaxInclusive, "4440000", "1", standard, true);
        assert_eq!(desk, LineTax { goods: rupiah(4_000_000), vat: rupiah(440_000) });
        let goods = line(TaxExclusive, "10000000", "1", standard, true);
        let whole = totals(&rates(), true, &[goods], rupiah(200_000));
        assert_eq!((whole.vat, whole.gross), (rupiah(1_122_000), rupiah(11_322_000)));
        let small = line(TaxExclusive, "1800000", "1", standard, true);
        assert_eq!(totals(&rates(), true, &[small], Amount::ZERO).gross, rupiah(1_998_000));
        assert_eq!(line(TaxExclusive, "5000000", "1", TaxClass::NotSubject, true).vat, Amount::ZERO);
    }

    #[test]
    fn luxury_bears_the_full_rate_and_who_is_not_registered_charges_none() {
        assert_eq!(
            line(PriceBasis::TaxExclusive, "1000000", "1", TaxClass::VatLuxury, true).vat,
            rupiah(120_000)
        );
        let plain = line(PriceBasis::TaxInclusive, "111000", "1", TaxClass::VatStandard, false);
        assert_eq!(plain, LineTax { goods: rupiah(111_000), vat: Amount::ZERO });
        let shipped = totals(&rates(), false, &[plain], rupiah(9_000));
        assert_eq!(shipped.gross, rupiah(120_000));
    }

    #[test]
    fn delivery_of_untaxed_goods_bears_no_tax() {
        let meals = line(PriceBasis::TaxExclusive, "30000", "100", TaxClass::NotSubject, true);
        assert_eq!(totals(&rates(), true, &[meals], rupiah(50_000)).vat, Amount::ZERO);
    }

    fn basis() -> impl Strategy<Value = PriceBasis> {
        prop_oneof![Just(PriceBasis::TaxInclusive), Just(PriceBasis::TaxExclusive)]
    }

    fn class() -> impl Strategy<Value = TaxClass> {
        prop_oneof![
            Just(TaxClass::VatStandard),
            Just(TaxClass::VatLuxury),
            Just(TaxClass::VatExempt),
            Just(TaxClass::NotSubject),
        ]
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_whole_rupiah(
            cents in 1i64..10_000_000_000, thousandths in 1i64..10_000_000, basis in basis(), class in class(), registered: bool,
            shipping in 0i64..10_000_000,
        ) {
            let (price, quantity) = (Amount(Decimal::new(cents, 2)), Quantity(Decimal::new(thousandths, 3)));
            let line = line_tax(&rates(), class, registered, basis, price, quantity);
            prop_assert_eq!(line.goods.0.fract(), Decimal::ZERO);
            prop_assert_eq!(line.vat.0.fract(), Decimal::ZERO);
            prop_assert!(line.vat >= Amount::ZERO);
            if basis == PriceBasis::TaxInclusive {
                prop_assert_eq!(line.goods + line.vat, whole_rupiah(price.0 * quantity.0));
            } else {
                prop_assert_eq!(line.goods, whole_rupiah(price.0 * quantity.0));
            }
            let whole = totals(&rates(), registered, &[line, line], Amount(shipping.into()));
            prop_assert_eq!(whole.goods.0 + whole.shipping.0 + whole.vat.0, whole.gross.0);
            if !registered {
                prop_assert_eq!(whole.vat, Amount::ZERO);
            }
        }

        #[test]
        fn taking_the_tax_out_of_a_price_and_putting_it_back_is_off_by_at_most_a_rupiah(price in 1i64..1_000_000_000) {
            let inclusive = line(PriceBasis::TaxInclusive, &price.to_string(), "1", TaxClass::VatStandard, true);
            let exclusive = line(PriceBasis::TaxExclusive, &inclusive.goods.0.to_string(), "1", TaxClass::VatStandard, true);
            let apart = (exclusive.vat.0 - inclusive.vat.0).abs();
            prop_assert!(apart <= Decimal::ONE);
        }
    }
}
