//! What an accepted attempt makes of the world.
use super::actions::Action;
use super::world::{
    Change, Hold, Line, Method, Objection, Order, OrderStatus, Part, Quote, QuoteStatus, Request, Round,
    Status, Talk, Time, Told, ToldOrder, What, Who, World,
};

impl World {
    pub fn apply(&mut self, who: Who, action: &Action, told: &Told) {
        match action {
            Action::Create { method, basket } => self.begin(who, *method, basket.clone(), told),
            Action::Edit { request, basket } => {
                let it = &mut self.requests[*request];
                (it.basket, it.line_ids) = (basket.clone(), told.line_ids.clone());
            }
            Action::Submit(request) => self.submit(*request, told),
            Action::Withdraw(request) => self.turn(*request, Status::Withdrawn),
            Action::Return(request) => self.turn(*request, Status::Returned),
            Action::Reject(request) => self.turn(*request, Status::Rejected),
            Action::Cancel(request) => self.turn(*request, Status::Cancelled),
            Action::Approve { request, .. } => {
                self.requests[*request].taken += 1;
                self.step_taken(*request, told);
            }
            Action::Renew(request) => {
                let (method, basket) =
                    (self.requests[*request].method, self.requests[*request].basket.clone());
                self.begin(who, method, basket, told);
            }
            Action::Adjust { good, by } => {
                self.adjust(*good, *by);
            }
            Action::Propose { .. } | Action::AcceptRound { .. } | Action::EndTalks(_) => {
                self.talk(who, action, told);
            }
            Action::AcceptOrder(_)
            | Action::DeclineOrder(_)
            | Action::CancelOrder(_)
            | Action::ProposeChange { .. }
            | Action::AcceptChange { .. }
            | Action::RejectChange { .. }
            | Action::Replace { .. } => self.order(who, action, told),
            _ => self.quote(who, action, told),
        }
    }

    fn begin(&mut self, who: Who, method: Method, basket: Vec<Line>, told: &Told) {
        self.requests.push(Request {
            id: told.id.clone(),
            owner: who,
            method,
            status: Status::Draft,
            basket,
            line_ids: told.line_ids.clone(),
            gross: 0,
            parts: Vec::new(),
            hash: String::new(),
            steps: Vec::new(),
            taken: 0,
            approval_due: 0,
            talk_due: 0,
            talks: Vec::new(),
            deadline: 0,
            addenda: 0,
            first_opener: None,
            opened: false,
            evaluation: None,
            leaders: Vec::new(),
            award_stands: false,
            awards: 0,
            objections_until: 0,
            objections: Vec::new(),
        });
    }

    fn submit(&mut self, request: usize, told: &Told) {
        let agreed = self.requests[request].status == Status::Agreed;
        let gross = self.gross_if_submitted(request);
        let (left, basket) = (self.left(self.ceiling, request), self.requests[request].basket.clone());
        let parts = self.parts_of(&basket);
        let it = &mut self.requests[request];
        (it.hash, it.taken) = (told.hash.clone(), 0);
        it.approval_due = told.approval_due;
        if it.method == Method::Quotation {
            // Nobody has estimated anything: all that is left may be spent.
            it.steps = Self::steps(left);
            return self.step_taken(request, told);
        }
        (it.gross, it.steps) = (gross, Self::steps(gross));
        if agreed {
            self.hold_request_until(request, told.approval_due);
            return self.step_taken(request, told);
        }
        it.parts = parts;
        let negotiated = it.method == Method::Negotiated;
        let until = if negotiated { told.talk_due } else { told.approval_due };
        self.take_goods(request, &basket, until);
        let _ = self.take_money(request, gross, until);
        if negotiated {
            self.begin_talks(request, told);
        } else {
            self.step_taken(request, told);
        }
    }

    fn begin_talks(&mut self, request: usize, told: &Told) {
        let it = &mut self.requests[request];
        (it.status, it.talk_due) = (Status::Negotiating, told.talk_due);
        let talk = |part: &Part| Talk {
            vendor: part.vendor,
            open: true,
            rounds: Vec::new(),
            agreed: None,
            idle_until: idle_until(told, part.vendor),
        };
        it.talks = it.parts.iter().map(talk).collect();
    }

    fn step_taken(&mut self, request: usize, told: &Told) {
        let it = &mut self.requests[request];
        if it.taken < it.steps.len() {
            it.status = Status::Pending;
        } else if it.method == Method::Quotation {
            it.status = Status::Approved;
        } else {
            self.issue(request, &told.orders);
        }
    }

