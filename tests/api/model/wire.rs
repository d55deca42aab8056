//! Attempts over HTTP, and what the server told of those that it accepted.
use super::actions::{Action, Step};
use super::rules::{Reason, status_of};
use super::world::{DAY, HOUR, Line, Method, Status, Time, Told, ToldOrder, Who, World};
use crate::support::purchase::{NEEDED_ON, NO_CONTENT, Office, line, quoted, slot};
use crate::support::trade::Vendor;
use crate::support::{Answer, Caller, send};
use chrono::{DateTime, SecondsFormat};
use reqwest::{Client, Method as Verb};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const REASON: &str = "Kegiatan ditiadakan";
/// What stands for the id of a thing that is not there.
const NOTHING: &str = "00000000-0000-7000-8000-000000000000";

/// Those who act, over connections that are kept.
pub struct Cast {
    pub client: Client,
    pub base: String,
    pub office: Office,
    pub colleague: Caller,
    pub second: Caller,
    pub head: Caller,
    pub stranger: Caller,
    pub vendors: Arc<Vec<Vendor>>,
    /// Ids of the goods that the lane deals in, in the order of [`super::SHELF`].
    pub goods: Vec<String>,
}

/// A call as it goes over the wire.
struct Sent {
    verb: Verb,
    path: String,
    body: Option<Value>,
    etag: Option<String>,
}

fn posts(path: String) -> Sent {
    Sent { verb: Verb::POST, path, body: None, etag: None }
}

fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

