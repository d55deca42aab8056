//! Reading plans and budgets: real SiRUP exports with all that is wrong with them, or our own
//! template with the same columns in English.
//!
//! A file is one transaction. A row is refused only where nothing can be made of it (no code, no
//! readable ceiling, no package); every other defect is a warning, and the raw row is kept.
use super::model::{account, procurement_kind, rupiah};
use super::store;
use crate::accounts::{self, NewUnit};
use crate::kernel::{Ctx, Error, OrganisationId, UnitId};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::tabular::{Finding, Report, Sheet, SheetFault};
use crate::platform::trail::{self, Fact};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read;
use uuid::Uuid;

const BATCH: usize = 500;
const CODE: &[&str] = &["kd_rup", "rup_code"];
const UNIT: &[&str] = &["kd_satker", "unit_code"];
const NAME: &[&str] = &["nama_paket", "name"];
const CEILING: &[&str] = &["pagu", "ceiling"];
const KIND: &[&str] = &["jenis_pengadaan", "procurement_kind"];
const METHOD: &[&str] = &["metode_pengadaan", "method"];
const YEAR: &[&str] = &["tahun_anggaran", "fiscal_year", "tahun_anggaran_dana"];
const START: &[&str] = &["tgl_awal_kontrak", "contract_start"];
const END: &[&str] = &["tgl_akhir_kontrak", "contract_end"];
const ACCOUNT: &[&str] = &["mak", "account_text"];
const FUND: &[&str] = &["sumber_dana", "fund_source"];

/// Where a file's rows go.
#[derive(Clone, Copy, Debug)]
pub struct ImportTarget {
    pub agency: OrganisationId,
    /// Maps an old plan to this fiscal year; the year it had is kept as provenance.
    pub as_fiscal_year: Option<i32>,
}

/// Why an import as a whole did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Sheet(#[from] SheetFault),
    #[error(transparent)]
    House(#[from] Error),
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Sheet(fault) => Self::Internal(fault.to_string()),
            ImportError::House(error) => error,
        }
    }
}

