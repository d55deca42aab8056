//! Factories of comparisons: an office, vendors with a pen each, their quotes, and what is done to them.
use super::purchase::{Asked, NEEDED_ON, Office, slot};
use super::trade::{PENS, Vendor};
use super::{Answer, Caller, TestApp};
use lokapasar::cli::verify_evaluation;
use lokapasar::kernel::Role;
use serde_json::{Value, json};

pub const ILLEGAL: &str = "illegal_transition";
pub const MISSING: &str = "evaluation_missing";
pub const REASON: &str = "Tinta tidak tahan air";
pub const WITH_VAT: &str = "tax_inclusive";
pub const AWARDS: &str = "SELECT string_agg(award::text, '' ORDER BY award)::bigint FROM orders";
pub const TWO: [&str; 2] = ["10000", "12000"];

pub fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

pub fn of(quote: &str, place: &str) -> String {
    format!("/api/v1/quotes/{quote}{place}")
}

pub fn all(of: &Value, list: &str, member: &str) -> Vec<Value> {
    let items = of.pointer(list).and_then(Value::as_array).unwrap_or_else(|| panic!("no {list} in {of}"));
    items.iter().map(|item| item[member].clone()).collect()
}

pub fn said<const N: usize>(of: &Answer, members: [&str; N]) -> [String; N] {
    members.map(|member| of.text(member))
}

pub fn totals(of: &Value) -> [&str; 4] {
    ["goods_total", "shipping_fee", "vat_total", "gross_total"].map(|field| of[field].as_str().unwrap())
}

pub fn places(list: &Value, quotes: &[String]) -> Vec<usize> {
    let place = |one: &Value| quotes.iter().position(|quote| one["quote_id"] == quote.as_str());
    list.as_array().unwrap().iter().map(|one| place(one).expect("a known quote")).collect()
}

#[track_caller]
pub fn faulty(answer: Answer, expected: &str) {
    let found = answer.expect_problem(422, "invalid_input").faults();
    let found: Vec<_> = found.iter().map(|(place, code)| format!("{place} {code}")).collect();
    assert_eq!(found.join("; "), expected);
}

/// Whoever reads an evaluation recomputes it.
#[track_caller]
pub fn recomputed(answer: Answer) -> Answer {
    let answer = answer.expect(200);
    verify_evaluation(&String::from_utf8_lossy(&answer.bytes)).expect("equal when recomputed");
    answer
}

pub fn weighted() -> Value {
    let criterion = |code: &str, weight: &str| json!({ "code": code, "name": "Mutu", "weight": weight });
    json!({ "evaluation": "weighted", "criteria": [criterion("mutu", "60"), criterion("waktu", "40")] })
}

pub fn scores(quotes: &[String], given: [&str; 4]) -> Value {
    let score = |place: usize| json!({ "quote_id": quotes[place / 2], "criterion": (["mutu", "waktu"][place % 2]), "score": given[place] });
    json!([0, 1, 2, 3].map(score))
}

pub async fn score(who: &Caller, request: &str, scores: &Value) -> Answer {
    let etag = who.get(&at(request, "")).await.expect(200).etag();
    who.put(&at(request, "/score-sheet"), &etag, json!({ "scores": scores })).await
}

pub async fn object(vendor: &Vendor, request: &str) -> Answer {
    let text = json!({ "text": "Barang pemenang tidak sesuai spesifikasi" });
    vendor.owner.post(&at(request, "/objections"), text).await
}

pub async fn decide(who: &Caller, request: &str, objection: &str, upheld: bool) -> Answer {
    let body = json!({ "upheld": upheld, "decision": "Contoh barang sudah diperiksa" });
    who.post(&at(request, &format!("/objections/{objection}/actions/decide")), body).await
}

/// An office with Rp150 million, and vendors of Semarang with a pen each.
pub struct House {
    pub app: TestApp,
    pub office: Office,
    pub vendors: Vec<Vendor>,
    pub pens: Vec<String>,
}

pub async fn house(count: usize) -> House {
    let app = TestApp::start().await;
    let office = app.office().await;
    let mut house = House { app, office, vendors: Vec::new(), pens: Vec::new() };
    for _ in 0..count {
        house.join(json!({}), json!({})).await;
    }
    house
}

/// A house whose vendors have quoted a hundred pens, each at its price, and whose quotes lie open.
pub async fn stage(prices: &[&str]) -> (House, Asked, Vec<String>) {
    let house = house(prices.len()).await;
    let asked = house.asks(json!({})).await;
    let quotes = house.quotes(&asked, prices).await;
    house.pass(&asked.deadline).await;
    (house, asked, quotes)
}

impl House {
    pub async fn join(&mut self, file: Value, mut pen: Value) {
        let vendor = self.app.vendor_with(file).await;
        pen["availability"] = json!("made_to_order");
        self.pens.push(self.app.goods(&vendor, PENS, "12500.00", pen).await);
        self.vendors.push(vendor);
    }

    pub async fn asks(&self, changes: Value) -> Asked {
        self.office.asks(self.office.quotation(&self.pens[0], "100", changes)).await
    }

