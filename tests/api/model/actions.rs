//! What somebody may try, and how the next attempt is drawn.
use super::world::{DAY, EVERYBODY, Line, Method, Order, OrderStatus, Role, Status, Who, World};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Orders, rounds and the like are named by their place in the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Create { method: Method, basket: Vec<Line> },
    Edit { request: usize, basket: Vec<Line> },
    Submit(usize),
    Withdraw(usize),
    Return(usize),
    Reject(usize),
    Cancel(usize),
    Approve { request: usize, other_content: bool },
    Renew(usize),
    Propose { request: usize, vendor: usize, percent: i64, fee: i64, hours: Option<i64> },
    AcceptRound { request: usize, talk: usize, round: usize },
    EndTalks(usize),
    AcceptOrder(usize),
    DeclineOrder(usize),
    CancelOrder(usize),
    ProposeChange { order: usize, by: i64 },
    AcceptChange { order: usize, change: usize },
    RejectChange { order: usize, change: usize },
    Replace { request: usize, order: usize },
    Adjust { good: usize, by: i64 },
    AskForQuotes(usize),
    WriteQuote { request: usize, prices: Vec<i64>, fee: i64 },
    SubmitQuote(usize),
    ReplaceQuote(usize),
    ConfirmQuote(usize),
    WithdrawQuote(usize),
    Addendum { request: usize, later: bool },
    Fail(usize),
    OpenQuotes(usize),
    Evaluate(usize),
    Disqualify(usize),
    Verify(usize),
    Award { request: usize, other_content: bool },
    Object(usize),
    Decide { request: usize, objection: usize, upheld: bool },
    NextRank { request: usize, order: usize },
    ReadEvaluation(usize),
}

/// Somebody tries something, perhaps after having read an older version.
#[derive(Clone, Debug)]
pub struct Step {
    pub who: Who,
    pub action: Action,
    pub stale: bool,
}

impl Action {
    /// Whose role allows it at all.
    pub fn roles(&self) -> &'static [Role] {
        use Role::{Buys, Commits, Heads, Sells};
        match self {
            Self::Create { .. }
            | Self::Edit { .. }
            | Self::Submit(_)
            | Self::Withdraw(_)
            | Self::Renew(_)
            | Self::Replace { .. }
            | Self::AskForQuotes(_)
            | Self::Addendum { .. }
            | Self::Fail(_)
            | Self::Evaluate(_)
            | Self::Disqualify(_)
            | Self::Verify(_)
            | Self::NextRank { .. } => &[Buys],
            Self::Cancel(_) | Self::OpenQuotes(_) => &[Buys, Commits],
            Self::Return(_) | Self::Reject(_) | Self::Approve { .. } => &[Commits, Heads],
            Self::Propose { .. } | Self::AcceptRound { .. } | Self::EndTalks(_) => &[Buys, Sells],
            Self::AcceptOrder(_)
            | Self::DeclineOrder(_)
            | Self::ProposeChange { .. }
            | Self::Adjust { .. }
            | Self::WriteQuote { .. }
            | Self::SubmitQuote(_)
            | Self::ReplaceQuote(_)
            | Self::ConfirmQuote(_)
            | Self::WithdrawQuote(_)
            | Self::Object(_) => &[Sells],
            Self::CancelOrder(_) => &[Commits, Sells],
            Self::ReadEvaluation(_) => &[Buys, Commits, Heads, Sells],
            Self::AcceptChange { .. }
            | Self::RejectChange { .. }
            | Self::Award { .. }
            | Self::Decide { .. } => &[Commits],
        }
    }

    /// Whether it may be sent with the version that was read; drafts are changed only so.
    fn takes_a_version(&self) -> bool {
        !matches!(
            self,
            Self::Create { .. }
                | Self::Edit { .. }
                | Self::WriteQuote { .. }
                | Self::Object(_)
                | Self::Decide { .. }
                | Self::ReadEvaluation(_)
        )
    }
}

