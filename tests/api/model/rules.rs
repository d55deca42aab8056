//! The reference model's verdicts: everything that stands against an attempt.
use super::actions::{Action, Step};
use super::world::{
    Line, Method, Objection, OrderStatus, Part, Quote, QuoteStatus, Role, Status, What, Who, World,
};

const ILLEGAL: Reason = Reason::Code("illegal_transition");
const UNSUITABLE: Reason = Reason::Code("officer_not_suitable");
const EXPIRED: Reason = Reason::Code("expired");
const UNKNOWN: Reason = Reason::Code("not_found");
/// How many rounds the agencies of this test allow.
pub const ROUNDS: usize = 3;
/// From which value on those not chosen may object.
pub const OBJECTIONS_FROM: i64 = 3_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    Code(&'static str),
    /// Rules that the input breaks, each told in the same answer.
    Faults(Vec<&'static str>),
}

/// The status with which a code is answered.
pub fn status_of(code: &str) -> u16 {
    match code {
        "authentication_required" => 401,
        "role_forbidden" => 403,
        "not_found" => 404,
        "version_stale" => 412,
        "invalid_input"
        | "officer_not_suitable"
        | "method_limit_exceeded"
        | "package_ceiling_exceeded"
        | "budget_exceeded"
        | "split_forbidden"
        | "total_would_rise" => 422,
        _ => 409,
    }
}

impl World {
    /// Everything that stands against an attempt; nothing: it must be accepted. Who may never do it, or sees
    /// nothing of it, learns no more than that.
    pub fn judge(&self, step: &Step) -> Vec<Reason> {
        let Some(role) = step.who.role() else { return vec![Reason::Code("authentication_required")] };
        if !step.action.roles().contains(&role) {
            return vec![Reason::Code("role_forbidden")];
        }
        if !self.sees(step.who, &step.action) {
            return vec![UNKNOWN];
        }
        let mut found = self.against(step.who, &step.action);
        if step.stale {
            found.push(Reason::Code("version_stale"));
        }
        found
    }

    fn sees(&self, who: Who, action: &Action) -> bool {
        let Who::Vendor(vendor) = who else {
            return who.of_unit() || matches!(action, Action::Create { .. });
        };
        match action {
            Action::Propose { request, .. }
            | Action::AcceptRound { request, .. }
            | Action::EndTalks(request) => {
                let it = &self.requests[*request];
                !it.status.on_the_desk() && it.talks.iter().any(|talk| talk.vendor == vendor)
            }
            Action::AcceptOrder(order)
            | Action::DeclineOrder(order)
            | Action::CancelOrder(order)
            | Action::ProposeChange { order, .. } => self.orders[*order].part.vendor == vendor,
            Action::Adjust { good, .. } => self.goods[*good].vendor == vendor,
            Action::WriteQuote { request, .. } => self.published(*request),
            Action::ReadEvaluation(request) => self.took_part(*request, vendor),
            Action::Object(request) => self.published(*request) && self.took_part(*request, vendor),
            Action::SubmitQuote(quote)
            | Action::ReplaceQuote(quote)
            | Action::ConfirmQuote(quote)
            | Action::WithdrawQuote(quote) => self.quotes[*quote].vendor == vendor,
            _ => true,
        }
    }

    fn took_part(&self, request: usize, vendor: usize) -> bool {
        let own = |quote: &&Quote| quote.request == request && quote.vendor == vendor;
        self.quotes.iter().find(own).is_some_and(Quote::handed_in)
    }

    /// Whether everybody sees a quotation: from its opening for quotes on.
    fn published(&self, request: usize) -> bool {
        self.requests[request].deadline > 0
    }

    fn against(&self, who: Who, action: &Action) -> Vec<Reason> {
        let mut found = Vec::new();
        let mut stands = |against: bool, reason: Reason| {
            if against {
                found.push(reason);
            }
        };
        let owner = |request: usize| self.requests[request].owner == who;
        let is = |request: usize, wanted: &[Status]| wanted.contains(&self.status(request));
        let late = |request: usize| self.status(request) == Status::Expired;
        // Every request names its commitment officer.
        let named = who.role() != Some(Role::Commits) || who == Who::Approver;
        match action {
            Action::Create { .. } => {
                stands(who == Who::Stranger, Reason::Faults(vec!["unknown_reference"]));
            }
            Action::Edit { request, .. } => {
                stands(!self.status(*request).on_the_desk(), ILLEGAL);
                stands(!owner(*request), UNSUITABLE);
            }
            Action::Submit(request) => {
                stands(!owner(*request), UNSUITABLE);
                found.extend(self.against_submission(*request));
            }
            Action::Withdraw(request) => {
                stands(!owner(*request), UNSUITABLE);
                stands(late(*request), EXPIRED);
                let on_its_way = [Status::Negotiating, Status::Agreed, Status::Pending, Status::Expired];
                stands(!is(*request, &on_its_way), ILLEGAL);
            }
            Action::Return(request) | Action::Reject(request) => {
                stands(!named, UNSUITABLE);
                stands(late(*request), EXPIRED);
                stands(!is(*request, &[Status::Pending, Status::Expired]), ILLEGAL);
            }
            Action::Cancel(request) => {
                stands(!named || who.role() == Some(Role::Buys) && !owner(*request), UNSUITABLE);
                let before_any_order = [
                    Status::Draft,
                    Status::Negotiating,
                    Status::Agreed,
                    Status::Returned,
                    Status::Withdrawn,
                    Status::Pending,
                    Status::Approved,
                    Status::Open,
                    Status::QuotesClosed,
                    Status::Evaluating,
                ];
                stands(!is(*request, &before_any_order), ILLEGAL);
                stands(self.standing(*request).next().is_some(), ILLEGAL);
            }
            Action::Approve { request, other_content } => {
                let it = &self.requests[*request];
                stands(late(*request), EXPIRED);
                stands(!is(*request, &[Status::Pending, Status::Expired]), ILLEGAL);
                stands(*other_content, Reason::Code("content_changed"));
                stands(!named || it.steps.get(it.taken).copied() != who.role(), UNSUITABLE);
            }
            Action::Renew(request) => {
                let ended = [
                    Status::Rejected,
                    Status::Cancelled,
                    Status::NegotiationFailed,
                    Status::Failed,
                    Status::Expired,
                    Status::Closed,
                ];
                stands(!is(*request, &ended), ILLEGAL);
            }
            Action::Adjust { good, by } => {
                let fits = self.clone().adjust(*good, *by);
                stands(!fits, Reason::Code("stock_below_reserved"));
            }
            Action::Propose { .. } | Action::AcceptRound { .. } | Action::EndTalks(_) => {
                found.extend(self.against_talking(who, action));
            }
            Action::AcceptOrder(_)
            | Action::DeclineOrder(_)
            | Action::CancelOrder(_)
            | Action::ProposeChange { .. }
            | Action::AcceptChange { .. }
            | Action::RejectChange { .. }
            | Action::Replace { .. } => found.extend(self.against_ordering(who, action)),
            _ => found.extend(self.against_quoting(who, action)),
        }
        found
    }

    fn against_submission(&self, request: usize) -> Vec<Reason> {
        let it = &self.requests[request];
        match self.status(request) {
            Status::Draft | Status::Returned | Status::Withdrawn | Status::Agreed => {}
            Status::Expired => return vec![EXPIRED],
            _ => return vec![ILLEGAL],
        }
        // What quotes are asked for has no price yet.
        if it.method == Method::Quotation {
            return Vec::new();
        }
        let gross = self.gross_if_submitted(request);
        let mut faults = Vec::new();
        let before = self.others(request);
        for (broken, code) in [
            (gross > self.limit, "method_limit_exceeded"),
            (gross > self.left(self.ceiling, request), "package_ceiling_exceeded"),
            (gross > self.left(self.budget, request), "budget_exceeded"),
            (before > 0 && before + gross > self.limit, "split_forbidden"),
        ] {
            if broken {
                faults.push(code);
            }
        }
        if !faults.is_empty() {
            return vec![Reason::Faults(faults)];
        }
        let agreed = self.status(request) == Status::Agreed;
        if !agreed && !self.clone().take_goods(request, &it.basket, self.now) {
            return vec![Reason::Code("out_of_stock")];
        }
        Vec::new()
    }

    /// What a request comes to when it is handed in now: as agreed, or at list prices.
    pub fn gross_if_submitted(&self, request: usize) -> i64 {
        let it = &self.requests[request];
        let parts = match it.status {
            Status::Agreed => it.parts.clone(),
            _ => self.parts_of(&it.basket),
        };
        parts.iter().map(Part::gross).sum()
    }

    fn against_talking(&self, who: Who, action: &Action) -> Vec<Reason> {
        let mut found = Vec::new();
        let (Action::Propose { request, .. }
        | Action::AcceptRound { request, .. }
        | Action::EndTalks(request)) = action
        else {
            return found;
        };
        let it = &self.requests[*request];
        let by_vendor = matches!(who, Who::Vendor(_));
        let own = |vendor: usize| !by_vendor || who == Who::Vendor(vendor);
        if !by_vendor && it.owner != who {
            found.push(UNSUITABLE);
        }
        match self.status(*request) {
            Status::Negotiating => {}
            Status::Expired => found.push(EXPIRED),
            _ => found.push(ILLEGAL),
        }
        match action {
            Action::Propose { vendor, percent, .. } => {
                let wanted = if let Who::Vendor(own) = who { own } else { *vendor };
                match it.talks.iter().find(|talk| talk.vendor == wanted) {
                    None => found.push(Reason::Faults(vec!["unknown_reference"])),
                    Some(talk) if !talk.open => found.push(ILLEGAL),
                    Some(talk) => {
                        if talk.rounds.len() >= ROUNDS {
                            found.push(Reason::Code("too_many_rounds"));
                        }
                        if *percent > 100 {
                            let lines =
                                it.basket.iter().filter(|line| self.goods[line.good].vendor == wanted);
                            found.push(Reason::Faults(lines.map(|_| "price_above_list").collect()));
                        }
                    }
                }
            }
            Action::AcceptRound { talk, round, .. } => {
                let talk = &it.talks[*talk];
                let asked = &talk.rounds[*round];
                if !own(talk.vendor) {
                    return vec![UNKNOWN];
                }
                if !talk.open {
                    found.push(ILLEGAL);
                } else if round + 1 != talk.rounds.len() {
                    found.push(Reason::Code("round_not_latest"));
                } else if asked.by_vendor == by_vendor {
                    found.push(ILLEGAL);
                } else if asked.expires_at <= self.now {
                    found.push(Reason::Code("round_expired"));
                } else if found.is_empty() {
                    found.extend(self.against_agreement(*request, talk.vendor, &asked.terms, by_vendor));
                }
            }
            _ => {
                let open = it.talks.iter().filter(|talk| talk.open && own(talk.vendor));
                match open.map(|talk| talk.idle_until).min() {
                    None => found.push(ILLEGAL),
                    Some(until) if self.now < until => found.push(Reason::Code("negotiation_still_active")),
                    Some(_) => {}
                }
            }
        }
        found
    }

    /// Why the whole basket cannot be agreed with what one vendor would agree to.
    fn against_agreement(&self, request: usize, vendor: usize, terms: &Part, by_vendor: bool) -> Vec<Reason> {
        let others = self.requests[request].talks.iter().filter(|talk| talk.vendor != vendor);
        let agreed: Option<Vec<i64>> = others.map(|talk| talk.agreed.as_ref().map(Part::gross)).collect();
        let Some(agreed) = agreed else { return Vec::new() };
        let gross = agreed.iter().sum::<i64>() + terms.gross();
        let mut after = self.clone();
        after
            .holds
            .retain(|hold| hold.request != request || hold.order.is_some() || hold.what != What::Money);
        let refused = match after.take_money(request, gross, self.now) {
            _ if gross > self.limit => Some("method_limit_exceeded"),
            Err(code) => Some(code),
            Ok(()) => None,
        };
        // A vendor is not told what the office may spend.
        refused
            .map(|code| Reason::Code(if by_vendor { "agreement_not_possible" } else { code }))
            .into_iter()
            .collect()
    }

    fn against_ordering(&self, who: Who, action: &Action) -> Vec<Reason> {
        let mut found = Vec::new();
        let mut must_be = |order: usize, wanted: &[OrderStatus]| match self.order_status(order) {
            status if wanted.contains(&status) => {}
            OrderStatus::Expired => found.push(EXPIRED),
            _ => found.push(ILLEGAL),
        };
        match action {
            Action::AcceptOrder(order) | Action::DeclineOrder(order) => {
                must_be(*order, &[OrderStatus::Issued])
            }
            Action::CancelOrder(order) => {
                must_be(*order, &[OrderStatus::Issued, OrderStatus::Accepted]);
                if self.orders[*order].cancel_asked_by == who.role() {
                    found.push(ILLEGAL);
                }
                if who == Who::Second {
                    found.push(UNSUITABLE);
                }
            }
            Action::ProposeChange { order, by } => {
                must_be(*order, &[OrderStatus::Issued]);
                if *by > 0 {
                    found.push(Reason::Faults(vec!["total_would_rise"]));
                }
            }
            Action::AcceptChange { order, change } | Action::RejectChange { order, change } => {
                must_be(*order, &[OrderStatus::ChangeProposed]);
                if self.orders[*order].changes[*change].decided {
                    found.push(ILLEGAL);
                }
                if who == Who::Second {
                    found.push(UNSUITABLE);
                }
            }
            Action::Replace { request, order } => {
                let it = &self.orders[*order];
                if it.request != *request {
                    return vec![UNKNOWN];
                }
                if self.requests[*request].method == Method::Quotation {
                    found.push(ILLEGAL);
                }
                if !self.order_status(*order).fell_through() {
                    found.push(ILLEGAL);
                }
                if it.replaced {
                    found.push(Reason::Code("already_replaced"));
                }
            }
            _ => {}
        }
        found
    }

    fn against_quoting(&self, who: Who, action: &Action) -> Vec<Reason> {
        let mut found = Vec::new();
        let mut stands = |against: bool, reason: Reason| {
            if against {
                found.push(reason);
            }
        };
        let owner = |request: usize| self.requests[request].owner == who;
        let comparing = |request: usize| self.status(request) == Status::Evaluating;
        match action {
            Action::AskForQuotes(request) => {
                stands(!owner(*request), UNSUITABLE);
                stands(self.status(*request) != Status::Approved, ILLEGAL);
            }
            Action::WriteQuote { request, .. } => {
                let exists = self
                    .quotes
                    .iter()
                    .any(|quote| quote.request == *request && Who::Vendor(quote.vendor) == who);
                stands(exists, Reason::Code("quote_exists"));
                found.extend(self.takes_no_quotes(*request));
            }
            Action::SubmitQuote(quote) => {
                let it = &self.quotes[*quote];
                stands(!matches!(it.status, QuoteStatus::Draft | QuoteStatus::Withdrawn), ILLEGAL);
                found.extend(self.takes_no_quotes(it.request));
            }
            Action::ReplaceQuote(quote) | Action::WithdrawQuote(quote) => {
                let it = &self.quotes[*quote];
                stands(it.status != QuoteStatus::Submitted, ILLEGAL);
                found.extend(self.takes_no_quotes(it.request));
            }
            Action::ConfirmQuote(quote) => {
                let it = &self.quotes[*quote];
                stands(it.status != QuoteStatus::Submitted, ILLEGAL);
                let nothing_new = it.confirmed >= self.requests[it.request].addenda;
                stands(nothing_new, Reason::Code("nothing_to_confirm"));
                found.extend(self.takes_no_quotes(it.request));
            }
            Action::Addendum { request, .. } => {
                stands(!owner(*request), UNSUITABLE);
                found.extend(self.takes_no_quotes(*request));
            }
            Action::Fail(request) => {
                stands(!owner(*request), UNSUITABLE);
                let running = [Status::Open, Status::QuotesClosed, Status::Evaluating];
                stands(!running.contains(&self.status(*request)), ILLEGAL);
            }
            Action::OpenQuotes(request) => {
                let suits = match who.role() {
                    Some(Role::Buys) => owner(*request),
                    _ => who == Who::Approver,
                };
                stands(!suits, UNSUITABLE);
                let closed = self.status(*request) == Status::QuotesClosed;
                stands(self.status(*request) == Status::Open, Reason::Code("too_early"));
                stands(!closed && self.status(*request) != Status::Open, ILLEGAL);
                let again = self.two_open && self.requests[*request].first_opener == Some(who);
                stands(closed && again, Reason::Code("pair_same_person"));
            }
            Action::Evaluate(request) => {
                stands(!owner(*request), UNSUITABLE);
                stands(!comparing(*request), ILLEGAL);
            }
            Action::Disqualify(quote) | Action::Verify(quote) => {
                let it = &self.quotes[*quote];
                stands(!owner(it.request), UNSUITABLE);
                stands(!comparing(it.request), ILLEGAL);
                stands(!it.handed_in(), UNKNOWN);
                if let Action::Disqualify(_) = action {
                    stands(it.status != QuoteStatus::Opened, ILLEGAL);
                } else if self.requests[it.request].evaluation.is_none() {
                    stands(true, Reason::Code("evaluation_missing"));
                } else {
                    let leaders = &self.requests[it.request].leaders;
                    let leads = leaders.iter().any(|(_, leader)| leader == quote);
                    stands(!leads, Reason::Code("not_first_ranked"));
                }
            }
            Action::Award { request, other_content } => {
                stands(who != Who::Approver, UNSUITABLE);
                stands(!comparing(*request), ILLEGAL);
                if comparing(*request) {
                    found.extend(self.against_award(*request, *other_content));
                }
            }
            Action::Object(request) => {
                let it = &self.requests[*request];
                let own = |quote: &&Quote| quote.request == *request && Who::Vendor(quote.vendor) == who;
                let won =
                    self.quotes.iter().find(own).is_some_and(|quote| quote.status == QuoteStatus::Awarded);
                let awarded = it.status == Status::Awarded;
                stands(!awarded || won, ILLEGAL);
                stands(awarded && it.objections_until <= self.now, EXPIRED);
                let waits = |known: &&Objection| {
                    !known.decided && known.award == it.awards && Who::Vendor(known.vendor) == who
                };
                stands(it.objections.iter().any(|known| waits(&known)), ILLEGAL);
            }
            Action::Decide { request, objection, .. } => {
                let it = &self.requests[*request];
                stands(who != Who::Approver, UNSUITABLE);
                let filed = &it.objections[*objection];
                stands(filed.decided || it.status != Status::Awarded, ILLEGAL);
                // What was filed against an award that was taken back is against nothing any more.
                stands(filed.award != it.awards, ILLEGAL);
            }
            Action::NextRank { request, order } => {
                let (it, fallen) = (&self.requests[*request], &self.orders[*order]);
                if fallen.request != *request {
                    return vec![UNKNOWN];
                }
                stands(!owner(*request), UNSUITABLE);
                let past_orders = matches!(it.status, Status::Evaluating | Status::Ordered);
                stands(it.method != Method::Quotation || !past_orders, ILLEGAL);
                stands(!self.order_status(*order).fell_through(), ILLEGAL);
                stands(fallen.passed_over, ILLEGAL);
            }
            Action::ReadEvaluation(request) => {
                let it = &self.requests[*request];
                if it.method != Method::Quotation {
                    return vec![UNKNOWN];
                }
                let shown =
                    if who.of_unit() { it.opened } else { it.award_stands && it.evaluation.is_some() };
                stands(!shown, ILLEGAL);
            }
            _ => {}
        }
        found
    }

    fn takes_no_quotes(&self, request: usize) -> Option<Reason> {
        match self.status(request) {
            Status::Open => None,
            Status::QuotesClosed | Status::Evaluating => Some(Reason::Code("deadline_passed")),
            _ => Some(ILLEGAL),
        }
    }

    fn against_award(&self, request: usize, other_content: bool) -> Vec<Reason> {
        if self.requests[request].evaluation.is_none() {
            return vec![Reason::Code("evaluation_missing")];
        }
        let mut found = Vec::new();
        if other_content {
            found.push(Reason::Code("content_changed"));
        }
        let won = self.won(request);
        if won.is_empty() {
            found.push(Reason::Code("nothing_to_award"));
            return found;
        }
        let leaders = &self.requests[request].leaders;
        if leaders.iter().any(|(_, leader)| !self.quotes[*leader].verified) {
            found.push(Reason::Code("verification_missing"));
        }
        let gross = won.iter().map(Part::gross).sum::<i64>();
        let together = self.standing_gross(request) + gross;
        let before = self.others(request);
        let lines: Vec<Line> = won.into_iter().flat_map(|part| part.lines).collect();
        let mut after = self.clone();
        after.release_request(request);
        if !after.take_goods(request, &lines, self.now) {
            found.push(Reason::Code("out_of_stock"));
        }
        if together > self.limit {
            found.push(Reason::Code("method_limit_exceeded"));
        }
        if let Err(code) = after.take_money(request, gross, self.now) {
            found.push(Reason::Code(code));
        }
        if before > 0 && before + together > self.limit {
            found.push(Reason::Code("split_forbidden"));
        }
        found
    }
}
