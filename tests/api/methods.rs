//! Urgent purchases, what waits for whom, reminders, and a whole purchase played in a few calls.
use crate::support::TestApp;
use crate::support::purchase::{Office, line, line_with, slot};
use crate::support::trade::Vendor;
use lokapasar::kernel::Role;
use serde_json::{Value, json};

const REASON: &str = "Listrik kantor padam sejak pagi";

fn urgent(code: &str) -> Value {
    json!({ "method": "urgent", "comparison": null, "urgent": { "code": code, "reason": REASON } })
}

/// Today by the sandbox's clock.
async fn today(app: &TestApp) -> String {
    let rows = app
        .sql("SELECT ((clock_timestamp() + make_interval(secs => clock_offset_seconds)) AT TIME ZONE 'Asia/Jakarta')::date FROM realms WHERE realm = 'sandbox'")
        .await;
    rows[0][0].clone().unwrap()
}

/// Hours between two instants, rounded.
async fn hours(app: &TestApp, from: &str, to: &str) -> i64 {
    app.count(&format!(
        "SELECT round(extract(epoch FROM '{to}'::timestamptz - '{from}'::timestamptz) / 3600)::bigint"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_urgent_runs_by_hours_and_is_compared_afterwards() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "600000.00").await;
    let office = app.office().await;
    let day = today(&app).await;
    let lines = || vec![line_with(&pen, "100", vec![slot(&day, "100")])];
    let mut fields = urgent("service_failure");
    fields["needed_on"] = json!(day);
    // Rp60 million: a direct purchase would have to be compared first.
    let request = office.draft_with(lines(), fields).await;
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.text("/status"), "pending_approval");
    let clock = hours(&app, &submitted.text("/submitted_at"), &submitted.text("/approval_due_at")).await;
    assert!((0..=4).contains(&clock), "{clock}");
    let told = app.told(&office.approver.contact).await;
    assert!(
        told.iter().any(|mail| mail.text.contains(REASON)),
        "the commitment officer is told why, at once"
    );
    let compare = json!({ "reason": "Hanya satu penyedia yang siap hari itu" });
    let comparison = format!("/api/v1/requests/{request}/comparison");
    let etag = office.show(&request).await.etag();
    office.officer.put(&comparison, &etag, compare.clone()).await.expect_problem(409, "illegal_transition");
    office.approve(&request).await.expect(200);
    let order = office.order(&request).await;
    let shown = vendor.owner.get(&format!("/api/v1/orders/{order}")).await.expect(200);
    let clock = hours(&app, &shown.text("/issued_at"), &shown.text("/answer_due_at")).await;
    assert!((0..=4).contains(&clock), "{clock}");
    vendor.accept(&order).await.expect(200);
    let etag = office.show(&request).await.etag();
    let none = json!({ "product_ids": [pen] });
    let refused = office.officer.put(&comparison, &etag, none).await.expect_problem(422, "invalid_input");
    assert_eq!(refused.faults(), [("#/product_ids".to_owned(), "comparison_required".to_owned())]);
    let filed = office.officer.put(&comparison, &etag, compare).await.expect(200);
    assert_eq!(filed.text("/comparison/reason"), "Hanya satu penyedia yang siap hari itu");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urgency_needs_a_code_of_the_policy_and_nothing_else_claims_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "20000.00").await;
    let office = app.office().await;
    for (changes, code) in [
        (json!({ "method": "urgent" }), "required"),
        (urgent("laziness"), "value_not_allowed"),
        (json!({ "urgent": { "code": "disaster", "reason": REASON } }), "value_not_allowed"),
    ] {
        let request = office.draft_with(vec![line(&pen, "1")], changes).await;
        let refused = office.submit(&request).await.expect_problem(422, "invalid_input");
        assert_eq!(refused.faults(), [("#/urgent".to_owned(), code.to_owned())]);
    }
    let early = office
        .draft_with(vec![line_with(&pen, "1", vec![slot("2026-01-01", "1")])], urgent("disaster"))
        .await;
    let refused = office.submit(&early).await.expect_problem(422, "invalid_input");
    assert_eq!(refused.faults(), [("#/lines/0/slots".to_owned(), "needed_too_soon".to_owned())]);
    app.finish().await;
}

