//! Proofs of purchases that were made already.
use crate::kernel::{Code, DocumentId, Error, MembershipId, Realm, RequestId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::schema::purchase_proofs;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = purchase_proofs, check_for_backend(diesel::pg::Pg))]
pub struct Proof {
    pub id: DocumentId,
    pub realm: Realm,
    pub request_id: RequestId,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
    pub uploaded_at: DateTime<Utc>,
    pub membership_id: MembershipId,
}

pub async fn insert_proof(tx: &mut Tx, row: &Proof) -> Result<(), Error> {
    diesel::insert_into(purchase_proofs::table).values(row).execute(tx.conn()).await?;
    Ok(())
}

/// The proofs of some requests that stand, in the order of their upload.
pub async fn proofs(conn: &mut Conn, requests: &[RequestId]) -> Result<Vec<Proof>, Error> {
    Ok(purchase_proofs::table
        .filter(purchase_proofs::request_id.eq_any(requests).and(purchase_proofs::ended_at.is_null()))
        .select(Proof::as_select())
        .order(purchase_proofs::id)
        .load(conn)
        .await?)
}

pub async fn proof(conn: &mut Conn, request: RequestId, id: DocumentId) -> Result<Proof, Error> {
    purchase_proofs::table
        .filter(purchase_proofs::id.eq(id).and(purchase_proofs::request_id.eq(request)))
        .filter(purchase_proofs::ended_at.is_null())
        .select(Proof::as_select())
        .first(conn)
        .await
        .optional()?
        .ok_or_else(|| refuse(Code::NotFound))
}

/// Takes a proof away; its file stays as evidence.
pub async fn end_proof(tx: &mut Tx, id: DocumentId, at: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(purchase_proofs::table.find(id))
        .set(purchase_proofs::ended_at.eq(at))
        .execute(tx.conn())
        .await?;
    Ok(())
}
