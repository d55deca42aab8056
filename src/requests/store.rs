//! How requests are remembered.
use super::model::{Duty, PaymentWay, RequestStatus, State};
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, BudgetLineId, Code, Error, LineId, MembershipId, OrderId, OrganisationId, PackageId,
    PersonalValueId, ProductId, Quantity, Realm, RequestId, UnitId, UserId, VendorId, refuse,
};
use crate::packages::BudgetMode;
use crate::platform::db::{Conn, OnConstraint, Tx, kept, sql};
use crate::platform::new_id;
use crate::policies::ContractForm;
use crate::schema::{approvals, delivery_slots, reassignments, request_lines, requests};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = requests, check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Row {
    pub id: RequestId,
    pub realm: Realm,
    pub agency_id: OrganisationId,
    pub unit_id: UnitId,
    pub method: String,
    pub status: RequestStatus,
    pub status_reason: Option<String>,
    pub title: String,
    pub procurement_kind: ProcurementKind,
    pub contract_form: ContractForm,
    pub payment_way: PaymentWay,
    pub package_id: PackageId,
    pub budget_line_id: Option<BudgetLineId>,
    pub budget_mode: Option<BudgetMode>,
    pub treasurer_id: Option<MembershipId>,
    pub activity_officer_id: Option<MembershipId>,
    pub dpa_number: Option<String>,
    pub sub_activity: Option<String>,
    pub account_code: Option<String>,
    pub fund_source: Option<String>,
    pub budget_declared: bool,
    pub fiscal_year: i32,
    pub officer_id: MembershipId,
    pub commitment_officer_id: Option<MembershipId>,
    pub comparison: Option<Value>,
    pub split_reason: Option<String>,
    pub needed_on: NaiveDate,
    pub goods_total: Amount,
    pub shipping_fee: Amount,
    pub vat_total: Amount,
    pub gross_total: Amount,
    pub tax_regime: Option<String>,
    pub policy_versions: Value,
    pub content_hash: Option<Vec<u8>>,
    pub approval_roles: Vec<String>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub approval_due_at: Option<DateTime<Utc>>,
    pub approved_at: Option<DateTime<Utc>>,
    pub renewed_from: Option<RequestId>,
    pub replaces_order_id: Option<OrderId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i32,
}

impl Row {
    /// # Errors
    /// `Internal` for a row that no state allows.
    pub fn state(&self) -> Result<State, Error> {
        let state = match (self.status, self.status_reason.clone(), self.approval_due_at) {
            (RequestStatus::Draft, ..) => State::Draft,
            (RequestStatus::Returned, Some(reason), _) => State::Returned { reason },
            (RequestStatus::Withdrawn, ..) => State::Withdrawn,
            (RequestStatus::PendingApproval, _, Some(due)) => State::PendingApproval { due },
            (RequestStatus::Approved, ..) => State::Approved,
            (RequestStatus::Ordered, ..) => State::Ordered,
            (RequestStatus::PartiallyOrdered, ..) => State::PartiallyOrdered,
            (RequestStatus::Closed, ..) => State::Closed,
            (RequestStatus::Rejected, Some(reason), _) => State::Rejected { reason },
            (RequestStatus::Cancelled, Some(reason), _) => State::Cancelled { reason },
            (RequestStatus::Expired, ..) => State::Expired,
            _ => return Err(Error::Internal("requests.status does not fit its columns".into())),
        };
        Ok(state)
    }

    pub fn with_state(mut self, state: State) -> Self {
        self.status = state.status();
        self.status_reason = match state {
            State::Returned { reason } | State::Rejected { reason } | State::Cancelled { reason } => {
                Some(reason)
            }
            State::PendingApproval { due } => {
                self.approval_due_at = Some(due);
                None
            }
            State::Draft
            | State::Withdrawn
            | State::Approved
            | State::Ordered
            | State::PartiallyOrdered
            | State::Closed
            | State::Expired => None,
        };
        self
    }
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = request_lines, check_for_backend(diesel::pg::Pg))]
pub struct LineRow {
    pub id: LineId,
    pub realm: Realm,
    pub request_id: RequestId,
    pub position: i32,
    pub product_id: ProductId,
    pub vendor_id: VendorId,
    pub quantity: Quantity,
    pub product_version: Option<i32>,
    pub unit_price: Option<Amount>,
    pub goods_amount: Option<Amount>,
    pub vat_amount: Option<Amount>,
    pub snapshot: Option<Value>,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = delivery_slots, check_for_backend(diesel::pg::Pg))]