/// The item of a request in somebody's inbox.
async fn item(who: &crate::support::Caller, request: &str) -> Option<Value> {
    let items = who.get("/api/v1/inbox?limit=100").await.expect(200).items();
    items.into_iter().find(|item| item["request_id"] == request)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_reads_what_waits_for_whom_from_the_desk_to_the_vendor() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "1")]).await;
    let waits = async |request: &str| {
        item(&office.approver, request).await.map(|item| item["waits_for"].as_str().unwrap().to_owned())
    };
    assert_eq!(waits(&request).await.as_deref(), Some("procurement_officer"));
    office.submit(&request).await.expect(200);
    assert_eq!(waits(&request).await.as_deref(), Some("approver"));
    office.approve(&request).await.expect(200);
    assert_eq!(waits(&request).await.as_deref(), Some("vendor"));
    vendor.accept(&office.order(&request).await).await.expect(200);
    assert_eq!(waits(&request).await, None);
    let asked = office.asks(office.quotation(&pen, "1", json!({}))).await;
    assert_eq!(waits(&asked.request).await.as_deref(), Some("vendor"));
    let quote = vendor.quotes(&asked, &pen, "1900000.00", "0").await;
    app.set_clock(&asked.deadline).await;
    let closed = item(&office.officer, &asked.request).await.unwrap();
    assert_eq!([&closed["status"], &closed["waits_for"]], ["quotes_closed", "opening"]);
    app.work().await;
    assert_eq!(waits(&asked.request).await.as_deref(), Some("procurement_officer"));
    office
        .officer
        .post(&format!("/api/v1/requests/{}/evaluation", asked.request), json!({}))
        .await
        .expect(200);
    assert_eq!(waits(&asked.request).await.as_deref(), Some("commitment_officer"));
    office.awards(&asked, &[&quote]).await.expect(200);
    assert_eq!(waits(&asked.request).await.as_deref(), Some("vendor"));
    // Another office's requests are not there.
    let other = app.office().await;
    assert_eq!(other.officer.get("/api/v1/inbox").await.expect(200).items(), Vec::<Value>::new());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_reads_what_fits_it_and_why_the_rest_does_not() {
    let app = TestApp::start().await;
    let (vendor, stranger) = (app.vendor().await, app.vendor().await);
    let pen = app.made(&vendor, "20000.00").await;
    let office = app.office().await;
    let asked = office.asks(office.quotation(&pen, "10", json!({}))).await;
    let negotiated = office.draft_with(vec![line(&pen, "10")], json!({ "method": "negotiated" })).await;
    office.submit(&negotiated).await.expect(200);
    let fits = item(&vendor.owner, &asked.request).await.unwrap();
    assert_eq!([&fits["fits"], &fits["invited"], &fits["confirmation_needed"]], [true, false, false]);
    let not = item(&stranger.owner, &asked.request).await.unwrap();
    assert_eq!(not["fits"], false);
    let codes: Vec<&str> =
        not["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"category_not_sold") && !codes.contains(&"region_not_served"), "{codes:?}");
    assert_eq!(item(&stranger.owner, &negotiated).await, None);
    assert_eq!(item(&vendor.owner, &negotiated).await.unwrap()["waits_for"], "vendor");
    // Page by page nothing is lost or doubled.
    let mut seen = Vec::new();
    let mut path = "/api/v1/inbox?limit=1".to_owned();
    loop {
        let page = vendor.owner.get(&path).await.expect(200);
        seen.extend(page.items().iter().map(|item| item["request_id"].as_str().unwrap().to_owned()));
        let next = page.text("/next_cursor");
        if next.is_empty() {
            break;
        }
        path = format!("/api/v1/inbox?limit=1&cursor={next}");
    }
    seen.sort();
    let mut all = vec![asked.request.clone(), negotiated];
    all.sort();
    assert_eq!(seen, all);
    vendor.quotes(&asked, &pen, "19000.00", "0").await;
    let text = json!({ "text": "Warna tutup boleh hitam" });
    office.officer.post(&format!("/api/v1/requests/{}/addenda", asked.request), text).await.expect(200);
    let mine = item(&vendor.owner, &asked.request).await.unwrap();
    assert_eq!([&mine["quote_status"], &mine["confirmation_needed"]], [&json!("submitted"), &json!(true)]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_waited_for_is_reminded_once_before_the_end_and_told_after_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "1")]).await;
    let due = office.show(&request).await.text("/approval_due_at");
    let about = async |who: &str, words: &str| {
        app.told(who).await.iter().filter(|mail| mail.subject.contains(words)).count()
    };
    let reminders = async || app.count("SELECT count(*) FROM events WHERE kind = 'request.reminded'").await;
    app.told(&office.approver.contact).await;
    assert_eq!(reminders().await, 0);
    let near = app.sql(&format!("SELECT ('{due}'::timestamptz - interval '20 hours')::text")).await[0][0]
        .clone()
        .unwrap();
    app.set_clock(&near).await;
    let before = app.told(&office.approver.contact).await.len();
    app.work().await;
    assert_eq!((reminders().await, app.told(&office.approver.contact).await.len()), (1, before));
    app.set_clock(&due).await;
    assert_eq!(
        about(&office.officer.contact, "lewat").await + about(&office.officer.contact, "kedaluwarsa").await,
        1
    );
    let order = app
        .sql("SELECT string_agg(kind, ',' ORDER BY recorded_at) FROM events WHERE kind IN ('request.reminded', 'request.expired')")
        .await[0][0]
        .clone();
    assert_eq!(order.as_deref(), Some("request.reminded,request.expired"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_negotiated_purchase_with_its_clocks_is_played_in_ten_calls() {
    let app = TestApp::start().await;
    let vendor: Vendor = app.vendor().await;
    let pen = app.made(&vendor, "20000.00").await;
    let office: Office = app.office().await;
    let started = std::time::Instant::now();
    let mut body = office.draft_body(vec![line(&pen, "100")]);
    body["fields"]["method"] = json!("negotiated");
    let draft = office.officer.post("/api/v1/requests", body).await.expect(201);
    assert_eq!(draft.header("x-realm"), "sandbox");
    let (request, line_id) = (draft.id(), draft.text("/lines/0/id"));
    let at = |verb: &str| format!("/api/v1/requests/{request}/actions/{verb}");
    let begun = office.officer.act(&at("submit")).await.expect(200).text("/submitted_at");
    let begun: chrono::DateTime<chrono::Utc> = begun.parse().unwrap();
    let later = |days: i64| json!({ "now": begun + chrono::TimeDelta::days(days) });
    office.officer.post("/api/v1/sandbox/clock", later(1)).await.expect(200);
    let price = json!({ "line_id": line_id, "unit_price": "18500.00" });
    let proposal = json!({ "unit_prices": [price], "shipping_fee": "0" });
    let rounds = format!("/api/v1/requests/{request}/negotiation-rounds");
    let round = vendor.owner.post(&rounds, proposal).await.expect(201).text("/rounds/0/id");
    office.officer.act(&format!("{rounds}/{round}/actions/accept")).await.expect(200);
    let handed_in = office.officer.act(&at("submit")).await.expect(200);
    office.officer.post("/api/v1/sandbox/clock", later(2)).await.expect(200);
    let content = json!({ "content_hash": handed_in.text("/content_hash") });
    let approved = office.approver.post(&at("approve"), content).await.expect(200);
    let order = vendor.owner.get("/api/v1/orders").await.expect(200).text("/items/0/id");
    let accepted = vendor.accept(&order).await.expect(200);
    println!("ten calls took {:?}", started.elapsed());
    assert_eq!([approved.text("/status"), accepted.text("/status")], ["ordered", "accepted"]);
    assert_eq!(accepted.text("/gross_total"), "1850000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_moves_the_clock_of_the_live_realm() {
    let app = TestApp::start_in(lokapasar::kernel::Realm::Live, |_| {}).await;
    for role in [Role::Admin, Role::Helpdesk, Role::PlatformAuditor, Role::Verifier] {
        let who = app.member(None, role, &[]).await;
        who.post("/api/v1/sandbox/clock", json!({ "now": "2040-01-01T00:00:00Z" })).await.expect(404);
    }
    let refused = app
        .sql(
            "DO $$ BEGIN UPDATE realms SET clock_offset_seconds = 60 WHERE realm = 'live';
              EXCEPTION WHEN check_violation THEN RAISE NOTICE 'refused'; END $$;
              SELECT clock_offset_seconds FROM realms WHERE realm = 'live'",
        )
        .await;
    assert_eq!(refused.last().unwrap()[0].as_deref(), Some("0"));
    app.finish().await;
}
