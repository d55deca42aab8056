//! A vendor's quote: written, handed in, replaced, confirmed, taken back.
//!
//! Locks: the request is held in share by every vendor together, then the vendor's own quote. The clock
//! is read after both, so that whoever was held up is judged by the time at which it really came; an
//! opening waits for everybody who came in time.
use super::super::sealed::{self, QuoteFields, QuoteStatus, SealedQuote};
use super::super::store::{self, Quote, Submission};
use super::{own_vendor, record};
use crate::kernel::{Code, Ctx, Error, Fault, ProductId, QuoteId, Refusal, RequestId, VendorId, refuse};
use crate::platform::db::{Conn, Tx};
use crate::platform::new_id;
use crate::platform::sealing::{KeyRing, OwnKey, random, seal_to, sha256};
use crate::platform::trail::{Notice, canonical};
use crate::requests::{self, AwardMode, Invitation};
use crate::vendors;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What rests under the vendor's own key: the quote as it is being written, and what was handed in last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OwnCopy {
    pub fields: QuoteFields,
    pub sent: Option<Sent>,
}

/// What was handed in: the very text that the commitment is over, and its salt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sent {
    pub submission: i32,
    /// 32 bytes in hexadecimal.
    pub salt: String,
    /// Canonical JSON; the commitment is `SHA-256(salt ‖ text)`.
    pub text: String,
}

/// What stands in a quote's associated data.
fn place(quote: QuoteId) -> String {
    format!("quotes/{quote}/own_copy")
}

/// What a sealed submission is bound to.
pub(super) fn place_of_submission(
    request: RequestId,
    vendor: VendorId,
    number: i32,
    key_number: i32,
) -> String {
    format!("quote_submissions/{request}/{vendor}/{number}/{key_number}")
}

/// `SHA-256(salt ‖ text)`.
pub fn commitment(salt: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = salt.to_vec();
    bytes.extend_from_slice(text.as_bytes());
    sha256(&bytes).to_vec()
}

/// Opens a vendor's own copy.
pub async fn own_copy(conn: &mut Conn, ring: &KeyRing, quote: &Quote) -> Result<OwnCopy, Error> {
    let key = store::known_own_key(conn, ring, quote.vendor_id).await?;
    read_copy(&key, quote)
}

fn read_copy(key: &OwnKey, quote: &Quote) -> Result<OwnCopy, Error> {
    let plain = key.open(&quote.own_copy, &place(quote.id))?;
    serde_json::from_slice(&plain).map_err(|error| Error::Internal(format!("an own copy: {error}")))
}

fn write_copy(key: &OwnKey, quote: QuoteId, copy: &OwnCopy) -> Result<Vec<u8>, Error> {
    let plain = serde_json::to_vec(copy).map_err(|error| Error::Internal(error.to_string()))?;
    key.seal(&plain, &place(quote))
}

/// Begins a quote.
///
/// # Errors
/// `deadline_passed`, `not_invited`, `quote_exists`, `vendor_not_verified`, and
/// `pair_official_vendor_owner` where somebody of the vendor acts for the office.
pub async fn create(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: RequestId,
    fields: &QuoteFields,
) -> Result<Quote, Error> {
    let vendor = own_vendor(ctx)?;
    let row = store::hold_published(tx, id).await?;
    require_may_quote(tx, ctx, &row, vendor).await?;
    let key = store::own_key(tx, ring, vendor).await?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    let quote_id: QuoteId = new_id();
    let quote = Quote {
        id: quote_id,
        realm: row.realm,
        request_id: id,
        vendor_id: vendor,
        status: QuoteStatus::Draft,
        status_reason: None,
        own_copy: write_copy(&key, quote_id, &OwnCopy { fields: fields.clone(), sent: None })?,
        changed_at: now,
        submission: None,
        submitted_at: None,
        commitment: None,
        confirmed_addenda: 0,
        version: 1,
        disqualified_code: None,
        verified_at: None,
        passed_over_at: None,
    };
    store::insert_quote(tx, &quote).await?;
    tell(tx, ctx, "quote.begun", &row, &quote, None).await?;
    Ok(quote)
}

