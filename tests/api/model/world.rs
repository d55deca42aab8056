//! What the reference model remembers: requests, talks, quotes, orders, and what they hold. It shares no
//! code with the house.
use std::collections::BTreeSet;

/// Seconds of the trade clock.
pub type Time = i64;
pub const HOUR: Time = 3_600;
pub const DAY: Time = 24 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// In charge of most requests.
    Officer,
    /// Another procurement officer of the unit.
    Colleague,
    /// The commitment officer whom every request names.
    Approver,
    /// Another commitment officer of the unit.
    Second,
    /// The budget user, who approves what is dear.
    Head,
    /// A procurement officer of another agency.
    Stranger,
    Vendor(usize),
    Nobody,
}

pub const EVERYBODY: [Who; 10] = [
    Who::Officer,
    Who::Colleague,
    Who::Approver,
    Who::Second,
    Who::Head,
    Who::Stranger,
    Who::Vendor(0),
    Who::Vendor(1),
    Who::Vendor(2),
    Who::Nobody,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Buys,
    Commits,
    Heads,
    Sells,
}

impl Who {
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Officer | Self::Colleague | Self::Stranger => Some(Role::Buys),
            Self::Approver | Self::Second => Some(Role::Commits),
            Self::Head => Some(Role::Heads),
            Self::Vendor(_) => Some(Role::Sells),
            Self::Nobody => None,
        }
    }

    /// Whether somebody sees what the unit buys.
    pub fn of_unit(self) -> bool {
        matches!(self, Self::Officer | Self::Colleague | Self::Approver | Self::Second | Self::Head)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Direct,
    Urgent,
    Negotiated,
    Quotation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Draft,
    Negotiating,
    Agreed,
    NegotiationFailed,
    Pending,
    Returned,
    Withdrawn,
    Approved,
    Open,
    QuotesClosed,
    Evaluating,
    Awarded,
    Failed,
    Ordered,
    PartiallyOrdered,
    Closed,
    Rejected,
    Cancelled,
    Expired,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Negotiating => "negotiating",
            Self::Agreed => "agreed",
            Self::NegotiationFailed => "negotiation_failed",
            Self::Pending => "pending_approval",
            Self::Returned => "returned",
            Self::Withdrawn => "withdrawn",
            Self::Approved => "approved",
            Self::Open => "open",
            Self::QuotesClosed => "quotes_closed",
            Self::Evaluating => "evaluating",
            Self::Awarded => "awarded",
            Self::Failed => "failed",
            Self::Ordered => "ordered",
            Self::PartiallyOrdered => "partially_ordered",
            Self::Closed => "closed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub fn on_the_desk(self) -> bool {
        matches!(self, Self::Draft | Self::Returned | Self::Withdrawn)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    Issued,
    ChangeProposed,
    Accepted,
    Declined,
    Cancelled,
    Expired,
}

impl OrderStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::ChangeProposed => "change_proposed",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub fn fell_through(self) -> bool {
        matches!(self, Self::Declined | Self::Cancelled | Self::Expired)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteStatus {
    Draft,
    Submitted,
    Withdrawn,
    Opened,
    Unconfirmed,
    Disqualified,
    Awarded,
    NotAwarded,
}

/// Something on the shelf; its price holds VAT.
#[derive(Clone, Debug)]
pub struct Good {
    pub id: String,
    pub vendor: usize,
    pub price: i64,
    /// None: made to order, in any quantity.
    pub on_hand: Option<i64>,
    /// What the orders of sequences before this one hold for good.
    pub sold: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which line of the basket it is.
    pub place: usize,
    pub good: usize,
    pub quantity: i64,
    pub price: i64,
}

/// What one vendor delivers.
#[derive(Clone, Debug)]
pub struct Part {
    pub vendor: usize,
    pub lines: Vec<Line>,
    pub fee: i64,
}

impl Part {
    /// The second vendor alone is registered for VAT, which its delivery bears too.
    pub fn gross(&self) -> i64 {
        let vat = if self.vendor == 1 { self.fee * 11 / 100 } else { 0 };
        self.lines.iter().map(|line| line.quantity * line.price).sum::<i64>() + self.fee + vat
    }

