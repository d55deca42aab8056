//! Reading work units: SiRUP's list of satker, or our own template.
use super::commands::{NewUnit, create_agency, create_unit};
use super::store;
use crate::kernel::{Ctx, Error, OrganisationId};
use crate::platform::db::Tx;
use crate::platform::tabular::{Report, Sheet, SheetFault};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;

const SOURCE_CODE: &[&str] = &["kd_satker", "source_code", "code"];
const CODE: &[&str] = &["kd_satker_str", "code"];
const NAME: &[&str] = &["nama_satker", "name"];
const AGENCY: &[&str] = &["kd_klpd", "agency_code"];
const AGENCY_NAME: &[&str] = &["nama_klpd", "agency_name"];

/// What was read: the report, and the agencies that the units went to.
pub struct UnitImport {
    pub report: Report,
    pub agencies: Vec<OrganisationId>,
}

/// Reads work units into an agency: the one named, else the file's own, made when it is missing.
///
/// # Errors
/// A fault of the file as a whole, after which nothing of it is stored.
pub async fn import_units(
    tx: &mut Tx,
    ctx: &Ctx,
    agency: Option<&str>,
    source: impl Read,
) -> Result<UnitImport, Error> {
    let internal = |fault: SheetFault| Error::Internal(fault.to_string());
    let mut sheet = Sheet::open(source, &[SOURCE_CODE, NAME]).map_err(internal)?;
    let mut report = Report::default();
    let mut rows: BTreeMap<(String, String), Vec<NewUnit>> = BTreeMap::new();
    sheet
        .rows(|cells| {
            let mut found = cells.formulas();
            for (column, code) in [(SOURCE_CODE, "code_missing"), (NAME, "name_missing")] {
                if cells.get(column).is_empty() {
                    found.push(cells.finding(column, true, code, "Wajib diisi / is required"));
                }
            }
            let code = agency.or(cells.given(AGENCY)).map(ToOwned::to_owned);
            if code.is_none() {
                found.push(cells.finding(
                    AGENCY,
                    true,
                    "agency_missing",
                    "Instansi tidak disebut / no agency is named",
                ));
            }
            if report.row(found) {
                let key =
                    (code.unwrap_or_default(), cells.given(AGENCY_NAME).unwrap_or("Instansi").to_owned());
                rows.entry(key).or_default().push(NewUnit {
                    code: cells.given(CODE).unwrap_or(cells.get(SOURCE_CODE)).to_owned(),
                    source_code: Some(cells.get(SOURCE_CODE).to_owned()),
                    name: cells.get(NAME).split_whitespace().collect::<Vec<_>>().join(" "),
                    short_name: cells
                        .given(&["short_name"])
                        .map_or_else(|| format!("S{}", cells.get(SOURCE_CODE)), ToOwned::to_owned),
                    parent_id: None,
                    source: Some("sirup".into()),
                });
            }
            Ok::<_, SheetFault>(())
        })
        .map_err(internal)?;
    report.plausible().map_err(internal)?;
    let mut agencies = Vec::new();
    let mut codes_used = HashSet::new();
    for ((code, name), units) in rows {
        let realm = tx.realm();
        let id = match store::agency_by_code(tx.conn(), realm, &code).await? {
            Some(id) => id,
            None => create_agency(tx, ctx, &name, &code, "Asia/Jakarta").await?.id,
        };
        agencies.push(id);
        let known = store::units_by_source_code(tx.conn(), id).await?;
        for mut unit in units {
            let source_code = unit.source_code.clone().unwrap_or_default();
            if known.contains_key(&source_code) {
                continue;
            }
            // String codes repeat in real lists; the register's number tells the units apart.
            if !codes_used.insert(unit.code.clone()) {
                unit.code = format!("{}-{source_code}", unit.code);
            }
            create_unit(tx, ctx, id, &unit).await?;
            report.changed += 1;
        }
    }
    Ok(UnitImport { report, agencies })
}
