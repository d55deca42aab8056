//! The verifier's side: claim, decide, suspend.
use super::super::model::State;
use super::super::store::{self, Row, Sight};
use super::settle;
use crate::kernel::{Code, Ctx, Error, Fault, Refusal, Role, TimeZone, UserId, VendorId, refuse};
use crate::platform::db::{self, Conn, Tx};
use crate::platform::personal;
use crate::policies;
use chrono::{DateTime, TimeDelta, Utc};

/// Whether the caller holds the file as its verifier now; a claim lapses after the policy's hours.
pub async fn holds_claim(conn: &mut Conn, ctx: &Ctx, row: &Row) -> Result<bool, Error> {
    let (Some(by), Some(since)) = (row.claimed_by, row.claimed_at) else { return Ok(false) };
    if ctx.actor()?.user != by || ctx.member()?.role != Role::Verifier {
        return Ok(false);
    }
    let now = db::now(conn, row.realm).await?;
    let policies = policies::at(conn, TimeZone::JAKARTA.date_of(now), None).await?;
    Ok(now < since + TimeDelta::hours(policies.count("verification.claim_hours")?.into()))
}

/// Takes a file from the queue.
///
/// # Errors
/// `claimed_by_another`, `pair_verifier_vendor` when the verifier is one of the vendor's people.
pub async fn claim(tx: &mut Tx, ctx: &Ctx, id: VendorId) -> Result<Row, Error> {
    let user = ctx.actor()?.user;
    let row = store::lock(tx, Sight::Realm(ctx.realm()), id).await?;
    ctx.expect_version(row.version)?;
    if store::is_member(tx.conn(), id, user).await? {
        return Err(refuse(Code::PairVerifierVendor));
    }
    let now = tx.now().await?;
    let policies = policies::at(tx.conn(), TimeZone::JAKARTA.date_of(now), None).await?;
    let state = row.state()?.claim(user, now, policies.count("verification.claim_hours")?)?;
    let next = row.clone().with_state(state);
    settle(tx, ctx, &row, next, "vendor.claimed", None).await
}

/// Verifies a claimed file; what it states counts as confirmed by the verifier.
pub async fn verify(tx: &mut Tx, ctx: &Ctx, id: VendorId) -> Result<Row, Error> {
    let saved = decide(tx, ctx, id, "vendor.verified", "vendor_verified", State::verify).await?;
    let now = tx.now().await?;
    let given = [
        ("nib", saved.nib.is_some()),
        ("npwp", saved.npwp.is_some() || saved.npwp_id.is_some()),
        ("kbli", !saved.kbli_codes.is_empty()),
    ];
    for (fact, _) in given.into_iter().filter(|(_, given)| *given) {
        store::note_fact(tx, id, fact, "verifier", Some(now)).await?;
    }
    Ok(saved)
}

pub async fn request_revision(tx: &mut Tx, ctx: &Ctx, id: VendorId, reason: &str) -> Result<Row, Error> {
    let revise = |state: State, by| state.request_revision(by, reason.to_owned());
    decide(tx, ctx, id, "vendor.revision_requested", "vendor_revision_requested", revise).await
}

/// Rejects a file; its NIB and NIK are free again.
pub async fn reject(tx: &mut Tx, ctx: &Ctx, id: VendorId, reason: &str) -> Result<Row, Error> {
    let reject = |state: State, by| state.reject(by, reason.to_owned());
    let saved = decide(tx, ctx, id, "vendor.rejected", "vendor_rejected", reject).await?;
    if let Some(nik) = saved.nik_id {
        personal::release(tx, nik).await?;
    }
    Ok(saved)
}

async fn decide(
    tx: &mut Tx,
    ctx: &Ctx,
    id: VendorId,
    kind: &str,
    template: &str,
    transition: impl FnOnce(State, UserId) -> Result<State, Error>,
) -> Result<Row, Error> {
    let user = ctx.actor()?.user;
    let row = store::lock(tx, Sight::Realm(ctx.realm()), id).await?;
    ctx.expect_version(row.version)?;
    if store::is_member(tx.conn(), id, user).await? {
        return Err(refuse(Code::PairVerifierVendor));
    }
    let state = transition(row.state()?, user)?;
    let now = tx.now().await?;
    let next = Row { decided_at: Some(now), ..row.clone().with_state(state) };
    settle(tx, ctx, &row, next, kind, Some(template)).await
}

/// Suspends a vendor; readers of its state hide its products at their next read.
pub async fn suspend(
    tx: &mut Tx,
    ctx: &Ctx,
    id: VendorId,
    reason: &str,
    until: Option<DateTime<Utc>>,
) -> Result<Row, Error> {
    let row = store::lock(tx, Sight::Realm(ctx.realm()), id).await?;
    ctx.expect_version(row.version)?;
    if store::is_member(tx.conn(), id, ctx.actor()?.user).await? {
        return Err(refuse(Code::PairVerifierVendor));
    }
    let now = tx.now().await?;
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::rules(vec![Fault::at("#/until", Code::OutOfRange)]).into());
    }
    let state = row.state()?.at(now).suspend(reason.to_owned(), until)?;
    let next = Row { decided_at: Some(now), ..row.clone().with_state(state) };
    settle(tx, ctx, &row, next, "vendor.suspended", Some("vendor_suspended")).await
}

pub async fn reinstate(tx: &mut Tx, ctx: &Ctx, id: VendorId) -> Result<Row, Error> {
    let row = store::lock(tx, Sight::Realm(ctx.realm()), id).await?;
    ctx.expect_version(row.version)?;
    if store::is_member(tx.conn(), id, ctx.actor()?.user).await? {
        return Err(refuse(Code::PairVerifierVendor));
    }
    let now = tx.now().await?;
    let state = row.state()?.at(now).reinstate()?;
    let next = Row { decided_at: Some(now), ..row.clone().with_state(state) };
    settle(tx, ctx, &row, next, "vendor.reinstated", Some("vendor_reinstated")).await
}
