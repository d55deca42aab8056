//! Personal values: sealed where they rest, found by blind index, shown only to those entitled.
//!
//! Every NIK, individual's NPWP, phone number, e-mail address and bank account of the system is a
//! row of `personal_values`; other tables hold its id. So rotation and reindexing walk one table,
//! and erasing a row erases the value everywhere.
use super::clock::new_id;
use super::db::{Conn, OnConstraint, Tx, sql};
use super::sealing::KeyRing;
use crate::kernel::{Code, Error, PersonalValueId};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::HashMap;

/// What kind of value; part of the blind index, so equal digits of two kinds do not meet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, diesel::deserialize::FromSqlRow, diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub enum PersonalKind {
    Email,
    Phone,
    Nik,
    Npwp,
    BankAccount,
    Address,
}

crate::kernel::text_enum!(PersonalKind {
    Email = "email",
    Phone = "phone",
    Nik = "nik",
    Npwp = "npwp",
    BankAccount = "bank_account",
    Address = "address",
});

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: PersonalValueId,
    #[diesel(sql_type = Text)]
    kind: PersonalKind,
    #[diesel(sql_type = Bytea)]
    sealed: Vec<u8>,
}

/// Seals a value in a new row.
pub async fn store(
    tx: &mut Tx,
    keys: &KeyRing,
    kind: PersonalKind,
    value: &str,
) -> Result<PersonalValueId, Error> {
    let id = new_id::<PersonalValueId>();
    let (index, next) = keys.blind_index(kind.as_str(), value);
    sql(
        "INSERT INTO personal_values (id, kind, sealed, blind_index, blind_index_next) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(kind)
    .bind::<Bytea, _>(keys.seal(value.as_bytes(), &place(id, kind))?)
    .bind::<Bytea, _>(index)
    .bind::<Nullable<Bytea>, _>(next)
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// Claims that the value occurs once in a scope (`login`, `nik:live`).
///
/// # Errors
/// `taken` when another row of the scope holds the same value.
pub async fn claim(tx: &mut Tx, id: PersonalValueId, scope: &str, taken: Code) -> Result<(), Error> {
    let outcome = sql("UPDATE personal_values SET exclusive_scope = $2 WHERE id = $1")
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(scope)
        .execute(tx.conn())
        .await;
    match outcome.on_constraint("personal_values_exclusive_key", taken) {
        Ok(_) => Ok(()),
        Err(Error::Internal(text)) if text.contains("personal_values_exclusive_next_key") => {
            Err(taken.into())
        }
        Err(error) => Err(error),
    }
}

/// Gives a claimed scope up.
pub async fn release(tx: &mut Tx, id: PersonalValueId) -> Result<(), Error> {
    sql("UPDATE personal_values SET exclusive_scope = NULL WHERE id = $1")
        .bind::<SqlUuid, _>(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Opens values by id; ids without a row (erased) are left out.
pub async fn open(
    conn: &mut Conn,
    keys: &KeyRing,
    ids: impl IntoIterator<Item = PersonalValueId>,
) -> Result<HashMap<PersonalValueId, String>, Error> {
    let ids: Vec<PersonalValueId> = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = sql("SELECT id, kind, sealed FROM personal_values WHERE id = ANY($1)")
        .bind::<Array<SqlUuid>, _>(ids)
        .load(conn)
        .await?;
    rows.into_iter().map(|row| Ok((row.id, text(keys, &row)?))).collect()
}

/// The row that holds a value within a scope. While index keys change, a row may be found by either
/// key: the coming one is in its own column at first and in the present one's afterwards.
pub async fn find_claimed(
    conn: &mut Conn,
    keys: &KeyRing,
    kind: PersonalKind,
    value: &str,
    scope: &str,
) -> Result<Option<PersonalValueId>, Error> {
    let (index, next) = keys.blind_index(kind.as_str(), value);
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = SqlUuid)]
        id: PersonalValueId,
    }
    let rows: Vec<Found> = sql("SELECT id FROM personal_values WHERE exclusive_scope = $1 AND kind = $2
         AND (blind_index IN ($3, $4) OR blind_index_next = $4)")
    .bind::<Text, _>(scope)
    .bind::<Text, _>(kind)
    .bind::<Bytea, _>(index)
    .bind::<Nullable<Bytea>, _>(next)
    .load(conn)
    .await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

/// Seals up to `limit` values again that are not under the present key; how many were.
pub async fn reseal(tx: &mut Tx, keys: &KeyRing, limit: i32) -> Result<usize, Error> {
    let rows: Vec<Row> =
        sql("SELECT id, kind, sealed FROM personal_values WHERE substring(sealed FROM 1 FOR 4) <> $1
         LIMIT $2 FOR UPDATE SKIP LOCKED")
        .bind::<Bytea, _>(keys.sealing_number().to_be_bytes().to_vec())
        .bind::<Integer, _>(limit)
        .load(tx.conn())
        .await?;
    for row in &rows {
        let sealed = keys.seal(text(keys, row)?.as_bytes(), &place(row.id, row.kind))?;
        sql("UPDATE personal_values SET sealed = $2 WHERE id = $1")
            .bind::<SqlUuid, _>(row.id)
            .bind::<Bytea, _>(sealed)
            .execute(tx.conn())
            .await?;
    }
    Ok(rows.len())
}

/// Fills the coming index of up to `limit` values; how many were.
pub async fn fill_next_index(tx: &mut Tx, keys: &KeyRing, limit: i32) -> Result<usize, Error> {
    let rows: Vec<Row> = sql(
        "SELECT id, kind, sealed FROM personal_values WHERE blind_index_next IS NULL LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind::<Integer, _>(limit)
    .load(tx.conn())
    .await?;
    for row in &rows {
        let (_, next) = keys.blind_index(row.kind.as_str(), &text(keys, row)?);
        sql("UPDATE personal_values SET blind_index_next = $2 WHERE id = $1")
            .bind::<SqlUuid, _>(row.id)
            .bind::<Nullable<Bytea>, _>(next)
            .execute(tx.conn())
            .await?;
    }
    Ok(rows.len())
}

/// Makes the coming index the present one, for all rows in one statement.
pub async fn adopt_next_index(tx: &mut Tx) -> Result<usize, Error> {
    Ok(sql("UPDATE personal_values SET blind_index = blind_index_next, blind_index_next = NULL
         WHERE blind_index_next IS NOT NULL")
    .execute(tx.conn())
    .await?)
}

fn text(keys: &KeyRing, row: &Row) -> Result<String, Error> {
    String::from_utf8(keys.open(&row.sealed, &place(row.id, row.kind))?)
        .map_err(|_| Error::Internal("a personal value is not text".into()))
}

fn place(id: PersonalValueId, kind: PersonalKind) -> String {
    format!("personal_values/{id}/{}", kind.as_str())
}
