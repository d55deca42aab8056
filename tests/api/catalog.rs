//! The catalogue: products from draft to shelf, stock, search.
use crate::support::trade::{PDF, PENS, PNG, Vendor, is_public, organisation, send};
use crate::support::{Answer, Caller, TestApp, bench};
use lokapasar::kernel::{Realm, Role};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Leaves by their review mode in `data/categories.csv`; `PENS` is reviewed after.
const COOKIES: &str = "03.03.01";
const SHREDDERS: &str = "01.04.03";
const PAPER: &str = "01.02.01";
const BROCHURES: &str = "02.01.03";
/// A service, reviewed after.
const DESIGN: &str = "02.04.03";
const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 0, 0x10, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

fn page(id: &str) -> String {
    format!("/api/v1/products/{id}")
}

fn action(id: &str, verb: &str) -> String {
    format!("/api/v1/products/{id}/actions/{verb}")
}

async fn create(caller: &Caller, name: &str, category: &str, price: &str, fields: Value) -> Answer {
    caller
        .post(
            "/api/v1/products",
            json!({ "name": name, "category_code": category, "price": price, "fields": fields }),
        )
        .await
}

/// A product with a photo that was handed in, in whatever state that leaves it.
async fn offer(vendor: &Vendor, name: &str, category: &str, price: &str, fields: Value) -> String {
    let id = create(&vendor.owner, name, category, price, fields).await.expect(201).id();
    vendor.owner.upload(&format!("{}/photos", page(&id)), PNG.to_vec(), &[]).await.expect(201);
    vendor.owner.act(&action(&id, "submit")).await.expect(200);
    id
}

async fn status(caller: &Caller, id: &str) -> String {
    caller.get(&page(id)).await.expect(200).text("/status")
}

async fn curator(app: &TestApp) -> Caller {
    app.member(None, Role::Curator, &[]).await
}

