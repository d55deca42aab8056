//! What a product is and what may become of it. Pure.
use crate::kernel::{Amount, Code, Error, Fault, Percent, ProductId, Quantity, refuse};
use crate::platform::sealing::sha256;
pub use crate::taxes::{PriceBasis, TaxClass};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

crate::kernel::kept_as_text!(
    ProductStatus {
        Draft = "draft", InReview = "in_review", Published = "published", Unpublished = "unpublished",
        RevisionRequested = "revision_requested", Rejected = "rejected", Frozen = "frozen",
    }
);
crate::kernel::kept_as_text!(
    /// Where the goods come from.
    Origin { Local = "local", Domestic = "domestic", Import = "import" }
);
crate::kernel::kept_as_text!(
    /// What is reserved when somebody buys: stock, a day's capacity, or nothing.
    Availability {
        Counted = "counted", MadeToOrder = "made_to_order", CapacityPerDay = "capacity_per_day", Service = "service",
    }
);
crate::kernel::kept_as_text!(
    /// When a curator looks at a product: before it is public, after, or at a sample.
    ReviewMode { Before = "before", After = "after", Sample = "sample" }
);

/// What a vendor says of a product. Name, price and leaf category are needed to begin, a photo to
/// publish; unit, tax class, KBKI and availability default from the leaf.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "description": "80 gram, 500 lembar per rim", "minimum_order": "1" }))]
pub struct ProductFields {
    #[schema(min_length = 3, max_length = 200, pattern = "\\S")]
    pub name: Option<String>,
    /// Code of a category of the third level.
    #[schema(pattern = "^[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}$")]
    pub category_code: Option<String>,
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// UN/ECE Rec 20 or 21 code.
    #[schema(pattern = "^[A-Z0-9]{1,3}$")]
    pub unit: Option<String>,
    pub price: Option<Amount>,
    pub price_basis: Option<PriceBasis>,
    pub tax_class: Option<TaxClass>,
    #[schema(pattern = "^[0-9]{3,10}$")]
    pub kbki_code: Option<String>,
    pub origin: Option<Origin>,
    #[schema(max_length = 100)]
    pub brand: Option<String>,
    #[schema(pattern = "^[0-9]{8,14}$")]
    pub gtin: Option<String>,
    #[schema(max_length = 200)]
    pub warranty: Option<String>,
    /// Local content, with its certificate (TKDN).
    pub tkdn_percent: Option<Percent>,
    /// Company benefit weight (BMP).
    pub bmp_percent: Option<Percent>,
    /// Further properties, by the category.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
    pub availability: Option<Availability>,
    pub minimum_order: Option<Quantity>,
    /// Calendar days from order to readiness.
    #[schema(minimum = 0, maximum = 365)]
    pub lead_time_days: Option<i32>,
    /// For shipping by weight, of one unit.
    #[schema(minimum = 1, maximum = 100000000)]
    pub weight_grams: Option<i32>,
    /// For `capacity_per_day` alone.
    pub capacity_per_day: Option<Quantity>,
    /// The vendor's own number of the goods.
    #[schema(max_length = 60)]
    pub sku: Option<String>,
}

/// A lower price from a quantity on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    pub minimum_quantity: Quantity,
    pub price: Amount,
}

/// Where a product stands, with what is known only there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Draft,
    InReview,
    Published,
    Unpublished,
    RevisionRequested { reason: String },
    Rejected { reason: String },
    Frozen { reason: String },
}

impl State {
    pub fn status(&self) -> ProductStatus {
        match self {
            Self::Draft => ProductStatus::Draft,
            Self::InReview => ProductStatus::InReview,
            Self::Published => ProductStatus::Published,
            Self::Unpublished => ProductStatus::Unpublished,
            Self::RevisionRequested { .. } => ProductStatus::RevisionRequested,
            Self::Rejected { .. } => ProductStatus::Rejected,
            Self::Frozen { .. } => ProductStatus::Frozen,
        }
    }

