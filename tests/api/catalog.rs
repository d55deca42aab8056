//! The catalogue: products from draft to shelf, stock, search.
use crate::support::TestApp;
use crate::support::trade::is_public;

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