/// Reads packages.
///
/// # Errors
/// A fault of the file as a whole, after which nothing of it is stored.
pub async fn import_packages(
    tx: &mut Tx,
    ctx: &Ctx,
    target: ImportTarget,
    source: impl Read,
) -> Result<Report, ImportError> {
    let mut sheet = Sheet::open(source, &[CODE, UNIT, NAME, CEILING])?;
    let mut report = Report::default();
    let mut rows: Vec<(Value, String)> = Vec::new();
    sheet.rows(|cells| {
        let mut found = cells.formulas();
        let code = cells.get(CODE);
        if code.is_empty() || code.len() > 40 || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            found.push(cells.finding(CODE, true, "code_missing", "Kode RUP kosong atau bukan kode / the RUP code is missing or no code"));
        }
        let ceiling = rupiah(cells.get(CEILING)).filter(|ceiling| !ceiling.is_sign_negative());
        if ceiling.is_none() {
            found.push(cells.finding(CEILING, true, "ceiling_unreadable", "Pagu tidak terbaca / the ceiling cannot be read"));
        }
        let (kind, repeated) = procurement_kind(cells.get(KIND));
        if repeated || (kind.is_none() && cells.given(KIND).is_some()) {
            found.push(cells.finding(KIND, false, "kind_odd", "Jenis pengadaan tidak tunggal / the procurement kind is not a single one"));
        }
        if cells.given(METHOD).is_none() {
            found.push(cells.finding(METHOD, false, "method_blank", "Metode kosong / the method is blank"));
        }
        if cells.get(NAME).is_empty() {
            found.push(cells.finding(NAME, false, "name_blank", "Nama paket kosong / the name is blank"));
        }
        let mut day = |names: &[&str]| match cells.given(names).map(|text| text.get(..10).unwrap_or(text).parse::<NaiveDate>()) {
            Some(Ok(day)) => Some(day),
            Some(Err(_)) => {
                found.push(cells.finding(names, false, "date_unreadable", "Tanggal tidak terbaca / the date cannot be read"));
                None
            }
            None => None,
        };
        let (start, end) = (day(START), day(END));
        let written = cells.given(YEAR).and_then(|year| year.parse::<i32>().ok()).or(start.map(|day| day.year()));
        // A plan without a contract date still was announced in some year.
        let announced = day(&["tgl_pengumuman_paket", "announced_on"]).map(|day| day.year());
        let own_year = written.or(announced);
        if written.is_none() && announced.is_some() {
            found.push(cells.finding(YEAR, false, "year_guessed", "Tahun anggaran diambil dari pengumuman / the year is that of the announcement"));
        }
        let year = target.as_fiscal_year.or(own_year).filter(|year| (2000..2100).contains(year));
        if year.is_none() {
            found.push(cells.finding(YEAR, true, "year_missing", "Tahun anggaran tidak diketahui / the fiscal year is unknown"));
        }
        if report.row(found) {
            let name: String = cells.get(NAME).split_whitespace().collect::<Vec<_>>().join(" ");
            let row = json!({
                "id": new_id::<Uuid>(), "rup_code": code, "name": if name.is_empty() { code } else { &name },
                "description": cells.given(&["uraian_pekerjaan", "description"]), "fiscal_year": year,
                "procurement_kind": kind, "method": cells.given(METHOD), "ceiling": ceiling.map(|c| c.to_string()),
                "status_pradipa": cells.given(&["status_pradipa"]), "contract_start": start, "contract_end": end,
                "raw": cells.raw(), "mapped_from_year": own_year.filter(|own| target.as_fiscal_year.is_some_and(|year| year != *own)),
            });
            rows.push((row, cells.get(UNIT).to_owned()));
        }
        Ok::<_, ImportError>(())
    })?;
    report.plausible()?;
    // A code that comes twice counts as its last row says.
    let mut last: HashMap<(String, String), usize> = HashMap::new();
    for (place, (row, _)) in rows.iter().enumerate() {
        last.insert((row["rup_code"].to_string(), row["fiscal_year"].to_string()), place);
    }
    let mut place = 0;
    rows.retain(|(row, _)| {
        place += 1;
        last.get(&(row["rup_code"].to_string(), row["fiscal_year"].to_string())) == Some(&(place - 1))
    });
    let mut units = accounts::units_by_source_code(tx.conn(), target.agency).await?;
    let realm = tx.realm();
    for batch in rows.chunks_mut(BATCH) {
        for (row, unit) in batch.iter_mut() {
            row["unit_id"] = json!(unit_of(tx, ctx, target.agency, &mut units, unit).await?);
        }
        let values: Vec<&Value> = batch.iter().map(|(row, _)| row).collect();
        report.changed += store::upsert_packages(tx, realm, target.agency, &json!(values)).await? as u64;
    }
    settle(tx, ctx, target.agency, "agency.packages_imported", &report).await?;
    Ok(report)
}

/// A budget line as its row says, before its package is known.
struct ParsedLine {
    row: Value,
    code: String,
    year: Option<i32>,
    found: Vec<Finding>,
    /// What is told when there is no such package.
    orphan: Finding,
}

