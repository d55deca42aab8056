//! Public pages that are kept as ready documents: they say what the product says, whatever changed last.
use crate::support::trade::{PENS, PNG};
use crate::support::{TestApp, bench};
use lokapasar::kernel::Realm;
use lokapasar::platform::db::{self, Db};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_holds_every_field_of_the_product_and_what_is_beside_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let fields = json!({
        "availability": "counted", "unit": "H87", "description": "Tinta biru, \"gel\" 0,5 mm & halus\n", "brand": "Merapi",
        "gtin": "8991234567897", "warranty": "1 tahun", "tkdn_percent": "42.5", "bmp_percent": "10", "minimum_order": "12",
        "lead_time_days": 3, "weight_grams": 15, "origin": "local", "attributes": { "warna": "biru" }, "sku": "GEL-05" });
    let id = app.draft_product(&vendor, PENS, "2500", fields).await;
    let path = format!("/api/v1/products/{id}");
    vendor.owner.upload(&format!("{path}/photos"), PNG.to_vec(), &[]).await.expect(201);
    let movement = json!({ "direction": "add", "quantity": "144.5", "reason": "Stok awal" });
    vendor.owner.post(&format!("{path}/actions/adjust-stock"), movement).await.expect(200);
    let etag = vendor.owner.get(&path).await.expect(200).etag();
    let tiers = json!({ "tiers": [
        { "minimum_quantity": "24", "price": "2400" }, { "minimum_quantity": "144", "price": "2250.5" }] });
    vendor.owner.put(&format!("{path}/price-tiers"), &etag, tiers).await.expect(200);
    let own = vendor.owner.act(&format!("{path}/actions/submit")).await.expect(200);
    let guest = app.anonymous();
    let page = guest.get(&format!("/public/v1/products/{id}")).await.expect(200);
    let photos: Vec<Value> = own.body["photos"].as_array().unwrap().clone();
    assert_eq!(photos.len(), 2);
    assert_eq!(
        photos[0]["url"],
        json!(format!("/public/v1/products/{id}/photos/{}", photos[0]["id"].as_str().unwrap()))
    );
    let seat = app.sql(&format!("SELECT region_code, name FROM vendors WHERE id = '{}'", vendor.id)).await;
    let expected = json!({
        "id": id, "name": own.text("/name"), "description": "Tinta biru, \"gel\" 0,5 mm & halus\n", "category_code": PENS,
        "unit": "H87", "price": "2500.00", "currency": "IDR", "price_basis": "tax_exclusive",
        "price_tiers": [{ "minimum_quantity": "24", "price": "2400.00" }, { "minimum_quantity": "144", "price": "2250.50" }],
        "tax_class": own.body["tax_class"], "kbki_code": own.body["kbki_code"], "origin": "local", "brand": "Merapi",
        "gtin": "8991234567897", "warranty": "1 tahun", "tkdn_percent": "42.50", "bmp_percent": "10.00",
        "attributes": { "warna": "biru" }, "availability": "counted", "capacity_per_day": null, "minimum_order": "12",
        "lead_time_days": 3, "vendor_id": vendor.id, "region_code": seat[0][0], "photos": photos,
        "published_at": own.body["published_at"], "version": own.body["version"], "vendor_name": seat[0][1],
        "stock": { "on_hand": "144.5", "reserved": "0", "available": "144.5" } });
    let mut shown = page.body.clone();
    // Both name one instant; the page always with six digits behind the second.
    let instant = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(instant(&shown["published_at"]), instant(&own.body["published_at"]));
    shown["published_at"] = own.body["published_at"].clone();
    assert_eq!(shown, expected);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_the_product_and_the_vendor_at_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = app.product(&vendor, "2500", 10).await;
    let (own, public) = (format!("/api/v1/products/{id}"), format!("/public/v1/products/{id}"));
    let guest = app.anonymous();
    vendor.owner.change(&own, json!({ "price": "2600" })).await.expect(200);
    let page = guest.get(&public).await.expect(200);
    assert_eq!(page.text("/price"), "2600.00");
    vendor.owner.act(&format!("{own}/actions/unpublish")).await.expect(200);
    guest.get(&public).await.expect(404);
    assert_eq!(app.count("SELECT count(*) FROM product_documents").await, 0);
    vendor.owner.act(&format!("{own}/actions/publish")).await.expect(200);
    guest.get(&public).await.expect(200);
    app.suspend(&vendor).await;
    guest.get(&public).await.expect(404);
    app.finish().await;
}

/// Two HTTP workers are two threads with a runtime and a pool each.
#[test]
fn a_busy_worker_stalls_no_query_of_another() {
    let ask = |url: &str| {
        let (runtime, url) = (
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            url.to_owned(),
        );
        move |before: &dyn Fn()| {
            runtime.block_on(async {
                let pool =
                    Db::new(&url, 2, Duration::from_secs(10)).expect("a pool").share(2).expect("a share");
                db::now(&mut pool.conn().await.expect("a connection"), Realm::Sandbox)
                    .await
                    .expect("the time");
                before();
                db::now(&mut pool.conn().await.expect("a connection"), Realm::Sandbox)
                    .await
                    .expect("the time");
            });
        }
    };
    let setup = tokio::runtime::Runtime::new().expect("a runtime");
    let url = setup.block_on(async { bench().await.url(&bench().await.clone_database().await) });
    let ((busy, is_busy), (go_on, let_go)) = (mpsc::channel(), mpsc::channel::<()>());
    let address = url.clone();
    let blocked = std::thread::spawn(move || {
        ask(&address)(&|| {
            busy.send(()).expect("somebody waits");
            let_go.recv().expect("it is let go");
        });
    });
    is_busy.recv().expect("it gets busy");
    let other = std::thread::spawn(move || ask(&url)(&|| {}));
    other.join().expect("the other worker is answered");
    go_on.send(()).expect("it waits");
    blocked.join().expect("it goes on");
}