    /// One order for each vendor; goods and money go over to it.
    pub fn issue(&mut self, request: usize, told: &[ToldOrder]) {
        let award = self.orders_of(request).map(|order| self.orders[order].award).max().unwrap_or(0) + 1;
        self.requests[request].status = Status::Ordered;
        self.holds.retain(|hold| hold.request != request || hold.order.is_some() || hold.what != What::Money);
        for part in std::mem::take(&mut self.requests[request].parts) {
            // An order that was not told of is a difference that whoever compares will find.
            let known = told.iter().find(|order| order.vendor == part.vendor).cloned();
            let Some(known) = known else { continue };
            let (place, goods) = (self.orders.len(), &self.goods);
            let moves = |hold: &Hold| match hold.what {
                What::Good(good) => goods[good].vendor == part.vendor,
                What::Money => false,
            };
            for hold in &mut self.holds {
                if hold.request == request && hold.order.is_none() && moves(hold) {
                    (hold.order, hold.lapses_at) = (Some(place), Some(known.due));
                }
            }
            self.holds.push(Hold {
                what: What::Money,
                amount: part.gross(),
                request,
                order: Some(place),
                lapses_at: Some(known.due),
            });
            self.orders.push(Order {
                id: known.id,
                request,
                part,
                line_ids: known.line_ids,
                status: OrderStatus::Issued,
                due: known.due,
                cancel_asked_by: None,
                changes: Vec::new(),
                replaced: false,
                award,
                passed_over: false,
            });
        }
    }

    /// Off its way, one way or another: nothing is held any more.
    fn turn(&mut self, request: usize, status: Status) {
        self.release_request(request);
        self.requests[request].status = status;
    }

    fn talk(&mut self, who: Who, action: &Action, told: &Told) {
        match action {
            Action::Propose { request, vendor, percent, fee, hours } => {
                let vendor = &(if let Who::Vendor(own) = who { own } else { *vendor });
                let until = hours.map(|hours| self.now + hours * super::world::HOUR);
                let it = &mut self.requests[*request];
                let lines = it.basket.iter().filter(|line| self.goods[line.good].vendor == *vendor);
                let lines = lines.map(|line| Line { price: line.price * percent / 100, ..*line }).collect();
                let by_vendor = matches!(who, Who::Vendor(_));
                let terms = Part { vendor: *vendor, lines, fee: *fee };
                let expires_at = until.unwrap_or(it.talk_due);
                let round = Round { id: told.id.clone(), by_vendor, terms, expires_at };
                for talk in it.talks.iter_mut().filter(|talk| talk.vendor == *vendor) {
                    talk.rounds.push(round.clone());
                    talk.idle_until = idle_until(told, *vendor);
                }
            }
            Action::AcceptRound { request, talk, round } => {
                let it = &mut self.requests[*request];
                let talk = &mut it.talks[*talk];
                (talk.open, talk.agreed) = (false, Some(talk.rounds[*round].terms.clone()));
                let agreed: Option<Vec<Part>> = it.talks.iter().map(|talk| talk.agreed.clone()).collect();
                let Some(parts) = agreed else { return };
                it.gross = parts.iter().map(Part::gross).sum();
                (it.status, it.parts, it.talk_due) = (Status::Agreed, parts, told.talk_due);
                let gross = it.gross;
                self.holds.retain(|hold| {
                    hold.request != *request || hold.order.is_some() || hold.what != What::Money
                });
                let _ = self.take_money(*request, gross, told.talk_due);
                self.hold_request_until(*request, told.talk_due);
            }
            Action::EndTalks(request) => {
                self.requests[*request].talks.iter_mut().for_each(|talk| talk.open = false);
                self.turn(*request, Status::NegotiationFailed);
            }
            _ => {}
        }
    }

