//! What an office says of a purchase that was made already. Pure.
use crate::kernel::{Amount, Quantity, VendorId, whole_rupiah};
use crate::taxes::Totals;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A purchase that was made already: in an emergency, or where no shop is online. It is public, says so of
/// itself, and neither counts as competition nor touches any stock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedFields {
    /// One of the codes of the policy `recorded.reasons`.
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "no_shop_online")]
    pub reason_code: String,
    #[schema(
        min_length = 10,
        max_length = 1000,
        pattern = "\\S",
        example = "Pompa air rusak pada hari libur, toko terdekat tidak ada di sini"
    )]
    pub reason: String,
    /// The shop, as the receipt names it. Everybody reads it.
    #[schema(min_length = 3, max_length = 200, pattern = "\\S", example = "Toko Bangunan Sumber Rejeki")]
    pub vendor_name: String,
    /// The same, where it is registered here.
    pub vendor_id: Option<VendorId>,
    #[schema(min_length = 1, max_length = 80, pattern = "\\S", example = "NOTA-0231")]
    pub receipt_number: String,
    #[schema(example = "2026-10-03")]
    pub purchased_on: NaiveDate,
    #[schema(example = "2026-10-03")]
    pub delivered_on: NaiveDate,
    #[schema(example = "2026-10-05")]
    pub paid_on: Option<NaiveDate>,
    /// Rupiah, as on the receipt.
    #[serde(default)]
    pub shipping_fee: Amount,
    /// The VAT that the receipt states, in rupiah.
    #[serde(default)]
    pub vat_total: Amount,
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<RecordedLineFields>,
}

/// One thing that was bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedLineFields {
    #[schema(min_length = 3, max_length = 200, pattern = "\\S", example = "Pompa air 250 watt")]
    pub name: String,
    /// UN/ECE Rec 20 code.
    #[schema(pattern = "^[A-Z0-9]{2,3}$", example = "H87")]
    pub unit: String,
    pub quantity: Quantity,
    /// Rupiah for one unit, without the VAT that the receipt states apart.
    pub unit_price: Amount,
}

impl RecordedFields {
    /// What the receipt comes to; each line rounded half up to whole rupiah.
    pub fn totals(&self) -> Totals {
        let goods: Amount =
            self.lines.iter().map(|line| whole_rupiah(line.unit_price.0 * line.quantity.0)).sum();
        let (shipping, vat) = (self.shipping_fee, self.vat_total);
        Totals { goods, shipping, vat, gross: goods + shipping + vat }
    }
}
