//! Comparing opened quotes: scored, disqualified, mended, verified, awarded, objected to; and who comes next.
use crate::support::purchase::{Asked, NEEDED_ON, NO_CONTENT, Office, line, quoted, slot};
use crate::support::trade::{PENS, Vendor, organisation};
use crate::support::{Answer, Caller, TestApp, scaled};
use futures_util::future::join;
use lokapasar::cli::verify_evaluation;
use lokapasar::kernel::{MembershipId, Role};
use serde_json::{Value, json};

const ILLEGAL: &str = "illegal_transition";
const MISSING: &str = "evaluation_missing";
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
/// Of which awards the orders came, digit by digit.
const AWARDS: &str = "SELECT string_agg(award::text, '' ORDER BY award)::bigint FROM orders";
/// Two offers to deliver for nothing.
const TWO: [(&str, &str); 2] = [("10000", "0"), ("12000", "0")];

/// A request, or what lies below it.
fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

/// A quote, or what lies below it.
fn of(quote: &str, place: &str) -> String {
    format!("/api/v1/quotes/{quote}{place}")
}

/// One member of everything in a list.
fn all(of: &Value, list: &str, member: &str) -> Vec<Value> {
    let items = of.pointer(list).and_then(Value::as_array).unwrap_or_else(|| panic!("no {list} in {of}"));
    items.iter().map(|item| item[member].clone()).collect()
}

/// Some members of a thing, as texts.
fn said<const N: usize>(of: &Answer, members: [&str; N]) -> [String; N] {
    members.map(|member| of.text(member))
}

fn id(of: &Value) -> &str {
    of["id"].as_str().expect("an id")
}

fn totals(of: &Value) -> [&str; 4] {
    ["goods_total", "shipping_fee", "vat_total", "gross_total"].map(|field| of[field].as_str().unwrap())
}

/// The numbers of the quotes that a list names, the first one first.
fn places(list: &Value, quotes: &[String]) -> Vec<usize> {
    let place = |one: &Value| quotes.iter().position(|quote| one["quote_id"] == quote.as_str());
    list.as_array().unwrap().iter().map(|one| place(one).expect("a known quote")).collect()
}

fn holds(answer: &Answer, words: &str) -> bool {
    String::from_utf8_lossy(&answer.bytes).contains(words)
}

/// A refusal with exactly these faults, each as its place and its code.
#[track_caller]
fn faulty(answer: Answer, expected: &str) -> Answer {
    let answer = answer.expect_problem(422, "invalid_input");
    let found: Vec<_> = answer.faults().iter().map(|(place, code)| format!("{place} {code}")).collect();
    assert_eq!(found.join("; "), expected);
    answer
}

/// Whoever reads an evaluation recomputes it.
#[track_caller]
fn recomputed(answer: Answer) -> Answer {
    let answer = answer.expect(200);
    verify_evaluation(&String::from_utf8_lossy(&answer.bytes)).expect("equal when recomputed");
    answer
}

fn weighted() -> Value {
    let criterion = |code: &str, weight: &str| json!({ "code": code, "name": "Mutu", "weight": weight });
    json!({ "evaluation": "weighted", "criteria": [criterion("mutu", "60"), criterion("waktu", "40")] })
}

/// Scores of two quotes, by workmanship and by lead time.
fn scores(quotes: &[String], given: [&str; 4]) -> Value {
    let of = |place: usize| (&quotes[place / 2], ["mutu", "waktu"][place % 2], given[place]);
    let score = |(quote, criterion, score)| json!({ "quote_id": quote, "criterion": criterion, "score": score });
    json!([0, 1, 2, 3].map(|place| score(of(place))))
}

/// Hands in scores of one's own.
async fn score(who: &Caller, request: &str, scores: &Value) -> Answer {
    let etag = who.get(&at(request, "")).await.expect(200).etag();
    who.put(&at(request, "/score-sheet"), &etag, json!({ "scores": scores })).await
}

async fn object(vendor: &Vendor, request: &str) -> Answer {
    let text = json!({ "text": "Barang pemenang tidak sesuai spesifikasi" });
    vendor.owner.post(&at(request, "/objections"), text).await
}

async fn decide(who: &Caller, request: &str, objection: &str, upheld: bool) -> Answer {
    let body = json!({ "upheld": upheld, "decision": "Contoh barang sudah diperiksa" });
    who.post(&at(request, &format!("/objections/{objection}/actions/decide")), body).await
}

/// An office with Rp150 million, and vendors of Semarang with a pen each.
struct House {
    app: TestApp,
    office: Office,
    vendors: Vec<Vendor>,
    pens: Vec<String>,
}

async fn house(count: usize) -> House {
    let app = TestApp::start().await;
    let office = app.office().await;
    let mut house = House { app, office, vendors: Vec::new(), pens: Vec::new() };
    for _ in 0..count {
        house.join(house.app.vendor().await, json!({})).await;
    }
    house
}

/// A house whose vendors have quoted, each a price and a delivery fee, and whose quotes lie open.
async fn stage(quantity: &str, changes: Value, offers: &[(&str, &str)]) -> (House, Asked, Vec<String>) {
    let house = house(offers.len()).await;
    let asked = house.asks(quantity, changes).await;
    let quotes = house.quotes(&asked, offers).await;
    house.pass(&asked.deadline).await;
    (house, asked, quotes)
}

impl House {
    /// One vendor more, with a pen of these properties.
    async fn join(&mut self, vendor: Vendor, mut fields: Value) {
        fields["availability"] = json!("made_to_order");
        self.pens.push(self.app.goods(&vendor, PENS, "12500.00", fields).await);
        self.vendors.push(vendor);
    }

    async fn asks(&self, quantity: &str, changes: Value) -> Asked {
        self.office.asks(self.office.quotation(&self.pens[0], quantity, changes)).await
    }

    /// The same with an owner's estimate, which is reserved.
    async fn estimates(&self, quantity: &str, total: &str) -> Asked {
        let (office, officer) = (&self.office, &self.office.officer);
        let request = office.draft_quotation(office.quotation(&self.pens[0], quantity, json!({}))).await;
        let (etag, total) = (office.show(&request).await.etag(), json!({ "total": total }));
        officer.put(&at(&request, "/owner-estimate"), &etag, total).await.expect(200);
        office.submit(&request).await.expect(200);
        office.approve(&request).await.expect(200);
        let open = officer.act(&at(&request, "/actions/open")).await.expect(200);
        let [line, deadline] = said(&open, ["/quotation/lines/0/id", "/quotation/quote_deadline"]);
        Asked { request, lines: vec![line], deadline }
    }

