//! Negotiations and their rounds.
use super::super::commands::{self, Proposal};
use super::super::model::{LinePrice, NegotiationStatus, PricedLine, Side, may_accept, may_propose};
use super::super::store::{self, NegotiatedLine, Negotiation, Party, Round};
use crate::kernel::{
    Amount, Code, Ctx, Error, LineId, MembershipId, OrganisationId, RequestId, RoundId, UnitId, VendorId,
    act, refuse,
};
use crate::platform::db::{self, Conn};
use crate::platform::http::{
    Api, AvailableAction, Call, Created, Json, Listing, NoBody, NoQuery, Reply, Sends,
};
use crate::requests::{self, PlaceView, RequestStatus};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/requests/{id}/negotiations", list_negotiations)
        .post("/api/v1/requests/{id}/negotiation-rounds", propose_round)
        .post("/api/v1/requests/{id}/negotiation-rounds/{round_id}/actions/accept", accept_round)
        .post("/api/v1/requests/{id}/actions/end-negotiation", end_negotiation);
}

/// The record of a negotiation: what is asked for at list prices, and every proposal since.
#[derive(Serialize, ToSchema)]
struct NegotiationView {
    request_id: RequestId,
    title: String,
    agency_id: OrganisationId,
    unit_id: UnitId,
    vendor_id: VendorId,
    vendor_name: String,
    status: NegotiationStatus,
    /// The request's, by the clock.
    request_status: RequestStatus,
    lines: Vec<NegotiatedLineView>,
    #[schema(example = "IDR")]
    currency: &'static str,
    /// At list prices.
    shipping_fee: Amount,
    /// At list prices.
    gross_total: Amount,
    rounds: Vec<RoundView>,
    /// The round that both sides accepted.
    agreed_round: Option<i32>,
    opened_at: DateTime<Utc>,
    last_activity_at: DateTime<Utc>,
    /// From when on either side may end it, unless something happens before.
    idle_until: DateTime<Utc>,
    /// When it lapses.
    due_at: Option<DateTime<Utc>>,
    available_actions: Vec<AvailableAction>,
}

#[derive(Serialize, ToSchema)]
struct NegotiatedLineView {
    #[serde(flatten)]
    line: NegotiatedLine,
    slots: Vec<PlaceView>,
}

#[derive(Serialize, ToSchema)]
struct RoundView {
    id: RoundId,
    number: i32,
    proposed_by: Side,
    membership_id: MembershipId,
    unit_prices: Vec<PricedLine>,
    goods_total: Amount,
    shipping_fee: Amount,
    vat_total: Amount,
    gross_total: Amount,
    lead_time_days: Option<i32>,
    note: Option<String>,
    proposed_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

async fn list_negotiations(
    call: Call<act::ListNegotiations, (RequestId,)>,
) -> Sends<Listing<NegotiationView>> {
    call.read(async |conn, ctx| {
        let party = commands::party(ctx)?;
        let row = store::find_request(conn, &party, call.path.0).await?;
        Ok(Listing::whole(views(conn, ctx, &row, &party).await?))
    })
    .await
}

/// A proposal. Prices are as the vendor types them, with VAT or without, and never above the list.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "unit_prices": [{ "line_id": "0198c0de-0000-7000-8000-000000000000", "unit_price": "18500.00" }],
    "shipping_fee": "25000.00", "lead_time_days": 3, "note": "Harga untuk seluruh jumlah" }))]
struct ProposeRound {
    /// Whose part of the basket; needed where there are several vendors.
    vendor_id: Option<VendorId>,
    #[schema(min_items = 1, max_items = 100)]
    unit_prices: Vec<LinePrice>,
    shipping_fee: Amount,
    #[schema(minimum = 0, maximum = 365)]
    lead_time_days: Option<i32>,
    #[schema(max_length = 500)]
    note: Option<String>,
    /// Until when it may be accepted; as long as the negotiation lasts unless told.
    expires_at: Option<DateTime<Utc>>,
}

async fn propose_round(
    call: Call<act::ProposeRound, (RequestId,), NoQuery, Json<ProposeRound>>,
) -> Sends<Created<NegotiationView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let proposal = Proposal {
            vendor: input.vendor_id,
            unit_prices: input.unit_prices.clone(),
            shipping_fee: input.shipping_fee,
            lead_time_days: input.lead_time_days,
            note: input.note.clone(),
            expires_at: input.expires_at,
        };
        let row = commands::propose(tx, ctx, call.path.0, &proposal).await?;
        let (location, version) = (format!("/api/v1/requests/{}/negotiations", row.id), row.version);
        let party = commands::party(ctx)?;
        let views = views(tx.conn(), ctx, &row, &party).await?;
        let view = views
            .into_iter()
            .find(|view| input.vendor_id.is_none_or(|vendor| vendor == view.vendor_id))
            .ok_or_else(|| refuse(Code::NotFound))?;
        Ok(Created { view, version, location })
    })
    .await
}