    /// Whether the vendor may change the product.
    pub fn editable(&self) -> Result<(), Error> {
        match self {
            Self::Draft
            | Self::InReview
            | Self::Published
            | Self::Unpublished
            | Self::RevisionRequested { .. } => Ok(()),
            Self::Rejected { .. } | Self::Frozen { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// Hands the product in; the review that its category asks for decides where it goes.
    pub fn submit(self, reviewed_first: bool) -> Result<Self, Error> {
        match self {
            Self::Draft | Self::RevisionRequested { .. } if reviewed_first => Ok(Self::InReview),
            Self::Draft | Self::RevisionRequested { .. } => Ok(Self::Published),
            Self::InReview
            | Self::Published
            | Self::Unpublished
            | Self::Rejected { .. }
            | Self::Frozen { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// After an edit of more than price or stock: what was public goes through review again.
    pub fn edited(self, reviewed_first: bool) -> Self {
        match self {
            Self::Published if reviewed_first => Self::InReview,
            // Off the shelf it waits until its vendor hands it in again.
            Self::Unpublished if reviewed_first => Self::Draft,
            state => state,
        }
    }

    pub fn approve(self) -> Result<Self, Error> {
        self.under_review().map(|()| Self::Published)
    }

    pub fn request_revision(self, reason: String) -> Result<Self, Error> {
        self.under_review().map(|()| Self::RevisionRequested { reason })
    }

    pub fn reject(self, reason: String) -> Result<Self, Error> {
        self.under_review().map(|()| Self::Rejected { reason })
    }

    pub fn publish(self) -> Result<Self, Error> {
        self.only(ProductStatus::Unpublished).map(|()| Self::Published)
    }

    pub fn unpublish(self) -> Result<Self, Error> {
        self.only(ProductStatus::Published).map(|()| Self::Unpublished)
    }

    pub fn freeze(self, reason: String) -> Result<Self, Error> {
        match self {
            Self::Published | Self::Unpublished => Ok(Self::Frozen { reason }),
            Self::Draft
            | Self::InReview
            | Self::RevisionRequested { .. }
            | Self::Rejected { .. }
            | Self::Frozen { .. } => Err(refuse(Code::IllegalTransition)),
        }
    }

    /// A thawed product is off the shelf until its vendor puts it back.
    pub fn unfreeze(self) -> Result<Self, Error> {
        self.only(ProductStatus::Frozen).map(|()| Self::Unpublished)
    }

    fn under_review(&self) -> Result<(), Error> {
        self.only(ProductStatus::InReview)
    }

    fn only(&self, status: ProductStatus) -> Result<(), Error> {
        if self.status() == status { Ok(()) } else { Err(refuse(Code::IllegalTransition)) }
    }
}

/// Whether a curator looks at the product before it is public. The sample is drawn by the first
/// two bytes of SHA-256 over the product's id, so anyone can draw it again.
pub fn reviewed_first(mode: ReviewMode, product: ProductId, sample_percent: u32) -> bool {
    match mode {
        ReviewMode::Before => true,
        ReviewMode::After => false,
        ReviewMode::Sample => {
            let digest = sha256(product.0.as_bytes());
            u32::from(u16::from_be_bytes([digest[0], digest[1]])) * 100 < sample_percent * 65_536
        }
    }
}

/// Tiers must rise in quantity and never in price, and stay at or below the list price.
pub fn tier_faults(list_price: Amount, tiers: &[PriceTier]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut before: Option<&PriceTier> = None;
    for (place, tier) in tiers.iter().enumerate() {
        let rises = before.is_none_or(|before| tier.minimum_quantity > before.minimum_quantity);
        let falls = before.map_or(tier.price <= list_price, |before| tier.price <= before.price);
        if !rises || !falls || tier.price == Amount::ZERO || tier.minimum_quantity.0.is_zero() {
            faults.push(Fault::at(format!("#/tiers/{place}"), Code::PriceTierInvalid));
        }
        before = Some(tier);
    }
    faults
}

/// The unit price at a quantity.
pub fn price_at(list_price: Amount, tiers: &[PriceTier], quantity: Quantity) -> Amount {
    tiers
        .iter()
        .filter(|tier| tier.minimum_quantity <= quantity)
        .max_by_key(|tier| tier.minimum_quantity)
        .map_or(list_price, |tier| tier.price)
}

/// What of a product's fields does not fit together.
pub fn field_faults(fields: &ProductFields) -> Vec<Fault> {
    let mut faults = Vec::new();
    let daily = fields.availability == Some(Availability::CapacityPerDay);
    if daily != fields.capacity_per_day.is_some() {
        faults.push(Fault::at("#/capacity_per_day", Code::CapacityMissing));
    }
    if fields.price == Some(Amount::ZERO) {
        faults.push(Fault::at("#/price", Code::OutOfRange).with_limit("> 0"));
    }
    if fields.attributes.as_ref().is_some_and(|attributes| attributes.len() > 40) {
        faults.push(Fault::at("#/attributes", Code::TooManyItems).with_limit(40));
    }
    for (field, value) in
        [("minimum_order", fields.minimum_order), ("capacity_per_day", fields.capacity_per_day)]
    {
        if value.is_some_and(|value| value.0.is_zero()) {
            faults.push(Fault::at(format!("#/{field}"), Code::OutOfRange).with_limit("> 0"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tier(quantity: i64, price: i64) -> PriceTier {
        PriceTier { minimum_quantity: Quantity(quantity.into()), price: Amount(price.into()) }
    }

    #[test]
    fn the_largest_tier_reached_sets_the_price() {
        let tiers = [tier(10, 900), tier(100, 800)];
        let at = |quantity: i64| price_at(Amount(1000.into()), &tiers, Quantity(quantity.into()));
        assert_eq!(at(9), Amount(1000.into()));
        assert_eq!(at(10), Amount(900.into()));
        assert_eq!(at(1000), Amount(800.into()));
    }

    #[test]
    fn tiers_that_rise_in_price_or_fall_in_quantity_are_named() {
        assert!(tier_faults(Amount(1000.into()), &[tier(10, 900), tier(100, 800)]).is_empty());
        assert_eq!(tier_faults(Amount(1000.into()), &[tier(10, 1100)]).len(), 1);
        assert_eq!(tier_faults(Amount(1000.into()), &[tier(10, 900), tier(5, 800)]).len(), 1);
        assert_eq!(tier_faults(Amount(1000.into()), &[tier(10, 800), tier(20, 900)]).len(), 1);
    }

    #[test]
    fn capacity_goes_with_daily_availability_alone() {
        let mut fields =
            ProductFields { availability: Some(Availability::CapacityPerDay), ..ProductFields::default() };
        assert_eq!(field_faults(&fields)[0].code, Code::CapacityMissing);
        fields.capacity_per_day = Some(Quantity(10.into()));
        assert!(field_faults(&fields).is_empty());
        fields.availability = Some(Availability::Counted);
        assert_eq!(field_faults(&fields)[0].code, Code::CapacityMissing);
    }

    proptest! {
        #[test]
        fn a_sample_of_nothing_is_empty_and_of_all_is_whole(bytes in any::<[u8; 16]>()) {
            let product = ProductId(uuid::Uuid::from_bytes(bytes));
            prop_assert!(!reviewed_first(ReviewMode::Sample, product, 0));
            prop_assert!(reviewed_first(ReviewMode::Sample, product, 100));
            prop_assert_eq!(reviewed_first(ReviewMode::Sample, product, 10), reviewed_first(ReviewMode::Sample, product, 10));
        }

        #[test]
        fn buying_more_never_costs_more_apiece(first in 1i64..1000, second in 1i64..1000) {
            let tiers = [tier(10, 900), tier(50, 850), tier(100, 800)];
            let (less, more) = (first.min(second), first.max(second));
            let at = |quantity: i64| price_at(Amount(1000.into()), &tiers, Quantity(quantity.into()));
            prop_assert!(at(more) <= at(less));
        }
    }
}
