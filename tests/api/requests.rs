//! Purchase requests: what submission refuses, what it freezes and holds, and who decides.
use crate::support::purchase::{NEEDED_ON, Office, line, line_with, slot};
use crate::support::trade::{PENS, Vendor, organisation};
use crate::support::{Caller, TestApp};
use lokapasar::kernel::Role;
use reqwest::Method;
use serde_json::{Value, json};

/// A submission that one rule alone refuses.
async fn refused(office: &Office, request: &str, pointer: &str, code: &str) {
    let answer = office.submit(request).await.expect_problem(422, "invalid_input");
    assert_eq!(answer.faults(), [(pointer.to_owned(), code.to_owned())]);
}

/// An office with money enough for every limit of the law.
async fn rich_office(app: &TestApp) -> Office {
    app.office_with("900000000", "900000000").await
}

async fn money(app: &TestApp) -> (i64, i64) {
    (
        app.count("SELECT sum(reserved)::bigint FROM packages").await,
        app.count("SELECT sum(committed)::bigint FROM packages").await,
    )
}

fn totals(answer: &crate::support::Answer) -> [String; 4] {
    ["goods_total", "shipping_fee", "vat_total", "gross_total"].map(|field| answer.text(&format!("/{field}")))
}

fn slot_in(region: &str, quantity: &str) -> Value {
    let mut slot = slot(NEEDED_ON, quantity);
    slot["region_code"] = json!(region);
    slot
}

