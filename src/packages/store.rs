//! Packages, budget lines, and what is held on them.
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, BudgetLineId, Code, Error, OrderId, OrganisationId, PackageId, Realm, RequestId, UnitId, refuse,
};
use crate::platform::Clock;
use crate::platform::db::{Conn, Tx, sql};
use crate::schema::{budget_lines, packages};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = packages, check_for_backend(diesel::pg::Pg))]
pub struct Package {
    pub id: PackageId,
    pub realm: Realm,
    pub agency_id: OrganisationId,
    pub unit_id: UnitId,
    pub rup_code: String,
    pub name: String,
    pub fiscal_year: i32,
    pub procurement_kind: Option<ProcurementKind>,
    pub method: Option<String>,
    pub ceiling: Amount,
    pub reserved: Amount,
    pub committed: Amount,
    pub shortfall: Amount,
    pub fund_source: Option<String>,
    pub status_pradipa: Option<String>,
    pub contract_start: Option<NaiveDate>,
    pub contract_end: Option<NaiveDate>,
    pub source: String,
    pub confirmed_at: DateTime<Utc>,
    pub mapped_from_year: Option<i32>,
    pub version: i32,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = budget_lines, check_for_backend(diesel::pg::Pg))]
pub struct BudgetLine {
    pub id: BudgetLineId,
    pub agency_id: OrganisationId,
    pub unit_id: UnitId,
    pub package_id: PackageId,
    pub fiscal_year: i32,
    pub sub_activity: Option<String>,
    pub account_code: Option<String>,
    pub account_text: String,
    pub fund_source: String,
    pub dpa_version: String,
    pub ceiling: rust_decimal::Decimal,
    pub reserved: Amount,
    pub committed: Amount,
    pub spent: Amount,
    pub shortfall: Amount,
    pub version: i32,
}

/// Which packages a caller sees: the units of the own appointment (none named: the whole agency).
#[derive(Clone, Debug)]
pub struct Sight {
    pub agency: OrganisationId,
    pub units: Vec<UnitId>,
}

fn seen(sight: &Sight) -> Box<dyn BoxableExpression<packages::table, Pg, SqlType = Bool>> {
    if sight.units.is_empty() {
        Box::new(packages::agency_id.eq(sight.agency))
    } else {
        Box::new(packages::unit_id.eq_any(sight.units.clone()))
    }
}

