//! Tax previews: the very functions that orders use, for anyone to try.
use super::model::{PriceBasis, TaxClass, VatRates, line_tax, totals};
use crate::kernel::{Amount, Quantity, TimeZone, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Json, NoQuery, Reply, Sends};
use crate::policies;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.tag("taxes").post("/api/v1/tax-previews", preview_tax);
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "vat_registered": true, "shipping_fee": "200000",
    "lines": [{ "unit_price": "10000000", "quantity": "1", "price_basis": "tax_exclusive", "tax_class": "vat_standard" }],
}))]
struct PreviewTax {
    /// The day whose rates are meant; today unless told.
    date: Option<NaiveDate>,
    vat_registered: bool,
    #[serde(default)]
    shipping_fee: Amount,
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<PreviewLine>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewLine {
    unit_price: Amount,
    quantity: Quantity,
    price_basis: PriceBasis,
    tax_class: TaxClass,
}

#[derive(Serialize, ToSchema)]
struct TaxView {
    #[schema(example = "IDR")]
    currency: &'static str,
    lines: Vec<TaxLineView>,
    goods_total: Amount,
    shipping_fee: Amount,
    vat_total: Amount,
    gross_total: Amount,
    /// Legal basis of each value that was used.
    legal_basis: BTreeMap<String, String>,
}

#[derive(Serialize, ToSchema)]
struct TaxLineView {
    goods_amount: Amount,
    vat_amount: Amount,
}

async fn preview_tax(call: Call<act::PreviewTax, (), NoQuery, Json<PreviewTax>>) -> Sends<Reply<TaxView>> {
    let input = &call.body.0;
    call.read(async |conn, ctx| {
        let today = TimeZone::JAKARTA.date_of(db::now(conn, ctx.realm()).await?);
        let policies = policies::at(conn, input.date.unwrap_or(today), None).await?;
        let rates = VatRates::of(&policies)?;
        let lines: Vec<_> = input
            .lines
            .iter()
            .map(|line| {
                line_tax(
                    &rates,
                    line.tax_class,
                    input.vat_registered,
                    line.price_basis,
                    line.unit_price,
                    line.quantity,
                )
            })
            .collect();
        let whole = totals(&rates, input.vat_registered, &lines, input.shipping_fee);
        let mut legal_basis = BTreeMap::new();
        for key in policies.used().into_keys() {
            let basis = policies.version(&key)?.legal_basis.clone();
            legal_basis.insert(key, basis);
        }
        Ok(Reply::new(TaxView {
            currency: "IDR",
            lines: lines
                .iter()
                .map(|line| TaxLineView { goods_amount: line.goods, vat_amount: line.vat })
                .collect(),
            goods_total: whole.goods,
            shipping_fee: whole.shipping,
            vat_total: whole.vat,
            gross_total: whole.gross,
            legal_basis,
        }))
    })
    .await
}

impl VatRates {
    /// The rates in force by policy.
    ///
    /// # Errors
    /// `policy_missing` naming the value that is not in force on the day.
    pub fn of(policies: &policies::Policies) -> Result<Self, crate::kernel::Error> {
        let (rate, per) = policies.ratio("tax.vat.rate")?;
        Ok(Self {
            rate: rate / per,
            base: policies.ratio("tax.vat.base_factor")?,
            luxury_base: policies.ratio("tax.vat.luxury_base_factor")?,
            charged_by_non_registered: policies.flag("tax.vat.charged_by_non_registered")?,
        })
    }
}