/// Reads budget lines of packages that are there already. Equal lines are told apart by their
/// ordinal among equals, since real exports hold thousands of exact repeats.
pub async fn import_budget_lines(
    tx: &mut Tx,
    ctx: &Ctx,
    target: ImportTarget,
    source: impl Read,
) -> Result<Report, ImportError> {
    let mut sheet = Sheet::open(source, &[CODE, CEILING, ACCOUNT, FUND])?;
    let mut parsed: Vec<ParsedLine> = Vec::new();
    let mut ordinals: HashMap<(String, Option<i32>, String, String, Decimal), i32> = HashMap::new();
    sheet.rows(|cells| {
        let mut found = cells.formulas();
        let ceiling = rupiah(cells.get(CEILING));
        match ceiling {
            None => found.push(cells.finding(CEILING, false, "ceiling_unreadable", "Pagu tidak terbaca; dicatat nol / the ceiling cannot be read; taken as zero")),
            Some(ceiling) if ceiling <= Decimal::ZERO => {
                found.push(cells.finding(CEILING, false, "ceiling_not_positive", "Pagu nol atau negatif / the ceiling is zero or below"));
            }
            Some(_) => {}
        }
        let (text, fund) = (cells.get(ACCOUNT), cells.given(FUND).unwrap_or("APBD"));
        let known = account(text);
        if known.is_none() {
            found.push(cells.finding(ACCOUNT, false, "account_not_found", "Rekening belanja tidak ditemukan dalam MAK / no account is found in the MAK text"));
        }
        let amount = ceiling.unwrap_or_default();
        let year = target.as_fiscal_year.or_else(|| cells.get(YEAR).trim().parse().ok());
        let key = (cells.get(CODE).to_owned(), year, text.to_owned(), fund.to_owned(), amount);
        let ordinal = ordinals.entry(key).and_modify(|ordinal| *ordinal += 1).or_insert(1);
        let dpa_version = match fund {
            "APBDP" => "perubahan",
            _ => "murni",
        };
        let (account_code, sub_activity) = known.map_or((None, None), |(account, sub_activity)| (Some(account), sub_activity));
        let row = json!({
            "id": new_id::<Uuid>(), "ordinal": ordinal, "sub_activity": sub_activity, "account_code": account_code,
            "account_text": text, "fund_source": fund, "dpa_version": dpa_version,
            "ceiling": amount.to_string(), "raw": cells.raw(),
        });
        let orphan = cells.finding(CODE, true, "no_package", "Paket tidak ada / there is no such package");
        parsed.push(ParsedLine { row, code: cells.get(CODE).to_owned(), year, found, orphan });
        Ok::<_, ImportError>(())
    })?;
    let codes: Vec<String> = ordinals.keys().map(|(code, ..)| code.clone()).collect();
    // A row that names its year belongs to the plan of that year; else a plan beats the copy of one.
    let (mut of_year, mut newest) = (HashMap::new(), HashMap::new());
    for batch in codes.chunks(5_000) {
        for (code, year, id) in store::by_rup_code(tx.conn(), target.agency, batch).await? {
            of_year.insert((code.clone(), year), id);
            newest.insert(code, id);
        }
    }
    let mut report = Report::default();
    let mut rows = Vec::with_capacity(parsed.len());
    for ParsedLine { mut row, code, year, mut found, orphan } in parsed {
        let package = year.and_then(|year| of_year.get(&(code.clone(), year))).or_else(|| newest.get(&code));
        if package.is_none() {
            found.push(orphan);
        }
        if report.row(found) {
            row["package_id"] = json!(package);
            rows.push(row);
        }
    }
    report.plausible()?;
    let realm = tx.realm();
    report.changed += store::revise_held_lines(tx, &json!(rows)).await? as u64;
    report.changed += store::end_missing_lines(tx, &json!(rows)).await? as u64;
    for batch in rows.chunks(BATCH) {
        report.changed += store::upsert_lines(tx, realm, target.agency, &json!(batch)).await? as u64;
    }
    settle(tx, ctx, target.agency, "agency.budget_lines_imported", &report).await?;
    Ok(report)
}

/// The unit by the register's number; one that nobody named yet is made with what is known of it.
async fn unit_of(
    tx: &mut Tx,
    ctx: &Ctx,
    agency: OrganisationId,
    units: &mut HashMap<String, UnitId>,
    source_code: &str,
) -> Result<UnitId, Error> {
    if let Some(unit) = units.get(source_code) {
        return Ok(*unit);
    }
    let unit = NewUnit {
        code: format!("satker-{source_code}"),
        source_code: Some(source_code.to_owned()),
        name: format!("Satker {source_code}"),
        short_name: format!("S{source_code}"),
        parent_id: None,
        source: Some("sirup".into()),
    };
    let id = accounts::create_unit(tx, ctx, agency, &unit).await?.id;
    units.insert(source_code.to_owned(), id);
    Ok(id)
}

async fn settle(
    tx: &mut Tx,
    ctx: &Ctx,
    agency: OrganisationId,
    kind: &str,
    report: &Report,
) -> Result<(), Error> {
    let after = json!({ "agency_id": agency, "rows": report.rows, "taken": report.taken, "changed": report.changed,
        "warned": report.warned, "refused": report.refused });
    let fact = Fact { kind, subject: agency.0, before: None, after, reason: None, notices: Vec::new() };
    trail::record(tx, ctx, fact).await
}
