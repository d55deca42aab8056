//! Negotiating with whoever leads after the opening, and following offices and categories.
use crate::support::comparison::*;
use crate::support::purchase::Office;
use serde_json::{Value, json};

async fn ask(house: &House, quote: &str) -> crate::support::Answer {
    let reason = json!({ "reason": "Harga pasar lebih rendah" });
    house.office.officer.post(&of(quote, "/actions/ask-reduction"), reason).await
}

async fn answer(house: &House, vendor: usize, quote: &str, body: Value) -> crate::support::Answer {
    house.vendors[vendor].owner.post(&of(quote, "/actions/answer-reduction"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leads_lowers_its_price_and_is_awarded_at_the_lower_one_with_both_kept() {
    let house = house(2).await;
    let asked = house.asks(json!({})).await;
    let quotes = [
        house.quote(0, &asked, &[(0, "10000", WITH_VAT)], "20000").await,
        house.quote(1, &asked, &[(0, "10500", WITH_VAT)], "0").await,
    ];
    house.pass(&asked.deadline).await;
    ask(&house, &quotes[0]).await.expect_problem(409, "evaluation_missing");
    house.complete(&asked.request).await;
    ask(&house, &quotes[1]).await.expect_problem(409, "not_first_ranked");
    answer(&house, 0, &quotes[0], json!({})).await.expect_problem(409, ILLEGAL);
    ask(&house, &quotes[0]).await.expect(200);
    ask(&house, &quotes[0]).await.expect_problem(409, ILLEGAL);
    assert_eq!(house.told("dapatkah harga diturunkan").await, [1, 0, 0, 0]);
    let own = house.vendors[0].owner.get(&of(&quotes[0], "")).await.expect(200);
    assert!(own.may("answer-reduction"), "{}", own.body);
    assert_eq!(own.text("/reductions/0/reason"), "Harga pasar lebih rendah");
    // While it is asked for nothing is awarded.
    house.turn(&quotes[0], "verify").await.expect(200);
    let hash = house.evaluation(&asked.request).await.text("/content_hash");
    house.award(&asked.request, &hash).await.expect_problem(409, "negotiation_under_way");
    let line = |price: &str| json!({ "line_id": asked.lines[0], "unit_price": price });
    let higher = json!({ "lines": [line("10000.01")], "shipping_fee": "20000.01" });
    faulty(
        answer(&house, 0, &quotes[0], higher).await,
        "#/lines/0/unit_price price_not_lower; #/shipping_fee price_not_lower",
    );
    answer(&house, 1, &quotes[0], json!({})).await.expect_problem(404, "not_found");
    let lower = json!({ "lines": [line("9900")], "shipping_fee": "0", "note": "Ongkos kami tanggung" });
    answer(&house, 0, &quotes[0], lower).await.expect(200);
    assert_eq!(house.told("menurunkan harga").await, [0, 0, 1, 0]);
    house.award(&asked.request, &hash).await.expect_problem(409, "evaluation_missing");
    let found = house.complete(&asked.request).await;
    assert_eq!(all(&found.body, "/ranking/whole", "gross"), ["990000.00", "1050000.00"]);
    assert_eq!(found.text("/quotes/0/reductions/0/lines/0/unit_price"), "9900.00");
    let document = house.office.officer.get(&of(&quotes[0], "")).await.expect(200);
    assert_eq!(document.text("/opened/lines/0/unit_price"), "10000.00");
    let awarded = house.awarded(&asked.request).await;
    assert_eq!(totals(&awarded.body), ["990000.00", "0.00", "0.00", "990000.00"]);
    assert_eq!(totals(&house.order_of(&asked.request, 0).await.0)[3], "990000.00");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_its_price_or_says_nothing_holds_up_no_award() {
    let (house, asked, quotes) = stage(&TWO).await;
    let complete = house.complete(&asked.request).await;
    ask(&house, &quotes[0]).await.expect(200);
    answer(&house, 0, &quotes[0], json!({ "note": "Sudah harga terendah kami" })).await.expect(200);
    assert_eq!(house.told("mempertahankan harganya").await, [0, 0, 1, 0]);
    // Nothing changed: the evaluation stands.
    let again = house.evaluation(&asked.request).await;
    assert_eq!(again.text("/content_hash"), complete.text("/content_hash"));
    ask(&house, &quotes[0]).await.expect(200);
    let own = house.vendors[0].owner.get(&of(&quotes[0], "")).await.expect(200);
    house.app.set_clock(&own.text("/reductions/1/due_at")).await;
    answer(&house, 0, &quotes[0], json!({ "shipping_fee": "0" })).await.expect_problem(409, "expired");
    house.turn(&quotes[0], "verify").await.expect(200);
    house.award(&asked.request, &again.text("/content_hash")).await.expect(200);
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_may_forbid_negotiating_after_the_opening() {
    let (house, asked, quotes) = stage(&TWO).await;
    house.complete(&asked.request).await;
    house.app.policy(house.office.agency, "evaluation.negotiation_allowed", "false", "flag").await;
    ask(&house, &quotes[0]).await.expect_problem(409, "negotiation_not_allowed");
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_an_office_or_a_category_is_told_when_quotes_are_asked_for() {
    let house = house(1).await;
    let Office { agency, unit, .. } = &house.office;
    let app = &house.app;
    let follow = async |body: Value| {
        let person = app.person().await;
        person.post("/api/v1/follows", body).await.expect(201);
        person
    };
    let told = [
        follow(json!({ "agency_id": agency })).await,
        follow(json!({ "unit_id": unit })).await,
        follow(json!({ "category_code": "01" })).await,
    ];
    let elsewhere = app.office().await;
    let quiet =
        [follow(json!({ "unit_id": elsewhere.unit })).await, follow(json!({ "category_code": "03" })).await];
    let ended = follow(json!({ "agency_id": agency })).await;
    let listed = ended.get("/api/v1/follows").await.expect(200);
    let id = listed.text("/items/0/id");
    told[0].delete(&format!("/api/v1/follows/{id}"), "\"v1\"").await.expect_problem(404, "not_found");
    ended.delete(&format!("/api/v1/follows/{id}"), "\"v1\"").await.expect(204);
    assert!(ended.get("/api/v1/follows").await.expect(200).items().is_empty());
    // Twice is once, and one thing at a time.
    told[0].post("/api/v1/follows", json!({ "agency_id": agency })).await.expect(201);
    assert_eq!(told[0].get("/api/v1/follows").await.expect(200).items().len(), 1);
    let both = json!({ "agency_id": agency, "category_code": "01" });
    faulty(told[0].post("/api/v1/follows", both).await, "# one_of_required");
    let nowhere = json!({ "category_code": "99.99" });
    faulty(told[0].post("/api/v1/follows", nowhere).await, "#/category_code unknown_reference");
    // A vendor that is told as a vendor is not told twice.
    let owner = &house.vendors[0].owner;
    owner.post("/api/v1/follows", json!({ "agency_id": agency })).await.expect(201);
    house.asks(json!({})).await;
    let count = async |contact: &str| {
        let mails = app.told(contact).await;
        mails.iter().filter(|mail| mail.subject.contains("terbuka bagi penyedia")).count()
    };
    for person in told.iter().chain([owner]) {
        assert_eq!(count(&person.contact).await, 1, "{}", person.contact);
    }
    for person in quiet.iter().chain([&ended]) {
        assert_eq!(count(&person.contact).await, 0, "{}", person.contact);
    }
    house.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leads_one_line_cannot_take_another_by_a_lower_price_and_the_trail_tells_no_price() {
    let (house, asked, quotes) = itemised().await;
    house.complete(&asked.request).await;
    // The first vendor leads the ink, the second the pens.
    ask(&house, &quotes[0]).await.expect(200);
    let line = |place: usize, price: &str| json!({ "line_id": asked.lines[place], "unit_price": price });
    let body = json!({ "lines": [line(0, "900")], "shipping_fee": "0" });
    let answered = answer(&house, 0, &quotes[0], body).await;
    faulty(answered, "#/shipping_fee value_not_allowed; #/lines/0/line_id value_not_allowed");
    answer(&house, 0, &quotes[0], json!({ "lines": [line(1, "29777.77")] })).await.expect(200);
    for table in ["events", "audit"] {
        let told = format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%29777.77%'");
        assert_eq!(house.app.count(&told).await, 0, "{table}");
    }
    // One who leads no more answers nothing.
    house.complete(&asked.request).await;
    ask(&house, &quotes[1]).await.expect(200);
    house.turn(&quotes[1], "technical").await.expect(200);
    answer(&house, 1, &quotes[1], json!({ "lines": [line(0, "1000")] })).await.expect_problem(409, ILLEGAL);
    house.app.finish().await;
}
