//! Purchases that were made already: entered with proof and true dates, approved, public, and no competition.
use crate::support::TestApp;
use crate::support::purchase::{RECEIPT, line};
use lokapasar::kernel::Role;
use serde_json::{Value, json};

const DAY: &str = "2035-02-01T03:00:00Z";

fn proofs(request: &str) -> String {
    format!("/api/v1/requests/{request}/proofs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_was_made_already_is_approved_and_public_and_touches_no_stock() {
    let app = TestApp::start().await;
    let office = app.office().await;
    app.set_clock(DAY).await;
    let request = office.draft_recorded(json!({})).await;
    let proof = office.prove(&request).await;
    let seen = "/public/v1/recorded-purchases";
    let submitted = office.submit(&request).await.expect(200);
    assert_eq!(submitted.text("/status"), "pending_approval");
    let amounts =
        ["/goods_total", "/shipping_fee", "/vat_total", "/gross_total"].map(|at| submitted.text(at));
    assert_eq!(amounts, ["900000.00", "25000.00", "99000.00", "1024000.00"]);
    assert!(app.anonymous().get(seen).await.expect(200).items().is_empty());
    let recorded = office.approve(&request).await.expect(200);
    assert_eq!(recorded.text("/status"), "recorded");
    let package = office.officer.get(&format!("/api/v1/packages/{}", office.package)).await.expect(200);
    assert_eq!([package.text("/reserved"), package.text("/committed")], ["0.00", "1024000.00"]);
    let public = app.anonymous().get(seen).await.expect(200);
    let item = &public.items()[0];
    assert_eq!(item["request_id"], request.as_str());
    assert_eq!((&item["recorded_afterwards"], &item["competition"]), (&json!(true), &json!(false)));
    assert_eq!(item["recorded"]["vendor_name"], "Toko Bangunan Sumber Rejeki");
    assert_eq!(item["recorded"]["purchased_on"], "2035-01-04");
    assert_eq!(item["gross_total"], "1024000.00");
    let sum = hex::encode(lokapasar::platform::sealing::sha256(RECEIPT));
    assert_eq!(item["proofs"], json!([sum]));
    let paper = office.approver.get(&format!("{}/{proof}", proofs(&request))).await.expect(200);
    assert_eq!(paper.bytes, RECEIPT);
    for table in ["stock_reservations", "orders", "request_lines"] {
        assert_eq!(app.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    // It is final: nothing more happens to it.
    for verb in ["withdraw", "renew"] {
        let path = format!("/api/v1/requests/{request}/actions/{verb}");
        office.officer.act(&path).await.expect_problem(409, "illegal_transition");
    }
    office.turn(&office.approver, &request, "cancel").await.expect_problem(409, "illegal_transition");
    office
        .officer
        .upload(&proofs(&request), RECEIPT.to_vec(), &[])
        .await
        .expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_it_is_told_at_once() {
    let app = TestApp::start().await;
    let office = app.office().await;
    app.set_clock(DAY).await;
    let wrong = json!({ "reason_code": "convenience", "purchased_on": "2034-12-30", "delivered_on": "2035-02-02",
        "lines": [{ "name": "Pompa air", "unit": "ZZZ", "quantity": "0", "unit_price": "450000" }] });
    let request = office.draft_recorded(wrong).await;
    let refused = office.submit(&request).await;
    let mut found: Vec<String> =
        refused.expect(422).faults().into_iter().map(|(at, code)| format!("{at} {code}")).collect();
    found.sort();
    let expected = [
        "#/recorded proof_missing",
        "#/recorded/delivered_on out_of_range",
        "#/recorded/lines/0/quantity out_of_range",
        "#/recorded/lines/0/unit unknown_reference",
        "#/recorded/purchased_on out_of_range",
        "#/recorded/reason_code value_not_allowed",
    ];
    assert_eq!(found, expected);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_judged_by_the_limit_and_budget_that_every_purchase_has() {
    let app = TestApp::start().await;
    let office = app.office_with("5000000", "1000000").await;
    app.set_clock(DAY).await;
    let request = office.draft_recorded(json!({})).await;
    office.prove(&request).await;
    office.submit(&request).await.expect(422).expect_fault("#/budget_line_id", "budget_exceeded");
    let small = json!({ "vat_total": "0", "shipping_fee": "0" });
    let (first, second) = (office.draft_recorded(small.clone()).await, office.draft_recorded(small).await);
    for one in [&first, &second] {
        office.prove(one).await;
    }
    app.policy(office.agency, "limit.direct.goods", "1700000", "IDR").await;
    // What asks for no approval is on record by its submission.
    assert_eq!(office.submit(&first).await.expect(200).text("/status"), "recorded");
    let refused = office.submit(&second).await.expect(422);
    refused.expect_fault("#/package_id", "split_forbidden");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_covers_the_proofs_and_nobody_of_the_shop_gives_it() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let vendor = app.vendor().await;
    app.set_clock(DAY).await;
    let request = office.draft_recorded(json!({ "vendor_id": vendor.id })).await;
    office.prove(&request).await;
    let proof = office.prove(&request).await;
    let first = office.submit(&request).await.expect(200).text("/content_hash");
    let path = format!("{}/{proof}", proofs(&request));
    let etag = office.show(&request).await.etag();
    office.officer.delete(&path, &etag).await.expect_problem(409, "illegal_transition");
    office.officer.act(&format!("/api/v1/requests/{request}/actions/withdraw")).await.expect(200);
    let etag = office.show(&request).await.etag();
    office.officer.delete(&path, &etag).await.expect(204);
    office.officer.get(&path).await.expect_problem(404, "not_found");
    let second = office.submit(&request).await.expect(200).text("/content_hash");
    assert_ne!(first, second);
    let approver = office.approver.user.expect("a user");
    app.grant(approver, Some(lokapasar::kernel::OrganisationId(vendor.id.0)), Role::VendorStaff, &[]).await;
    office.approve(&request).await.expect_problem(409, "pair_official_vendor_owner");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_it_is_refused_for_every_other_method() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let vendor = app.vendor().await;
    let product = app.made(&vendor, "12500.00").await;
    let recorded: Value = office.show(&office.draft_recorded(json!({})).await).await.body["recorded"].clone();
    let request = office.draft_with(vec![line(&product, "1")], json!({ "recorded": recorded })).await;
    office.submit(&request).await.expect(422).expect_fault("#/recorded", "value_not_allowed");
    office
        .officer
        .upload(&proofs(&request), RECEIPT.to_vec(), &[])
        .await
        .expect_problem(409, "illegal_transition");
    let stranger = app.office().await;
    stranger.officer.get(&proofs(&request)).await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_receipt_proves_one_purchase_and_who_entered_it_approves_nothing_on_the_package() {
    let app = TestApp::start().await;
    let office = app.office().await;
    app.set_clock(DAY).await;
    let request = office.draft_recorded(json!({})).await;
    office.prove(&request).await;
    office.submit(&request).await.expect(200);
    office.approve(&request).await.expect(200);
    let again = office.draft_recorded(json!({})).await;
    office.prove(&again).await;
    office.submit(&again).await.expect(422).expect_fault("#/recorded", "duplicate_item");
    // The officer who put it on record cannot approve a colleague's purchase on the same package.
    let colleague = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let officer = office.officer.user.expect("a user");
    let also = app.grant(officer, Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    let vendor = app.vendor().await;
    let product = app.made(&vendor, "1200000.00").await;
    let mut body = office.draft_body(vec![line(&product, "1")]);
    body["fields"]["commitment_officer_id"] = json!(also);
    let theirs = colleague.post("/api/v1/requests", body).await.expect(201).id();
    let submitted = colleague.act(&format!("/api/v1/requests/{theirs}/actions/submit")).await;
    submitted.expect(422).expect_fault("#/commitment_officer_id", "pair_procurement_commitment");
    app.finish().await;
}