    /// Some of its lines, for the same fee.
    fn only(&self, places: &[usize]) -> Self {
        let lines = self.lines.iter().filter(|line| places.contains(&line.place)).copied().collect();
        Self { lines, ..*self }
    }
}

#[derive(Clone, Debug)]
pub struct Round {
    pub id: String,
    pub by_vendor: bool,
    pub terms: Part,
    pub expires_at: Time,
}

#[derive(Clone, Debug)]
pub struct Talk {
    pub vendor: usize,
    pub open: bool,
    pub rounds: Vec<Round>,
    pub agreed: Option<Part>,
    pub idle_until: Time,
}

#[derive(Clone, Debug)]
pub struct Objection {
    pub id: String,
    pub vendor: usize,
    /// Which award of its request it is against.
    pub award: usize,
    pub decided: bool,
}

#[derive(Clone, Debug)]
pub struct Quote {
    pub id: String,
    pub request: usize,
    pub vendor: usize,
    pub status: QuoteStatus,
    pub terms: Part,
    pub confirmed: usize,
    pub verified: bool,
    pub passed_over: bool,
}

impl Quote {
    /// Whether a submission of it counts, or counted when the quotes were opened.
    pub fn handed_in(&self) -> bool {
        !matches!(self.status, QuoteStatus::Draft | QuoteStatus::Withdrawn)
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub owner: Who,
    pub method: Method,
    /// As it is kept; [`World::status`] reads it by the clock.
    pub status: Status,
    pub basket: Vec<Line>,
    pub line_ids: Vec<String>,
    pub gross: i64,
    /// What orders are to be issued for.
    pub parts: Vec<Part>,
    pub hash: String,
    pub steps: Vec<Role>,
    pub taken: usize,
    pub approval_due: Time,
    pub talk_due: Time,
    pub talks: Vec<Talk>,
    pub deadline: Time,
    pub addenda: usize,
    pub first_opener: Option<Who>,
    pub opened: bool,
    pub evaluation: Option<String>,
    /// Whose quote leads for which line, as it was last evaluated.
    pub leaders: Vec<(usize, usize)>,
    /// Whether an award by the last evaluation stands.
    pub award_stands: bool,
    /// How many awards there were, those that were taken back among them.
    pub awards: usize,
    pub objections_until: Time,
    pub objections: Vec<Objection>,
}

#[derive(Clone, Debug)]
pub struct Change {
    pub id: String,
    pub price: i64,
    pub decided: bool,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub id: String,
    pub request: usize,
    pub part: Part,
    pub line_ids: Vec<String>,
    pub status: OrderStatus,
    pub due: Time,
    pub cancel_asked_by: Option<Role>,
    pub changes: Vec<Change>,
    pub replaced: bool,
    /// Which award it came of.
    pub award: usize,
    /// Whether the next rank was asked for in its place.
    pub passed_over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Good(usize),
    Money,
}

/// Something that is held until it is let go of; what lapsed stays held until somebody needs it or the
/// worker comes by.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub what: What,
    pub amount: i64,
    pub request: usize,
    pub order: Option<usize>,
    pub lapses_at: Option<Time>,
}

#[derive(Clone, Debug)]
pub struct World {
    pub now: Time,
    pub ceiling: i64,
    pub budget: i64,
    /// What purchases on one package may come to.
    pub limit: i64,
    pub two_open: bool,
    pub goods: Vec<Good>,
    pub requests: Vec<Request>,
    pub orders: Vec<Order>,
    pub quotes: Vec<Quote>,
    pub holds: Vec<Hold>,
}

/// What only the server can know: ids, hashes and deadlines.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub id: String,
    pub line_ids: Vec<String>,
    pub hash: String,
    pub approval_due: Time,
    pub talk_due: Time,
    pub deadline: Time,
    pub objections_until: Time,
    pub answer_due: Time,
    /// Until when each vendor's talk is not idle.
    pub idle_until: Vec<(usize, Time)>,
    pub orders: Vec<ToldOrder>,
}

#[derive(Clone, Debug)]
pub struct ToldOrder {
    pub id: String,
    pub vendor: usize,
    pub due: Time,
    pub line_ids: Vec<String>,
}

impl World {
    /// The status by the clock and by what became of the orders.
    pub fn status(&self, request: usize) -> Status {
        let it = &self.requests[request];
        match it.status {
            Status::Pending if it.approval_due <= self.now => Status::Expired,
            Status::Negotiating | Status::Agreed if it.talk_due <= self.now => Status::Expired,
            Status::Open if it.deadline <= self.now => Status::QuotesClosed,
            Status::Ordered => {
                let counted: Vec<usize> =
                    self.orders_of(request).filter(|order| self.counts(*order)).collect();
                let bad = counted.iter().filter(|order| self.order_status(**order).fell_through()).count();
                match bad {
                    0 => Status::Ordered,
                    bad if bad == counted.len() => Status::Closed,
                    _ => Status::PartiallyOrdered,
                }
            }
            status => status,
        }
    }