/// What is tried how often.
const KINDS: [(u32, Kind); 37] = [
    (6, Kind::Create),
    (1, Kind::Edit),
    (12, Kind::Submit),
    (1, Kind::Withdraw),
    (1, Kind::Return),
    (1, Kind::Reject),
    (1, Kind::Cancel),
    (16, Kind::Approve),
    (1, Kind::Renew),
    (12, Kind::Propose),
    (16, Kind::AcceptRound),
    (4, Kind::EndTalks),
    (5, Kind::AcceptOrder),
    (5, Kind::DeclineOrder),
    (2, Kind::CancelOrder),
    (4, Kind::ProposeChange),
    (5, Kind::AcceptChange),
    (3, Kind::RejectChange),
    (2, Kind::Replace),
    (2, Kind::Adjust),
    (24, Kind::AskForQuotes),
    (24, Kind::WriteQuote),
    (24, Kind::SubmitQuote),
    (2, Kind::ReplaceQuote),
    (8, Kind::ConfirmQuote),
    (2, Kind::WithdrawQuote),
    (1, Kind::Addendum),
    (1, Kind::Fail),
    (16, Kind::OpenQuotes),
    (24, Kind::Evaluate),
    (2, Kind::Disqualify),
    (40, Kind::Verify),
    (60, Kind::Award),
    (40, Kind::Object),
    (40, Kind::Decide),
    (60, Kind::NextRank),
    (6, Kind::ReadEvaluation),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Create,
    Edit,
    Submit,
    Withdraw,
    Return,
    Reject,
    Cancel,
    Approve,
    Renew,
    Propose,
    AcceptRound,
    EndTalks,
    AcceptOrder,
    DeclineOrder,
    CancelOrder,
    ProposeChange,
    AcceptChange,
    RejectChange,
    Replace,
    Adjust,
    AskForQuotes,
    WriteQuote,
    SubmitQuote,
    ReplaceQuote,
    ConfirmQuote,
    WithdrawQuote,
    Addendum,
    Fail,
    OpenQuotes,
    Evaluate,
    Disqualify,
    Verify,
    Award,
    Object,
    Decide,
    NextRank,
    ReadEvaluation,
}

/// How often an attempt is drawn that the model allows.
const LEGAL: f64 = 0.4;

/// The next attempt: more often than not one that the model allows, else anything by anybody.
pub fn draw(world: &World, rng: &mut StdRng) -> Step {
    if rng.random_bool(LEGAL) {
        for _ in 0..60 {
            let Some(action) = action(world, rng) else { continue };
            let step = Step { who: usual(world, &action, rng), action, stale: false };
            if world.judge(&step).is_empty() {
                return step;
            }
        }
    }
    loop {
        let Some(action) = action(world, rng) else { continue };
        let usual = rng.random_bool(0.5).then(|| usual(world, &action, rng));
        let who = usual.unwrap_or_else(|| *EVERYBODY.choose(rng).expect("somebody"));
        let stale = action.takes_a_version() && rng.random_bool(0.05);
        return Step { who, action, stale };
    }
}

/// One of the things there are: as a rule one that something may still become of, else any.
fn recent(count: usize, alive: impl Fn(usize) -> bool, rng: &mut StdRng) -> Option<usize> {
    let living: Vec<usize> = (0..count).filter(|place| alive(*place)).collect();
    match living.choose(rng) {
        Some(one) if rng.random_bool(0.85) => Some(*one),
        _ => (count > 0).then(|| rng.random_range(0..count)),
    }
}

/// Whether a request is on its way to an order, or has one that was not answered.
fn under_way(world: &World, request: usize) -> bool {
    let open = |order: &Order| matches!(order.status, OrderStatus::Issued | OrderStatus::ChangeProposed);
    match world.status(request) {
        Status::Ordered | Status::PartiallyOrdered => {
            world.orders.iter().any(|order| order.request == request && open(order))
        }
        Status::NegotiationFailed
        | Status::Failed
        | Status::Closed
        | Status::Rejected
        | Status::Cancelled
        | Status::Expired => false,
        _ => true,
    }
}

/// How many pieces of something are bought directly at most.
const MOST: i64 = 12;

/// Some goods, at most so many of each.
fn basket(world: &World, most: i64, rng: &mut StdRng) -> Vec<Line> {
    let count = if rng.random_bool(0.4) { 2 } else { 1 };
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..count {
        // The third vendor's goods are only ever quoted.
        let good = rng.random_range(0..world.goods.len() - 1);
        if !chosen.contains(&good) {
            chosen.push(good);
        }
    }
    let line = |(place, good): (usize, usize)| {
        let quantity = if rng.random_bool(0.3) { 1 } else { rng.random_range(1..=most) };
        Line { place, good, quantity, price: world.goods[good].price }
    };
    chosen.into_iter().enumerate().map(line).collect()
}

