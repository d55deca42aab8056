//! The trail: every write leaves one audit row (who did what) and one event (what is true now),
//! in the fact's own transaction.
//!
//! Both are append-only and carry salted commitments, `SHA-256(salt ‖ canonical JSON)`; the salts
//! rest in a table that may be erased, and neither row holds a personal value. A sequencer gives
//! committed events a dense position; cursors and feeds count in positions alone.
use super::clock::Clock;
use super::db::{Conn, Tx, sql};
use super::sealing::{random, sha256};
use crate::kernel::{Ctx, Error, Realm};
use diesel::sql_types::{BigInt, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// What happened.
pub struct Fact<'f> {
    /// `vendor.submitted`: the noun and the verb in the past.
    pub kind: &'f str,
    pub subject: Uuid,
    /// The full state before and after, without personal data.
    pub before: Option<Value>,
    pub after: Value,
    pub reason: Option<&'f str>,
    /// Who should be told; expanded to people by the worker.
    pub notices: Vec<Notice>,
}

/// Somebody to be told of an event.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
pub struct Notice {
    pub template: String,
    pub audience: Audience,
    /// What the text needs, without personal data or tokens.
    pub arguments: Value,
}

/// Whom a notice is for.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Contact(Uuid),
    Membership(Uuid),
    /// A person, whatever became of the memberships.
    Person(Uuid),
    /// An address that is nobody's contact yet, by its row of `personal_values`.
    Value(Uuid),
    /// Everyone with one of the roles in the organisation.
    Members {
        organisation: Uuid,
        roles: Vec<String>,
    },
    /// Everyone with one of the roles in the organisation whose appointment covers the unit.
    Unit {
        organisation: Uuid,
        unit: Uuid,
        roles: Vec<String>,
    },
}

/// An event with its place in the feed.
#[derive(Debug, diesel::QueryableByName)]
pub struct Positioned {
    #[diesel(sql_type = BigInt)]
    pub position: i64,
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    pub realm: Realm,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = SqlUuid)]
    pub subject_id: Uuid,
    #[diesel(sql_type = Jsonb)]
    pub payload: Value,
}

