//! Reference facts that come with the program (`data/`): regions, holidays, policy values.
//! Loading again changes nothing; a value set by the platform's own people is never overwritten.
use super::store::{self, NewHoliday, NewPolicy, NewRegion};
use crate::kernel::Error;
use crate::platform::{Clock, db::Tx};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;

const REGIONS: &str = include_str!("../../data/regions_jateng.csv");
const HOLIDAYS: &str = include_str!("../../data/holidays.csv");
const POLICIES: &str = include_str!("../../data/policies.csv");

#[derive(serde::Deserialize)]
struct PolicyRecord {
    key: String,
    value: String,
    unit: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    legal_basis: String,
    note: String,
}

/// Loads the province's regions.
pub async fn load_regions(tx: &mut Tx) -> Result<usize, Error> {
    store::upsert_regions(tx.conn(), &records::<NewRegion>(REGIONS)?).await
}

pub async fn load_holidays(tx: &mut Tx) -> Result<(), Error> {
    store::upsert_holidays(tx.conn(), &records::<NewHoliday>(HOLIDAYS)?).await
}

/// Adds the policy values that are not there yet.
pub async fn load_policies(tx: &mut Tx) -> Result<usize, Error> {
    let set_at = tx.now().await?;
    let rows: Vec<NewPolicy> = records::<PolicyRecord>(POLICIES)?
        .into_iter()
        .map(|record| NewPolicy {
            id: Clock::new_id(),
            key: record.key,
            value: record.value,
            unit: record.unit,
            valid_from: record.valid_from,
            valid_to: record.valid_to,
            legal_basis: record.legal_basis,
            note: record.note,
            set_at,
        })
        .collect();
    store::insert_missing(tx.conn(), &rows).await
}

/// Reads a CSV file that came with the program.
fn records<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Internal(format!("reference data cannot be read: {error}")))
}