async fn accept_round(
    call: Call<act::AcceptRound, (RequestId, RoundId), NoQuery, NoBody>,
) -> Sends<Reply<NegotiationView>> {
    call.write(async |tx, ctx| {
        let row = commands::accept(tx, ctx, call.path.0, call.path.1).await?;
        let version = row.version;
        let party = commands::party(ctx)?;
        let views = views(tx.conn(), ctx, &row, &party).await?;
        let accepted = |view: &NegotiationView| view.rounds.iter().any(|round| round.id == call.path.1);
        let view = views.into_iter().find(accepted).ok_or_else(|| refuse(Code::NotFound))?;
        Ok(Reply::versioned(view, version))
    })
    .await
}

/// Why.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Tidak ada jawaban atas usulan terakhir" }))]
struct EndNegotiation {
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn end_negotiation(
    call: Call<act::EndNegotiation, (RequestId,), NoQuery, Json<EndNegotiation>>,
) -> Sends<Listing<NegotiationView>> {
    call.write(async |tx, ctx| {
        let row = commands::end(tx, ctx, call.path.0, &call.body.0.reason).await?;
        let party = commands::party(ctx)?;
        Ok(Listing::whole(views(tx.conn(), ctx, &row, &party).await?))
    })
    .await
}

/// The negotiations of a request that the party sees, each with its lines and rounds.
async fn views(
    conn: &mut Conn,
    ctx: &Ctx,
    row: &requests::Row,
    party: &Party,
) -> Result<Vec<NegotiationView>, Error> {
    let now = db::now(conn, row.realm).await?;
    let found = store::negotiations(conn, row, party).await?;
    let ids: Vec<_> = found.iter().map(|negotiation| negotiation.id).collect();
    let rounds = store::rounds(conn, &ids).await?;
    let line_ids: Vec<LineId> = requests::lines(conn, row.id).await?.iter().map(|line| line.id).collect();
    let slots = requests::slots_of(conn, &line_ids).await?;
    let mut views = Vec::with_capacity(found.len());
    for negotiation in found {
        let own: Vec<Round> =
            rounds.iter().filter(|round| round.negotiation_id == negotiation.id).cloned().collect();
        let idle_until = commands::idle_until(conn, row, &negotiation, now).await?;
        let line = |line: NegotiatedLine| NegotiatedLineView {
            // Whom to ask for is told with the order.
            slots: slots.iter().filter(|slot| slot.line_id == line.line_id).map(PlaceView::from).collect(),
            line,
        };
        let vendor = OrganisationId(negotiation.vendor_id.0);
        let state = row.state()?.at(now);
        views.push(NegotiationView {
            available_actions: actions(ctx, row, &negotiation, &own, (idle_until, now))?,
            request_id: row.id,
            title: row.title.clone(),
            agency_id: row.agency_id,
            unit_id: row.unit_id,
            vendor_id: negotiation.vendor_id,
            vendor_name: crate::accounts::organisation_name(conn, vendor).await?,
            status: negotiation.status,
            request_status: state.status(),
            lines: negotiation.lines()?.into_iter().map(line).collect(),
            currency: "IDR",
            shipping_fee: negotiation.shipping_fee,
            gross_total: negotiation.gross_total,
            agreed_round: own
                .iter()
                .find(|round| Some(round.id) == negotiation.agreed_round_id)
                .map(|round| round.number),
            rounds: own.iter().map(round_view).collect::<Result<_, _>>()?,
            opened_at: negotiation.opened_at,
            last_activity_at: negotiation.last_activity_at,
            idle_until,
            due_at: row.negotiation_due_at,
        });
    }
    Ok(views)
}

fn round_view(round: &Round) -> Result<RoundView, Error> {
    Ok(RoundView {
        id: round.id,
        number: round.number,
        proposed_by: round.proposed_by,
        membership_id: round.membership_id,
        unit_prices: round.prices()?,
        goods_total: round.goods_total,
        shipping_fee: round.shipping_fee,
        vat_total: round.vat_total,
        gross_total: round.gross_total,
        lead_time_days: round.lead_time_days,
        note: round.note.clone(),
        proposed_at: round.proposed_at,
        expires_at: round.expires_at,
    })
}

/// The very rules, tried for the caller's side.
fn actions(
    ctx: &Ctx,
    row: &requests::Row,
    negotiation: &Negotiation,
    rounds: &[Round],
    (idle_until, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<AvailableAction>, Error> {
    let party = commands::party(ctx)?;
    let may = |outcome: Result<(), Error>| {
        let in_charge = match party.side() {
            Side::Office => requests::require_officer(ctx, row),
            Side::Vendor => Ok(()),
        };
        in_charge.and_then(|()| row.state()?.at(now).negotiating()).and(outcome)
    };
    let latest = rounds.last().map(Round::latest);
    let accept = match latest {
        Some(round) => may_accept(negotiation.status, latest, round.id, party.side(), now),
        None => Err(refuse(Code::IllegalTransition)),
    };
    let end = match (negotiation.status, now < idle_until) {
        (NegotiationStatus::Open, true) => Err(refuse(Code::NegotiationStillActive)),
        (NegotiationStatus::Open, false) => Ok(()),
        _ => Err(refuse(Code::IllegalTransition)),
    };
    let tried = [
        // How many rounds are left is told when one too many is tried.
        ("propose", may(may_propose(negotiation.status, 0, 1))),
        ("accept", may(accept)),
        ("end-negotiation", may(end)),
    ];
    let shown = |(verb, outcome): (&'static str, Result<(), Error>)| {
        AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
    };
    Ok(tried.into_iter().map(shown).collect())
}