    pub async fn quote(
        &self,
        vendor: usize,
        asked: &Asked,
        prices: &[(usize, &str, &str)],
        fee: &str,
    ) -> String {
        let (pen, who) = (&self.pens[vendor], &self.vendors[vendor].owner);
        let line = |(line, price, basis): &(usize, &str, &str)| json!({ "line_id": asked.lines[*line], "product_id": pen, "unit_price": price, "price_basis": basis });
        let lines: Vec<Value> = prices.iter().map(line).collect();
        let body = json!({ "lines": lines, "shipping_fee": fee, "lead_time_days": 3 });
        let quote = who.post(&at(&asked.request, "/quotes"), body).await.expect(201).id();
        who.act(&of(&quote, "/actions/submit")).await.expect(200);
        quote
    }

    pub async fn quotes(&self, asked: &Asked, prices: &[&str]) -> Vec<String> {
        let mut quotes = Vec::new();
        for ((vendor, pen), price) in self.vendors.iter().zip(&self.pens).zip(prices) {
            quotes.push(vendor.quotes(asked, pen, price, "0").await);
        }
        quotes
    }

    pub async fn pass(&self, deadline: &str) {
        self.app.set_clock(deadline).await;
        self.app.work().await;
    }

    pub async fn evaluate(&self, request: &str, body: Value) -> Answer {
        self.office.officer.post(&at(request, "/evaluation"), body).await
    }

    pub async fn complete(&self, request: &str) -> Answer {
        recomputed(self.evaluate(request, json!({})).await)
    }

    pub async fn evaluation(&self, request: &str) -> Answer {
        recomputed(self.office.officer.get(&at(request, "/evaluation")).await)
    }

    pub async fn turn(&self, quote: &str, verb: &str) -> Answer {
        let (verb, body) = match verb {
            "verify" => (verb, json!({ "note": REASON })),
            "ask-cure" => (verb, json!({ "fault": REASON })),
            code => ("disqualify", json!({ "code": code, "reason": REASON })),
        };
        self.office.officer.post(&of(quote, &format!("/actions/{verb}")), body).await
    }

    pub async fn award(&self, request: &str, hash: &str) -> Answer {
        self.office.approver.post(&at(request, "/actions/award"), json!({ "content_hash": hash })).await
    }

    pub async fn awarded(&self, request: &str) -> Answer {
        let complete = self.complete(request).await;
        for leader in all(&complete.body, "/leaders", "quote_id") {
            self.turn(leader.as_str().unwrap(), "verify").await.expect(200);
        }
        self.award(request, &complete.text("/content_hash")).await.expect(200)
    }

    pub async fn next_rank(&self, request: &str, order: &str) -> Answer {
        self.office.officer.post(&at(request, "/actions/next-rank"), json!({ "order_id": order })).await
    }

    pub async fn order_of(&self, request: &str, vendor: usize) -> (Value, String) {
        let own = self.vendors[vendor].id.to_string();
        let mut orders = self.office.orders(request).await.into_iter();
        let order = orders.find(|order| order["vendor_id"] == own).expect("an order");
        let id = order["id"].as_str().unwrap().to_owned();
        (order, id)
    }

    pub async fn held(&self) -> [String; 2] {
        let path = format!("/api/v1/packages/{}", self.office.package);
        said(&self.office.officer.get(&path).await.expect(200), ["/reserved", "/committed"])
    }

    /// How many mails with these words in their subject were sent to each vendor, and to both officers.
    pub async fn told(&self, words: &str) -> Vec<usize> {
        let (mut counts, officers) = (Vec::new(), [&self.office.officer, &self.office.approver]);
        for who in self.vendors.iter().map(|vendor| &vendor.owner).chain(officers) {
            let mails = self.app.told(&who.contact).await;
            counts.push(mails.iter().filter(|mail| mail.subject.contains(words)).count());
        }
        counts
    }

    pub async fn member(&self, role: Role) -> Caller {
        self.app.member(Some(self.office.agency), role, &[self.office.unit]).await
    }
}

/// A hundred pens, ten inks and five of what nobody has, won apart; three vendors quote parts of it.
pub async fn itemised() -> (House, Asked, Vec<String>) {
    let house = house(3).await;
    let (pen, part) = (&house.pens[0], |quantity: &str| [slot(NEEDED_ON, quantity)]);
    let line = |count: &str| json!({ "product_id": pen, "quantity": count, "slots": part(count) });
    let lines = json!({ "award": "itemised", "lines": [line("100"), line("10"), line("5")] });
    let asked = house.asks(lines).await;
    let quotes = vec![
        house.quote(0, &asked, &[(0, "1000", WITH_VAT), (1, "30000", WITH_VAT)], "10001").await,
        house.quote(1, &asked, &[(0, "1010", WITH_VAT)], "1000").await,
        house.quote(2, &asked, &[(1, "30700", WITH_VAT)], "600").await,
    ];
    house.pass(&asked.deadline).await;
    (house, asked, quotes)
}
