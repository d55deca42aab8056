//! The officer's desk: begin, change, look up, check.
use super::super::assess::{self, Check};
use super::super::model::{Comparison, RequestFields, RequestStatus};
use super::super::{commands, store};
use super::view::{RequestView, view};
use crate::kernel::{Amount, Language, LineId, PackageId, RequestId, UnitId, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, Merge, NoQuery, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests", create_request)
        .get("/api/v1/requests", list_requests)
        .get("/api/v1/requests/{id}", get_request)
        .patch("/api/v1/requests/{id}", update_request)
        .put("/api/v1/requests/{id}/owner-estimate", set_owner_estimate)
        .put("/api/v1/requests/{id}/comparison", compare_afterwards)
        .post("/api/v1/policy-checks", check_policies);
}

/// A new draft: for which unit, on which package, by when; the rest as it is at hand.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    unit_id: UnitId,
    package_id: PackageId,
    #[schema(min_length = 3, max_length = 200, pattern = "\\S", example = "Alat tulis kantor triwulan IV")]
    title: String,
    #[schema(example = "2035-06-30")]
    needed_on: NaiveDate,
    #[serde(default)]
    #[validate(nested)]
    fields: RequestFields,
}

async fn create_request(
    call: Call<act::CreateRequest, (), NoQuery, Json<CreateRequest>>,
) -> Sends<Created<RequestView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let fields = RequestFields {
            needed_on: Some(input.needed_on),
            title: Some(input.title.trim().to_owned()),
            package_id: Some(input.package_id),
            ..input.fields.clone()
        };
        let title = input.title.trim();
        let row =
            commands::create(tx, ctx, keys, input.unit_id, input.package_id, title, input.needed_on, &fields)
                .await
                .map_err(|error| error.below("fields", &["unit_id", "package_id", "title", "needed_on"]))?;
        let (location, version) = (format!("/api/v1/requests/{}", row.id), row.version);
        Ok(Created { view: view(tx.conn(), ctx, keys, row).await?, version, location })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct RequestFilter {
    #[param(inline)]
    status: Option<RequestStatus>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

async fn list_requests(call: Call<act::ListRequests, (), RequestFilter>) -> Sends<Listing<RequestView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<RequestId>()?;
        let sight = commands::member_sight(ctx)?;
        let now = crate::platform::db::now(conn, ctx.realm()).await?;
        let rows =
            store::list(conn, &sight, call.query.status, now, page.after().copied(), page.fetch()).await?;
        let page = page.close(rows, |row| row.id);
        let next = page.next_cursor.clone();
        let mut views = Vec::with_capacity(page.items.len());
        for row in page.items {
            views.push(view(conn, ctx, &call.app.keys, row).await?);
        }
        Ok(Listing::page(views, next))
    })
    .await
}

async fn get_request(call: Call<act::GetRequest, (RequestId,)>) -> Sends<Reply<RequestView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &commands::member_sight(ctx)?, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(conn, ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn update_request(
    call: Call<act::UpdateRequest, (RequestId,), NoQuery, Merge<RequestFields>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let patch = |current: &RequestFields| call.body.over(current);
        let named =
            commands::Named { lines: call.body.touches("lines"), quotation: call.body.touches("quotation") };
        let row = commands::update(tx, ctx, keys, call.path.0, named, patch).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, keys, row).await?, version))
    })
    .await
}

/// An owner's estimate. Its total is public unless told otherwise; how it was reached is never shown.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "total": "45000000.00", "public": true }))]
struct SetOwnerEstimate {
    total: Amount,
    #[serde(default = "yes")]
    public: bool,
    #[serde(default)]
    #[schema(max_items = 100)]
    breakdown: Vec<EstimatedLineFields>,
}

fn yes() -> bool {
    true
}

/// What one line is estimated at, with VAT.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EstimatedLineFields {
    line_id: LineId,
    unit_price: Amount,
}

async fn set_owner_estimate(
    call: Call<act::SetOwnerEstimate, (RequestId,), NoQuery, Json<SetOwnerEstimate>>,
) -> Sends<Reply<RequestView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let line = |line: &EstimatedLineFields| commands::EstimatedLine {
            line_id: line.line_id,
            unit_price: line.unit_price,
        };
        let estimate = commands::Estimate {
            total: input.total,
            public: input.public,
            breakdown: input.breakdown.iter().map(line).collect(),
        };
        let row = commands::set_estimate(tx, ctx, keys, call.path.0, &estimate).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, keys, row).await?, version))
    })
    .await
}

async fn compare_afterwards(
    call: Call<act::CompareAfterwards, (RequestId,), NoQuery, Json<Comparison>>,
) -> Sends<Reply<RequestView>> {
    call.write(async |tx, ctx| {
        let row = commands::compare_afterwards(tx, ctx, call.path.0, &call.body.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}

/// The request to judge.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckPolicies {
    request_id: RequestId,
}

/// Every rule with its figures, and what a submission now would come to.
#[derive(Serialize, ToSchema)]
struct PolicyCheckView {
    ready: bool,
    checks: Vec<CheckView>,
    #[schema(example = "IDR")]
    currency: &'static str,
    goods_total: Amount,
    shipping_fee: Amount,
    vat_total: Amount,
    gross_total: Amount,
    approval_roles: Vec<String>,
    /// When an approval would be due.
    approval_due_at: DateTime<Utc>,
    /// Days were counted past the end of the holiday calendar.
    provisional: bool,
}

#[derive(Serialize, ToSchema)]
struct CheckView {
    #[schema(example = "method_limit")]
    rule: &'static str,
    /// A rule that is met may still carry advice: code, reason and remedy.
    met: bool,
    pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    #[schema(value_type = Object)]
    figures: Value,
    legal_basis: Option<String>,
}

fn check_view(check: Check, language: Language) -> CheckView {
    let told = check.refused.or(check.advised);
    let texts = told.map(|code| code.texts(language));
    CheckView {
        rule: check.rule,
        met: check.refused.is_none(),
        pointer: check.pointer,
        code: told.map(crate::kernel::Code::as_str),
        reason: texts.map(|texts| texts.title),
        remedy: texts.map(|texts| texts.remedy),
        figures: check.figures,
        legal_basis: check.legal_basis,
    }
}

async fn check_policies(
    call: Call<act::CheckPolicies, (), NoQuery, Json<CheckPolicies>>,
) -> Sends<Reply<PolicyCheckView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &commands::member_sight(ctx)?, call.body.0.request_id).await?;
        let lines = store::lines(conn, row.id).await?;
        let ids: Vec<_> = lines.iter().map(|line| line.id).collect();
        let slots = store::slots_of(conn, &ids).await?;
        let found = assess::assess(conn, &row, &lines, &slots).await?;
        Ok(Reply::new(PolicyCheckView {
            ready: found.faults().is_empty(),
            currency: "IDR",
            goods_total: found.totals.goods,
            shipping_fee: found.totals.shipping,
            vat_total: found.totals.vat,
            gross_total: found.totals.gross,
            approval_roles: found.approval_roles,
            approval_due_at: found.due.at,
            provisional: found.due.provisional,
            checks: found.checks.into_iter().map(|check| check_view(check, ctx.language)).collect(),
        }))
    })
    .await
}