    fn order(&mut self, who: Who, action: &Action, told: &Told) {
        match action {
            Action::AcceptOrder(order) => self.accepted(*order),
            Action::DeclineOrder(order) => {
                self.release_order(*order);
                self.orders[*order].status = OrderStatus::Declined;
            }
            Action::CancelOrder(order) => {
                let it = &mut self.orders[*order];
                match it.cancel_asked_by {
                    None => it.cancel_asked_by = who.role(),
                    Some(_) => {
                        it.status = OrderStatus::Cancelled;
                        self.release_order(*order);
                    }
                }
            }
            Action::ProposeChange { order, by } => {
                self.hold_order_until(*order, Some(told.answer_due));
                let it = &mut self.orders[*order];
                let price = it.part.lines[0].price + by;
                it.changes.push(Change { id: told.id.clone(), price, decided: false });
                (it.status, it.due) = (OrderStatus::ChangeProposed, told.answer_due);
            }
            Action::AcceptChange { order, change } => {
                self.accepted(*order);
                let it = &mut self.orders[*order];
                it.changes[*change].decided = true;
                it.part.lines[0].price = it.changes[*change].price;
                let gross = it.part.gross();
                let own = |hold: &&mut Hold| hold.order == Some(*order) && hold.what == What::Money;
                self.holds.iter_mut().filter(own).for_each(|hold| hold.amount = gross);
            }
            Action::RejectChange { order, change } => {
                self.hold_order_until(*order, Some(told.answer_due));
                let it = &mut self.orders[*order];
                it.changes[*change].decided = true;
                (it.status, it.due, it.cancel_asked_by) = (OrderStatus::Issued, told.answer_due, None);
            }
            Action::Replace { request, order } => {
                self.release_order(*order);
                self.orders[*order].replaced = true;
                let goods: Vec<usize> = self.orders[*order].part.lines.iter().map(|line| line.good).collect();
                let it = &self.requests[*request];
                let basket = it.basket.iter().filter(|line| goods.contains(&line.good)).copied().collect();
                self.begin(who, it.method, basket, told);
            }
            _ => {}
        }
    }

    fn accepted(&mut self, order: usize) {
        self.hold_order_until(order, None);
        let it = &mut self.orders[order];
        (it.status, it.cancel_asked_by) = (OrderStatus::Accepted, None);
    }

    fn quote(&mut self, who: Who, action: &Action, told: &Told) {
        match action {
            Action::AskForQuotes(request) => {
                let it = &mut self.requests[*request];
                (it.status, it.deadline) = (Status::Open, told.deadline);
            }
            Action::WriteQuote { request, prices, fee } => {
                let Who::Vendor(vendor) = who else { return };
                let good = self.offered(vendor);
                let lines = self.requests[*request].basket.iter().zip(prices);
                let lines = lines.map(|(asked, price)| Line {
                    good,
                    price: Self::own_price(*price, vendor),
                    ..*asked
                });
                self.quotes.push(Quote {
                    id: told.id.clone(),
                    request: *request,
                    vendor,
                    status: QuoteStatus::Draft,
                    terms: Part { vendor, lines: lines.collect(), fee: *fee },
                    confirmed: 0,
                    verified: false,
                    passed_over: false,
                });
            }
            Action::SubmitQuote(quote) | Action::ReplaceQuote(quote) | Action::ConfirmQuote(quote) => {
                let it = &mut self.quotes[*quote];
                it.status = QuoteStatus::Submitted;
                it.confirmed = self.requests[it.request].addenda;
            }
            Action::WithdrawQuote(quote) => self.quotes[*quote].status = QuoteStatus::Withdrawn,
            Action::Addendum { request, .. } => {
                let it = &mut self.requests[*request];
                (it.addenda, it.deadline) = (it.addenda + 1, told.deadline);
            }
            Action::Fail(request) if self.standing(*request).next().is_none() => {
                self.turn(*request, Status::Failed);
            }
            Action::Fail(request) => {
                // What an earlier award ordered stays bought.
                self.turn(*request, Status::Ordered);
                self.choose(*request, &[]);
            }
            Action::OpenQuotes(request) => {
                let it = &mut self.requests[*request];
                if self.two_open && it.first_opener.is_none() {
                    it.first_opener = Some(who);
                } else {
                    self.open(*request);
                }
            }
            Action::Evaluate(request) => {
                let leaders = self.compare(*request);
                let it = &mut self.requests[*request];
                (it.evaluation, it.leaders, it.award_stands) = (Some(told.hash.clone()), leaders, false);
            }
            Action::Disqualify(quote) => {
                let it = &mut self.quotes[*quote];
                (it.status, it.verified) = (QuoteStatus::Disqualified, false);
                self.requests[it.request].evaluation = None;
            }
            Action::Verify(quote) => self.quotes[*quote].verified = true,
            Action::Award { request, .. } => self.award(*request, told),
            Action::Object(request) => {
                let Who::Vendor(vendor) = who else { return };
                let it = &mut self.requests[*request];
                let award = it.awards;
                it.objections.push(Objection { id: told.id.clone(), vendor, award, decided: false });
            }
            Action::Decide { request, objection, upheld } => {
                self.requests[*request].objections[*objection].decided = true;
                if *upheld {
                    self.compare_again(*request);
                }
            }
            Action::NextRank { request, order } => {
                self.release_order(*order);
                self.orders[*order].passed_over = true;
                let vendor = self.orders[*order].part.vendor;
                let of_winner = |quote: &&mut Quote| quote.request == *request && quote.vendor == vendor;
                self.quotes.iter_mut().filter(of_winner).for_each(|quote| quote.passed_over = true);
                self.compare_again(*request);
            }
            _ => {}
        }
    }