/// Ids of a public search, in the order of the answer.
async fn found(guest: &Caller, query: &str) -> Vec<String> {
    let answer = guest.get(&format!("/public/v1/products?{query}")).await.expect(200);
    answer.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The public search for these words.
fn asking(words: &str) -> String {
    format!("/public/v1/products?{}", serde_urlencoded::to_string([("q", words)]).unwrap())
}

async fn names_found(guest: &Caller, words: &str) -> Vec<String> {
    let mut names: Vec<_> = guest
        .get(&asking(words))
        .await
        .expect(200)
        .items()
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

async fn move_stock(caller: &Caller, id: &str, direction: &str, quantity: &str) -> Answer {
    let movement = json!({ "direction": direction, "quantity": quantity, "reason": "Hitung ulang" });
    caller.post(&action(id, "adjust-stock"), movement).await
}

fn allowed(answer: &Answer) -> Vec<String> {
    let actions = answer.body["available_actions"].as_array().unwrap();
    actions
        .iter()
        .filter(|action| action["allowed"] == true)
        .map(|action| action["verb"].as_str().unwrap().to_owned())
        .collect()
}

/// Place and code of each fault, sorted.
fn faults(answer: &Answer) -> Vec<(String, String)> {
    let mut faults = answer.faults();
    faults.sort();
    faults
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        expected.iter().map(|(place, code)| ((*place).to_owned(), (*code).to_owned())).collect();
    pairs.sort();
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_vendors_product_is_public_and_found_by_its_name() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let product = app.product(&vendor, "12500.00", 40).await;
    let guest = app.anonymous();
    assert!(is_public(&guest, &product).await);
    let found = guest.get("/public/v1/products?q=pulpen%20gel").await.expect(200);
    assert_eq!(found.text("/items/0/id"), product);
    assert_eq!(found.text("/items/0/price"), "12500.00");
    let page = guest.get(&format!("/public/v1/products/{product}")).await.expect(200);
    assert_eq!(page.text("/stock/available"), "40");
    for sort in ["price", "newest", "relevance"] {
        let answer = guest.get(&format!("/public/v1/products?sort={sort}&category_code=01&region_code=33.74.02&minimum_price=1&maximum_price=99999&origin=domestic&q=pulpen")).await.expect(200);
        assert_eq!(answer.items().len(), 1, "{sort}");
    }
    app.finish().await;
}

// What a product needs, and what its leaf adds.

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_does_not_say_comes_from_the_leaf() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let fields = [
        "unit",
        "tax_class",
        "kbki_code",
        "availability",
        "lead_time_days",
        "minimum_order",
        "price_basis",
        "origin",
    ];
    let cases = [
        (PENS, ["H87", "vat_standard", "38911", "counted", "2", "1", "tax_exclusive", "domestic"]),
        (DESIGN, ["E51", "vat_standard", "83919", "service", "5", "1", "tax_exclusive", "domestic"]),
        (
            "05.01.01",
            ["SET", "vat_standard", "28231", "made_to_order", "21", "1", "tax_exclusive", "domestic"],
        ),
        ("04.01.01", ["KGM", "vat_exempt", "23161", "counted", "2", "1", "tax_exclusive", "domestic"]),
        ("15.01.01", ["C62", "vat_luxury", "49113", "made_to_order", "45", "1", "tax_exclusive", "domestic"]),
    ];
    for (category, expected) in cases {
        let made = create(&vendor.owner, "Barang contoh", category, "1000", json!({})).await.expect(201);
        assert_eq!(fields.map(|field| made.text(&format!("/{field}"))), expected, "{category}");
        assert_eq!(
            (made.text("/status"), made.text("/price"), made.text("/version")),
            ("draft".into(), "1000.00".into(), "1".into())
        );
        assert_eq!(made.body["stock"].is_object(), expected[3] == "counted");
        assert_eq!(made.header("location"), page(&made.id()));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_says_wins_over_the_leaf() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let said = json!({ "unit": "DZN", "tax_class": "vat_exempt", "kbki_code": "3891100", "availability": "capacity_per_day",
        "capacity_per_day": "12.5", "lead_time_days": 9, "minimum_order": "3", "price_basis": "tax_inclusive", "origin": "local",
        "brand": "Kenari", "gtin": "8991234567890", "warranty": "1 tahun", "tkdn_percent": "42.5", "bmp_percent": "10", "sku": "P-1",
        "weight_grams": 250, "description": "Tinta biru", "attributes": { "warna": "biru" } });
    let made = create(&vendor.owner, "Pulpen gel", PENS, "1000.5", said).await.expect(201);
    let expected = json!({ "unit": "DZN", "tax_class": "vat_exempt", "kbki_code": "3891100", "availability": "capacity_per_day",
        "capacity_per_day": "12.5", "lead_time_days": 9, "minimum_order": "3", "price_basis": "tax_inclusive", "origin": "local",
        "brand": "Kenari", "gtin": "8991234567890", "warranty": "1 tahun", "tkdn_percent": "42.50", "bmp_percent": "10.00", "sku": "P-1",
        "weight_grams": 250, "description": "Tinta biru", "attributes": { "warna": "biru" }, "price": "1000.50" });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&made.body[field], value, "{field}");
    }
    assert_eq!(vendor.owner.get(&page(&made.id())).await.expect(200).body, made.body);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_price_and_leaf_are_needed_and_told_at_once() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let refused = vendor.owner.post("/api/v1/products", json!({})).await.expect_problem(422, "invalid_input");
    assert_eq!(
        faults(&refused),
        pairs(&[("#/category_code", "required"), ("#/name", "required"), ("#/price", "required")])
    );
    let branch = create(&vendor.owner, "Pulpen", "01.01", "1000", json!({}))
        .await
        .expect_problem(422, "invalid_input");
    assert_eq!(faults(&branch), pairs(&[("#/category_code", "pattern_mismatch")]));
    let unknown = create(&vendor.owner, "Pulpen", "99.99.99", "1000", json!({}))
        .await
        .expect_problem(422, "invalid_input");
    assert_eq!(faults(&unknown), pairs(&[("#/category_code", "category_not_leaf")]));
    let blank =
        create(&vendor.owner, "     ", PENS, "1000", json!({})).await.expect_problem(422, "invalid_input");
    assert_eq!(faults(&blank), pairs(&[("#/name", "pattern_mismatch")]));
    assert_eq!(vendor.owner.get("/api/v1/products").await.expect(200).items().len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_above_zero_with_two_decimals_in_a_string() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    for price in ["0", "0.00"] {
        let refused = create(&vendor.owner, "Pulpen", PENS, price, json!({}))
            .await
            .expect_problem(422, "invalid_input");
        assert_eq!(faults(&refused), pairs(&[("#/price", "out_of_range")]), "{price}");
    }
    for price in
        [json!("-1"), json!("1.005"), json!("1e3"), json!("Rp1000"), json!("01"), json!("1000000000000000")]
    {
        let body = json!({ "name": "Pulpen", "category_code": PENS, "price": price });
        let refused = vendor.owner.post("/api/v1/products", body).await.expect_problem(422, "invalid_input");
        assert_eq!(faults(&refused), pairs(&[("#/price", "pattern_mismatch")]), "{price}");
    }
    let number = json!({ "name": "Pulpen", "category_code": PENS, "price": 1000 });
    let refused = vendor.owner.post("/api/v1/products", number).await.expect_problem(422, "invalid_input");
    assert_eq!(faults(&refused), pairs(&[("#/price", "wrong_type")]));
    create(&vendor.owner, "Pulpen", PENS, "0.01", json!({})).await.expect(201);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_together_is_told_all_at_once() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let id = create(&vendor.owner, "Pulpen", PENS, "1000", json!({})).await.expect(201).id();
    let attributes = |count: usize| {
        (0..count).map(|number| (format!("sifat{number}"), json!("ya"))).collect::<serde_json::Map<_, _>>()
    };
    let odd = json!({ "unit": "ZZZ", "minimum_order": "0", "availability": "capacity_per_day", "attributes": attributes(41), "price": "0" });
    let refused = vendor.owner.change(&page(&id), odd).await.expect_problem(422, "invalid_input");
    let expected = pairs(&[
        ("#/unit", "unknown_reference"),
        ("#/minimum_order", "out_of_range"),
        ("#/capacity_per_day", "capacity_missing"),
        ("#/attributes", "too_many_items"),
        ("#/price", "out_of_range"),
    ]);
    assert_eq!(faults(&refused), expected);
    let daily = vendor
        .owner
        .change(&page(&id), json!({ "capacity_per_day": "5" }))
        .await
        .expect_problem(422, "invalid_input");
    assert_eq!(faults(&daily), pairs(&[("#/capacity_per_day", "capacity_missing")]));
    let fit =
        json!({ "attributes": attributes(40), "availability": "capacity_per_day", "capacity_per_day": "5" });
    let changed = vendor.owner.change(&page(&id), fit).await.expect(200);
    assert_eq!(changed.body["attributes"].as_object().unwrap().len(), 40);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_of_a_product_needs_its_version() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let made =
        create(&vendor.owner, "Pulpen", PENS, "1000", json!({ "brand": "Kenari", "warranty": "1 tahun" }))
            .await
            .expect(201);
    let path = page(&made.id());
    send(vendor.owner.request(Method::PATCH, &path).json(&json!({ "price": "900" })))
        .await
        .expect_problem(428, "if_match_missing");
    let changed =
        vendor.owner.patch(&path, &made.etag(), json!({ "price": "900", "brand": null })).await.expect(200);
    assert_eq!(
        (changed.text("/price"), changed.text("/version"), changed.text("/warranty")),
        ("900.00".into(), "2".into(), "1 tahun".into())
    );
    assert_eq!(changed.body["brand"], Value::Null);
    vendor
        .owner
        .patch(&path, &made.etag(), json!({ "price": "800" }))
        .await
        .expect_problem(412, "version_stale");
    vendor
        .owner
        .put(&format!("{path}/price-tiers"), &made.etag(), json!({ "tiers": [] }))
        .await
        .expect_problem(412, "version_stale");
    assert_eq!(vendor.owner.get(&path).await.expect(200).text("/price"), "900.00");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_product_and_stores_nothing() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let counts = "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM events), (SELECT count(*) FROM price_history), (SELECT count(*) FROM stock)";
    let before = app.sql(counts).await;
    let body = json!({ "name": "Pulpen gel", "category_code": PENS, "price": "1000" });
    let shown = vendor.owner.post("/api/v1/products?dry_run=true", body).await.expect(201);
    assert_eq!(
        (shown.text("/name"), shown.text("/unit"), shown.text("/status")),
        ("Pulpen gel".into(), "H87".into(), "draft".into())
    );
    assert_eq!(app.sql(counts).await, before);
    vendor.owner.get(&page(&shown.id())).await.expect_problem(404, "not_found");
    app.finish().await;
}

// From draft to shelf.

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_needed_to_hand_a_product_in() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = create(&vendor.owner, "Pulpen gel", PENS, "1000", json!({})).await.expect(201).id();
    let refused = vendor.owner.act(&action(&id, "submit")).await.expect_problem(422, "invalid_input");
    assert_eq!(faults(&refused), pairs(&[("#/photos", "photo_missing")]));
    vendor.owner.upload(&format!("{}/photos", page(&id)), JPEG.to_vec(), &[]).await.expect(201);
    let rehearsed = vendor.owner.act(&format!("{}?dry_run=true", action(&id, "submit"))).await.expect(200);
    assert_eq!(
        (rehearsed.text("/status"), is_public(&app.anonymous(), &id).await),
        ("published".into(), false)
    );
    vendor.owner.act(&action(&id, "submit")).await.expect(200);
    vendor.owner.act(&action(&id, "submit")).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_vendor_prepares_products_and_publishes_none() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let id = app.draft_product(&vendor, PENS, "1000", json!({})).await;
    vendor.owner.act(&action(&id, "submit")).await.expect_problem(409, "vendor_not_verified");
    vendor.owner.act(&format!("/api/v1/vendors/{}/actions/submit", vendor.id)).await.expect(200);
    vendor.owner.act(&action(&id, "submit")).await.expect_problem(409, "vendor_not_verified");
    assert_eq!(
        (status(&vendor.owner, &id).await, is_public(&app.anonymous(), &id).await),
        ("draft".into(), false)
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_are_reviewed_after_are_on_the_shelf_at_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    assert_eq!(
        (status(&vendor.owner, &id).await, is_public(&app.anonymous(), &id).await),
        ("published".into(), true)
    );
    let mails = app.all_mails_to(&vendor.owner.contact).await;
    assert!(
        mails.iter().any(|mail| mail.subject.contains("Pulpen gel") && mail.subject.contains("sudah tayang"))
    );
    curator(&app).await.act(&action(&id, "approve")).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_are_reviewed_before_wait_for_a_curator() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let curator = curator(&app).await;
    let id = offer(&vendor, "Nastar keju", COOKIES, "45000", json!({})).await;
    let draft = app.draft_product(&vendor, COOKIES, "1000", json!({})).await;
    assert_eq!(
        (status(&vendor.owner, &id).await, is_public(&app.anonymous(), &id).await),
        ("in_review".into(), false)
    );
    let waiting = curator.get("/api/v1/products?status=in_review").await.expect(200).items();
    assert_eq!(waiting.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(id)]);
    curator.get(&page(&draft)).await.expect_problem(404, "not_found");
    vendor.owner.act(&action(&id, "approve")).await.expect_problem(403, "role_forbidden");
    vendor.owner.act(&action(&id, "publish")).await.expect_problem(409, "illegal_transition");
    assert_eq!(curator.act(&action(&id, "approve")).await.expect(200).text("/status"), "published");
    assert!(is_public(&app.anonymous(), &id).await);
    assert!(
        app.all_mails_to(&vendor.owner.contact).await.iter().any(|mail| mail.subject.contains("Nastar keju"))
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curator_sends_back_with_a_reason_and_rejects_for_good() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let curator = curator(&app).await;
    let id = offer(&vendor, "Nastar keju", COOKIES, "45000", json!({})).await;
    let reason = |text: &str| json!({ "reason": text });
    curator
        .post(&action(&id, "request-revision"), reason("foto"))
        .await
        .expect(422)
        .expect_fault("#/reason", "too_short");
    curator.post(&action(&id, "request-revision"), reason("Foto tidak menunjukkan kue")).await.expect(200);
    let shown = vendor.owner.get(&page(&id)).await.expect(200);
    assert_eq!(
        (shown.text("/status"), shown.text("/status_reason")),
        ("revision_requested".into(), "Foto tidak menunjukkan kue".into())
    );
    assert_eq!(allowed(&shown), ["submit"]);
    vendor.owner.change(&page(&id), json!({ "description": "Isi 40 keping" })).await.expect(200);
    let again = vendor.owner.act(&action(&id, "submit")).await.expect(200);
    assert_eq!(
        (again.text("/status"), again.body["status_reason"].clone()),
        ("in_review".into(), Value::Null)
    );
    let waiting = curator.get(&page(&id)).await.expect(200);
    assert_eq!(allowed(&waiting), ["approve", "request-revision", "reject"]);
    curator.post(&action(&id, "reject"), reason("Bukan produk sendiri")).await.expect(200);
    let mails = app.all_mails_to(&vendor.owner.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains("Foto tidak menunjukkan kue")));
    assert!(mails.iter().any(|mail| mail.text.contains("Bukan produk sendiri")));
    vendor.owner.change(&page(&id), json!({ "price": "1" })).await.expect_problem(409, "illegal_transition");
    for verb in ["submit", "publish", "unpublish"] {
        vendor.owner.act(&action(&id, verb)).await.expect_problem(409, "illegal_transition");
    }
    curator.act(&action(&id, "approve")).await.expect_problem(409, "illegal_transition");
    assert!(!is_public(&app.anonymous(), &id).await);
    app.finish().await;
}

