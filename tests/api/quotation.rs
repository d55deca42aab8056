//! Asking for quotes: what an office asks, who may quote, what is handed in, and what becomes of it.
use crate::support::purchase::{Asked, NEEDED_ON, NO_CONTENT, Office, line, quoted, slot};
use crate::support::trade::{Vendor, organisation};
use crate::support::{Answer, Caller, TestApp, send};
use lokapasar::kernel::{MembershipId, Role};
use reqwest::Method;
use serde_json::{Value, json};

/// What the subjects of mails say.
const INVITED: &str = "Undangan memasukkan penawaran";
const FAILED: &str = "gagal";
const ILLEGAL: &str = "illegal_transition";
const OWN: &str = "pair_official_vendor_owner";
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
const PUBLIC: &str = "/public/v1/quotations";

/// A request, or what lies below it.
fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

/// A quote.
fn of(quote: &str) -> String {
    format!("/api/v1/quotes/{quote}")
}

/// A verb on a quote.
async fn act(who: &Caller, quote: &str, verb: &str) -> Answer {
    who.act(&format!("{}/actions/{verb}", of(quote))).await
}

/// What was handed in last, as its vendor reads it.
fn sent(own: &Answer) -> Value {
    serde_json::from_str(&own.text("/sent/text")).unwrap()
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

/// A refusal with exactly these faults, each as its place and its code.
#[track_caller]
fn faulty(answer: Answer, expected: &str) {
    let found = answer.expect_problem(422, "invalid_input").faults();
    let found: Vec<_> = found.into_iter().map(|(place, code)| format!("{place} {code}")).collect();
    assert_eq!(found.join("; "), expected);
}

async fn estimate(office: &Office, request: &str, body: Value) -> Answer {
    let etag = office.show(request).await.etag();
    office.officer.put(&at(request, "/owner-estimate"), &etag, body).await
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
    let (mut vendors, mut pens) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let vendor = app.vendor().await;
        pens.push(app.made(&vendor, "12500.00").await);
        vendors.push(vendor);
    }
    House { app, office, vendors, pens }
}

impl House {
    /// What a quotation for forty pens says.
    fn pens(&self, changes: Value) -> Value {
        self.office.quotation(&self.pens[0], "40", changes)
    }

    async fn draft(&self, changes: Value) -> String {
        self.office.draft_quotation(self.pens(changes)).await
    }

    /// A draft by invitation of the first two vendors.
    async fn inviting(&self) -> String {
        let request = self.draft(json!({ "invitation": "invited" })).await;
        self.invite(&request, &[0, 1]).await.expect(200);
        request
    }

    async fn invite(&self, request: &str, vendors: &[usize]) -> Answer {
        let ids: Vec<_> = vendors.iter().map(|number| self.vendors[*number].id).collect();
        self.office.officer.post(&at(request, "/invitations"), json!({ "vendor_ids": ids })).await
    }

    async fn change(&self, request: &str, fields: Value) -> Answer {
        self.office.officer.change(&at(request, ""), fields).await
    }

    /// A draft is submitted, approved and opened for quotes.
    async fn open(&self, request: &str) -> Asked {
        self.office.submit(request).await.expect(200);
        self.office.approve(request).await.expect(200);
        let open = self.office.officer.act(&at(request, "/actions/open")).await.expect(200);
        let lines = all(&open.body, "/quotation/lines", "id");
        let lines = lines.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        Asked { request: request.to_owned(), lines, deadline: open.text("/quotation/quote_deadline") }
    }

    async fn asks(&self, changes: Value) -> Asked {
        self.open(&self.draft(changes).await).await
    }

    fn vendor(&self, number: usize) -> &Caller {
        &self.vendors[number].owner
    }

    /// A quote that its vendor has written, though not handed in.
    async fn writes(&self, vendor: usize, asked: &Asked) -> String {
        let line = |line: &String| quoted(line, &self.pens[vendor], "12000");
        let lines: Vec<_> = asked.lines.iter().map(line).collect();
        let body = json!({ "lines": lines, "shipping_fee": "25000", "lead_time_days": 3 });
        self.vendor(vendor).post(&at(&asked.request, "/quotes"), body).await.expect(201).id()
    }

    async fn quotes(&self, vendor: usize, asked: &Asked) -> String {
        self.vendors[vendor].quotes(asked, &self.pens[vendor], "12000", "25000").await
    }

    async fn addendum(&self, request: &str, deadline: Option<&str>) -> Answer {
        let body = json!({ "text": "Warna tutup boleh hitam", "quote_deadline": deadline });
        self.office.officer.post(&at(request, "/addenda"), body).await
    }

    async fn page(&self, request: &str) -> Answer {
        self.app.anonymous().get(&format!("{PUBLIC}/{request}")).await
    }

    /// What the officer reads somewhere.
    async fn reads(&self, path: &str) -> Value {
        self.office.officer.get(path).await.expect(200).body
    }

    /// The clock passes a deadline, and a worker sees it.
    async fn pass(&self, deadline: &str) {
        self.app.set_clock(deadline).await;
        self.app.work().await;
    }

    /// What of the office's Rp150 million is left.
    async fn left(&self) -> Value {
        self.reads(&format!("/api/v1/packages/{}", self.office.package)).await["available"].clone()
    }

