//! Requests that ask for quotes as everybody may read them: vendors, rivals, the public.
use super::super::store::{self, Addendum};
use super::quoting::QuestionView;
use crate::accounts;
use crate::kernel::{Amount, LineId, OrganisationId, ProductId, Quantity, RequestId, UnitId, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Listing, NoQuery, PageQuery, Reply, Sends};
use crate::requests::{self, AwardMode, Criterion, EvaluationMethod, Invitation, PlaceView, RequestStatus};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub fn routes(api: &mut Api) {
    api.get("/public/v1/quotations", list_public_quotations)
        .get("/public/v1/quotations/{id}", get_public_quotation);
}

/// A request that takes quotes now.
#[derive(Serialize, ToSchema)]
struct QuotationSummary {
    request_id: RequestId,
    title: String,
    agency_id: OrganisationId,
    agency_name: String,
    unit_id: UnitId,
    invitation: Invitation,
    quote_deadline: Option<DateTime<Utc>>,
    needed_on: NaiveDate,
}

async fn list_public_quotations(
    call: Call<act::ListPublicQuotations, (), PageQuery>,
) -> Sends<Listing<QuotationSummary>> {
    call.read(async |conn, ctx| {
        let page = call.page::<(DateTime<Utc>, RequestId)>()?;
        let realm = ctx.realm();
        let now = db::now(conn, realm).await?;
        let rows = store::open_quotations(conn, realm, now, page.after().copied(), page.fetch()).await?;
        let page = page.close(rows, |row| (row.quote_deadline.unwrap_or_default(), row.id));
        let next = page.next_cursor.clone();
        let mut views = Vec::with_capacity(page.items.len());
        for row in page.items {
            views.push(QuotationSummary {
                request_id: row.id,
                agency_name: accounts::organisation_name(conn, row.agency_id).await?,
                invitation: requests::quotation_of(conn, row.id).await?.invitation,
                title: row.title,
                agency_id: row.agency_id,
                unit_id: row.unit_id,
                quote_deadline: row.quote_deadline,
                needed_on: row.needed_on,
            });
        }
        Ok(Listing::page(views, next).public(15))
    })
    .await
}

/// A request that asks for quotes, with how many came in and their commitments.
#[derive(Serialize, ToSchema)]
struct QuotationPage {
    request_id: RequestId,
    title: String,
    status: RequestStatus,
    agency_id: OrganisationId,
    agency_name: String,
    unit_id: UnitId,
    invitation: Invitation,
    award: AwardMode,
    evaluation: EvaluationMethod,
    criteria: Vec<Criterion>,
    terms: String,
    /// The owner's estimate, with VAT; left out where the office keeps it.
    estimate_total: Option<Amount>,
    #[schema(example = "IDR")]
    currency: &'static str,
    needed_on: NaiveDate,
    opened_for_quotes_at: Option<DateTime<Utc>>,
    quote_deadline: Option<DateTime<Utc>>,
    opened_at: Option<DateTime<Utc>>,
    lines: Vec<AskedLinePage>,
    questions: Vec<QuestionView>,
    addenda: Vec<AddendumPage>,
    quotes_received: usize,
    /// SHA-256 commitments of the quotes that count, in the order of final submission.
    commitments: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct AskedLinePage {
    id: LineId,
    product_id: Option<ProductId>,
    category_code: String,
    name: String,
    description: String,
    unit: String,
    #[schema(value_type = Object)]
    attributes: Value,
    quantity: Quantity,
    slots: Vec<PlaceView>,
}

#[derive(Serialize, ToSchema)]
struct AddendumPage {
    number: i32,
    text: String,
    quote_deadline: DateTime<Utc>,
    issued_at: DateTime<Utc>,
}

impl From<Addendum> for AddendumPage {
    fn from(row: Addendum) -> Self {
        Self {
            number: row.number,
            text: row.text,
            quote_deadline: row.quote_deadline,
            issued_at: row.issued_at,
        }
    }
}

async fn get_public_quotation(
    call: Call<act::GetPublicQuotation, (RequestId,), NoQuery>,
) -> Sends<Reply<QuotationPage>> {
    call.read(async |conn, ctx| {
        let row = store::published(conn, ctx.realm(), call.path.0).await?;
        let now = db::now(conn, row.realm).await?;
        let quotation = requests::quotation_of(conn, row.id).await?;
        let lines = requests::asked_lines(conn, row.id).await?;
        let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
        let slots = requests::asked_slots(conn, &ids).await?;
        let commitments = store::commitments(conn, row.id).await?;
        let line = |line: requests::AskedLine| AskedLinePage {
            slots: slots.iter().filter(|slot| slot.line_id == line.id).map(PlaceView::from).collect(),
            id: line.id,
            product_id: line.product_id,
            category_code: line.category_code,
            name: line.name,
            description: line.description,
            unit: line.unit,
            attributes: line.attributes,
            quantity: line.quantity,
        };
        // Questions without an answer are the office's business.
        let questions = store::questions(conn, row.id).await?;
        let answered = questions.into_iter().filter(|question| question.answer.is_some());
        let page = QuotationPage {
            request_id: row.id,
            status: row.state()?.at(now).status(),
            agency_name: accounts::organisation_name(conn, row.agency_id).await?,
            title: row.title,
            agency_id: row.agency_id,
            unit_id: row.unit_id,
            invitation: quotation.invitation,
            award: quotation.award,
            evaluation: quotation.evaluation,
            criteria: quotation.criteria()?,
            terms: quotation.terms,
            estimate_total: quotation.estimate_total.filter(|_| quotation.estimate_public),
            currency: "IDR",
            needed_on: row.needed_on,
            opened_for_quotes_at: quotation.opened_for_quotes_at,
            quote_deadline: row.quote_deadline,
            opened_at: quotation.opened_at,
            lines: lines.into_iter().map(line).collect(),
            questions: answered.map(QuestionView::from).collect(),
            addenda: store::addenda(conn, row.id).await?.into_iter().map(AddendumPage::from).collect(),
            quotes_received: commitments.len(),
            commitments: commitments.iter().map(hex::encode).collect(),
        };
        Ok(Reply::new(page).public(15))
    })
    .await
}
