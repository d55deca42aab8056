//! Logging in and out, refreshing.
use super::super::model::{Contact, delay_after, delay_of_address};
use super::super::store::{self, Standing};
use super::super::tokens;
use super::sign_up::LOG_IN_SCOPE;
use crate::kernel::{Code, Ctx, Error, Fault, MembershipId, Refusal, SessionId, UserId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::platform::http::Outcome;
use crate::platform::personal;
use crate::platform::sealing::Purpose;
use crate::platform::trail::{self, Fact};
use crate::platform::{App, new_id};
use crate::policies;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::net::IpAddr;

/// What a log-in or refresh gives.
pub struct Tokens {
    pub access: String,
    pub access_seconds: u32,
    pub refresh: String,
    pub refresh_expires_at: DateTime<Utc>,
    pub standing: Option<Standing>,
}

/// The verdict on a password, reached before any transaction is open.
pub struct Checked {
    /// Who the password is right for, and the hash that says so.
    user: Option<(UserId, String)>,
    subjects: [Vec<u8>; 2],
}

/// Compares a password; for an unknown contact the same work is done.
///
/// # Errors
/// `log_in_delayed` while account or address wait after refused attempts.
pub async fn check_password(
    app: &App,
    contact: &Contact,
    password: &str,
    address: IpAddr,
) -> Result<Checked, Error> {
    let subject = |kind: &[u8], value: &[u8]| app.keys.mac(Purpose::Delay, &[kind, value]).to_vec();
    let subjects =
        [subject(b"account", contact.value.as_bytes()), subject(b"address", address.to_string().as_bytes())];
    let realm = app.settings.realm;
    app.db.transaction(realm, async |tx| attempt(tx, app, &subjects).await).await?;
    let known = user_of(&mut *app.db.conn().await?, app, contact).await?;
    let stored = known.as_ref().map(|(_, hash)| hash.as_str());
    let right = app.hashing.verify(password, stored).await?;
    Ok(Checked { user: known.filter(|_| right), subjects })
}

/// Counts an attempt before it is judged, so that many at once gain nothing; a right one is taken
/// back by the log-in.
async fn attempt(tx: &mut Tx, app: &App, subjects: &[Vec<u8>; 2]) -> Result<(), Error> {
    let delays: [fn(i32) -> TimeDelta; 2] = [delay_after, delay_of_address];
    for (subject, delay) in subjects.iter().zip(delays) {
        let failures = store::count_attempt(tx, subject, app.clock.now()).await?;
        // Asked once the row is ours: an attempt that waited for it must not find its own past in it.
        let now = app.clock.now();
        if let Some(until) = store::blocked_until(tx, subject).await?.filter(|until| *until > now) {
            let wait = (until - now).num_seconds().max(1).unsigned_abs();
            return Err(Refusal::new(Code::LogInDelayed).retry_after(wait).into());
        }
        let wait = delay(failures);
        if wait > TimeDelta::zero() {
            store::block(tx, subject, now + wait).await?;
        }
    }
    Ok(())
}

async fn user_of(conn: &mut Conn, app: &App, contact: &Contact) -> Result<Option<(UserId, String)>, Error> {
    let Some(value) =
        personal::find_claimed(conn, &app.keys, contact.kind, &contact.value, LOG_IN_SCOPE).await?
    else {
        return Ok(None);
    };
    let Some(contact) = store::contact_of_value(conn, value).await? else { return Ok(None) };
    Ok(store::user(conn, contact.user_id).await?.map(|user| (user.id, user.password_hash)))
}

/// Opens a session, or counts a refused attempt; both commit.
pub async fn log_in(
    tx: &mut Tx,
    ctx: &Ctx,
    app: &App,
    checked: &Checked,
    device: &str,
    membership: Option<MembershipId>,
) -> Result<Outcome<Tokens>, Error> {
    let now = app.clock.now();
    // A password that was changed while this one was being judged makes the verdict void.
    let user = match &checked.user {
        Some((user, hash)) => {
            let current = store::lock_user(tx, *user).await?;
            current.filter(|current| current.password_hash == *hash).map(|current| current.id)
        }
        None => None,
    };
    let Some(user) = user else {
        record(tx, ctx, "session.refused", new_id::<SessionId>().0).await?;
        return Ok(Outcome::Refused(Refusal::new(Code::LogInRefused)));
    };
    store::forgive(tx, &checked.subjects[0]).await?;
    store::uncount(tx, &checked.subjects[1]).await?;
    let standing = match membership {
        Some(membership) => Some(chosen(tx, user, membership).await?),
        // With one membership there is nothing to choose.
        None => match store::standings(tx.conn(), user).await?.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        },
    };
    let session = new_id::<SessionId>();
    let membership = standing.as_ref().map(|standing| standing.membership_id);
    store::insert_session(tx, session, user, membership, device, now).await?;
    record(tx, ctx, "session.opened", session.0).await?;
    issue(tx, app, user, session, standing).await.map(Outcome::Done)
}