    fn award(&mut self, request: usize, told: &Told) {
        let parts = self.won(request);
        let gross = parts.iter().map(Part::gross).sum::<i64>();
        let together = self.standing_gross(request) + gross;
        let lines: Vec<Line> = parts.iter().flat_map(|part| part.lines.iter().copied()).collect();
        self.release_request(request);
        self.take_goods(request, &lines, Time::MAX);
        let _ = self.take_money(request, gross, Time::MAX);
        let leaders: Vec<usize> = self.requests[request].leaders.iter().map(|(_, quote)| *quote).collect();
        self.choose(request, &leaders);
        let it = &mut self.requests[request];
        (it.gross, it.parts) = (it.gross + gross, parts);
        (it.awards, it.award_stands) = (it.awards + 1, true);
        it.objections_until = told.objections_until;
        if together >= super::rules::OBJECTIONS_FROM {
            it.status = Status::Awarded;
        } else {
            self.issue(request, &told.orders);
        }
    }

    /// Tells the quotes that lie open which of them won.
    fn choose(&mut self, request: usize, winners: &[usize]) {
        for (place, quote) in self.quotes.iter_mut().enumerate() {
            if quote.request == request && quote.status == QuoteStatus::Opened {
                let won = winners.contains(&place);
                quote.status = if won { QuoteStatus::Awarded } else { QuoteStatus::NotAwarded };
            }
        }
    }

    /// The worker takes an award back whose orders cannot go out, as one vendor may not trade.
    pub fn take_back(&mut self, request: usize, vendor: usize) {
        for quote in self.quotes.iter_mut().filter(|quote| quote.request == request) {
            quote.passed_over |= quote.status == QuoteStatus::Awarded && quote.vendor == vendor;
        }
        self.compare_again(request);
    }

    /// The quotes lie open once more; what was awarded and not ordered is let go of.
    fn compare_again(&mut self, request: usize) {
        self.release_request(request);
        let standing = self.standing_gross(request);
        let it = &mut self.requests[request];
        it.parts.clear();
        (it.status, it.evaluation, it.gross, it.award_stands) = (Status::Evaluating, None, standing, false);
        for quote in self.quotes.iter_mut().filter(|quote| quote.request == request) {
            if matches!(quote.status, QuoteStatus::Awarded | QuoteStatus::NotAwarded) {
                (quote.status, quote.verified) = (QuoteStatus::Opened, false);
            }
        }
    }

    /// The quotes are opened; without one that counts no vendor was found.
    fn open(&mut self, request: usize) {
        let it = &mut self.requests[request];
        it.opened = true;
        let addenda = it.addenda;
        let mut valid = false;
        for quote in self.quotes.iter_mut().filter(|quote| quote.request == request) {
            if quote.status == QuoteStatus::Submitted {
                let confirmed = quote.confirmed >= addenda;
                valid |= confirmed;
                quote.status = if confirmed { QuoteStatus::Opened } else { QuoteStatus::Unconfirmed };
            }
        }
        self.turn(request, if valid { Status::Evaluating } else { Status::Failed });
    }

    /// What the worker finds to do. Answers the awards whose orders go out now.
    pub fn work(&mut self) -> Vec<usize> {
        for request in 0..self.requests.len() {
            if self.status(request) == Status::Expired {
                self.turn(request, Status::Expired);
            }
        }
        for order in 0..self.orders.len() {
            if self.order_status(order) == OrderStatus::Expired {
                self.release_order(order);
                self.orders[order].status = OrderStatus::Expired;
            }
        }
        for request in 0..self.requests.len() {
            if self.status(request) == Status::QuotesClosed && !self.two_open {
                self.open(request);
            }
        }
        self.due()
    }

    /// Awards that nobody can object to any more.
    fn due(&self) -> Vec<usize> {
        let due = |request: &usize| {
            let it = &self.requests[*request];
            it.status == Status::Awarded
                && it.objections_until <= self.now
                && it.objections.iter().all(|objection| objection.decided || objection.award != it.awards)
        };
        (0..self.requests.len()).filter(due).collect()
    }

    /// Who won one of them.
    pub fn winner_due(&self) -> Option<usize> {
        self.due().into_iter().find_map(|request| Some(self.requests[request].parts.first()?.vendor))
    }
}

fn idle_until(told: &Told, vendor: usize) -> Time {
    told.idle_until.iter().find(|(of, _)| *of == vendor).map_or(0, |(_, until)| *until)
}