fn instant(time: Time) -> Value {
    let at = DateTime::from_timestamp(time, 0).expect("a time");
    json!(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn time(of: &Value) -> Time {
    of.as_str().map_or(0, |text| DateTime::parse_from_rfc3339(text).expect("a time").timestamp())
}

fn rupiah(amount: i64) -> String {
    format!("{amount}.00")
}

impl Cast {
    fn caller(&self, who: Who) -> Option<&Caller> {
        Some(match who {
            Who::Officer => &self.office.officer,
            Who::Colleague => &self.colleague,
            Who::Approver => &self.office.approver,
            Who::Second => &self.second,
            Who::Head => &self.head,
            Who::Stranger => &self.stranger,
            Who::Vendor(vendor) => &self.vendors[vendor].owner,
            Who::Nobody => return None,
        })
    }

    async fn call(&self, who: Who, sent: Sent) -> Answer {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let keyed = sent.verb == Verb::POST;
        let mut request = self.client.request(sent.verb, format!("{}{}", self.base, sent.path));
        if let Some(token) = self.caller(who).and_then(|caller| caller.token.as_ref()) {
            request = request.bearer_auth(token);
        }
        if keyed {
            let key = format!("model-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            request = request.header("Idempotency-Key", key);
        }
        if let Some(etag) = sent.etag {
            request = request.header("If-Match", etag);
        }
        if let Some(body) = sent.body {
            request = request.json(&body);
        }
        send(request).await
    }

    async fn get(&self, path: String) -> Answer {
        self.call(Who::Officer, Sent { verb: Verb::GET, path, body: None, etag: None }).await.expect(200)
    }

    /// Tries a step and answers what was told, or why it was not to be, as the server puts it.
    pub async fn attempt(&self, world: &World, step: &Step) -> (Answer, Told) {
        let mut sent = self.sent(world, step);
        if let Action::Edit { request, .. } = step.action {
            sent.etag = Some(self.get(at(&world.requests[request].id, "")).await.etag());
        }
        if step.stale {
            sent.etag = Some("\"v1000000\"".into());
        }
        let answer = self.call(step.who, sent).await;
        let told =
            if answer.status < 300 { self.told(world, &step.action, &answer).await } else { Told::default() };
        (answer, told)
    }

    fn sent(&self, world: &World, step: &Step) -> Sent {
        let request = |request: &usize, place: &str| posts(at(&world.requests[*request].id, place));
        let order =
            |order: &usize, place: &str| posts(format!("/api/v1/orders/{}{place}", world.orders[*order].id));
        let quote = |quote: &usize, verb: &str| {
            posts(format!("/api/v1/quotes/{}/actions/{verb}", world.quotes[*quote].id))
        };
        let because = |sent: Sent| Sent { body: Some(json!({ "reason": REASON })), ..sent };
        let with = |sent: Sent, body: Value| Sent { body: Some(body), ..sent };
        match &step.action {
            Action::Create { method, basket } => {
                with(posts("/api/v1/requests".into()), self.draft(world, *method, basket))
            }
            Action::Edit { request: of, basket } => Sent {
                verb: Verb::PATCH,
                ..with(request(of, ""), json!({ "lines": self.lines(world, basket) }))
            },
            Action::Submit(of) => request(of, "/actions/submit"),
            Action::Withdraw(of) => request(of, "/actions/withdraw"),
            Action::Return(of) => because(request(of, "/actions/return")),
            Action::Reject(of) => because(request(of, "/actions/reject")),
            Action::Cancel(of) => because(request(of, "/actions/cancel")),
            Action::Approve { request: of, other_content } => {
                let hash = &world.requests[*of].hash;
                let other = *other_content || hash.is_empty();
                let hash = if other { NO_CONTENT } else { hash };
                with(request(of, "/actions/approve"), json!({ "content_hash": hash }))
            }
            Action::Renew(of) => request(of, "/actions/renew"),
            Action::Propose { request: of, vendor, percent, fee, hours } => {
                let it = &world.requests[*of];
                let own = if let Who::Vendor(own) = step.who { own } else { *vendor };
                let lines = it.basket.iter().zip(&it.line_ids);
                let lines = lines.filter(|(line, _)| world.goods[line.good].vendor == own);
                let mut prices: Vec<Value> = lines
                    .map(|(line, id)| json!({ "line_id": id, "unit_price": rupiah(line.price * percent / 100) }))
                    .collect();
                if prices.is_empty() {
                    prices.push(json!({ "line_id": NOTHING, "unit_price": "1.00" }));
                }
                let mut body = json!({ "unit_prices": prices, "shipping_fee": rupiah(*fee) });
                if own == *vendor && !matches!(step.who, Who::Vendor(_)) {
                    body["vendor_id"] = json!(self.vendors[*vendor].id);
                }
                if let Some(hours) = hours {
                    body["expires_at"] = instant(world.now + hours * HOUR);
                }
                with(request(of, "/negotiation-rounds"), body)
            }
            Action::AcceptRound { request: of, talk, round } => {
                let round = &world.requests[*of].talks[*talk].rounds[*round].id;
                request(of, &format!("/negotiation-rounds/{round}/actions/accept"))
            }
            Action::EndTalks(of) => because(request(of, "/actions/end-negotiation")),
            Action::AcceptOrder(of) => order(of, "/actions/accept"),
            Action::DeclineOrder(of) => because(order(of, "/actions/decline")),
            Action::CancelOrder(of) => because(order(of, "/actions/cancel")),
            Action::ProposeChange { order: of, by } => {
                let it = &world.orders[*of];
                let price = rupiah(it.part.lines[0].price + by);
                let prices = json!([{ "line_id": it.line_ids[0], "unit_price": price }]);
                with(order(of, "/actions/propose-change"), json!({ "unit_prices": prices, "reason": REASON }))
            }
            Action::AcceptChange { order: of, change } => {
                order(of, &format!("/changes/{}/actions/accept", world.orders[*of].changes[*change].id))
            }
            Action::RejectChange { order: of, change } => {
                let change = &world.orders[*of].changes[*change].id;
                because(order(of, &format!("/changes/{change}/actions/reject")))
            }
            Action::Replace { request: of, order } => {
                with(request(of, "/actions/replace-vendor"), json!({ "order_id": world.orders[*order].id }))
            }
            Action::Adjust { good, by } => {
                let direction = if *by > 0 { "add" } else { "take" };
                let body =
                    json!({ "direction": direction, "quantity": by.abs().to_string(), "reason": REASON });
                with(posts(format!("/api/v1/products/{}/actions/adjust-stock", world.goods[*good].id)), body)
            }
            Action::AskForQuotes(of) => request(of, "/actions/open"),
            Action::WriteQuote { request: of, prices, fee } => {
                let vendor = if let Who::Vendor(own) = step.who { own } else { 0 };
                let good = &world.goods[world.offered(vendor)].id;
                let quoted = |(line, price): (&String, &i64)| {
                    quoted(line, good, &rupiah(World::own_price(*price, vendor)))
                };
                let lines: Vec<Value> = world.requests[*of].line_ids.iter().zip(prices).map(quoted).collect();
                let body = json!({ "lines": lines, "shipping_fee": rupiah(*fee), "lead_time_days": 3 });
                with(request(of, "/quotes"), body)
            }
            Action::SubmitQuote(of) => quote(of, "submit"),
            Action::ReplaceQuote(of) => quote(of, "replace"),
            Action::ConfirmQuote(of) => quote(of, "confirm"),
            Action::WithdrawQuote(of) => quote(of, "withdraw"),
            Action::Addendum { request: of, later } => {
                let mut body = json!({ "text": "Warna tutup boleh hitam atau biru" });
                if *later && world.requests[*of].deadline > world.now {
                    body["quote_deadline"] = instant(world.requests[*of].deadline + DAY);
                }
                with(request(of, "/addenda"), body)
            }
            Action::Fail(of) => because(request(of, "/actions/fail")),
            Action::OpenQuotes(of) => request(of, "/opening"),
            Action::Evaluate(of) => because(request(of, "/evaluation")),
            Action::Disqualify(of) => {
                with(quote(of, "disqualify"), json!({ "code": "technical", "reason": REASON }))
            }
            Action::Verify(of) => with(quote(of, "verify"), json!({ "note": REASON })),
            Action::Award { request: of, other_content } => {
                let hash = world.requests[*of].evaluation.as_deref().filter(|_| !other_content);
                let body = json!({ "content_hash": hash.unwrap_or(NO_CONTENT) });
                with(request(of, "/actions/award"), body)
            }
            Action::Object(of) => with(
                request(of, "/objections"),
                json!({ "text": "Barang pemenang tidak sesuai spesifikasi" }),
            ),
            Action::Decide { request: of, objection, upheld } => {
                let objection = &world.requests[*of].objections[*objection].id;
                let body = json!({ "upheld": upheld, "decision": REASON });
                with(request(of, &format!("/objections/{objection}/actions/decide")), body)
            }
            Action::ReadEvaluation(of) => Sent { verb: Verb::GET, ..request(of, "/evaluation") },
            Action::NextRank { request: of, order } => {
                with(request(of, "/actions/next-rank"), json!({ "order_id": world.orders[*order].id }))
            }
        }
    }

    fn lines(&self, world: &World, basket: &[Line]) -> Vec<Value> {
        basket.iter().map(|it| line(&world.goods[it.good].id, &it.quantity.to_string())).collect()
    }

    fn draft(&self, world: &World, method: Method, basket: &[Line]) -> Value {
        let mut body = self.office.draft_body(self.lines(world, basket));
        let (word, fields) = match method {
            Method::Direct => ("direct", &mut body["fields"]),
            Method::Urgent => ("urgent", &mut body["fields"]),
            Method::Negotiated => ("negotiated", &mut body["fields"]),
            Method::Quotation => ("quotation", &mut body["fields"]),
        };
        fields["method"] = json!(word);
        if method == Method::Urgent {
            fields["urgent"] =
                json!({ "code": "service_failure", "reason": "Listrik kantor padam sejak pagi" });
        }
        if method == Method::Quotation {
            let asked = |line: &Line| {
                let quantity = line.quantity.to_string();
                json!({ "product_id": world.goods[line.good].id, "quantity": quantity, "slots": [slot(NEEDED_ON, &quantity)] })
            };
            let lines: Vec<Value> = basket.iter().map(asked).collect();
            let award = if basket.len() > 1 { "itemised" } else { "whole" };
            fields["quotation"] = json!({ "invitation": "open", "award": award, "evaluation": "lowest_price",
                "window_days": 3, "lines": lines });
            fields.as_object_mut().expect("fields").remove("lines");
        }
        body
    }

    /// What an acceptance told; where the answer says too little, it is looked up.
    async fn told(&self, world: &World, action: &Action, answer: &Answer) -> Told {
        let body = &answer.body;
        let quotation = &body["quotation"];
        let lines = if quotation["lines"].is_array() { &quotation["lines"] } else { &body["lines"] };
        let ids = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|line| line["id"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let mut told = Told {
            id: answer.id(),
            line_ids: ids(lines),
            hash: answer.text("/content_hash"),
            approval_due: time(&body["approval_due_at"]),
            talk_due: time(&body["negotiation_due_at"]),
            deadline: time(&quotation["quote_deadline"]),
            objections_until: time(&quotation["objections_until"]),
            ..Told::default()
        };
        match action {
            Action::Submit(request) | Action::Approve { request, .. } | Action::Award { request, .. } => {
                match body["status"].as_str() {
                    Some("ordered" | "partially_ordered") => told.orders = self.orders(world, *request).await,
                    Some("negotiating") => {
                        let talks = self.get(at(&world.requests[*request].id, "/negotiations")).await;
                        told.idle_until = talks.items().iter().map(|talk| self.idle(talk)).collect();
                    }
                    _ => {}
                }
            }
            Action::Propose { .. } => {
                let last = body["rounds"].as_array().and_then(|rounds| rounds.last());
                told.id =
                    last.map(|round| round["id"].as_str().unwrap_or_default().to_owned()).unwrap_or_default();
                told.idle_until = vec![self.idle(body)];
            }
            Action::AcceptRound { .. } => told.talk_due = time(&body["due_at"]),
            Action::ProposeChange { order, .. } | Action::RejectChange { order, .. } => {
                let shown = self.get(format!("/api/v1/orders/{}", world.orders[*order].id)).await;
                told.answer_due = time(&shown.body["answer_due_at"]);
            }
            _ => {}
        }
        told
    }

    fn idle(&self, talk: &Value) -> (usize, Time) {
        (self.vendor(&talk["vendor_id"]), time(&talk["idle_until"]))
    }

    fn vendor(&self, id: &Value) -> usize {
        let known =
            self.vendors.iter().position(|vendor| vendor.id.to_string() == id.as_str().unwrap_or_default());
        known.expect("a vendor of this test")
    }

    /// The orders of a request that the model does not know yet.
    pub async fn orders(&self, world: &World, request: usize) -> Vec<ToldOrder> {
        let all = self.get(format!("/api/v1/orders?request_id={}", world.requests[request].id)).await.items();
        let new =
            all.iter().filter(|order| world.orders.iter().all(|known| order["id"] != known.id.as_str()));
        let order = |order: &Value| ToldOrder {
            id: order["id"].as_str().unwrap_or_default().to_owned(),
            vendor: self.vendor(&order["vendor_id"]),
            due: time(&order["answer_due_at"]),
            line_ids: order["lines"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|line| line["id"].as_str().unwrap_or_default().to_owned())
                .collect(),
        };
        new.map(order).collect()
    }
}

/// Why an answer is not what the model foretold; none: it is.
pub fn contradiction(expected: &[Reason], answer: &Answer) -> Option<String> {
    let text = || String::from_utf8_lossy(&answer.bytes).into_owned();
    if answer.status < 300 {
        return (!expected.is_empty()).then(|| format!("accepted although {expected:?}: {}", text()));
    }
    let code = answer.code();
    let foretold = expected.iter().any(|reason| match reason {
        Reason::Code(known) => code == *known && answer.status == status_of(known),
        Reason::Faults(known) => {
            let mut found: Vec<String> = answer.faults().into_iter().map(|(_, code)| code).collect();
            let mut known = known.clone();
            found.sort();
            known.sort_unstable();
            code == "invalid_input" && answer.status == 422 && found == known
        }
    });
    (!foretold).then(|| format!("refused with {} {}, expected {expected:?}", answer.status, text()))
}

/// Why what an acceptance shows is not what the model has come to; none: it is.
pub fn difference(world: &World, action: &Action, answer: &Answer) -> Option<String> {
    let (status, gross) = match action {
        Action::Create { .. } | Action::Renew(_) | Action::Replace { .. } => (Status::Draft.word(), Some(0)),
        Action::Edit { request, .. }
        | Action::Submit(request)
        | Action::Withdraw(request)
        | Action::Return(request)
        | Action::Reject(request)
        | Action::Cancel(request)
        | Action::Approve { request, .. }
        | Action::AskForQuotes(request)
        | Action::Addendum { request, .. }
        | Action::Fail(request)
        | Action::Award { request, .. }
        | Action::NextRank { request, .. } => {
            (world.status(*request).word(), Some(world.requests[*request].gross))
        }
        Action::OpenQuotes(request) => (world.status(*request).word(), None),
        Action::AcceptOrder(order) | Action::DeclineOrder(order) | Action::CancelOrder(order) => {
            (world.order_status(*order).word(), Some(world.orders[*order].part.gross()))
        }
        Action::AcceptRound { request, .. } => {
            let shown = answer.text("/request_status");
            let known = world.status(*request).word();
            return (shown != known).then(|| format!("shown as {shown}, expected {known}"));
        }
        _ => return None,
    };
    let shown = (answer.text("/status"), answer.text("/gross_total"));
    let same = shown.0 == status && gross.is_none_or(|gross| shown.1 == rupiah(gross));
    (!same).then(|| format!("shown as {shown:?}, expected {status} {gross:?}"))
}
