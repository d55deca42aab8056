//! The opening and its minutes.
use super::super::commands::{self, Asked};
use super::super::sealed::QuoteStatus;
use super::super::store::{self, Party};
use crate::accounts;
use crate::kernel::{
    Code, Ctx, Error, MembershipId, OrganisationId, QuoteId, RequestId, VendorId, act, refuse,
};
use crate::platform::db::Conn;
use crate::platform::http::{Api, Call, NoBody, NoQuery, Outcome, Reply, Sends};
use crate::requests::{self, RequestStatus};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/opening", open_quotes).get("/api/v1/requests/{id}/opening", get_opening);
}

/// The minutes: who asked when, and what was found.
#[derive(Serialize, ToSchema)]
pub struct OpeningView {
    request_id: RequestId,
    title: String,
    status: RequestStatus,
    #[schema(example = "automatic_at_deadline")]
    mode: Option<String>,
    quote_deadline: Option<DateTime<Utc>>,
    opened_at: Option<DateTime<Utc>>,
    addenda: i32,
    attempts: Vec<AttemptView>,
    /// In the order of final submission; empty before the opening.
    quotes: Vec<OpenedQuoteView>,
}

#[derive(Serialize, ToSchema)]
struct AttemptView {
    /// None: the clock.
    membership_id: Option<MembershipId>,
    attempted_at: DateTime<Utc>,
    #[schema(example = "too_early")]
    outcome: String,
}

/// A quote that was found in the box.
#[derive(Serialize, ToSchema)]
struct OpenedQuoteView {
    quote_id: QuoteId,
    vendor_id: VendorId,
    vendor_name: String,
    status: QuoteStatus,
    submission: Option<i32>,
    submitted_at: Option<DateTime<Utc>>,
    commitment: Option<String>,
    /// The commitment's salt: told to the office, and to the vendor its own.
    salt: Option<String>,
    /// Why it could not be read.
    fault: Option<String>,
}

async fn open_quotes(
    call: Call<act::OpenQuotes, (RequestId,), NoQuery, NoBody>,
) -> Sends<Outcome<Reply<OpeningView>>> {
    call.write(async |tx, ctx| {
        let row = match commands::ask_for_opening(tx, ctx, &call.app.keys, call.path.0).await? {
            Asked::Opened(row) | Asked::First(row) => row,
            Asked::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let version = row.version;
        let party = commands::party(ctx)?;
        Ok(Outcome::Done(Reply::versioned(minutes(tx.conn(), ctx, &row, &party).await?, version)))
    })
    .await
}

async fn get_opening(call: Call<act::GetOpening, (RequestId,)>) -> Sends<Reply<OpeningView>> {
    call.read(async |conn, ctx| {
        let party = commands::party(ctx)?;
        let row = match &party {
            Party::Office(_) => store::find_request(conn, &party, call.path.0).await?,
            // Whoever took part reads the minutes.
            Party::Vendor(vendor) => {
                let own = store::quote_of(conn, call.path.0, *vendor).await?;
                own.filter(|own| own.submission.is_some()).ok_or_else(|| refuse(Code::NotFound))?;
                requests::by_id(conn, call.path.0).await?
            }
        };
        Ok(Reply::new(minutes(conn, ctx, &row, &party).await?))
    })
    .await
}

async fn minutes(
    conn: &mut Conn,
    ctx: &Ctx,
    row: &requests::Row,
    party: &Party,
) -> Result<OpeningView, Error> {
    let now = crate::platform::db::now(conn, ctx.realm()).await?;
    let quotation = requests::quotation_of(conn, row.id).await.map_err(commands::hidden)?;
    let opened = store::opened(conn, row.id).await?;
    let mut quotes = Vec::new();
    let handed_in = store::handed_in(conn, row.id).await?;
    let vendors: Vec<OrganisationId> =
        handed_in.iter().map(|quote| OrganisationId(quote.vendor_id.0)).collect();
    let names = accounts::organisation_names(conn, &vendors).await?;
    for quote in handed_in {
        let Some(found) = opened.iter().find(|found| found.quote_id == quote.id) else { continue };
        let own = match party {
            Party::Office(_) => true,
            Party::Vendor(vendor) => *vendor == quote.vendor_id,
        };
        quotes.push(OpenedQuoteView {
            quote_id: quote.id,
            vendor_id: quote.vendor_id,
            vendor_name: names.get(&OrganisationId(quote.vendor_id.0)).cloned().unwrap_or_default(),
            status: quote.status,
            submission: quote.submission,
            submitted_at: quote.submitted_at,
            commitment: quote.commitment.as_ref().map(hex::encode),
            salt: found.salt.as_ref().filter(|_| own).map(hex::encode),
            fault: found.fault.clone(),
        });
    }
    let attempt = |attempt: store::Attempt| AttemptView {
        membership_id: attempt.membership_id,
        attempted_at: attempt.attempted_at,
        outcome: attempt.outcome,
    };
    Ok(OpeningView {
        request_id: row.id,
        title: row.title.clone(),
        status: row.state()?.at(now).status(),
        mode: quotation.opening_mode,
        quote_deadline: row.quote_deadline,
        opened_at: quotation.opened_at,
        addenda: quotation.addenda,
        attempts: store::attempts(conn, row.id).await?.into_iter().map(attempt).collect(),
        quotes,
    })
}