    pub fn orders_of(&self, request: usize) -> impl Iterator<Item = usize> {
        (0..self.orders.len()).filter(move |order| self.orders[*order].request == request)
    }

    /// Whether an order says something of its request: not once a later award took the place of one that
    /// was passed over.
    fn counts(&self, order: usize) -> bool {
        let it = &self.orders[order];
        !it.passed_over || self.orders_of(it.request).all(|other| self.orders[other].award <= it.award)
    }

    /// Orders that stay bought while the rest is compared again; one whose time is over stands until that
    /// was announced.
    pub fn standing(&self, request: usize) -> impl Iterator<Item = &Order> {
        let stands = |order: &&Order| !order.status.fell_through() && !order.passed_over;
        self.orders.iter().filter(move |order| order.request == request).filter(stands)
    }

    pub fn standing_gross(&self, request: usize) -> i64 {
        self.standing(request).map(|order| order.part.gross()).sum()
    }

    pub fn order_status(&self, order: usize) -> OrderStatus {
        let it = &self.orders[order];
        match it.status {
            OrderStatus::Issued | OrderStatus::ChangeProposed if it.due <= self.now => OrderStatus::Expired,
            status => status,
        }
    }

    pub fn held(&self, what: What) -> i64 {
        self.holds.iter().filter(|hold| hold.what == what).map(|hold| hold.amount).sum()
    }

    /// What of the money is reserved, and what is committed.
    pub fn money(&self) -> (i64, i64) {
        let of = |committed: bool| {
            let all = self.holds.iter().filter(|hold| hold.what == What::Money);
            all.filter(|hold| hold.order.is_some() == committed).map(|hold| hold.amount).sum()
        };
        (of(false), of(true))
    }

    pub fn lapsed(&self, hold: &Hold) -> bool {
        hold.lapses_at.is_some_and(|at| at <= self.now)
    }

    /// What a request may still spend: what lapsed, and what it holds itself, counts as free.
    pub fn left(&self, of: i64, request: usize) -> i64 {
        let own = |hold: &Hold| hold.request == request && hold.order.is_none();
        let held = self.holds.iter().filter(|hold| hold.what == What::Money);
        of - held.filter(|hold| !self.lapsed(hold) && !own(hold)).map(|hold| hold.amount).sum::<i64>()
    }

    pub fn release_request(&mut self, request: usize) {
        self.holds.retain(|hold| hold.request != request || hold.order.is_some());
    }

    pub fn release_order(&mut self, order: usize) {
        self.holds.retain(|hold| hold.order != Some(order));
    }

    fn release_lapsed(&mut self, what: What) {
        let now = self.now;
        self.holds.retain(|hold| hold.what != what || hold.lapses_at.is_none_or(|at| at > now));
    }

    /// Holds goods for a request, if there are enough.
    pub fn take_goods(&mut self, request: usize, lines: &[Line], until: Time) -> bool {
        let needed: BTreeSet<usize> = lines.iter().map(|line| line.good).collect();
        for good in needed {
            let Some(on_hand) = self.goods[good].on_hand else { continue };
            let of_it = lines.iter().filter(|line| line.good == good);
            let amount = of_it.map(|line| line.quantity).sum();
            let what = What::Good(good);
            if on_hand - self.held(what) < amount {
                self.release_lapsed(what);
            }
            if on_hand - self.held(what) < amount {
                return false;
            }
            self.holds.push(Hold { what, amount, request, order: None, lapses_at: Some(until) });
        }
        true
    }