/// A package in force that the caller sees.
pub async fn find(conn: &mut Conn, sight: &Sight, id: PackageId) -> Result<Package, Error> {
    let query = packages::table
        .find(id)
        .filter(packages::ended_at.is_null().and(seen(sight)))
        .select(Package::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

pub async fn list(
    conn: &mut Conn,
    sight: &Sight,
    fiscal_year: Option<i32>,
    unit: Option<UnitId>,
    after: Option<PackageId>,
    limit: i64,
) -> Result<Vec<Package>, Error> {
    let after = after.unwrap_or(PackageId(uuid::Uuid::nil()));
    let mut query = packages::table
        .filter(packages::id.gt(after).and(packages::ended_at.is_null()).and(seen(sight)))
        .select(Package::as_select())
        .order(packages::id)
        .limit(limit)
        .into_boxed();
    if let Some(year) = fiscal_year {
        query = query.filter(packages::fiscal_year.eq(year));
    }
    if let Some(unit) = unit {
        query = query.filter(packages::unit_id.eq(unit));
    }
    Ok(query.load(conn).await?)
}

pub async fn lines(
    conn: &mut Conn,
    sight: &Sight,
    package: Option<PackageId>,
    after: Option<BudgetLineId>,
    limit: i64,
) -> Result<Vec<BudgetLine>, Error> {
    let after = after.unwrap_or(BudgetLineId(uuid::Uuid::nil()));
    let mut query = budget_lines::table
        .filter(budget_lines::id.gt(after).and(budget_lines::ended_at.is_null()))
        .select(BudgetLine::as_select())
        .order(budget_lines::id)
        .limit(limit)
        .into_boxed();
    query = if sight.units.is_empty() {
        query.filter(budget_lines::agency_id.eq(sight.agency))
    } else {
        query.filter(budget_lines::unit_id.eq_any(&sight.units))
    };
    if let Some(package) = package {
        query = query.filter(budget_lines::package_id.eq(package));
    }
    Ok(query.load(conn).await?)
}

/// A budget line of a package.
pub async fn budget_line(
    conn: &mut Conn,
    package: PackageId,
    id: BudgetLineId,
) -> Result<Option<BudgetLine>, Error> {
    Ok(budget_lines::table
        .filter(
            budget_lines::id
                .eq(id)
                .and(budget_lines::package_id.eq(package))
                .and(budget_lines::ended_at.is_null()),
        )
        .select(BudgetLine::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Reserves money on a package and, when a line is named, on the line.
///
/// # Errors
/// `package_ceiling_exceeded`, `budget_exceeded` when even lapsed reservations leave too little.
pub async fn reserve(
    tx: &mut Tx,
    request: RequestId,
    package: PackageId,
    line: Option<BudgetLineId>,
    amount: Amount,
    lapses_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !take_package(tx, package, amount).await? {
        release_lapsed(tx, package, now).await?;
        if !take_package(tx, package, amount).await? {
            return Err(refuse(Code::PackageCeilingExceeded));
        }
    }
    if let Some(line) = line
        && !take_line(tx, line, amount).await?
    {
        release_lapsed(tx, package, now).await?;
        if !take_line(tx, line, amount).await? {
            return Err(refuse(Code::BudgetExceeded));
        }
    }
    hold(tx, request, None, package, line, amount, "reserved", Some(lapses_at)).await
}

async fn take_package(tx: &mut Tx, package: PackageId, amount: Amount) -> Result<bool, Error> {
    let taken = sql(
        "UPDATE packages SET reserved = reserved + $2 WHERE id = $1 AND ended_at IS NULL AND ceiling - reserved - committed >= $2",
    )
    .bind::<SqlUuid, _>(package)
    .bind::<Numeric, _>(amount)
    .execute(tx.conn())
    .await?;
    Ok(taken == 1)
}

async fn take_line(tx: &mut Tx, line: BudgetLineId, amount: Amount) -> Result<bool, Error> {
    let taken = sql("UPDATE budget_lines SET reserved = reserved + $2
         WHERE id = $1 AND ended_at IS NULL AND ceiling - reserved - committed - spent >= $2")
    .bind::<SqlUuid, _>(line)
    .bind::<Numeric, _>(amount)
    .execute(tx.conn())
    .await?;
    Ok(taken == 1)
}

async fn hold(
    tx: &mut Tx,
    request: RequestId,
    order: Option<OrderId>,
    package: PackageId,
    line: Option<BudgetLineId>,
    amount: Amount,
    stage: &str,
    lapses_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sql(
        "INSERT INTO budget_reservations (id, package_id, budget_line_id, request_id, order_id, amount, stage, lapses_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<SqlUuid, _>(Clock::new_id())
    .bind::<SqlUuid, _>(package)
    .bind::<Nullable<SqlUuid>, _>(line)
    .bind::<SqlUuid, _>(request)
    .bind::<Nullable<SqlUuid>, _>(order)
    .bind::<Numeric, _>(amount)
    .bind::<Text, _>(stage)
    .bind::<Nullable<Timestamptz>, _>(lapses_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets go of a package's lapsed reservations; touches those rows and their balances alone.
async fn release_lapsed(tx: &mut Tx, package: PackageId, now: DateTime<Utc>) -> Result<(), Error> {
    release(tx, "package_id = $1 AND lapses_at <= $2", package.0, now).await
}

/// Releases what a request holds and no order has taken over.
pub async fn release_request(tx: &mut Tx, request: RequestId, now: DateTime<Utc>) -> Result<(), Error> {
    release(tx, "request_id = $1 AND order_id IS NULL", request.0, now).await
}

/// Releases what an order holds.
pub async fn release_order(tx: &mut Tx, order: OrderId, now: DateTime<Utc>) -> Result<(), Error> {
    release(tx, "order_id = $1", order.0, now).await
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = SqlUuid)]
    package_id: PackageId,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    budget_line_id: Option<BudgetLineId>,
    #[diesel(sql_type = Numeric)]
    amount: Amount,
    #[diesel(sql_type = Text)]
    stage: String,
}

async fn release(tx: &mut Tx, whose: &str, id: uuid::Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    // Balances first, in their order, then the reservations.
    for (table, column) in [("packages", "package_id"), ("budget_lines", "budget_line_id")] {
        sql(format!(
            "SELECT 1 FROM {table} WHERE id IN (SELECT {column} FROM budget_reservations WHERE {whose} AND released_at IS NULL
             AND $2::timestamptz IS NOT NULL) ORDER BY id FOR NO KEY UPDATE"
        ))
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(now)
        .execute(tx.conn())
        .await?;
    }
    let released: Vec<Held> = sql(format!(
        "UPDATE budget_reservations SET released_at = $2 WHERE id IN (
             SELECT id FROM budget_reservations WHERE {whose} AND released_at IS NULL ORDER BY id FOR UPDATE)
         RETURNING package_id, budget_line_id, amount, stage"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .load(tx.conn())
    .await?;
    for held in released {
        change(tx, &held, held.amount.0, &held.stage).await?;
    }
    Ok(())
}

/// Takes an amount out of the stage it was held in.
async fn change(tx: &mut Tx, held: &Held, amount: rust_decimal::Decimal, stage: &str) -> Result<(), Error> {
    let column = if stage == "committed" { "committed" } else { "reserved" };
    sql(format!(
        "UPDATE packages SET {column} = {column} - $2,
            shortfall = greatest(0, reserved + committed - $2 - ceiling) WHERE id = $1"
    ))
    .bind::<SqlUuid, _>(held.package_id)
    .bind::<Numeric, _>(amount)
    .execute(tx.conn())
    .await?;
    if let Some(line) = held.budget_line_id {
        sql(format!(
            "UPDATE budget_lines SET {column} = {column} - $2,
            shortfall = greatest(0, reserved + committed + spent - $2 - greatest(ceiling, 0)) WHERE id = $1"
        ))
        .bind::<SqlUuid, _>(line)
        .bind::<Numeric, _>(amount)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Moves a request's reservation to its orders, from reserved to committed.
///
/// # Errors
/// `expired` when the reservation was let go of meanwhile.
pub async fn commit_orders(
    tx: &mut Tx,
    request: RequestId,
    shares: &[(OrderId, Amount, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let shares: Vec<_> =
        shares.iter().map(|(order, amount, lapses_at)| (Some(*order), *amount, Some(*lapses_at))).collect();
    commit(tx, request, &shares, now).await
}

/// Commits a request's reservation for good, without an order: the purchase was made already.
///
/// # Errors
/// `expired` when the reservation was let go of meanwhile.
pub async fn commit_request(
    tx: &mut Tx,
    request: RequestId,
    amount: Amount,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    commit(tx, request, &[(None, amount, None)], now).await
}

async fn commit(
    tx: &mut Tx,
    request: RequestId,
    shares: &[(Option<OrderId>, Amount, Option<DateTime<Utc>>)],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sql(
        "SELECT 1 FROM packages WHERE id IN (SELECT package_id FROM budget_reservations WHERE request_id = $1 AND released_at IS NULL)
         FOR NO KEY UPDATE",
    )
    .bind::<SqlUuid, _>(request)
    .execute(tx.conn())
    .await?;
    let released: Vec<Held> = sql(
        "UPDATE budget_reservations SET released_at = $2 WHERE request_id = $1 AND order_id IS NULL AND released_at IS NULL
         RETURNING package_id, budget_line_id, amount, stage",
    )
    .bind::<SqlUuid, _>(request)
    .bind::<Timestamptz, _>(now)
    .load(tx.conn())
    .await?;
    let [held] = released.as_slice() else { return Err(refuse(Code::Expired)) };
    let whole: Amount = shares.iter().map(|(_, amount, _)| *amount).sum();
    if whole != held.amount {
        return Err(Error::Internal("the orders do not add up to what was reserved".into()));
    }
    let line = held.budget_line_id;
    for table in ["packages", "budget_lines"] {
        let id = if table == "packages" { Some(held.package_id.0) } else { line.map(|line| line.0) };
        sql(format!("UPDATE {table} SET reserved = reserved - $2, committed = committed + $2 WHERE id = $1"))
            .bind::<Nullable<SqlUuid>, _>(id)
            .bind::<Numeric, _>(whole)
            .execute(tx.conn())
            .await?;
    }
    for (order, amount, lapses_at) in shares {
        hold(tx, request, *order, held.package_id, line, *amount, "committed", *lapses_at).await?;
    }
    Ok(())
}

/// Gives what a request holds another end.
///
/// # Errors
/// `expired` when it was let go of meanwhile.
pub async fn extend_request(tx: &mut Tx, request: RequestId, lapses_at: DateTime<Utc>) -> Result<(), Error> {
    let kept = sql("UPDATE budget_reservations SET lapses_at = $2
         WHERE request_id = $1 AND order_id IS NULL AND released_at IS NULL")
    .bind::<SqlUuid, _>(request)
    .bind::<Timestamptz, _>(lapses_at)
    .execute(tx.conn())
    .await?;
    if kept == 1 { Ok(()) } else { Err(refuse(Code::Expired)) }
}

/// Gives an order's commitment another end.
pub async fn set_lapse(tx: &mut Tx, order: OrderId, lapses_at: DateTime<Utc>) -> Result<(), Error> {
    sql("UPDATE budget_reservations SET lapses_at = $2 WHERE order_id = $1 AND released_at IS NULL")
        .bind::<SqlUuid, _>(order)
        .bind::<Timestamptz, _>(lapses_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Makes an order's commitment lasting.
///
/// # Errors
/// `expired` when it has been let go of meanwhile.
pub async fn firm_up(tx: &mut Tx, order: OrderId) -> Result<(), Error> {
    let kept =
        sql("UPDATE budget_reservations SET lapses_at = NULL WHERE order_id = $1 AND released_at IS NULL")
            .bind::<SqlUuid, _>(order)
            .execute(tx.conn())
            .await?;
    if kept == 1 { Ok(()) } else { Err(refuse(Code::Expired)) }
}

/// Gives back what an order no longer needs after its total fell.
pub async fn shift_order(tx: &mut Tx, order: OrderId, less: Amount) -> Result<(), Error> {
    if less == Amount::ZERO {
        return Ok(());
    }
    let rows: Vec<Held> = sql(
        "SELECT package_id, budget_line_id, amount, stage FROM budget_reservations WHERE order_id = $1 AND released_at IS NULL",
    )
    .bind::<SqlUuid, _>(order)
    .load(tx.conn())
    .await?;
    let [held] = rows.as_slice() else { return Err(refuse(Code::Expired)) };
    change(tx, held, less.0, &held.stage).await?;
    sql("UPDATE budget_reservations SET amount = amount - $2 WHERE order_id = $1 AND released_at IS NULL")
        .bind::<SqlUuid, _>(order)
        .bind::<Numeric, _>(less)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Adds packages and changes those that differ; answers how many rows did.
pub async fn upsert_packages(
    tx: &mut Tx,
    realm: Realm,
    agency: OrganisationId,
    rows: &Value,
) -> Result<usize, Error> {
    let now = tx.now().await?;
    Ok(sql(
        "INSERT INTO packages AS p (id, realm, agency_id, unit_id, rup_code, name, description, fiscal_year, procurement_kind,
            method, ceiling, status_pradipa, contract_start, contract_end, raw, source, confirmed_at, mapped_from_year)
         SELECT r.id, $2, $3, r.unit_id, r.rup_code, r.name, r.description, r.fiscal_year, r.procurement_kind, r.method, r.ceiling,
            r.status_pradipa, r.contract_start, r.contract_end, r.raw, 'sirup', $4, r.mapped_from_year
         FROM jsonb_to_recordset($1) AS r(id uuid, unit_id uuid, rup_code text, name text, description text, fiscal_year int,
            procurement_kind text, method text, ceiling numeric, status_pradipa text, contract_start date, contract_end date,
            raw jsonb, mapped_from_year int)
         ON CONFLICT ON CONSTRAINT packages_rup_key DO UPDATE SET unit_id = EXCLUDED.unit_id, name = EXCLUDED.name,
            description = EXCLUDED.description, procurement_kind = EXCLUDED.procurement_kind, method = EXCLUDED.method,
            ceiling = EXCLUDED.ceiling, status_pradipa = EXCLUDED.status_pradipa, contract_start = EXCLUDED.contract_start,
            contract_end = EXCLUDED.contract_end, raw = EXCLUDED.raw, confirmed_at = EXCLUDED.confirmed_at,
            shortfall = greatest(0, p.reserved + p.committed - EXCLUDED.ceiling), version = p.version + 1
         WHERE (p.unit_id, p.name, p.description, p.procurement_kind, p.method, p.ceiling, p.status_pradipa, p.contract_start, p.contract_end)
            IS DISTINCT FROM (EXCLUDED.unit_id, EXCLUDED.name, EXCLUDED.description, EXCLUDED.procurement_kind, EXCLUDED.method,
                EXCLUDED.ceiling, EXCLUDED.status_pradipa, EXCLUDED.contract_start, EXCLUDED.contract_end)",
    )
    .bind::<Jsonb, _>(rows)
    .bind::<Text, _>(realm)
    .bind::<SqlUuid, _>(agency)
    .bind::<Timestamptz, _>(now)
    .execute(tx.conn())
    .await?)
}

/// Adds budget lines that are not there yet; answers how many.
pub async fn upsert_lines(
    tx: &mut Tx,
    realm: Realm,
    agency: OrganisationId,
    rows: &Value,
) -> Result<usize, Error> {
    let now = tx.now().await?;
    Ok(sql(
        "INSERT INTO budget_lines (id, realm, agency_id, unit_id, package_id, ordinal, fiscal_year, sub_activity, account_code,
            account_text, fund_source, dpa_version, ceiling, raw, source, confirmed_at)
         SELECT r.id, $2, $3, p.unit_id, p.id, r.ordinal, p.fiscal_year, r.sub_activity, r.account_code, r.account_text, r.fund_source,
            r.dpa_version, r.ceiling, r.raw, 'sirup', $4
         FROM jsonb_to_recordset($1) AS r(id uuid, package_id uuid, ordinal int, sub_activity text, account_code text, account_text text,
            fund_source text, dpa_version text, ceiling numeric, raw jsonb)
         JOIN packages p ON p.id = r.package_id
         ON CONFLICT ON CONSTRAINT budget_lines_natural_key DO UPDATE SET ended_at = NULL WHERE budget_lines.ended_at IS NOT NULL",
    )
    .bind::<Jsonb, _>(rows)
    .bind::<Text, _>(realm)
    .bind::<SqlUuid, _>(agency)
    .bind::<Timestamptz, _>(now)
    .execute(tx.conn())
    .await?)
}

/// Packages by their RUP code and fiscal year; those that are no copy of an older plan come last.
pub async fn by_rup_code(
    conn: &mut Conn,
    agency: OrganisationId,
    codes: &[String],
) -> Result<Vec<(String, i32, PackageId)>, Error> {
    Ok(packages::table
        .filter(packages::agency_id.eq(agency).and(packages::rup_code.eq_any(codes)))
        .select((packages::rup_code, packages::fiscal_year, packages::id))
        .order((packages::mapped_from_year.is_null(), packages::fiscal_year))
        .load(conn)
        .await?)
}

/// The lines that hold something and that a package's newest plan has no longer: each takes the
/// amount of the next new line of the same account and fund, or zero where there is none, and shows
/// what it holds beyond that as shortfall. Answers how many changed.
pub async fn revise_held_lines(tx: &mut Tx, rows: &Value) -> Result<usize, Error> {
    const REVISED: &str = "WITH plan AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1)
            AS r(package_id uuid, account_text text, fund_source text, ceiling numeric, ordinal int, dpa_version text, raw jsonb)),
        held AS (
            SELECT b.id, b.package_id, b.account_text, b.fund_source, b.ordinal,
                row_number() OVER (PARTITION BY b.package_id, b.account_text, b.fund_source ORDER BY b.ordinal, b.id) AS place
            FROM budget_lines b
            WHERE b.ended_at IS NULL AND b.reserved + b.committed + b.spent > 0
              AND b.package_id IN (SELECT package_id FROM plan)
              AND NOT EXISTS (SELECT FROM plan r WHERE r.package_id = b.package_id AND r.account_text = b.account_text
                AND r.fund_source = b.fund_source AND r.ceiling = b.ceiling AND r.ordinal = b.ordinal)),
        fresh AS (
            SELECT r.*, row_number() OVER (PARTITION BY r.package_id, r.account_text, r.fund_source ORDER BY r.ordinal) AS place
            FROM plan r
            WHERE NOT EXISTS (SELECT FROM budget_lines b WHERE b.ended_at IS NULL AND b.package_id = r.package_id
                AND b.account_text = r.account_text AND b.fund_source = r.fund_source AND b.ceiling = r.ceiling
                AND b.ordinal = r.ordinal)),
        revised AS (
            SELECT held.id, held.package_id, held.account_text, held.fund_source, coalesce(fresh.ceiling, 0) AS ceiling,
                fresh.ordinal, fresh.dpa_version, fresh.raw, held.place
            FROM held LEFT JOIN fresh USING (package_id, account_text, fund_source, place))";
    // An ended line gives its place among equals up to the one that takes over its key.
    sql(format!(
        "{REVISED} UPDATE budget_lines b SET ordinal = revised.place + (SELECT max(o.ordinal) FROM budget_lines o
             WHERE (o.package_id, o.account_text, o.fund_source, o.ceiling) = (b.package_id, b.account_text, b.fund_source, b.ceiling))
         FROM revised WHERE b.ended_at IS NOT NULL
           AND (b.package_id, b.account_text, b.fund_source, b.ceiling, b.ordinal)
             = (revised.package_id, revised.account_text, revised.fund_source, revised.ceiling, revised.ordinal)"
    ))
    .bind::<Jsonb, _>(rows)
    .execute(tx.conn())
    .await?;
    Ok(sql(format!(
        "{REVISED} UPDATE budget_lines b SET ceiling = revised.ceiling,
             ordinal = coalesce(revised.ordinal, revised.place + (SELECT coalesce(max(o.ordinal), 0) FROM budget_lines o
                 WHERE (o.package_id, o.account_text, o.fund_source, o.ceiling) = (b.package_id, b.account_text, b.fund_source, 0))),
             dpa_version = coalesce(revised.dpa_version, b.dpa_version), raw = coalesce(revised.raw, b.raw),
             shortfall = greatest(0, b.reserved + b.committed + b.spent - greatest(revised.ceiling, 0)), version = b.version + 1
         FROM revised WHERE b.id = revised.id AND NOT (revised.ordinal IS NULL AND b.ceiling = 0)"
    ))
    .bind::<Jsonb, _>(rows)
    .execute(tx.conn())
    .await?)
}

/// Ends the lines that a package's newest plan no longer has and that hold nothing; answers how many.
pub async fn end_missing_lines(tx: &mut Tx, rows: &Value) -> Result<usize, Error> {
    let now = tx.now().await?;
    Ok(sql(
        "WITH plan AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1)
            AS r(package_id uuid, account_text text, fund_source text, ceiling numeric, ordinal int))
         UPDATE budget_lines b SET ended_at = $2, version = version + 1
         WHERE b.ended_at IS NULL AND b.reserved + b.committed + b.spent = 0
           AND b.package_id IN (SELECT package_id FROM plan)
           AND NOT EXISTS (SELECT FROM plan r WHERE r.package_id = b.package_id AND r.account_text = b.account_text
                AND r.fund_source = b.fund_source AND r.ceiling = b.ceiling AND r.ordinal = b.ordinal)",
    )
    .bind::<Jsonb, _>(rows)
    .bind::<Timestamptz, _>(now)
    .execute(tx.conn())
    .await?)
}

/// What reservations still hold of packages and budget lines although it counts as free.
#[derive(Default)]
pub struct Freeable {
    held: Vec<Held>,
}

impl Freeable {
    /// Takes it out of a package's balance.
    pub fn free_package(&self, row: Package) -> Package {
        let of = |stage: &str| -> rust_decimal::Decimal {
            let of_it = self.held.iter().filter(|held| held.package_id == row.id && held.stage == stage);
            of_it.map(|held| held.amount.0).sum()
        };
        let (reserved, committed) = (of("reserved"), of("committed"));
        Package {
            reserved: Amount(row.reserved.0 - reserved),
            committed: Amount(row.committed.0 - committed),
            ..row
        }
    }

    /// Takes it out of a budget line's balance.
    pub fn free_line(&self, row: BudgetLine) -> BudgetLine {
        let of = |stage: &str| -> rust_decimal::Decimal {
            let of_it =
                self.held.iter().filter(|held| held.budget_line_id == Some(row.id) && held.stage == stage);
            of_it.map(|held| held.amount.0).sum()
        };
        let (reserved, committed) = (of("reserved"), of("committed"));
        BudgetLine {
            reserved: Amount(row.reserved.0 - reserved),
            committed: Amount(row.committed.0 - committed),
            ..row
        }
    }
}

/// What lapsed on some packages, and what one request holds itself when it is named.
pub async fn freeable(
    conn: &mut Conn,
    packages: &[PackageId],
    own: Option<RequestId>,
    now: DateTime<Utc>,
) -> Result<Freeable, Error> {
    let held = sql("SELECT package_id, budget_line_id, amount, stage FROM budget_reservations
         WHERE package_id = ANY($1) AND released_at IS NULL
           AND (lapses_at <= $2 OR (request_id = $3 AND order_id IS NULL))")
    .bind::<Array<SqlUuid>, _>(packages)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<SqlUuid>, _>(own)
    .load(conn)
    .await?;
    Ok(Freeable { held })
}