/// The published rule, by hand: the first two bytes of SHA-256 over the id's sixteen bytes.
fn drawn(id: &str, percent: u32) -> bool {
    let bytes = hex::decode(id.replace('-', "")).unwrap();
    assert_eq!(bytes.len(), 16);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    let value = u32::from(digest.as_ref()[0]) * 256 + u32::from(digest.as_ref()[1]);
    value * 100 < percent * 65_536
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_the_goods_is_reviewed_first_and_anyone_can_draw_it_again() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    for number in 0..8 {
        let id = offer(&vendor, &format!("Mesin jilid {number}"), SHREDDERS, "900000", json!({})).await;
        let expected = if drawn(&id, 10) { "in_review" } else { "published" };
        assert_eq!(status(&vendor.owner, &id).await, expected);
    }
    app.sql("UPDATE policies SET value = '50' WHERE key = 'review.sample_percent'").await;
    let mut outcomes = HashSet::new();
    for number in 0..24 {
        let id = offer(&vendor, &format!("Mesin laminating {number}"), SHREDDERS, "900000", json!({})).await;
        let expected = if drawn(&id, 50) { "in_review" } else { "published" };
        assert_eq!(status(&vendor.owner, &id).await, expected);
        // An edit is drawn by the same lot.
        let edited =
            vendor.owner.change(&page(&id), json!({ "description": "Garansi toko" })).await.expect(200);
        assert_eq!(edited.text("/status"), expected);
        outcomes.insert(expected);
    }
    assert_eq!(outcomes.len(), 2, "of 24 goods some are drawn at one half and some are not");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_sends_a_public_product_back_to_review_where_it_is_reviewed_before() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (curator, guest) = (curator(&app).await, app.anonymous());
    let id = offer(&vendor, "Nastar keju", COOKIES, "45000", json!({})).await;
    curator.act(&action(&id, "approve")).await.expect(200);
    for edit in [
        json!({ "name": "Nastar nanas" }),
        json!({ "price": "46000", "description": "Isi 40" }),
        json!({ "origin": "import" }),
    ] {
        let edited = vendor.owner.change(&page(&id), edit).await.expect(200);
        assert_eq!((edited.text("/status"), is_public(&guest, &id).await), ("in_review".into(), false));
        curator.act(&action(&id, "approve")).await.expect(200);
    }
    vendor.owner.upload(&format!("{}/photos", page(&id)), JPEG.to_vec(), &[]).await.expect(201);
    assert_eq!(status(&vendor.owner, &id).await, "in_review");
    curator.act(&action(&id, "approve")).await.expect(200);
    let pens = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let edited = vendor.owner.change(&page(&pens), json!({ "name": "Pulpen tinta" })).await.expect(200);
    assert_eq!((edited.text("/status"), is_public(&guest, &pens).await), ("published".into(), true));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_price_or_stock_alone_is_in_force_at_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let id = offer(&vendor, "Nastar keju", COOKIES, "45000", json!({})).await;
    curator(&app).await.act(&action(&id, "approve")).await.expect(200);
    let cheaper = vendor.owner.change(&page(&id), json!({ "price": "44000" })).await.expect(200);
    assert_eq!(cheaper.text("/status"), "published");
    let tiers = json!({ "tiers": [{ "minimum_quantity": "10", "price": "43000" }] });
    vendor.owner.put(&format!("{}/price-tiers", page(&id)), &cheaper.etag(), tiers).await.expect(200);
    move_stock(&vendor.owner, &id, "add", "12").await.expect(200);
    let shown = guest.get(&format!("/public/v1/products/{id}")).await.expect(200);
    assert_eq!(
        (shown.text("/price"), shown.text("/price_tiers/0/price"), shown.text("/stock/available")),
        ("44000.00".into(), "43000.00".into(), "12".into())
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_takes_its_product_off_the_shelf_and_puts_it_back() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let first = vendor.owner.get(&page(&id)).await.expect(200);
    assert_eq!(allowed(&first), ["unpublish"]);
    let off = vendor.owner.act(&action(&id, "unpublish")).await.expect(200);
    assert_eq!(
        (off.text("/status"), is_public(&guest, &id).await, allowed(&off)),
        ("unpublished".into(), false, vec!["publish".to_owned()])
    );
    vendor.owner.act(&action(&id, "unpublish")).await.expect_problem(409, "illegal_transition");
    let stale = vendor.owner.request(Method::POST, &action(&id, "publish")).header("If-Match", first.etag());
    send(stale).await.expect_problem(412, "version_stale");
    let back = vendor.owner.act(&action(&id, "publish")).await.expect(200);
    assert_eq!(
        (back.text("/status"), back.text("/published_at")),
        ("published".into(), first.text("/published_at"))
    );
    assert!(is_public(&guest, &id).await);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curator_freezes_a_product_and_a_thawed_one_waits_for_its_vendor() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (curator, guest) = (curator(&app).await, app.anonymous());
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let reason = json!({ "reason": "Merek tiruan, sedang diperiksa" });
    vendor.owner.post(&action(&id, "freeze"), reason.clone()).await.expect_problem(403, "role_forbidden");
    let frozen = curator.post(&action(&id, "freeze"), reason.clone()).await.expect(200);
    assert_eq!(
        (frozen.text("/status"), frozen.text("/status_reason")),
        ("frozen".into(), "Merek tiruan, sedang diperiksa".into())
    );
    assert!(!is_public(&guest, &id).await);
    assert_eq!(allowed(&frozen), ["unfreeze"]);
    vendor
        .owner
        .change(&page(&id), json!({ "price": "900" }))
        .await
        .expect_problem(409, "illegal_transition");
    vendor
        .owner
        .upload(&format!("{}/photos", page(&id)), PNG.to_vec(), &[])
        .await
        .expect_problem(409, "illegal_transition");
    vendor.owner.act(&action(&id, "publish")).await.expect_problem(409, "illegal_transition");
    curator.post(&action(&id, "freeze"), reason).await.expect_problem(409, "illegal_transition");
    let mails = app.all_mails_to(&vendor.owner.contact).await;
    assert!(
        mails.iter().any(|mail| mail.subject.contains("dibekukan") && mail.text.contains("Merek tiruan"))
    );
    assert_eq!(curator.act(&action(&id, "unfreeze")).await.expect(200).text("/status"), "unpublished");
    assert!(!is_public(&guest, &id).await);
    vendor.owner.act(&action(&id, "publish")).await.expect(200);
    assert!(is_public(&guest, &id).await);
    app.finish().await;
}

// Price and stock.

#[tokio::test(flavor = "multi_thread")]
async fn the_price_history_holds_each_price_in_order_and_is_never_rewritten() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    vendor.owner.change(&page(&id), json!({ "price": "1200" })).await.expect(200);
    vendor
        .owner
        .change(&page(&id), json!({ "price": "1200", "description": "Tinta biru" }))
        .await
        .expect(200);
    let loaded = vendor.owner.get(&page(&id)).await.expect(200).etag();
    let tiers = json!({ "tiers": [{ "minimum_quantity": "10", "price": "1100" }] });
    vendor.owner.put(&format!("{}/price-tiers", page(&id)), &loaded, tiers).await.expect(200);
    vendor.owner.change(&page(&id), json!({ "price_basis": "tax_inclusive" })).await.expect(200);
    vendor.owner.change(&page(&id), json!({ "price": "1150" })).await.expect(200);
    let path = format!("{}/price-history", page(&id));
    let told = vendor.owner.get(&path).await.expect(200).items();
    let prices: Vec<_> = told
        .iter()
        .map(|entry| json!([entry["price"], entry["price_basis"], entry["tiers"].as_array().unwrap().len()]))
        .collect();
    let expected = [
        json!(["1150.00", "tax_inclusive", 1]),
        json!(["1200.00", "tax_inclusive", 1]),
        json!(["1200.00", "tax_exclusive", 1]),
        json!(["1200.00", "tax_exclusive", 0]),
        json!(["1000.00", "tax_exclusive", 0]),
    ];
    assert_eq!(prices, expected);
    let times: Vec<_> = told
        .iter()
        .map(|entry| entry["changed_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap())
        .collect();
    assert!(times.is_sorted_by(|later, earlier| later > earlier));
    let first = vendor.owner.get(&format!("{path}?limit=3")).await.expect(200);
    let rest =
        vendor.owner.get(&format!("{path}?limit=3&cursor={}", first.text("/next_cursor"))).await.expect(200);
    assert_eq!([first.items(), rest.items()].concat(), told);
    // Not even the owner of the table rewrites it: the statement must fail.
    for change in ["UPDATE price_history SET price = 1", "DELETE FROM price_history"] {
        app.sql(&format!(
            "DO $$ DECLARE refused boolean := false; BEGIN
                 BEGIN {change}; EXCEPTION WHEN insufficient_privilege THEN refused := true; END;
                 IF NOT refused THEN RAISE EXCEPTION 'the history was changed'; END IF;
             END $$"
        ))
        .await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn price_tiers_rise_in_quantity_and_never_in_price() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let path = format!("{}/price-tiers", page(&id));
    let set = async |tiers: &[(&str, &str)]| {
        let tiers: Vec<_> = tiers
            .iter()
            .map(|(quantity, price)| json!({ "minimum_quantity": quantity, "price": price }))
            .collect();
        let loaded = vendor.owner.get(&page(&id)).await.expect(200).etag();
        vendor.owner.put(&path, &loaded, json!({ "tiers": tiers })).await
    };
    let good = set(&[("10", "1000"), ("50", "900"), ("100", "900"), ("500", "850.50")]).await.expect(200);
    assert_eq!(
        (good.text("/price_tiers/3/price"), good.text("/price_tiers/0/minimum_quantity")),
        ("850.50".into(), "10".into())
    );
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str]);
    let bad: [Case<'_>; 6] = [
        (&[("10", "1001")], &["#/tiers/0"]),
        (&[("10", "900"), ("10", "800")], &["#/tiers/1"]),
        (&[("10", "900"), ("5", "800")], &["#/tiers/1"]),
        (&[("10", "800"), ("20", "900")], &["#/tiers/1"]),
        (&[("0", "900")], &["#/tiers/0"]),
        (&[("10", "0"), ("20", "1")], &["#/tiers/0", "#/tiers/1"]),
    ];
    for (tiers, expected) in bad {
        let refused = set(tiers).await.expect_problem(422, "invalid_input");
        let expected: Vec<_> = expected.iter().map(|place| (*place, "price_tier_invalid")).collect();
        assert_eq!(faults(&refused), pairs(&expected), "{tiers:?}");
    }
    let many: Vec<(String, &str)> = (1..=11).map(|number| (number.to_string(), "900")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(quantity, price)| (quantity.as_str(), *price)).collect();
    set(&many).await.expect_problem(422, "invalid_input").expect_fault("#/tiers", "too_many_items");
    let below =
        vendor.owner.change(&page(&id), json!({ "price": "999" })).await.expect_problem(422, "invalid_input");
    assert_eq!(faults(&below), pairs(&[("#/price", "price_tier_invalid")]));
    assert_eq!(
        app.anonymous().get(&format!("/public/v1/products/{id}")).await.expect(200).body["price_tiers"],
        good.body["price_tiers"]
    );
    assert_eq!(set(&[]).await.expect(200).body["price_tiers"], json!([]));
    vendor.owner.change(&page(&id), json!({ "price": "999" })).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_comes_and_goes_but_never_below_what_is_reserved() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let version = vendor.owner.get(&page(&id)).await.expect(200).text("/version");
    assert_eq!(
        move_stock(&vendor.owner, &id, "add", "10.5").await.expect(200).body,
        json!({ "on_hand": "10.5", "reserved": "0", "available": "10.5" })
    );
    assert_eq!(move_stock(&vendor.owner, &id, "take", "2").await.expect(200).text("/on_hand"), "8.5");
    move_stock(&vendor.owner, &id, "take", "8.501").await.expect_problem(409, "stock_below_reserved");
    // What an office holds is written by its request, which is not of this slice.
    app.sql(&format!("UPDATE stock SET reserved = 3 WHERE product_id = '{id}'")).await;
    move_stock(&vendor.owner, &id, "take", "5.6").await.expect_problem(409, "stock_below_reserved");
    assert_eq!(
        move_stock(&vendor.owner, &id, "take", "5.5").await.expect(200).body,
        json!({ "on_hand": "3", "reserved": "3", "available": "0" })
    );
    let shown = app.anonymous().get(&format!("/public/v1/products/{id}")).await.expect(200);
    assert_eq!(shown.body["stock"], json!({ "on_hand": "3", "reserved": "3", "available": "0" }));
    assert_eq!(shown.text("/version"), version);
    let refused = vendor
        .owner
        .post(&action(&id, "adjust-stock"), json!({ "direction": "lose", "quantity": "-1" }))
        .await;
    let refused = refused.expect_problem(422, "invalid_input");
    assert_eq!(
        faults(&refused),
        pairs(&[
            ("#/direction", "value_not_allowed"),
            ("#/quantity", "pattern_mismatch"),
            ("#/reason", "required")
        ])
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_hands_in_a_stock_of_ten_take_ten() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = app.product(&vendor, "1000", 10).await;
    let taken =
        futures_util::future::join_all((0..15).map(|_| move_stock(&vendor.owner, &id, "take", "1"))).await;
    let mut outcomes: Vec<_> = taken.iter().map(|answer| (answer.status, answer.code())).collect();
    outcomes.sort();
    assert_eq!(outcomes[..10], vec![(200, String::new()); 10]);
    assert_eq!(outcomes[10..], vec![(409, "stock_below_reserved".to_owned()); 5]);
    assert_eq!(vendor.owner.get(&page(&id)).await.expect(200).text("/stock/on_hand"), "0");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_counted_has_no_stock_until_it_is() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Desain spanduk", DESIGN, "150000", json!({})).await;
    move_stock(&vendor.owner, &id, "add", "5").await.expect_problem(409, "stock_not_counted");
    assert_eq!(
        app.anonymous().get(&format!("/public/v1/products/{id}")).await.expect(200).body["stock"],
        Value::Null
    );
    vendor.owner.change(&page(&id), json!({ "availability": "counted" })).await.expect(200);
    assert_eq!(move_stock(&vendor.owner, &id, "add", "5").await.expect(200).text("/available"), "5");
    app.finish().await;
}

// Photos.

#[tokio::test(flavor = "multi_thread")]
async fn a_product_has_up_to_eight_photos_and_no_papers_among_them() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = create(&vendor.owner, "Pulpen gel", PENS, "1000", json!({})).await.expect(201).id();
    let path = format!("{}/photos", page(&id));
    vendor.owner.upload(&path, PDF.to_vec(), &[]).await.expect_problem(415, "file_type_refused");
    vendor.owner.upload(&path, b"GIF89a\x01\0".to_vec(), &[]).await.expect_problem(415, "file_type_refused");
    for number in 0..8 {
        let bytes = if number % 2 == 0 { PNG } else { JPEG };
        let added = vendor.owner.upload(&path, bytes.to_vec(), &[]).await.expect(201);
        assert_eq!(added.text("/media_type"), if number % 2 == 0 { "image/png" } else { "image/jpeg" });
    }
    vendor.owner.upload(&path, PNG.to_vec(), &[]).await.expect_problem(409, "too_many_photos");
    let shown = vendor.owner.get(&page(&id)).await.expect(200);
    assert_eq!(shown.body["photos"].as_array().unwrap().len(), 8);
    vendor.owner.delete(&format!("{path}/{}", shown.text("/photos/3/id")), &shown.etag()).await.expect(204);
    vendor.owner.upload(&path, PNG.to_vec(), &[]).await.expect(201);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_photo_of_a_public_product_stays() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = offer(&vendor, "Pulpen gel", PENS, "1000", json!({})).await;
    let shown = vendor.owner.get(&page(&id)).await.expect(200);
    let photo = format!("{}/photos/{}", page(&id), shown.text("/photos/0/id"));
    send(vendor.owner.request(Method::DELETE, &photo)).await.expect_problem(428, "if_match_missing");
    let refused = vendor.owner.delete(&photo, &shown.etag()).await.expect_problem(422, "invalid_input");
    assert_eq!(faults(&refused), pairs(&[("#/photos", "photo_missing")]));
    vendor.owner.upload(&format!("{}/photos", page(&id)), JPEG.to_vec(), &[]).await.expect(201);
    vendor.owner.delete(&photo, &shown.etag()).await.expect_problem(412, "version_stale");
    let etag = vendor.owner.get(&page(&id)).await.expect(200).etag();
    vendor.owner.delete(&photo, &etag).await.expect(204);
    assert_eq!(vendor.owner.get(&page(&id)).await.expect(200).text("/photos/0/media_type"), "image/jpeg");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_served_as_the_picture_it_is_while_its_product_is_public() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let id = app.draft_product(&vendor, PENS, "1000", json!({})).await;
    let url = vendor.owner.get(&page(&id)).await.expect(200).text("/photos/0/url");
    guest.get(&url).await.expect_problem(404, "not_found");
    vendor.owner.act(&action(&id, "submit")).await.expect(200);
    let picture = guest.get(&url).await.expect(200);
    assert_eq!(picture.bytes, PNG);
    assert_eq!(
        (picture.header("content-type"), picture.header("x-content-type-options")),
        ("image/png".into(), "nosniff".into())
    );
    assert!(picture.header("content-disposition").starts_with("inline; "));
    assert!(picture.header("cache-control").starts_with("public, "));
    let other = app.product(&vendor, "1000", 1).await;
    guest.get(&url.replace(&id, &other)).await.expect_problem(404, "not_found");
    vendor.owner.act(&action(&id, "unpublish")).await.expect(200);
    guest.get(&url).await.expect_problem(404, "not_found");
    app.finish().await;
}

// Who may, and who sees.

#[tokio::test(flavor = "multi_thread")]
async fn staff_works_on_products_and_others_do_not() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let staff = app.member(Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let id = create(&staff, "Pulpen gel", PENS, "1000", json!({})).await.expect(201).id();
    staff.upload(&format!("{}/photos", page(&id)), PNG.to_vec(), &[]).await.expect(201);
    staff.act(&action(&id, "submit")).await.expect(200);
    move_stock(&staff, &id, "add", "4").await.expect(200);
    staff.change(&page(&id), json!({ "price": "900" })).await.expect(200);
    assert_eq!(status(&vendor.owner, &id).await, "published");
    for role in [Role::Helpdesk, Role::Verifier, Role::Admin] {
        let caller = app.member(None, role, &[]).await;
        create(&caller, "Pulpen", PENS, "1000", json!({})).await.expect_problem(403, "role_forbidden");
        caller.get(&page(&id)).await.expect_problem(403, "role_forbidden");
        caller.act(&action(&id, "unpublish")).await.expect_problem(403, "role_forbidden");
    }
    let curator = curator(&app).await;
    curator
        .patch(&page(&id), "\"v1-0\"", json!({ "price": "1" }))
        .await
        .expect_problem(403, "role_forbidden");
    assert_eq!(curator.get(&page(&id)).await.expect(200).text("/price"), "900.00");
    create(&app.person().await, "Pulpen", PENS, "1000", json!({}))
        .await
        .expect_problem(403, "membership_required");
    create(&app.anonymous(), "Pulpen", PENS, "1000", json!({}))
        .await
        .expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vendors_product_cannot_be_told_from_a_missing_one() {
    let app = TestApp::start().await;
    let (theirs, mine) = (app.vendor().await, app.vendor().await);
    let id = app.product(&theirs, "1000", 5).await;
    let photo = theirs.owner.get(&page(&id)).await.expect(200).text("/photos/0/id");
    let mut answers = Vec::new();
    for id in [id.as_str(), NOTHING] {
        answers.push([
            mine.owner.get(&page(id)).await,
            mine.owner.patch(&page(id), "\"v1-0\"", json!({ "price": "1" })).await,
            mine.owner.put(&format!("{}/price-tiers", page(id)), "\"v1-0\"", json!({ "tiers": [] })).await,
            mine.owner.get(&format!("{}/price-history", page(id))).await,
            mine.owner.upload(&format!("{}/photos", page(id)), PNG.to_vec(), &[]).await,
            mine.owner.delete(&format!("{}/photos/{photo}", page(id)), "\"v1-0\"").await,
            mine.owner.act(&action(id, "submit")).await,
            mine.owner.act(&action(id, "unpublish")).await,
            mine.owner.act(&action(id, "publish")).await,
            move_stock(&mine.owner, id, "add", "1").await,
        ]);
    }
    let likeness = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["trace_id"] = Value::Null;
        body["instance"] = Value::Null;
        body
    };
    for (foreign, missing) in answers[0].iter().zip(&answers[1]) {
        assert_eq!((foreign.status, foreign.code()), (404, "not_found".into()), "{}", foreign.body);
        assert_eq!(likeness(foreign), likeness(missing));
    }
    assert_eq!(mine.owner.get("/api/v1/products").await.expect(200).items().len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_hides_all_products_at_the_next_read_until_it_ends() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let (admin, guest) = (app.admin().await, app.anonymous());
    let id = app.product(&vendor, "1000", 5).await;
    let photo = vendor.owner.get(&page(&id)).await.expect(200).text("/photos/0/url");
    let seen = async || {
        (
            is_public(&guest, &id).await,
            found(&guest, "q=pulpen").await.len(),
            found(&guest, "sort=price").await.len(),
            guest.get(&photo).await.status,
        )
    };
    assert_eq!(seen().await, (true, 1, 1, 200));
    let off =
        vendor.owner.act(&action(&app.product(&vendor, "2000", 1).await, "unpublish")).await.expect(200).id();
    let until = (chrono::Utc::now() + chrono::TimeDelta::hours(48))
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let suspend = format!("/api/v1/vendors/{}/actions/suspend", vendor.id);
    admin.post(&suspend, json!({ "reason": "Tiga pesanan mangkir", "until": until })).await.expect(200);
    assert_eq!(seen().await, (false, 0, 0, 404));
    assert_eq!(status(&vendor.owner, &id).await, "published");
    vendor.owner.act(&action(&off, "publish")).await.expect_problem(409, "vendor_not_verified");
    let fresh = app.draft_product(&vendor, PENS, "1000", json!({})).await;
    vendor.owner.act(&action(&fresh, "submit")).await.expect_problem(409, "vendor_not_verified");
    app.move_clock(47).await;
    assert_eq!(seen().await, (false, 0, 0, 404));
    app.move_clock(1).await;
    assert_eq!(seen().await, (true, 1, 1, 200));
    vendor.owner.act(&action(&off, "publish")).await.expect(200);
    admin.post(&suspend, json!({ "reason": "Tiga pesanan mangkir" })).await.expect(200);
    assert_eq!(seen().await, (false, 0, 0, 404));
    admin.act(&format!("/api/v1/vendors/{}/actions/reinstate", vendor.id)).await.expect(200);
    assert_eq!(seen().await, (true, 2, 2, 200));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_realm_of_the_process_is_public() {
    let live = TestApp::start_in(Realm::Live, |_| {}).await;
    let vendor = live.vendor().await;
    let id = live.product(&vendor, "1000", 5).await;
    let url = bench().await.url(&live.database);
    let sandbox = TestApp::start_on(url, live.database.clone(), Realm::Sandbox, |_| {}).await;
    let photo = vendor.owner.get(&page(&id)).await.expect(200).text("/photos/0/url");
    for (process, seen, status) in [(&live, 1, 200), (&sandbox, 0, 404)] {
        let guest = process.anonymous();
        assert_eq!(is_public(&guest, &id).await, seen == 1);
        assert_eq!(found(&guest, "").await.len(), seen);
        assert_eq!(found(&guest, "q=pulpen").await.len(), seen);
        assert_eq!(guest.get("/public/v1/vendors").await.expect(200).items().len(), seen);
        assert_eq!(guest.get(&format!("/public/v1/vendors/{}", vendor.id)).await.status, status);
        assert_eq!(guest.get(&photo).await.status, status);
    }
    sandbox.finish().await;
    live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_page_that_did_not_change_is_not_sent_twice() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let id = app.product(&vendor, "1000", 5).await;
    let path = format!("/public/v1/products/{id}");
    let again =
        async |etag: &str| send(guest.request(Method::GET, &path).header("If-None-Match", etag)).await;
    let first = guest.get(&path).await.expect(200);
    assert!(first.etag().starts_with(&format!("\"v{}-", first.text("/version"))), "{}", first.etag());
    let same = again(&first.etag()).await.expect(304);
    assert_eq!((same.bytes.len(), same.etag()), (0, first.etag()));
    vendor.owner.change(&page(&id), json!({ "price": "1100" })).await.expect(200);
    let second = again(&first.etag()).await.expect(200);
    assert_eq!(second.text("/price"), "1100.00");
    assert_ne!(second.etag(), first.etag());
    assert!(second.etag().starts_with(&format!("\"v{}-", second.text("/version"))));
    move_stock(&vendor.owner, &id, "take", "1").await.expect(200);
    assert_eq!(again(&second.etag()).await.expect(200).text("/stock/available"), "4");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_category_tree_has_three_levels_in_two_languages() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    let whole = guest.get("/public/v1/categories").await.expect(200).items();
    // 519 lines of data under the header.
    assert_eq!(whole.len(), 519);
    let below = guest.get("/public/v1/categories?parent_code=01.01").await.expect(200);
    let codes: Vec<_> = below.items().iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(codes, ["01.01.01", "01.01.02", "01.01.03"]);
    assert_eq!(below.text("/items/0/name"), "Pulpen, pensil dan spidol");
    let english =
        guest.request(Method::GET, "/public/v1/categories?parent_code=01.01").header("Accept-Language", "en");
    assert_eq!(send(english).await.expect(200).text("/items/0/name"), "Pens, pencils and markers");
    let cookies = whole.iter().find(|item| item["code"] == COOKIES).unwrap();
    assert_eq!(cookies["required_papers"], json!(["halal", "pirt"]));
    app.finish().await;
}

// Search.

/// A shelf to search in.
async fn shelf(app: &TestApp) -> Vendor {
    let vendor = app.vendor().await;
    let goods = [
        ("Pulpen gel biru", PENS, "3000", json!({ "origin": "local", "brand": "Kenari" })),
        ("Pulpen gel merah", PENS, "3500", json!({ "origin": "import" })),
        ("Bolpoin hitam", PENS, "2000", json!({})),
        ("Map plastik biru", "01.03.01", "1500", json!({})),
        ("Kertas HVS A4", PAPER, "52000", json!({ "description": "Untuk segala keperluan kantor, 70 gram" })),
        ("Jasa pencetakan brosur", BROCHURES, "900", json!({})),
        ("Kertas cetak foto", "01.02.02", "25000", json!({})),
    ];
    for (name, category, price, fields) in goods {
        offer(&vendor, name, category, price, fields).await;
    }
    vendor
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_must_match_in_any_order_and_the_beginning_of_a_word_will_do() {
    let app = TestApp::start().await;
    shelf(&app).await;
    let guest = app.anonymous();
    let cases: [(&str, &[&str]); 10] = [
        ("pulpen biru", &["Pulpen gel biru"]),
        ("biru pulpen", &["Pulpen gel biru"]),
        ("biru", &["Map plastik biru", "Pulpen gel biru"]),
        ("PULPEN  Merah", &["Pulpen gel merah"]),
        ("gel", &["Pulpen gel biru", "Pulpen gel merah"]),
        ("pulpen kuning", &[]),
        ("pulp bir", &["Pulpen gel biru"]),
        ("bolp", &["Bolpoin hitam"]),
        ("ulpen", &[]),
        ("kenari", &["Pulpen gel biru"]),
    ];
    for (words, expected) in cases {
        assert_eq!(names_found(&guest, words).await, expected, "{words}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn search_knows_synonyms_stems_and_words_that_say_nothing() {
    let app = TestApp::start().await;
    shelf(&app).await;
    let guest = app.anonymous();
    let cases: [(&str, &[&str]); 7] = [
        ("pulpen", &["Bolpoin hitam", "Pulpen gel biru", "Pulpen gel merah"]),
        ("pulpen hitam", &["Bolpoin hitam"]),
        ("cetak", &["Jasa pencetakan brosur", "Kertas cetak foto"]),
        ("pencetakan", &["Jasa pencetakan brosur", "Kertas cetak foto"]),
        ("kertas untuk dan yang cetak", &["Kertas cetak foto"]),
        ("yang biru", &["Map plastik biru", "Pulpen gel biru"]),
        ("keperluan kantor", &["Kertas HVS A4"]),
    ];
    for (words, expected) in cases {
        assert_eq!(names_found(&guest, words).await, expected, "{words}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_and_quotes_in_a_search_are_harmless() {
    let app = TestApp::start().await;
    shelf(&app).await;
    let guest = app.anonymous();
    for words in [
        "!pulpen & (merah)",
        "merah:* | pulpen",
        "'merah' <-> pulpen",
        "pulpen -merah",
        "\"pulpen\\\" merah\"",
        "pulpen) merah (",
    ] {
        assert_eq!(names_found(&guest, words).await, ["Pulpen gel merah"], "{words}");
    }
    for words in ["' OR 1=1 --", "pulpen'; DROP TABLE products; --", "%_%", "½ ٣ ก 字", ":*", "a:b:c:*"]
    {
        guest.get(&asking(words)).await.expect(200);
    }
    assert_eq!(guest.get(&asking(" & | ! ( ) :* ' \\ ")).await.expect(200).items().len(), 7);
    guest
        .get(&format!("/public/v1/products?q={}", "a".repeat(201)))
        .await
        .expect_problem(400, "invalid_parameter");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_narrow_by_category_of_each_level_price_and_origin() {
    let app = TestApp::start().await;
    shelf(&app).await;
    let guest = app.anonymous();
    let cases = [
        ("", 7),
        ("category_code=01", 6),
        ("category_code=02", 1),
        ("category_code=03", 0),
        ("category_code=01.01", 3),
        ("category_code=01.02", 2),
        ("category_code=01.02.02", 1),
        ("category_code=01.02.03", 0),
        ("minimum_price=3000", 4),
        ("minimum_price=3000.01", 3),
        ("maximum_price=2000", 3),
        ("maximum_price=1999.99", 2),
        ("minimum_price=1500&maximum_price=3000", 3),
        ("minimum_price=5000&maximum_price=1000", 0),
        ("origin=local", 1),
        ("origin=import", 1),
        ("origin=domestic", 5),
        ("category_code=01.01&origin=domestic&maximum_price=2000&q=bolpoin&region_code=33.74", 1),
    ];
    for (query, count) in cases {
        assert_eq!(found(&guest, query).await.len(), count, "{query}");
    }
    for query in [
        "category_code=1",
        "category_code=01.",
        "minimum_price=murah",
        "minimum_price=-1",
        "origin=moon",
        "region_code=33",
        "sort=cheap",
        "limit=0",
        "limit=101",
        "limit=x",
    ] {
        guest.get(&format!("/public/v1/products?{query}")).await.expect_problem(400, "invalid_parameter");
    }
    let unknown = guest
        .get("/public/v1/products?kategori=01&origin=moon")
        .await
        .expect_problem(400, "unknown_parameter");
    assert_eq!(
        faults(&unknown),
        pairs(&[("kategori", "unknown_parameter"), ("origin", "value_not_allowed")])
    );
    guest
        .get("/public/v1/products?q=a&q=b")
        .await
        .expect_problem(400, "invalid_parameter")
        .expect_fault("q", "duplicate_item");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_sorted_by_price_by_newness_and_by_relevance() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let first = offer(&vendor, "Pulpen gel", PENS, "9000", json!({})).await;
    let second =
        offer(&vendor, "Kotak pensil", PENS, "500.50", json!({ "description": "Muat sepuluh pulpen" })).await;
    let third = offer(&vendor, "Pulpen", PENS, "10000", json!({})).await;
    assert_eq!(found(&guest, "sort=price").await, [&second, &first, &third].map(String::as_str));
    assert_eq!(found(&guest, "sort=newest").await, [&third, &second, &first].map(String::as_str));
    assert_eq!(found(&guest, "").await, found(&guest, "sort=newest").await);
    assert_eq!(found(&guest, "sort=relevance").await, found(&guest, "sort=newest").await);
    let relevant = found(&guest, "q=pulpen").await;
    assert_eq!(
        (relevant.len(), relevant.last()),
        (3, Some(&second)),
        "a name counts for more than a description"
    );
    assert_eq!(found(&guest, "q=pulpen&sort=relevance").await, relevant);
    assert_eq!(found(&guest, "q=pulpen&sort=price").await, [&second, &first, &third].map(String::as_str));
    app.finish().await;
}

/// Follows the cursors to the end; the limit differs from page to page, as it may.
async fn leaf_through(guest: &Caller, query: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    for round in 0..20 {
        let limit = 6 + round % 2;
        let answer =
            guest.get(&format!("/public/v1/products?{query}&limit={limit}{cursor}")).await.expect(200);
        assert_eq!(answer.text("/truncated"), "false");
        let page = answer.items();
        let full = page.len() == limit;
        items.extend(page);
        match answer.body["next_cursor"].as_str() {
            Some(next) => {
                assert!(full, "a page before the last is full");
                cursor = format!("&cursor={next}");
            }
            None => return items,
        }
    }
    panic!("the list has no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_products_are_leafed_through_by_each_sort_without_loss_or_repetition() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let guest = app.anonymous();
    let mut ids = HashSet::new();
    for number in 0..25 {
        let name = ["Pulpen gel", "Pulpen gel pulpen", "Pulpen gel tinta biru tua", "Pulpen"][number % 4];
        let description = ["", "Pulpen kantor"][number % 2];
        let price = ["1000", "1000.01", "250", "99000"][number % 3];
        ids.insert(offer(&vendor, name, PENS, price, json!({ "description": description })).await);
    }
    assert_eq!(ids.len(), 25);
    let queries = [
        "sort=price",
        "sort=newest",
        "sort=relevance",
        "q=pulpen",
        "q=pulpen&sort=price",
        "q=pulpen&sort=newest",
        "q=pulpen&category_code=01.01&origin=domestic",
        "q=gel",
    ];
    for query in queries {
        let items = leaf_through(&guest, query).await;
        let seen: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        let expected = if query == "q=gel" { 19 } else { 25 };
        assert_eq!(seen.len(), expected, "{query}");
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), expected, "{query} repeats");
        assert!(seen.iter().all(|id| ids.contains(id)));
        assert_eq!(
            seen,
            found(&guest, &format!("{query}&limit=100")).await,
            "{query} is the whole list in pieces"
        );
        if query.contains("price") {
            let prices: Vec<f64> =
                items.iter().map(|item| item["price"].as_str().unwrap().parse().unwrap()).collect();
            assert!(prices.is_sorted(), "{prices:?}");
        }
        if query.contains("newest") {
            assert!(seen.is_sorted_by(|later, earlier| later > earlier), "ids rise with time");
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_belongs_to_its_list_with_its_filters() {
    let app = TestApp::start().await;
    shelf(&app).await;
    let guest = app.anonymous();
    let first = guest.get("/public/v1/products?sort=price&category_code=01&limit=2").await.expect(200);
    let cursor = first.text("/next_cursor");
    for query in ["sort=price&category_code=01&limit=5", "limit=5&category_code=01&sort=price"] {
        assert_eq!(found(&guest, &format!("{query}&cursor={cursor}")).await.len(), 4, "{query}");
    }
    let mut forged = cursor.clone();
    forged.replace_range(0..1, if cursor.starts_with('A') { "B" } else { "A" });
    let others = [
        format!("sort=newest&category_code=01&cursor={cursor}"),
        format!("sort=price&category_code=02&cursor={cursor}"),
        format!("sort=price&cursor={cursor}"),
        format!("sort=price&category_code=01&q=pulpen&cursor={cursor}"),
        format!("sort=price&category_code=01&cursor={forged}"),
        "sort=price&category_code=01&cursor=abc".into(),
        "sort=price&category_code=01&cursor=".into(),
    ];
    for query in others {
        guest.get(&format!("/public/v1/products?{query}")).await.expect_problem(400, "cursor_invalid");
    }
    guest.get(&format!("/public/v1/vendors?cursor={cursor}")).await.expect_problem(400, "cursor_invalid");
    app.finish().await;
}
