//! A vendor's quote. Answers to writes never hold what a quote says: they may be stored for replay.
use super::super::commands::{self, OwnCopy, Sent};
use super::super::sealed::{QuoteFields, QuoteStatus, SealedQuote};
use super::super::store::{self, Opened, Party, Quote};
use crate::kernel::{Code, Ctx, Error, QuoteId, RequestId, VendorId, act, refuse};
use crate::platform::db::{self, Conn};
use crate::platform::http::{
    Api, AvailableAction, Call, Created, Json, Listing, Merge, NoBody, NoQuery, Reply, Sends,
};
use crate::platform::sealing::KeyRing;
use crate::requests;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/quotes", create_quote)
        .get("/api/v1/requests/{id}/quotes", list_quotes)
        .get("/api/v1/quotes/{id}", get_quote)
        .patch("/api/v1/quotes/{id}", update_quote)
        .post("/api/v1/quotes/{id}/actions/submit", submit_quote)
        .post("/api/v1/quotes/{id}/actions/replace", replace_quote)
        .post("/api/v1/quotes/{id}/actions/confirm", confirm_quote)
        .post("/api/v1/quotes/{id}/actions/withdraw", withdraw_quote);
}

/// A quote, without what it says.
#[derive(Serialize, ToSchema)]
pub struct QuoteView {
    /// Not told before the opening to anybody but its vendor.
    id: Option<QuoteId>,
    request_id: RequestId,
    /// Not told before the opening to anybody but the vendor itself.
    vendor_id: Option<VendorId>,
    vendor_name: Option<String>,
    status: QuoteStatus,
    status_reason: Option<String>,
    /// `SHA-256(salt ‖ text)` of what was handed in, in hexadecimal.
    commitment: Option<String>,
    submission: Option<i32>,
    submitted_at: Option<DateTime<Utc>>,
    /// An addendum came after it: confirm or replace it before the deadline, or it will not count.
    confirmation_needed: bool,
    version: i32,
    available_actions: Vec<AvailableAction>,
}

/// A quote with what it says.
#[derive(Serialize, ToSchema)]
struct QuoteDocument {
    #[serde(flatten)]
    quote: QuoteView,
    /// What the vendor is writing; shown to the vendor alone.
    fields: Option<QuoteFields>,
    /// What was handed in last, with the salt of its commitment; shown to the vendor alone.
    sent: Option<SentView>,
    /// What lay in the envelope, from the opening on.
    opened: Option<SealedQuote>,
    /// The salt of the commitment in hexadecimal, from the opening on.
    salt: Option<String>,
    /// Why it could not be read at the opening.
    fault: Option<String>,
    cures: Vec<CureView>,
}