/// Trades a refresh token for new tokens. A token that was used before closes its session: either
/// the caller or a thief holds a copy.
pub async fn refresh(
    tx: &mut Tx,
    ctx: &Ctx,
    app: &App,
    token: &str,
    membership: Option<MembershipId>,
) -> Result<Outcome<Tokens>, Error> {
    let hash = tokens::refresh_hash(token);
    let now = app.clock.now();
    let found = store::lock_refresh_token(tx, &hash).await?.filter(|found| now < found.expires_at);
    let Some(found) = found else { return Err(refuse(Code::InvalidToken)) };
    let (session, user) = (found.session.id, found.session.user_id);
    if found.used_at.is_some() {
        store::end_sessions(tx, user, Some(session), "refresh_token_reused", now).await?;
        record(tx, ctx, "session.reuse_detected", session.0).await?;
        return Ok(Outcome::Refused(Refusal::new(Code::RefreshTokenReused)));
    }
    let standing = match (membership, found.session.membership_id) {
        (Some(chosen_now), _) => Some(chosen(tx, user, chosen_now).await?),
        // A membership that ended since leaves the log-in without one.
        (None, Some(previous)) => store::standing(tx.conn(), user, previous).await?,
        (None, None) => None,
    };
    let membership = standing.as_ref().map(|standing| standing.membership_id);
    store::use_refresh_token(tx, &hash, session, membership, now).await?;
    record(tx, ctx, "session.refreshed", session.0).await?;
    issue(tx, app, user, session, standing).await.map(Outcome::Done)
}

/// Logs one of the actor's own devices out.
pub async fn end_session(tx: &mut Tx, ctx: &Ctx, app: &App, session: SessionId) -> Result<(), Error> {
    let user = ctx.actor()?.user;
    if store::end_sessions(tx, user, Some(session), "logged_out", app.clock.now()).await? == 0 {
        return Err(refuse(Code::NotFound));
    }
    // A session never changes but to end; its version is 1.
    ctx.expect_version(1)?;
    record(tx, ctx, "session.ended", session.0).await
}

/// The person whose log-in name a contact is.
pub async fn user_by_contact(conn: &mut Conn, app: &App, contact: &str) -> Result<UserId, Error> {
    let contact = Contact::parse(contact).ok_or_else(|| refuse(Code::ContactInvalid))?;
    Ok(user_of(conn, app, &contact).await?.ok_or_else(|| refuse(Code::NotFound))?.0)
}

/// Ends all sessions of a person, for the platform's own people.
pub async fn revoke_sessions(tx: &mut Tx, ctx: &Ctx, app: &App, contact: &str) -> Result<usize, Error> {
    let user = user_by_contact(tx.conn(), app, contact).await?;
    let ended = store::end_sessions(tx, user, None, "revoked", app.clock.now()).await?;
    record(tx, ctx, "user.sessions_revoked", user.0).await?;
    Ok(ended)
}

async fn chosen(tx: &mut Tx, user: UserId, membership: MembershipId) -> Result<Standing, Error> {
    store::standing(tx.conn(), user, membership)
        .await?
        .ok_or_else(|| Refusal::rules(vec![Fault::at("#/membership_id", Code::UnknownReference)]).into())
}

async fn issue(
    tx: &mut Tx,
    app: &App,
    user: UserId,
    session: SessionId,
    standing: Option<Standing>,
) -> Result<Tokens, Error> {
    let now = app.clock.now();
    let policies = policies::at(tx.conn(), crate::kernel::TimeZone::JAKARTA.date_of(now), None).await?;
    let minutes = policies.count("session.access_minutes")?;
    let (refresh, hash) = tokens::refresh_token();
    let refresh_expires_at = now + TimeDelta::days(policies.count("session.refresh_days")?.into());
    store::insert_refresh_token(tx, &hash, session, now, refresh_expires_at).await?;
    let access = tokens::access_token(&app.keys, user, session, standing.as_ref(), now, minutes)?;
    Ok(Tokens { access, access_seconds: minutes * 60, refresh, refresh_expires_at, standing })
}

async fn record(tx: &mut Tx, ctx: &Ctx, kind: &str, subject: uuid::Uuid) -> Result<(), Error> {
    let fact = Fact {
        kind,
        subject,
        before: None,
        after: json!({ "id": subject }),
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await
}