/// Lays a patch over what the vendor is writing; what was handed in stays as it is.
pub async fn update(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: QuoteId,
    patch: impl Fn(&QuoteFields) -> Result<QuoteFields, Error>,
) -> Result<Quote, Error> {
    let (row, quote, key) = lock(tx, ctx, ring, id).await?;
    ctx.expect_version(quote.version)?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    let copy = read_copy(&key, &quote)?;
    let next = OwnCopy { fields: patch(&copy.fields)?, sent: copy.sent };
    let next = Quote { own_copy: write_copy(&key, id, &next)?, changed_at: now, ..quote };
    let saved = store::save_quote(tx, next).await?;
    tell(tx, ctx, "quote.changed", &row, &saved, None).await?;
    Ok(saved)
}

/// Hands a quote in, or puts it in the place of the one that was: sealed, committed to, and receipted.
///
/// # Errors
/// Every fault of the quote at once; `deadline_passed`.
pub async fn submit(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: QuoteId,
    replaces: bool,
) -> Result<(requests::Row, Quote, Sent), Error> {
    let (row, quote, key) = lock(tx, ctx, ring, id).await?;
    ctx.expect_version(quote.version)?;
    require_may_quote(tx, ctx, &row, quote.vendor_id).await?;
    let copy = read_copy(&key, &quote)?;
    let quotation = requests::quotation_of(tx.conn(), row.id).await?;
    let number = store::last_submission_number(tx.conn(), id).await? + 1;
    let content = judged(tx.conn(), &row, &quotation, &copy.fields, (quote.vendor_id, number)).await?;
    let (key_number, public) = store::current_key(tx.conn(), row.id).await?;
    let text = canonical(&serde_json::to_value(&content).map_err(|e| Error::Internal(e.to_string()))?);
    let salt: [u8; 32] = random();
    let sent = Sent { submission: number, salt: hex::encode(salt), text };
    let bound = place_of_submission(row.id, quote.vendor_id, number, key_number);
    let sealed = seal_to(&public, &sealed_bytes(&sent)?, &bound)?;
    // Last of all, so that nothing lies between the clock and the commit but writing.
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    match (quote.status, replaces) {
        (QuoteStatus::Draft | QuoteStatus::Withdrawn, false) | (QuoteStatus::Submitted, true) => {}
        _ => return Err(refuse(Code::IllegalTransition)),
    }
    let commitment = commitment(&salt, &sent.text);
    if replaces {
        store::end_submission(tx, id, "replaced", now).await?;
    }
    let submission = Submission {
        quote_id: id,
        number,
        request_id: row.id,
        key_number,
        sealed,
        commitment: commitment.clone(),
        submitted_at: now,
        ended_at: None,
        end_reason: None,
    };
    store::insert_submission(tx, &submission).await?;
    let next = Quote {
        status: QuoteStatus::Submitted,
        own_copy: write_copy(&key, id, &OwnCopy { fields: copy.fields, sent: Some(sent.clone()) })?,
        submission: Some(number),
        submitted_at: Some(now),
        commitment: Some(commitment),
        confirmed_addenda: quotation.addenda,
        ..quote
    };
    let saved = store::save_quote(tx, next).await?;
    let kind = if replaces { "quote.replaced" } else { "quote.submitted" };
    tell(tx, ctx, kind, &row, &saved, Some("quote_submitted")).await?;
    Ok((row, saved, sent))
}

/// Takes a quote back; until the deadline it may be handed in again.
pub async fn withdraw(tx: &mut Tx, ctx: &Ctx, ring: &KeyRing, id: QuoteId) -> Result<Quote, Error> {
    let (row, quote, _) = lock(tx, ctx, ring, id).await?;
    ctx.expect_version(quote.version)?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    if quote.status != QuoteStatus::Submitted {
        return Err(refuse(Code::IllegalTransition));
    }
    store::end_submission(tx, id, "withdrawn", now).await?;
    let next = Quote {
        status: QuoteStatus::Withdrawn,
        submission: None,
        submitted_at: None,
        commitment: None,
        ..quote
    };
    let saved = store::save_quote(tx, next).await?;
    tell(tx, ctx, "quote.withdrawn", &row, &saved, Some("quote_withdrawn")).await?;
    Ok(saved)
}

/// Stands by a quote after an addendum.
pub async fn confirm(tx: &mut Tx, ctx: &Ctx, ring: &KeyRing, id: QuoteId) -> Result<Quote, Error> {
    let (row, quote, _) = lock(tx, ctx, ring, id).await?;
    ctx.expect_version(quote.version)?;
    require_may_quote(tx, ctx, &row, quote.vendor_id).await?;
    let quotation = requests::quotation_of(tx.conn(), row.id).await?;
    let now = tx.now().await?;
    row.state()?.at(now).takes_quotes()?;
    if quote.status != QuoteStatus::Submitted {
        return Err(refuse(Code::IllegalTransition));
    }
    if quote.confirmed_addenda >= quotation.addenda {
        return Err(refuse(Code::NothingToConfirm));
    }
    let saved = store::save_quote(tx, Quote { confirmed_addenda: quotation.addenda, ..quote }).await?;
    tell(tx, ctx, "quote.confirmed", &row, &saved, None).await?;
    Ok(saved)
}