fn action(world: &World, rng: &mut StdRng) -> Option<Action> {
    let (_, kind) = KINDS.choose_weighted(rng, |(weight, _)| *weight).expect("a kind");
    let request = recent(world.requests.len(), |request| under_way(world, request), rng);
    let order = recent(world.orders.len(), |order| !world.order_status(order).fell_through(), rng);
    let quote = recent(world.quotes.len(), |quote| under_way(world, world.quotes[quote].request), rng);
    // What fell through is replaced or passed over.
    let fallen = recent(world.orders.len(), |order| world.order_status(order).fell_through(), rng);
    Some(match kind {
        Kind::Create => {
            // A few requests at a time, so that they come far.
            if (0..world.requests.len()).filter(|request| under_way(world, *request)).count() > 3 {
                return None;
            }
            let methods = [
                Method::Direct,
                Method::Direct,
                Method::Urgent,
                Method::Negotiated,
                Method::Negotiated,
                Method::Quotation,
                Method::Quotation,
            ];
            let method = *methods.choose(rng)?;
            // What is quoted comes late, when others have taken most of the money.
            let most = if method == Method::Quotation { 6 } else { MOST };
            Action::Create { method, basket: basket(world, most, rng) }
        }
        Kind::Edit => {
            let request = request?;
            let method = world.requests[request].method;
            if method == Method::Quotation {
                return None;
            }
            Action::Edit { request, basket: basket(world, MOST, rng) }
        }
        Kind::Submit => Action::Submit(request?),
        Kind::Withdraw => Action::Withdraw(request?),
        Kind::Return => Action::Return(request?),
        Kind::Reject => Action::Reject(request?),
        Kind::Cancel => Action::Cancel(request?),
        Kind::Approve => Action::Approve { request: request?, other_content: rng.random_bool(0.05) },
        Kind::Renew => Action::Renew(request?),
        Kind::Propose => {
            let talks = &world.requests[request?].talks;
            let vendor =
                if rng.random_bool(0.9) { talks.choose(rng)?.vendor } else { rng.random_range(0..3) };
            let percent = if rng.random_bool(0.1) { 101 } else { rng.random_range(60..=100) };
            let fee = 10_000 * rng.random_range(0..=30);
            Action::Propose {
                request: request?,
                vendor,
                percent,
                fee,
                hours: rng.random_bool(0.2).then_some(10),
            }
        }
        Kind::AcceptRound => {
            let talks = &world.requests[request?].talks;
            let talk = recent(talks.len(), |talk| talks[talk].open, rng)?;
            let count = talks[talk].rounds.len();
            let round = recent(count, |round| round + 1 == count, rng)?;
            Action::AcceptRound { request: request?, talk, round }
        }
        Kind::EndTalks => Action::EndTalks(request?),
        Kind::AcceptOrder => Action::AcceptOrder(order?),
        Kind::DeclineOrder => Action::DeclineOrder(order?),
        Kind::CancelOrder => Action::CancelOrder(order?),
        Kind::ProposeChange => {
            Action::ProposeChange { order: order?, by: *[-1_000, -5_000, -1_000, 1_000].choose(rng)? }
        }
        Kind::AcceptChange => Action::AcceptChange {
            order: order?,
            change: recent(world.orders[order?].changes.len(), |_| true, rng)?,
        },
        Kind::RejectChange => Action::RejectChange {
            order: order?,
            change: recent(world.orders[order?].changes.len(), |_| true, rng)?,
        },
        Kind::Replace => Action::Replace { request: of_order(world, fallen?, request?, rng), order: fallen? },
        Kind::Adjust => {
            let good = rng.random_range(0..world.goods.len());
            world.goods[good].on_hand?;
            Action::Adjust { good, by: *[-20, -5, -1, 3, 8].choose(rng)? }
        }
        Kind::AskForQuotes => Action::AskForQuotes(request?),
        Kind::WriteQuote => {
            let it = &world.requests[request?];
            if it.method != Method::Quotation {
                return None;
            }
            let prices = it.basket.iter().map(|line| line.price - 1_000 * rng.random_range(0..60)).collect();
            // How a fee is spread over lines that go to several vendors is left to the ranking's own tests.
            let fee = if it.basket.len() > 1 { 0 } else { 10_000 * rng.random_range(0..=10) };
            Action::WriteQuote { request: request?, prices, fee }
        }
        Kind::SubmitQuote => Action::SubmitQuote(quote?),
        Kind::ReplaceQuote => Action::ReplaceQuote(quote?),
        Kind::ConfirmQuote => Action::ConfirmQuote(quote?),
        Kind::WithdrawQuote => Action::WithdrawQuote(quote?),
        Kind::Addendum => Action::Addendum { request: request?, later: rng.random_bool(0.5) },
        Kind::Fail => Action::Fail(request?),
        Kind::OpenQuotes => Action::OpenQuotes(request?),
        Kind::Evaluate => Action::Evaluate(request?),
        Kind::Disqualify => Action::Disqualify(quote?),
        Kind::Verify => Action::Verify(quote?),
        Kind::Award => Action::Award { request: request?, other_content: rng.random_bool(0.05) },
        Kind::Object => Action::Object(request?),
        Kind::Decide => {
            let known = &world.requests[request?].objections;
            let objection = recent(known.len(), |objection| !known[objection].decided, rng)?;
            Action::Decide { request: request?, objection, upheld: rng.random_bool(0.4) }
        }
        Kind::NextRank => {
            Action::NextRank { request: of_order(world, fallen?, request?, rng), order: fallen? }
        }
        Kind::ReadEvaluation => Action::ReadEvaluation(request?),
    })
}

