//! Requests themselves.
use super::super::model::{PaymentWay, RequestStatus, State};
use super::rules::COUNTED;
use crate::kernel::Method;
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, BudgetLineId, Code, Error, MembershipId, OrderId, OrganisationId, PackageId, Realm, RequestId,
    UnitId, refuse,
};
use crate::packages::BudgetMode;
use crate::platform::db::{Conn, Tx, kept, sql};
use crate::policies::ContractForm;
use crate::schema::requests;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = requests, check_for_backend(diesel::pg::Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Row {
    pub id: RequestId,
    pub realm: Realm,
    pub agency_id: OrganisationId,
    pub unit_id: UnitId,
    pub method: Method,
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
    pub urgent_code: Option<String>,
    pub urgent_reason: Option<String>,
    /// `RecordedFields`, for the method recorded.
    pub recorded: Option<Value>,
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
    pub negotiation_due_at: Option<DateTime<Utc>>,
    /// How often negotiations were begun; those of an earlier attempt are void.
    pub attempt: i32,
    pub agreed_terms: Option<Value>,
    pub quote_deadline: Option<DateTime<Utc>>,
    pub objections_until: Option<DateTime<Utc>>,
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
        let known = |at: Option<DateTime<Utc>>| {
            at.ok_or_else(|| Error::Internal("requests.status does not fit its columns".into()))
        };
        let state = match (self.status, self.status_reason.clone(), self.approval_due_at) {
            (RequestStatus::Draft, ..) => State::Draft,
            (RequestStatus::Negotiating, ..) => State::Negotiating { due: known(self.negotiation_due_at)? },
            (RequestStatus::Agreed, ..) => State::Agreed { due: known(self.negotiation_due_at)? },
            (RequestStatus::NegotiationFailed, Some(reason), _) => State::NegotiationFailed { reason },
            (RequestStatus::Open, ..) => State::Open { deadline: known(self.quote_deadline)? },
            (RequestStatus::Evaluating, ..) => State::Evaluating,
            (RequestStatus::Awarded, ..) => {
                State::Awarded { objections_until: known(self.objections_until)? }
            }
            (RequestStatus::Failed, Some(reason), _) => State::Failed { reason },
            (RequestStatus::Returned, Some(reason), _) => State::Returned { reason },
            (RequestStatus::Withdrawn, ..) => State::Withdrawn,
            (RequestStatus::PendingApproval, _, Some(due)) => State::PendingApproval { due },
            (RequestStatus::Approved, ..) => State::Approved,
            (RequestStatus::Ordered, ..) => State::Ordered,
            (RequestStatus::PartiallyOrdered, ..) => State::PartiallyOrdered,
            (RequestStatus::Recorded, ..) => State::Recorded,
            (RequestStatus::Closed, ..) => State::Closed,
            (RequestStatus::Rejected, Some(reason), _) => State::Rejected { reason },
            (RequestStatus::Cancelled, Some(reason), _) => State::Cancelled { reason },
            (RequestStatus::Expired, ..) => State::Expired,
            _ => return Err(Error::Internal("requests.status does not fit its columns".into())),
        };
        Ok(state)
    }

    pub fn with_state(mut self, state: State) -> Self {
        // That the deadline passed is true by the clock and never stored.
        self.status = match state.status() {
            RequestStatus::QuotesClosed => RequestStatus::Open,
            status => status,
        };
        self.status_reason = match state {
            State::Returned { reason }
            | State::Rejected { reason }
            | State::Cancelled { reason }
            | State::Failed { reason }
            | State::NegotiationFailed { reason } => Some(reason),
            State::Open { deadline } => {
                self.quote_deadline = Some(deadline);
                None
            }
            State::Awarded { objections_until } => {
                self.objections_until = Some(objections_until);
                None
            }
            State::Negotiating { due } | State::Agreed { due } => {
                self.negotiation_due_at = Some(due);
                None
            }
            State::PendingApproval { due } => {
                self.approval_due_at = Some(due);
                None
            }
            State::Draft
            | State::QuotesClosed
            | State::Evaluating
            | State::Withdrawn
            | State::Approved
            | State::Ordered
            | State::PartiallyOrdered
            | State::Recorded
            | State::Closed
            | State::Expired => None,
        };
        self
    }
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

pub fn seen(sight: &Sight) -> Box<dyn BoxableExpression<requests::table, Pg, SqlType = Bool>> {
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

/// Purchases of a realm that are on record, the newest first.
pub async fn recorded(
    conn: &mut Conn,
    realm: Realm,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    Ok(requests::table
        .filter(requests::realm.eq(realm).and(requests::status.eq("recorded")))
        .filter(requests::id.lt(after.unwrap_or(RequestId(uuid::Uuid::max()))))
        .select(Row::as_select())
        .order(requests::id.desc())
        .limit(limit)
        .load(conn)
        .await?)
}

/// The status as it is shown, by the clock that is bound three times, and by what became of the orders.
const SHOWN_STATUS: [&str; 5] = [
    "(CASE WHEN (CASE requests.status WHEN 'pending_approval' THEN requests.approval_due_at
        WHEN 'negotiating' THEN requests.negotiation_due_at WHEN 'agreed' THEN requests.negotiation_due_at END) <= ",
    " THEN 'expired' WHEN requests.status = 'open' AND requests.quote_deadline <= ",
    " THEN 'quotes_closed' WHEN requests.status IN ('ordered', 'partially_ordered', 'closed') THEN (
        SELECT CASE WHEN NOT bool_or(ended.bad) THEN 'ordered' WHEN bool_and(ended.bad) THEN 'closed' ELSE 'partially_ordered' END
        FROM (SELECT o.status IN ('declined', 'expired', 'cancelled') OR (o.status IN ('issued', 'change_proposed')
            AND o.answer_due_at <= ",
    ") AS bad FROM orders o WHERE o.request_id = requests.id AND ",
    ") AS ended) ELSE requests.status END)",
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
        let [by_clock, by_deadline, by_orders, counted, rest] = SHOWN_STATUS;
        let shown = diesel::dsl::sql::<Text>(by_clock)
            .bind::<Timestamptz, _>(now)
            .sql(by_deadline)
            .bind::<Timestamptz, _>(now)
            .sql(by_orders)
            .bind::<Timestamptz, _>(now);
        query = query.filter(shown.sql(counted).sql(COUNTED).sql(rest).eq(status.as_str()));
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

/// Requests of a realm whose deadline has passed, for announcing; others work on the rest.
pub async fn lapsed(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<RequestId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: RequestId,
    }
    let realm = tx.realm();
    let rows: Vec<Id> = sql("SELECT id FROM requests WHERE realm = $2
           AND ((status = 'pending_approval' AND approval_due_at <= $1)
             OR (status IN ('negotiating', 'agreed') AND negotiation_due_at <= $1))
         ORDER BY coalesce(approval_due_at, negotiation_due_at) LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED")
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(realm)
    .bind::<BigInt, _>(limit)
    .load(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A request whose row the caller has locked already.
pub async fn by_id(conn: &mut Conn, id: RequestId) -> Result<Row, Error> {
    Ok(requests::table.find(id).select(Row::as_select()).first(conn).await?)
}

/// How a request buys.
pub async fn method_of(conn: &mut Conn, request: RequestId) -> Result<Method, Error> {
    Ok(requests::table.find(request).select(requests::method).first(conn).await?)
}

/// The package that a request buys from.
pub async fn package_of(conn: &mut Conn, request: RequestId) -> Result<PackageId, Error> {
    Ok(requests::table.find(request).select(requests::package_id).first(conn).await?)
}

/// When a request was submitted, whose day's rates its prices were frozen by.
pub async fn submitted_at(conn: &mut Conn, request: RequestId) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(requests::table.find(request).select(requests::submitted_at).first(conn).await?)
}
