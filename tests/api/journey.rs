//! The main job from end to end.
use crate::support::TestApp;
use crate::support::purchase::line;

#[tokio::test(flavor = "multi_thread")]
async fn an_office_buys_from_two_vendors_and_both_accept() {
    let app = TestApp::start().await;
    let (pens, paper) = (app.vendor().await, app.vat_vendor().await);
    let pen = app.product(&pens, "12500.00", 40).await;
    let ream = app.product(&paper, "50000.00", 100).await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "10"), line(&ream, "100")]).await;
    let checks = office
        .officer
        .post("/api/v1/policy-checks", serde_json::json!({ "request_id": request }))
        .await
        .expect(200);
    assert_eq!(checks.text("/ready"), "true", "{}", checks.body);
    let submitted = office.submit(&request).await.expect(200);
    // 125,000 without VAT and 5,000,000 with 550,000 of it.
    assert_eq!(submitted.text("/goods_total"), "5125000.00");
    assert_eq!(submitted.text("/vat_total"), "550000.00");
    assert_eq!(submitted.text("/gross_total"), "5675000.00");
    assert_eq!(submitted.text("/status"), "pending_approval");
    assert_eq!(app.count("SELECT reserved::bigint FROM packages").await, 5_675_000);
    office.approve(&request).await.expect(200);
    assert_eq!(app.count("SELECT committed::bigint FROM budget_lines").await, 5_675_000);
    let orders = office.orders(&request).await;
    assert_eq!(orders.len(), 2);
    for (vendor, gross) in [(&pens, "125000.00"), (&paper, "5550000.00")] {
        let order = orders.iter().find(|order| order["vendor_id"] == vendor.id.to_string()).unwrap();
        assert_eq!(order["gross_total"], gross);
        assert!(order["number"].as_str().unwrap().starts_with("SBX-SP/DIN"));
        vendor.accept(order["id"].as_str().unwrap()).await.expect(200);
    }
    let done = office.officer.get(&format!("/api/v1/requests/{request}")).await.expect(200);
    assert_eq!(done.text("/status"), "ordered");
    let mails = app.mails_to(&pens.owner.contact).await;
    assert!(
        mails.iter().any(|mail| mail.text.contains("SBX-SP/DIN")),
        "{:?}",
        mails.iter().map(|m| &m.subject).collect::<Vec<_>>()
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_order_is_replaced_and_a_lapsed_one_frees_its_goods() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office().await;
    let request = office.ordered(vec![line(&pen, "100")]).await;
    let order = office.order(&request).await;
    vendor.decline(&order).await.expect(200);
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 0);
    let path = format!("/api/v1/requests/{request}/actions/replace-vendor");
    let draft = office.officer.post(&path, serde_json::json!({ "order_id": order })).await.expect(201);
    assert_eq!(draft.text("/replaces_order_id"), order);
    office.submit(&draft.id()).await.expect(200);
    office.approve(&draft.id()).await.expect(200);
    let second = office.order(&draft.id()).await;
    app.move_clock(24 * 14).await;
    // No worker runs: the last piece can be bought all the same.
    let third = office.ordered(vec![line(&pen, "100")]).await;
    assert_eq!(
        office.officer.get(&format!("/api/v1/orders/{second}")).await.expect(200).text("/status"),
        "expired"
    );
    vendor.accept(&second).await.expect_problem(409, "expired");
    vendor.accept(&office.order(&third).await).await.expect(200);
    app.work().await;
    assert_eq!(app.count("SELECT reserved::bigint FROM stock").await, 100);
    app.finish().await;
}