/// The quote as it would be sealed.
async fn judged(
    conn: &mut Conn,
    row: &requests::Row,
    quotation: &requests::QuotationRow,
    fields: &QuoteFields,
    (vendor, number): (VendorId, i32),
) -> Result<SealedQuote, Error> {
    let asked: Vec<_> = requests::asked_lines(conn, row.id).await?.iter().map(|line| line.id).collect();
    let wanted: Vec<ProductId> = fields.lines.iter().flatten().map(|line| line.product_id).collect();
    let products = store::quotable_products(conn, vendor, &wanted).await?;
    let mut faults = sealed::faults(fields, &asked, quotation.award == AwardMode::Whole, &products);
    if quotation.invitation == Invitation::Open {
        let slots = requests::asked_slots(conn, &asked).await?;
        for (place, line) in fields.lines.iter().flatten().enumerate() {
            for slot in slots.iter().filter(|slot| slot.line_id == line.line_id) {
                if vendors::shipping(conn, vendor, &slot.region_code).await?.is_none() {
                    faults.push(Fault::at(format!("#/lines/{place}/line_id"), Code::RegionNotServed));
                    break;
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(sealed::sealed(fields, (row.id, vendor, number), &products))
    } else {
        Err(Refusal::rules(faults).into())
    }
}

/// What goes into the envelope: the salt and the text that the commitment is over.
fn sealed_bytes(sent: &Sent) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(&json!({ "salt": sent.salt, "text": sent.text }))
        .map_err(|error| Error::Internal(error.to_string()))
}

/// Whether the vendor may quote here at all.
pub(super) async fn require_may_quote(
    tx: &mut Tx,
    ctx: &Ctx,
    row: &requests::Row,
    vendor: VendorId,
) -> Result<(), Error> {
    let now = tx.now().await?;
    let trading = vendors::trading(tx.conn(), row.realm, &[vendor], now).await?;
    if !trading.first().is_some_and(|trading| trading.open) {
        return Err(refuse(Code::VendorNotVerified));
    }
    let quotation = requests::quotation_of(tx.conn(), row.id).await?;
    if quotation.invitation == Invitation::Invited
        && !requests::invited_vendors(tx.conn(), row.id).await?.contains(&vendor)
    {
        return Err(refuse(Code::NotInvited));
    }
    // Nobody of the vendor may act for the office on it (Perpres 16/2018 Pasal 7), whoever sends the quote.
    if requests::officers_among(tx.conn(), row.id, vendor).await?
        || requests::buys(tx.conn(), row.id, ctx.actor()?.user).await?
    {
        return Err(refuse(Code::PairOfficialVendorOwner));
    }
    Ok(())
}

async fn lock(
    tx: &mut Tx,
    ctx: &Ctx,
    ring: &KeyRing,
    id: QuoteId,
) -> Result<(requests::Row, Quote, OwnKey), Error> {
    let vendor = own_vendor(ctx)?;
    let request = store::own_quote(tx.conn(), vendor, id).await?.request_id;
    let row = store::hold_published(tx, request).await?;
    let quote = store::lock_own_quote(tx, vendor, id).await?;
    let key = store::known_own_key(tx.conn(), ring, vendor).await?;
    Ok((row, quote, key))
}

/// Leaves the trail, without a word of what the quote says.
async fn tell(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: &str,
    row: &requests::Row,
    quote: &Quote,
    template: Option<&str>,
) -> Result<(), Error> {
    let after = json!({ "id": quote.id, "request_id": quote.request_id, "vendor_id": quote.vendor_id,
        "status": quote.status, "submission": quote.submission, "submitted_at": quote.submitted_at,
        "commitment": quote.commitment.as_ref().map(hex::encode), "confirmed_addenda": quote.confirmed_addenda,
        "version": quote.version });
    let notices: Vec<Notice> = template
        .map(|template| requests::to_vendor(template, row, quote.vendor_id, None))
        .into_iter()
        .collect();
    record(tx, ctx, kind, row, after, Some(quote.id), notices).await
}
