//! Asking for quotes: what an office asks, who may quote, what is handed in, and what becomes of it.
use crate::support::purchase::{Asked, NEEDED_ON, NO_CONTENT, Office, line, quoted, slot};
use crate::support::trade::{Vendor, organisation};
use crate::support::{Answer, Caller, TestApp, send};
use lokapasar::kernel::{MembershipId, Role};
use reqwest::Method;
use serde_json::{Value, json};

/// What the subjects of mails say.
const INVITED: &str = "Undangan memasukkan penawaran";
const OPPORTUNITY: &str = "terbuka bagi penyedia";
const ANSWERED: &str = "Jawaban atas pertanyaan";
const CONFIRM: &str = "Tegaskan penawaran";
const OPENED: &str = "sudah dibuka";
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

async fn read(who: &Caller, path: &str) -> Value {
    who.get(path).await.expect(200).body
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

/// A refusal with exactly these faults.
#[track_caller]
fn faulty(answer: Answer, expected: &[(&str, &str)]) {
    let found = answer.expect_problem(422, "invalid_input").faults();
    let found: Vec<_> = found.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
    assert_eq!(found, expected);
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

    /// A draft by invitation of some vendors.
    async fn inviting(&self, vendors: &[usize]) -> String {
        let request = self.draft(json!({ "invitation": "invited" })).await;
        self.invite(&request, vendors).await.expect(200);
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
    async fn writes(&self, vendor: usize, asked: &Asked, price: &str) -> String {
        let line = |line: &String| quoted(line, &self.pens[vendor], price);
        let lines: Vec<_> = asked.lines.iter().map(line).collect();
        let body = json!({ "lines": lines, "shipping_fee": "25000", "lead_time_days": 3 });
        self.vendor(vendor).post(&at(&asked.request, "/quotes"), body).await.expect(201).id()
    }

    async fn quotes(&self, vendor: usize, asked: &Asked, price: &str) -> String {
        self.vendors[vendor].quotes(asked, &self.pens[vendor], price, "25000").await
    }

    /// What a vendor handed in last.
    async fn sent(&self, vendor: usize, quote: &str) -> Value {
        serde_json::from_str(&self.vendor(vendor).get(&of(quote)).await.text("/sent/text")).unwrap()
    }

    async fn addendum(&self, request: &str, deadline: Option<&str>) -> Answer {
        let body = json!({ "text": "Warna tutup boleh hitam", "quote_deadline": deadline });
        self.office.officer.post(&at(request, "/addenda"), body).await
    }

    async fn page(&self, request: &str) -> Answer {
        self.app.anonymous().get(&format!("{PUBLIC}/{request}")).await
    }

    async fn minutes(&self, request: &str) -> Answer {
        self.office.officer.get(&at(request, "/opening")).await.expect(200)
    }

    async fn status(&self, request: &str) -> String {
        self.office.show(request).await.text("/status")
    }

    /// The clock passes a deadline, and a worker sees it.
    async fn pass(&self, deadline: &str) {
        self.app.set_clock(deadline).await;
        self.app.work().await;
    }

    /// What of the office's package is reserved, and what is left.
    async fn held(&self) -> [String; 2] {
        let path = format!("/api/v1/packages/{}", self.office.package);
        said(&self.office.officer.get(&path).await.expect(200), ["/reserved", "/available"])
    }

    /// How many mails with these words in their subject were sent to somebody.
    async fn told(&self, who: &Caller, words: &str) -> usize {
        self.app.told(&who.contact).await.iter().filter(|mail| mail.subject.contains(words)).count()
    }

    /// The same for every vendor.
    async fn all_told(&self, words: &str) -> Vec<usize> {
        let mut counts = Vec::new();
        for vendor in &self.vendors {
            counts.push(self.told(&vendor.owner, words).await);
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
    let guest = app.anonymous();
    assert_eq!(all(&read(&guest, PUBLIC).await, "/items", "request_id"), [json!(request)]);
    let offers = [
        ["12000.00", "45000.00", "25000.00"],
        ["11900.50", "47000.00", "0.00"],
        ["12500.00", "44000.00", "30000.00"],
    ];
    let (mut quotes, mut commitments) = (Vec::new(), Vec::new());
    for (number, [pen, bag, fee]) in offers.iter().enumerate() {
        let (who, own) = (house.vendor(number), &pens[number]);
        let begun = who.post(&at(&request, "/quotes"), json!({ "lead_time_days": 3 })).await.expect(201);
        assert_eq!(said(&begun, ["/status", "/commitment"]), ["draft", ""]);
        let lines = [quoted(&asked.lines[0], own, pen), quoted(&asked.lines[1], own, bag)];
        let written = json!({ "lines": lines, "shipping_fee": fee });
        who.change(&of(&begun.id()), written).await.expect(200);
        let receipt = act(who, &begun.id(), "submit").await.expect(200);
        let told = said(&receipt, ["/submission", "/quote/status", "/quote_deadline"]);
        assert_eq!(told, ["1", "submitted", &asked.deadline]);
        let proof = said(&receipt, ["/commitment", "/salt"]);
        assert!(proof.iter().all(|bytes| bytes.len() == 64), "{proof:?}");
        let kept = who.get(&of(&begun.id())).await.expect(200);
        assert_eq!(said(&kept, ["/commitment", "/sent/salt"]), proof);
        let sent = house.sent(number, &begun.id()).await;
        assert_eq!(all(&sent, "/lines", "unit_price"), [*pen, *bag]);
        assert_eq!((&sent["shipping_fee"], &sent["lead_time_days"]), (&json!(fee), &json!(3)));
        commitments.push(receipt.text("/commitment"));
        quotes.push(begun.id());
    }
    let page = house.page(&request).await.expect(200);
    assert_eq!(page.body["commitments"], json!(commitments));
    let public = said(&page, ["/quotes_received", "/estimate_total", "/status"]);
    assert_eq!(public, ["3", "3000000.00", "open"]);
    let sealed = read(&office.officer, &at(&request, "/quotes")).await;
    assert_eq!(all(&sealed, "/items", "commitment"), commitments);
    for hidden in ["id", "vendor_id", "vendor_name", "submission"] {
        assert!(all(&sealed, "/items", hidden).iter().all(Value::is_null), "{hidden}");
    }
    office.officer.get(&of(&quotes[0])).await.expect_problem(404, "not_found");
    assert_eq!(said(&house.minutes(&request).await, ["/quotes", "/attempts"]), ["[]", "[]"]);
    app.set_clock(&asked.deadline).await;
    // All this is so by the clock, before any worker says it.
    assert_eq!(house.page(&request).await.expect(200).text("/status"), "quotes_closed");
    let closed = read(&office.officer, "/api/v1/requests?status=quotes_closed").await;
    assert_eq!(all(&closed, "/items", "status"), ["quotes_closed"]);
    assert_eq!(read(&guest, PUBLIC).await["items"], json!([]));
    let late = house.vendor(0).change(&of(&quotes[0]), json!({ "lead_time_days": 2 })).await;
    late.expect_problem(409, "deadline_passed");
    act(house.vendor(0), &quotes[0], "withdraw").await.expect_problem(409, "deadline_passed");
    app.work().await;
    let minutes = house.minutes(&request).await;
    assert_eq!(said(&minutes, ["/mode", "/status"]), ["automatic_at_deadline", "evaluating"]);
    assert_eq!(all(&minutes.body, "/attempts", "outcome"), ["opened"]);
    assert_eq!(all(&minutes.body, "/attempts", "membership_id"), [Value::Null]);
    assert_eq!(all(&minutes.body, "/quotes", "status"), ["opened", "opened", "opened"]);
    let ids: Vec<_> = vendors.iter().map(|vendor| vendor.id.to_string()).collect();
    assert_eq!(all(&minutes.body, "/quotes", "vendor_id"), ids);
    for (number, [pen, bag, fee]) in offers.iter().enumerate() {
        let opened = office.officer.get(&of(&quotes[number])).await.expect(200);
        assert_eq!(all(&opened.body, "/opened/lines", "unit_price"), [*pen, *bag]);
        assert_eq!(said(&opened, ["/opened/shipping_fee", "/fields", "/sent"]), [*fee, "", ""]);
        // A vendor reads who took part, and the salt of its own quote alone.
        let seen = read(house.vendor(number), &at(&request, "/opening")).await;
        assert_eq!(all(&seen, "/quotes", "commitment"), commitments);
        let salts = all(&seen, "/quotes", "salt");
        assert!((0..3).all(|other| salts[other].is_null() == (other != number)), "{salts:?}");
    }
    for words in [INVITED, "sudah diterima", OPENED] {
        assert_eq!(house.all_told(words).await, [1, 1, 1], "{words}");
    }
    for who in [&office.officer, &office.approver] {
        assert_eq!(house.told(who, OPENED).await, 1, "{}", who.contact);
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_filled_from_a_product_or_said_in_words() {
    let house = house(1).await;
    let (pen, deliveries) = (&house.pens[0], json!([slot(NEEDED_ON, "1")]));
    let plain = json!({ "putih": true, "gram": 80, "merek": "bebas" });
    let lines = json!([
        { "product_id": pen, "quantity": "1", "slots": deliveries },
        { "product_id": pen, "name": "Pulpen apa pun", "unit": "XBX", "quantity": "1", "slots": deliveries },
        { "name": "Kertas", "category_code": "01.02.01", "attributes": plain, "quantity": "1", "slots": deliveries },
    ]);
    let request = house.draft(json!({ "lines": lines })).await;
    let shown = read(&house.office.officer, &at(&request, "")).await["quotation"].clone();
    let name = house.vendor(0).get(&format!("/api/v1/products/{pen}")).await.expect(200).text("/name");
    assert_eq!(all(&shown, "/lines", "name"), [name.as_str(), "Pulpen apa pun", "Kertas"]);
    assert_eq!(all(&shown, "/lines", "category_code"), ["01.01.01", "01.01.01", "01.02.01"]);
    // A ream is what the category counts paper by.
    assert_eq!(all(&shown, "/lines", "unit"), ["H87", "XBX", "RM"]);
    assert_eq!(all(&shown, "/lines", "product_id"), [json!(pen), json!(pen), Value::Null]);
    assert_eq!(shown["lines"][2]["attributes"], plain);
    let renamed = house.change(&request, json!({ "title": "Alat tulis lain" })).await.expect(200);
    assert_eq!(renamed.body["quotation"], shown);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_what_is_asked_for_is_told_all_at_once() {
    let house = house(1).await;
    let request = house.draft(json!({})).await;
    let mut nowhere = slot(NEEDED_ON, "0");
    nowhere["region_code"] = json!("99.99.99");
    nowhere["time_to"] = json!("08:00");
    let criterion = |code: &str, weight: &str| json!({ "code": code, "name": "Mutu", "weight": weight });
    let change =
        async |changes: Value| house.change(&request, json!({ "quotation": house.pens(changes) })).await;
    let wrong = json!({ "evaluation": "weighted", "criteria": [criterion("mutu", "60"), criterion("mutu", "30")], "lines": [
        { "name": "Tas", "category_code": "99.99.99", "unit": "ZZZ", "attributes": { "ukuran": [1, 2] }, "quantity": "0", "slots": [nowhere] },
        { "product_id": NOBODY, "quantity": "1", "slots": [slot(NEEDED_ON, "1")] },
        { "quantity": "1", "slots": [slot(NEEDED_ON, "1")] },
    ] });
    let expected = [
        ("#/quotation/criteria/1/code", "duplicate_item"),
        ("#/quotation/criteria", "weights_not_whole"),
        ("#/quotation/lines/0/attributes", "value_not_allowed"),
        ("#/quotation/lines/0/category_code", "category_not_leaf"),
        ("#/quotation/lines/0/unit", "unknown_reference"),
        ("#/quotation/lines/0/quantity", "out_of_range"),
        ("#/quotation/lines/0/slots/0/region_code", "unknown_reference"),
        ("#/quotation/lines/0/slots/0/time_to", "validity_invalid"),
        ("#/quotation/lines/0/slots/0/quantity", "out_of_range"),
        ("#/quotation/lines/1/product_id", "unknown_reference"),
        ("#/quotation/lines/2/name", "required"),
        ("#/quotation/lines/2/category_code", "required"),
        ("#/quotation/lines/2/unit", "unknown_reference"),
    ];
    faulty(change(wrong).await, &expected);
    let unweighed = json!({ "criteria": [criterion("mutu", "100")] });
    faulty(change(unweighed).await, &[("#/quotation/criteria", "value_not_allowed")]);
    let criteria = [criterion("mutu", "60"), criterion("waktu", "40")];
    change(json!({ "evaluation": "weighted", "criteria": criteria })).await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_forbids_is_named_when_the_request_is_submitted() {
    let house = house(2).await;
    let House { app, office, pens, .. } = &house;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let pen = |day: &str, part: &str| json!([{ "product_id": pens[0], "quantity": "40", "slots": [slot(day, part)] }]);
    for (changes, place, code) in [
        (json!({ "window_days": 2 }), "/window_days", "out_of_range"),
        (json!({ "window_days": 31 }), "/window_days", "out_of_range"),
        (json!({ "invitation": "invited" }), "/invitation", "too_few_invited"),
        (json!({ "lines": pen(NEEDED_ON, "39") }), "/lines/0/slots", "quantity_mismatch"),
        (json!({ "lines": pen("2035-06-30", "40") }), "/lines/0/slots", "needed_too_soon"),
    ] {
        let request = house.draft(changes).await;
        faulty(office.submit(&request).await, &[(&format!("#/quotation{place}"), code)]);
    }
    let (kind, none) = ("#/quotation/lines/0/category_code", "value_not_allowed");
    let direct = [line(&pens[0], "1")];
    for (changes, expected) in [
        (json!({ "lines": direct }), ("#/lines", none)),
        (json!({ "method": "direct", "lines": direct }), ("#/quotation", none)),
        (json!({ "quotation": null }), ("#/quotation", "quotation_missing")),
        (json!({ "procurement_kind": "other_services" }), (kind, "procurement_kind_mismatch")),
    ] {
        let request = house.draft(json!({})).await;
        house.change(&request, changes).await.expect(200);
        faulty(office.submit(&request).await, &[expected]);
    }
    // Quotes are taken to the end of Tuesday 28. Who needs it on Thursday has it prepared on Wednesday 29.
    let request = house.draft(json!({})).await;
    let needed = async |day: &str| {
        let changes =
            json!({ "needed_on": day, "quotation": house.pens(json!({ "lines": pen(day, "40") })) });
        house.change(&request, changes).await.expect(200);
        office.submit(&request).await
    };
    faulty(needed("2027-12-30").await, &[("#/needed_on", "needed_too_soon")]);
    needed("2027-12-31").await.expect(200);
    let request = house.inviting(&[0, 1]).await;
    house.joins(&office.officer, 1).await;
    faulty(office.submit(&request).await, &[("#/quotation/invitation", OWN)]);
    house.invite(&request, &[1]).await.expect_problem(409, OWN);
    let poor = app.office_with("5000000", "4000000").await;
    let request = poor.draft_quotation(poor.quotation(&pens[0], "40", json!({}))).await;
    let (package, budget) =
        (("#/package_id", "package_ceiling_exceeded"), ("#/budget_line_id", "budget_exceeded"));
    for (total, expected) in [("5000001", vec![package, budget]), ("4000001", vec![budget])] {
        estimate(&poor, &request, json!({ "total": total })).await.expect(200);
        faulty(poor.submit(&request).await, &expected);
    }
    app.policy(office.agency, "owner_estimate.required_online", "true", "flag").await;
    faulty(office.submit(&house.draft(json!({})).await).await, &[("#/owner_estimate", "required")]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_estimate_is_held_from_submission_on_and_its_breakdown_told_to_nobody() {
    /// A price that nothing else here has.
    const PLANTED: &str = "71930.55";
    let house = house(2).await;
    let (office, officer) = (&house.office, &house.office.officer);
    let (none, held) = (["0.00", "150000000.00"], ["3000000.00", "147000000.00"]);
    let mut told = Vec::new();
    for (public, verb) in [(true, "fail"), (false, "cancel")] {
        let request = house.draft(json!({})).await;
        let total = |line: &str| json!({ "total": "3000000", "public": public, "breakdown": [{ "line_id": line, "unit_price": PLANTED }] });
        let unknown = estimate(office, &request, total(NOBODY)).await;
        faulty(unknown, &[("#/breakdown/0/line_id", "unknown_reference")]);
        let nothing = estimate(office, &request, json!({ "total": "0" })).await;
        faulty(nothing, &[("#/total", "out_of_range")]);
        let line = office.show(&request).await.text("/quotation/lines/0/id");
        told.push(estimate(office, &request, total(&line)).await.expect(200));
        assert_eq!(house.held().await, none);
        house.open(&request).await;
        assert_eq!(house.held().await, held);
        let page = house.page(&request).await.expect(200);
        assert_eq!(page.text("/estimate_total"), if public { "3000000.00" } else { "" });
        let shown = office.approver.get(&at(&request, "")).await.expect(200);
        assert_eq!(shown.text("/quotation/estimate_total"), "3000000.00");
        let checked =
            officer.post("/api/v1/policy-checks", json!({ "request_id": request })).await.expect(200);
        told.extend([page, shown, checked, office.turn(officer, &request, verb).await.expect(200)]);
        assert_eq!(house.held().await, none);
    }
    assert!(told.iter().all(|answer| !String::from_utf8_lossy(&answer.bytes).contains(PLANTED)));
    house.app.work().await;
    let everything = "SELECT string_agg(query_to_xml(format('SELECT t::text FROM %I AS t', tablename), true, true, '')::text, '')
         FROM pg_tables WHERE schemaname = 'public'";
    let everything = house.app.sql(everything).await[0][0].clone().unwrap();
    assert!(everything.contains("3000000.00"), "what is no secret is there to be read");
    assert!(!everything.contains(PLANTED) && !everything.contains(&hex::encode(PLANTED)));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_what_is_asked_for_who_is_invited_and_the_estimate() {
    let house = house(3).await;
    let (office, approve) = (&house.office, "/actions/approve");
    let request = house.inviting(&[0, 1]).await;
    let other = || json!({ "quotation": house.pens(json!({ "invitation": "invited", "window_days": 5 })) });
    let total = || json!({ "total": "3000000" });
    let unchanged = async || {
        house.invite(&request, &[2]).await.expect_problem(409, ILLEGAL);
        house.change(&request, other()).await.expect_problem(409, ILLEGAL);
        estimate(office, &request, total()).await.expect_problem(409, ILLEGAL);
    };
    let mut former = vec![NO_CONTENT.to_owned()];
    for step in 0..4 {
        match step {
            0 => {}
            1 => drop(house.invite(&request, &[2]).await.expect(200)),
            2 => drop(house.change(&request, other()).await.expect(200)),
            _ => drop(estimate(office, &request, total()).await.expect(200)),
        }
        let submitted = office.submit(&request).await.expect(200);
        assert_eq!(submitted.text("/approval_roles"), r#"["commitment_officer"]"#);
        unchanged().await;
        let hash = submitted.text("/content_hash");
        for stale in &former {
            let stale = json!({ "content_hash": stale });
            office.approver.post(&at(&request, approve), stale).await.expect_problem(409, "content_changed");
        }
        assert!(!former.contains(&hash));
        former.push(hash);
        office.officer.act(&at(&request, "/actions/open")).await.expect_problem(409, ILLEGAL);
        if step < 3 {
            office.officer.act(&at(&request, "/actions/withdraw")).await.expect(200);
        }
    }
    let approved = office.approve(&request).await.expect(200);
    assert_eq!((approved.text("/status").as_str(), office.orders(&request).await.len()), ("approved", 0));
    unchanged().await;
    assert!(office.show(&request).await.may("open"));
    // Up to a million nobody has to approve.
    let small = house.draft(json!({})).await;
    estimate(office, &small, json!({ "total": "1000000" })).await.expect(200);
    assert_eq!(office.submit(&small).await.expect(200).text("/status"), "approved");
    assert_eq!(house.held().await[0], "4000000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_verified_vendors_that_are_invited_quote_and_ask_where_quotes_are_by_invitation() {
    let house = house(3).await;
    let asked = house.open(&house.inviting(&[0, 1]).await).await;
    let stranger = house.vendor(2);
    let refused = async |code: &str| {
        let question = json!({ "question": "Apakah merek setara diterima?" });
        stranger.post(&at(&asked.request, "/quotes"), json!({})).await.expect_problem(409, code);
        stranger.post(&at(&asked.request, "/questions"), question).await.expect_problem(409, code);
    };
    refused("not_invited").await;
    assert_eq!(house.all_told(INVITED).await, [1, 1, 0]);
    house.invite(&asked.request, &[2, 0]).await.expect(200);
    assert_eq!(house.all_told(INVITED).await, [1, 1, 1]);
    let written = house.writes(2, &asked, "12000").await;
    house.app.suspend(&house.vendors[2]).await;
    act(stranger, &written, "submit").await.expect_problem(409, "vendor_not_verified");
    refused("vendor_not_verified").await;
    let invited = json!({ "vendor_ids": [NOBODY, house.vendors[2].id] });
    let invited = house.office.officer.post(&at(&asked.request, "/invitations"), invited).await;
    faulty(invited, &[("#/vendor_ids/0", "unknown_reference"), ("#/vendor_ids/1", "vendor_not_verified")]);
    house.quotes(0, &asked, "12000").await;
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_open_to_all_is_quoted_by_vendors_that_serve_the_place() {
    let mut house = house(1).await;
    for (region, terms) in [("33.74", "included"), ("33.22", "on_quote")] {
        let regions = json!({ "regions": [{ "region_code": region, "shipping_terms": terms }] });
        let vendor = house.app.vendor_with(regions).await;
        house.pens.push(house.app.made(&vendor, "12500.00").await);
        house.vendors.push(vendor);
    }
    let asked = house.asks(json!({})).await;
    assert_eq!(house.all_told(OPPORTUNITY).await[1..], [1, 0]);
    // Who names no region serves the own one.
    for near in [0, 1] {
        house.quotes(near, &asked, "12000").await;
    }
    let far = house.writes(2, &asked, "12000").await;
    faulty(act(house.vendor(2), &far, "submit").await, &[("#/lines/0/line_id", "region_not_served")]);
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
    let deputy = head.post("/api/v1/deputies", letter).await.expect(201).id();
    let deputy = deputy.parse().map(MembershipId).expect("an id");
    let deputy = app.log_in(receiver.user.unwrap(), &receiver.contact, Some(deputy)).await;
    let asked = house.asks(json!({})).await;
    let text = json!({ "text": "Warna tutup boleh hitam" });
    deputy.post(&at(&asked.request, "/addenda"), text).await.expect(200);
    let written = house.writes(0, &asked, "12000").await;
    for (number, person) in [&office.officer, &deputy, &office.approver].into_iter().enumerate() {
        house.joins(person, number).await;
        let (vendor, question) = (house.vendor(number), json!({ "question": "Apakah merek bebas?" }));
        vendor.post(&at(&asked.request, "/quotes"), json!({})).await.expect_problem(409, OWN);
        vendor.post(&at(&asked.request, "/questions"), question).await.expect_problem(409, OWN);
    }
    act(house.vendor(0), &written, "submit").await.expect_problem(409, OWN);
    let elsewhere = app.office().await;
    let other = elsewhere.asks(elsewhere.quotation(&house.pens[0], "4", json!({}))).await;
    house.quotes(0, &other, "12000").await;
    // Who joins a vendor that has quoted does not open its quote.
    house.quotes(3, &asked, "12000").await;
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
    let incomplete = ("#/lines", "quote_incomplete");
    let missing = [incomplete, ("#/shipping_fee", "required"), ("#/lead_time_days", "required")];
    faulty(act(who, &quote, "submit").await, &missing);
    let (first, foreign) = (&asked.lines[0], &house.pens[1]);
    let lines = [quoted(first, own, "0"), quoted(first, foreign, "12000"), quoted(NOBODY, own, "12000")];
    let free = |lines: &[Value]| json!({ "lines": lines, "shipping_fee": "0", "lead_time_days": 0 });
    who.change(&of(&quote), free(&lines)).await.expect(200);
    let expected = [
        ("#/lines/0/unit_price", "out_of_range"),
        ("#/lines/1/line_id", "duplicate_item"),
        ("#/lines/1/product_id", "unknown_reference"),
        ("#/lines/2/line_id", "unknown_reference"),
        incomplete,
    ];
    faulty(act(who, &quote, "submit").await, &expected);
    let part = |asked: &Asked| free(&[quoted(&asked.lines[1], own, "12000")]);
    who.change(&of(&quote), part(&asked)).await.expect(200);
    faulty(act(who, &quote, "submit").await, &[incomplete]);
    who.post(&at(&asked.request, "/quotes"), part(&asked)).await.expect_problem(409, "quote_exists");
    // Line by line a part is a quote; nothing is none.
    let itemised = house.asks(json!({ "lines": [pen, pen], "award": "itemised" })).await;
    let quote = who.post(&at(&itemised.request, "/quotes"), free(&[])).await.expect(201).id();
    faulty(act(who, &quote, "submit").await, &[incomplete]);
    who.change(&of(&quote), part(&itemised)).await.expect(200);
    act(who, &quote, "submit").await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_replaced_taken_back_and_handed_in_again_and_bound_anew_each_time() {
    let house = house(1).await;
    let who = house.vendor(0);
    let asked = house.asks(json!({})).await;
    let quote = house.writes(0, &asked, "12000.00").await;
    let refused = async |verbs: &[&str]| {
        for verb in verbs {
            assert!(!who.get(&of(&quote)).await.expect(200).may(verb), "{verb}");
            act(who, &quote, verb).await.expect_problem(409, ILLEGAL);
        }
    };
    let write = async |price: &str| {
        let lines = json!({ "lines": [quoted(&asked.lines[0], &house.pens[0], price)] });
        assert_eq!(
            who.change(&of(&quote), lines).await.expect(200).text("/fields/lines/0/unit_price"),
            price
        );
    };
    // The price that was handed in, and what everybody reads of it.
    let bound = async || {
        let page = house.page(&asked.request).await.expect(200);
        (house.sent(0, &quote).await["lines"][0]["unit_price"].clone(), page.body["commitments"].clone())
    };
    refused(&["replace", "withdraw"]).await;
    let first = act(who, &quote, "submit").await.expect(200).text("/commitment");
    refused(&["submit"]).await;
    // What is written counts once it takes the place of what was handed in.
    write("11000.00").await;
    assert_eq!(bound().await, (json!("12000.00"), json!([first])));
    let second = act(who, &quote, "replace").await.expect(200);
    assert_eq!(second.text("/submission"), "2");
    assert_eq!(bound().await, (json!("11000.00"), json!([second.text("/commitment")])));
    assert_ne!(second.text("/commitment"), first);
    act(who, &quote, "confirm").await.expect_problem(409, "nothing_to_confirm");
    assert_eq!(act(who, &quote, "withdraw").await.expect(200).text("/status"), "withdrawn");
    assert_eq!(house.told(who, "ditarik").await, 1);
    assert_eq!(bound().await.1, json!([]));
    who.get(&at(&asked.request, "/opening")).await.expect_problem(404, "not_found");
    refused(&["replace", "withdraw"]).await;
    write("10500.00").await;
    assert_eq!(act(who, &quote, "submit").await.expect(200).text("/submission"), "3");
    write("9000.00").await;
    house.pass(&asked.deadline).await;
    let opened = house.office.officer.get(&of(&quote)).await.expect(200);
    assert_eq!(said(&opened, ["/opened/lines/0/unit_price", "/opened/submission"]), ["10500.00", "3"]);
    let ends = house.app.sql("SELECT end_reason FROM quote_submissions ORDER BY number").await;
    assert_eq!(ends, [[Some("replaced".to_owned())], [Some("withdrawn".to_owned())], [None]]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_the_same_when_it_is_asked_for_again_and_a_rehearsal_takes_no_number() {
    let house = house(1).await;
    let who = house.vendor(0);
    let asked = house.asks(json!({})).await;
    let quote = house.writes(0, &asked, "12000").await;
    let submit = format!("{}/actions/submit", of(&quote));
    let before = who.get(&of(&quote)).await.expect(200).etag();
    let rehearsed = who.act(&format!("{submit}?dry_run=true")).await.expect(200);
    assert_eq!(said(&rehearsed, ["/submission", "/quote/status"]), ["1", "submitted"]);
    assert_eq!(who.get(&of(&quote)).await.expect(200).etag(), before);
    assert_eq!(house.page(&asked.request).await.expect(200).text("/quotes_received"), "0");
    who.change(&of(&quote), json!({ "lead_time_days": 2 })).await.expect(200);
    let keyed = || who.request(Method::POST, &submit).header("Idempotency-Key", "penawaran-1");
    send(keyed().header("If-Match", &before)).await.expect_problem(412, "version_stale");
    let receipt = send(keyed()).await.expect(200);
    assert_eq!(receipt.text("/submission"), "1");
    assert_ne!(receipt.text("/salt"), rehearsed.text("/salt"));
    let again = send(keyed()).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.bytes, receipt.bytes);
    assert_eq!(house.app.count("SELECT count(*) FROM quote_submissions").await, 1);
    send(who.request(Method::POST, &submit)).await.expect_problem(400, "idempotency_key_missing");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_for_everybody_and_nobody_learns_who_asked() {
    let house = house(3).await;
    let (app, officer) = (&house.app, &house.office.officer);
    let asked = house.asks(json!({})).await;
    house.quotes(1, &asked, "12000").await;
    let path = at(&asked.request, "/questions");
    let ask = async |vendor: usize| {
        house.vendor(vendor).post(&path, json!({ "question": "Apakah merek setara diterima?" })).await
    };
    let answer = async |who: &Caller, question: &str| {
        who.post(&format!("{path}/{question}/actions/answer"), json!({ "answer": "Ya, diterima" })).await
    };
    let question = ask(0).await.expect(201).id();
    assert_eq!(house.told(officer, "Pertanyaan").await, 1);
    assert_eq!(all(&read(officer, &path).await, "/items", "answer"), [Value::Null]);
    assert_eq!(house.page(&asked.request).await.expect(200).text("/questions"), "[]");
    let unit = [house.office.unit];
    let colleague = app.member(Some(house.office.agency), Role::ProcurementOfficer, &unit).await;
    answer(&colleague, &question).await.expect_problem(422, "officer_not_suitable");
    answer(officer, &question).await.expect(200);
    answer(officer, &question).await.expect_problem(409, ILLEGAL);
    assert_eq!(house.all_told(ANSWERED).await, [1, 1, 0]);
    let mut seen = vec![house.page(&asked.request).await.expect(200).body];
    assert_eq!(all(&seen[0], "/questions", "answer"), ["Ya, diterima"]);
    for place in ["", "/questions", "/quotes", "/opening"] {
        seen.push(read(officer, &at(&asked.request, place)).await);
    }
    for place in ["/quotes", "/opening"] {
        seen.push(read(house.vendor(1), &at(&asked.request, place)).await);
    }
    let asker = house.vendors[0].id.to_string();
    assert!(seen.iter().all(|body| !body.to_string().contains(&asker)));
    for _ in 1..20 {
        ask(0).await.expect(201);
    }
    ask(0).await.expect_problem(409, "too_many_questions");
    let last = ask(1).await.expect(201).id();
    app.set_clock(&asked.deadline).await;
    ask(1).await.expect_problem(409, "deadline_passed");
    answer(officer, &last).await.expect_problem(409, "deadline_passed");
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
        quotes.push(house.quotes(vendor, &asked, "12000").await);
    }
    quotes.push(house.writes(3, &asked, "12000").await);
    let (earlier, later) = ("2027-12-28T16:59:59Z", "2027-12-30T17:00:00Z");
    for (deadline, code) in [(earlier, "deadline_not_later"), ("2036-01-01T00:00:00Z", "needed_too_soon")] {
        let refused = house.addendum(&asked.request, Some(deadline)).await;
        faulty(refused, &[("#/quote_deadline", code)]);
    }
    for (number, deadline, expected) in [("1", None, asked.deadline.as_str()), ("2", Some(later), later)] {
        let told = house.addendum(&asked.request, deadline).await.expect(200);
        assert_eq!(said(&told, ["/quotation/addenda", "/quotation/quote_deadline"]), [number, expected]);
    }
    assert_eq!(all(&house.page(&asked.request).await.expect(200).body, "/addenda", "number"), [1, 2]);
    assert_eq!(house.all_told(CONFIRM).await, [2, 2, 2, 0]);
    let turn = async |vendor: usize, verb: &str| act(house.vendor(vendor), &quotes[vendor], verb).await;
    let needed = async |vendor: usize| {
        house.vendor(vendor).get(&of(&quotes[vendor])).await.expect(200).text("/confirmation_needed")
    };
    house.pass(&asked.deadline).await;
    assert_eq!([needed(0).await, needed(3).await], ["true", "false"]);
    turn(0, "confirm").await.expect(200);
    turn(0, "confirm").await.expect_problem(409, "nothing_to_confirm");
    turn(1, "replace").await.expect(200);
    turn(3, "submit").await.expect(200);
    let left = [needed(0).await, needed(1).await, needed(2).await, needed(3).await];
    assert_eq!(left, ["false", "false", "true", "false"]);
    house.app.set_clock(later).await;
    turn(2, "confirm").await.expect_problem(409, "deadline_passed");
    house.addendum(&asked.request, None).await.expect_problem(409, "deadline_passed");
    house.app.work().await;
    let minutes = house.minutes(&asked.request).await;
    assert_eq!(said(&minutes, ["/status", "/addenda"]), ["evaluating", "2"]);
    // In the order of final submission.
    let order = [0, 2, 1, 3].map(|number: usize| quotes[number].clone());
    assert_eq!(all(&minutes.body, "/quotes", "quote_id"), order);
    assert_eq!(all(&minutes.body, "/quotes", "status"), ["opened", "unconfirmed", "opened", "opened"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_failed_or_was_cancelled_is_renewed_with_its_lines_and_invitations() {
    let house = house(2).await;
    let (office, officer) = (&house.office, &house.office.officer);
    let mut request = house.inviting(&[0, 1]).await;
    estimate(office, &request, json!({ "total": "3000000" })).await.expect(200);
    for (verb, ended, page) in [("fail", "failed", 200), ("cancel", "cancelled", 404)] {
        let asked = house.open(&request).await;
        let quote = house.quotes(0, &asked, "12000").await;
        house.addendum(&request, None).await.expect(200);
        let closed = office.turn(officer, &request, verb).await.expect(200);
        assert_eq!(
            said(&closed, ["/status", "/status_reason"]),
            [ended, "Spesifikasi belum sesuai kebutuhan"]
        );
        assert_eq!(house.page(&request).await.status, page);
        office.turn(officer, &request, verb).await.expect_problem(409, ILLEGAL);
        officer.act(&at(&request, "/opening")).await.expect_problem(409, ILLEGAL);
        // What was handed in stays sealed.
        officer.get(&of(&quote)).await.expect_problem(404, "not_found");
        assert!(!house.vendor(0).get(&of(&quote)).await.expect(200).may("replace"));
        assert_eq!(house.app.count("SELECT count(*) FROM opened_quotes").await, 0);
        let copy = officer.act(&at(&request, "/actions/renew")).await.expect(201);
        let linked = said(&copy, ["/renewed_from", "/method", "/status", "/lines"]);
        assert_eq!(linked, [request.as_str(), "quotation", "draft", "[]"]);
        let fresh = ["estimate_total", "estimate_set_at", "quote_deadline", "opening_mode"];
        assert!(fresh.iter().all(|member| copy.body["quotation"][member].is_null()), "{}", copy.body);
        assert_eq!(copy.text("/quotation/addenda"), "0");
        // The rest is as it was, under other ids.
        let kept = |of: &Answer| {
            let mut rest = of.body["quotation"].clone();
            let mut invited = rest["invited_vendor_ids"].as_array().unwrap().clone();
            invited.sort_by_key(Value::to_string);
            let line = rest["lines"][0]["id"].take();
            for changed in fresh.iter().chain(&["invited_vendor_ids", "addenda", "opened_for_quotes_at"]) {
                rest[changed].take();
            }
            (invited, rest, line)
        };
        let (before, after) = (kept(&closed), kept(&copy));
        assert_eq!((before.0.len(), &before.0, &before.1), (2, &after.0, &after.1));
        assert_ne!(before.2, after.2);
        request = copy.id();
    }
    // Nobody is told of what they did themselves, but of what failed.
    assert_eq!((house.told(officer, FAILED).await, house.all_told(FAILED).await), (1, vec![2, 2]));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_valid_quote_is_enough_and_none_makes_the_request_fail() {
    let house = house(1).await;
    let none = house.asks(json!({})).await;
    let (one, unconfirmed) = (house.asks(json!({})).await, house.asks(json!({})).await);
    house.quotes(0, &one, "12000").await;
    house.quotes(0, &unconfirmed, "12000").await;
    house.addendum(&unconfirmed.request, None).await.expect(200);
    house.pass(&none.deadline).await;
    let found: [(&Asked, &str, &[&str]); 3] = [
        (&none, "failed", &[]),
        (&one, "evaluating", &["opened"]),
        (&unconfirmed, "failed", &["unconfirmed"]),
    ];
    for (asked, status, quotes) in found {
        let minutes = house.minutes(&asked.request).await;
        assert_eq!(minutes.text("/status"), status);
        assert_eq!(all(&minutes.body, "/quotes", "status"), quotes);
        assert_eq!(all(&minutes.body, "/attempts", "outcome"), ["opened"]);
        let reason = house.office.show(&asked.request).await.text("/status_reason");
        assert_eq!(!reason.is_empty(), status == "failed", "{reason}");
    }
    let told = (house.told(&house.office.officer, FAILED).await, house.all_told(FAILED).await);
    assert_eq!(told, (2, vec![1]));
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_officers_open_where_the_agency_or_the_value_asks_for_two() {
    let house = house(1).await;
    let House { app, office, .. } = &house;
    app.policy(office.agency, "opening.mode", "two_officers", "word").await;
    let auditor = app.member(Some(office.agency), Role::Auditor, &[]).await;
    let outsider = app.member(Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    for second in [&office.approver, &auditor] {
        let asked = house.asks(json!({})).await;
        let opening = at(&asked.request, "/opening");
        house.quotes(0, &asked, "12000").await;
        house.pass(&asked.deadline).await;
        outsider.act(&opening).await.expect_problem(422, "officer_not_suitable");
        let first = office.officer.act(&opening).await.expect(200);
        assert_eq!(said(&first, ["/status", "/quotes", "/opened_at"]), ["quotes_closed", "[]", ""]);
        office.officer.act(&opening).await.expect_problem(409, "pair_same_person");
        assert_eq!(house.status(&asked.request).await, "quotes_closed");
        let opened = second.act(&opening).await.expect(200);
        assert_eq!(opened.text("/status"), "evaluating");
        assert_eq!(all(&opened.body, "/attempts", "outcome"), ["first_of_two", "same_person", "opened"]);
        let [own, other] = [&office.officer, second].map(|who| json!(who.membership));
        assert_eq!(all(&opened.body, "/attempts", "membership_id"), [own.clone(), own, other]);
        second.act(&opening).await.expect_problem(409, ILLEGAL);
    }
    let rich = app.office_with("200000001", "200000001").await;
    app.policy(rich.agency, "approval.steps", r#"[{"up_to":null,"roles":[]}]"#, "json").await;
    let asked = rich.asks(rich.quotation(&house.pens[0], "40", json!({}))).await;
    assert_eq!(rich.show(&asked.request).await.text("/quotation/opening_mode"), "two_officers");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_opening_too_early_is_refused_and_remembered() {
    let house = house(1).await;
    let House { app, office, .. } = &house;
    let asked = house.asks(json!({})).await;
    let opening = at(&asked.request, "/opening");
    house.quotes(0, &asked, "12000").await;
    for who in [&office.officer, &office.approver] {
        who.act(&opening).await.expect_problem(409, "too_early");
    }
    // The vendor that took part reads of it too.
    for who in [&office.officer, house.vendor(0)] {
        let minutes = read(who, &opening).await;
        assert_eq!(all(&minutes, "/attempts", "outcome"), ["too_early", "too_early"]);
        let asking = [&office.officer, &office.approver].map(|who| json!(who.membership));
        assert_eq!(all(&minutes, "/attempts", "membership_id"), asking);
    }
    let kept = "SELECT count(*) FROM audit WHERE action = 'request.opening_refused' AND actor_id IS NOT NULL";
    assert_eq!(app.count(kept).await, 2);
    assert_eq!(house.status(&asked.request).await, "open");
    app.set_clock(&asked.deadline).await;
    // Nobody has to wait for the worker.
    office.officer.act(&opening).await.expect(200);
    office.approver.act(&opening).await.expect_problem(409, ILLEGAL);
    app.work().await;
    let minutes = house.minutes(&asked.request).await.body;
    assert_eq!(all(&minutes, "/attempts", "outcome"), ["too_early", "too_early", "opened"]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_and_other_offices_find_neither_quotes_nor_minutes() {
    let house = house(3).await;
    let House { app, office, vendors, .. } = &house;
    let Asked { request, deadline, lines } = house.open(&house.inviting(&[0, 1]).await).await;
    let asked = Asked { request: request.clone(), deadline: deadline.clone(), lines };
    let (quote, _) = (house.quotes(0, &asked, "12000").await, house.quotes(1, &asked, "11000").await);
    let unit = app.another_unit(office.agency).await;
    let neighbour = app.member(Some(office.agency), Role::ProcurementOfficer, &[unit]).await;
    let elsewhere = app.office().await.officer;
    let places = [of(&quote), at(&request, "/quotes"), at(&request, "/opening")];
    for seen in [0, 2] {
        for who in [house.vendor(2), &elsewhere, &neighbour] {
            for place in &places {
                who.get(place).await.expect_problem(404, "not_found");
            }
        }
        for who in [&elsewhere, &neighbour] {
            who.get(&at(&request, "/questions")).await.expect_problem(404, "not_found");
            who.act(&places[2]).await.expect_problem(404, "not_found");
        }
        // Whoever took part reads the minutes, and the own quote alone.
        let rival = house.vendor(1);
        rival.get(&of(&quote)).await.expect_problem(404, "not_found");
        rival.patch(&of(&quote), "\"v2\"", json!({})).await.expect_problem(404, "not_found");
        for verb in ["submit", "replace", "confirm", "withdraw"] {
            act(rival, &quote, verb).await.expect_problem(404, "not_found");
        }
        assert_eq!(all(&read(rival, &places[1]).await, "/items", "vendor_id"), [json!(vendors[1].id)]);
        assert_eq!(all(&read(rival, &places[2]).await, "/quotes", "vendor_id").len(), seen);
        for role in [Role::Admin, Role::PlatformAuditor, Role::Helpdesk] {
            let who = app.member(None, role, &[]).await;
            for place in &places {
                who.get(place).await.expect_problem(403, "role_forbidden");
            }
        }
        app.anonymous().get(&of(&quote)).await.expect_problem(401, "authentication_required");
        house.pass(&deadline).await;
    }
    house.app.finish().await;
}
