//! Opening the quotes: by the clock, or by two officers.
//!
//! Locks: the request. Vendors hold it in share while they hand in, so an opening sees everybody who came
//! before the deadline, and nobody comes after it.
use super::super::sealed::{QuoteStatus, SealedQuote};
use super::super::store::{self, Counting, Found};
use super::quote::{commitment, place_of_submission};
use super::quoting::{end_without_award, to_officer};
use crate::accounts;
use crate::kernel::{Code, Ctx, Error, Member, MembershipId, Refusal, RequestId, Role, UserId, refuse};
use crate::platform::db::Tx;
use crate::platform::sealing::{KeyRing, PrivateHalf};
use crate::platform::trail::{Audience, Notice};
use crate::requests;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use subtle::ConstantTimeEq;

const TWO_OFFICERS: &str = "two_officers";

/// What came of asking for the opening: a refusal that leaves its trace commits too.
pub enum Asked {
    Opened(requests::Row),
    /// One of two has asked.
    First(requests::Row),
    Refused(Refusal),
}

/// Asks for the opening. Where two officers open, the second of them opens; before the deadline the
/// attempt is kept and refused.
pub async fn ask(tx: &mut Tx, ctx: &Ctx, ring: &KeyRing, id: RequestId) -> Result<Asked, Error> {
    let row = requests::lock(tx, &requests::member_sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let (actor, member) = (ctx.actor()?, ctx.member()?);
    require_opener(ctx, &row)?;
    let vendors = requests::taking_part(tx.conn(), id).await?;
    if requests::any_member_of(tx.conn(), actor.user, &vendors).await? {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    let who = Some((member.id, actor.user));
    let now = tx.now().await?;
    match row.state()?.at(now).open_quotes() {
        Err(error) if error.code() == Some(Code::TooEarly) => {
            return refused(tx, ctx, &row, who, "too_early", Code::TooEarly).await;
        }
        other => drop(other?),
    }
    if store::key_lies_ahead(tx.conn(), id, now).await? {
        return refused(tx, ctx, &row, who, "too_early", Code::TooEarly).await;
    }
    let quotation = requests::quotation_of(tx.conn(), id).await?;
    if quotation.opening_mode.as_deref() == Some(TWO_OFFICERS) {
        match store::first_of_two(tx.conn(), id).await? {
            None => {
                store::insert_attempt(tx, id, who, "first_of_two", now).await?;
                let saved = requests::touch(tx, row.clone()).await?;
                requests::record(tx, ctx, "request.opening_begun", Some(&row), &saved, Vec::new()).await?;
                return Ok(Asked::First(saved));
            }
            Some(first) if first.user_id == Some(actor.user) || same_office(tx, &first, member).await? => {
                return refused(tx, ctx, &row, who, "same_person", Code::PairSamePerson).await;
            }
            Some(_) => {}
        }
    }
    store::insert_attempt(tx, id, who, "opened", now).await?;
    open(tx, ctx, ring, row).await.map(Asked::Opened)
}

/// Opens one quotation whose deadline has passed and that needs no hand. Answers how many.
pub async fn open_due(tx: &mut Tx, ctx: &Ctx, ring: &KeyRing) -> Result<usize, Error> {
    let now = tx.now().await?;
    let due = store::due_openings(tx, now, 1).await?;
    for id in &due {
        let row = requests::by_id(tx.conn(), *id).await?;
        store::insert_attempt(tx, *id, None, "opened", now).await?;
        open(tx, ctx, ring, row).await?;
    }
    Ok(due.len())
}

/// Whether an officer and a deputy in the officer's place asked: they are one of two, not both.
async fn same_office(tx: &mut Tx, first: &store::Attempt, member: &Member) -> Result<bool, Error> {
    let Some(first) = first.membership_id else { return Ok(false) };
    let officer = accounts::officers_of(tx.conn(), &[first]).await?.remove(&first).unwrap_or(first);
    Ok(officer == member.office())
}

/// Who may ask for it: the officer in charge, the commitment officer who is named or any of the unit, a
/// deputy of theirs, or an auditor.
fn require_opener(ctx: &Ctx, row: &requests::Row) -> Result<(), Error> {
    let member = ctx.member()?;
    match member.role {
        Role::ProcurementOfficer => requests::require_officer(ctx, row),
        Role::CommitmentOfficer
            if row.commitment_officer_id.is_some_and(|named| !member.stands_for(named)) =>
        {
            Err(refuse(Code::OfficerNotSuitable))
        }
        _ => Ok(()),
    }
}

async fn refused(
    tx: &mut Tx,
    ctx: &Ctx,
    row: &requests::Row,
    who: Option<(MembershipId, UserId)>,
    outcome: &str,
    code: Code,
) -> Result<Asked, Error> {
    let now = tx.now().await?;
    store::insert_attempt(tx, row.id, who, outcome, now).await?;
    let after = json!({ "request_id": row.id, "outcome": outcome });
    super::record(tx, ctx, "request.opening_refused", row, after, None, Vec::new()).await?;
    Ok(Asked::Refused(Refusal::new(code)))
}

/// Opens every counting quote of a locked request. What cannot be read is kept as that; nothing is
/// dropped. With no quote that counts the request has failed.
async fn open(tx: &mut Tx, ctx: &Ctx, ring: &KeyRing, row: requests::Row) -> Result<requests::Row, Error> {
    let now = tx.now().await?;
    let state = row.state()?.at(now).open_quotes()?;
    let quotation = requests::quotation_of(tx.conn(), row.id).await?;
    let halves = store::private_halves(tx, ring, row.id).await?;
    let counting = store::counting(tx.conn(), row.id).await?;
    let found: Vec<Found> =
        counting.iter().map(|quote| examine(&row, quote, &halves, quotation.addenda)).collect();
    store::keep_opened(tx, row.id, &found, now).await?;
    requests::save_quotation(tx, &requests::QuotationRow { opened_at: Some(now), ..quotation }).await?;
    let valid = found.iter().filter(|found| found.status == QuoteStatus::Opened).count();
    if valid == 0 {
        let state = state.fail("Tidak ada penawaran yang sah (no valid quote)".into())?;
        return end_without_award(tx, ctx, row, state).await;
    }
    let saved = requests::settle(tx, row.clone(), state).await?;
    let mut notices: Vec<Notice> = requests::taking_part(tx.conn(), row.id)
        .await?
        .into_iter()
        .map(|vendor| requests::to_vendor("quotation_opened", &saved, vendor, None))
        .collect();
    notices.push(to_officer("quotation_opened", &saved));
    if let Some(named) = saved.commitment_officer_id {
        let officer = to_officer("quotation_opened", &saved);
        notices.push(Notice { audience: Audience::Membership(named.0), ..officer });
    }
    for notice in &mut notices {
        notice.arguments["number"] = json!(found.len());
    }
    requests::record(tx, ctx, "request.quotes_opened", Some(&row), &saved, notices).await?;
    Ok(saved)
}

/// The envelope: what the vendor committed to, and the salt.
#[derive(Deserialize)]
struct Envelope {
    salt: String,
    text: String,
}

fn examine(row: &requests::Row, quote: &Counting, halves: &HashMap<i32, PrivateHalf>, addenda: i32) -> Found {
    let outcome = read(row, quote, halves);
    let status = match &outcome {
        Err(_) => QuoteStatus::Unreadable,
        Ok(_) if quote.confirmed_addenda < addenda => QuoteStatus::Unconfirmed,
        Ok(_) => QuoteStatus::Opened,
    };
    let facts = json!({ "vat_registered": quote.vat_registered, "size_class": quote.size_class,
        "legal_form": quote.legal_form });
    Found { quote: quote.quote_id, status, outcome: outcome.map_err(str::to_owned), facts }
}

fn read(
    row: &requests::Row,
    quote: &Counting,
    halves: &HashMap<i32, PrivateHalf>,
) -> Result<(serde_json::Value, Vec<u8>), &'static str> {
    let half = halves.get(&quote.key_number).ok_or("key_missing")?;
    let bound = place_of_submission(row.id, quote.vendor_id, quote.number, quote.key_number);
    let plain = half.open(&quote.sealed, &bound).ok_or("does_not_decrypt")?;
    let envelope: Envelope = serde_json::from_slice(&plain).map_err(|_| "not_a_quote")?;
    let salt = hex::decode(&envelope.salt).map_err(|_| "not_a_quote")?;
    let made = commitment(&salt, &envelope.text);
    let public = quote.public_commitment.as_deref().unwrap_or_default();
    if !bool::from(made.ct_eq(&quote.commitment)) || !bool::from(made.as_slice().ct_eq(public)) {
        return Err("commitment_differs");
    }
    let content: SealedQuote = serde_json::from_str(&envelope.text).map_err(|_| "not_a_quote")?;
    let own = (content.request_id, content.vendor_id, content.submission)
        == (row.id, quote.vendor_id, quote.number);
    if !own {
        return Err("not_this_quote");
    }
    let content = serde_json::from_str(&envelope.text).map_err(|_| "not_a_quote")?;
    Ok((content, salt))
}