    /// A quote for some of the lines is handed in.
    async fn quote(&self, vendor: usize, asked: &Asked, prices: &[(usize, &str)], more: Value) -> String {
        let line = |(line, price): &(usize, &str)| {
            let mut line = quoted(&asked.lines[*line], &self.pens[vendor], price);
            line["price_basis"] = more["price_basis"].as_str().unwrap_or("tax_inclusive").into();
            line
        };
        let lines: Vec<Value> = prices.iter().map(line).collect();
        let body = json!({ "lines": lines, "shipping_fee": more["fee"], "lead_time_days": 3 });
        let who = &self.vendors[vendor].owner;
        let quote = who.post(&at(&asked.request, "/quotes"), body).await.expect(201).id();
        who.act(&of(&quote, "/actions/submit")).await.expect(200);
        quote
    }

    /// Quotes of one vendor after the other for all that is asked.
    async fn quotes(&self, asked: &Asked, offers: &[(&str, &str)]) -> Vec<String> {
        let mut quotes = Vec::new();
        for (vendor, (price, fee)) in offers.iter().enumerate() {
            quotes.push(self.vendors[vendor].quotes(asked, &self.pens[vendor], price, fee).await);
        }
        quotes
    }

    /// The clock passes a deadline, and a worker sees it.
    async fn pass(&self, deadline: &str) {
        self.app.set_clock(deadline).await;
        self.app.work().await;
    }

    async fn evaluate(&self, request: &str, body: Value) -> Answer {
        self.office.officer.post(&at(request, "/evaluation"), body).await
    }

    async fn complete(&self, request: &str) -> Answer {
        recomputed(self.evaluate(request, json!({})).await)
    }

    async fn evaluation(&self, request: &str) -> Answer {
        recomputed(self.office.officer.get(&at(request, "/evaluation")).await)
    }

    async fn verify(&self, quote: &str) -> Answer {
        let note = json!({ "note": "Contoh barang diperiksa" });
        self.office.officer.post(&of(quote, "/actions/verify"), note).await
    }

    async fn disqualify(&self, quote: &str, code: &str) -> Answer {
        let body = json!({ "code": code, "reason": "Tinta tidak tahan air" });
        self.office.officer.post(&of(quote, "/actions/disqualify"), body).await
    }

    async fn award(&self, request: &str, hash: &str) -> Answer {
        self.office.approver.post(&at(request, "/actions/award"), json!({ "content_hash": hash })).await
    }

    /// Compared, whoever leads verified, awarded.
    async fn awarded(&self, request: &str) -> Answer {
        let complete = self.complete(request).await;
        for leader in all(&complete.body, "/leaders", "quote_id") {
            self.verify(leader.as_str().unwrap()).await.expect(200);
        }
        self.award(request, &complete.text("/content_hash")).await.expect(200)
    }

    async fn next_rank(&self, request: &str, order: &Value) -> Answer {
        let body = json!({ "order_id": order["id"] });
        self.office.officer.post(&at(request, "/actions/next-rank"), body).await
    }

    /// The newest order of a vendor.
    async fn order_of(&self, request: &str, vendor: usize) -> Value {
        let own = self.vendors[vendor].id.to_string();
        let mut orders = self.office.orders(request).await.into_iter();
        orders.find(|order| order["vendor_id"] == own).expect("an order")
    }

    async fn standings(&self, request: &str) -> Vec<Value> {
        all(&self.evaluation(request).await.body, "/quotes", "status")
    }

    /// What of the office's package is reserved, and what committed.
    async fn held(&self) -> [String; 2] {
        let path = format!("/api/v1/packages/{}", self.office.package);
        said(&self.office.officer.get(&path).await.expect(200), ["/reserved", "/committed"])
    }

    /// How many mails with these words in their subject were sent to each vendor, and to both officers.
    async fn told(&self, words: &str) -> Vec<usize> {
        let mut counts = Vec::new();
        let officers = [&self.office.officer, &self.office.approver];
        for who in self.vendors.iter().map(|vendor| &vendor.owner).chain(officers) {
            let mails = self.app.told(&who.contact).await;
            counts.push(mails.iter().filter(|mail| mail.subject.contains(words)).count());
        }
        counts
    }

    async fn member(&self, role: Role) -> Caller {
        self.app.member(Some(self.office.agency), role, &[self.office.unit]).await
    }
}

