//! Negotiated purchases: rounds between an office and each vendor of a basket, what they agree on, what is held.
use crate::support::purchase::{NEEDED_ON, Office, line, line_with, slot};
use crate::support::trade::{PENS, Vendor, organisation};
use crate::support::{Answer, Caller, TestApp, scaled};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use lokapasar::kernel::{MembershipId, Role};
use serde_json::{Value, json};

/// What the subjects of mails say of a negotiation that ended, and of one whose time has passed.
const FAILED: &str = "berakhir tanpa kesepakatan";
const LAPSED: &str = "kedaluwarsa";
const ROUNDS: &str = "/negotiation-rounds";

/// A request, or what lies below it.
fn at(request: &str, place: &str) -> String {
    format!("/api/v1/requests/{request}{place}")
}

/// The negotiations of a request that somebody sees.
async fn talks(who: &Caller, request: &str) -> Vec<Value> {
    who.get(&at(request, "/negotiations")).await.expect(200).items()
}

/// The only one.
async fn talk(who: &Caller, request: &str) -> Value {
    let mut seen = talks(who, request).await;
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

/// A proposal of a price for each line of a vendor, in the basket's order; `more` adds to it.
async fn proposal(who: &Caller, request: &str, prices: &[&str], fee: &str, more: Value) -> Value {
    let seen = talks(who, request).await;
    let meant = |talk: &&Value| more["vendor_id"].is_null() || talk["vendor_id"] == more["vendor_id"];
    let lines = seen.iter().find(meant).expect("a negotiation")["lines"].as_array().unwrap();
    let of_line = |(line, price): (&Value, &&str)| json!({ "line_id": line["line_id"], "unit_price": price });
    let unit_prices: Vec<Value> = lines.iter().zip(prices).map(of_line).collect();
    let mut body = json!({ "unit_prices": unit_prices, "shipping_fee": fee });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn propose_with(who: &Caller, request: &str, prices: &[&str], fee: &str, more: Value) -> Answer {
    let body = proposal(who, request, prices, fee, more).await;
    who.post(&at(request, ROUNDS), body).await
}

async fn propose(who: &Caller, request: &str, prices: &[&str], fee: &str) -> Answer {
    propose_with(who, request, prices, fee, json!({})).await
}

/// The round that a proposal made.
#[track_caller]
fn made(answer: Answer) -> String {
    let told = answer.expect(201);
    told.body["rounds"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

async fn accept(who: &Caller, request: &str, round: &str) -> Answer {
    who.act(&at(request, &format!("{ROUNDS}/{round}/actions/accept"))).await
}

async fn end(who: &Caller, request: &str) -> Answer {
    let reason = json!({ "reason": "Tidak ada jawaban atas usulan terakhir" });
    who.post(&at(request, "/actions/end-negotiation"), reason).await
}

/// A request whose vendors are asked to negotiate.
async fn negotiating(office: &Office, lines: Vec<Value>) -> String {
    let request = office.draft_with(lines, json!({ "method": "negotiated" })).await;
    assert_eq!(office.submit(&request).await.expect(200).text("/status"), "negotiating");
    request
}

/// The office proposes, and the only vendor accepts.
async fn agree(office: &Office, vendor: &Vendor, request: &str, prices: &[&str], fee: &str) {
    let round = made(propose(&office.officer, request, prices, fee).await);
    assert_eq!(accept(&vendor.owner, request, &round).await.expect(200).text("/request_status"), "agreed");
}

/// What was agreed is handed in, approved and ordered.
async fn ordered(office: &Office, request: &str) -> Vec<Value> {
    assert_eq!(office.submit(request).await.expect(200).text("/status"), "pending_approval");
    assert_eq!(office.approve(request).await.expect(200).text("/status"), "ordered");
    office.orders(request).await
}

/// A vendor with a hundred pens at Rp20,000, and an office with Rp150 million.
async fn house() -> (TestApp, Vendor, Office, String) {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    (app, vendor, office, pen)
}

/// The same, and a request for all the pens that is being negotiated.
async fn bargain() -> (TestApp, Vendor, Office, String) {
    let (app, vendor, office, pen) = house().await;
    let request = negotiating(&office, vec![line(&pen, "100")]).await;
    (app, vendor, office, request)
}

/// What of the office's package is reserved, and what is left.
async fn held(office: &Office) -> [String; 2] {
    let package = office.officer.get(&format!("/api/v1/packages/{}", office.package)).await.expect(200);
    ["/reserved", "/available"].map(|field| package.text(field))
}

fn totals(of: &Value) -> [&str; 4] {
    ["goods_total", "shipping_fee", "vat_total", "gross_total"].map(|field| of[field].as_str().unwrap())
}

/// Whether a verb is offered, and by which code it is not.
fn offered(talk: &Value, verb: &str) -> Value {
    let actions = talk["available_actions"].as_array().unwrap();
    let action = actions.iter().find(|action| action["verb"] == verb).expect("a verb of negotiations");
    json!([action["allowed"], action["code"]])
}

/// A refusal with exactly these faults.
#[track_caller]
fn faulty(answer: Answer, expected: &[(&str, &str)]) {
    let found = answer.expect_problem(422, "invalid_input").faults();
    let found: Vec<_> = found.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
    assert_eq!(found, expected);
}

/// How many mails with these words in their subject were sent to somebody.
async fn told(app: &TestApp, who: &Caller, words: &str) -> usize {
    app.told(&who.contact).await.iter().filter(|mail| mail.subject.contains(words)).count()
}

/// Both sides were told once, and nothing of stock or money is held any more.
async fn over(app: &TestApp, office: &Office, vendor: &Vendor, words: &str) {
    for who in [&office.officer, &vendor.owner] {
        assert_eq!(told(app, who, words).await, 1, "{}", who.contact);
    }
    let all = "SELECT ((SELECT sum(reserved) FROM stock) + (SELECT sum(reserved) FROM packages)
         + (SELECT sum(reserved) FROM budget_lines))::bigint";
    assert_eq!(app.count(all).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_round_by_round_is_approved_and_ordered() {
    let (app, vendor, office, request) = bargain().await;
    let list = held(&office).await;
    assert_eq!(list, ["2000000.00", "148000000.00"]);
    let begun = talk(&vendor.owner, &request).await;
    assert_eq!([&begun["lines"][0]["list_price"], &begun["gross_total"]], ["20000.00", "2000000.00"]);
    let first = propose(&vendor.owner, &request, &["19000"], "50000").await.expect(201);
    assert_eq!(totals(&first.body["rounds"][0]), ["1900000.00", "50000.00", "0.00", "1950000.00"]);
    assert_eq!(first.text("/rounds/0/proposed_by"), "vendor");
    assert_eq!(offered(&first.body, "accept"), json!([false, "illegal_transition"]));
    assert_eq!(offered(&talk(&office.officer, &request).await, "accept"), json!([true, null]));
    let terms = json!({ "lead_time_days": 3, "note": "Harga untuk seluruh jumlah" });
    let second = made(propose_with(&office.officer, &request, &["18000"], "25000", terms).await);
    assert_eq!(held(&office).await, list);
    let accepted = accept(&vendor.owner, &request, &second).await.expect(200);
    assert_eq!([accepted.text("/status"), accepted.text("/agreed_round")], ["agreed", "2"]);
    let agreed = ["1800000.00", "25000.00", "0.00", "1825000.00"];
    assert_eq!(held(&office).await, ["1825000.00", "148175000.00"]);
    let shown = office.show(&request).await;
    assert_eq!((shown.text("/status").as_str(), totals(&shown.body)), ("agreed", agreed));
    assert_eq!(shown.text("/lines/0/unit_price"), "18000.00");
    let terms = json!([{ "vendor_id": vendor.id, "round": 2, "shipping_fee": "25000.00", "lead_time_days": 3,
        "note": "Harga untuk seluruh jumlah" }]);
    assert_eq!(shown.body["agreed_terms"], terms);
    let orders = ordered(&office, &request).await;
    assert_eq!((orders.len(), totals(&orders[0])), (1, agreed));
    assert_eq!(orders[0]["lines"][0]["unit_price"], "18000.00");
    assert_eq!(totals(&office.show(&request).await.body), agreed);
    // Committed now, no more reserved.
    assert_eq!(held(&office).await, ["0.00", "148175000.00"]);
    vendor.accept(orders[0]["id"].as_str().unwrap()).await.expect(200);
    assert_eq!(told(&app, &vendor.owner, "Ajakan negosiasi harga").await, 1);
    for who in [&office.officer, &vendor.owner] {
        assert_eq!(told(&app, who, "Usulan baru").await, 1, "{}", who.contact);
        assert_eq!(told(&app, who, "Harga disepakati").await, 1, "{}", who.contact);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vat_is_in_or_on_a_negotiated_price_as_the_vendor_types_its_prices() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    for (basis, [price, fee], agreed) in [
        // 1,800,000 × 100/111 = 1,621,621.6; 178,378 are left, and 2,750 on the delivery.
        ("inclusive", ["18000", "25000"], ["1621622.00", "25000.00", "181128.00", "1827750.00"]),
        // 11 % of 1,850,050 is 203,505.5, and of 25,005 it is 2,750.55.
        ("exclusive", ["18500.50", "25005"], ["1850050.00", "25005.00", "206257.00", "2081312.00"]),
    ] {
        let fields = json!({ "availability": "made_to_order", "price_basis": format!("tax_{basis}") });
        let pen = app.goods(&vendor, PENS, "20000.00", fields).await;
        let office = app.office().await;
        let request = negotiating(&office, vec![line(&pen, "100")]).await;
        let proposed = propose(&vendor.owner, &request, &[price], fee).await.expect(201);
        assert_eq!(totals(&proposed.body["rounds"][0]), agreed, "{basis}");
        accept(&office.officer, &request, &made(proposed)).await.expect(200);
        assert_eq!(totals(&office.show(&request).await.body), agreed, "{basis}");
        assert_eq!(held(&office).await[0], agreed[3], "{basis}");
        assert_eq!(totals(&ordered(&office, &request).await[0]), agreed, "{basis}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_vendors_of_a_basket_negotiate_apart_and_unseen_by_each_other() {
    let (app, pens, office, pen) = house().await;
    let inks = app.vendor().await;
    let ink = app.made(&inks, "50000.00").await;
    let request = negotiating(&office, vec![line(&pen, "100"), line(&ink, "10")]).await;
    let both = talks(&office.officer, &request).await;
    let name = |of: &Vendor| {
        let own = both.iter().find(|talk| talk["vendor_id"] == of.id.to_string()).expect("one for each");
        own["vendor_name"].to_string()
    };
    let (of_pens, of_inks) = (name(&pens), name(&inks));
    // The office says whom it means, and a vendor means itself.
    faulty(propose(&office.officer, &request, &["1"], "0").await, &[("#/vendor_id", "required")]);
    let mut own = proposal(&pens.owner, &request, &["1"], "0", json!({})).await;
    own["vendor_id"] = json!(inks.id);
    faulty(pens.owner.post(&at(&request, ROUNDS), own).await, &[("#/vendor_id", "unknown_reference")]);
    let mut seen = vec![propose(&pens.owner, &request, &["19000"], "0").await.expect(201)];
    let with = |vendor: &Vendor| json!({ "vendor_id": vendor.id });
    let for_pens = made(propose_with(&office.officer, &request, &["18000"], "0", with(&pens)).await);
    let for_inks = made(propose_with(&office.officer, &request, &["45000"], "15000", with(&inks)).await);
    accept(&pens.owner, &request, &for_inks).await.expect_problem(404, "not_found");
    seen.push(accept(&pens.owner, &request, &for_pens).await.expect(200));
    assert_eq!(seen[1].text("/request_status"), "negotiating");
    assert_eq!(held(&office).await[0], "2500000.00");
    let theirs = vec![accept(&inks.owner, &request, &for_inks).await.expect(200)];
    assert_eq!(held(&office).await[0], "2265000.00");
    assert_eq!(totals(&office.show(&request).await.body), ["2250000.00", "15000.00", "0.00", "2265000.00"]);
    let orders = ordered(&office, &request).await;
    assert_eq!(orders.len(), 2);
    for (vendor, other, agreed, hidden, mut answers) in [
        (&pens, &inks, "1800000.00", [&of_inks[..], "\"50000.00\"", "\"45000.00\"", "\"15000.00\""], seen),
        (&inks, &pens, "465000.00", [&of_pens[..], "\"20000.00\"", "\"19000.00\"", "\"18000.00\""], theirs),
    ] {
        let own = orders.iter().find(|order| order["vendor_id"] == vendor.id.to_string()).unwrap();
        assert_eq!(totals(own)[3], agreed);
        answers.push(vendor.owner.get(&at(&request, "/negotiations")).await.expect(200));
        answers.push(vendor.owner.get("/api/v1/orders").await.expect(200));
        for answer in &answers {
            let text = String::from_utf8_lossy(&answer.bytes);
            assert!(text.contains(&vendor.id.to_string()) && !text.contains(&other.id.to_string()), "{text}");
            assert!(hidden.iter().all(|words| !text.contains(words)), "{text}");
        }
        vendor.owner.get(&at(&request, "")).await.expect_problem(403, "role_forbidden");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_by_quote_is_bought_by_negotiating_its_fee() {
    let app = TestApp::start().await;
    let regions = json!({ "regions": [{ "region_code": "33.22", "shipping_terms": "on_quote" }] });
    let vendor = app.vendor_with(regions).await;
    let pen = app.made(&vendor, "20000.00").await;
    let office = app.office().await;
    let mut far = slot(NEEDED_ON, "100");
    far["region_code"] = json!("33.22.01");
    let lines = || vec![line_with(&pen, "100", vec![far.clone()])];
    let direct = office.draft(lines()).await;
    faulty(office.submit(&direct).await, &[("#/lines/0/slots", "shipping_on_quote")]);
    let request = negotiating(&office, lines()).await;
    assert_eq!(office.show(&request).await.text("/gross_total"), "2000000.00");
    agree(&office, &vendor, &request, &["20000"], "75000").await;
    assert_eq!(totals(&ordered(&office, &request).await[0])[3], "2075000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_proposal_is_told_all_at_once() {
    let (app, vendor, office, pen) = house().await;
    let other = app.vendor().await;
    let mut products = vec![pen];
    for of in [&vendor, &vendor, &other] {
        products.push(app.made(of, "20000.00").await);
    }
    let request = negotiating(&office, products.iter().map(|product| line(product, "10")).collect()).await;
    let own = talk(&vendor.owner, &request).await["lines"].clone();
    let foreign = talk(&other.owner, &request).await["lines"][0].clone();
    let price = |line: &Value, price: &str| json!({ "line_id": line["line_id"], "unit_price": price });
    let wrong = json!({ "shipping_fee": "0", "expires_at": "2021-01-01T00:00:00Z", "unit_prices": [
        price(&own[0], "20000.01"), price(&own[0], "100"), price(&foreign, "100"), price(&own[1], "0"),
    ] });
    let faults = [
        ("#/unit_prices/0/unit_price", "price_above_list"),
        ("#/unit_prices/1/line_id", "duplicate_item"),
        ("#/unit_prices/2/line_id", "unknown_reference"),
        ("#/unit_prices/3/unit_price", "out_of_range"),
        ("#/unit_prices", "required"),
        ("#/expires_at", "out_of_range"),
    ];
    faulty(vendor.owner.post(&at(&request, ROUNDS), wrong).await, &faults);
    let late = json!({ "expires_at": "2035-06-29T00:00:00Z" });
    let late = propose_with(&vendor.owner, &request, &["100"; 3], "0", late).await;
    faulty(late, &[("#/expires_at", "out_of_range")]);
    assert_eq!(talk(&vendor.owner, &request).await["rounds"], json!([]));
    propose(&vendor.owner, &request, &["20000.00", "0.10", "19999.99"], "0").await.expect(201);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_latest_round_of_the_other_side_is_accepted() {
    let (app, vendor, office, request) = bargain().await;
    let first = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    accept(&vendor.owner, &request, &first).await.expect_problem(409, "illegal_transition");
    let second = made(propose(&office.officer, &request, &["18000"], "0").await);
    accept(&office.officer, &request, &second).await.expect_problem(409, "illegal_transition");
    for who in [&office.officer, &vendor.owner] {
        accept(who, &request, &first).await.expect_problem(409, "round_not_latest");
    }
    accept(&vendor.owner, &request, &office.package).await.expect_problem(404, "not_found");
    accept(&vendor.owner, &request, &second).await.expect(200);
    // What was agreed stays agreed.
    accept(&vendor.owner, &request, &second).await.expect_problem(409, "illegal_transition");
    propose(&vendor.owner, &request, &["20000"], "0").await.expect_problem(409, "illegal_transition");
    assert_eq!(office.show(&request).await.text("/gross_total"), "1800000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_lapsed_is_answered_by_another_one() {
    let (app, vendor, office, request) = bargain().await;
    let now = office.officer.get("/api/v1/sandbox/clock").await.expect(200).text("/now");
    let now: DateTime<Utc> = now.parse().unwrap();
    let short = json!({ "expires_at": now + TimeDelta::hours(1) });
    let round = made(propose_with(&office.officer, &request, &["18000"], "0", short).await);
    assert_eq!(offered(&talk(&vendor.owner, &request).await, "accept"), json!([true, null]));
    app.move_clock(1).await;
    assert_eq!(offered(&talk(&vendor.owner, &request).await, "accept"), json!([false, "round_expired"]));
    accept(&vendor.owner, &request, &round).await.expect_problem(409, "round_expired");
    let next = made(propose(&vendor.owner, &request, &["18500"], "0").await);
    accept(&office.officer, &request, &next).await.expect(200);
    assert_eq!(office.show(&request).await.text("/gross_total"), "1850000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_end_where_the_agency_limits_them() {
    let (app, vendor, office, request) = bargain().await;
    app.policy(office.agency, "negotiation.max_rounds", "2", "count").await;
    propose(&vendor.owner, &request, &["19500"], "0").await.expect(201);
    let last = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    for who in [&vendor.owner, &office.officer] {
        propose(who, &request, &["18000"], "0").await.expect_problem(409, "too_many_rounds");
    }
    accept(&office.officer, &request, &last).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_under_one_key_is_one_round_and_a_rehearsal_is_none() {
    let (app, vendor, office, request) = bargain().await;
    let path = at(&request, ROUNDS);
    let body = proposal(&vendor.owner, &request, &["19000"], "0", json!({})).await;
    let other = proposal(&vendor.owner, &request, &["18000"], "0", json!({})).await;
    vendor.owner.post(&format!("{path}?dry_run=true"), body.clone()).await.expect(201);
    assert_eq!(talk(&vendor.owner, &request).await["rounds"], json!([]));
    let first = vendor.owner.post_as(&path, "one-proposal", body.clone()).await.expect(201);
    let again = vendor.owner.post_as(&path, "one-proposal", body).await.expect(201);
    assert_eq!((&again.bytes, again.header("idempotent-replayed").as_str()), (&first.bytes, "true"));
    let reused = vendor.owner.post_as(&path, "one-proposal", other).await;
    reused.expect_problem(422, "idempotency_key_reused");
    let before = talk(&office.officer, &request).await;
    assert_eq!(before["rounds"].as_array().unwrap().len(), 1);
    let (round, events) = (made(first), app.count("SELECT count(*) FROM events").await);
    let rehearsal = format!("{path}/{round}/actions/accept?dry_run=true");
    assert_eq!(office.officer.act(&rehearsal).await.expect(200).text("/status"), "agreed");
    assert_eq!(talk(&office.officer, &request).await, before);
    assert_eq!(office.show(&request).await.text("/status"), "negotiating");
    assert_eq!(held(&office).await[0], "2000000.00");
    assert_eq!(app.count("SELECT count(*) FROM events").await, events);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_agreed_after_the_last_day_and_all_is_free_again() {
    let (app, vendor, office, request) = bargain().await;
    let round = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    let due = talk(&vendor.owner, &request).await["due_at"].as_str().unwrap().to_owned();
    app.set_clock(&due).await;
    let late = talk(&office.officer, &request).await;
    for verb in ["propose", "accept", "end-negotiation"] {
        assert_eq!(offered(&late, verb), json!([false, "expired"]), "{verb}");
    }
    accept(&office.officer, &request, &round).await.expect_problem(409, "expired");
    propose(&vendor.owner, &request, &["18000"], "0").await.expect_problem(409, "expired");
    end(&vendor.owner, &request).await.expect_problem(409, "expired");
    // All this is so by the clock, before any worker says it.
    assert_eq!(late["request_status"], "expired");
    assert_eq!(office.show(&request).await.text("/status"), "expired");
    assert_eq!(held(&office).await, ["0.00", "150000000.00"]);
    over(&app, &office, &vendor, LAPSED).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_is_not_handed_in_lapses() {
    let (app, vendor, office, request) = bargain().await;
    agree(&office, &vendor, &request, &["18000"], "0").await;
    let shown = office.show(&request).await;
    assert!(shown.may("submit"));
    app.set_clock(&shown.text("/negotiation_due_at")).await;
    office.submit(&request).await.expect_problem(409, "expired");
    assert_eq!(office.show(&request).await.text("/status"), "expired");
    over(&app, &office, &vendor, LAPSED).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_negotiation_is_ended_by_either_side_and_begun_anew() {
    let app = TestApp::start().await;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = negotiating(&office, vec![line(&pen, "100")]).await;
    // Three working days: Thursday 23, Monday 27 and Tuesday 28.
    assert_eq!(talk(&vendor.owner, &request).await["idle_until"], "2027-12-28T17:00:00Z");
    app.set_clock("2027-12-23T03:00:00Z").await;
    // A proposal on Thursday moves them to Wednesday 29.
    let round = made(propose(&office.officer, &request, &["18000"], "0").await);
    app.set_clock("2027-12-28T17:00:00Z").await;
    let active = talk(&vendor.owner, &request).await;
    assert_eq!(active["idle_until"], "2027-12-29T17:00:00Z");
    assert_eq!(offered(&active, "end-negotiation"), json!([false, "negotiation_still_active"]));
    end(&office.officer, &request).await.expect_problem(409, "negotiation_still_active");
    app.set_clock("2027-12-29T17:00:00Z").await;
    assert_eq!(offered(&talk(&office.officer, &request).await, "end-negotiation"), json!([true, null]));
    let ended = end(&vendor.owner, &request).await.expect(200).items();
    assert_eq!([&ended[0]["status"], &ended[0]["request_status"]], ["failed", "negotiation_failed"]);
    assert_eq!(office.show(&request).await.text("/status_reason"), "Tidak ada jawaban atas usulan terakhir");
    accept(&vendor.owner, &request, &round).await.expect_problem(409, "illegal_transition");
    end(&office.officer, &request).await.expect_problem(409, "illegal_transition");
    over(&app, &office, &vendor, FAILED).await;
    let renewed = office.officer.act(&at(&request, "/actions/renew")).await.expect(201);
    assert_eq!([renewed.text("/method"), renewed.text("/status")], ["negotiated", "draft"]);
    office.submit(&renewed.id()).await.expect(200);
    assert_eq!(talk(&vendor.owner, &renewed.id()).await["rounds"], json!([]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_negotiated_is_held_until_the_office_leaves_the_negotiation() {
    let (app, vendor, office, pen) = house().await;
    let elsewhere = app.office().await;
    let cancelled = negotiating(&office, vec![line(&pen, "100")]).await;
    let first = elsewhere.draft(vec![line(&pen, "1")]).await;
    elsewhere.submit(&first).await.expect_problem(409, "out_of_stock");
    office.turn(&office.officer, &cancelled, "cancel").await.expect(200);
    assert_eq!(held(&office).await[0], "0.00");
    elsewhere.submit(&first).await.expect(200);
    assert_eq!(told(&app, &vendor.owner, FAILED).await, 1);
    let request = negotiating(&office, vec![line(&pen, "99")]).await;
    let round = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    let less = || json!({ "lines": [line(&pen, "50")] });
    office.officer.change(&at(&request, ""), less()).await.expect_problem(409, "illegal_transition");
    let second = elsewhere.draft(vec![line(&pen, "1")]).await;
    elsewhere.submit(&second).await.expect_problem(409, "out_of_stock");
    office.officer.act(&at(&request, "/actions/withdraw")).await.expect(200);
    elsewhere.submit(&second).await.expect(200);
    assert_eq!(held(&office).await[0], "0.00");
    assert_eq!(told(&app, &vendor.owner, FAILED).await, 2);
    accept(&office.officer, &request, &round).await.expect_problem(409, "illegal_transition");
    office.officer.change(&at(&request, ""), less()).await.expect(200);
    // A new attempt knows nothing of the former one.
    assert_eq!(office.submit(&request).await.expect(200).text("/status"), "negotiating");
    let anew = talk(&office.officer, &request).await;
    assert_eq!([&anew["lines"][0]["quantity"], &anew["gross_total"]], ["50", "1000000.00"]);
    assert_eq!(anew["rounds"], json!([]));
    accept(&office.officer, &request, &round).await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_delivery_is_agreed_only_where_there_is_money_for_it() {
    let (app, vendor, _, pen) = house().await;
    for (ceiling, code) in [("5000000", "package_ceiling_exceeded"), ("9000000", "budget_exceeded")] {
        let office = app.office_with(ceiling, "5000000").await;
        let request = negotiating(&office, vec![line(&pen, "50")]).await;
        let before = held(&office).await;
        let dear = made(propose(&vendor.owner, &request, &["20000"], "4000001").await);
        accept(&office.officer, &request, &dear).await.expect_problem(422, code);
        assert_eq!(talk(&office.officer, &request).await["status"], "open");
        let shown = office.show(&request).await;
        assert_eq!([shown.text("/status"), shown.text("/gross_total")], ["negotiating", "1000000.00"]);
        assert_eq!(held(&office).await, before);
        let fits = made(propose(&vendor.owner, &request, &["20000"], "4000000").await);
        accept(&office.officer, &request, &fits).await.expect(200);
        assert_eq!(held(&office).await[0], "5000000.00");
        assert_eq!(totals(&ordered(&office, &request).await[0])[3], "5000000.00");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_the_round_that_was_agreed() {
    let (app, vendor, office, request) = bargain().await;
    agree(&office, &vendor, &request, &["19000"], "0").await;
    let former = office.submit(&request).await.expect(200).text("/content_hash");
    office.officer.act(&at(&request, "/actions/withdraw")).await.expect(200);
    let withdrawn = office.show(&request).await;
    assert_eq!([withdrawn.text("/agreed_terms"), withdrawn.text("/content_hash")], ["", ""]);
    office.submit(&request).await.expect(200);
    agree(&office, &vendor, &request, &["18000"], "0").await;
    let hash = office.submit(&request).await.expect(200).text("/content_hash");
    assert_ne!(hash, former);
    let approve = at(&request, "/actions/approve");
    let stale = json!({ "content_hash": former });
    office.approver.post(&approve, stale).await.expect_problem(409, "content_changed");
    assert!(office.orders(&request).await.is_empty());
    office.approver.post(&approve, json!({ "content_hash": hash })).await.expect(200);
    assert_eq!(totals(&office.orders(&request).await[0])[3], "1800000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn negotiating_is_advised_from_fifty_million_and_done_where_the_agency_allows_it() {
    let (app, vendor, office, _) = house().await;
    let (dear, cheaper) = (app.made(&vendor, "50000000.00").await, app.made(&vendor, "49999999.00").await);
    let advice = async |request: &str| {
        let body = json!({ "request_id": request });
        let checked = office.officer.post("/api/v1/policy-checks", body).await.expect(200);
        let checks = checked.body["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["rule"] == "negotiation").unwrap();
        json!([checked.body["ready"], check["met"], check["code"]])
    };
    let direct = office.draft(vec![line(&dear, "1")]).await;
    assert_eq!(advice(&direct).await, json!([true, true, "negotiation_advised"]));
    assert_eq!(advice(&office.draft(vec![line(&cheaper, "1")]).await).await, json!([true, true, null]));
    let small = office.draft_with(vec![line(&cheaper, "1")], json!({ "method": "negotiated" })).await;
    assert_eq!(advice(&small).await, json!([true, true, null]));
    office.submit(&direct).await.expect(200);
    let steps =
        r#"[{"up_to":"49999999","methods":["direct"]},{"up_to":null,"methods":["direct","negotiated"]}]"#;
    app.policy(office.agency, "method.steps", steps, "json").await;
    faulty(office.submit(&small).await, &[("#/method", "method_not_for_value")]);
    negotiating(&office, vec![line(&dear, "1")]).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn negotiations_are_seen_and_led_by_those_whom_they_concern() {
    let (app, vendor, office, request) = bargain().await;
    let round = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    let body = proposal(&vendor.owner, &request, &["18000"], "0", json!({})).await;
    let tried = async |who: &Caller, status: u16, code: &str| {
        who.post(&at(&request, ROUNDS), body.clone()).await.expect_problem(status, code);
        accept(who, &request, &round).await.expect_problem(status, code);
        end(who, &request).await.expect_problem(status, code);
    };
    let unit = app.another_unit(office.agency).await;
    let neighbour = app.member(Some(office.agency), Role::ProcurementOfficer, &[unit]).await;
    for stranger in [app.vendor().await.owner, app.office().await.officer, neighbour] {
        stranger.get(&at(&request, "/negotiations")).await.expect_problem(404, "not_found");
        tried(&stranger, 404, "not_found").await;
    }
    assert_eq!(talk(&office.approver, &request).await["rounds"][0]["id"], round);
    tried(&office.approver, 403, "role_forbidden").await;
    let colleague = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let seen = talk(&colleague, &request).await;
    for verb in ["propose", "accept", "end-negotiation"] {
        assert_eq!(offered(&seen, verb), json!([false, "officer_not_suitable"]), "{verb}");
    }
    tried(&colleague, 422, "officer_not_suitable").await;
    assert_eq!(talk(&office.officer, &request).await["rounds"].as_array().unwrap().len(), 1);
    accept(&office.officer, &request, &round).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_the_vendor_negotiates_for_the_office() {
    let (app, vendor, office, request) = bargain().await;
    let head = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let receiver = app.member(Some(office.agency), Role::Receiver, &[office.unit]).await;
    let letter = json!({ "officer_id": office.officer.membership, "person_id": receiver.membership, "kind": "plh",
        "valid_from": "2021-01-01", "valid_to": "2035-12-31", "letter_number": "821/031/2035" });
    let deputy = head.post("/api/v1/deputies", letter).await.expect(201).id();
    let deputy = deputy.parse().map(MembershipId).expect("an id");
    let deputy = app.log_in(receiver.user.unwrap(), &receiver.contact, Some(deputy)).await;
    propose(&deputy, &request, &["18000"], "0").await.expect(201);
    let round = made(propose(&vendor.owner, &request, &["19000"], "0").await);
    app.grant(receiver.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let own = "pair_official_vendor_owner";
    propose(&deputy, &request, &["19500"], "0").await.expect_problem(409, own);
    accept(&deputy, &request, &round).await.expect_problem(409, own);
    end(&deputy, &request).await.expect_problem(409, own);
    // The officer goes on, but what the vendor's own person had a hand in is not handed in.
    accept(&office.officer, &request, &round).await.expect(200);
    faulty(office.submit(&request).await, &[("#/lines", own)]);
    app.finish().await;
}

/// Two at once, of whom one alone has its way; who starts changes from turn to turn. Whether the first did.
async fn first_wins<A: Future<Output = Answer>, B: Future<Output = Answer>>(turn: usize, a: A, b: B) -> bool {
    let swap = |(b, a)| (a, b);
    let (a, b) = if turn.is_multiple_of(2) { join(a, b).await } else { swap(join(b, a).await) };
    let won = [&a, &b].map(|answer| [200, 201].contains(&answer.status));
    assert_ne!(won[0], won[1], "{} {}", a.body, b.body);
    let loser = if won[0] { b } else { a };
    assert_eq!(loser.status, 409, "{}", loser.body);
    assert!(["round_not_latest", "illegal_transition"].contains(&loser.code().as_str()), "{}", loser.body);
    won[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn sides_that_act_at_once_agree_on_the_latest_round_or_on_none() {
    let (app, vendor, office, _) = house().await;
    let cabinet = app.made(&vendor, "2000000.00").await;
    let (ours, theirs) = (&office.officer, &vendor.owner);
    let mut agreed = 0;
    for turn in 0..scaled(20) {
        // Both propose, then both accept what the other proposed.
        let request = negotiating(&office, vec![line(&cabinet, "1")]).await;
        let path = at(&request, ROUNDS);
        let low = proposal(ours, &request, &["1900000"], "10000", json!({})).await;
        let high = proposal(theirs, &request, &["1950000"], "0", json!({})).await;
        let (low, high) = join(ours.post(&path, low), theirs.post(&path, high)).await;
        let (low, high) = (made(low), made(high));
        first_wins(turn, accept(theirs, &request, &low), accept(ours, &request, &high)).await;
        // One accepts while the other proposes anew.
        let request = negotiating(&office, vec![line(&cabinet, "1")]).await;
        let path = at(&request, ROUNDS);
        let round = made(propose(ours, &request, &["1800000"], "5000").await);
        let next = proposal(ours, &request, &["1700000"], "0", json!({})).await;
        let accepted = first_wins(turn, accept(theirs, &request, &round), ours.post(&path, next)).await;
        agreed += 1 + i64::from(accepted);
    }
    let overtaken =
        "SELECT count(*) FROM negotiations n JOIN negotiation_rounds r ON r.id = n.agreed_round_id
         WHERE r.number < (SELECT max(o.number) FROM negotiation_rounds o WHERE o.negotiation_id = n.id)";
    let wrong = "SELECT count(*) FROM requests q JOIN negotiations n ON n.request_id = q.id
             LEFT JOIN negotiation_rounds r ON r.id = n.agreed_round_id
         WHERE q.gross_total <> coalesce(r.gross_total, n.gross_total) OR (q.status = 'agreed') <> (n.status = 'agreed')
            OR q.gross_total <> q.goods_total + q.shipping_fee + q.vat_total OR q.gross_total IS DISTINCT FROM (
                 SELECT sum(b.amount) FROM budget_reservations b WHERE b.request_id = q.id AND b.released_at IS NULL)";
    let apart = "SELECT (sum(q.gross_total) - (SELECT p.reserved FROM packages p))::bigint FROM requests q";
    for figure in [overtaken, wrong, apart] {
        assert_eq!(app.count(figure).await, 0, "{figure}");
    }
    assert_eq!(app.count("SELECT count(*) FROM requests WHERE status = 'agreed'").await, agreed);
    app.finish().await;
}
