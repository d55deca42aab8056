//! What waits for whom: a vendor's requests that fit it, with reasons why others do not; an office's
//! requests with who is to act, since when and until when.
use super::super::commands;
use super::super::model::Side;
use super::super::sealed::QuoteStatus;
use super::super::store::{self, OfficeItem, Party, VendorItem};
use crate::kernel::{
    Code, Ctx, Language, MembershipId, Method, OrganisationId, QuoteId, RequestId, UnitId, act,
};
use crate::platform::db;
use crate::platform::http::{Api, Call, Listing, PageQuery, Sends};
use crate::requests::RequestStatus;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/inbox", list_inbox);
}

/// A request on which somebody is to act.
#[derive(Serialize, ToSchema)]
struct InboxItem {
    request_id: RequestId,
    title: String,
    method: Method,
    status: RequestStatus,
    /// The office; told to vendors.
    agency_id: Option<OrganisationId>,
    agency_name: Option<String>,
    /// The work unit; told to the office.
    unit_id: Option<UnitId>,
    officer_id: Option<MembershipId>,
    commitment_officer_id: Option<MembershipId>,
    /// Who is to act: vendor, procurement_officer, commitment_officer, approver; opening and objections wait
    /// for the clock or for two officers.
    #[schema(example = "procurement_officer")]
    waits_for: String,
    since: DateTime<Utc>,
    due: Option<DateTime<Utc>>,
    /// Whether the vendor was asked by name.
    invited: Option<bool>,
    /// Whether the request fits the vendor; why not stands in `reasons`.
    fits: Option<bool>,
    reasons: Vec<FitReason>,
    quote_id: Option<QuoteId>,
    quote_status: Option<QuoteStatus>,
    /// An addendum came after the quote: confirm or replace it.
    confirmation_needed: Option<bool>,
}

/// Why a request does not fit, or a warning.
#[derive(Serialize, ToSchema)]
struct FitReason {
    code: String,
    reason: &'static str,
    remedy: &'static str,
}

async fn list_inbox(call: Call<act::ListInbox, (), PageQuery>) -> Sends<Listing<InboxItem>> {
    call.read(async |conn, ctx| {
        let now = db::now(conn, ctx.realm()).await?;
        match commands::party(ctx)? {
            Party::Vendor(vendor) => {
                let page = call.page::<(DateTime<Utc>, RequestId)>()?;
                let after = page.after().copied();
                let rows = store::vendor_inbox(conn, vendor, ctx.realm(), now, after, page.fetch()).await?;
                Ok(page.close(rows, |row| (row.due, row.id)).map(|row| of_vendor(ctx, row)))
            }
            Party::Office(sight) => {
                let page = call.page::<RequestId>()?;
                let rows =
                    store::office_inbox(conn, &sight, now, page.after().copied(), page.fetch()).await?;
                Ok(page.close(rows, |row| row.id).map(of_office))
            }
        }
    })
    .await
}

fn of_vendor(ctx: &Ctx, row: VendorItem) -> InboxItem {
    let reason = |fits: bool, code: Code, language: Language| {
        let texts = code.texts(language);
        (!fits).then(|| FitReason { code: code.as_str(), reason: texts.title, remedy: texts.remedy })
    };
    let reasons = [
        reason(row.serves_region, Code::RegionNotServed, ctx.language),
        reason(row.sells_category, Code::CategoryNotSold, ctx.language),
        reason(row.kbli_fits, Code::KbliMismatch, ctx.language),
    ];
    let quotation = row.method == Method::Quotation;
    let theirs = match row.last_proposed_by {
        Some(Side::Vendor) => "procurement_officer",
        _ => "vendor",
    };
    InboxItem {
        request_id: row.id,
        title: row.title,
        method: row.method,
        status: if quotation { RequestStatus::Open } else { RequestStatus::Negotiating },
        agency_id: Some(row.agency_id),
        agency_name: Some(row.agency_name),
        unit_id: None,
        officer_id: None,
        commitment_officer_id: None,
        waits_for: theirs.to_owned(),
        since: row.since,
        due: Some(row.due),
        invited: Some(row.invited),
        // A classification that does not match is a warning and hides nothing.
        fits: Some(row.serves_region && row.sells_category),
        reasons: reasons.into_iter().flatten().collect(),
        quote_id: row.quote_id,
        quote_status: row.quote_status,
        confirmation_needed: quotation.then_some(row.unconfirmed),
    }
}

fn of_office(row: OfficeItem) -> InboxItem {
    InboxItem {
        request_id: row.id,
        title: row.title,
        method: row.method,
        status: row.status,
        agency_id: None,
        agency_name: None,
        unit_id: Some(row.unit_id),
        officer_id: Some(row.officer_id),
        commitment_officer_id: row.commitment_officer_id,
        waits_for: row.waits_for,
        since: row.since,
        due: row.due,
        invited: None,
        fits: None,
        reasons: Vec::new(),
        quote_id: None,
        quote_status: None,
        confirmation_needed: None,
    }
}