/// A hundred pens, ten inks and five of what nobody has, won apart; three vendors quote parts of it.
async fn itemised() -> (House, Asked, Vec<String>) {
    let house = house(3).await;
    let line = |quantity: &str| json!({ "product_id": house.pens[0], "quantity": quantity, "slots": [slot(NEEDED_ON, quantity)] });
    let lines = json!({ "award": "itemised", "lines": [line("100"), line("10"), line("5")] });
    let asked = house.asks("1", lines).await;
    let quotes = vec![
        house.quote(0, &asked, &[(0, "1000"), (1, "30000")], json!({ "fee": "10001" })).await,
        house.quote(1, &asked, &[(0, "1010")], json!({ "fee": "1000" })).await,
        house.quote(2, &asked, &[(1, "30700")], json!({ "fee": "600" })).await,
    ];
    house.pass(&asked.deadline).await;
    (house, asked, quotes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_total_delivered_wins_and_its_order_goes_out_at_once() {
    let house = house(3).await;
    let (app, vendors) = (&house.app, &house.vendors);
    app.register_for_vat(&vendors[1]).await;
    let asked = house.estimates("100", "3000000").await;
    let net = json!({ "fee": "25005", "price_basis": "tax_exclusive" });
    let quotes = [
        house.quote(0, &asked, &[(0, "12000")], json!({ "fee": "100000" })).await,
        house.quote(1, &asked, &[(0, "11333.55")], net).await,
        house.quote(2, &asked, &[(0, "11850")], json!({ "fee": "130000" })).await,
    ];
    house.pass(&asked.deadline).await;
    assert_eq!(house.held().await, ["3000000.00", "0.00"]);
    let found = house.complete(&asked.request).await;
    // 11 % of 1,133,355 is 124,669.05, and of 25,005 it is 2,750.55. Without delivery the third would win.
    let won = ["1133355.00", "25005.00", "127420.00", "1285780.00"];
    assert_eq!(totals(&found.body["ranking"]["quotes"][1]), won);
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1, 0, 2]);
    assert_eq!(all(&found.body, "/ranking/whole", "gross"), ["1285780.00", "1300000.00", "1315000.00"]);
    let awarded = house.awarded(&asked.request).await;
    assert_eq!((awarded.text("/status").as_str(), totals(&awarded.body)), ("ordered", won));
    let orders = house.office.orders(&asked.request).await;
    assert_eq!((orders.len(), totals(&orders[0])), (1, won));
    let line = &orders[0]["lines"][0];
    let amounts = [&line["unit_price"], &line["goods_amount"], &line["vat_amount"], &line["quantity"]];
    assert_eq!(amounts, ["11333.55", "1133355.00", "124669.00", "100"]);
    vendors[1].accept(id(&orders[0])).await.expect(200);
    assert_eq!(house.held().await, ["0.00", "1285780.00"]);
    assert_eq!(house.standings(&asked.request).await, ["not_awarded", "awarded", "not_awarded"]);
    for (vendor, rank) in [(0, "peringkat 2 (rank 2)"), (2, "peringkat 3 (rank 3)")] {
        let own = vendors[vendor].owner.get(&of(&quotes[vendor], "")).await.expect(200);
        assert_eq!(own.text("/status_reason"), rank);
        let mails = app.told(&vendors[vendor].owner.contact).await;
        let lost = mails.iter().find(|mail| mail.subject.contains("belum terpilih")).expect("a mail");
        assert!(lost.text.contains(rank), "{}", lost.text);
    }
    assert_eq!(house.told("ditetapkan sebagai pemenang").await, [0, 1, 0, 0, 0]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_totals_go_to_the_smaller_business_and_then_to_the_earlier_final_submission() {
    let mut house = house(0).await;
    for sales in ["9000000000", "90000000000", "120000000", "120000000"] {
        let vendor = house.app.vendor_with(json!({ "annual_sales": sales })).await;
        house.join(vendor, json!({})).await;
    }
    let asked = house.asks("100", json!({})).await;
    let plain = ("10000", "0");
    let quotes = house.quotes(&asked, &[plain, plain, ("9900", "10000"), plain]).await;
    // Whoever replaces even by the very same has handed in later.
    house.vendors[2].owner.act(&of(&quotes[2], "/actions/replace")).await.expect(200);
    house.pass(&asked.deadline).await;
    let found = house.complete(&asked.request).await;
    assert_eq!(all(&found.body, "/ranking/whole", "gross"), ["1000000.00"; 4]);
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [3, 2, 0, 1]);
    let broken = json!([null, "earlier_submission", "preference", "preference"]);
    assert_eq!(json!(all(&found.body, "/ranking/whole", "tie_broken_by")), broken);
    assert_eq!(all(&found.body, "/input/quotes", "size_class"), ["small", "large", "micro", "micro"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_won_apart_with_their_share_of_the_delivery_and_what_nobody_quotes_is_not_ordered() {
    let (house, asked, quotes) = itemised().await;
    let found = house.complete(&asked.request).await;
    // 10,001 × 100,000 ÷ 400,000 is 2,500.25; the last line takes the rest.
    assert_eq!(all(&found.body, "/ranking/quotes/0/lines", "shipping_share"), ["2500.00", "7501.00"]);
    let ranked = &found.body["ranking"]["lines"];
    assert_eq!(all(ranked, "/0/ranked", "gross"), ["102000.00", "102500.00"]);
    assert_eq!(all(ranked, "/1/ranked", "gross"), ["307501.00", "307600.00"]);
    let order = [0, 1, 2].map(|line: usize| places(&ranked[line]["ranked"], &quotes));
    assert_eq!(order, [vec![1, 0], vec![0, 2], vec![]]);
    let awarded = house.awarded(&asked.request).await;
    assert_eq!(totals(&awarded.body), ["401000.00", "8501.00", "0.00", "409501.00"]);
    let asked_for = all(&awarded.body, "/lines", "snapshot");
    let asked_for: Vec<_> = asked_for.iter().map(|picture| &picture["asked_line_id"]).collect();
    assert_eq!(asked_for, [asked.lines[0].as_str(), &asked.lines[1]]);
    assert_eq!(house.office.orders(&asked.request).await.len(), 2);
    let (ink, pens) = (house.order_of(&asked.request, 0).await, house.order_of(&asked.request, 1).await);
    assert_eq!(totals(&ink), ["300000.00", "7501.00", "0.00", "307501.00"]);
    assert_eq!(totals(&pens), ["101000.00", "1000.00", "0.00", "102000.00"]);
    assert_eq!(house.standings(&asked.request).await, ["awarded", "awarded", "not_awarded"]);
    assert_eq!(house.held().await, ["0.00", "409501.00"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn price_and_quality_are_weighed_by_the_one_sheet_that_there_is() {
    let (house, asked, quotes) = stage("100", weighted(), &TWO).await;
    faulty(house.evaluate(&asked.request, json!({})).await, "#/scores required");
    let given = scores(&quotes, ["60", "50", "100", "90"]);
    score(&house.office.officer, &asked.request, &given).await.expect(200);
    let found = house.complete(&asked.request).await;
    // 0.6 × 60 + 0.4 × 50 and 0.6 × 100 + 0.4 × 90; the price is a hundred times the lowest over one's own.
    assert_eq!(all(&found.body, "/ranking/quotes", "quality_score"), ["56", "96"]);
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1, 0]);
    assert_eq!(all(&found.body, "/ranking/whole", "price_score"), ["83.3333", "100"]);
    // 0.7 × 83.3333 + 0.3 × 96 is 87.13331, and 0.7 × 100 + 0.3 × 56 is 86.8.
    assert_eq!(all(&found.body, "/ranking/whole", "score"), ["87.1333", "86.8"]);
    assert_eq!(house.awarded(&asked.request).await.text("/gross_total"), "1200000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_score_apart_see_nothing_of_each_other_until_they_agree() {
    let (house, asked, quotes) = stage("100", weighted(), &TWO).await;
    let (officer, request) = (&house.office.officer, &asked.request);
    let colleague = house.member(Role::ProcurementOfficer).await;
    let (ours, theirs) = ("63.17", "71.93");
    let own = score(officer, request, &scores(&quotes, [ours, "50", "90", "80"])).await.expect(200);
    let other = score(&colleague, request, &scores(&quotes, [theirs, "60", "85", "75"])).await.expect(200);
    assert_eq!([own.text("/score_sheets"), other.text("/score_sheets")], ["1", "2"]);
    assert!(holds(&own, ours) && holds(&other, theirs) && !holds(&other, ours));
    let agreed = scores(&quotes, ["70", "70", "80", "80"]);
    let apart = faulty(house.evaluate(request, json!({})).await, "#/scores required");
    let silent = faulty(house.evaluate(request, json!({ "scores": agreed })).await, "#/reason required");
    assert!([&apart, &silent].iter().all(|refused| !holds(refused, theirs)));
    let watching = [
        (officer, vec![theirs]),
        (&colleague, vec![ours]),
        (&house.office.approver, vec![ours, theirs]),
        (&house.vendors[0].owner, vec![ours, theirs]),
    ];
    for (who, hidden) in &watching {
        for path in ["", "/evaluation", "/quotes", "/opening"].map(|place| at(request, place)) {
            let seen = who.get(&path).await;
            assert!(hidden.iter().all(|words| !holds(&seen, words)), "{path}: {}", seen.body);
        }
        let seen = who.get(&of(&quotes[0], "")).await.expect(200);
        assert!(hidden.iter().all(|words| !holds(&seen, words)), "{}", seen.body);
    }
    let reasoned = json!({ "scores": agreed, "reason": "Rata-rata kedua penilai" });
    let complete = recomputed(house.evaluate(request, reasoned).await);
    let members = [officer, &colleague].map(|who| json!(who.membership));
    assert_eq!(all(&complete.body, "/agreed_from", "membership_id"), members);
    for (who, _) in &watching[..3] {
        let seen = who.get(&at(request, "/evaluation")).await.expect(200);
        assert!(holds(&seen, ours) && holds(&seen, theirs), "{}", seen.body);
    }
    // 70 + 0.3 × 70; 0.7 × 83.3333 + 0.3 × 80 is 82.33331.
    assert_eq!(all(&complete.body, "/ranking/whole", "score"), ["91", "82.3333"]);
    score(&colleague, request, &agreed).await.expect_problem(409, ILLEGAL);
    house.awarded(request).await;
    let public = house.vendors[1].owner.get(&at(request, "/evaluation")).await.expect(200);
    assert!(!holds(&public, ours) && !holds(&public, theirs), "{}", public.body);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_scores_is_told_all_at_once_and_the_lowest_price_has_none() {
    let house = house(2).await;
    let officer = &house.office.officer;
    let (asked, lowest) = (house.asks("100", weighted()).await, house.asks("100", json!({})).await);
    let (quotes, others) = (house.quotes(&asked, &TWO).await, house.quotes(&lowest, &TWO).await);
    house.pass(&lowest.deadline).await;
    let one = |quote: &str, code: &str| json!({ "quote_id": quote, "criterion": code, "score": "50" });
    let (known, first) = (one(&quotes[0], "mutu"), &quotes[0]);
    let wrong = json!([one(&others[0], "mutu"), one(first, "rasa"), known, known, one(NOBODY, "rasa")]);
    let expected = "#/scores/0/quote_id unknown_reference; #/scores/1/criterion unknown_reference; \
         #/scores/3/criterion duplicate_item; #/scores/4/quote_id unknown_reference; \
         #/scores/4/criterion unknown_reference; #/scores required";
    faulty(score(officer, &asked.request, &wrong).await, expected);
    faulty(house.evaluate(&asked.request, json!({ "scores": wrong })).await, expected);
    let above = score(officer, &asked.request, &scores(&quotes, ["100.5", "-1", "1", "2"])).await;
    faulty(above, "#/scores/0/score pattern_mismatch; #/scores/1/score pattern_mismatch");
    let given = scores(&others, ["60", "50", "100", "90"]);
    score(officer, &lowest.request, &given).await.expect_problem(409, ILLEGAL);
    let refused = house.evaluate(&lowest.request, json!({ "scores": given })).await;
    faulty(refused, "#/scores value_not_allowed");
    let kept = "SELECT (SELECT count(*) FROM score_sheets) + (SELECT count(*) FROM evaluations)";
    assert_eq!(house.app.count(kept).await, 0);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_highest_step_of_the_domestic_ladder_that_somebody_stands_on_competes() {
    let mut house = house(0).await;
    for fields in [
        json!({ "origin": "import" }),
        json!({ "origin": "local" }),
        json!({ "tkdn_percent": "10" }),
        json!({ "tkdn_percent": "25" }),
        json!({ "tkdn_percent": "30", "bmp_percent": "10" }),
    ] {
        house.join(house.app.vendor().await, fields).await;
    }
    let asked = house.asks("100", json!({})).await;
    let offers = ["10000", "11000", "12000", "13000", "14000"].map(|price| (price, "0"));
    let quotes = house.quotes(&asked, &offers).await;
    house.pass(&asked.deadline).await;
    let (low, out) = ("below_ladder", "disqualified");
    // One reaches 40 together, so whoever has 25 competes; without that one 25 stands alone; then 10 does.
    for (gone, steps, excluded, first) in [
        (None, [5, 4, 3, 1, 1], json!([low, low, low, null, null]), vec![3, 4]),
        (Some(4), [5, 4, 3, 2, 2], json!([low, low, low, null, out]), vec![3]),
        (Some(3), [5, 4, 3, 2, 2], json!([low, low, null, out, out]), vec![2]),
    ] {
        if let Some(gone) = gone {
            let gone: &String = &quotes[gone];
            house.disqualify(gone, "technical").await.expect(200);
        }
        let found = house.complete(&asked.request).await;
        let results = &found.body["ranking"]["quotes"];
        let found_steps = [0, 1, 2, 3, 4].map(|quote: usize| &results[quote]["lines"][0]["ladder_step"]);
        assert_eq!(found_steps, steps);
        assert_eq!(json!(all(results, "", "excluded")), excluded);
        assert_eq!(places(&found.body["ranking"]["whole"], &quotes), first);
        let ladder = &found.body["input"]["ladder"];
        assert_eq!([&ladder["combined_minimum"], &ladder["local_content_minimum"]], ["40", "25"]);
    }
    house.awarded(&asked.request).await;
    let told = house.vendors[0].owner.get(&of(&quotes[0], "")).await.expect(200).text("/status_reason");
    assert!(told.contains("below the domestic ladder"), "{told}");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_out_voids_the_ranking_and_the_next_one_is_looked_at_only_then() {
    let offers = [("10000", "0"), ("11000", "0"), ("12000", "0")];
    let (house, asked, quotes) = stage("100", json!({}), &offers).await;
    let (request, owner) = (&asked.request, &house.vendors[0].owner);
    house.verify(&quotes[0]).await.expect_problem(409, MISSING);
    house.award(request, NO_CONTENT).await.expect_problem(409, MISSING);
    let old = house.complete(request).await.text("/content_hash");
    house.verify(&quotes[1]).await.expect_problem(409, "not_first_ranked");
    house.award(request, &old).await.expect_problem(409, "verification_missing");
    let (code, reason) = ("technical", "Tinta tidak tahan air");
    for (body, expected) in [
        (json!({ "reason": reason }), "#/code required"),
        (json!({ "code": code }), "#/reason required"),
        (json!({ "code": "late", "reason": reason }), "#/code value_not_allowed"),
        (json!({ "code": code, "reason": "      " }), "#/reason pattern_mismatch"),
    ] {
        faulty(house.office.officer.post(&of(&quotes[0], "/actions/disqualify"), body).await, expected);
    }
    house.verify(&quotes[0]).await.expect(200);
    assert_eq!(house.disqualify(&quotes[0], code).await.expect(200).text("/status"), "disqualified");
    house.disqualify(&quotes[0], code).await.expect_problem(409, ILLEGAL);
    house.award(request, &old).await.expect_problem(409, MISSING);
    house.verify(&quotes[1]).await.expect_problem(409, MISSING);
    let void = house.evaluation(request).await;
    assert_eq!(said(&void, ["/complete", "/content_hash", "/leaders"]), ["false", "", "[]"]);
    assert_eq!(said(&void, ["/quotes/0/disqualified_code", "/quotes/0/reason"]), [code, reason]);
    assert_eq!(owner.get(&of(&quotes[0], "")).await.expect(200).text("/status_reason"), reason);
    let mails = house.app.told(&owner.contact).await;
    let out: Vec<_> = mails.iter().filter(|mail| mail.subject.contains("dinyatakan gugur")).collect();
    assert!(out.len() == 1 && out[0].text.contains(reason), "{out:?}");
    let found = house.complete(request).await;
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1, 2]);
    house.verify(&quotes[0]).await.expect_problem(409, "not_first_ranked");
    house.verify(&quotes[1]).await.expect(200);
    house.award(request, &old).await.expect_problem(409, "content_changed");
    house.award(request, &found.text("/content_hash")).await.expect(200);
    assert_eq!(house.standings(request).await, ["disqualified", "awarded", "not_awarded"]);
    assert_eq!(house.told("belum terpilih").await, [0, 0, 1, 0, 0]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formal_fault_is_mended_in_words_and_in_time_and_the_price_stays() {
    let (house, asked, quotes) = stage("100", json!({}), &TWO).await;
    let (officer, owner) = (&house.office.officer, &house.vendors[0].owner);
    let fault = json!({ "fault": "Masa berlaku penawaran belum disebut" });
    let ask = async || officer.post(&of(&quotes[0], "/actions/ask-cure"), fault.clone()).await;
    let answer = json!({ "answer": "Berlaku 30 hari kalender" });
    let cure = async |who: &Caller| who.post(&of(&quotes[0], "/actions/cure"), answer.clone()).await;
    let content = async || officer.get(&of(&quotes[0], "")).await.expect(200).text("/opened");
    let before = content().await;
    cure(owner).await.expect_problem(409, ILLEGAL);
    ask().await.expect(200);
    ask().await.expect_problem(409, ILLEGAL);
    assert_eq!(house.told("Perbaiki kekurangan").await, [1, 0, 0, 0]);
    cure(&house.vendors[1].owner).await.expect_problem(404, "not_found");
    cure(owner).await.expect(200);
    cure(owner).await.expect_problem(409, ILLEGAL);
    let found = house.complete(&asked.request).await;
    let cures = &found.body["quotes"][0]["cures"];
    assert_eq!([&cures[0]["fault"], &cures[0]["answer"]], [&fault["fault"], &answer["answer"]]);
    assert_eq!((cures.as_array().map(Vec::len), content().await), (Some(1), before));
    assert_eq!(found.text("/ranking/whole/0/gross"), "1000000.00");
    ask().await.expect(200);
    let due = house.evaluation(&asked.request).await.text("/quotes/0/cures/1/due_at");
    house.app.set_clock(&due).await;
    cure(owner).await.expect_problem(409, "expired");
    house.disqualify(&quotes[0], "not_cured").await.expect(200);
    let found = house.complete(&asked.request).await;
    assert_eq!(json!(all(&found.body, "/quotes/0/cures", "answer")), json!([answer["answer"], null]));
    assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_compare_award_and_read_are_those_whom_it_concerns() {
    let house = house(4).await;
    let House { app, office, vendors, .. } = &house;
    let asked = house.asks("100", json!({})).await;
    let (request, path) = (&asked.request, at(&asked.request, "/evaluation"));
    let quotes = house.quotes(&asked, &TWO).await;
    vendors[2].owner.post(&at(request, "/quotes"), json!({})).await.expect(201);
    house.pass(&asked.deadline).await;
    let head = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let (both, clean) = (house.member(Role::Receiver).await, house.member(Role::Receiver).await);
    let colleague = house.member(Role::ProcurementOfficer).await;
    let unnamed = house.member(Role::CommitmentOfficer).await;
    let stand_in = async |person: &Caller, officer: &Caller| {
        let letter = json!({ "officer_id": officer.membership, "person_id": person.membership, "kind": "plh",
            "valid_from": "2021-01-01", "valid_to": "2035-12-31", "letter_number": "821/031/2035" });
        let deputy = head.post("/api/v1/deputies", letter).await.expect(201).id();
        let deputy = deputy.parse().map(MembershipId).expect("an id");
        app.log_in(person.user.unwrap(), &person.contact, Some(deputy)).await
    };
    let (buys, decides) =
        (stand_in(&both, &office.officer).await, stand_in(&both, &office.approver).await);
    let hash = recomputed(buys.post(&path, json!({})).await).text("/content_hash");
    house.verify(&quotes[0]).await.expect(200);
    let (unit, elsewhere) = (app.another_unit(office.agency).await, app.office().await);
    let neighbour = app.member(Some(office.agency), Role::ProcurementOfficer, &[unit]).await;
    let strangers = [&vendors[2].owner, &vendors[3].owner, &elsewhere.officer, &neighbour];
    for who in strangers {
        who.get(&path).await.expect_problem(404, "not_found");
    }
    for who in &strangers[2..] {
        who.post(&path, json!({})).await.expect_problem(404, "not_found");
    }
    for rival in &vendors[..2] {
        rival.owner.get(&path).await.expect_problem(409, ILLEGAL);
    }
    // A second hat: both are staff of a vendor that quoted.
    let (award, body) = (at(request, "/actions/award"), json!({ "content_hash": hash }));
    let (given, own) = (scores(&quotes, ["60", "50", "100", "90"]), "pair_official_vendor_owner");
    score(&colleague, request, &given).await.expect_problem(409, ILLEGAL);
    for person in [&office.approver, &colleague] {
        let vendor = organisation(&vendors[1]);
        app.grant(person.user.unwrap(), Some(vendor), Role::VendorStaff, &[]).await;
    }
    score(&colleague, request, &given).await.expect_problem(409, own);
    colleague.post(&path, json!({})).await.expect_problem(422, "officer_not_suitable");
    for (who, status, code) in [
        (&office.officer, 403, "role_forbidden"),
        (&vendors[0].owner, 403, "role_forbidden"),
        (&unnamed, 422, "officer_not_suitable"),
        (&decides, 422, "pair_procurement_commitment"),
        (&office.approver, 409, own),
        (&elsewhere.approver, 404, "not_found"),
    ] {
        who.post(&award, body.clone()).await.expect_problem(status, code);
    }
    assert_eq!(house.standings(request).await, ["opened", "opened"]);
    let deputy = stand_in(&clean, &office.approver).await;
    assert_eq!(deputy.post(&award, body).await.expect(200).text("/status"), "ordered");
    for rival in &vendors[..2] {
        let seen = recomputed(rival.owner.get(&path).await);
        assert_eq!(seen.body["awarded_by_membership_id"], json!(deputy.membership));
    }
    for who in strangers {
        who.get(&path).await.expect_problem(404, "not_found");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_objection_is_open_no_order_goes_out() {
    let offers = [("60000000", "0"), ("61000000", "0"), ("62000000", "0")];
    let (house, asked, _) = stage("1", json!({}), &offers).await;
    let House { app, office, vendors, .. } = &house;
    let (request, path) = (&asked.request, at(&asked.request, "/objections"));
    object(&vendors[1], request).await.expect_problem(409, ILLEGAL);
    let awarded = house.awarded(request).await;
    let [status, until] = said(&awarded, ["/status", "/quotation/objections_until"]);
    assert_eq!(status, "awarded");
    assert_eq!(house.held().await, ["60000000.00", "0.00"]);
    object(&vendors[0], request).await.expect_problem(409, ILLEGAL);
    let objection = object(&vendors[1], request).await.expect(201).id();
    object(&vendors[1], request).await.expect_problem(409, ILLEGAL);
    let (outsider, elsewhere) = (app.vendor().await, app.office().await);
    object(&outsider, request).await.expect_problem(404, "not_found");
    for (who, count) in [(&office.officer, 1), (&vendors[1].owner, 1), (&vendors[0].owner, 0)] {
        assert_eq!(who.get(&path).await.expect(200).items().len(), count);
    }
    for who in [&outsider.owner, &elsewhere.officer] {
        who.get(&path).await.expect_problem(404, "not_found");
    }
    assert_eq!(house.told("Sanggahan atas").await, [0, 0, 0, 1, 1]);
    house.pass(&until).await;
    assert_eq!(office.show(request).await.text("/status"), "awarded");
    assert!(office.orders(request).await.is_empty());
    object(&vendors[2], request).await.expect_problem(409, "expired");
    decide(&office.officer, request, &objection, false).await.expect_problem(403, "role_forbidden");
    let unnamed = house.member(Role::CommitmentOfficer).await;
    decide(&unnamed, request, &objection, false).await.expect_problem(422, "officer_not_suitable");
    decide(&office.approver, request, NOBODY, false).await.expect_problem(404, "not_found");
    decide(&office.approver, request, &objection, false).await.expect(200);
    decide(&office.approver, request, &objection, true).await.expect_problem(409, ILLEGAL);
    app.work().await;
    assert_eq!(office.show(request).await.text("/status"), "ordered");
    assert_eq!(totals(&house.order_of(request, 0).await)[3], "60000000.00");
    assert_eq!(house.held().await, ["0.00", "60000000.00"]);
    assert_eq!(house.told("sudah diputuskan").await[..3], [0, 1, 0]);
    object(&vendors[2], request).await.expect_problem(409, ILLEGAL);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_that_is_upheld_makes_the_award_void_and_another_one_possible() {
    let offers = [("60000000", "0"), ("61000000", "0")];
    let (house, asked, quotes) = stage("1", json!({}), &offers).await;
    let (office, request) = (&house.office, &asked.request);
    house.awarded(request).await;
    let old = house.evaluation(request).await.text("/content_hash");
    let objection = object(&house.vendors[1], request).await.expect(201).id();
    decide(&office.approver, request, &objection, true).await.expect(200);
    assert_eq!(house.held().await, ["0.00", "0.00"]);
    let open = office.show(request).await;
    assert_eq!(said(&open, ["/status", "/lines", "/gross_total"]), ["evaluating", "[]", "0.00"]);
    let void = house.evaluation(request).await;
    assert_eq!(said(&void, ["/complete", "/quotes/0/verified_at"]), ["false", ""]);
    assert_eq!(all(&void.body, "/quotes", "status"), ["opened", "opened"]);
    house.award(request, &old).await.expect_problem(409, MISSING);
    house.disqualify(&quotes[0], "technical").await.expect(200);
    let again = house.awarded(request).await;
    assert_eq!(said(&again, ["/status", "/gross_total"]), ["awarded", "61000000.00"]);
    assert_eq!(house.held().await, ["61000000.00", "0.00"]);
    house.pass(&again.text("/quotation/objections_until")).await;
    assert_eq!(office.orders(request).await.len(), 1);
    assert_eq!(totals(&house.order_of(request, 1).await)[3], "61000000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_winner_that_declined_or_stayed_silent_the_next_rank_is_awarded() {
    let house = house(2).await;
    let (app, office, vendors) = (&house.app, &house.office, &house.vendors);
    for (silent, held) in [(false, "1200000.00"), (true, "2400000.00")] {
        let asked = house.asks("100", json!({})).await;
        let (request, quotes) = (&asked.request, house.quotes(&asked, &TWO).await);
        house.pass(&asked.deadline).await;
        let old = house.complete(request).await.text("/content_hash");
        house.awarded(request).await;
        let first = house.order_of(request, 0).await;
        house.next_rank(request, &first).await.expect_problem(409, ILLEGAL);
        if silent {
            // By the clock alone; no worker has seen it.
            app.set_clock(first["answer_due_at"].as_str().unwrap()).await;
        } else {
            vendors[0].decline(id(&first)).await.expect(200);
        }
        let body = json!({ "order_id": first["id"] });
        let copied = office.officer.post(&at(request, "/actions/replace-vendor"), body).await;
        copied.expect_problem(409, ILLEGAL);
        house.next_rank(request, &json!({ "id": NOBODY })).await.expect_problem(404, "not_found");
        let open = house.next_rank(request, &first).await.expect(200);
        assert_eq!(said(&open, ["/status", "/gross_total"]), ["evaluating", "0.00"]);
        house.next_rank(request, &first).await.expect_problem(409, ILLEGAL);
        house.award(request, &old).await.expect_problem(409, MISSING);
        let found = house.complete(request).await;
        assert_eq!(places(&found.body["ranking"]["whole"], &quotes), [1]);
        assert_eq!(json!(all(&found.body, "/input/quotes", "disqualified")), json!(["declined", null]));
        assert_eq!(house.awarded(request).await.text("/gross_total"), "1200000.00");
        let second = house.order_of(request, 1).await;
        let number = |order: &Value| order["number"].as_str().unwrap()[..].rsplit('/').next().map(str::parse);
        let [first_number, second_number]: [u32; 2] = [&first, &second].map(|order| number(order).unwrap().unwrap());
        assert_eq!(first_number + 1, second_number);
        vendors[0].accept(id(&first)).await.expect_problem(409, if silent { "expired" } else { ILLEGAL });
        vendors[1].accept(id(&second)).await.expect(200);
        app.work().await;
        let orders = json!(office.orders(request).await);
        assert_eq!(all(&orders, "", "status"), ["accepted", if silent { "expired" } else { "declined" }]);
        // Nothing is left of what the first one held.
        assert_eq!(house.held().await, ["0.00", held]);
    }
    assert_eq!(app.count(AWARDS).await, 1122);
    assert_eq!(house.told("Peringkat berikutnya").await, [0, 0, 2, 0]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_lines_of_the_order_that_fell_through_are_compared_again() {
    let (house, asked, quotes) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await, house.order_of(request, 1).await);
    house.vendors[1].accept(id(&pens)).await.expect(200);
    house.vendors[0].decline(id(&ink)).await.expect(200);
    house.next_rank(request, &pens).await.expect_problem(409, ILLEGAL);
    let open = house.next_rank(request, &ink).await.expect(200);
    assert_eq!(said(&open, ["/status", "/gross_total"]), ["evaluating", "102000.00"]);
    let found = house.complete(request).await;
    assert_eq!(all(&found.body, "/input/lines", "line_id"), asked.lines[1..]);
    assert_eq!(places(&found.body["leaders"], &quotes), [2]);
    // 101,000 and 1,000 as accepted, 307,000 and 600 for the ink.
    let awarded = house.awarded(request).await;
    assert_eq!(totals(&awarded.body), ["408000.00", "1600.00", "0.00", "409600.00"]);
    assert_eq!(totals(&house.order_of(request, 2).await)[3], "307600.00");
    let kept = house.order_of(request, 1).await;
    assert_eq!([&kept["id"], &kept["status"]], [&pens["id"], &json!("accepted")]);
    assert_eq!((house.held().await[1].as_str(), house.app.count(AWARDS).await), ("409600.00", 112));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_above_a_limit_or_the_money_there_is_changes_nothing() {
    let mut house = house(1).await;
    let whole = "150000000";
    for (ceiling, budget, bought, price, code) in [
        (whole, whole, "0.00", "5000001", "method_limit_exceeded"),
        ("5000000", "9000000", "0.00", "5000001", "package_ceiling_exceeded"),
        ("9000000", "5000000", "0.00", "5000001", "budget_exceeded"),
        (whole, whole, "3000000.00", "2000001", "split_forbidden"),
    ] {
        house.office = house.app.office_with(ceiling, budget).await;
        let office = &house.office;
        if ceiling == whole {
            house.app.policy(office.agency, "limit.direct.goods", "5000000", "IDR").await;
        }
        let asked = house.estimates("1", "2000000").await;
        let quotes = house.quotes(&asked, &[(price, "0")]).await;
        if code == "split_forbidden" {
            let dear = house.app.made(&house.vendors[0], bought).await;
            let direct = office.ordered(vec![line(&dear, "1")]).await;
            house.vendors[0].accept(&office.order(&direct).await).await.expect(200);
        }
        house.pass(&asked.deadline).await;
        let hash = house.complete(&asked.request).await.text("/content_hash");
        house.verify(&quotes[0]).await.expect(200);
        let before = office.show(&asked.request).await;
        house.award(&asked.request, &hash).await.expect_problem(422, code);
        assert_eq!(office.show(&asked.request).await.bytes, before.bytes, "{code}");
        assert_eq!(said(&before, ["/status", "/lines"]), ["evaluating", "[]"]);
        let found = house.evaluation(&asked.request).await;
        assert_eq!(said(&found, ["/quotes/0/status", "/awarded_at"]), ["opened", ""]);
        assert_eq!(house.held().await, ["2000000.00", bought], "{code}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_that_is_suspended_waits_and_holds_up_nobody_else() {
    let house = house(2).await;
    let (first, second) = (house.asks("1", json!({})).await, house.asks("1", json!({})).await);
    house.quotes(&first, &[("60000000", "0"), ("61000000", "0")]).await;
    house.quotes(&second, &[("62000000", "0"), ("61000000", "0")]).await;
    house.pass(&second.deadline).await;
    house.awarded(&first.request).await;
    house.app.move_clock(72).await;
    let until = house.awarded(&second.request).await.text("/quotation/objections_until");
    house.app.suspend(&house.vendors[0]).await;
    house.pass(&until).await;
    assert_eq!(house.office.show(&second.request).await.text("/status"), "ordered");
    let waits = house.office.show(&first.request).await;
    let [status, later] = said(&waits, ["/status", "/quotation/objections_until"]);
    assert!(status == "awarded" && later > until, "{status} until {later}");
    assert_eq!(house.told("belum dapat terbit").await, [0, 0, 1, 0]);
    assert_eq!(house.held().await, ["60000000.00", "61000000.00"]);
    let verifier = house.app.member(None, Role::Verifier, &[]).await;
    let path = format!("/api/v1/vendors/{}/actions/reinstate", house.vendors[0].id);
    verifier.act(&path).await.expect(200);
    house.pass(&later).await;
    assert_eq!(totals(&house.order_of(&first.request, 0).await)[3], "60000000.00");
    assert_eq!(house.held().await, ["0.00", "121000000.00"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_recomputes_an_evaluation_tells_what_was_changed_in_it() {
    let (house, asked, _) = stage("100", json!({}), &TWO).await;
    let whole = house.complete(&asked.request).await;
    let told = verify_evaluation(&whole.body.to_string()).unwrap();
    let hash = whole.text("/content_hash");
    assert_eq!(told, format!("evaluation: 2 quotes, 2 ranks recomputed and equal, hash {hash}"));
    let refused = |place: &str, changed: Value| {
        let mut body = whole.body.clone();
        *body.pointer_mut(place).expect("a place") = changed;
        verify_evaluation(&body.to_string()).unwrap_err().to_string()
    };
    let (amounts, order) =
        ("the amounts differ from those recomputed", "the order differs from the one recomputed");
    assert_eq!(refused("/input/quotes/1/lines/0/unit_price", json!("9999")), amounts);
    assert_eq!(refused("/ranking/quotes/0/gross_total", json!("999999.00")), amounts);
    let turned: Vec<_> = whole.body["ranking"]["whole"].as_array().unwrap().iter().rev().collect();
    assert_eq!(refused("/ranking/whole", json!(turned)), order);
    // What changes neither an amount nor a rank changes the hash.
    let content = "the content hash differs from the one recomputed";
    assert_eq!(refused("/content_hash", json!(NO_CONTENT)), content);
    assert_eq!(refused("/input/quotes/1/submitted_at", json!("2035-01-01T00:00:00Z")), content);
    let unknown = "the formula other is unknown here; this program computes lokapasar-evaluation-1";
    assert_eq!(refused("/input/formula", json!("other")), unknown);
    assert_eq!(refused("/ranking", json!([])), "this is not the answer of an evaluation");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_valid_quote_is_enough_and_with_none_left_the_request_fails_and_is_renewed() {
    let house = house(2).await;
    let (one, none) = (house.asks("100", json!({})).await, house.asks("100", json!({})).await);
    house.quotes(&one, &TWO[..1]).await;
    let quotes = house.quotes(&none, &TWO).await;
    house.pass(&none.deadline).await;
    assert_eq!(house.awarded(&one.request).await.text("/status"), "ordered");
    for quote in &quotes {
        house.disqualify(quote, "price_unreasonable").await.expect(200);
    }
    let found = house.complete(&none.request).await;
    let refused = house.award(&none.request, &found.text("/content_hash")).await;
    refused.expect_problem(409, "nothing_to_award");
    let officer = &house.office.officer;
    let failed = house.office.turn(officer, &none.request, "fail").await.expect(200);
    assert_eq!(said(&failed, ["/status", "/status_reason"]), ["failed", "Spesifikasi belum sesuai kebutuhan"]);
    let renewed = officer.act(&at(&none.request, "/actions/renew")).await.expect(201);
    assert_eq!(said(&renewed, ["/status", "/renewed_from"]), ["draft", &none.request]);
    house.app.finish().await;
}

/// Two at once, of whom one alone has its way; who starts changes from turn to turn. Whether the first did.
async fn first_wins<A: Future<Output = Answer>, B: Future<Output = Answer>>(turn: usize, a: A, b: B) -> bool {
    let swap = |(b, a)| (a, b);
    let (a, b) = if turn.is_multiple_of(2) { join(a, b).await } else { swap(join(b, a).await) };
    let won = [&a, &b].map(|answer| answer.status == 200);
    assert_ne!(won[0], won[1], "{} {}", a.body, b.body);
    let loser = if won[0] { b } else { a };
    assert!(loser.status == 409 && [ILLEGAL, MISSING].contains(&loser.code().as_str()), "{}", loser.body);
    won[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_awards_or_an_award_and_its_end_at_once_one_alone_has_its_way() {
    let house = house(2).await;
    let (office, mut asked) = (&house.office, Vec::new());
    for _ in 0..3 * scaled(20) {
        let one = house.asks("100", json!({})).await;
        let quotes = house.quotes(&one, &[("10000", "0"), ("11000", "5000")]).await;
        asked.push((one, quotes));
    }
    house.pass(&asked.last().unwrap().0.deadline).await;
    for (turn, (one, quotes)) in asked.iter().enumerate() {
        let hash = house.complete(&one.request).await.text("/content_hash");
        house.verify(&quotes[0]).await.expect(200);
        let award = || house.award(&one.request, &hash);
        let (won, otherwise) = match turn % 3 {
            0 => (first_wins(turn, award(), award()).await, "ordered"),
            1 => {
                let cancel = office.turn(&office.officer, &one.request, "cancel");
                (first_wins(turn, award(), cancel).await, "cancelled")
            }
            _ => {
                let out = house.disqualify(&quotes[0], "technical");
                (first_wins(turn, award(), out).await, "evaluating")
            }
        };
        let status = office.show(&one.request).await.text("/status");
        assert_eq!(status, if won { "ordered" } else { otherwise });
    }
    let apart = "SELECT count(*) FROM requests r CROSS JOIN LATERAL (
             SELECT count(*) AS orders, coalesce(sum(gross_total), 0) AS gross FROM orders WHERE request_id = r.id) AS o
         WHERE o.gross <> r.gross_total OR o.orders <> CASE r.status WHEN 'ordered' THEN 1 ELSE 0 END
            OR o.orders <> (SELECT count(*) FROM request_lines l WHERE l.request_id = r.id)
            OR o.orders <> (SELECT count(*) FROM quotes q WHERE q.request_id = r.id AND q.status = 'awarded')";
    let money = "SELECT count(*) FROM (SELECT reserved, committed FROM packages UNION ALL SELECT reserved, committed FROM budget_lines) AS b
         WHERE b.reserved <> 0 OR b.committed <> (SELECT coalesce(sum(gross_total), 0) FROM orders)";
    for figure in [apart, money] {
        assert_eq!(house.app.count(figure).await, 0, "{figure}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_is_rehearsed_without_a_trace_and_repeated_without_a_second_order() {
    let (house, asked, quotes) = stage("100", json!({}), &TWO).await;
    let (approver, path) = (&house.office.approver, at(&asked.request, "/actions/award"));
    let hash = house.complete(&asked.request).await.text("/content_hash");
    house.verify(&quotes[0]).await.expect(200);
    let body = json!({ "content_hash": hash, "reason": "Harga terendah" });
    let rehearsed = approver.post(&format!("{path}?dry_run=true"), body.clone()).await.expect(200);
    assert_eq!(said(&rehearsed, ["/status", "/gross_total"]), ["ordered", "1000000.00"]);
    let found = house.evaluation(&asked.request).await;
    assert_eq!(said(&found, ["/status", "/awarded_at"]), ["evaluating", ""]);
    let numbered = "SELECT count(*) FROM number_counters WHERE kind = 'order'";
    assert_eq!(house.app.count(numbered).await, 0);
    let first = approver.post_as(&path, "tetapan-1", body.clone()).await.expect(200);
    let again = approver.post_as(&path, "tetapan-1", body.clone()).await.expect(200);
    assert_eq!((&again.bytes, again.header("idempotent-replayed").as_str()), (&first.bytes, "true"));
    approver.post_as(&path, "tetapan-2", body).await.expect_problem(409, ILLEGAL);
    let orders = house.office.orders(&asked.request).await;
    assert!(orders.len() == 1 && orders[0]["number"].as_str().unwrap().ends_with("/0001"), "{orders:?}");
    assert_eq!(house.evaluation(&asked.request).await.text("/award_reason"), "Harga terendah");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_awarded_twice_has_one_delivery_fee_and_loses_only_what_fell_through() {
    let (house, asked, _) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await, house.order_of(request, 1).await);
    house.vendors[0].accept(id(&ink)).await.expect(200);
    house.vendors[1].decline(id(&pens)).await.expect(200);
    house.next_rank(request, &pens).await.expect(200);
    house.awarded(request).await;
    let pens = house.order_of(request, 0).await;
    assert_eq!([totals(&ink)[1], totals(&pens)[1]], ["7501.00", "2500.00"]);
    house.vendors[0].decline(id(&pens)).await.expect(200);
    let open = house.next_rank(request, &pens).await.expect(200);
    assert_eq!(open.text("/gross_total"), "307501.00");
    let found = house.complete(request).await;
    assert_eq!(all(&found.body, "/input/lines", "line_id"), [asked.lines[0].as_str(), &asked.lines[2]]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_passed_over_once_and_winners_that_fell_through_together_are_so_together() {
    let (house, asked, quotes) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await, house.order_of(request, 1).await);
    house.vendors[0].decline(id(&ink)).await.expect(200);
    house.vendors[1].decline(id(&pens)).await.expect(200);
    house.next_rank(request, &ink).await.expect(200);
    assert_eq!(places(&house.complete(request).await.body["leaders"], &quotes), [2]);
    house.awarded(request).await;
    house.vendors[2].accept(id(&house.order_of(request, 2).await)).await.expect(200);
    house.next_rank(request, &ink).await.expect(409);
    house.app.finish().await;
}
