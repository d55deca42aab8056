//! How the texts of plans and budgets are read. Pure.
use crate::kernel::ProcurementKind;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How strictly an agency's budget is checked.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMode {
    /// A check that cannot be made refuses.
    Enforced,
    /// The officer declares account, DPA number and availability; papers say "not confirmed".
    Declared,
    Off,
}

crate::kernel::text_enum!(BudgetMode { Enforced = "enforced", Declared = "declared", Off = "off" });

/// The kind of procurement as SiRUP writes it; several kinds joined by `;` count as the first, and
/// `repeated` says that there were several.
pub fn procurement_kind(text: &str) -> (Option<ProcurementKind>, bool) {
    let mut parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default();
    let kind = match first {
        "Barang" | "goods" => Some(ProcurementKind::Goods),
        "Jasa Lainnya" | "other_services" => Some(ProcurementKind::OtherServices),
        "Pekerjaan Konstruksi" | "construction" => Some(ProcurementKind::Construction),
        "Jasa Konsultansi" | "consultancy" => Some(ProcurementKind::Consultancy),
        _ => None,
    };
    (kind, parts.next().is_some())
}

/// Rupiah as people write them: `1550000`, `1.550.000`, `1.550.000,50`, `Rp 1550000`.
pub fn rupiah(text: &str) -> Option<Decimal> {
    let text = text.trim().trim_start_matches("Rp").trim_start_matches('.').trim();
    let plain = match (text.matches('.').count(), text.contains(',')) {
        (_, true) => text.replace('.', "").replace(',', "."),
        (0, false) => text.to_owned(),
        // One point with other than three digits behind it is a decimal point.
        (1, false) if text.rsplit('.').next().is_some_and(|tail| tail.len() != 3) => text.to_owned(),
        (_, false) => text.replace('.', ""),
    };
    let value = plain.parse::<Decimal>().ok()?;
    (value.abs() < Decimal::from(1_000_000_000_000_000_i64)).then(|| value.round_dp(2))
}

/// The APBD account inside a MAK text, and the sub-activity in front of it (Permendagri 90/2019:
/// six levels, `5.1.02.01.01.0024`). Of 51,608 real texts none is a bare account.
pub fn account(text: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = text.split('.').map(str::trim).collect();
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let start = (0..parts.len().checked_sub(5)?).find(|&start| {
        parts[start] == "5"
            && digits(parts[start + 1], 1..=1)
            && (2..=4).all(|place| digits(parts[start + place], 2..=2))
            && digits(parts[start + 5], 4..=4)
    })?;
    let before = parts[..start].join(".");
    Some((parts[start..start + 6].join("."), Some(before).filter(|text| !text.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rupiah_are_read_as_people_write_them() {
        let read = |text: &str| rupiah(text).map(|value| value.to_string());
        assert_eq!(read("1550000").as_deref(), Some("1550000"));
        assert_eq!(read("1.550.000").as_deref(), Some("1550000"));
        assert_eq!(read("Rp 1.550.000,50").as_deref(), Some("1550000.50"));
        assert_eq!(read("1550000.5").as_deref(), Some("1550000.5"));
        assert_eq!(read("1.550").as_deref(), Some("1550"));
        assert_eq!(read("1 Paket"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn the_account_is_found_between_sub_activity_and_goods_code() {
        let text = "2.09.01.1.01.0001.5.1.02.01.01.0025.1.1.1.20.10.30.002.00677";
        assert_eq!(account(text), Some(("5.1.02.01.01.0025".into(), Some("2.09.01.1.01.0001".into()))));
        assert_eq!(account("5.1.02.01.01.0024").unwrap().1, None);
        assert_eq!(account("1.02.01.1.10.0001.5.2.06.99.99.9999.0.").unwrap().0, "5.2.06.99.99.9999");
        assert_eq!(account("-"), None);
    }

    #[test]
    fn kinds_that_are_joined_count_as_the_first() {
        assert_eq!(procurement_kind("Barang;Barang"), (Some(ProcurementKind::Goods), true));
        assert_eq!(procurement_kind("Jasa Lainnya"), (Some(ProcurementKind::OtherServices), false));
        assert_eq!(procurement_kind("Swakelola"), (None, false));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC*") {
            let _ = (rupiah(&text), account(&text), procurement_kind(&text));
        }
    }
}