    /// Holds money for a request; the code of what is too little.
    pub fn take_money(&mut self, request: usize, amount: i64, until: Time) -> Result<(), &'static str> {
        for (most, code) in [(self.ceiling, "package_ceiling_exceeded"), (self.budget, "budget_exceeded")] {
            if most - self.held(What::Money) < amount {
                self.release_lapsed(What::Money);
            }
            if most - self.held(What::Money) < amount {
                return Err(code);
            }
        }
        self.holds.push(Hold { what: What::Money, amount, request, order: None, lapses_at: Some(until) });
        Ok(())
    }

    /// Takes pieces from the shelf, or puts some on it.
    pub fn adjust(&mut self, good: usize, by: i64) -> bool {
        let Some(on_hand) = self.goods[good].on_hand else { return false };
        let next = on_hand + by;
        if next < self.held(What::Good(good)) {
            self.release_lapsed(What::Good(good));
        }
        if next < self.held(What::Good(good)) {
            return false;
        }
        self.goods[good].on_hand = Some(next);
        true
    }

    /// Gives what an order holds another end.
    pub fn hold_order_until(&mut self, order: usize, until: Option<Time>) {
        for hold in self.holds.iter_mut().filter(|hold| hold.order == Some(order)) {
            hold.lapses_at = until;
        }
    }

    /// Gives what a request holds another end.
    pub fn hold_request_until(&mut self, request: usize, until: Time) {
        for hold in self.holds.iter_mut().filter(|hold| hold.request == request && hold.order.is_none()) {
            hold.lapses_at = Some(until);
        }
    }

    /// What others on the package come to, as the limit of a method counts it.
    pub fn others(&self, request: usize) -> i64 {
        let live = |order: &usize| !self.order_status(*order).fell_through();
        let counted = |place: usize| {
            let it = &self.requests[place];
            match it.status {
                Status::Pending if it.approval_due > self.now => Some(it.gross),
                Status::Negotiating | Status::Agreed if it.talk_due > self.now => Some(it.gross),
                Status::Awarded => Some(it.gross),
                Status::Ordered | Status::Approved | Status::Open | Status::Evaluating => {
                    let live = self.orders_of(place).filter(live);
                    Some(live.map(|order| self.orders[order].part.gross()).sum())
                }
                _ => None,
            }
        };
        (0..self.requests.len()).filter(|place| *place != request).filter_map(counted).sum()
    }

    /// Who approves a value, in order.
    pub fn steps(value: i64) -> Vec<Role> {
        match value {
            ..=1_000_000 => Vec::new(),
            1_000_001..=6_000_000 => vec![Role::Commits],
            _ => vec![Role::Commits, Role::Heads],
        }
    }

    /// Whose quote leads for which line that is not ordered: the lowest of those in the field, line by line
    /// where the lines go to whoever is lowest for them.
    pub fn compare(&self, request: usize) -> Vec<(usize, usize)> {
        let ordered: Vec<usize> =
            self.standing(request).flat_map(|order| order.part.lines.iter().map(|line| line.place)).collect();
        let field: Vec<usize> = (0..self.quotes.len())
            .filter(|place| {
                let quote = &self.quotes[*place];
                quote.request == request && quote.status == QuoteStatus::Opened && !quote.passed_over
            })
            .collect();
        let asked = 0..self.requests[request].basket.len();
        let lowest = |line: usize| {
            let amount = |quote: &&usize| self.quotes[**quote].terms.only(&[line]).gross();
            field.iter().min_by_key(amount).map(|quote| (line, *quote))
        };
        asked.filter(|line| !ordered.contains(line)).filter_map(lowest).collect()
    }

    /// What an award by the last evaluation would order, one part for each winner.
    pub fn won(&self, request: usize) -> Vec<Part> {
        let leaders = &self.requests[request].leaders;
        let winners: BTreeSet<usize> = leaders.iter().map(|(_, quote)| *quote).collect();
        let part = |quote: usize| {
            let of_it = leaders.iter().filter(|(_, leader)| *leader == quote);
            let lines: Vec<usize> = of_it.map(|(line, _)| *line).collect();
            self.quotes[quote].terms.only(&lines)
        };
        winners.into_iter().map(part).collect()
    }

    /// What a vendor offers where quotes are asked for.
    pub fn offered(&self, vendor: usize) -> usize {
        self.goods.iter().position(|good| good.vendor == vendor).unwrap_or_default()
    }

    /// Prices of two vendors never meet.
    pub fn own_price(price: i64, vendor: usize) -> i64 {
        price + i64::try_from(vendor).unwrap_or_default()
    }

    /// A basket as its vendors deliver it, at list prices.
    pub fn parts_of(&self, basket: &[Line]) -> Vec<Part> {
        let vendors: BTreeSet<usize> = basket.iter().map(|line| self.goods[line.good].vendor).collect();
        let part = |vendor: usize| {
            let lines = basket.iter().filter(|line| self.goods[line.good].vendor == vendor).copied();
            Part { vendor, lines: lines.collect(), fee: 0 }
        };
        vendors.into_iter().map(part).collect()
    }
}