/// The same person, logged in for a further role in the agency.
async fn with_further_role(app: &TestApp, office: &Office, person: &Caller, role: Role) -> Caller {
    let user = person.user.unwrap();
    let membership = app.grant(user, Some(office.agency), role, &[office.unit]).await;
    app.log_in(user, &person.contact, Some(membership)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_left_the_shelf_cannot_be_asked_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "10")]).await;
    vendor.owner.act(&format!("/api/v1/products/{pen}/actions/unpublish")).await.expect(200);
    refused(&office, &request, "#/lines/0/product_id", "product_unavailable").await;
    vendor.owner.act(&format!("/api/v1/products/{pen}/actions/publish")).await.expect(200);
    office.submit(&request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_asked_of_a_suspended_vendor() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "10")]).await;
    app.suspend(&vendor).await;
    refused(&office, &request, "#/lines/0/product_id", "vendor_not_verified").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_are_not_bought_as_services() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request =
        office.draft_with(vec![line(&pen, "10")], json!({ "procurement_kind": "other_services" })).await;
    refused(&office, &request, "#/lines/0/product_id", "procurement_kind_mismatch").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_minimum_order_is_the_least_that_can_be_asked_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app
        .goods(&vendor, PENS, "12500.00", json!({ "availability": "made_to_order", "minimum_order": "10" }))
        .await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "9.999")]).await;
    refused(&office, &request, "#/lines/0/quantity", "below_minimum_order").await;
    let enough = office.draft(vec![line(&pen, "10")]).await;
    office.submit(&enough).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_slots_must_add_up_to_the_line() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let lines = vec![line_with(&pen, "10", vec![slot(NEEDED_ON, "4"), slot("2035-06-28", "5")])];
    let request = office.draft(lines).await;
    refused(&office, &request, "#/lines/0/slots", "quantity_mismatch").await;
    let lines =
        json!({ "lines": [line_with(&pen, "10", vec![slot(NEEDED_ON, "4"), slot("2035-06-28", "6")])] });
    office.officer.change(&format!("/api/v1/requests/{request}"), lines).await.expect(200);
    office.submit(&request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_names_no_regions_serves_its_own_regency_alone() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request = office.draft(vec![line_with(&pen, "10", vec![slot_in("33.22.01", "10")])]).await;
    refused(&office, &request, "#/lines/0/slots", "region_not_served").await;
    let near = office.draft(vec![line_with(&pen, "10", vec![slot_in("33.74.02", "10")])]).await;
    office.submit(&near).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shipping_by_quote_does_not_go_with_a_direct_purchase() {
    let app = TestApp::start().await;
    let regions = json!({ "regions": [
        { "region_code": "33.74", "shipping_terms": "included" },
        { "region_code": "33.22", "shipping_terms": "on_quote" },
    ] });
    let vendor = app.vendor_with(regions).await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request = office.draft(vec![line_with(&pen, "10", vec![slot_in("33.22.01", "10")])]).await;
    refused(&office, &request, "#/lines/0/slots", "shipping_on_quote").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preparation_takes_a_working_day_before_the_day_of_need() {
    let app = TestApp::start().await;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 100).await;
    let office = app.office().await;
    let day = |day: &str| (vec![line_with(&pen, "10", vec![slot(day, "10")])], json!({ "needed_on": day }));
    let (lines, needed) = day("2027-12-23");
    let soon = office.draft_with(lines, needed).await;
    refused(&office, &soon, "#/needed_on", "needed_too_soon").await;
    // Needed on Monday 27: its preparation is Thursday 23, which begins at 17:00 UTC.
    let (lines, needed) = day("2027-12-27");
    let near = office.draft_with(lines, needed).await;
    assert_eq!(office.submit(&near).await.expect(200).text("/approval_due_at"), "2027-12-22T17:00:00Z");
    // Needed later: three working days, Thursday 23, Monday 27 and Tuesday 28.
    let (lines, needed) = day("2028-02-29");
    let later = office.draft_with(lines, needed).await;
    assert_eq!(office.submit(&later).await.expect(200).text("/approval_due_at"), "2027-12-28T17:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_lie_between_tomorrow_and_the_day_of_need() {
    let app = TestApp::start().await;
    app.set_clock("2027-12-22T03:00:00Z").await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 100).await;
    let office = app.office().await;
    for day in ["2027-12-22", "2028-01-15"] {
        let lines = vec![line_with(&pen, "10", vec![slot(day, "10")])];
        let request = office.draft_with(lines, json!({ "needed_on": "2028-01-14" })).await;
        refused(&office, &request, "#/lines/0/slots", "needed_too_soon").await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_methods_limit_is_compared_with_the_gross_total() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    // 180,180,180 bears 19,819,819.8 of VAT, rounded up to 19,819,820: exactly 200 million.
    let (just, over) = (app.made(&vendor, "180180180.00").await, app.made(&vendor, "180180181.00").await);
    let office = rich_office(&app).await;
    let request = office.draft(vec![line(&over, "1")]).await;
    refused(&office, &request, "#/lines", "method_limit_exceeded").await;
    let request = office.draft(vec![line(&just, "1")]).await;
    assert_eq!(office.submit(&request).await.expect(200).text("/gross_total"), "200000000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_may_compare_its_limit_without_vat() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    let dear = app.made(&vendor, "200000000.00").await;
    let office = rich_office(&app).await;
    let request = office.draft(vec![line(&dear, "1")]).await;
    refused(&office, &request, "#/lines", "method_limit_exceeded").await;
    app.policy(office.agency, "limit.includes_vat", "false", "flag").await;
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.text("/gross_total"), "222000000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packages_ceiling_bounds_what_can_be_asked_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (just, over) = (app.made(&vendor, "5000000.00").await, app.made(&vendor, "5000001.00").await);
    let office = app.office_with("5000000", "90000000").await;
    let request = office.draft(vec![line(&over, "1")]).await;
    refused(&office, &request, "#/package_id", "package_ceiling_exceeded").await;
    office.submitted(vec![line(&just, "1")]).await;
    // Nothing is left.
    refused(&office, &office.draft(vec![line(&just, "1")]).await, "#/package_id", "package_ceiling_exceeded")
        .await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_line_bounds_what_can_be_asked_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (just, over) = (app.made(&vendor, "5000000.00").await, app.made(&vendor, "5000001.00").await);
    let office = app.office_with("90000000", "5000000").await;
    let request = office.draft(vec![line(&over, "1")]).await;
    refused(&office, &request, "#/budget_line_id", "budget_exceeded").await;
    office.submitted(vec![line(&just, "1")]).await;
    refused(&office, &office.draft(vec![line(&just, "1")]).await, "#/budget_line_id", "budget_exceeded")
        .await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_budget_needs_a_line_of_the_same_package() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let request = office.draft_with(vec![line(&pen, "10")], json!({ "budget_line_id": null })).await;
    refused(&office, &request, "#/budget_line_id", "budget_line_required").await;
    let (_, foreign) = app.package(office.agency, office.unit, "1000000", "1000000").await;
    let path = format!("/api/v1/requests/{request}");
    let changed = office.officer.change(&path, json!({ "budget_line_id": foreign })).await;
    changed.expect_problem(422, "invalid_input").expect_fault("#/budget_line_id", "unknown_reference");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_budget_needs_account_dpa_and_the_officers_word() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 400).await;
    let office = app.office_with("90000000", "1").await;
    app.policy(office.agency, "budget.mode", "declared", "word").await;
    for missing in ["budget_declared", "account_code", "dpa_number"] {
        let mut declared = json!({ "budget_declared": true, "account_code": "5.1.02.01.01.0024", "dpa_number": "DPA/A.1/1.01/001/2035" });
        declared[missing] = Value::Null;
        let request = office.draft_with(vec![line(&pen, "100")], declared).await;
        refused(&office, &request, "#/budget_declared", "budget_declaration_required").await;
    }
    let declared = json!({ "budget_declared": true, "account_code": "5.1.02.01.01.0024", "dpa_number": "DPA/A.1/1.01/001/2035" });
    let request = office.draft_with(vec![line(&pen, "100")], declared).await;
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.text("/budget_mode"), "declared");
    // The line is named, and not held; the package is.
    assert_eq!(app.count("SELECT reserved::bigint FROM budget_lines").await, 0);
    assert_eq!(money(&app).await, (1_250_000, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_budget_off_no_line_is_asked_for_and_the_ceiling_still_holds() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 400).await;
    let office = app.office_with("1250000", "1").await;
    app.policy(office.agency, "budget.mode", "off", "word").await;
    let request = office.draft_with(vec![line(&pen, "100")], json!({ "budget_line_id": null })).await;
    assert_eq!(office.submit(&request).await.expect(200).text("/budget_mode"), "off");
    let more = office.draft_with(vec![line(&pen, "1")], json!({ "budget_line_id": null })).await;
    refused(&office, &more, "#/package_id", "package_ceiling_exceeded").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_on_one_package_may_not_pass_the_limit_together() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = rich_office(&app).await;
    let much = app.made(&vendor, "150000000.00").await;
    let (fits, splits) = (app.made(&vendor, "50000000.00").await, app.made(&vendor, "50000001.00").await);
    let first = office.ordered(vec![line(&much, "1")]).await;
    let second = office.draft(vec![line(&splits, "1")]).await;
    refused(&office, &second, "#/package_id", "split_forbidden").await;
    let exact = office.submitted(vec![line(&fits, "1")]).await;
    office.turn(&office.approver, &exact, "reject").await.expect(200);
    // What was declined is no purchase.
    vendor.decline(&office.order(&first).await).await.expect(200);
    office.submit(&second).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn like_goods_on_another_package_within_thirty_days_need_a_reason() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 1_000).await;
    let office = app.office().await;
    let (package, budget_line) = app.package(office.agency, office.unit, "150000000", "150000000").await;
    let elsewhere = |reason: Value| json!({ "package_id": package, "budget_line_id": budget_line, "split_reason": reason });
    let first = office.draft_with(vec![line(&pen, "100")], json!({ "split_reason": null })).await;
    office.submit(&first).await.expect(200);
    office.approve(&first).await.expect(200);
    vendor.accept(&office.order(&first).await).await.expect(200);
    // The same package is summed up, and asks for no reason.
    let same = office.draft_with(vec![line(&pen, "100")], json!({ "split_reason": null })).await;
    office.submit(&same).await.expect(200);
    office.turn(&office.approver, &same, "reject").await.expect(200);
    let again = office.draft_with(vec![line(&pen, "100")], elsewhere(Value::Null)).await;
    refused(&office, &again, "#/split_reason", "split_reason_required").await;
    app.move_clock(24 * 29).await;
    refused(&office, &again, "#/split_reason", "split_reason_required").await;
    let reasoned = office
        .draft_with(vec![line(&pen, "100")], elsewhere(json!("Kegiatan lain dengan anggaran sendiri")))
        .await;
    office.submit(&reasoned).await.expect(200);
    office.turn(&office.approver, &reasoned, "reject").await.expect(200);
    app.move_clock(24 * 2).await;
    office.submit(&again).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_fifty_million_on_two_offers_or_a_reason_must_be_shown() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = rich_office(&app).await;
    let (dear, below) = (app.made(&vendor, "50000000.00").await, app.made(&vendor, "49999999.00").await);
    let none = office.draft_with(vec![line(&dear, "1")], json!({ "comparison": null })).await;
    refused(&office, &none, "#/comparison", "comparison_required").await;
    let twice_the_same = json!({ "comparison": { "product_ids": [dear, dear] } });
    let one = office.draft_with(vec![line(&dear, "1")], twice_the_same).await;
    refused(&office, &one, "#/comparison", "comparison_required").await;
    let under = office.draft_with(vec![line(&below, "1")], json!({ "comparison": null })).await;
    office.submit(&under).await.expect(200);
    let two = office
        .draft_with(vec![line(&dear, "1")], json!({ "comparison": { "product_ids": [dear, below] } }))
        .await;
    office.submit(&two).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn officers_must_hold_the_role_they_are_named_for_in_that_unit() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "12500.00", 40).await;
    let office = app.office().await;
    let neighbour = app.another_unit(office.agency).await;
    let other = app.member(Some(office.agency), Role::CommitmentOfficer, &[neighbour]).await.membership;
    let approver = office.approver.membership;
    for (field, value, code) in [
        ("treasurer_id", Value::Null, "required"),
        ("treasurer_id", json!(approver), "officer_not_suitable"),
        ("commitment_officer_id", json!(office.treasurer), "officer_not_suitable"),
        ("commitment_officer_id", json!(other), "officer_not_suitable"),
        ("activity_officer_id", json!(approver), "officer_not_suitable"),
    ] {
        let request = office.draft_with(vec![line(&pen, "1")], json!({ field: value })).await;
        refused(&office, &request, &format!("#/{field}"), code).await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_not_pp_and_ppk_of_a_package() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 200).await;
    let office = app.office().await;
    let twin = with_further_role(&app, &office, &office.officer, Role::CommitmentOfficer).await;
    let request =
        office.draft_with(vec![line(&pen, "100")], json!({ "commitment_officer_id": twin.membership })).await;
    refused(&office, &request, "#/commitment_officer_id", "pair_procurement_commitment").await;
    // With no PPK named the same person may not approve either.
    let open = office.draft_with(vec![line(&pen, "100")], json!({ "commitment_officer_id": null })).await;
    office.submit(&open).await.expect(200);
    office.approve_as(&twin, &open).await.expect_problem(422, "pair_procurement_commitment");
    office.approve(&open).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_belongs_to_a_vendor_neither_buys_from_it_nor_approves() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 200).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    app.grant(office.approver.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    office.approve(&request).await.expect_problem(409, "pair_official_vendor_owner");
    app.grant(office.officer.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let second = office.draft(vec![line(&pen, "1")]).await;
    refused(&office, &second, "#/lines", "pair_official_vendor_owner").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_is_told_at_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app
        .goods(
            &vendor,
            PENS,
            "20000000.00",
            json!({ "availability": "made_to_order", "minimum_order": "20" }),
        )
        .await;
    let office = app.office_with("1000000", "1000000").await;
    let lines = vec![line_with(&pen, "11", vec![slot_in("33.22.01", "12")])];
    let wrong = json!({ "treasurer_id": null, "procurement_kind": "other_services", "comparison": null });
    let request = office.draft_with(lines, wrong).await;
    let answer = office.submit(&request).await.expect_problem(422, "invalid_input");
    let mut faults = answer.faults();
    faults.sort();
    let expected = [
        ("#/budget_line_id", "budget_exceeded"),
        ("#/comparison", "comparison_required"),
        ("#/lines", "method_limit_exceeded"),
        ("#/lines/0/product_id", "procurement_kind_mismatch"),
        ("#/lines/0/quantity", "below_minimum_order"),
        ("#/lines/0/slots", "quantity_mismatch"),
        ("#/lines/0/slots", "region_not_served"),
        ("#/package_id", "package_ceiling_exceeded"),
        ("#/treasurer_id", "required"),
    ];
    assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    // A draft with so many faults is kept all the same.
    assert_eq!(office.show(&request).await.text("/status"), "draft");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_request_is_not_submitted() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let request = office.draft(Vec::new()).await;
    office.submit(&request).await.expect_problem(422, "invalid_input").expect_fault("#/lines", "required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_hold_flat_shipping_for_each_delivery_and_the_vat_on_both() {
    let app = TestApp::start().await;
    let vendor = app
        .vendor_with(
            json!({ "regions": [{ "region_code": "33", "shipping_terms": "flat", "fee": "15000" }] }),
        )
        .await;
    app.register_for_vat(&vendor).await;
    let pen = app.product(&vendor, "12345.00", 100).await;
    let office = app.office().await;
    // 7 × 12,345 = 86,415; 11 % of it is 9,505.65 → 9,506; one delivery of 15,000 bears 1,650.
    let one = office.submitted(vec![line(&pen, "7")]).await;
    assert_eq!(totals(&office.show(&one).await), ["86415.00", "15000.00", "11156.00", "112571.00"]);
    // Two deliveries: 30,000 bears 3,300.
    let two = office
        .submitted(vec![line_with(&pen, "7", vec![slot(NEEDED_ON, "3"), slot("2035-06-28", "4")])])
        .await;
    assert_eq!(totals(&office.show(&two).await), ["86415.00", "30000.00", "12806.00", "129221.00"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shipping_by_weight_counts_begun_kilograms_of_each_delivery() {
    let app = TestApp::start().await;
    let regions = json!({ "regions": [
        { "region_code": "33.74", "shipping_terms": "by_weight", "fee": "3500" },
        { "region_code": "33.74.02", "shipping_terms": "included" },
    ] });
    let vendor = app.vendor_with(regions).await;
    let ream = app
        .goods(&vendor, PENS, "50000.00", json!({ "availability": "made_to_order", "weight_grams": 400 }))
        .await;
    let office = app.office().await;
    // Together 2.8 kg: three kilograms. Who is not registered for VAT charges none.
    let one = office.submitted(vec![line(&ream, "7")]).await;
    assert_eq!(totals(&office.show(&one).await), ["350000.00", "10500.00", "0.00", "360500.00"]);
    // 1.6 kg and 1.2 kg: two and two.
    let two = office
        .submitted(vec![line_with(&ream, "7", vec![slot(NEEDED_ON, "4"), slot("2035-06-28", "3")])])
        .await;
    assert_eq!(office.show(&two).await.text("/shipping_fee"), "14000.00");
    // The district that is named goes before its regency.
    let near = office.submitted(vec![line_with(&ream, "7", vec![slot_in("33.74.02", "7")])]).await;
    assert_eq!(office.show(&near).await.text("/shipping_fee"), "0.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_with_tax_in_it_is_taken_apart_and_stays_the_same() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    let inclusive = json!({ "availability": "made_to_order", "price_basis": "tax_inclusive" });
    let (desk, odd) = (
        app.goods(&vendor, PENS, "4440000.00", inclusive.clone()).await,
        app.goods(&vendor, PENS, "10000.00", inclusive).await,
    );
    let office = app.office().await;
    // 4,440,000 × 100/111 = 4,000,000. 10,000 × 100/111 = 9,009.009 → 9,009, and 991 are left.
    let request = office.submitted(vec![line(&desk, "1"), line(&odd, "1")]).await;
    let shown = office.show(&request).await;
    assert_eq!(totals(&shown), ["4009009.00", "0.00", "440991.00", "4450000.00"]);
    assert_eq!(
        (shown.text("/lines/1/goods_amount"), shown.text("/lines/1/vat_amount")),
        ("9009.00".into(), "991.00".into())
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quantity_of_a_line_reaches_its_price_tier() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 1_000).await;
    let tiers = json!({ "tiers": [{ "minimum_quantity": "10", "price": "19000.00" }, { "minimum_quantity": "100", "price": "17500.00" }] });
    let path = format!("/api/v1/products/{pen}");
    let etag = vendor.owner.get(&path).await.expect(200).etag();
    vendor.owner.put(&format!("{path}/price-tiers"), &etag, tiers).await.expect(200);
    let office = app.office().await;
    for (quantity, unit_price, goods) in
        [("9", "20000.00", "180000.00"), ("10", "19000.00", "190000.00"), ("100", "17500.00", "1750000.00")]
    {
        let request = office.submitted(vec![line(&pen, quantity)]).await;
        let shown = office.show(&request).await;
        assert_eq!(
            (shown.text("/lines/0/unit_price"), shown.text("/goods_total")),
            (unit_price.into(), goods.into())
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_to_a_million_orders_go_out_at_submission() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (small, above) = (app.made(&vendor, "1000000.00").await, app.made(&vendor, "1000001.00").await);
    let office = app.office().await;
    let request = office.draft(vec![line(&small, "1")]).await;
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.text("/status"), "ordered");
    assert_eq!(submitted.body["approval_roles"], json!([]));
    assert_eq!(office.orders(&request).await[0]["status"], "issued");
    assert_eq!(money(&app).await, (0, 1_000_000));
    let next = office.draft(vec![line(&above, "1")]).await;
    let submitted = office.submit(&next).await.expect(200);
    assert_eq!(submitted.text("/status"), "pending_approval");
    assert_eq!(submitted.body["approval_roles"], json!(["commitment_officer"]));
    assert!(office.orders(&next).await.is_empty());
    app.finish().await;
}

/// A request for building work of Rp250 million, submitted.
async fn building_work(app: &TestApp, vendor: &Vendor, office: &Office) -> String {
    let work = app.goods(vendor, "21.01.04", "250000000.00", json!({})).await;
    let request =
        office.draft_with(vec![line(&work, "1")], json!({ "procurement_kind": "construction" })).await;
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.body["approval_roles"], json!(["commitment_officer", "budget_user"]));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn building_work_above_two_hundred_million_also_needs_the_budget_user() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = rich_office(&app).await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let request = building_work(&app, &vendor, &office).await;
    // Not before the PPK.
    office.approve_as(&budget_user, &request).await.expect_problem(422, "officer_not_suitable");
    let first = office.approve(&request).await.expect(200);
    assert_eq!(first.text("/status"), "pending_approval");
    assert_eq!(first.body["approvals"].as_array().unwrap().len(), 1);
    assert!(office.orders(&request).await.is_empty());
    let mails = app.told(&budget_user.contact).await;
    assert_eq!(mails.len(), 1, "the budget user is asked after the first step");
    // The PPK cannot take the second step, nor the same person with the other hat.
    office.approve(&request).await.expect_problem(422, "officer_not_suitable");
    let twin = with_further_role(&app, &office, &office.approver, Role::BudgetUser).await;
    office.approve_as(&twin, &request).await.expect_problem(409, "pair_same_person");
    assert_eq!(office.approve_as(&budget_user, &request).await.expect(200).text("/status"), "ordered");
    assert_eq!(office.orders(&request).await.len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_exactly_the_content_that_was_read() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 200).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let first = office.show(&request).await.text("/content_hash");
    office.turn(&office.approver, &request, "return").await.expect(200);
    let path = format!("/api/v1/requests/{request}");
    office.officer.change(&path, json!({ "title": "Alat tulis rapat kerja" })).await.expect(200);
    office.submit(&request).await.expect(200);
    let second = office.show(&request).await.text("/content_hash");
    assert_ne!(first, second);
    let approve = format!("{path}/actions/approve");
    office
        .approver
        .post(&approve, json!({ "content_hash": first }))
        .await
        .expect_problem(409, "content_changed");
    office.approver.post(&approve, json!({ "content_hash": second })).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_ppk_who_is_named_decides() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 200).await;
    let office = app.office().await;
    let colleague = app.member(Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    office.approve_as(&colleague, &request).await.expect_problem(422, "officer_not_suitable");
    office.turn(&colleague, &request, "return").await.expect_problem(422, "officer_not_suitable");
    office.turn(&colleague, &request, "reject").await.expect_problem(422, "officer_not_suitable");
    office.approve_as(&office.officer, &request).await.expect_problem(403, "role_forbidden");
    office.approve(&request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_request_is_edited_and_submitted_again() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 150).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let returned = office.turn(&office.approver, &request, "return").await.expect(200);
    assert_eq!(returned.text("/status"), "returned");
    assert_eq!(returned.text("/status_reason"), "Spesifikasi belum sesuai kebutuhan");
    assert_eq!(returned.text("/content_hash"), "");
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 0);
    assert_eq!(money(&app).await, (0, 0));
    let mails = app.told(&office.officer.contact).await;
    assert!(mails.last().unwrap().text.contains("Spesifikasi belum sesuai kebutuhan"));
    let path = format!("/api/v1/requests/{request}");
    office.officer.change(&path, json!({ "lines": [line(&pen, "150")] })).await.expect(200);
    let again = office.submit(&request).await.expect(200);
    assert_eq!(
        (again.text("/status"), again.text("/gross_total")),
        ("pending_approval".into(), "3000000.00".into())
    );
    assert_eq!(again.text("/status_reason"), "");
    office.approve(&request).await.expect(200);
    assert_eq!(money(&app).await, (0, 3_000_000));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_frees_stock_and_money() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office_with("2000000", "2000000").await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let colleague = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let withdraw = format!("/api/v1/requests/{request}/actions/withdraw");
    colleague.act(&withdraw).await.expect_problem(422, "officer_not_suitable");
    assert_eq!(office.officer.act(&withdraw).await.expect(200).text("/status"), "withdrawn");
    office.approve(&request).await.expect_problem(409, "illegal_transition");
    // All of it can be asked for again, by the same request or another one.
    let other = office.submitted(vec![line(&pen, "100")]).await;
    office.officer.act(&format!("/api/v1/requests/{other}/actions/withdraw")).await.expect(200);
    office.submit(&request).await.expect(200);
    assert_eq!(app.count("SELECT reserved::bigint FROM budget_lines").await, 2_000_000);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_is_over_and_can_be_renewed() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let path = format!("/api/v1/requests/{request}/actions");
    office.officer.act(&format!("{path}/renew")).await.expect_problem(409, "illegal_transition");
    let rejected = office.turn(&office.approver, &request, "reject").await.expect(200);
    assert_eq!(rejected.text("/status"), "rejected");
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 0);
    office.approve(&request).await.expect_problem(409, "illegal_transition");
    office.submit(&request).await.expect_problem(409, "illegal_transition");
    let mails = app.told(&office.officer.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains("Spesifikasi belum sesuai kebutuhan")));
    let copy = office.officer.act(&format!("{path}/renew")).await.expect(201);
    assert_eq!((copy.text("/status"), copy.text("/renewed_from")), ("draft".into(), request));
    assert_eq!(copy.header("location"), format!("/api/v1/requests/{}", copy.id()));
    office.submit(&copy.id()).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_can_be_cancelled_until_it_is_ordered() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 300).await;
    let office = app.office().await;
    let draft = office.draft(vec![line(&pen, "100")]).await;
    office.turn(&office.officer, &draft, "cancel").await.expect(200);
    office.submit(&draft).await.expect_problem(409, "illegal_transition");
    let pending = office.submitted(vec![line(&pen, "100")]).await;
    let cancelled = office.turn(&office.approver, &pending, "cancel").await.expect(200);
    assert_eq!(cancelled.text("/status"), "cancelled");
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 0);
    assert_eq!(money(&app).await, (0, 0));
    let ordered = office.ordered(vec![line(&pen, "100")]).await;
    office.turn(&office.officer, &ordered, "cancel").await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_deadline_holds_without_the_worker_and_is_announced_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    app.work().await;
    let blocked = office.draft(vec![line(&pen, "100")]).await;
    office.submit(&blocked).await.expect_problem(409, "out_of_stock");
    app.move_clock(24 * 14).await;
    assert_eq!(office.show(&request).await.text("/status"), "expired");
    assert!(!office.approver.get(&format!("/api/v1/requests/{request}")).await.expect(200).may("approve"));
    office.approve(&request).await.expect_problem(409, "expired");
    // The goods can be had again, though nobody announced anything.
    office.submit(&blocked).await.expect(200);
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 100);
    for _ in 0..2 {
        app.work().await;
    }
    let mails = app.told(&office.officer.contact).await;
    let lapsed = mails.iter().filter(|mail| mail.subject.contains("kedaluwarsa")).count();
    assert_eq!(lapsed, 1);
    assert_eq!(
        app.count(&format!(
            "SELECT count(*) FROM audit WHERE action = 'request.expired' AND subject_id = '{request}'"
        ))
        .await,
        1
    );
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 100);
    assert_eq!(money(&app).await, (2_000_000, 0));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_request_is_priced_on_the_day_it_is_submitted() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    app.move_clock(24 * 14).await;
    vendor.owner.change(&format!("/api/v1/products/{pen}"), json!({ "price": "21500.00" })).await.expect(200);
    let copy = office.officer.act(&format!("/api/v1/requests/{request}/actions/renew")).await.expect(201);
    assert_eq!(copy.text("/gross_total"), "0.00");
    assert_eq!(copy.text("/lines/0/unit_price"), "");
    let submitted = office.submit(&copy.id()).await.expect(200);
    assert_eq!(
        (submitted.text("/lines/0/unit_price"), submitted.text("/gross_total")),
        ("21500.00".into(), "2150000.00".into())
    );
    assert_eq!(office.show(&request).await.text("/gross_total"), "2000000.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_of_a_submitted_request_is_frozen() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    vendor.owner.change(&format!("/api/v1/products/{pen}"), json!({ "price": "99000.00" })).await.expect(200);
    office.approve(&request).await.expect(200);
    let order = &office.orders(&request).await[0];
    assert_eq!(
        (&order["gross_total"], &order["lines"][0]["unit_price"]),
        (&json!("2000000.00"), &json!("20000.00"))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_user_gives_a_request_to_other_officers_by_letter() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let buyer = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let approver = app.member(Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let path = format!("/api/v1/requests/{request}/actions");
    let letter = |duty: &str, to: &Caller| json!({ "duty": duty, "membership_id": to.membership, "letter_number": "821/017/2035" });
    let reassign = format!("{path}/reassign");
    office
        .approver
        .post(&reassign, letter("commitment_officer", &approver))
        .await
        .expect_problem(403, "role_forbidden");
    budget_user.post(&reassign, letter("procurement_officer", &buyer)).await.expect(200);
    let given = budget_user.post(&reassign, letter("commitment_officer", &approver)).await.expect(200);
    assert_eq!(given.body["officer_id"], json!(buyer.membership));
    assert_eq!(given.body["commitment_officer_id"], json!(approver.membership));
    assert_eq!(app.count("SELECT count(*) FROM reassignments WHERE letter_number = '821/017/2035'").await, 2);
    assert!(app.told(&buyer.contact).await.last().unwrap().text.contains("821/017/2035"));
    // The former officers are out of it, the new ones in.
    office.approve(&request).await.expect_problem(422, "officer_not_suitable");
    office.officer.act(&format!("{path}/withdraw")).await.expect_problem(422, "officer_not_suitable");
    buyer.act(&format!("{path}/withdraw")).await.expect(200);
    buyer.act(&format!("{path}/submit")).await.expect(200);
    office.approve_as(&approver, &request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reassignment_makes_no_forbidden_pair() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let buyer_again = with_further_role(&app, &office, &office.officer, Role::CommitmentOfficer).await;
    let approver_again = with_further_role(&app, &office, &office.approver, Role::ProcurementOfficer).await;
    let reassign = format!("/api/v1/requests/{request}/actions/reassign");
    for (duty, to) in [("commitment_officer", &buyer_again), ("procurement_officer", &approver_again)] {
        let letter = json!({ "duty": duty, "membership_id": to.membership, "letter_number": "821/018/2035" });
        budget_user.post(&reassign, letter).await.expect_problem(422, "pair_procurement_commitment");
    }
    let letter = json!({ "duty": "commitment_officer", "membership_id": office.treasurer, "letter_number": "821/018/2035" });
    budget_user
        .post(&reassign, letter)
        .await
        .expect_problem(422, "invalid_input")
        .expect_fault("#/membership_id", "officer_not_suitable");
    assert_eq!(app.count("SELECT count(*) FROM reassignments").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_edited_after_submission_and_never_blindly() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "100")]).await;
    let path = format!("/api/v1/requests/{request}");
    let title = json!({ "title": "Alat tulis bulan depan" });
    let blind = office.officer.request(Method::PATCH, &path).json(&title).send().await.unwrap();
    assert_eq!(blind.status().as_u16(), 428);
    let old = office.show(&request).await.etag();
    office.officer.patch(&path, &old, title.clone()).await.expect(200);
    office.officer.patch(&path, &old, title.clone()).await.expect_problem(412, "version_stale");
    let colleague = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    colleague.change(&path, title.clone()).await.expect_problem(422, "officer_not_suitable");
    office.submit(&request).await.expect(200);
    let hash = office.show(&request).await.text("/content_hash");
    office.officer.change(&path, title).await.expect_problem(409, "illegal_transition");
    assert_eq!(office.show(&request).await.text("/content_hash"), hash);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_checks_explain_every_rule_and_store_nothing() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office_with("1000000", "150000000").await;
    let request = office.draft(vec![line(&pen, "100")]).await;
    let trail = app.count("SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM events)").await;
    let before = office.show(&request).await;
    let checks =
        office.officer.post("/api/v1/policy-checks", json!({ "request_id": request })).await.expect(200);
    assert_eq!(checks.text("/ready"), "false");
    assert_eq!(totals(&checks), ["2000000.00", "0.00", "220000.00", "2220000.00"]);
    assert_eq!(checks.body["approval_roles"], json!(["commitment_officer"]));
    let rules = checks.body["checks"].as_array().unwrap().clone();
    let rule = |name: &str| rules.iter().find(|check| check["rule"] == name).cloned().unwrap_or_default();
    let limit = rule("method_limit");
    assert_eq!(limit["met"], true);
    assert_eq!(
        (&limit["figures"]["limit"], &limit["figures"]["value"]),
        (&json!("200000000.00"), &json!("2220000.00"))
    );
    assert_eq!(
        limit["legal_basis"],
        "Perpres 16/2018 jo. Perpres 12/2021 dan Perpres 46/2025 Pasal 1 angka 40"
    );
    let ceiling = rule("package_ceiling");
    assert_eq!(
        (&ceiling["met"], &ceiling["code"], &ceiling["pointer"]),
        (&json!(false), &json!("package_ceiling_exceeded"), &json!("#/package_id"))
    );
    assert_eq!(
        (&ceiling["figures"]["limit"], &ceiling["figures"]["value"]),
        (&json!("1000000.00"), &json!("2220000.00"))
    );
    assert!(ceiling["reason"].is_string() && ceiling["remedy"].is_string());
    let budget = rule("budget");
    assert_eq!(
        (&budget["met"], &budget["legal_basis"]),
        (&json!(true), &json!("UU 1/2004 Pasal 3 ayat (3)"))
    );
    for name in [
        "lines",
        "product",
        "procurement_kind",
        "minimum_order",
        "delivery_slots",
        "delivery_days",
        "region",
        "needed_on",
        "split_package",
        "split_kbki",
        "comparison",
        "officers",
        "conflict_of_interest",
    ] {
        assert_eq!(rule(name)["met"], true, "{name}");
    }
    let after = office.show(&request).await;
    assert_eq!(before.body, after.body);
    assert_eq!(app.count("SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM events)").await, trail);
    assert_eq!(
        app.count(
            "SELECT (SELECT count(*) FROM stock_reservations) + (SELECT count(*) FROM budget_reservations)"
        )
        .await,
        0
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsed_submission_holds_nothing() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "100")]).await;
    let rehearse = format!("/api/v1/requests/{request}/actions/submit?dry_run=true");
    let rehearsed = office.officer.act(&rehearse).await.expect(200);
    assert_eq!(
        (rehearsed.text("/status"), rehearsed.text("/gross_total")),
        ("pending_approval".into(), "2000000.00".into())
    );
    assert_eq!(office.show(&request).await.text("/status"), "draft");
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 0);
    assert_eq!(money(&app).await, (0, 0));
    assert_eq!(app.count("SELECT count(*) FROM audit WHERE action = 'request.submitted'").await, 0);
    let dear = office.draft(vec![line(&pen, "101")]).await;
    let rehearse = format!("/api/v1/requests/{dear}/actions/submit?dry_run=true");
    office.officer.act(&rehearse).await.expect_problem(409, "out_of_stock");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_seen_by_whose_appointment_covers_its_unit() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let neighbour = app.another_unit(office.agency).await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let path = format!("/api/v1/requests/{request}");
    let stranger = app.member(Some(office.agency), Role::ProcurementOfficer, &[neighbour]).await;
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.act(&format!("{path}/actions/withdraw")).await.expect_problem(404, "not_found");
    assert!(stranger.get("/api/v1/requests").await.expect(200).items().is_empty());
    let elsewhere = app.office().await;
    elsewhere.officer.get(&path).await.expect_problem(404, "not_found");
    vendor.owner.get(&path).await.expect_problem(403, "role_forbidden");
    let auditor = app.member(Some(office.agency), Role::Auditor, &[]).await;
    let seen = auditor.get(&path).await.expect(200);
    assert_eq!(seen.text("/lines/0/slots/0/contact_phone"), "•••••••••0001");
    assert_eq!(office.show(&request).await.text("/lines/0/slots/0/contact_phone"), "+628155500001");
    // Employed by one agency, appointed to a unit of another one.
    let lent = app.member(Some(elsewhere.agency), Role::ProcurementOfficer, &[office.unit]).await;
    lent.get(&path).await.expect(200);
    let own = lent.post("/api/v1/requests", office.draft_body(vec![line(&pen, "10")])).await;
    assert_eq!(own.status, 201, "{}", own.body);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_names_a_unit_of_ones_own_and_a_package_of_that_unit() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let neighbour = app.another_unit(office.agency).await;
    let (package, _) = app.package(office.agency, neighbour, "1000000", "1000000").await;
    let mut body =
        json!({ "unit_id": neighbour, "package_id": package, "title": "Alat tulis", "needed_on": NEEDED_ON });
    let answer = office.officer.post("/api/v1/requests", body.clone()).await;
    answer.expect_problem(422, "invalid_input").expect_fault("#/unit_id", "unknown_reference");
    body["unit_id"] = json!(office.unit);
    let answer = office.officer.post("/api/v1/requests", body).await;
    answer.expect_problem(422, "invalid_input").expect_fault("#/package_id", "unknown_reference");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_a_lapsed_request_can_be_asked_for_without_the_worker() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("2000000", "2000000").await;
    office.submitted(vec![line(&pen, "1")]).await;
    app.move_clock(24 * 14).await;
    let next = office.draft(vec![line(&pen, "1")]).await;
    office.submit(&next).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_find_a_request_by_the_status_it_shows() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 200).await;
    let office = app.office().await;
    let lapsed = office.submitted(vec![line(&pen, "100")]).await;
    app.move_clock(24 * 14).await;
    let closed = office.ordered(vec![line(&pen, "100")]).await;
    vendor.decline(&office.order(&closed).await).await.expect(200);
    let mut found = Vec::new();
    for status in ["pending_approval", "expired", "ordered", "closed"] {
        let page = office.officer.get(&format!("/api/v1/requests?status={status}")).await.expect(200);
        found.push(
            page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        );
    }
    assert_eq!(found, [vec![], vec![lapsed], vec![], vec![closed]]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_do_not_exist_are_no_comparison() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = rich_office(&app).await;
    let dear = app.made(&vendor, "50000000.00").await;
    let invented = json!({ "comparison": { "product_ids": ["0198f000-0000-7000-8000-000000000001", "0198f000-0000-7000-8000-000000000002"] } });
    let mut body = office.draft_body(vec![line(&dear, "1")]);
    body["fields"]["comparison"] = invented["comparison"].clone();
    let draft = office.officer.post("/api/v1/requests", body).await;
    if draft.status == 201 {
        office.submit(&draft.id()).await.expect_problem(422, "invalid_input");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_request_is_no_purchase_of_like_goods() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 1_000).await;
    let office = app.office().await;
    let (package, budget_line) = app.package(office.agency, office.unit, "150000000", "150000000").await;
    office.submitted(vec![line(&pen, "100")]).await;
    app.move_clock(24 * 14).await;
    let elsewhere = json!({ "package_id": package, "budget_line_id": budget_line, "split_reason": null });
    let request = office.draft_with(vec![line(&pen, "100")], elsewhere).await;
    office.submit(&request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_not_reassigned_to_a_member_of_its_vendor() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let buyer = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    app.grant(buyer.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let request = office.submitted(vec![line(&pen, "100")]).await;
    let letter = json!({ "duty": "procurement_officer", "membership_id": buyer.membership, "letter_number": "821/019/2035" });
    budget_user
        .post(&format!("/api/v1/requests/{request}/actions/reassign"), letter)
        .await
        .expect_problem(409, "pair_official_vendor_owner");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_took_an_approval_step_does_not_become_the_requests_pp() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = rich_office(&app).await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let approver_again = with_further_role(&app, &office, &office.approver, Role::ProcurementOfficer).await;
    let work = app.goods(&vendor, "21.01.04", "250000000.00", json!({})).await;
    let open = json!({ "procurement_kind": "construction", "commitment_officer_id": null });
    let request = office.draft_with(vec![line(&work, "1")], open).await;
    office.submit(&request).await.expect(200);
    office.approve(&request).await.expect(200);
    let letter = json!({ "duty": "procurement_officer", "membership_id": approver_again.membership, "letter_number": "821/020/2035" });
    let path = format!("/api/v1/requests/{request}/actions/reassign");
    budget_user.post(&path, letter).await.expect_problem(422, "pair_procurement_commitment");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_who_does_not_exist_is_refused_where_he_is_named() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let mut body = office.draft_body(Vec::new());
    let nobody = "0197a000-0000-7000-8000-000000000001";
    for field in ["treasurer_id", "activity_officer_id", "commitment_officer_id"] {
        body["fields"][field] = json!(nobody);
    }
    let refused = office.officer.post("/api/v1/requests", body).await.expect(422);
    refused
        .expect_fault("#/fields/treasurer_id", "unknown_reference")
        .expect_fault("#/fields/activity_officer_id", "unknown_reference")
        .expect_fault("#/fields/commitment_officer_id", "unknown_reference");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_worth_less_than_a_rupiah_cannot_be_asked_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let crumb = app.product(&vendor, "0.04", 40).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&crumb, "10")]).await;
    refused(&office, &request, "#/lines/0/quantity", "out_of_range").await;
    app.finish().await;
}
