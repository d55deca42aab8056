//! A request as its agency sees it.
use super::super::assess::recorded_fields;
use super::super::model::{
    AgreedTerms, Comparison, PaymentWay, RecordedFields, RequestStatus, State, UrgentFields, by_orders,
};
use super::super::model::{AwardMode, Criterion, EvaluationMethod, Invitation};
use super::super::store::{self, Approval, AskedLine, LineRow, Row, SlotRow};
use crate::accounts;
use crate::kernel::Method;
use crate::kernel::ProcurementKind;
use crate::kernel::{
    Amount, BudgetLineId, Code, Ctx, Error, LineId, MembershipId, OrderId, OrganisationId, PackageId,
    ProductId, Quantity, RequestId, Role, UnitId, VendorId, mask, refuse,
};
use crate::packages::BudgetMode;
use crate::platform::db::{self, Conn};
use crate::platform::http::AvailableAction;
use crate::platform::personal;
use crate::platform::sealing::KeyRing;
use crate::policies::ContractForm;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct RequestView {
    id: RequestId,
    agency_id: OrganisationId,
    unit_id: UnitId,
    method: Method,
    status: RequestStatus,
    status_reason: Option<String>,
    title: String,
    procurement_kind: ProcurementKind,
    contract_form: ContractForm,
    payment_way: PaymentWay,
    package_id: PackageId,
    budget_line_id: Option<BudgetLineId>,
    budget_mode: Option<BudgetMode>,
    treasurer_id: Option<MembershipId>,
    activity_officer_id: Option<MembershipId>,
    officer_id: MembershipId,
    commitment_officer_id: Option<MembershipId>,
    dpa_number: Option<String>,
    sub_activity: Option<String>,
    account_code: Option<String>,
    fund_source: Option<String>,
    budget_declared: bool,
    fiscal_year: i32,
    comparison: Option<Comparison>,
    split_reason: Option<String>,
    /// Why an urgent purchase cannot wait.
    urgent: Option<UrgentFields>,
    /// What was bought already.
    recorded: Option<RecordedFields>,
    needed_on: NaiveDate,
    #[schema(example = "IDR")]
    currency: &'static str,
    goods_total: Amount,
    shipping_fee: Amount,
    vat_total: Amount,
    gross_total: Amount,
    /// 59: the treasurer collects; 58: the marketplace does.
    tax_regime: Option<String>,
    /// Policy keys with the ids of the values that were used.
    #[schema(value_type = Object)]
    policy_versions: Value,
    /// SHA-256 over what an approval covers.
    content_hash: Option<String>,
    /// Roles that approve, in order.
    approval_roles: Vec<String>,
    approvals: Vec<ApprovalView>,
    submitted_at: Option<DateTime<Utc>>,
    approval_due_at: Option<DateTime<Utc>>,
    approved_at: Option<DateTime<Utc>>,
    /// Until when the vendors negotiate, then until when the agreement is to be handed in.
    negotiation_due_at: Option<DateTime<Utc>>,
    /// What was agreed with each vendor.
    agreed_terms: Option<Vec<AgreedTerms>>,
    renewed_from: Option<RequestId>,
    replaces_order_id: Option<OrderId>,
    lines: Vec<RequestLineView>,
    /// What quotes are asked for, and how.
    quotation: Option<QuotationView>,
    updated_at: DateTime<Utc>,
    version: i32,
    available_actions: Vec<AvailableAction>,
}