/// The request that an order came of; now and then another one.
fn of_order(world: &World, order: usize, other: usize, rng: &mut StdRng) -> usize {
    if rng.random_bool(0.9) { world.orders[order].request } else { other }
}

/// Who does that as a rule.
fn usual(world: &World, action: &Action, rng: &mut StdRng) -> Who {
    let owner = |request: usize| world.requests[request].owner;
    let seller = |order: usize| Who::Vendor(world.orders[order].part.vendor);
    let either = |rng: &mut StdRng, one: Who, other: Who| if rng.random_bool(0.5) { one } else { other };
    match action {
        Action::Create { .. } => {
            if rng.random_bool(0.8) {
                Who::Officer
            } else {
                Who::Colleague
            }
        }
        Action::Approve { request, .. } => {
            match world.requests[*request].steps.get(world.requests[*request].taken) {
                Some(Role::Heads) => Who::Head,
                _ => Who::Approver,
            }
        }
        Action::Return(_) | Action::Reject(_) => either(rng, Who::Approver, Who::Head),
        Action::Cancel(request) | Action::OpenQuotes(request) => either(rng, owner(*request), Who::Approver),
        Action::Edit { request, .. }
        | Action::Submit(request)
        | Action::Withdraw(request)
        | Action::AskForQuotes(request)
        | Action::Addendum { request, .. }
        | Action::Fail(request)
        | Action::Evaluate(request)
        | Action::NextRank { request, .. } => owner(*request),
        Action::Renew(_) | Action::Replace { .. } => either(rng, Who::Officer, Who::Colleague),
        Action::Propose { request, vendor, .. } => either(rng, owner(*request), Who::Vendor(*vendor)),
        Action::AcceptRound { request, talk, .. } => {
            either(rng, owner(*request), Who::Vendor(world.requests[*request].talks[*talk].vendor))
        }
        Action::EndTalks(request) => {
            let talk = world.requests[*request].talks.choose(rng);
            let vendor = talk.map_or(Who::Vendor(0), |talk| Who::Vendor(talk.vendor));
            either(rng, owner(*request), vendor)
        }
        Action::AcceptOrder(order) | Action::DeclineOrder(order) | Action::ProposeChange { order, .. } => {
            seller(*order)
        }
        Action::CancelOrder(order) => either(rng, seller(*order), Who::Approver),
        Action::AcceptChange { .. }
        | Action::RejectChange { .. }
        | Action::Award { .. }
        | Action::Decide { .. } => Who::Approver,
        Action::Adjust { good, .. } => Who::Vendor(world.goods[*good].vendor),
        Action::WriteQuote { .. } | Action::Object(_) | Action::ReadEvaluation(_) => {
            Who::Vendor(rng.random_range(0..3))
        }
        Action::SubmitQuote(quote)
        | Action::ReplaceQuote(quote)
        | Action::ConfirmQuote(quote)
        | Action::WithdrawQuote(quote) => Who::Vendor(world.quotes[*quote].vendor),
        Action::Disqualify(quote) | Action::Verify(quote) => owner(world.quotes[*quote].request),
    }
}

/// How far the clock is moved between two rounds of attempts, and whether the worker comes by.
pub fn pause(rng: &mut StdRng) -> (i64, bool) {
    let days = *[0, 0, 0, 1, 1, 2, 3, 6].choose(rng).expect("some days");
    (days * DAY, rng.random_bool(0.3))
}