/// A formal fault that the vendor may mend, and how it did.
#[derive(Serialize, ToSchema)]
pub struct CureView {
    fault: String,
    asked_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl From<&store::Cure> for CureView {
    fn from(cure: &store::Cure) -> Self {
        Self {
            fault: cure.fault.clone(),
            asked_at: cure.asked_at,
            due_at: cure.due_at,
            answer: cure.answer.clone(),
            answered_at: cure.answered_at,
        }
    }
}

/// What was handed in: SHA-256 over the salt's bytes followed by the text gives the commitment.
#[derive(Serialize, ToSchema)]
struct SentView {
    submission: i32,
    salt: String,
    text: String,
}

impl From<Sent> for SentView {
    fn from(sent: Sent) -> Self {
        Self { submission: sent.submission, salt: sent.salt, text: sent.text }
    }
}

/// What a vendor holds in hand: whoever knows the text recomputes the commitment with the salt.
#[derive(Serialize, ToSchema)]
struct QuoteReceipt {
    quote: QuoteView,
    submission: i32,
    submitted_at: Option<DateTime<Utc>>,
    quote_deadline: Option<DateTime<Utc>>,
    /// `SHA-256(salt ‖ text)` in hexadecimal; public.
    commitment: Option<String>,
    /// 32 random bytes in hexadecimal; the vendor's own until the opening.
    salt: String,
}

async fn create_quote(
    call: Call<act::CreateQuote, (RequestId,), NoQuery, Json<QuoteFields>>,
) -> Sends<Created<QuoteView>> {
    call.write(async |tx, ctx| {
        let quote = commands::create(tx, ctx, &call.app.keys, call.path.0, &call.body.0).await?;
        let (location, version) = (format!("/api/v1/quotes/{}", quote.id), quote.version);
        Ok(Created { view: own_quote_view(tx.conn(), ctx, quote).await?, version, location })
    })
    .await
}

async fn list_quotes(call: Call<act::ListQuotes, (RequestId,)>) -> Sends<Listing<QuoteView>> {
    call.read(async |conn, ctx| match commands::party(ctx)? {
        Party::Vendor(vendor) => {
            let own = store::quote_of(conn, call.path.0, vendor).await?;
            let own = own.ok_or_else(|| refuse(Code::NotFound))?;
            Ok(Listing::whole(vec![own_quote_view(conn, ctx, own).await?]))
        }
        party @ Party::Office(_) => {
            let row = store::find_request(conn, &party, call.path.0).await?;
            let quotation = requests::quotation_of(conn, row.id).await.map_err(commands::hidden)?;
            let opened = quotation.opened_at.is_some();
            let mut views = Vec::new();
            for quote in store::handed_in(conn, row.id).await? {
                views.push(office_view(conn, quote, opened, quotation.addenda).await?);
            }
            Ok(Listing::whole(views))
        }
    })
    .await
}

async fn get_quote(call: Call<act::GetQuote, (QuoteId,)>) -> Sends<Reply<QuoteDocument>> {
    call.read(async |conn, ctx| {
        let document = match commands::party(ctx)? {
            Party::Vendor(vendor) => {
                let quote = store::own_quote(conn, vendor, call.path.0).await?;
                own_document(conn, ctx, &call.app.keys, quote).await?
            }
            party @ Party::Office(_) => {
                let request = store::request_of_quote(conn, call.path.0).await?;
                let row = store::find_request(conn, &party, request).await?;
                let quotation = requests::quotation_of(conn, row.id).await?;
                // Before the opening there is no such quote for the office.
                let opened = store::opened_quote(conn, call.path.0).await?;
                let opened = opened.ok_or_else(|| refuse(Code::NotFound))?;
                let quote = store::quote_in(conn, row.id, call.path.0).await?;
                let cures = store::cures(conn, &[quote.id]).await?;
                let quote = office_view(conn, quote, true, quotation.addenda).await?;
                document(quote, None, Some(opened), &cures)?
            }
        };
        let version = document.quote.version;
        Ok(Reply::versioned(document, version).secret())
    })
    .await
}

async fn update_quote(
    call: Call<act::UpdateQuote, (QuoteId,), NoQuery, Merge<QuoteFields>>,
) -> Sends<Reply<QuoteDocument>> {
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let patch = |current: &QuoteFields| call.body.over(current);
        let quote = commands::update(tx, ctx, keys, call.path.0, patch).await?;
        let version = quote.version;
        Ok(Reply::versioned(own_document(tx.conn(), ctx, keys, quote).await?, version).secret())
    })
    .await
}

async fn submit_quote(
    call: Call<act::SubmitQuote, (QuoteId,), NoQuery, NoBody>,
) -> Sends<Reply<QuoteReceipt>> {
    call.write(async |tx, ctx| {
        let (row, quote, sent) = commands::submit(tx, ctx, &call.app.keys, call.path.0, false).await?;
        receipt(tx.conn(), ctx, &row, quote, sent).await
    })
    .await
}

async fn replace_quote(
    call: Call<act::ReplaceQuote, (QuoteId,), NoQuery, NoBody>,
) -> Sends<Reply<QuoteReceipt>> {
    call.write(async |tx, ctx| {
        let (row, quote, sent) = commands::submit(tx, ctx, &call.app.keys, call.path.0, true).await?;
        receipt(tx.conn(), ctx, &row, quote, sent).await
    })
    .await
}

async fn receipt(
    conn: &mut Conn,
    ctx: &Ctx,
    row: &requests::Row,
    quote: Quote,
    sent: Sent,
) -> Result<Reply<QuoteReceipt>, Error> {
    let version = quote.version;
    let receipt = QuoteReceipt {
        submission: sent.submission,
        submitted_at: quote.submitted_at,
        quote_deadline: row.quote_deadline,
        commitment: quote.commitment.as_ref().map(hex::encode),
        salt: sent.salt,
        quote: own_quote_view(conn, ctx, quote).await?,
    };
    Ok(Reply::versioned(receipt, version))
}

async fn confirm_quote(
    call: Call<act::ConfirmQuote, (QuoteId,), NoQuery, NoBody>,
) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let quote = commands::confirm(tx, ctx, &call.app.keys, call.path.0).await?;
        let version = quote.version;
        Ok(Reply::versioned(own_quote_view(tx.conn(), ctx, quote).await?, version))
    })
    .await
}

async fn withdraw_quote(
    call: Call<act::WithdrawQuote, (QuoteId,), NoQuery, NoBody>,
) -> Sends<Reply<QuoteView>> {
    call.write(async |tx, ctx| {
        let quote = commands::withdraw(tx, ctx, &call.app.keys, call.path.0).await?;
        let version = quote.version;
        Ok(Reply::versioned(own_quote_view(tx.conn(), ctx, quote).await?, version))
    })
    .await
}