    /// How many mails with these words in their subject were sent to each vendor, and to the officer.
    async fn told(&self, words: &str) -> Vec<usize> {
        let mut counts = Vec::new();
        for who in self.vendors.iter().map(|vendor| &vendor.owner).chain([&self.office.officer]) {
            let mails = self.app.told(&who.contact).await;
            counts.push(mails.iter().filter(|mail| mail.subject.contains(words)).count());
        }
        counts
    }

    /// Gives a person a second hat: staff of a vendor.
    async fn joins(&self, person: &Caller, vendor: usize) {
        let vendor = organisation(&self.vendors[vendor]);
        self.app.grant(person.user.unwrap(), Some(vendor), Role::VendorStaff, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_invited_vendors_hand_in_sealed_quotes_and_the_clock_opens_them() {
    let house = house(3).await;
    let House { app, office, vendors, pens } = &house;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let bag = json!({ "name": "Tas jinjing kanvas", "category_code": "01.03.01", "quantity": "10",
        "attributes": { "warna": "biru" }, "slots": [slot(NEEDED_ON, "10")] });
    let pen = json!({ "product_id": pens[0], "quantity": "40", "slots": [slot(NEEDED_ON, "40")] });
    let request = house.draft(json!({ "invitation": "invited", "lines": [pen, bag] })).await;
    estimate(office, &request, json!({ "total": "3000000" })).await.expect(200);
    house.invite(&request, &[0, 1, 2]).await.expect(200);
    house.page(&request).await.expect_problem(404, "not_found");
    let asked = house.open(&request).await;
    // Three working days: Thursday 23, Monday 27 and Tuesday 28.
    assert_eq!(asked.deadline, "2027-12-28T17:00:00Z");
    assert_eq!(app.anonymous().get(PUBLIC).await.expect(200).items().len(), 1);
    let offers = [["12000.00", "45000.00"], ["11900.50", "47000.00"], ["12500.00", "44000.00"]];
    let (mut quotes, mut commitments) = (Vec::new(), Vec::new());
    for (number, prices) in offers.iter().enumerate() {
        let who = house.vendor(number);
        let quote = who.post(&at(&request, "/quotes"), json!({})).await.expect(201).id();
        let lines = [0, 1].map(|line: usize| quoted(&asked.lines[line], &pens[number], prices[line]));
        let written = json!({ "lines": lines, "shipping_fee": "25000", "lead_time_days": 3 });
        who.change(&of(&quote), written).await.expect(200);
        let receipt = act(who, &quote, "submit").await.expect(200);
        let told = said(&receipt, ["/submission", "/quote/status", "/quote_deadline"]);
        assert_eq!(told, ["1", "submitted", &asked.deadline]);
        let own = who.get(&of(&quote)).await.expect(200);
        assert_eq!(said(&own, ["/commitment", "/sent/salt"]), said(&receipt, ["/commitment", "/salt"]));
        assert_eq!(all(&sent(&own), "/lines", "unit_price"), *prices);
        assert_eq!(sent(&own)["shipping_fee"], "25000.00");
        commitments.push(receipt.text("/commitment"));
        quotes.push(quote);
    }
    let page = house.page(&request).await.expect(200);
    assert_eq!(page.body["commitments"], json!(commitments));
    assert_eq!(said(&page, ["/quotes_received", "/estimate_total"]), ["3", "3000000.00"]);
    let sealed = house.reads(&at(&request, "/quotes")).await;
    assert_eq!(all(&sealed, "/items", "commitment"), commitments);
    for hidden in ["id", "vendor_id", "vendor_name", "submission"] {
        assert!(all(&sealed, "/items", hidden).iter().all(Value::is_null), "{hidden}");
    }
    office.officer.get(&of(&quotes[0])).await.expect_problem(404, "not_found");
    assert_eq!(house.reads(&at(&request, "/opening")).await["quotes"], json!([]));
    app.set_clock(&asked.deadline).await;
    // All this is so by the clock, before any worker says it.
    assert_eq!(house.page(&request).await.expect(200).text("/status"), "quotes_closed");
    let closed = house.reads("/api/v1/requests?status=quotes_closed").await;
    assert_eq!(all(&closed, "/items", "id"), [request.as_str()]);
    assert!(app.anonymous().get(PUBLIC).await.expect(200).items().is_empty());
    let late = house.vendor(0).change(&of(&quotes[0]), json!({})).await;
    late.expect_problem(409, "deadline_passed");
    act(house.vendor(0), &quotes[0], "withdraw").await.expect_problem(409, "deadline_passed");
    app.work().await;
    let minutes = house.reads(&at(&request, "/opening")).await;
    assert_eq!([&minutes["mode"], &minutes["status"]], ["automatic_at_deadline", "evaluating"]);
    assert_eq!(all(&minutes, "/attempts", "membership_id"), [Value::Null]);
    assert_eq!(all(&minutes, "/quotes", "status"), ["opened", "opened", "opened"]);
    for (number, prices) in offers.iter().enumerate() {
        assert_eq!(minutes["quotes"][number]["vendor_id"], json!(vendors[number].id));
        let opened = office.officer.get(&of(&quotes[number])).await.expect(200);
        assert_eq!(all(&opened.body, "/opened/lines", "unit_price"), *prices);
        assert_eq!(said(&opened, ["/opened/shipping_fee", "/fields", "/sent"]), ["25000.00", "", ""]);
        // A vendor reads who took part, and the salt of its own quote alone.
        let seen = house.vendor(number).get(&at(&request, "/opening")).await.expect(200).body;
        assert_eq!(all(&seen, "/quotes", "commitment"), commitments);
        let salts = all(&seen, "/quotes", "salt");
        assert!((0..3).all(|other| salts[other].is_null() == (other != number)), "{salts:?}");
    }
    for (words, office) in [(INVITED, 0), ("sudah diterima", 0), ("sudah dibuka", 1)] {
        assert_eq!(house.told(words).await, [1, 1, 1, office], "{words}");
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_filled_from_a_product_or_said_in_words_and_every_fault_of_it_told_at_once() {
    let house = house(1).await;
    let (pen, delivery) = (&house.pens[0], [slot(NEEDED_ON, "1")]);
    let plain = json!({ "putih": true, "gram": 80, "merek": "bebas" });
    let lines = json!([
        { "product_id": pen, "quantity": "1", "slots": delivery },
        { "product_id": pen, "name": "Pulpen apa pun", "unit": "XBX", "quantity": "1", "slots": delivery },
        { "name": "Kertas", "category_code": "01.02.01", "attributes": plain, "quantity": "1", "slots": delivery },
    ]);
    let request = house.draft(json!({ "lines": lines })).await;
    let shown = house.office.show(&request).await.body["quotation"].clone();
    let name = house.vendor(0).get(&format!("/api/v1/products/{pen}")).await.expect(200).text("/name");
    assert_eq!(all(&shown, "/lines", "name"), [name.as_str(), "Pulpen apa pun", "Kertas"]);
    assert_eq!(all(&shown, "/lines", "category_code"), ["01.01.01", "01.01.01", "01.02.01"]);
    // A ream is what the category counts paper by.
    assert_eq!(all(&shown, "/lines", "unit"), ["H87", "XBX", "RM"]);
    assert_eq!(shown["lines"][2]["attributes"], plain);
    let mut nowhere = slot(NEEDED_ON, "0");
    [nowhere["region_code"], nowhere["time_to"]] = [json!("99.99.99"), json!("08:00")];
    let criterion = |code: &str, weight: &str| json!({ "code": code, "name": "Mutu", "weight": weight });
    let change = async |criteria: [&Value; 2], evaluation: &str, lines: &Value| {
        let asked = json!({ "criteria": criteria, "evaluation": evaluation, "lines": lines });
        house.change(&request, json!({ "quotation": house.pens(asked) })).await
    };
    let (half, rest) = (criterion("mutu", "60"), criterion("waktu", "40"));
    let wrong = json!([
        { "name": "Tas", "category_code": "99.99.99", "unit": "ZZZ", "attributes": { "ukuran": [1] }, "quantity": "0", "slots": [nowhere] },
        { "product_id": NOBODY, "quantity": "1", "slots": delivery }, { "quantity": "1", "slots": delivery },
    ]);
    faulty(
        change([&half, &half], "weighted", &wrong).await,
        "#/quotation/criteria/1/code duplicate_item; #/quotation/criteria weights_not_whole; \
         #/quotation/lines/0/attributes value_not_allowed; #/quotation/lines/0/category_code category_not_leaf; \
         #/quotation/lines/0/unit unknown_reference; #/quotation/lines/0/quantity out_of_range; \
         #/quotation/lines/0/slots/0/region_code unknown_reference; #/quotation/lines/0/slots/0/time_to validity_invalid; \
         #/quotation/lines/0/slots/0/quantity out_of_range; #/quotation/lines/1/product_id unknown_reference; \
         #/quotation/lines/2/name required; #/quotation/lines/2/category_code required; \
         #/quotation/lines/2/unit unknown_reference",
    );
    let unweighed = change([&half, &rest], "lowest_price", &lines).await;
    faulty(unweighed, "#/quotation/criteria value_not_allowed");
    change([&half, &rest], "weighted", &lines).await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_forbids_is_named_when_the_request_is_submitted() {
    let house = house(2).await;
    let House { app, office, pens, .. } = &house;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let pen = |day: &str, part: &str| json!([{ "product_id": pens[0], "quantity": "40", "slots": [slot(day, part)] }]);
    for (changes, expected) in [
        (json!({ "window_days": 2 }), "window_days out_of_range"),
        (json!({ "window_days": 31 }), "window_days out_of_range"),
        (json!({ "invitation": "invited" }), "invitation too_few_invited"),
        (json!({ "lines": pen(NEEDED_ON, "39") }), "lines/0/slots quantity_mismatch"),
        (json!({ "lines": pen("2035-06-30", "40") }), "lines/0/slots needed_too_soon"),
    ] {
        let request = house.draft(changes).await;
        faulty(office.submit(&request).await, &format!("#/quotation/{expected}"));
    }
    let (direct, services) = ([line(&pens[0], "1")], "other_services");
    let mismatch = "quotation/lines/0/category_code procurement_kind_mismatch";
    for (changes, expected) in [
        (json!({ "lines": direct }), "lines value_not_allowed"),
        (json!({ "method": "direct", "lines": direct }), "quotation value_not_allowed"),
        (json!({ "quotation": null }), "quotation quotation_missing"),
        (json!({ "procurement_kind": services }), mismatch),
    ] {
        let request = house.draft(json!({})).await;
        house.change(&request, changes).await.expect(200);
        faulty(office.submit(&request).await, &format!("#/{expected}"));
    }
    // Quotes are taken to the end of Tuesday 28. Who needs it on Thursday has it prepared on Wednesday 29.
    let request = house.draft(json!({})).await;
    let needed = async |day: &str| {
        let asked = house.pens(json!({ "lines": pen(day, "40") }));
        house.change(&request, json!({ "needed_on": day, "quotation": asked })).await.expect(200);
        office.submit(&request).await
    };
    faulty(needed("2027-12-30").await, "#/needed_on needed_too_soon");
    needed("2027-12-31").await.expect(200);
    let request = house.inviting().await;
    house.joins(&office.officer, 1).await;
    faulty(office.submit(&request).await, &format!("#/quotation/invitation {OWN}"));
    house.invite(&request, &[1]).await.expect_problem(409, OWN);
    let poor = app.office_with("5000000", "4000000").await;
    let request = poor.draft_quotation(poor.quotation(&pens[0], "40", json!({}))).await;
    for (total, package) in [("5000001", "#/package_id package_ceiling_exceeded; "), ("4000001", "")] {
        estimate(&poor, &request, json!({ "total": total })).await.expect(200);
        faulty(poor.submit(&request).await, &format!("{package}#/budget_line_id budget_exceeded"));
    }
    app.policy(office.agency, "owner_estimate.required_online", "true", "flag").await;
    faulty(office.submit(&house.draft(json!({})).await).await, "#/owner_estimate required");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_estimate_is_held_from_submission_on_and_its_breakdown_told_to_nobody() {
    const PLANTED: &str = "71930.55";
    let house = house(1).await;
    let (office, officer) = (&house.office, &house.office.officer);
    let mut told = Vec::new();
    for (public, verb) in [(true, "fail"), (false, "cancel")] {
        let request = house.draft(json!({})).await;
        let total = |line: &str| json!({ "total": "3000000", "public": public, "breakdown": [{ "line_id": line, "unit_price": PLANTED }] });
        faulty(estimate(office, &request, total(NOBODY)).await, "#/breakdown/0/line_id unknown_reference");
        faulty(estimate(office, &request, json!({ "total": "0" })).await, "#/total out_of_range");
        let line = office.show(&request).await.text("/quotation/lines/0/id");
        told.push(estimate(office, &request, total(&line)).await.expect(200));
        assert_eq!(house.left().await, "150000000.00");
        house.open(&request).await;
        assert_eq!(house.left().await, "147000000.00");
        let page = house.page(&request).await.expect(200);
        assert_eq!(page.text("/estimate_total"), if public { "3000000.00" } else { "" });
        let shown = office.approver.get(&at(&request, "")).await.expect(200);
        assert_eq!(shown.text("/quotation/estimate_total"), "3000000.00");
        let named = json!({ "request_id": request });
        let checked = officer.post("/api/v1/policy-checks", named).await.expect(200);
        told.extend([page, shown, checked, office.turn(officer, &request, verb).await.expect(200)]);
        assert_eq!(house.left().await, "150000000.00");
    }
    assert!(told.iter().all(|answer| !String::from_utf8_lossy(&answer.bytes).contains(PLANTED)));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_what_is_asked_for_who_is_invited_and_the_estimate() {
    let house = house(3).await;
    let (office, total) = (&house.office, json!({ "total": "3000000" }));
    let request = house.inviting().await;
    let other = json!({ "quotation": house.pens(json!({ "invitation": "invited", "window_days": 5 })) });
    let mut former = vec![NO_CONTENT.to_owned()];
    // As it was first, then with a vendor more, longer, and with an estimate; while it waits none of that changes.
    for step in 0..4 {
        let submitted = office.submit(&request).await.expect(200);
        for stale in &former {
            let approval = json!({ "content_hash": stale });
            let refused = office.approver.post(&at(&request, "/actions/approve"), approval).await;
            refused.expect_problem(409, "content_changed");
        }
        former.push(submitted.text("/content_hash"));
        let change = async |allowed: bool| {
            let changed = match step {
                0 => house.invite(&request, &[2]).await,
                1 => house.change(&request, other.clone()).await,
                _ => estimate(office, &request, total.clone()).await,
            };
            if allowed { changed.expect(200) } else { changed.expect_problem(409, ILLEGAL) }
        };
        change(false).await;
        office.officer.act(&at(&request, "/actions/open")).await.expect_problem(409, ILLEGAL);
        if step < 3 {
            office.officer.act(&at(&request, "/actions/withdraw")).await.expect(200);
            change(true).await;
        }
    }
    let approved = office.approve(&request).await.expect(200);
    assert_eq!((approved.text("/status").as_str(), office.orders(&request).await.len()), ("approved", 0));
    house.invite(&request, &[2]).await.expect_problem(409, ILLEGAL);
    assert!(office.show(&request).await.may("open"));
    // Up to a million nobody has to approve.
    let small = house.draft(json!({})).await;
    estimate(office, &small, json!({ "total": "1000000" })).await.expect(200);
    assert_eq!(office.submit(&small).await.expect(200).text("/status"), "approved");
    assert_eq!(house.left().await, "146000000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_quote_where_they_are_verified_and_invited_or_serve_the_place_where_all_may() {
    let mut house = house(3).await;
    let asked = house.open(&house.inviting().await).await;
    let refused = async |code: &str| {
        let (who, question) = (house.vendor(2), json!({ "question": "Apakah merek setara diterima?" }));
        who.post(&at(&asked.request, "/quotes"), json!({})).await.expect_problem(409, code);
        who.post(&at(&asked.request, "/questions"), question).await.expect_problem(409, code);
    };
    refused("not_invited").await;
    assert_eq!(house.told(INVITED).await[..3], [1, 1, 0]);
    house.invite(&asked.request, &[2, 0]).await.expect(200);
    assert_eq!(house.told(INVITED).await[..3], [1, 1, 1]);
    let written = house.writes(2, &asked).await;
    house.app.suspend(&house.vendors[2]).await;
    act(house.vendor(2), &written, "submit").await.expect_problem(409, "vendor_not_verified");
    refused("vendor_not_verified").await;
    let invited = json!({ "vendor_ids": [NOBODY, house.vendors[2].id] });
    let invited = house.office.officer.post(&at(&asked.request, "/invitations"), invited).await;
    faulty(invited, "#/vendor_ids/0 unknown_reference; #/vendor_ids/1 vendor_not_verified");
    for (region, terms) in [("33.74", "included"), ("33.22", "on_quote")] {
        let regions = json!({ "regions": [{ "region_code": region, "shipping_terms": terms }] });
        let vendor = house.app.vendor_with(regions).await;
        house.pens.push(house.app.made(&vendor, "12500.00").await);
        house.vendors.push(vendor);
    }
    let asked = house.asks(json!({})).await;
    assert_eq!(house.told("terbuka bagi penyedia").await[2..], [0, 1, 0, 0]);
    // Who names no region serves the own one.
    house.quotes(0, &asked).await;
    house.quotes(3, &asked).await;
    let far = house.writes(4, &asked).await;
    faulty(act(house.vendor(4), &far, "submit").await, "#/lines/0/line_id region_not_served");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_a_vendor_acts_for_the_office_that_it_quotes_to() {
    let house = house(4).await;
    let House { app, office, .. } = &house;
    let head = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let receiver = app.member(Some(office.agency), Role::Receiver, &[office.unit]).await;
    let letter = json!({ "officer_id": office.officer.membership, "person_id": receiver.membership, "kind": "plh",
        "valid_from": "2021-01-01", "valid_to": "2035-12-31", "letter_number": "821/031/2035" });
    let deputy = head.post("/api/v1/deputies", letter).await.expect(201).id().parse().map(MembershipId);
    let deputy = app.log_in(receiver.user.unwrap(), &receiver.contact, deputy.ok()).await;
    let asked = house.asks(json!({})).await;
    let addendum = json!({ "text": "Warna tutup boleh hitam" });
    deputy.post(&at(&asked.request, "/addenda"), addendum).await.expect(200);
    let written = house.writes(0, &asked).await;
    for (number, person) in [&office.officer, &deputy, &office.approver].into_iter().enumerate() {
        house.joins(person, number).await;
        let (vendor, question) = (house.vendor(number), json!({ "question": "Apakah merek bebas?" }));
        vendor.post(&at(&asked.request, "/quotes"), json!({})).await.expect_problem(409, OWN);
        vendor.post(&at(&asked.request, "/questions"), question).await.expect_problem(409, OWN);
    }
    act(house.vendor(0), &written, "submit").await.expect_problem(409, OWN);
    let elsewhere = app.office().await;
    let other = elsewhere.asks(elsewhere.quotation(&house.pens[0], "4", json!({}))).await;
    house.quotes(0, &other).await;
    // Who joins a vendor that has quoted does not open its quote.
    house.quotes(3, &asked).await;
    house.joins(&office.officer, 3).await;
    app.set_clock(&asked.deadline).await;
    office.officer.act(&at(&asked.request, "/opening")).await.expect_problem(409, OWN);
    office.approver.act(&at(&asked.request, "/opening")).await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_quote_is_told_all_at_once_when_it_is_handed_in() {
    let house = house(2).await;
    let pen = json!({ "product_id": house.pens[1], "quantity": "4", "slots": [slot(NEEDED_ON, "4")] });
    let asked = house.asks(json!({ "lines": [pen, pen] })).await;
    let (who, own) = (house.vendor(0), &house.pens[0]);
    let quote = who.post(&at(&asked.request, "/quotes"), json!({})).await.expect(201).id();
    let incomplete = "#/lines quote_incomplete";
    let missing = format!("{incomplete}; #/shipping_fee required; #/lead_time_days required");
    faulty(act(who, &quote, "submit").await, &missing);
    let (first, foreign) = (&asked.lines[0], &house.pens[1]);
    let lines = [quoted(first, own, "0"), quoted(first, foreign, "12000"), quoted(NOBODY, own, "12000")];
    let free = |lines: &[Value]| json!({ "lines": lines, "shipping_fee": "0", "lead_time_days": 0 });
    who.change(&of(&quote), free(&lines)).await.expect(200);
    faulty(
        act(who, &quote, "submit").await,
        "#/lines/0/unit_price out_of_range; #/lines/1/line_id duplicate_item; #/lines/1/product_id unknown_reference; \
         #/lines/2/line_id unknown_reference; #/lines quote_incomplete",
    );
    let part = |asked: &Asked| free(&[quoted(&asked.lines[1], own, "12000")]);
    who.change(&of(&quote), part(&asked)).await.expect(200);
    faulty(act(who, &quote, "submit").await, incomplete);
    who.post(&at(&asked.request, "/quotes"), part(&asked)).await.expect_problem(409, "quote_exists");
    // Line by line a part is a quote; nothing is none.
    let itemised = house.asks(json!({ "lines": [pen, pen], "award": "itemised" })).await;
    let quote = who.post(&at(&itemised.request, "/quotes"), free(&[])).await.expect(201).id();
    faulty(act(who, &quote, "submit").await, incomplete);
    who.change(&of(&quote), part(&itemised)).await.expect(200);
    act(who, &quote, "submit").await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_replaced_taken_back_and_handed_in_again_and_bound_anew_each_time() {
    let house = house(1).await;
    let who = house.vendor(0);
    let asked = house.asks(json!({})).await;
    let quote = house.writes(0, &asked).await;
    let refused = async |verbs: &[&str]| {
        for verb in verbs {
            assert!(!who.get(&of(&quote)).await.expect(200).may(verb), "{verb}");
            act(who, &quote, verb).await.expect_problem(409, ILLEGAL);
        }
    };
    let write = async |price: &str| {
        let lines = json!({ "lines": [quoted(&asked.lines[0], &house.pens[0], price)] });
        let written = who.change(&of(&quote), lines).await.expect(200);
        assert_eq!(written.text("/fields/lines/0/unit_price"), price);
    };
    // The price that was handed in, and what everybody reads of it.
    let bound = async || {
        let own = sent(&who.get(&of(&quote)).await.expect(200));
        let page = house.page(&asked.request).await.expect(200);
        (own["lines"][0]["unit_price"].clone(), page.body["commitments"].clone())
    };
    refused(&["replace", "withdraw"]).await;
    let first = act(who, &quote, "submit").await.expect(200).text("/commitment");
    refused(&["submit"]).await;
    // What is written counts once it takes the place of what was handed in.
    write("11000.00").await;
    assert_eq!(bound().await, (json!("12000.00"), json!([first])));
    let second = act(who, &quote, "replace").await.expect(200);
    assert_eq!(bound().await, (json!("11000.00"), json!([second.text("/commitment")])));
    assert_ne!(second.text("/commitment"), first);
    act(who, &quote, "confirm").await.expect_problem(409, "nothing_to_confirm");
    assert_eq!(act(who, &quote, "withdraw").await.expect(200).text("/status"), "withdrawn");
    assert_eq!((bound().await.1, house.told("ditarik").await), (json!([]), vec![1, 0]));
    who.get(&at(&asked.request, "/opening")).await.expect_problem(404, "not_found");
    refused(&["replace", "withdraw"]).await;
    write("10500.00").await;
    assert_eq!(act(who, &quote, "submit").await.expect(200).text("/submission"), "3");
    write("9000.00").await;
    house.pass(&asked.deadline).await;
    let opened = house.reads(&of(&quote)).await["opened"].clone();
    assert_eq!((&opened["lines"][0]["unit_price"], &opened["submission"]), (&json!("10500.00"), &json!(3)));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_the_same_when_it_is_asked_for_again_and_a_rehearsal_takes_no_number() {
    let house = house(1).await;
    let who = house.vendor(0);
    let quote = house.writes(0, &house.asks(json!({})).await).await;
    let submit = format!("{}/actions/submit", of(&quote));
    let before = who.get(&of(&quote)).await.expect(200);
    let rehearsed = who.act(&format!("{submit}?dry_run=true")).await.expect(200);
    assert_eq!(said(&rehearsed, ["/submission", "/quote/status"]), ["1", "submitted"]);
    assert_eq!(who.get(&of(&quote)).await.expect(200).bytes, before.bytes);
    who.change(&of(&quote), json!({ "lead_time_days": 2 })).await.expect(200);
    let keyed = || who.request(Method::POST, &submit).header("Idempotency-Key", "penawaran-1");
    send(keyed().header("If-Match", before.etag())).await.expect_problem(412, "version_stale");
    let receipt = send(keyed()).await.expect(200);
    assert_eq!(receipt.text("/submission"), "1");
    assert_ne!(receipt.text("/salt"), rehearsed.text("/salt"));
    let again = send(keyed()).await.expect(200);
    assert_eq!((&again.bytes, again.header("idempotent-replayed").as_str()), (&receipt.bytes, "true"));
    assert_eq!(house.app.count("SELECT count(*) FROM quote_submissions").await, 1);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_for_everybody_and_nobody_learns_who_asked() {
    let house = house(3).await;
    let officer = &house.office.officer;
    let asked = house.asks(json!({})).await;
    house.quotes(1, &asked).await;
    let path = at(&asked.request, "/questions");
    let ask = async |vendor: usize| {
        house.vendor(vendor).post(&path, json!({ "question": "Apakah merek setara diterima?" })).await
    };
    let answer = async |question: &str| {
        officer.post(&format!("{path}/{question}/actions/answer"), json!({ "answer": "Ya, diterima" })).await
    };
    let question = ask(0).await.expect(201).id();
    assert_eq!(house.told("Pertanyaan").await, [0, 0, 0, 1]);
    assert_eq!(all(&house.reads(&path).await, "/items", "answer"), [Value::Null]);
    assert_eq!(house.page(&asked.request).await.expect(200).text("/questions"), "[]");
    answer(&question).await.expect(200);
    answer(&question).await.expect_problem(409, ILLEGAL);
    assert_eq!(house.told("Jawaban atas pertanyaan").await, [1, 1, 0, 0]);
    let mut seen = vec![house.page(&asked.request).await.expect(200).body];
    assert_eq!(all(&seen[0], "/questions", "answer"), ["Ya, diterima"]);
    for place in ["", "/questions", "/quotes", "/opening"] {
        seen.push(house.reads(&at(&asked.request, place)).await);
    }
    for place in ["/quotes", "/opening"] {
        seen.push(house.vendor(1).get(&at(&asked.request, place)).await.expect(200).body);
    }
    let asker = house.vendors[0].id.to_string();
    assert!(seen.iter().all(|body| !body.to_string().contains(&asker)));
    for _ in 1..20 {
        ask(0).await.expect(201);
    }
    ask(0).await.expect_problem(409, "too_many_questions");
    let last = ask(1).await.expect(201).id();
    house.app.set_clock(&asked.deadline).await;
    ask(1).await.expect_problem(409, "deadline_passed");
    answer(&last).await.expect_problem(409, "deadline_passed");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addendum_moves_the_deadline_later_alone_and_who_had_handed_in_must_stand_by_it() {
    let house = house(4).await;
    // Wednesday 22 December 2027: quotes are taken to the end of Tuesday 28 in Jakarta.
    house.app.set_clock("2027-12-22T03:00:00Z").await;
    let asked = house.asks(json!({})).await;
    let mut quotes = Vec::new();
    for vendor in 0..3 {
        quotes.push(house.quotes(vendor, &asked).await);
    }
    quotes.push(house.writes(3, &asked).await);
    let addendum = async |deadline: Option<&str>| house.addendum(&asked.request, deadline).await;
    let (earlier, later) = ("2027-12-28T16:59:59Z", "2027-12-30T17:00:00Z");
    faulty(addendum(Some(earlier)).await, "#/quote_deadline deadline_not_later");
    faulty(addendum(Some("2036-01-01T00:00:00Z")).await, "#/quote_deadline needed_too_soon");
    for (deadline, expected) in [(None, asked.deadline.as_str()), (Some(later), later)] {
        assert_eq!(addendum(deadline).await.expect(200).text("/quotation/quote_deadline"), expected);
    }
    assert_eq!(all(&house.page(&asked.request).await.expect(200).body, "/addenda", "number"), [1, 2]);
    assert_eq!(house.told("Tegaskan penawaran").await, [2, 2, 2, 0, 0]);
    let turn = async |vendor: usize, verb: &str| act(house.vendor(vendor), &quotes[vendor], verb).await;
    let needed = async |vendor: usize| {
        house.vendor(vendor).get(&of(&quotes[vendor])).await.expect(200).text("/confirmation_needed")
    };
    house.pass(&asked.deadline).await;
    assert_eq!(needed(0).await, "true");
    turn(0, "confirm").await.expect(200);
    turn(0, "confirm").await.expect_problem(409, "nothing_to_confirm");
    turn(1, "replace").await.expect(200);
    turn(3, "submit").await.expect(200);
    assert_eq!([needed(0).await, needed(1).await, needed(2).await], ["false", "false", "true"]);
    house.app.set_clock(later).await;
    turn(2, "confirm").await.expect_problem(409, "deadline_passed");
    addendum(None).await.expect_problem(409, "deadline_passed");
    house.app.work().await;
    let minutes = house.reads(&at(&asked.request, "/opening")).await;
    // In the order of final submission.
    let order = [0, 2, 1, 3].map(|number: usize| quotes[number].clone());
    assert_eq!(all(&minutes, "/quotes", "quote_id"), order);
    assert_eq!(all(&minutes, "/quotes", "status"), ["opened", "unconfirmed", "opened", "opened"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_failed_or_was_cancelled_is_renewed_with_its_lines_and_invitations() {
    let house = house(2).await;
    let (office, officer) = (&house.office, &house.office.officer);
    let mut request = house.inviting().await;
    estimate(office, &request, json!({ "total": "3000000" })).await.expect(200);
    for (verb, ended) in [("fail", "failed"), ("cancel", "cancelled")] {
        let asked = house.open(&request).await;
        let quote = house.quotes(0, &asked).await;
        house.addendum(&request, None).await.expect(200);
        let mut closed = office.turn(officer, &request, verb).await.expect(200).body;
        assert_eq!((closed["status"].as_str(), house.page(&request).await.status), (Some(ended), 200));
        office.turn(officer, &request, verb).await.expect_problem(409, ILLEGAL);
        officer.act(&at(&request, "/opening")).await.expect_problem(409, ILLEGAL);
        // What was handed in stays sealed.
        officer.get(&of(&quote)).await.expect_problem(404, "not_found");
        assert!(!house.vendor(0).get(&of(&quote)).await.expect(200).may("replace"));
        assert_eq!(house.app.count("SELECT count(*) FROM opened_quotes").await, 0);
        let copy = officer.act(&at(&request, "/actions/renew")).await.expect(201);
        let linked = said(&copy, ["/renewed_from", "/method", "/status", "/lines"]);
        assert_eq!(linked, [request.as_str(), "quotation", "draft", "[]"]);
        // Its history is its own, and its line has another id; the rest is as it was.
        let (before, mut after) = (&mut closed["quotation"], copy.body["quotation"].clone());
        let estimate = ["estimate_total", "estimate_set_at"];
        for gone in estimate.iter().chain(&["quote_deadline", "opening_mode", "opened_for_quotes_at"]) {
            before[*gone] = Value::Null;
        }
        before["addenda"] = json!(0);
        assert_ne!(before["lines"][0]["id"], after["lines"][0]["id"]);
        for quotation in [&mut *before, &mut after] {
            quotation["lines"][0]["id"].take();
            quotation["invited_vendor_ids"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
        assert_eq!(after, *before);
        request = copy.id();
    }
    // The officer is told of what failed, not of what was cancelled.
    assert_eq!(house.told(FAILED).await, [2, 2, 1]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_valid_quote_is_enough_and_none_makes_the_request_fail() {
    let house = house(1).await;
    let none = house.asks(json!({})).await;
    let (one, unconfirmed) = (house.asks(json!({})).await, house.asks(json!({})).await);
    house.quotes(0, &one).await;
    house.quotes(0, &unconfirmed).await;
    house.addendum(&unconfirmed.request, None).await.expect(200);
    house.pass(&none.deadline).await;
    for (asked, status, quote) in
        [(none, "failed", ""), (one, "evaluating", "opened"), (unconfirmed, "failed", "unconfirmed")]
    {
        let minutes = house.office.officer.get(&at(&asked.request, "/opening")).await.expect(200);
        let found = said(&minutes, ["/status", "/quotes/0/status", "/attempts/0/outcome"]);
        assert_eq!(found, [status, quote, "opened"]);
        let reason = house.office.show(&asked.request).await.text("/status_reason");
        assert_eq!(reason.is_empty(), status == "evaluating", "{reason}");
    }
    assert_eq!(house.told(FAILED).await, [1, 2]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_too_early_and_two_officers_open_where_the_agency_or_the_value_asks_for_two() {
    let house = house(1).await;
    let House { app, office, .. } = &house;
    app.policy(office.agency, "opening.mode", "two_officers", "word").await;
    let (officer, approver) = (&office.officer, &office.approver);
    let auditor = app.member(Some(office.agency), Role::Auditor, &[]).await;
    let outsider = app.member(Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    for second in [approver, &auditor] {
        let asked = house.asks(json!({})).await;
        let opening = at(&asked.request, "/opening");
        house.quotes(0, &asked).await;
        officer.act(&opening).await.expect_problem(409, "too_early");
        approver.act(&opening).await.expect_problem(409, "too_early");
        // The vendor that took part reads of it too.
        let early = house.vendor(0).get(&opening).await.expect(200);
        assert_eq!(said(&early, ["/status", "/attempts/1/outcome"]), ["open", "too_early"]);
        house.pass(&asked.deadline).await;
        outsider.act(&opening).await.expect_problem(422, "officer_not_suitable");
        let first = officer.act(&opening).await.expect(200);
        assert_eq!(said(&first, ["/status", "/quotes", "/opened_at"]), ["quotes_closed", "[]", ""]);
        officer.act(&opening).await.expect_problem(409, "pair_same_person");
        let opened = second.act(&opening).await.expect(200).body;
        let outcomes = ["too_early", "too_early", "first_of_two", "same_person", "opened"];
        assert_eq!(all(&opened, "/attempts", "outcome"), outcomes);
        let asking = [officer, approver, officer, officer, second].map(|who| json!(who.membership));
        assert_eq!(all(&opened, "/attempts", "membership_id"), asking);
        second.act(&opening).await.expect_problem(409, ILLEGAL);
    }
    let refused =
        "SELECT count(*) FROM audit WHERE action = 'request.opening_refused' AND actor_id IS NOT NULL";
    assert_eq!(app.count(refused).await, 6);
    let rich = app.office_with("200000001", "200000001").await;
    app.policy(rich.agency, "approval.steps", r#"[{"up_to":null,"roles":[]}]"#, "json").await;
    let asked = rich.asks(rich.quotation(&house.pens[0], "40", json!({}))).await;
    assert_eq!(rich.show(&asked.request).await.text("/quotation/opening_mode"), "two_officers");
    house.app.finish().await;
}
