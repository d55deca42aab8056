//! Scores, evaluations, cures and objections.
use crate::kernel::{Code, Error, MembershipId, ObjectionId, QuoteId, RequestId, UserId, refuse};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::schema::{evaluations, objections, quote_cures, score_sheets};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = score_sheets, primary_key(request_id, user_id), check_for_backend(diesel::pg::Pg))]
pub struct ScoreSheet {
    pub request_id: RequestId,
    pub user_id: UserId,
    pub membership_id: MembershipId,
    pub scores: Value,
    pub handed_in_at: DateTime<Utc>,
}

pub async fn save_sheet(tx: &mut Tx, row: &ScoreSheet) -> Result<(), Error> {
    diesel::insert_into(score_sheets::table)
        .values(row)
        .on_conflict((score_sheets::request_id, score_sheets::user_id))
        .do_update()
        .set(row)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn sheets(conn: &mut Conn, request: RequestId) -> Result<Vec<ScoreSheet>, Error> {
    Ok(score_sheets::table
        .filter(score_sheets::request_id.eq(request))
        .select(ScoreSheet::as_select())
        .order(score_sheets::handed_in_at)
        .load(conn)
        .await?)
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = evaluations, check_for_backend(diesel::pg::Pg))]
pub struct Evaluation {
    pub id: Uuid,
    pub request_id: RequestId,
    pub number: i32,
    pub scores: Value,
    pub reason: Option<String>,
    pub input: Value,
    pub ranking: Value,
    pub content_hash: Vec<u8>,
    pub membership_id: MembershipId,
    pub completed_at: DateTime<Utc>,
    pub awarded_at: Option<DateTime<Utc>>,
    pub awarded_by_membership_id: Option<MembershipId>,
    pub award_reason: Option<String>,
}

pub async fn insert_evaluation(tx: &mut Tx, row: &Evaluation) -> Result<(), Error> {
    diesel::insert_into(evaluations::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

/// The newest evaluation of a request.
pub async fn evaluation(conn: &mut Conn, request: RequestId) -> Result<Option<Evaluation>, Error> {
    Ok(evaluations::table
        .filter(evaluations::request_id.eq(request))
        .select(Evaluation::as_select())
        .order(evaluations::number.desc())
        .first(conn)
        .await
        .optional()?)
}

pub async fn mark_awarded(
    tx: &mut Tx,
    id: Uuid,
    by: MembershipId,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(evaluations::table.find(id))
        .set((
            evaluations::awarded_at.eq(at),
            evaluations::awarded_by_membership_id.eq(by),
            evaluations::award_reason.eq(reason),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quote_cures, check_for_backend(diesel::pg::Pg))]
pub struct Cure {
    pub id: Uuid,
    pub quote_id: QuoteId,
    pub fault: String,
    pub asked_at: DateTime<Utc>,
    pub asked_by_membership_id: MembershipId,
    pub due_at: DateTime<Utc>,
    pub answer: Option<String>,
    pub answered_at: Option<DateTime<Utc>>,
}

pub async fn insert_cure(tx: &mut Tx, row: &Cure) -> Result<(), Error> {
    diesel::insert_into(quote_cures::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("quote_cures_open_key", Code::IllegalTransition)?;
    Ok(())
}

pub async fn cures(conn: &mut Conn, quotes: &[QuoteId]) -> Result<Vec<Cure>, Error> {
    Ok(quote_cures::table
        .filter(quote_cures::quote_id.eq_any(quotes))
        .select(Cure::as_select())
        .order(quote_cures::asked_at)
        .load(conn)
        .await?)
}

pub async fn answer_cure(tx: &mut Tx, id: Uuid, answer: &str, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(quote_cures::table.find(id))
        .set((quote_cures::answer.eq(answer), quote_cures::answered_at.eq(at)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = objections, check_for_backend(diesel::pg::Pg))]
pub struct Objection {
    pub id: ObjectionId,
    pub request_id: RequestId,
    pub quote_id: QuoteId,
    /// The award that it is against.
    pub evaluation_id: Uuid,
    pub text: String,
    pub filed_at: DateTime<Utc>,
    pub upheld: Option<bool>,
    pub decision: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decided_by_membership_id: Option<MembershipId>,
}

pub async fn insert_objection(tx: &mut Tx, row: &Objection) -> Result<(), Error> {
    diesel::insert_into(objections::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("objections_open_key", Code::IllegalTransition)?;
    Ok(())
}

pub async fn objections(conn: &mut Conn, request: RequestId) -> Result<Vec<Objection>, Error> {
    Ok(objections::table
        .filter(objections::request_id.eq(request))
        .select(Objection::as_select())
        .order(objections::id)
        .limit(500)
        .load(conn)
        .await?)
}

pub async fn objection(conn: &mut Conn, request: RequestId, id: ObjectionId) -> Result<Objection, Error> {
    objections::table
        .filter(objections::id.eq(id).and(objections::request_id.eq(request)))
        .select(Objection::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

pub async fn decide_objection(
    tx: &mut Tx,
    id: ObjectionId,
    upheld: bool,
    decision: &str,
    by: MembershipId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(objections::table.find(id))
        .set((
            objections::upheld.eq(upheld),
            objections::decision.eq(decision),
            objections::decided_at.eq(at),
            objections::decided_by_membership_id.eq(by),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Awards whose time for objections has passed, for issuing their orders.
pub async fn due_awards(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<RequestId>, Error> {
    let realm = tx.realm();
    let rows: Vec<Id> = sql(format!(
        "SELECT r.id FROM requests r WHERE r.realm = $1 AND {AWARD_IS_DUE} ORDER BY r.objections_until LIMIT $3"
    ))
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Locks one of them. Answers whether it is due still: an objection that was filed in time may have been
/// committed since, so it is looked for again once the request is held.
pub async fn hold_due_award(tx: &mut Tx, id: RequestId, now: DateTime<Utc>) -> Result<bool, Error> {
    sql("SELECT 1 FROM requests WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(id)
        .execute(tx.conn())
        .await?;
    let realm = tx.realm();
    let rows: Vec<Id> =
        sql(format!("SELECT r.id FROM requests r WHERE r.realm = $1 AND {AWARD_IS_DUE} AND r.id = $3"))
            .bind::<Text, _>(realm)
            .bind::<Timestamptz, _>(now)
            .bind::<SqlUuid, _>(id)
            .load(tx.conn())
            .await?;
    Ok(!rows.is_empty())
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: RequestId,
}

/// Whether nobody can object any more to the award of a request `r`, by the clock at `$2`: its time has
/// passed, and nothing that was filed against it is undecided.
const AWARD_IS_DUE: &str = "r.status = 'awarded' AND r.objections_until <= $2
    AND NOT EXISTS (SELECT FROM objections o WHERE o.request_id = r.id AND o.decided_at IS NULL
        AND o.evaluation_id = (SELECT e.id FROM evaluations e WHERE e.request_id = r.id ORDER BY e.number DESC LIMIT 1))";