pub struct SlotRow {
    pub id: uuid::Uuid,
    pub line_id: LineId,
    pub position: i32,
    pub day: NaiveDate,
    pub time_from: NaiveTime,
    pub time_to: NaiveTime,
    pub region_code: String,
    pub address: String,
    pub contact_name: String,
    pub contact_phone_id: Option<PersonalValueId>,
    pub quantity: Quantity,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = approvals, check_for_backend(diesel::pg::Pg))]
pub struct Approval {
    pub id: uuid::Uuid,
    pub request_id: RequestId,
    pub content_hash: Vec<u8>,
    pub step: i32,
    pub role: String,
    pub membership_id: MembershipId,
    pub user_id: UserId,
    pub approved_at: DateTime<Utc>,
}

/// Which requests a caller sees: those of the units of the own appointment; none named: all of the
/// own agency.
#[derive(Clone, Debug)]
pub struct Sight {
    pub agency: OrganisationId,
    pub units: Vec<UnitId>,
}

pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    kept(diesel::insert_into(requests::table).values(row)).execute(tx.conn()).await?;
    Ok(())
}

fn seen(sight: &Sight) -> Box<dyn BoxableExpression<requests::table, Pg, SqlType = Bool>> {
    if sight.units.is_empty() {
        Box::new(requests::agency_id.eq(sight.agency))
    } else {
        Box::new(requests::unit_id.eq_any(sight.units.clone()))
    }
}

/// A request that the caller sees; another's is not found.
pub async fn find(conn: &mut Conn, sight: &Sight, id: RequestId) -> Result<Row, Error> {
    let query = requests::table.find(id).filter(seen(sight)).select(Row::as_select());
    query.first(conn).await.optional()?.ok_or_else(|| refuse(Code::NotFound))
}

/// The same, its row locked; another's is not waited for either.
pub async fn lock(tx: &mut Tx, sight: &Sight, id: RequestId) -> Result<Row, Error> {
    let query = requests::table.find(id).filter(seen(sight)).select(Row::as_select());
    let found = query.for_no_key_update().first(tx.conn()).await.optional()?;
    found.ok_or_else(|| refuse(Code::NotFound))
}

