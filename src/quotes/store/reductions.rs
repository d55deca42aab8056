//! Lower prices that were asked of whoever leads.
use crate::kernel::{Code, Error, MembershipId, QuoteId, RequestId};
use crate::platform::db::{Conn, OnConstraint, Tx};
use crate::schema::quote_reductions;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = quote_reductions, check_for_backend(diesel::pg::Pg))]
pub struct Reduction {
    pub id: Uuid,
    pub quote_id: QuoteId,
    pub request_id: RequestId,
    pub number: i32,
    pub reason: String,
    pub asked_at: DateTime<Utc>,
    pub asked_by_membership_id: MembershipId,
    pub due_at: DateTime<Utc>,
    pub granted: Option<Value>,
    pub note: Option<String>,
    pub answered_at: Option<DateTime<Utc>>,
}

impl Reduction {
    /// Whether its vendor may still answer.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.answered_at.is_none() && self.due_at > now
    }
}

pub async fn insert_reduction(tx: &mut Tx, row: &Reduction) -> Result<(), Error> {
    diesel::insert_into(quote_reductions::table)
        .values(row)
        .execute(tx.conn())
        .await
        .on_constraint("quote_reductions_open_key", Code::IllegalTransition)?;
    Ok(())
}

/// The reductions of a request's quotes, each quote's in their order.
pub async fn reductions(conn: &mut Conn, request: RequestId) -> Result<Vec<Reduction>, Error> {
    Ok(quote_reductions::table
        .filter(quote_reductions::request_id.eq(request))
        .select(Reduction::as_select())
        .order((quote_reductions::quote_id, quote_reductions::number))
        .load(conn)
        .await?)
}

pub async fn answer_reduction(
    tx: &mut Tx,
    id: Uuid,
    granted: Option<Value>,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(quote_reductions::table.find(id))
        .set((
            quote_reductions::granted.eq(granted),
            quote_reductions::note.eq(note),
            quote_reductions::answered_at.eq(at),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}
