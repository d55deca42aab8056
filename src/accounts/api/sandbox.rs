//! The sandbox's clock and mails. Neither exists for the live realm: 404.
use super::super::commands;
use super::super::store;
use crate::kernel::{Code, Ctx, Error, Realm, act, refuse};
use crate::platform::db;
use crate::platform::http::{Api, Call, Json, Listing, NoQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/sandbox/clock", get_sandbox_clock)
        .post("/api/v1/sandbox/clock", move_sandbox_clock)
        .get("/api/v1/sandbox/mails", list_sandbox_mails);
}

#[derive(Serialize, ToSchema)]
struct ClockView {
    realm: Realm,
    now: DateTime<Utc>,
    /// How far ahead of real time it stands.
    ahead_seconds: i64,
}

fn outside_live(ctx: &Ctx) -> Result<Realm, Error> {
    match ctx.realm() {
        Realm::Live => Err(refuse(Code::NotFound)),
        realm => Ok(realm),
    }
}

async fn get_sandbox_clock(call: Call<act::GetSandboxClock, (), NoQuery>) -> Sends<Reply<ClockView>> {
    call.read(async |conn, ctx| {
        let realm = outside_live(ctx)?;
        let (now, ahead_seconds) = (db::now(conn, realm).await?, store::clock_offset(conn, realm).await?);
        Ok(Reply::new(ClockView { realm, now, ahead_seconds }).secret())
    })
    .await
}

/// The time to move to.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "now": "2035-01-01T00:00:00Z" }))]
struct MoveSandboxClock {
    now: DateTime<Utc>,
}

async fn move_sandbox_clock(
    call: Call<act::MoveSandboxClock, (), NoQuery, Json<MoveSandboxClock>>,
) -> Sends<Reply<ClockView>> {
    call.write(async |tx, ctx| {
        commands::move_clock(tx, ctx, call.body.0.now).await?;
        let realm = tx.realm();
        let now = tx.now().await?;
        let ahead_seconds = store::clock_offset(tx.conn(), realm).await?;
        Ok(Reply::new(ClockView { realm, now, ahead_seconds }).secret())
    })
    .await
}

#[derive(Serialize, ToSchema)]
struct MailView {
    message_id: String,
    to: String,
    subject: String,
    text: String,
}

/// Only a process whose own realm is not live keeps mails in memory to be looked at.
async fn list_sandbox_mails(call: Call<act::ListSandboxMails, (), NoQuery>) -> Sends<Listing<MailView>> {
    call.read(async |_, ctx| {
        outside_live(ctx)?;
        if ctx.home_realm == Realm::Live {
            return Err(refuse(Code::NotFound));
        }
        let mails = call.app.mailer.sent();
        let newest = mails.into_iter().rev().take(100);
        let show = newest.map(|mail| MailView {
            message_id: mail.message_id,
            to: mail.to,
            subject: mail.subject,
            text: mail.text,
        });
        Ok(Listing::whole(show.collect()))
    })
    .await
}
