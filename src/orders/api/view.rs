//! An order as its office and its vendor see it.
use super::super::model::{OrderStatus, Side, State};
use super::super::store::{self, LineRow, Row};
use crate::accounts;
use crate::kernel::{
    Amount, Code, Ctx, Error, LineId, Method, OrderId, OrganisationId, ProductId, Quantity, RequestId, Role,
    UnitId, VendorId, refuse,
};
use crate::platform::db::{self, Conn};
use crate::platform::http::AvailableAction;
use crate::platform::personal;
use crate::platform::sealing::KeyRing;
use crate::policies::ContractForm;
use crate::requests::{self, PaymentWay, SlotView};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct OrderView {
    id: OrderId,
    /// Null in a dry run.
    #[schema(example = "SP/DISDIK/2026/11/0042")]
    number: Option<String>,
    agency_id: OrganisationId,
    agency_name: String,
    unit_id: UnitId,
    vendor_id: VendorId,
    vendor_name: String,
    request_id: RequestId,
    status: OrderStatus,
    status_reason: Option<String>,
    #[schema(example = "none")]
    fulfilment: String,
    #[schema(example = "none")]
    acceptance: String,
    #[schema(example = "none")]
    billing: String,
    #[schema(example = "IDR")]
    currency: &'static str,
    goods_total: Amount,
    shipping_fee: Amount,
    vat_total: Amount,
    gross_total: Amount,
    #[schema(example = "59")]
    tax_regime: String,
    payment_way: PaymentWay,
    contract_form: ContractForm,
    #[schema(value_type = Object)]
    policy_versions: Value,
    needed_on: NaiveDate,
    issued_at: DateTime<Utc>,
    /// Until when the vendor (or, for a proposed change, the office) may answer.
    answer_due_at: DateTime<Utc>,
    /// Days were counted past the end of the holiday calendar.
    clock_provisional: bool,
    answered_at: Option<DateTime<Utc>>,
    cancel_asked_by: Option<Side>,
    cancel_reason: Option<String>,
    replaced_by_request_id: Option<RequestId>,
    lines: Vec<OrderLineView>,
    version: i32,
    available_actions: Vec<AvailableAction>,
}

#[derive(Serialize, ToSchema)]
struct OrderLineView {
    id: LineId,
    product_id: ProductId,
    quantity: Quantity,
    unit_price: Amount,
    goods_amount: Amount,
    vat_amount: Amount,
    /// The product as it was bought.
    #[schema(value_type = Object)]
    snapshot: Value,
    slots: Vec<SlotView>,
}

