//! Units of measure and the category tree that come with the program (`data/`).
use super::model::{Availability, ReviewMode, TaxClass};
use super::store;
use crate::kernel::Error;
use crate::kernel::ProcurementKind;
use crate::platform::db::Tx;
use serde::Deserialize;

const UNITS: &str = include_str!("../../data/units.csv");
const CATEGORIES: &str = include_str!("../../data/categories.csv");

#[derive(Deserialize)]
pub struct UnitRecord {
    pub code: String,
    pub name_id: String,
    pub name_en: String,
    pub symbol: String,
}

#[derive(Deserialize)]
pub struct CategoryRecord {
    pub code: String,
    pub parent_code: Option<String>,
    pub level: i32,
    pub name_id: String,
    pub name_en: String,
    pub procurement_kind: Option<ProcurementKind>,
    pub tax_class: Option<TaxClass>,
    pub review_mode: Option<ReviewMode>,
    #[serde(default)]
    pub required_papers: String,
    pub kbki_code: Option<String>,
    #[serde(default)]
    pub kbli_prefixes: String,
    pub default_unit: Option<String>,
    pub default_availability: Option<Availability>,
    pub default_lead_time_days: Option<i32>,
    pub recurring_group: Option<String>,
}

/// Adds what is missing; what the platform's own people changed stays.
pub async fn load_reference(tx: &mut Tx) -> Result<(), Error> {
    let units: Vec<UnitRecord> = records(UNITS)?;
    let categories: Vec<CategoryRecord> = records(CATEGORIES)?;
    store::load_units(tx, &units).await?;
    store::load_categories(tx, &categories).await
}

fn records<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Internal(format!("reference data cannot be read: {error}")))
}