/// Writes a fact's audit row and event. One statement, so that neither can be forgotten.
pub async fn record(tx: &mut Tx, ctx: &Ctx, fact: Fact<'_>) -> Result<(), Error> {
    let now = tx.now().await?;
    let realm = tx.realm();
    let (audit_id, event_id) = (Clock::new_id(), Clock::new_id());
    let (audit_salt, event_salt): ([u8; 16], [u8; 16]) = (random(), random());
    let mut payload = fact.after.clone();
    if let (Value::Object(payload), false) = (&mut payload, fact.notices.is_empty()) {
        payload.insert("notices".into(), serde_json::to_value(&fact.notices).map_err(internal)?);
    }
    let member = ctx.actor.as_ref().and_then(|actor| actor.member.as_ref());
    let subject_kind = fact.kind.split('.').next().unwrap_or(fact.kind);
    sql(
        "WITH salts AS (
             INSERT INTO commitment_salts (record_id, salt) VALUES ($1, $2), ($3, $4)
         ), trail AS (
             INSERT INTO audit (id, recorded_at, realm, trade_time, actor_id, membership_id, role, action,
                 subject_kind, subject_id, before_digest, after_digest, reason, request_id)
             VALUES ($1, clock_timestamp(), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         )
         INSERT INTO events (id, recorded_at, realm, trade_time, kind, schema_version, subject_kind,
             subject_id, payload, commitment, transaction_id)
         VALUES ($3, clock_timestamp(), $5, $6, $10, $17, $11, $12, $18, $19, pg_current_xact_id()::text::bigint)",
    )
    .bind::<SqlUuid, _>(audit_id)
    .bind::<Bytea, _>(audit_salt.to_vec())
    .bind::<SqlUuid, _>(event_id)
    .bind::<Bytea, _>(event_salt.to_vec())
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<SqlUuid>, _>(ctx.actor.as_ref().map(|actor| actor.user.0))
    .bind::<Nullable<SqlUuid>, _>(member.map(|member| member.id.0))
    .bind::<Nullable<Text>, _>(member.map(|member| member.role.as_str()))
    .bind::<Text, _>(fact.kind)
    .bind::<Text, _>(subject_kind)
    .bind::<SqlUuid, _>(fact.subject)
    .bind::<Nullable<Bytea>, _>(fact.before.as_ref().map(|state| commitment(&audit_salt, state)))
    .bind::<Nullable<Bytea>, _>(Some(commitment(&audit_salt, &fact.after)))
    .bind::<Nullable<Text>, _>(fact.reason)
    .bind::<Text, _>(&ctx.request_id)
    .bind::<Integer, _>(1)
    .bind::<Jsonb, _>(&payload)
    .bind::<Bytea, _>(commitment(&event_salt, &payload))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives positions to committed events that have none; one sequencer at a time, the rest yield.
/// Rows below the oldest running transaction cannot be preceded by a later commit, so each step
/// leaves a mark there and the next one looks no further back. A visible row at or above the newest
/// transaction is from before a restore and counts as committed, for forty days; a mark up there is
/// from before it too, and void.
pub async fn sequence(tx: &mut Tx) -> Result<usize, Error> {
    #[derive(diesel::QueryableByName)]
    struct Turn {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        mine: bool,
    }
    // A statement of its own: the next one's snapshot must be younger than the lock.
    let turn: Turn = sql("SELECT pg_try_advisory_xact_lock(7305227) AS mine").get_result(tx.conn()).await?;
    if !turn.mine {
        return Ok(0);
    }
    #[derive(diesel::QueryableByName)]
    struct Done {
        #[diesel(sql_type = BigInt)]
        placed: i64,
    }
    let done: Done = sql("WITH frontier AS MATERIALIZED (
             SELECT oldest, newest, CASE WHEN mark <= newest THEN mark ELSE 0 END AS mark
             FROM (SELECT pg_snapshot_xmin(s)::text::bigint AS oldest, pg_snapshot_xmax(s)::text::bigint AS newest,
                     coalesce((SELECT position FROM event_readers WHERE reader = 'sequencer'), 0) AS mark
                   FROM pg_current_snapshot() AS s) AS now
         ), waiting AS (
             SELECT e.id, e.recorded_at, e.transaction_id FROM events e
             WHERE e.transaction_id >= (SELECT mark FROM frontier) AND e.transaction_id < (SELECT oldest FROM frontier)
             UNION ALL
             SELECT e.id, e.recorded_at, e.transaction_id FROM events e
             WHERE e.transaction_id >= (SELECT newest FROM frontier) AND e.recorded_at > clock_timestamp() - interval '40 days'
         ), fresh AS MATERIALIZED (
             SELECT id, recorded_at, row_number() OVER (ORDER BY transaction_id, id) AS step FROM waiting w
             WHERE NOT EXISTS (SELECT FROM event_positions p WHERE p.event_id = w.id)
             ORDER BY transaction_id, id LIMIT 1000
         ), placed AS (
             INSERT INTO event_positions (position, event_id, recorded_at)
             SELECT (SELECT coalesce(max(position), 0) FROM event_positions) + step, id, recorded_at FROM fresh
             RETURNING 1
         ), moved AS (
             INSERT INTO event_readers AS r (reader, position) SELECT 'sequencer', oldest FROM frontier
             WHERE (SELECT count(*) FROM fresh) < 1000
             ON CONFLICT (reader) DO UPDATE SET position = EXCLUDED.position WHERE r.position <> EXCLUDED.position
         )
         SELECT count(*) AS placed FROM placed")
    .get_result(tx.conn())
    .await?;
    Ok(usize::try_from(done.placed).unwrap_or_default())
}

/// The next events after a position, in order.
pub async fn after(conn: &mut Conn, position: i64, limit: i64) -> Result<Vec<Positioned>, Error> {
    Ok(sql("SELECT p.position, e.id, e.realm, e.kind, e.subject_id, e.payload
         FROM event_positions p JOIN events e ON e.id = p.event_id AND e.recorded_at = p.recorded_at
         WHERE p.position > $1 ORDER BY p.position LIMIT $2")
    .bind::<BigInt, _>(position)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?)
}

/// Where a reader stands, locked until the transaction ends; `None` while another process reads.
pub async fn lock_reader(tx: &mut Tx, reader: &str) -> Result<Option<i64>, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        position: i64,
    }
    sql("INSERT INTO event_readers (reader, position) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind::<Text, _>(reader)
        .execute(tx.conn())
        .await?;
    let rows: Vec<Row> = sql("SELECT position FROM event_readers WHERE reader = $1 FOR UPDATE SKIP LOCKED")
        .bind::<Text, _>(reader)
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().next().map(|row| row.position))
}

pub async fn move_reader(tx: &mut Tx, reader: &str, position: i64) -> Result<(), Error> {
    sql("UPDATE event_readers SET position = $2 WHERE reader = $1")
        .bind::<Text, _>(reader)
        .bind::<BigInt, _>(position)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Makes the coming months' partitions of the trail.
pub async fn ensure_partitions(conn: &mut Conn) -> Result<(), Error> {
    sql("SELECT ensure_partitions(3)").execute(conn).await?;
    Ok(())
}

/// `SHA-256(salt ‖ canonical JSON)`; canonical: keys sorted, no blanks (RFC 8785 for our values,
/// which hold no floats).
pub fn commitment(salt: &[u8], state: &Value) -> Vec<u8> {
    let mut text = salt.to_vec();
    text.extend_from_slice(canonical(state).as_bytes());
    sha256(&text).to_vec()
}

/// JSON with sorted keys and no blanks.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields: Vec<_> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(format!("an event cannot be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let one = json!({"b": [1, {"d": null, "c": "x\"y"}], "a": true});
        let other = json!({"a": true, "b": [1, {"c": "x\"y", "d": null}]});
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"c":"x\"y","d":null}]}"#);
        assert_eq!(commitment(b"salt", &one), commitment(b"salt", &other));
        assert_ne!(commitment(b"salt", &one), commitment(b"tlas", &one));
    }
}
