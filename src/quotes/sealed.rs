//! What a quote says, what is sealed of it, and the commitment that binds it. Pure.
use crate::kernel::{Amount, Code, Fault, LineId, Percent, ProductId, RequestId, VendorId};
use crate::taxes::{PriceBasis, TaxClass};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;
use validator::Validate;

crate::kernel::kept_as_text!(
    QuoteStatus {
        Draft = "draft", Submitted = "submitted", Withdrawn = "withdrawn", Opened = "opened", Unreadable = "unreadable",
        Unconfirmed = "unconfirmed", Disqualified = "disqualified", Awarded = "awarded", NotAwarded = "not_awarded",
    }
);

crate::kernel::kept_as_text!(
    /// Why a quote is out.
    DisqualificationCode {
        Administrative = "administrative", Technical = "technical", PriceUnreasonable = "price_unreasonable", Tax = "tax",
        ConflictOfInterest = "conflict_of_interest", NotCured = "not_cured", Other = "other",
    }
);

/// A quote as its vendor writes it; everything may be missing while it is a draft.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "shipping_fee": "25000.00", "lead_time_days": 5, "note": "Termasuk perakitan" }))]
pub struct QuoteFields {
    /// A price for each line that is quoted.
    #[schema(max_items = 100)]
    pub lines: Option<Vec<QuotedLine>>,
    /// Delivery of everything that is quoted, as the vendor types its prices.
    pub shipping_fee: Option<Amount>,
    #[schema(minimum = 0, maximum = 365)]
    pub lead_time_days: Option<i32>,
    #[schema(max_length = 1000)]
    pub note: Option<String>,
    /// What the quote says to each criterion.
    #[schema(max_items = 10)]
    pub answers: Option<Vec<CriterionAnswer>>,
}

/// A price for a line, with the vendor's own product that is offered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotedLine {
    pub line_id: LineId,
    /// One of the vendor's own products; its tax class, origin and certificates count.
    pub product_id: ProductId,
    pub unit_price: Amount,
    /// Whether prices hold VAT.
    pub price_basis: PriceBasis,
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CriterionAnswer {
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "workmanship")]
    pub criterion: String,
    #[schema(min_length = 1, max_length = 1000)]
    pub text: String,
}

/// A product as it stood when it was quoted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferedProduct {
    pub product_id: ProductId,
    pub version: i32,
    pub name: String,
    pub brand: Option<String>,
    pub unit: String,
    pub category_code: String,
    pub kbki_code: String,
    pub tax_class: TaxClass,
    #[schema(example = "local")]
    pub origin: String,
    /// Local content by certificate (TKDN), per cent.
    pub tkdn_percent: Option<Percent>,
    /// Weight of company benefit (BMP), per cent.
    pub bmp_percent: Option<Percent>,
}

/// What is sealed, and what the commitment is over: complete in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SealedQuote {
    pub request_id: RequestId,
    pub vendor_id: VendorId,
    /// Which of the vendor's submissions it is.
    pub submission: i32,
    pub lines: Vec<OfferedLine>,
    pub shipping_fee: Amount,
    pub lead_time_days: i32,
    pub note: Option<String>,
    pub answers: Vec<CriterionAnswer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferedLine {
    pub line_id: LineId,
    pub unit_price: Amount,
    pub price_basis: PriceBasis,
    pub note: Option<String>,
    pub offered: OfferedProduct,
}

/// What stands in the way of handing a quote in, each with its place.
pub fn faults(
    fields: &QuoteFields,
    asked: &[LineId],
    whole: bool,
    products: &HashMap<ProductId, OfferedProduct>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let lines = fields.lines.as_deref().unwrap_or_default();
    let mut named = HashSet::new();
    for (place, line) in lines.iter().enumerate() {
        let at = |field: &str| format!("#/lines/{place}/{field}");
        if !asked.contains(&line.line_id) {
            faults.push(Fault::at(at("line_id"), Code::UnknownReference));
        } else if !named.insert(line.line_id) {
            faults.push(Fault::at(at("line_id"), Code::DuplicateItem));
        }
        if !products.contains_key(&line.product_id) {
            faults.push(Fault::at(at("product_id"), Code::UnknownReference));
        }
        if line.unit_price == Amount::ZERO {
            faults.push(Fault::at(at("unit_price"), Code::OutOfRange).with_limit("> 0"));
        }
    }
    if named.is_empty() || (whole && named.len() < asked.len()) {
        faults.push(Fault::at("#/lines", Code::QuoteIncomplete).with_limit(asked.len()));
    }
    if fields.shipping_fee.is_none() {
        faults.push(Fault::at("#/shipping_fee", Code::Required));
    }
    if fields.lead_time_days.is_none() {
        faults.push(Fault::at("#/lead_time_days", Code::Required));
    }
    faults
}

/// The quote as it is sealed; call when [`faults`] found none.
pub fn sealed(
    fields: &QuoteFields,
    (request_id, vendor_id, submission): (RequestId, VendorId, i32),
    products: &HashMap<ProductId, OfferedProduct>,
) -> SealedQuote {
    let line = |line: &QuotedLine| {
        Some(OfferedLine {
            line_id: line.line_id,
            unit_price: line.unit_price,
            price_basis: line.price_basis,
            note: line.note.clone(),
            offered: products.get(&line.product_id)?.clone(),
        })
    };
    SealedQuote {
        request_id,
        vendor_id,
        submission,
        lines: fields.lines.iter().flatten().filter_map(line).collect(),
        shipping_fee: fields.shipping_fee.unwrap_or_default(),
        lead_time_days: fields.lead_time_days.unwrap_or_default(),
        note: fields.note.clone(),
        answers: fields.answers.clone().unwrap_or_default(),
    }
}