#[derive(Serialize, ToSchema)]
struct ApprovalView {
    step: i32,
    role: String,
    membership_id: MembershipId,
    /// The officer's membership in whose place a deputy approved.
    deputy_for: Option<MembershipId>,
    approved_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
struct RequestLineView {
    id: LineId,
    product_id: ProductId,
    vendor_id: VendorId,
    quantity: Quantity,
    /// Frozen on submission, as the vendor typed it.
    unit_price: Option<Amount>,
    goods_amount: Option<Amount>,
    vat_amount: Option<Amount>,
    #[schema(value_type = Option<Object>)]
    snapshot: Option<Value>,
    slots: Vec<SlotView>,
}

/// A delivery.
#[derive(Serialize, ToSchema)]
pub struct SlotView {
    day: NaiveDate,
    #[schema(value_type = String, example = "09:00:00")]
    time_from: NaiveTime,
    #[schema(value_type = String, example = "12:00:00")]
    time_to: NaiveTime,
    region_code: String,
    address: String,
    contact_name: String,
    contact_phone: Option<String>,
    quantity: Quantity,
}

/// Where and when to deliver, without a person.
#[derive(Clone, Serialize, ToSchema)]
pub struct PlaceView {
    day: NaiveDate,
    #[schema(value_type = String, example = "09:00:00")]
    time_from: NaiveTime,
    #[schema(value_type = String, example = "12:00:00")]
    time_to: NaiveTime,
    region_code: String,
    address: String,
    quantity: Quantity,
}

impl From<&SlotRow> for PlaceView {
    fn from(slot: &SlotRow) -> Self {
        Self {
            day: slot.day,
            time_from: slot.time_from,
            time_to: slot.time_to,
            region_code: slot.region_code.clone(),
            address: slot.address.clone(),
            quantity: slot.quantity,
        }
    }
}

impl SlotView {
    pub fn new(slot: &SlotRow, phone: Option<&String>, clear: bool) -> Self {
        Self {
            day: slot.day,
            time_from: slot.time_from,
            time_to: slot.time_to,
            region_code: slot.region_code.clone(),
            address: slot.address.clone(),
            contact_name: slot.contact_name.clone(),
            contact_phone: phone.map(|phone| if clear { phone.clone() } else { mask(phone) }),
            quantity: slot.quantity,
        }
    }
}

pub async fn view(conn: &mut Conn, ctx: &Ctx, keys: &KeyRing, row: Row) -> Result<RequestView, Error> {
    let now = db::now(conn, row.realm).await?;
    let (orders, ended_badly) = store::order_counts(conn, row.id, now).await?;
    let state = by_orders(row.state()?.at(now), orders, ended_badly);
    let lines = store::lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::slots_of(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    // Those who deal with the delivery read its contact; auditors and the rest see a mask.
    let role = ctx.member()?.role;
    let clear =
        [Role::ProcurementOfficer, Role::CommitmentOfficer, Role::Receiver, Role::Requester].contains(&role);
    let slot =
        |slot: &SlotRow| SlotView::new(slot, slot.contact_phone_id.and_then(|id| phones.get(&id)), clear);
    let line = |line: LineRow| RequestLineView {
        slots: slots.iter().filter(|of| of.line_id == line.id).map(slot).collect(),
        id: line.id,
        product_id: line.product_id,
        vendor_id: line.vendor_id,
        quantity: line.quantity,
        unit_price: line.unit_price,
        goods_amount: line.goods_amount,
        vat_amount: line.vat_amount,
        snapshot: line.snapshot,
    };
    let quotation = quotation_view(conn, keys, &row, clear).await?;
    let recorded = recorded_fields(&row)?;
    let scene = Scene {
        evaluated: quotation.as_ref().is_some_and(|quotation| quotation.evaluated_at.is_some()),
        has_orders: !store::standing_orders(conn, row.id).await?.is_empty(),
        compared: row.comparison.is_some(),
    };
    let approvals = match &row.content_hash {
        Some(hash) => store::approvals(conn, row.id, hash).await?,
        None => Vec::new(),
    };
    let approvers: Vec<MembershipId> = approvals.iter().map(|approval| approval.membership_id).collect();
    let deputies = accounts::officers_of(conn, &approvers).await?;
    let approval = |approval: Approval| ApprovalView {
        deputy_for: deputies.get(&approval.membership_id).copied(),
        step: approval.step,
        role: approval.role,
        membership_id: approval.membership_id,
        approved_at: approval.approved_at,
    };
    Ok(RequestView {
        available_actions: actions(ctx, &row, &state, &scene, approvals.len())?,
        lines: lines.into_iter().map(line).collect(),
        approvals: approvals.into_iter().map(approval).collect(),
        id: row.id,
        agency_id: row.agency_id,
        unit_id: row.unit_id,
        method: row.method,
        status: state.status(),
        status_reason: row.status_reason,
        title: row.title,
        procurement_kind: row.procurement_kind,
        contract_form: row.contract_form,
        payment_way: row.payment_way,
        package_id: row.package_id,
        budget_line_id: row.budget_line_id,
        budget_mode: row.budget_mode,
        treasurer_id: row.treasurer_id,
        activity_officer_id: row.activity_officer_id,
        officer_id: row.officer_id,
        commitment_officer_id: row.commitment_officer_id,
        dpa_number: row.dpa_number,
        sub_activity: row.sub_activity,
        account_code: row.account_code,
        fund_source: row.fund_source,
        budget_declared: row.budget_declared,
        fiscal_year: row.fiscal_year,
        comparison: row.comparison.and_then(|value| serde_json::from_value(value).ok()),
        split_reason: row.split_reason,
        urgent: row.urgent_code.zip(row.urgent_reason).map(|(code, reason)| UrgentFields { code, reason }),
        recorded,
        needed_on: row.needed_on,
        currency: "IDR",
        goods_total: row.goods_total,
        shipping_fee: row.shipping_fee,
        vat_total: row.vat_total,
        gross_total: row.gross_total,
        tax_regime: row.tax_regime,
        policy_versions: row.policy_versions,
        content_hash: row.content_hash.map(hex::encode),
        approval_roles: row.approval_roles,
        submitted_at: row.submitted_at,
        approval_due_at: row.approval_due_at,
        approved_at: row.approved_at,
        negotiation_due_at: row.negotiation_due_at,
        agreed_terms: row.agreed_terms.and_then(|value| serde_json::from_value(value).ok()),
        renewed_from: row.renewed_from,
        replaces_order_id: row.replaces_order_id,
        quotation,
        updated_at: row.updated_at,
        version: row.version,
    })
}

/// What quotes are asked for, and how.
#[derive(Serialize, ToSchema)]
struct QuotationView {
    invitation: Invitation,
    award: AwardMode,
    evaluation: EvaluationMethod,
    criteria: Vec<Criterion>,
    terms: String,
    /// For how many working days quotes are taken.
    window_days: i32,
    estimate_total: Option<Amount>,
    /// Whether everybody may read the total; how it was reached nobody does.
    estimate_public: bool,
    estimate_set_at: Option<DateTime<Utc>>,
    invited_vendor_ids: Vec<VendorId>,
    addenda: i32,
    quote_deadline: Option<DateTime<Utc>>,
    opening_mode: Option<String>,
    opened_for_quotes_at: Option<DateTime<Utc>>,
    opened_at: Option<DateTime<Utc>>,
    evaluated_at: Option<DateTime<Utc>>,
    objections_until: Option<DateTime<Utc>>,
    lines: Vec<AskedLineView>,
}

#[derive(Serialize, ToSchema)]
struct AskedLineView {
    id: LineId,
    product_id: Option<ProductId>,
    category_code: String,
    name: String,
    description: String,
    unit: String,
    #[schema(value_type = Object)]
    attributes: Value,
    quantity: Quantity,
    slots: Vec<SlotView>,
}

async fn quotation_view(
    conn: &mut Conn,
    keys: &KeyRing,
    row: &Row,
    clear: bool,
) -> Result<Option<QuotationView>, Error> {
    let Some(quotation) = store::quotation(conn, row.id).await? else { return Ok(None) };
    let lines = store::asked_lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.id).collect();
    let slots = store::asked_slots(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    let slot =
        |slot: &SlotRow| SlotView::new(slot, slot.contact_phone_id.and_then(|id| phones.get(&id)), clear);
    let line = |line: AskedLine| AskedLineView {
        slots: slots.iter().filter(|of| of.line_id == line.id).map(slot).collect(),
        id: line.id,
        product_id: line.product_id,
        category_code: line.category_code,
        name: line.name,
        description: line.description,
        unit: line.unit,
        attributes: line.attributes,
        quantity: line.quantity,
    };
    Ok(Some(QuotationView {
        invitation: quotation.invitation,
        award: quotation.award,
        evaluation: quotation.evaluation,
        criteria: quotation.criteria()?,
        terms: quotation.terms,
        window_days: quotation.window_days,
        estimate_total: quotation.estimate_total,
        estimate_public: quotation.estimate_public,
        estimate_set_at: quotation.estimate_set_at,
        invited_vendor_ids: store::invited_vendors(conn, row.id).await?,
        addenda: quotation.addenda,
        quote_deadline: row.quote_deadline,
        opening_mode: quotation.opening_mode,
        opened_for_quotes_at: quotation.opened_for_quotes_at,
        opened_at: quotation.opened_at,
        evaluated_at: quotation.evaluated_at,
        objections_until: row.objections_until,
        lines: lines.into_iter().map(line).collect(),
    }))
}

/// What else decides on a verb than state and duty.
struct Scene {
    evaluated: bool,
    /// Orders that have not fallen through.
    has_orders: bool,
    compared: bool,
}

/// The very transitions, tried on a copy, after the duties that go before them.
fn actions(
    ctx: &Ctx,
    row: &Row,
    state: &State,
    scene: &Scene,
    steps_taken: usize,
) -> Result<Vec<AvailableAction>, Error> {
    let member = ctx.member()?;
    let reason = || "-".to_owned();
    let illegal = || Err(refuse(Code::IllegalTransition));
    let cancel = match state.clone().cancel(reason()) {
        Ok(_) if scene.has_orders => illegal(),
        other => other.map(drop),
    };
    let quotation = row.method == Method::Quotation;
    let evaluate = if *state == State::Evaluating { Ok(()) } else { illegal() };
    let in_charge = |outcome: Result<(), Error>| {
        if member.stands_for(row.officer_id) { outcome } else { Err(refuse(Code::OfficerNotSuitable)) }
    };
    let tried: Vec<(&'static str, Result<(), Error>)> = match member.role {
        Role::ProcurementOfficer => {
            let mut verbs = vec![
                ("submit", in_charge(state.submittable())),
                ("withdraw", in_charge(state.clone().withdraw().map(drop))),
                ("cancel", in_charge(cancel)),
                ("renew", state.renewable()),
            ];
            if quotation {
                verbs.extend([
                    ("open", in_charge(state.clone().open(DateTime::UNIX_EPOCH).map(drop))),
                    ("fail", in_charge(state.clone().fail(reason()).map(drop))),
                    ("open-quotes", in_charge(state.clone().open_quotes().map(drop))),
                    ("complete-evaluation", in_charge(evaluate)),
                ]);
            }
            if row.method == Method::Urgent {
                let due = *state == State::Ordered && !scene.compared;
                verbs.push(("compare-afterwards", in_charge(if due { Ok(()) } else { illegal() })));
            }
            verbs
        }
        Role::CommitmentOfficer | Role::BudgetUser => {
            let named_another = row.commitment_officer_id.is_some_and(|named| !member.stands_for(named));
            let asked = |outcome: Result<(), Error>| {
                if member.role == Role::CommitmentOfficer && named_another {
                    Err(refuse(Code::OfficerNotSuitable))
                } else {
                    outcome
                }
            };
            let step = row.approval_roles.get(steps_taken).map(String::as_str);
            let turn = state.clone().approve(0).map(drop).and_then(|()| match step {
                Some(role) if role == member.role.as_str() => Ok(()),
                _ => Err(refuse(Code::OfficerNotSuitable)),
            });
            let mut verbs = vec![
                ("approve", asked(turn)),
                ("return", asked(state.clone().send_back(reason()).map(drop))),
                ("reject", asked(state.clone().reject(reason()).map(drop))),
            ];
            if member.role == Role::BudgetUser {
                verbs.push(("reassign", state.running()));
            } else {
                verbs.push(("cancel", asked(cancel)));
                if quotation {
                    let award = match evaluate {
                        Ok(()) if !scene.evaluated => Err(refuse(Code::EvaluationMissing)),
                        other => other,
                    };
                    verbs.push(("open-quotes", asked(state.clone().open_quotes().map(drop))));
                    verbs.push(("award", asked(award)));
                }
            }
            verbs
        }
        _ => Vec::new(),
    };
    let shown = |(verb, outcome): (&'static str, Result<(), Error>)| {
        AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
    };
    Ok(tried.into_iter().map(shown).collect())
}
