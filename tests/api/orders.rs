//! Purchase orders: issued, answered, changed, cancelled, replaced.
use crate::support::purchase::{NEEDED_ON, Office, line, line_with, slot};
use crate::support::trade::{PENS, Vendor};
use crate::support::{Answer, Caller, TestApp};
use lokapasar::kernel::Role;
use serde_json::{Value, json};

/// An issued order for a hundred pens at Rp20,000 out of a stock of a hundred.
struct Deal {
    vendor: Vendor,
    pen: String,
    office: Office,
    request: String,
    order: String,
}

async fn deal(app: &TestApp) -> Deal {
    let vendor = app.vendor().await;
    deal_with(app, vendor, "20000.00").await
}

async fn deal_with(app: &TestApp, vendor: Vendor, price: &str) -> Deal {
    let pen = app.product(&vendor, price, 100).await;
    let office = app.office().await;
    let request = office.ordered(vec![line(&pen, "100")]).await;
    let order = office.order(&request).await;
    Deal { vendor, pen, office, request, order }
}

async fn order(who: &Caller, id: &str) -> Answer {
    who.get(&format!("/api/v1/orders/{id}")).await.expect(200)
}

async fn cancel(who: &Caller, id: &str) -> Answer {
    who.post(&format!("/api/v1/orders/{id}/actions/cancel"), json!({ "reason": "Kegiatan ditiadakan" })).await
}

impl Deal {
    async fn seen(&self) -> Answer {
        order(&self.office.officer, &self.order).await
    }

    async fn propose(&self, mut change: Value) -> Answer {
        change["reason"] = json!("Merek semula tidak diproduksi lagi");
        self.vendor.owner.post(&format!("/api/v1/orders/{}/actions/propose-change", self.order), change).await
    }

    /// Lets the office answer a change.
    async fn answer(&self, change: &Answer, verb: &str) -> Answer {
        let path = format!("/api/v1/orders/{}/changes/{}/actions/{verb}", self.order, change.id());
        match verb {
            "accept" => self.office.approver.act(&path).await,
            _ => {
                self.office
                    .approver
                    .post(&path, json!({ "reason": "Tanggal kegiatan tidak dapat diundur" }))
                    .await
            }
        }
    }

    async fn line_id(&self) -> String {
        self.seen().await.text("/lines/0/id")
    }
}