pub async fn view(conn: &mut Conn, ctx: &Ctx, keys: &KeyRing, row: Row) -> Result<OrderView, Error> {
    let now = db::now(conn, row.realm).await?;
    let state = row.state()?.at(now);
    let lines = store::lines(conn, row.id).await?;
    let ids: Vec<LineId> = lines.iter().map(|line| line.request_line_id).collect();
    let slots = requests::slots_of(conn, &ids).await?;
    let phones = personal::open(conn, keys, slots.iter().filter_map(|slot| slot.contact_phone_id)).await?;
    let clear = sees_contact(ctx, &state);
    let last = slots.iter().map(|slot| slot.day).max();
    let moved = |slot: &requests::SlotRow| requests::SlotRow {
        day: row.last_delivery_on.filter(|_| Some(slot.day) == last).unwrap_or(slot.day),
        ..slot.clone()
    };
    let slots: Vec<_> = slots.iter().map(moved).collect();
    let named_another = match ctx.member()?.role {
        Role::CommitmentOfficer => {
            let named = requests::commitment_officer_of(conn, row.request_id).await?;
            named.is_some_and(|named| ctx.member().is_ok_and(|member| !member.stands_for(named)))
        }
        _ => false,
    };
    let method = requests::method_of(conn, row.request_id).await?;
    let line = |line: LineRow| OrderLineView {
        slots: slots
            .iter()
            .filter(|slot| slot.line_id == line.request_line_id)
            .map(|slot| SlotView::new(slot, slot.contact_phone_id.and_then(|id| phones.get(&id)), clear))
            .collect(),
        id: line.id,
        product_id: line.product_id,
        quantity: line.quantity,
        unit_price: line.unit_price,
        goods_amount: line.goods_amount,
        vat_amount: line.vat_amount,
        snapshot: line.snapshot,
    };
    Ok(OrderView {
        available_actions: actions(ctx, &row, &state, method, named_another),
        agency_name: accounts::organisation_name(conn, row.agency_id).await?,
        vendor_name: accounts::organisation_name(conn, OrganisationId(row.vendor_id.0)).await?,
        lines: lines.into_iter().map(line).collect(),
        number: Some(row.number).filter(|_| !ctx.dry_run),
        id: row.id,
        agency_id: row.agency_id,
        unit_id: row.unit_id,
        vendor_id: row.vendor_id,
        request_id: row.request_id,
        status: state.status(),
        status_reason: row.status_reason,
        fulfilment: row.fulfilment,
        acceptance: row.acceptance,
        billing: row.billing,
        currency: "IDR",
        goods_total: row.goods_total,
        shipping_fee: row.shipping_fee,
        vat_total: row.vat_total,
        gross_total: row.gross_total,
        tax_regime: row.tax_regime,
        payment_way: row.payment_way,
        contract_form: row.contract_form,
        policy_versions: row.policy_versions,
        needed_on: row.needed_on,
        issued_at: row.issued_at,
        answer_due_at: row.answer_due_at,
        clock_provisional: row.clock_provisional,
        answered_at: row.answered_at,
        cancel_asked_by: row.cancel_asked_by,
        cancel_reason: row.cancel_reason,
        replaced_by_request_id: row.replaced_by_request_id,
        version: row.version,
    })
}

/// A vendor reads the contact once it has accepted; of the office those who deal with deliveries.
fn sees_contact(ctx: &Ctx, state: &State) -> bool {
    let Ok(member) = ctx.member() else { return false };
    match member.role {
        Role::VendorOwner | Role::VendorStaff => *state == State::Accepted,
        role => [Role::ProcurementOfficer, Role::CommitmentOfficer, Role::Receiver, Role::Requester]
            .contains(&role),
    }
}

/// The very transitions, tried on a copy.
fn actions(ctx: &Ctx, row: &Row, state: &State, method: Method, named_another: bool) -> Vec<AvailableAction> {
    let Ok(member) = ctx.member() else { return Vec::new() };
    let reason = || "-".to_owned();
    let cancel = |side| state.clone().cancel(row.cancel_asked_by, side, reason()).map(drop);
    let tried: Vec<(&'static str, Result<(), Error>)> = match member.role {
        Role::VendorOwner | Role::VendorStaff => vec![
            ("accept", state.clone().accept().map(drop)),
            ("decline", state.clone().decline(reason()).map(drop)),
            ("propose-change", state.clone().propose_change(row.answer_due_at).map(drop)),
            ("cancel", cancel(Side::Vendor)),
        ],
        Role::CommitmentOfficer if named_another => ["accept-change", "reject-change", "cancel"]
            .map(|verb| (verb, Err(refuse(Code::OfficerNotSuitable))))
            .into(),
        Role::CommitmentOfficer => vec![
            ("accept-change", state.clone().accept_change().map(drop)),
            ("reject-change", state.clone().reject_change(row.answer_due_at).map(drop)),
            ("cancel", cancel(Side::Agency)),
        ],
        Role::ProcurementOfficer => {
            let free = |taken: bool, code| if taken { Err(refuse(code)) } else { Ok(()) };
            let (replaced, passed_over) =
                (row.replaced_by_request_id.is_some(), row.passed_over_at.is_some());
            vec![match method {
                Method::Quotation => {
                    ("next-rank", state.replaceable().and(free(passed_over, Code::IllegalTransition)))
                }
                _ => ("replace-vendor", state.replaceable().and(free(replaced, Code::AlreadyReplaced))),
            }]
        }
        _ => Vec::new(),
    };
    tried
        .into_iter()
        .map(|(verb, outcome)| {
            AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
        })
        .collect()
}
