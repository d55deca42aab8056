//! Reference facts that come with the program (`data/`): regions, holidays, policy values.
//! Loading again adds what is missing and changes nothing: what the platform's own people set or
//! imported stays.
use super::store::{self, NewHoliday, NewPolicy, NewRegion};
use crate::kernel::Error;
use crate::platform::tabular::{Report, Sheet, SheetFault};
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

/// Adds the province's regions that are not there yet.
pub async fn load_regions(tx: &mut Tx) -> Result<usize, Error> {
    let mut rows = records::<NewRegion>(REGIONS)?;
    let codes: Vec<String> = rows.iter().map(|row| row.code.clone()).collect();
    let known = store::known_regions(tx.conn(), &codes).await?;
    rows.retain(|row| !known.contains(&row.code));
    store::upsert_regions(tx.conn(), &rows).await
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
            agency_id: None,
            value: record.value,
            unit: record.unit,
            valid_from: record.valid_from,
            valid_to: record.valid_to,
            legal_basis: record.legal_basis,
            note: record.note,
            set_at,
            set_by: None,
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

/// Reads regions from a file with the columns `code, name, level, parent`.
///
/// # Errors
/// A fault of the file as a whole, after which nothing of it is stored.
pub async fn import_regions(tx: &mut Tx, source: impl std::io::Read) -> Result<Report, Error> {
    const PARENT: &[&str] = &["parent", "parent_code"];
    let internal = |fault: SheetFault| Error::Internal(fault.to_string());
    let mut sheet = Sheet::open(source, &[&["code"], &["name"], &["level"], PARENT]).map_err(internal)?;
    let mut report = Report::default();
    let mut rows = Vec::new();
    sheet
        .rows(|cells| {
            let mut found = cells.formulas();
            let code = cells.get(&["code"]);
            let shaped = code
                .split('.')
                .all(|part| [2, 4].contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
            if !shaped {
                found.push(cells.finding(
                    &["code"],
                    true,
                    "code_invalid",
                    "Kode wilayah tidak sah / the region code is not valid",
                ));
            }
            if cells.get(&["name"]).is_empty() {
                found.push(cells.finding(
                    &["name"],
                    true,
                    "name_missing",
                    "Nama wilayah kosong / the name is missing",
                ));
            }
            if !["province", "regency", "district", "village"].contains(&cells.get(&["level"])) {
                found.push(cells.finding(
                    &["level"],
                    true,
                    "level_invalid",
                    "Tingkat wilayah tidak sah / the level is not valid",
                ));
            }
            if report.row(found) {
                rows.push(NewRegion {
                    code: code.to_owned(),
                    name: cells.get(&["name"]).to_owned(),
                    level: cells.get(&["level"]).to_owned(),
                    parent_code: cells.given(PARENT).map(ToOwned::to_owned),
                });
            }
            Ok::<_, SheetFault>(())
        })
        .map_err(internal)?;
    report.plausible().map_err(internal)?;
    // Parents have shorter codes, so they are there before their children.
    rows.sort_by_key(|row| row.code.len());
    for batch in rows.chunks(2_000) {
        report.changed += store::upsert_regions(tx.conn(), batch).await? as u64;
    }
    Ok(report)
}