/// The status as it is shown, by the clock that is bound twice, and by what became of the orders.
const SHOWN_STATUS: [&str; 3] = [
    "(CASE WHEN requests.status = 'pending_approval' AND requests.approval_due_at <= ",
    " THEN 'expired' WHEN requests.status IN ('ordered', 'partially_ordered', 'closed') THEN (
        SELECT CASE WHEN NOT bool_or(ended.bad) THEN 'ordered' WHEN bool_and(ended.bad) THEN 'closed' ELSE 'partially_ordered' END
        FROM (SELECT o.status IN ('declined', 'expired', 'cancelled') OR (o.status IN ('issued', 'change_proposed')
            AND o.answer_due_at <= ",
    ") AS bad FROM orders o WHERE o.request_id = requests.id) AS ended) ELSE requests.status END)",
];

pub async fn list(
    conn: &mut Conn,
    sight: &Sight,
    status: Option<RequestStatus>,
    now: DateTime<Utc>,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let before = after.unwrap_or(RequestId(uuid::Uuid::max()));
    let mut query = requests::table
        .filter(requests::id.lt(before).and(seen(sight)))
        .select(Row::as_select())
        .order(requests::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        let [by_clock, by_orders, rest] = SHOWN_STATUS;
        let shown = diesel::dsl::sql::<Text>(by_clock)
            .bind::<Timestamptz, _>(now)
            .sql(by_orders)
            .bind::<Timestamptz, _>(now);
        query = query.filter(shown.sql(rest).eq(status.as_str()));
    }
    Ok(query.load(conn).await?)
}

/// Saves a locked request as its next version.
pub async fn save(tx: &mut Tx, row: Row) -> Result<Row, Error> {
    let version = row.version;
    let next = Row { version: version + 1, ..row };
    kept(
        diesel::update(requests::table.find(next.id).filter(requests::version.eq(version)))
            .set(&next)
            .returning(Row::as_returning()),
    )
    .get_result(tx.conn())
    .await
    .optional()?
    .ok_or_else(|| refuse(Code::VersionStale))
}

pub async fn lines(conn: &mut Conn, request: RequestId) -> Result<Vec<LineRow>, Error> {
    Ok(request_lines::table
        .filter(request_lines::request_id.eq(request))
        .select(LineRow::as_select())
        .order(request_lines::position)
        .load(conn)
        .await?)
}

pub async fn slots_of(conn: &mut Conn, lines: &[LineId]) -> Result<Vec<SlotRow>, Error> {
    Ok(delivery_slots::table
        .filter(delivery_slots::line_id.eq_any(lines))
        .select(SlotRow::as_select())
        .order((delivery_slots::line_id, delivery_slots::position))
        .load(conn)
        .await?)
}

pub async fn replace_lines(
    tx: &mut Tx,
    request: RequestId,
    lines: &[LineRow],
    slots: &[SlotRow],
) -> Result<(), Error> {
    let phones: Vec<PersonalValueId> = delivery_slots::table
        .inner_join(request_lines::table)
        .filter(request_lines::request_id.eq(request).and(delivery_slots::contact_phone_id.is_not_null()))
        .select(delivery_slots::contact_phone_id.assume_not_null())
        .load(tx.conn())
        .await?;
    diesel::delete(request_lines::table.filter(request_lines::request_id.eq(request)))
        .execute(tx.conn())
        .await?;
    diesel::insert_into(request_lines::table).values(lines).execute(tx.conn()).await?;
    diesel::insert_into(delivery_slots::table).values(slots).execute(tx.conn()).await?;
    if !phones.is_empty() {
        // A copied request shares its phones with the one it came from.
        sql("DELETE FROM personal_values v WHERE v.id = ANY($1)
               AND NOT EXISTS (SELECT FROM delivery_slots s WHERE s.contact_phone_id = v.id)")
        .bind::<Array<SqlUuid>, _>(phones)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Freezes a line's price and picture of the product.
pub async fn freeze_line(tx: &mut Tx, line: &LineRow) -> Result<(), Error> {
    kept(diesel::update(request_lines::table.find(line.id)).set((
        request_lines::product_version.eq(line.product_version),
        request_lines::unit_price.eq(line.unit_price),
        request_lines::goods_amount.eq(line.goods_amount),
        request_lines::vat_amount.eq(line.vat_amount),
        request_lines::snapshot.eq(&line.snapshot),
    )))
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn approvals(conn: &mut Conn, request: RequestId, hash: &[u8]) -> Result<Vec<Approval>, Error> {
    Ok(approvals::table
        .filter(approvals::request_id.eq(request).and(approvals::content_hash.eq(hash)))
        .select(Approval::as_select())
        .order(approvals::step)
        .load(conn)
        .await?)
}

pub async fn insert_approval(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
    diesel::insert_into(approvals::table)
        .values(approval)
        .execute(tx.conn())
        .await
        .on_constraint("approvals_person_key", Code::PairSamePerson)?;
    Ok(())
}

pub async fn insert_reassignment(
    tx: &mut Tx,
    request: RequestId,
    duty: Duty,
    from: Option<MembershipId>,
    to: MembershipId,
    letter: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(reassignments::table)
        .values((
            reassignments::id.eq(new_id::<uuid::Uuid>()),
            reassignments::request_id.eq(request),
            reassignments::duty.eq(duty.as_str()),
            reassignments::from_membership_id.eq(from),
            reassignments::to_membership_id.eq(to),
            reassignments::letter_number.eq(letter),
            reassignments::reassigned_at.eq(at),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The agency that a unit of the realm belongs to.
pub async fn agency_of_unit(
    conn: &mut Conn,
    realm: Realm,
    unit: UnitId,
) -> Result<Option<OrganisationId>, Error> {
    use crate::schema::work_units;
    Ok(work_units::table
        .filter(work_units::id.eq(unit).and(work_units::realm.eq(realm)).and(work_units::ended_at.is_null()))
        .select(work_units::agency_id)
        .first(conn)
        .await
        .optional()?)
}

/// Whether an order `o` has not fallen through, by the clock that is bound at a place.
fn live_order(now: &str) -> String {
    format!(
        "(o.status = 'accepted' OR (o.status IN ('issued', 'change_proposed') AND o.answer_due_at > {now}))"
    )
}

/// What live requests on a package come to, with VAT or without, the one named left out; lapsed
/// ones do not count.
pub async fn on_package(
    conn: &mut Conn,
    package: PackageId,
    except: RequestId,
    with_vat: bool,
    now: DateTime<Utc>,
) -> Result<Amount, Error> {
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = Numeric)]
        total: Amount,
    }
    let live = live_order("$3");
    let sum: Sum = sql(format!(
        "SELECT coalesce(sum(CASE WHEN r.status = 'pending_approval'
                THEN r.gross_total - CASE WHEN $4 THEN 0 ELSE r.vat_total END ELSE (
                SELECT coalesce(sum(o.gross_total - CASE WHEN $4 THEN 0 ELSE o.vat_total END), 0)
                FROM orders o WHERE o.request_id = r.id AND {live}) END), 0) AS total
         FROM requests r WHERE r.package_id = $1 AND r.id <> $2
           AND (r.status IN ('ordered', 'partially_ordered') OR (r.status = 'pending_approval' AND r.approval_due_at > $3))"
    ))
    .bind::<SqlUuid, _>(package)
    .bind::<SqlUuid, _>(except)
    .bind::<Timestamptz, _>(now)
    .bind::<Bool, _>(with_vat)
    .get_result(conn)
    .await?;
    Ok(sum.total)
}

/// Lets one transaction at a time give out duties on a package; taken right after the request's lock.
pub async fn lock_duties(tx: &mut Tx, package: PackageId) -> Result<(), Error> {
    sql("SELECT pg_advisory_xact_lock(7305228, hashtext($1::text))")
        .bind::<SqlUuid, _>(package)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a person has a duty on a live request of a package, the one named left out: the one in
/// charge of it, or the commitment officer who is named for it or approved it.
pub async fn has_duty_on_package(
    conn: &mut Conn,
    package: PackageId,
    except: RequestId,
    user: UserId,
    duty: Duty,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let whose = match duty {
        Duty::ProcurementOfficer => {
            "EXISTS (SELECT FROM memberships m WHERE m.id = r.officer_id AND m.user_id = $3)"
        }
        Duty::CommitmentOfficer => {
            "(EXISTS (SELECT FROM memberships m WHERE m.id = r.commitment_officer_id AND m.user_id = $3)
              OR EXISTS (SELECT FROM approvals a WHERE a.request_id = r.id AND a.content_hash = r.content_hash
                  AND a.role = 'commitment_officer' AND a.user_id = $3))"
        }
    };
    let live = live_order("$4");
    let row: Found = sql(format!(
        "SELECT EXISTS (SELECT FROM requests r WHERE r.package_id = $1 AND r.id <> $2
           AND (r.status = 'approved' OR (r.status = 'pending_approval' AND r.approval_due_at > $4)
             OR EXISTS (SELECT FROM orders o WHERE o.request_id = r.id AND {live})) AND {whose}) AS found"
    ))
    .bind::<SqlUuid, _>(package)
    .bind::<SqlUuid, _>(except)
    .bind::<SqlUuid, _>(user)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// Whether the unit lately bought like goods on another package; what fell through was not bought.
pub async fn bought_lately(
    conn: &mut Conn,
    unit: UnitId,
    package: PackageId,
    kbki_prefixes: &[String],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let live = live_order("$5");
    let row: Found = sql(format!("SELECT EXISTS (SELECT FROM requests r JOIN request_lines l ON l.request_id = r.id
            WHERE r.unit_id = $1 AND r.package_id <> $2 AND r.submitted_at >= $4
              AND (r.status = 'approved' OR (r.status = 'pending_approval' AND r.approval_due_at > $5)
                OR (r.status IN ('ordered', 'partially_ordered') AND EXISTS (SELECT FROM orders o
                    JOIN order_lines ol ON ol.order_id = o.id WHERE o.request_id = r.id AND ol.request_line_id = l.id
                      AND {live})))
              AND left(l.snapshot ->> 'kbki_code', 5) = ANY($3)) AS found"))
    .bind::<SqlUuid, _>(unit)
    .bind::<SqlUuid, _>(package)
    .bind::<Array<Text>, _>(kbki_prefixes)
    .bind::<Timestamptz, _>(since)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// How many orders a request has, and how many of them ended without delivery.
pub async fn order_counts(
    conn: &mut Conn,
    request: RequestId,
    now: DateTime<Utc>,
) -> Result<(usize, usize), Error> {
    #[derive(QueryableByName)]
    struct Counts {
        #[diesel(sql_type = BigInt)]
        orders: i64,
        #[diesel(sql_type = BigInt)]
        ended_badly: i64,
    }
    let counts: Counts = sql(
        "SELECT count(*) AS orders, count(*) FILTER (WHERE status IN ('declined', 'expired', 'cancelled')
            OR (status IN ('issued', 'change_proposed') AND answer_due_at <= $2)) AS ended_badly
         FROM orders WHERE request_id = $1",
    )
    .bind::<SqlUuid, _>(request)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok((
        usize::try_from(counts.orders).unwrap_or_default(),
        usize::try_from(counts.ended_badly).unwrap_or_default(),
    ))
}

/// Requests of a realm whose approval deadline has passed, for announcing; others work on the rest.
pub async fn lapsed(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<RequestId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: RequestId,
    }
    let realm = tx.realm();
    let rows: Vec<Id> = sql(
        "SELECT id FROM requests WHERE status = 'pending_approval' AND approval_due_at <= $1 AND realm = $2
         ORDER BY approval_due_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(realm)
    .bind::<BigInt, _>(limit)
    .load(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The next number of a kind in a unit and year; locked last, never given twice.
pub async fn next_number(
    tx: &mut Tx,
    agency: OrganisationId,
    unit: UnitId,
    kind: &str,
    year: i32,
) -> Result<i32, Error> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = Integer)]
        last_number: i32,
    }
    let realm = tx.realm();
    let number: Number = sql(
        "INSERT INTO number_counters AS c (realm, agency_id, unit_id, kind, fiscal_year, last_number) VALUES ($1, $2, $3, $4, $5, 1)
         ON CONFLICT (realm, agency_id, unit_id, kind, fiscal_year) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number",
    )
    .bind::<Text, _>(realm)
    .bind::<SqlUuid, _>(agency)
    .bind::<SqlUuid, _>(unit)
    .bind::<Text, _>(kind)
    .bind::<Integer, _>(year)
    .get_result(tx.conn())
    .await?;
    Ok(number.last_number)
}

/// Whether a person is a member of one of the vendors.
pub async fn any_member_of(conn: &mut Conn, user: UserId, vendors: &[VendorId]) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let row: Found = sql(
        "SELECT EXISTS (SELECT FROM memberships WHERE user_id = $1 AND organisation_id = ANY($2) AND ended_at IS NULL) AS found",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Array<SqlUuid>, _>(vendors)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// The person behind a membership.
pub async fn user_of(conn: &mut Conn, membership: MembershipId) -> Result<UserId, Error> {
    use crate::schema::memberships;
    Ok(memberships::table.find(membership).select(memberships::user_id).first(conn).await?)
}

/// A request whose row the caller has locked already.
pub async fn by_id(conn: &mut Conn, id: RequestId) -> Result<Row, Error> {
    Ok(requests::table.find(id).select(Row::as_select()).first(conn).await?)
}

/// Keeps what each vendor charges for delivery.
pub async fn freeze_shipping(
    tx: &mut Tx,
    request: RequestId,
    fees: &[(VendorId, Amount, Amount)],
) -> Result<(), Error> {
    use crate::schema::request_shipping;
    diesel::delete(request_shipping::table.filter(request_shipping::request_id.eq(request)))
        .execute(tx.conn())
        .await?;
    let rows: Vec<_> = fees
        .iter()
        .map(|(vendor, fee, fee_vat)| {
            (
                request_shipping::request_id.eq(request),
                request_shipping::vendor_id.eq(*vendor),
                request_shipping::fee.eq(*fee),
                request_shipping::fee_vat.eq(*fee_vat),
            )
        })
        .collect();
    diesel::insert_into(request_shipping::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

/// What each vendor of a submitted request charges for delivery, and the VAT on it.
pub async fn shipping_of(
    conn: &mut Conn,
    request: RequestId,
) -> Result<std::collections::HashMap<VendorId, (Amount, Amount)>, Error> {
    use crate::schema::request_shipping;
    let rows: Vec<(VendorId, Amount, Amount)> = request_shipping::table
        .filter(request_shipping::request_id.eq(request))
        .select((request_shipping::vendor_id, request_shipping::fee, request_shipping::fee_vat))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(vendor, fee, fee_vat)| (vendor, (fee, fee_vat))).collect())
}

/// The package that a request buys from.
pub async fn package_of(conn: &mut Conn, request: RequestId) -> Result<PackageId, Error> {
    Ok(requests::table.find(request).select(requests::package_id).first(conn).await?)
}

/// The membership in charge of a request.
pub async fn officer_of(conn: &mut Conn, request: RequestId) -> Result<MembershipId, Error> {
    Ok(requests::table.find(request).select(requests::officer_id).first(conn).await?)
}

/// The days on which some lines are delivered, earliest first.
pub async fn delivery_days(conn: &mut Conn, lines: &[LineId]) -> Result<Vec<NaiveDate>, Error> {
    Ok(delivery_slots::table
        .filter(delivery_slots::line_id.eq_any(lines))
        .select(delivery_slots::day)
        .distinct()
        .order(delivery_slots::day)
        .load(conn)
        .await?)
}

/// When a request was submitted, whose day's rates its prices were frozen by.
pub async fn submitted_at(conn: &mut Conn, request: RequestId) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(requests::table.find(request).select(requests::submitted_at).first(conn).await?)
}

/// The commitment officer who was named for a request.
pub async fn commitment_officer_of(
    conn: &mut Conn,
    request: RequestId,
) -> Result<Option<MembershipId>, Error> {
    Ok(requests::table.find(request).select(requests::commitment_officer_id).first(conn).await?)
}