async fn own_document(
    conn: &mut Conn,
    ctx: &Ctx,
    keys: &KeyRing,
    quote: Quote,
) -> Result<QuoteDocument, Error> {
    let copy = commands::own_copy(conn, keys, &quote).await?;
    let opened = store::opened_quote(conn, quote.id).await?;
    let cures = store::cures(conn, &[quote.id]).await?;
    document(own_quote_view(conn, ctx, quote).await?, Some(copy), opened, &cures)
}

fn document(
    quote: QuoteView,
    copy: Option<OwnCopy>,
    opened: Option<Opened>,
    cures: &[store::Cure],
) -> Result<QuoteDocument, Error> {
    let (fields, sent) = copy.map(|copy| (copy.fields, copy.sent)).unzip();
    Ok(QuoteDocument {
        cures: cures.iter().map(CureView::from).collect(),
        quote,
        fields,
        sent: sent.flatten().map(SentView::from),
        salt: opened.as_ref().and_then(|opened| opened.salt.as_ref().map(hex::encode)),
        fault: opened.as_ref().and_then(|opened| opened.fault.clone()),
        opened: opened.map(|opened| opened.quote()).transpose()?.flatten(),
    })
}

/// A quote as its own vendor sees it.
pub async fn own_quote_view(conn: &mut Conn, ctx: &Ctx, quote: Quote) -> Result<QuoteView, Error> {
    let row = requests::by_id(conn, quote.request_id).await?;
    let addenda = requests::quotation_of(conn, quote.request_id).await?.addenda;
    let now = db::now(conn, row.realm).await?;
    let open = || row.state()?.at(now).takes_quotes().map(drop);
    let submitted = quote.status == QuoteStatus::Submitted;
    let needed = submitted && quote.confirmed_addenda < addenda;
    let when = |allowed: bool, code: Code| if allowed { open() } else { Err(refuse(code)) };
    let illegal = Code::IllegalTransition;
    let writable = matches!(quote.status, QuoteStatus::Draft | QuoteStatus::Withdrawn);
    let cures = store::cures(conn, &[quote.id]).await?;
    let cure = match cures.iter().find(|cure| cure.answer.is_none()) {
        Some(asked) if asked.due_at <= now => Err(refuse(Code::Expired)),
        Some(_) if row.state()? == requests::State::Evaluating => Ok(()),
        _ => Err(refuse(illegal)),
    };
    let tried = [
        ("submit", when(writable, illegal)),
        ("replace", when(submitted, illegal)),
        ("confirm", when(needed, Code::NothingToConfirm)),
        ("withdraw", when(submitted, illegal)),
        ("cure", cure),
    ];
    let shown = |(verb, outcome): (&'static str, Result<(), Error>)| {
        AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
    };
    Ok(QuoteView {
        available_actions: tried.into_iter().map(shown).collect(),
        id: Some(quote.id),
        request_id: quote.request_id,
        vendor_id: Some(quote.vendor_id),
        vendor_name: None,
        status: quote.status,
        status_reason: quote.status_reason,
        commitment: quote.commitment.map(hex::encode),
        submission: quote.submission,
        submitted_at: quote.submitted_at,
        confirmation_needed: needed,
        version: quote.version,
    })
}

/// A quote as the office sees it: before the opening only that it is there.
async fn office_view(conn: &mut Conn, quote: Quote, opened: bool, addenda: i32) -> Result<QuoteView, Error> {
    let vendor_name = match opened {
        true => {
            let vendor = crate::kernel::OrganisationId(quote.vendor_id.0);
            Some(crate::accounts::organisation_name(conn, vendor).await?)
        }
        false => None,
    };
    Ok(QuoteView {
        available_actions: Vec::new(),
        id: opened.then_some(quote.id),
        request_id: quote.request_id,
        vendor_id: opened.then_some(quote.vendor_id),
        vendor_name,
        status: quote.status,
        status_reason: quote.status_reason,
        commitment: quote.commitment.map(hex::encode),
        submission: quote.submission.filter(|_| opened),
        submitted_at: quote.submitted_at,
        confirmation_needed: quote.status == QuoteStatus::Submitted && quote.confirmed_addenda < addenda,
        version: quote.version,
    })
}

/// A quote that lies open, as the office sees it.
pub async fn office_quote(conn: &mut Conn, quote: Quote) -> Result<QuoteView, Error> {
    office_view(conn, quote, true, 0).await
}