async fn held(app: &TestApp) -> (i64, i64) {
    (
        app.count("SELECT reserved::bigint FROM stock").await,
        app.count("SELECT committed::bigint FROM packages").await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_numbered_by_unit_and_fiscal_year() {
    let app = TestApp::start().await;
    app.set_clock("2027-12-22T03:00:00Z").await;
    let (pens, paper) = (app.vendor().await, app.vendor().await);
    let (pen, ream) = (app.made(&pens, "2000000.00").await, app.made(&paper, "2000000.00").await);
    let office = app.office().await;
    let short = app.sql("SELECT short_name FROM work_units").await[0][0].clone().unwrap();
    let numbers = async |request: &str| {
        let orders = office.orders(request).await;
        let mut numbers: Vec<String> =
            orders.iter().map(|order| order["number"].as_str().unwrap().to_owned()).collect();
        numbers.sort();
        numbers
    };
    // One order for each vendor, in the month of issue.
    let both = office.ordered(vec![line(&pen, "1"), line(&ream, "1"), line(&pen, "2")]).await;
    assert_eq!(numbers(&both).await, [1, 2].map(|n| format!("SBX-SP/{short}/2035/12/000{n}")));
    let third = office.ordered(vec![line(&pen, "1")]).await;
    assert_eq!(numbers(&third).await, [format!("SBX-SP/{short}/2035/12/0003")]);
    // Another fiscal year and another unit count from one.
    let (package, budget_line) =
        app.package_of(2036, office.agency, office.unit, "150000000", "150000000").await;
    let next_year = office
        .draft_with(vec![line(&pen, "1")], json!({ "package_id": package, "budget_line_id": budget_line }))
        .await;
    office.submit(&next_year).await.expect(200);
    office.approve(&next_year).await.expect(200);
    assert_eq!(numbers(&next_year).await, [format!("SBX-SP/{short}/2036/12/0001")]);
    let elsewhere = app.office().await;
    let other = elsewhere.ordered(vec![line(&pen, "1")]).await;
    assert!(elsewhere.orders(&other).await[0]["number"].as_str().unwrap().ends_with("/2035/12/0001"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_order_holds_its_goods_for_good() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let accepted = deal.vendor.accept(&deal.order).await.expect(200);
    assert_eq!(accepted.text("/status"), "accepted");
    assert_ne!(accepted.text("/answered_at"), "");
    assert!(!accepted.may("accept") && !accepted.may("decline") && accepted.may("cancel"));
    let mails = app.told(&deal.office.officer.contact).await;
    assert!(mails.iter().any(|mail| mail.subject.contains("disanggupi")));
    app.move_clock(24 * 60).await;
    app.work().await;
    assert_eq!(deal.seen().await.text("/status"), "accepted");
    assert_eq!(held(&app).await, (100, 2_000_000));
    let more = deal.office.draft(vec![line(&deal.pen, "1")]).await;
    deal.office.submit(&more).await.expect_problem(409, "out_of_stock");
    deal.vendor.decline(&deal.order).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_order_lets_go_of_goods_and_money_and_tells_why() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let empty = json!({ "reason": "" });
    let path = format!("/api/v1/orders/{}/actions/decline", deal.order);
    deal.vendor
        .owner
        .post(&path, empty)
        .await
        .expect_problem(422, "invalid_input")
        .expect_fault("#/reason", "too_short");
    let declined = deal.vendor.decline(&deal.order).await.expect(200);
    assert_eq!(
        (declined.text("/status"), declined.text("/status_reason")),
        ("declined".into(), "Stok rusak kena banjir".into())
    );
    assert_eq!(held(&app).await, (0, 0));
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, 0);
    let mails = app.told(&deal.office.officer.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains("Stok rusak kena banjir")), "{mails:?}");
    deal.vendor.accept(&deal.order).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_order_is_announced_once_with_one_mail() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    app.move_clock(24 * 14).await;
    assert_eq!(deal.seen().await.text("/status"), "expired");
    assert_eq!(app.count("SELECT count(*) FROM orders WHERE status = 'issued'").await, 1);
    deal.vendor.accept(&deal.order).await.expect_problem(409, "expired");
    deal.vendor.decline(&deal.order).await.expect_problem(409, "expired");
    for _ in 0..3 {
        app.work().await;
    }
    assert_eq!(app.count("SELECT count(*) FROM audit WHERE action = 'order.expired'").await, 1);
    let mails = app.told(&deal.office.officer.contact).await;
    assert_eq!(mails.iter().filter(|mail| mail.subject.contains("kedaluwarsa")).count(), 1);
    assert_eq!(held(&app).await, (0, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_clock_ends_after_three_working_days_in_jakarta() {
    let app = TestApp::start().await;
    // Thursday 23 December 2027, ten o'clock in Jakarta. Friday 24 is joint leave, so the three
    // working days are Monday 27, Tuesday 28 and Wednesday 29, which ends at 17:00 UTC.
    app.set_clock("2027-12-23T03:00:00Z").await;
    let deal = deal(&app).await;
    let seen = deal.seen().await;
    assert_eq!(seen.text("/answer_due_at"), "2027-12-29T17:00:00Z");
    assert_eq!(seen.text("/clock_provisional"), "false");
    app.set_clock("2027-12-29T16:59:00Z").await;
    assert_eq!(deal.seen().await.text("/status"), "issued");
    deal.vendor.accept(&deal.order).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_clock_ends_earlier_when_the_goods_are_needed_soon() {
    let app = TestApp::start().await;
    // Wednesday 22 December 2027. Needed on Tuesday 28: Monday 27 is for preparation, and it
    // begins on Sunday at 17:00 UTC; three working days would end on Tuesday.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let lines = vec![line_with(&pen, "100", vec![slot("2027-12-28", "100")])];
    let request = office.draft_with(lines, json!({ "needed_on": "2027-12-28" })).await;
    office.submit(&request).await.expect(200);
    office.approve(&request).await.expect(200);
    let id = office.order(&request).await;
    assert_eq!(order(&office.officer, &id).await.text("/answer_due_at"), "2027-12-26T17:00:00Z");
    app.set_clock("2027-12-26T17:00:00Z").await;
    vendor.accept(&id).await.expect_problem(409, "expired");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_beyond_the_holiday_calendar_are_provisional() {
    let app = TestApp::start().await;
    app.set_clock("2034-03-01T03:00:00Z").await;
    let deal = deal(&app).await;
    // Wednesday; Thursday 2, Friday 3 and Monday 6 March.
    let seen = deal.seen().await;
    assert_eq!(seen.text("/answer_due_at"), "2034-03-06T17:00:00Z");
    assert_eq!(seen.text("/clock_provisional"), "true");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_lower_price_lowers_totals_and_what_is_held() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    let deal = deal_with(&app, vendor, "50000.00").await;
    assert_eq!(held(&app).await.1, 5_550_000);
    let change = deal
        .propose(json!({ "unit_prices": [{ "line_id": deal.line_id().await, "unit_price": "45000.50" }] }))
        .await
        .expect(201);
    assert_eq!(change.text("/status"), "proposed");
    assert_eq!(deal.seen().await.text("/status"), "change_proposed");
    // Nothing has changed yet.
    assert_eq!(deal.seen().await.text("/gross_total"), "5550000.00");
    let mails = app.told(&deal.office.officer.contact).await;
    assert!(mails.iter().any(|mail| mail.subject.contains("Usulan perubahan")));
    deal.answer(&change, "accept").await.expect(200);
    let seen = deal.seen().await;
    assert_eq!(seen.text("/status"), "accepted");
    // 100 × 45,000.50 = 4,500,050; 11 % of it is 495,005.5, rounded up.
    let sums = ["goods_total", "vat_total", "gross_total", "lines/0/unit_price"]
        .map(|field| seen.text(&format!("/{field}")));
    assert_eq!(sums, ["4500050.00", "495006.00", "4995056.00", "45000.50"]);
    assert_eq!(held(&app).await, (100, 4_995_056));
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, 4_995_056);
    // What was approved stays on the request.
    assert_eq!(deal.office.show(&deal.request).await.text("/gross_total"), "5550000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_never_raises_a_price_and_says_what_it_changes() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let own = deal.line_id().await;
    let foreign = "0198f000-0000-7000-8000-000000000001";
    for (change, pointer, code) in [
        (
            json!({ "unit_prices": [{ "line_id": own, "unit_price": "20000.01" }] }),
            "#/unit_prices/0/unit_price",
            "total_would_rise",
        ),
        (
            json!({ "unit_prices": [{ "line_id": own, "unit_price": "0" }] }),
            "#/unit_prices/0/unit_price",
            "total_would_rise",
        ),
        (
            json!({ "unit_prices": [{ "line_id": foreign, "unit_price": "1" }] }),
            "#/unit_prices/0/line_id",
            "unknown_reference",
        ),
        (
            json!({ "unit_prices": [{ "line_id": own, "unit_price": "2" }, { "line_id": own, "unit_price": "1" }] }),
            "#/unit_prices/1/line_id",
            "duplicate_item",
        ),
        (json!({}), "#", "required"),
        (json!({ "needed_on": "2020-01-01" }), "#/needed_on", "needed_too_soon"),
    ] {
        let answer = deal.propose(change).await.expect_problem(422, "invalid_input");
        assert_eq!(answer.faults(), [(pointer.to_owned(), code.to_owned())]);
    }
    assert_eq!(deal.seen().await.text("/status"), "issued");
    assert_eq!(app.count("SELECT count(*) FROM order_changes").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_never_makes_a_line_worth_nothing() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.ordered(vec![line(&pen, "10")]).await;
    let order = office.order(&request).await;
    let deal = Deal { vendor, pen, office, request, order };
    let own = deal.line_id().await;
    let refused = deal.propose(json!({ "unit_prices": [{ "line_id": own, "unit_price": "0.01" }] })).await;
    refused.expect(422).expect_fault("#/unit_prices/0/unit_price", "out_of_range");
    deal.propose(json!({ "unit_prices": [{ "line_id": own, "unit_price": "0.10" }] })).await.expect(201);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_brand_and_another_day_are_accepted_without_new_approval() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let change =
        deal.propose(json!({ "brand": "Merek setara", "needed_on": "2035-07-06" })).await.expect(201);
    assert_eq!(change.text("/brand"), "Merek setara");
    let path = format!("/api/v1/orders/{}/changes/{}/actions/accept", deal.order, change.id());
    deal.office.officer.act(&path).await.expect_problem(403, "role_forbidden");
    deal.vendor.owner.act(&path).await.expect_problem(403, "role_forbidden");
    assert_eq!(deal.answer(&change, "accept").await.expect(200).text("/status"), "accepted");
    let seen = deal.seen().await;
    assert_eq!((seen.text("/status"), seen.text("/needed_on")), ("accepted".into(), "2035-07-06".into()));
    assert_eq!(seen.text("/gross_total"), "2000000.00");
    assert_eq!(deal.office.show(&deal.request).await.text("/status"), "ordered");
    deal.answer(&change, "accept").await.expect_problem(409, "illegal_transition");
    let listed = deal.vendor.owner.get(&format!("/api/v1/orders/{}/changes", deal.order)).await.expect(200);
    assert_eq!(listed.items().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rejected_change_the_order_stands_and_the_clock_begins_anew() {
    let app = TestApp::start().await;
    app.set_clock("2027-12-20T03:00:00Z").await;
    let deal = deal(&app).await;
    // Monday 20: Tuesday, Wednesday, Thursday.
    assert_eq!(deal.seen().await.text("/answer_due_at"), "2027-12-23T17:00:00Z");
    let change = deal.propose(json!({ "brand": "Merek setara" })).await.expect(201);
    // The office has two working days.
    assert_eq!(deal.seen().await.text("/answer_due_at"), "2027-12-22T17:00:00Z");
    deal.vendor.accept(&deal.order).await.expect_problem(409, "illegal_transition");
    deal.propose(json!({ "brand": "Merek lain" })).await.expect_problem(409, "illegal_transition");
    app.set_clock("2027-12-22T03:00:00Z").await;
    let rejected = deal.answer(&change, "reject").await.expect(200);
    assert_eq!(rejected.text("/decision_reason"), "Tanggal kegiatan tidak dapat diundur");
    // Wednesday 22: Thursday 23, Monday 27, Tuesday 28.
    let seen = deal.seen().await;
    assert_eq!(
        (seen.text("/status"), seen.text("/answer_due_at")),
        ("issued".into(), "2027-12-28T17:00:00Z".into())
    );
    deal.answer(&change, "accept").await.expect_problem(409, "illegal_transition");
    app.set_clock("2027-12-28T03:00:00Z").await;
    deal.vendor.accept(&deal.order).await.expect(200);
    assert_eq!(deal.seen().await.text("/gross_total"), "2000000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_answers_lapses_with_the_order() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let change = deal.propose(json!({ "brand": "Merek setara" })).await.expect(201);
    app.move_clock(24 * 14).await;
    assert_eq!(deal.seen().await.text("/status"), "expired");
    deal.answer(&change, "accept").await.expect_problem(409, "expired");
    deal.answer(&change, "reject").await.expect_problem(409, "expired");
    app.work().await;
    assert_eq!(held(&app).await, (0, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_side_asks_for_cancelling_and_the_other_agrees() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let asked = cancel(&deal.vendor.owner, &deal.order).await.expect(200);
    assert_eq!((asked.text("/status"), asked.text("/cancel_asked_by")), ("issued".into(), "vendor".into()));
    assert_eq!(held(&app).await, (100, 2_000_000));
    cancel(&deal.vendor.owner, &deal.order).await.expect_problem(409, "illegal_transition");
    cancel(&deal.office.officer, &deal.order).await.expect_problem(403, "role_forbidden");
    assert!(order(&deal.office.approver, &deal.order).await.may("cancel"));
    let mails = app.told(&deal.office.officer.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains("Kegiatan ditiadakan")));
    let agreed = cancel(&deal.office.approver, &deal.order).await.expect(200);
    assert_eq!(
        (agreed.text("/status"), agreed.text("/status_reason")),
        ("cancelled".into(), "Kegiatan ditiadakan".into())
    );
    assert_eq!(held(&app).await, (0, 0));
    deal.vendor.accept(&deal.order).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_order_is_cancelled_by_agreement_before_delivery_alone() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    deal.vendor.accept(&deal.order).await.expect(200);
    let asked = cancel(&deal.office.approver, &deal.order).await.expect(200);
    assert_eq!((asked.text("/status"), asked.text("/cancel_asked_by")), ("accepted".into(), "agency".into()));
    app.sql("UPDATE orders SET fulfilment = 'partial'").await;
    cancel(&deal.vendor.owner, &deal.order).await.expect_problem(409, "illegal_transition");
    app.sql("UPDATE orders SET fulfilment = 'none'").await;
    assert_eq!(cancel(&deal.vendor.owner, &deal.order).await.expect(200).text("/status"), "cancelled");
    assert_eq!(held(&app).await, (0, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_vendor_takes_no_order() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let second = deal.office.submitted(vec![line(&app.made(&deal.vendor, "2000000.00").await, "1")]).await;
    app.suspend(&deal.vendor).await;
    deal.vendor.accept(&deal.order).await.expect_problem(409, "vendor_not_verified");
    deal.propose(json!({ "brand": "Merek setara" })).await.expect_problem(409, "vendor_not_verified");
    // What waits for approval is not issued to it either.
    deal.office.approve(&second).await.expect_problem(409, "vendor_not_verified");
    assert_eq!(deal.office.show(&second).await.text("/status"), "pending_approval");
    let admin = app.admin().await;
    admin.act(&format!("/api/v1/vendors/{}/actions/reinstate", deal.vendor.id)).await.expect(200);
    deal.vendor.accept(&deal.order).await.expect(200);
    deal.office.approve(&second).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contacts_phone_is_clear_for_whom_it_concerns() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let phone = async |who: &Caller| order(who, &deal.order).await.text("/lines/0/slots/0/contact_phone");
    let (clear, masked) = ("+628155500001", "•••••••••0001");
    let auditor = app.member(Some(deal.office.agency), Role::Auditor, &[]).await;
    let receiver = app.member(Some(deal.office.agency), Role::Receiver, &[deal.office.unit]).await;
    assert_eq!(phone(&deal.vendor.owner).await, masked);
    assert_eq!(phone(&receiver).await, clear);
    deal.vendor.accept(&deal.order).await.expect(200);
    assert_eq!(phone(&deal.vendor.owner).await, clear);
    assert_eq!(phone(&deal.office.officer).await, clear);
    assert_eq!(phone(&auditor).await, masked);
    cancel(&deal.vendor.owner, &deal.order).await.expect(200);
    cancel(&deal.office.approver, &deal.order).await.expect(200);
    assert_eq!(phone(&deal.vendor.owner).await, masked);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_keeps_its_picture_of_a_product_that_is_gone() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let before = deal.seen().await.body["lines"].clone();
    let path = format!("/api/v1/products/{}", deal.pen);
    vendor_changes(&deal, &path).await;
    deal.vendor.owner.act(&format!("{path}/actions/unpublish")).await.expect(200);
    deal.vendor.accept(&deal.order).await.expect(200);
    let after = deal.seen().await.body["lines"].clone();
    assert_eq!(before[0]["snapshot"], after[0]["snapshot"]);
    assert!(after[0]["snapshot"]["name"].as_str().unwrap().starts_with("Pulpen gel biru"));
    assert_eq!(after[0]["snapshot"]["list_price"], "20000.00");
    app.finish().await;
}

async fn vendor_changes(deal: &Deal, path: &str) {
    deal.vendor
        .owner
        .change(path, json!({ "name": "Spidol papan tulis", "price": "1.00" }))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_replaced_once_and_only_after_it_fell_through() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let path = format!("/api/v1/requests/{}/actions/replace-vendor", deal.request);
    let replace = async || deal.office.officer.post(&path, json!({ "order_id": deal.order })).await;
    replace().await.expect_problem(409, "illegal_transition");
    let other = deal.office.draft(vec![line(&deal.pen, "1")]).await;
    let wrong = format!("/api/v1/requests/{other}/actions/replace-vendor");
    deal.office
        .officer
        .post(&wrong, json!({ "order_id": deal.order }))
        .await
        .expect_problem(404, "not_found");
    // It lapses, and nobody has announced it.
    app.move_clock(24 * 14).await;
    let draft = replace().await.expect(201);
    assert_eq!(
        (draft.text("/status"), draft.text("/replaces_order_id")),
        ("draft".into(), deal.order.clone())
    );
    assert_eq!(draft.text("/package_id"), deal.office.package);
    assert_eq!(
        (draft.text("/lines/0/product_id"), draft.text("/lines/0/quantity")),
        (deal.pen.clone(), "100".into())
    );
    assert_eq!(held(&app).await, (0, 0));
    replace().await.expect_problem(409, "already_replaced");
    assert_eq!(deal.seen().await.text("/replaced_by_request_id"), draft.id());
    app.work().await;
    deal.office.submit(&draft.id()).await.expect(200);
    deal.office.approve(&draft.id()).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_is_replaced_with_its_own_lines_alone() {
    let app = TestApp::start().await;
    let (pens, paper) = (app.vendor().await, app.vendor().await);
    let (pen, ream) = (app.made(&pens, "20000.00").await, app.made(&paper, "50000.00").await);
    let office = app.office().await;
    let request = office.ordered(vec![line(&pen, "100"), line(&ream, "40")]).await;
    let orders = office.orders(&request).await;
    let of_paper = orders.iter().find(|order| order["vendor_id"] == paper.id.to_string()).unwrap()["id"]
        .as_str()
        .unwrap();
    cancel(&office.approver, of_paper).await.expect(200);
    cancel(&paper.owner, of_paper).await.expect(200);
    let path = format!("/api/v1/requests/{request}/actions/replace-vendor");
    let draft = office.officer.post(&path, json!({ "order_id": of_paper })).await.expect(201);
    let lines = draft.body["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["product_id"], &lines[0]["quantity"], &lines[0]["slots"][0]["day"]),
        (&json!(ream), &json!("40"), &json!(NEEDED_ON))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_fall_through_show_in_their_request() {
    let app = TestApp::start().await;
    let (pens, paper) = (app.vendor().await, app.vendor().await);
    let (pen, ream) = (app.made(&pens, "20000.00").await, app.made(&paper, "50000.00").await);
    let office = app.office().await;
    let request = office.ordered(vec![line(&pen, "100"), line(&ream, "40")]).await;
    let orders = office.orders(&request).await;
    let of = |vendor: &Vendor| {
        orders.iter().find(|order| order["vendor_id"] == vendor.id.to_string()).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    pens.decline(&of(&pens)).await.expect(200);
    assert_eq!(office.show(&request).await.text("/status"), "partially_ordered");
    assert_eq!(app.count("SELECT committed::bigint FROM packages").await, 2_000_000);
    let renew = format!("/api/v1/requests/{request}/actions/renew");
    office.officer.act(&renew).await.expect_problem(409, "illegal_transition");
    app.move_clock(24 * 14).await;
    // The other one lapsed.
    assert_eq!(office.show(&request).await.text("/status"), "closed");
    assert_eq!(office.officer.act(&renew).await.expect(201).body["lines"].as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_leaves_an_audit_row_and_an_event_without_personal_data() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let change = deal.propose(json!({ "brand": "Merek setara" })).await.expect(201);
    deal.answer(&change, "reject").await.expect(200);
    cancel(&deal.vendor.owner, &deal.order).await.expect(200);
    // Who accepts takes back that he asked to cancel.
    deal.vendor.accept(&deal.order).await.expect(200);
    cancel(&deal.office.approver, &deal.order).await.expect(200);
    assert_eq!(deal.seen().await.text("/status"), "accepted");
    cancel(&deal.vendor.owner, &deal.order).await.expect(200);
    let path = format!("/api/v1/requests/{}/actions/replace-vendor", deal.request);
    deal.office.officer.post(&path, json!({ "order_id": deal.order })).await.expect(201);
    let expected = [
        ("order.accepted", 1),
        ("order.cancel_asked", 2),
        ("order.cancelled", 1),
        ("order.change_proposed", 1),
        ("order.change_rejected", 1),
        ("order.issued", 1),
        ("order.replaced", 1),
        ("request.approved", 1),
        ("request.created", 2),
        ("request.submitted", 1),
    ];
    let expected: Vec<Vec<Option<String>>> = expected
        .iter()
        .map(|(kind, count)| vec![Some((*kind).to_owned()), Some(count.to_string())])
        .collect();
    let of = "subject_kind IN ('request', 'order') GROUP BY 1 ORDER BY 1";
    assert_eq!(app.sql(&format!("SELECT action, count(*) FROM audit WHERE {of}")).await, expected);
    assert_eq!(app.sql(&format!("SELECT kind, count(*) FROM events WHERE {of}")).await, expected);
    // Digests of the state before (but of what is new) and after; who acted.
    let first = "action IN ('request.created', 'order.issued')";
    let incomplete = format!(
        "SELECT count(*) FROM audit WHERE subject_kind IN ('request', 'order') AND (octet_length(after_digest) IS DISTINCT FROM 32
         OR (before_digest IS NULL) <> ({first}) OR octet_length(coalesce(before_digest, after_digest)) <> 32
         OR num_nulls(actor_id, membership_id, role) > 0 OR before_digest = after_digest)"
    );
    assert_eq!(app.count(&incomplete).await, 0);
    assert_eq!(app.count("SELECT count(*) FROM events WHERE octet_length(commitment) <> 32").await, 0);
    let personal = "8155500001|Bu Rini|Sri Wahyuni|person[0-9]+@|337401170890";
    let leaks = format!(
        "SELECT (SELECT count(*) FROM events e WHERE e::text ~ '{personal}') + (SELECT count(*) FROM audit a WHERE a::text ~ '{personal}')"
    );
    assert_eq!(app.count(&leaks).await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsed_approval_takes_no_number() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let rehearse = format!("/api/v1/requests/{request}/actions/approve?dry_run=true");
    let rehearsed = office.approver.post(&rehearse, office.content(&request).await).await.expect(200);
    assert_eq!(rehearsed.text("/status"), "ordered");
    assert!(office.orders(&request).await.is_empty());
    assert_eq!(app.count("SELECT count(*) FROM number_counters").await, 0);
    assert_eq!(app.count("SELECT committed::bigint FROM packages").await, 0);
    assert!(app.told(&vendor.owner.contact).await.iter().all(|mail| !mail.text.contains("SBX-SP")));
    office.approve(&request).await.expect(200);
    let number = office.orders(&request).await[0]["number"].as_str().unwrap().to_owned();
    assert!(number.ends_with("/0001"), "{number}");
    // Answering can be rehearsed, too; no rehearsal shows a number.
    let id = office.order(&request).await;
    let accepted =
        vendor.owner.act(&format!("/api/v1/orders/{id}/actions/accept?dry_run=true")).await.expect(200);
    assert_eq!((accepted.text("/status"), &accepted.body["number"]), ("accepted".into(), &Value::Null));
    assert_eq!(order(&vendor.owner, &id).await.text("/status"), "issued");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_one_key_is_given_once() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let path = format!("/api/v1/orders/{}/actions/accept", deal.order);
    let bare = deal.vendor.owner.request(reqwest::Method::POST, &path).send().await.unwrap();
    assert_eq!(bare.status().as_u16(), 400, "an answer needs an idempotency key");
    let first = deal.vendor.owner.post_as(&path, "sanggup-1", json!({})).await.expect(200);
    let again = deal.vendor.owner.post_as(&path, "sanggup-1", json!({})).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), again.bytes), ("true", first.bytes));
    deal.vendor.owner.post_as(&path, "sanggup-2", json!({})).await.expect_problem(409, "illegal_transition");
    assert_eq!(app.count("SELECT count(*) FROM audit WHERE action = 'order.accepted'").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_is_reserved_by_the_day() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let meal = app
        .goods(
            &vendor,
            PENS,
            "20000.00",
            json!({ "availability": "capacity_per_day", "capacity_per_day": "50" }),
        )
        .await;
    let office = app.office().await;
    let on = |days: &[(&str, &str)], whole: &str| {
        vec![line_with(&meal, whole, days.iter().map(|(day, part)| slot(day, part)).collect())]
    };
    let (monday, tuesday) = ("2035-06-25", "2035-06-26");
    let first = office.ordered(on(&[(monday, "40"), (tuesday, "20")], "60")).await;
    let over = office.draft(on(&[(monday, "11"), (tuesday, "10")], "21")).await;
    office.submit(&over).await.expect_problem(409, "capacity_exceeded");
    // All or nothing: Tuesday was not touched.
    assert_eq!(app.count("SELECT reserved::bigint FROM day_capacity WHERE day = '2035-06-26'").await, 20);
    office.submitted(on(&[(monday, "10"), (tuesday, "30")], "40")).await;
    vendor.decline(&office.order(&first).await).await.expect(200);
    assert_eq!(
        app.sql("SELECT day, reserved::bigint FROM day_capacity ORDER BY 1").await,
        [[monday, "10"], [tuesday, "30"]].map(|row| row.map(|cell| Some(cell.to_owned())).to_vec())
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_to_order_reserves_nothing() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let stamp = app.made(&vendor, "75000.00").await;
    let office = app.office().await;
    for _ in 0..2 {
        let request = office.ordered(vec![line(&stamp, "500")]).await;
        vendor.accept(&office.order(&request).await).await.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM stock_reservations").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_carries_what_the_treasury_needs() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let treasury = json!({ "payment_way": "ls", "dpa_number": "DPA/A.1/1.01/001/2035", "sub_activity": "1.01.01.1.01.0001",
        "account_code": "5.1.02.01.01.0024", "fund_source": "APBD" });
    let request = office.draft_with(vec![line(&pen, "100")], treasury.clone()).await;
    office.submit(&request).await.expect(200);
    office.approve(&request).await.expect(200);
    let issued = &office.orders(&request).await[0];
    let of = |field: &str| issued[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(["tax_regime", "payment_way", "contract_form"].map(of), ["59", "ls", "purchase_order"]);
    assert_eq!(["fulfilment", "acceptance", "billing"].map(of), ["none", "none", "none"]);
    assert_eq!(
        ["goods_total", "shipping_fee", "vat_total", "gross_total"].map(of),
        ["2000000.00", "0.00", "0.00", "2000000.00"]
    );
    for key in ["limit.direct.goods", "tax.regime", "tax.vat.rate", "budget.mode", "approval.steps"] {
        assert!(issued["policy_versions"][key].is_string(), "{key} in {}", issued["policy_versions"]);
    }
    let shown = office.show(&request).await;
    for (field, value) in treasury.as_object().unwrap() {
        assert_eq!(&shown.body[field], value, "{field}");
    }
    assert_eq!(shown.body["treasurer_id"], json!(office.treasurer));
    assert_eq!(shown.text("/budget_mode"), "enforced");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'requests' AND column_name IN
        ('treasurer_id', 'activity_officer_id', 'dpa_number', 'sub_activity', 'account_code', 'fund_source', 'fiscal_year', 'payment_way')";
    assert_eq!(app.count(columns).await, 8);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_sees_its_own_orders_alone() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let rival = app.vendor().await;
    let path = format!("/api/v1/orders/{}", deal.order);
    rival.owner.get(&path).await.expect_problem(404, "not_found");
    rival.accept(&deal.order).await.expect_problem(404, "not_found");
    rival.owner.get(&format!("{path}/changes")).await.expect_problem(404, "not_found");
    assert!(rival.owner.get("/api/v1/orders").await.expect(200).items().is_empty());
    assert_eq!(deal.vendor.owner.get("/api/v1/orders").await.expect(200).items().len(), 1);
    let neighbour = app.another_unit(deal.office.agency).await;
    let stranger = app.member(Some(deal.office.agency), Role::CommitmentOfficer, &[neighbour]).await;
    stranger.get(&path).await.expect_problem(404, "not_found");
    cancel(&stranger, &deal.order).await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_suspended_without_end_takes_no_order() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    let reason = json!({ "reason": "Menunggu klarifikasi izin usaha" });
    verifier.post(&format!("/api/v1/vendors/{}/actions/suspend", deal.vendor.id), reason).await.expect(200);
    deal.vendor.accept(&deal.order).await.expect_problem(409, "vendor_not_verified");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposed_change_is_told_with_its_reason() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    deal.propose(json!({ "brand": "Merek setara" })).await.expect(201);
    let mails = app.told(&deal.office.officer.contact).await;
    assert!(
        mails.iter().any(|mail| mail.text.contains("Merek semula tidak diproduksi lagi")),
        "{:?}",
        mails.last().map(|mail| &mail.text)
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_find_an_order_by_the_status_it_shows() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    app.move_clock(24 * 14).await;
    let count = async |status: &str| {
        deal.vendor.owner.get(&format!("/api/v1/orders?status={status}")).await.expect(200).items().len()
    };
    assert_eq!((count("issued").await, count("expired").await), (0, 1));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_day_moves_the_deliveries_with_it() {
    let app = TestApp::start().await;
    let deal = deal(&app).await;
    let change = deal.propose(json!({ "needed_on": "2035-06-20" })).await.expect(201);
    deal.answer(&change, "accept").await.expect(200);
    let seen = deal.seen().await;
    assert!(seen.text("/lines/0/slots/0/day") <= seen.text("/needed_on"), "{}", seen.body);
    app.finish().await;
}
