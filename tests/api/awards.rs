//! What an award holds and lets go of: goods and money with earlier orders, objections with their award,
//! scores with their agreement.
use crate::support::comparison::*;
use crate::support::purchase::{NEEDED_ON, slot};
use crate::support::{TestApp, scaled};
use lokapasar::kernel::{Realm, Role};
use lokapasar::platform::sealing::KeyRing;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_award_of_the_rest_counts_what_was_ordered_before_against_the_limit() {
    let (house, asked, _) = itemised().await;
    let request = &asked.request;
    // Pens 102,000 and ink 307,501 fit; once the ink is to be awarded anew its 307,600 do not fit beside the pens.
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await.1, house.order_of(request, 1).await.1);
    house.vendors[1].accept(&pens).await.expect(200);
    house.vendors[0].decline(&ink).await.expect(200);
    house.next_rank(request, &ink).await.expect(200);
    house.app.policy(house.office.agency, "limit.direct.goods", "409599", "IDR").await;
    let complete = house.complete(request).await;
    for leader in all(&complete.body, "/leaders", "quote_id") {
        house.turn(leader.as_str().unwrap(), "verify").await.expect(200);
    }
    let hash = complete.text("/content_hash");
    house.award(request, &hash).await.expect_problem(422, "method_limit_exceeded");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_award_ordered_stays_bought_when_the_rest_is_given_up() {
    let (house, asked, _) = itemised().await;
    let (office, request) = (&house.office, &asked.request);
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await.1, house.order_of(request, 1).await.1);
    house.vendors[1].accept(&pens).await.expect(200);
    house.vendors[0].decline(&ink).await.expect(200);
    let fallen = house.office.officer.get(&format!("/api/v1/orders/{ink}")).await.expect(200);
    assert!(fallen.may("next-rank") && !fallen.may("replace-vendor"), "{}", fallen.body);
    let inbox = office.officer.get("/api/v1/inbox").await.expect(200);
    assert_eq!(all(&inbox.body, "/items", "waits_for"), ["procurement_officer"]);
    let open = house.next_rank(request, &ink).await.expect(200);
    assert!(!open.may("cancel") && open.may("fail") && open.may("complete-evaluation"), "{}", open.body);
    office.turn(&office.officer, request, "cancel").await.expect_problem(409, ILLEGAL);
    let given_up = office.turn(&office.officer, request, "fail").await.expect(200);
    assert_eq!(said(&given_up, ["/status", "/gross_total"]), ["partially_ordered", "102000.00"]);
    assert_eq!(house.held().await, ["0.00", "102000.00"]);
    office.turn(&office.officer, request, "cancel").await.expect_problem(409, ILLEGAL);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_fallen_order_was_awarded_again_is_ordered_in_whole() {
    let (house, asked, _) = itemised().await;
    let request = &asked.request;
    house.awarded(request).await;
    let (ink, pens) = (house.order_of(request, 0).await.1, house.order_of(request, 1).await.1);
    house.vendors[1].accept(&pens).await.expect(200);
    house.vendors[0].decline(&ink).await.expect(200);
    assert_eq!(house.office.show(request).await.text("/status"), "partially_ordered");
    house.next_rank(request, &ink).await.expect(200);
    house.awarded(request).await;
    assert_eq!(house.office.show(request).await.text("/status"), "ordered");
    let listed = house.office.officer.get("/api/v1/requests?status=ordered").await.expect(200);
    assert_eq!(all(&listed.body, "/items", "id"), [request.as_str()]);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_award_reserves_counted_goods_and_is_refused_where_they_are_gone() {
    let mut house = house(0).await;
    house.join(json!({}), json!({})).await;
    let vendor = &house.vendors[0];
    let counted = house.app.product(vendor, "12500.00", 150).await;
    let asked = house.asks(json!({})).await;
    let second = house.asks(json!({})).await;
    for one in [&asked, &second] {
        let quote = vendor.quotes(one, &counted, "600000", "0").await;
        assert!(!quote.is_empty());
    }
    house.pass(&second.deadline).await;
    let reserved = format!("SELECT reserved::bigint FROM stock WHERE product_id = '{counted}'");
    let until = house.awarded(&asked.request).await.text("/quotation/objections_until");
    assert_eq!(house.app.count(&reserved).await, 100);
    let complete = house.complete(&second.request).await;
    for leader in all(&complete.body, "/leaders", "quote_id") {
        house.turn(leader.as_str().unwrap(), "verify").await.expect(200);
    }
    house.award(&second.request, &complete.text("/content_hash")).await.expect_problem(409, "out_of_stock");
    assert_eq!(house.app.count(&reserved).await, 100);
    house.pass(&until).await;
    let order = house.order_of(&asked.request, 0).await.1;
    vendor.accept(&order).await.expect(200);
    assert_eq!(house.app.count(&reserved).await, 100);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_ends_with_the_award_that_it_is_against() {
    let house = house(3).await;
    let asked = house.asks(json!({})).await;
    house.quotes(&asked, &["600000", "610000", "620000"]).await;
    house.pass(&asked.deadline).await;
    let request = &asked.request;
    house.awarded(request).await;
    let first = object(&house.vendors[1], request).await.expect(201).id();
    let second = object(&house.vendors[2], request).await.expect(201).id();
    assert_eq!(house.told("Sanggahan atas permintaan penawaran").await, [0, 0, 0, 2, 2]);
    decide(&house.office.approver, request, &first, true).await.expect(200);
    assert_eq!(house.told("penetapan pemenang batal").await, [0, 0, 0, 1, 0]);
    assert_eq!(house.told("Sanggahan Anda").await, [0, 1, 0, 0, 0]);
    decide(&house.office.approver, request, &second, false).await.expect_problem(409, ILLEGAL);
    // While nothing is awarded the evaluation is the office's alone.
    let path = at(request, "/evaluation");
    house.vendors[2].owner.get(&path).await.expect_problem(409, ILLEGAL);
    let until = house.awarded(request).await.text("/quotation/objections_until");
    house.vendors[2].owner.get(&path).await.expect(200);
    object(&house.vendors[2], request).await.expect(201);
    house.pass(&until).await;
    assert_eq!(house.office.show(request).await.text("/status"), "awarded");
    let waiting = house.office.officer.get(&at(request, "/objections")).await.expect(200);
    let third = waiting.items().pop().expect("an objection")["id"].as_str().unwrap().to_owned();
    decide(&house.office.approver, request, &third, false).await.expect(200);
    house.app.work().await;
    assert_eq!(house.office.show(request).await.text("/status"), "ordered");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_that_came_after_the_last_agreement_ask_for_a_new_one_and_other_scores_for_a_reason() {
    let house = house(2).await;
    let asked = house.asks(weighted()).await;
    let quotes = house.quotes(&asked, &TWO).await;
    house.pass(&asked.deadline).await;
    let (officer, request) = (&house.office.officer, &asked.request);
    let (own, other) = (["60", "50", "100", "90"], ["61", "50", "100", "90"]);
    score(officer, request, &scores(&quotes, own)).await.expect(200);
    let differing = json!({ "scores": scores(&quotes, other) });
    faulty(house.evaluate(request, differing).await, "#/reason required");
    house.evaluate(request, json!({ "scores": scores(&quotes, own) })).await.expect(200);
    // A further disqualification and its end void the ranking; the newer sheet counts, not the old agreement.
    house.turn(&quotes[1], "technical").await.expect(200);
    let left = json!([0, 1].map(|place| scores(&quotes, other)[place].clone()));
    score(officer, request, &left).await.expect(200);
    let found = house.complete(request).await.body;
    assert_eq!(found["input"]["quotes"][0]["scores"]["mutu"], "61");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_has_its_time_to_mend_and_reads_what_is_asked_of_it() {
    let (house, asked, quotes) = stage(&TWO).await;
    house.turn(&quotes[0], "not_cured").await.expect_problem(422, "invalid_input");
    house.turn(&quotes[0], "ask-cure").await.expect(200);
    house.turn(&quotes[0], "not_cured").await.expect_problem(409, "cure_under_way");
    house.evaluate(&asked.request, json!({})).await.expect_problem(409, "cure_under_way");
    let own = house.vendors[0].owner.get(&of(&quotes[0], "")).await.expect(200);
    assert_eq!(own.text("/cures/0/fault"), REASON);
    assert!(own.may("cure"), "{}", own.body);
    house.pass(&own.text("/cures/0/due_at")).await;
    assert!(!house.vendors[0].owner.get(&of(&quotes[0], "")).await.expect(200).may("cure"));
    house.turn(&quotes[0], "not_cured").await.expect(200);
    house.awarded(&asked.request).await;
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_approved_does_not_compare_the_quotes() {
    let house = house(2).await;
    let (office, app) = (&house.office, &house.app);
    let asked = house.asks(weighted()).await;
    let quotes = house.quotes(&asked, &TWO).await;
    house.pass(&asked.deadline).await;
    let approver = office.approver.user.expect("a user");
    let also = app.grant(approver, Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let both = app.log_in(approver, &office.approver.contact, Some(also)).await;
    let sheet = scores(&quotes, ["60", "50", "100", "90"]);
    score(&both, &asked.request, &sheet).await.expect_problem(422, "pair_procurement_commitment");
    score(&office.officer, &asked.request, &sheet).await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_that_does_not_fit_opens_nothing_and_spoils_nothing() {
    let house = house(1).await;
    let asked = house.asks(json!({})).await;
    house.quotes(&asked, &["10000"]).await;
    let keys = KeyRing::generate(false).expect("keys");
    let url = crate::support::bench().await.url(&house.app.database);
    let other = TestApp::start_with_keys(url, house.app.database.clone(), Realm::Sandbox, keys, |_| {}).await;
    house.app.set_clock(&asked.deadline).await;
    // The token is the first one's: what matters is that the other opens with its own ring.
    assert!(lokapasar::cli::step_worker(&other.app).await.is_err());
    assert_eq!(house.office.show(&asked.request).await.text("/status"), "quotes_closed");
    house.app.work().await;
    assert_eq!(house.office.show(&asked.request).await.text("/status"), "evaluating");
    house.awarded(&asked.request).await;
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counted_goods_are_never_awarded_twice_at_once() {
    let mut house = house(0).await;
    house.join(json!({}), json!({})).await;
    let counted = house.app.product(&house.vendors[0], "12500.00", 300).await;
    let (mut field, hundred) = (
        Vec::new(),
        json!({ "lines": [{ "product_id": counted, "quantity": "100", "slots": [slot(NEEDED_ON, "100")] }] }),
    );
    for _ in 0..scaled(60) {
        let asked = house.asks(hundred.clone()).await;
        house.vendors[0].quotes(&asked, &counted, "10", "0").await;
        field.push(asked);
    }
    house.pass(&field.last().unwrap().deadline).await;
    let mut awards = Vec::new();
    for asked in &field {
        let complete = house.complete(&asked.request).await;
        let leader = complete.text("/leaders/0/quote_id");
        house.turn(&leader, "verify").await.expect(200);
        awards.push((asked.request.clone(), complete.text("/content_hash")));
    }
    let answers = awards.iter().map(|(request, hash)| house.award(request, hash));
    let answers = futures_util::future::join_all(answers).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 3.min(field.len()));
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(409, "out_of_stock");
    }
    let wrong = "SELECT count(*) FROM stock s WHERE reserved > on_hand OR reserved <> (SELECT coalesce(sum(quantity), 0)
        FROM stock_reservations r WHERE r.product_id = s.product_id AND released_at IS NULL)";
    assert_eq!(house.app.count(wrong).await, 0);
    house.app.finish().await;
}
