//! Idempotency keys: the answer is stored, sealed, in the effect's own transaction.
//!
//! A key belongs to actor, membership, method and concrete path; the body is compared by MAC.
//! Nobody waits on a key: who finds it taken is told so at once.
use super::reply::{self, Parts};
use crate::kernel::{Code, Ctx, Error, Refusal, refuse};
use crate::platform::db::{Tx, sql};
use crate::platform::sealing::{KeyRing, Purpose};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Bytea, Timestamptz};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

pub struct Key {
    scope: [u8; 32],
    request: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Stored {
    status: u16,
    body: String,
    media_type: String,
    version: Option<i32>,
    location: Option<String>,
}

impl Key {
    pub fn new(keys: &KeyRing, ctx: &Ctx, method: &str, path: &str, key: &str, body: &[u8; 32]) -> Self {
        let actor = ctx.actor.as_ref();
        let user = actor.map(|actor| actor.user.0.into_bytes());
        let member = actor.and_then(|actor| actor.member.as_ref()).map(|member| member.id.0.into_bytes());
        // An anonymous caller is told apart by what they send.
        let caller: &[u8] = user.as_ref().map_or(body.as_slice(), |user| user.as_slice());
        let member: &[u8] = member.as_ref().map_or(&[], |member| member.as_slice());
        let parts = [caller, member, method.as_bytes(), path.as_bytes(), key.as_bytes()];
        Self {
            scope: keys.mac(Purpose::Idempotency, &parts),
            request: keys.mac(Purpose::Idempotency, &[b"body", body]),
        }
    }

    /// The answer stored under the key, if there is one.
    ///
    /// # Errors
    /// `idempotency_in_progress` while another transaction holds the key,
    /// `idempotency_key_reused` when the stored answer is to another body.
    pub async fn stored(&self, tx: &mut Tx, keys: &KeyRing) -> Result<Option<Parts>, Error> {
        #[derive(diesel::QueryableByName)]
        struct Turn {
            #[diesel(sql_type = Bool)]
            mine: bool,
        }
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = Bytea)]
            request_mac: Vec<u8>,
            #[diesel(sql_type = Bytea)]
            answer: Vec<u8>,
        }
        let number = i64::from_be_bytes(self.scope[..8].try_into().unwrap_or_default());
        let turn: Turn = sql("SELECT pg_try_advisory_xact_lock($1) AS mine")
            .bind::<BigInt, _>(number)
            .get_result(tx.conn())
            .await?;
        if !turn.mine {
            return Err(Refusal::new(Code::IdempotencyInProgress).retry_after(1).into());
        }
        let rows: Vec<Row> = sql("SELECT request_mac, answer FROM idempotency_keys WHERE scope = $1")
            .bind::<Bytea, _>(self.scope.to_vec())
            .load(tx.conn())
            .await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        if !bool::from(row.request_mac.as_slice().ct_eq(&self.request)) {
            return Err(refuse(Code::IdempotencyKeyReused));
        }
        let text = keys.open(&row.answer, &self.place())?;
        let stored: Stored = serde_json::from_slice(&text).map_err(damaged)?;
        let body = STANDARD.decode(stored.body).map_err(damaged)?;
        Ok(Some(Parts {
            status: stored.status,
            body,
            media_type: stored.media_type,
            version: stored.version,
            location: stored.location,
            replayed: true,
            ..reply::empty()
        }))
    }

    /// Stores the answer beside its effect.
    pub async fn keep(
        &self,
        tx: &mut Tx,
        keys: &KeyRing,
        parts: &Parts,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let stored = Stored {
            status: parts.status,
            body: STANDARD.encode(&parts.body),
            media_type: parts.media_type.clone(),
            version: parts.version,
            location: parts.location.clone(),
        };
        let text = serde_json::to_vec(&stored).map_err(damaged)?;
        sql("INSERT INTO idempotency_keys (scope, request_mac, answer, created_at) VALUES ($1, $2, $3, $4)")
            .bind::<Bytea, _>(self.scope.to_vec())
            .bind::<Bytea, _>(self.request.to_vec())
            .bind::<Bytea, _>(keys.seal(&text, &self.place())?)
            .bind::<Timestamptz, _>(now)
            .execute(tx.conn())
            .await?;
        Ok(())
    }

    fn place(&self) -> String {
        format!("idempotency_keys/{}", hex::encode(self.scope))
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a stored answer is damaged: {error}"))
}
