//! Packages and budget lines over HTTP, read by their agency.
use super::store::{self, BudgetLine, Package, Sight};
use crate::kernel::ProcurementKind;
use crate::kernel::{Amount, BudgetLineId, Ctx, Error, PackageId, UnitId, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Listing, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub fn routes(api: &mut Api) {
    api.tag("packages")
        .get("/api/v1/packages", list_packages)
        .get("/api/v1/packages/{id}", get_package)
        .get("/api/v1/budget-lines", list_budget_lines);
}

fn sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    Ok(Sight { agency: member.organisation, units: member.units.clone() })
}

#[derive(Deserialize, IntoParams)]
struct PackageFilter {
    #[param(minimum = 2000, maximum = 2099)]
    fiscal_year: Option<i32>,
    #[param(inline)]
    unit_id: Option<UnitId>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

/// A package with what is left of it.
#[derive(Serialize, ToSchema)]
struct PackageView {
    id: PackageId,
    unit_id: UnitId,
    rup_code: String,
    name: String,
    fiscal_year: i32,
    procurement_kind: Option<ProcurementKind>,
    method: Option<String>,
    #[schema(example = "IDR")]
    currency: &'static str,
    ceiling: Amount,
    reserved: Amount,
    committed: Amount,
    /// How far a revision went below what is held.
    shortfall: Amount,
    available: Amount,
    fund_source: Option<String>,
    status_pradipa: Option<String>,
    contract_start: Option<NaiveDate>,
    contract_end: Option<NaiveDate>,
    source: String,
    confirmed_at: DateTime<Utc>,
    /// The fiscal year of the plan that it was mapped from.
    mapped_from_year: Option<i32>,
    version: i32,
}

impl From<Package> for PackageView {
    fn from(row: Package) -> Self {
        let left = (row.ceiling.0 - row.reserved.0 - row.committed.0).max(rust_decimal::Decimal::ZERO);
        Self {
            id: row.id,
            unit_id: row.unit_id,
            rup_code: row.rup_code,
            name: row.name,
            fiscal_year: row.fiscal_year,
            procurement_kind: row.procurement_kind,
            method: row.method,
            currency: "IDR",
            ceiling: row.ceiling,
            reserved: row.reserved,
            committed: row.committed,
            shortfall: row.shortfall,
            available: Amount(left),
            fund_source: row.fund_source,
            status_pradipa: row.status_pradipa,
            contract_start: row.contract_start,
            contract_end: row.contract_end,
            source: row.source,
            confirmed_at: row.confirmed_at,
            mapped_from_year: row.mapped_from_year,
            version: row.version,
        }
    }
}

async fn list_packages(call: Call<act::ListPackages, (), PackageFilter>) -> Sends<Listing<PackageView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<PackageId>()?;
        let (year, unit) = (call.query.fiscal_year, call.query.unit_id);
        let rows = store::list(conn, &sight(ctx)?, year, unit, page.after().copied(), page.fetch()).await?;
        let ids: Vec<PackageId> = rows.iter().map(|row| row.id).collect();
        let now = db::now(conn, ctx.realm()).await?;
        let lapsed = store::freeable(conn, &ids, None, now).await?;
        Ok(page.close(rows, |row| row.id).map(|row| lapsed.free_package(row).into()))
    })
    .await
}

async fn get_package(call: Call<act::GetPackage, (PackageId,)>) -> Sends<Reply<PackageView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &sight(ctx)?, call.path.0).await?;
        let version = row.version;
        let now = db::now(conn, ctx.realm()).await?;
        let lapsed = store::freeable(conn, &[row.id], None, now).await?;
        Ok(Reply::versioned(lapsed.free_package(row).into(), version))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct LineFilter {
    #[param(inline)]
    package_id: Option<PackageId>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

/// A budget line with what is left of it.
#[derive(Serialize, ToSchema)]
struct BudgetLineView {
    id: BudgetLineId,
    package_id: PackageId,
    unit_id: UnitId,
    fiscal_year: i32,
    sub_activity: Option<String>,
    account_code: Option<String>,
    /// As the plan writes it.
    account_text: String,
    fund_source: String,
    dpa_version: String,
    #[schema(example = "IDR")]
    currency: &'static str,
    /// May be zero or below in a plan, and then nothing can be reserved.
    #[schema(value_type = String, example = "17000000.00")]
    ceiling: String,
    reserved: Amount,
    committed: Amount,
    spent: Amount,
    shortfall: Amount,
    available: Amount,
    version: i32,
}

impl From<BudgetLine> for BudgetLineView {
    fn from(row: BudgetLine) -> Self {
        let left = row.ceiling - row.reserved.0 - row.committed.0 - row.spent.0;
        Self {
            id: row.id,
            package_id: row.package_id,
            unit_id: row.unit_id,
            fiscal_year: row.fiscal_year,
            sub_activity: row.sub_activity,
            account_code: row.account_code,
            account_text: row.account_text,
            fund_source: row.fund_source,
            dpa_version: row.dpa_version,
            currency: "IDR",
            ceiling: format!("{:.2}", row.ceiling),
            reserved: row.reserved,
            committed: row.committed,
            spent: row.spent,
            shortfall: row.shortfall,
            available: Amount(left.max(rust_decimal::Decimal::ZERO)),
            version: row.version,
        }
    }
}

async fn list_budget_lines(
    call: Call<act::ListBudgetLines, (), LineFilter>,
) -> Sends<Listing<BudgetLineView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<BudgetLineId>()?;
        let rows =
            store::lines(conn, &sight(ctx)?, call.query.package_id, page.after().copied(), page.fetch())
                .await?;
        let ids: Vec<PackageId> = rows.iter().map(|row| row.package_id).collect();
        let now = db::now(conn, ctx.realm()).await?;
        let lapsed = store::freeable(conn, &ids, None, now).await?;
        Ok(page.close(rows, |row| row.id).map(|row| lapsed.free_line(row).into()))
    })
    .await
}
