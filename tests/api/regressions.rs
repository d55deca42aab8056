//! Faults that were found and mended; each test keeps one of them from coming back.
use crate::support::trade::{PDF, PENS, PNG, Vendor, is_public, organisation};
use crate::support::{Caller, TestApp};
use lokapasar::kernel::{MembershipId, Role, VendorId};
use serde_json::{Value, json};

fn file(vendor: &Vendor) -> String {
    format!("/api/v1/vendors/{}", vendor.id)
}
fn action(vendor: &Vendor, verb: &str) -> String {
    format!("/api/v1/vendors/{}/actions/{verb}", vendor.id)
}
fn page(id: &str) -> String {
    format!("/api/v1/products/{id}")
}
fn turn(id: &str, verb: &str) -> String {
    format!("/api/v1/products/{id}/actions/{verb}")
}

async fn entity(app: &TestApp, nib: &str, more: Value) -> Vendor {
    let (user, contact) = app.account().await;
    let founder = app.log_in(user, &contact, None).await;
    let mut fields = json!({ "legal_form": "pt_perorangan", "sells": "Mebel", "phone": "+6281234567891", "nib": nib,
        "npwp": "01.000.013.1-093.000", "address": "Jl. Pemuda 2", "region_code": "33.74.01", "bank_code": "008",
        "bank_account": "9876543210", "bank_holder": "PT Maju", "kbli_codes": ["31001"] });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    let created = founder
        .post("/api/v1/vendors", json!({ "kind": "entity", "name": "PT Maju", "fields": fields }))
        .await
        .expect(201);
    let id = VendorId(created.text("/vendor/id").parse().unwrap());
    let membership = MembershipId(created.text("/membership_id").parse().unwrap());
    let vendor = Vendor { owner: app.log_in(user, &contact, Some(membership)).await, id };
    for kind in ["nib", "npwp"] {
        vendor
            .owner
            .upload(&format!("{}/documents", file(&vendor)), PDF.to_vec(), &[("kind", kind)])
            .await
            .expect(201);
    }
    vendor
}

async fn claimed(app: &TestApp) -> (Vendor, Caller) {
    let vendor = app.draft_vendor().await;
    vendor.owner.act(&action(&vendor, "submit")).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    (vendor, verifier)
}

fn offered(answer: &crate::support::Answer, verb: &str) -> Value {
    answer.body["available_actions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["verb"] == verb)
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_reads_a_file_that_another_one_holds_and_sees_masks() {
    let app = TestApp::start().await;
    let (vendor, _) = claimed(&app).await;
    let other = app.member(None, Role::Verifier, &[]).await;
    let shown = other.get(&file(&vendor)).await.expect(200);
    assert!(shown.text("/nik").starts_with("••••"));
    assert_eq!(offered(&shown, "claim")["code"], "claimed_by_another");
    other.get("/api/v1/vendors").await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_may_be_taken_over_is_offered() {
    let app = TestApp::start().await;
    let (vendor, _) = claimed(&app).await;
    let other = app.member(None, Role::Verifier, &[]).await;
    app.move_clock(24).await;
    assert_eq!(offered(&other.get(&file(&vendor)).await.expect(200), "claim")["allowed"], true);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_know_the_forbidden_pair() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    vendor.owner.act(&action(&vendor, "submit")).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    app.grant(verifier.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    assert_eq!(
        offered(&verifier.get(&file(&vendor)).await.expect(200), "claim")["code"],
        "pair_verifier_vendor"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nib_typed_with_separators_is_the_same_nib() {
    let app = TestApp::start().await;
    let first = entity(&app, "9120001234567", json!({})).await;
    let second = entity(&app, "9120-0012-34567", json!({})).await;
    first.owner.act(&action(&first, "submit")).await.expect(200);
    second.owner.act(&action(&second, "submit")).await.expect_problem(409, "nib_taken");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_regions_and_licences() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let licence = json!([{ "kind": "halal", "number": "1", "issuer": "BPJPH" }]);
    let served = json!([{ "region_code": "33.22", "shipping_terms": "included" }]);
    vendor.owner.change(&file(&vendor), json!({ "regions": served, "licences": licence })).await.expect(200);
    let shown =
        vendor.owner.change(&file(&vendor), json!({ "regions": null, "licences": null })).await.expect(200);
    assert_eq!((shown.body["regions"].clone(), shown.body["licences"].clone()), (json!([]), json!([])));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_of_the_vendors_own_people_does_not_reinstate_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    app.admin()
        .await
        .post(&action(&vendor, "suspend"), json!({ "reason": "Pesanan mangkir" }))
        .await
        .expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    app.grant(verifier.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    verifier.act(&action(&vendor, "reinstate")).await.expect_problem(409, "pair_verifier_vendor");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nik_of_an_entitys_owner_may_also_be_an_individuals() {
    let app = TestApp::start().await;
    let (individual, _) = claimed(&app).await;
    let nik = individual.owner.get(&file(&individual)).await.expect(200).text("/nik");
    let entity = entity(&app, "9120001234567", json!({ "nik": nik })).await;
    entity.owner.act(&action(&entity, "submit")).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_whose_suspension_lapsed_is_listed_as_verified_without_its_reason() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let until = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let admin = app.admin().await;
    admin
        .post(&action(&vendor, "suspend"), json!({ "reason": "Pesanan mangkir", "until": until }))
        .await
        .expect(200);
    app.move_clock(2).await;
    let counts = [
        admin.get("/api/v1/vendors?status=suspended").await.expect(200).items().len(),
        admin.get("/api/v1/vendors?status=verified").await.expect(200).items().len(),
    ];
    let shown = admin.get(&file(&vendor)).await.expect(200);
    assert_eq!(
        (counts, shown.body["status_reason"].clone(), shown.body["suspended_until"].clone()),
        ([0, 1], Value::Null, Value::Null)
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_of_a_suspension_names_its_end() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let until = (chrono::Utc::now() + chrono::TimeDelta::hours(48)).to_rfc3339();
    app.admin()
        .await
        .post(&action(&vendor, "suspend"), json!({ "reason": "Pesanan mangkir", "until": until }))
        .await
        .expect(200);
    let mails = app.all_mails_to(&vendor.owner.contact).await;
    assert!(mails.iter().any(|mail| mail.text.contains("Pesanan mangkir") && mail.text.contains(" sampai ")));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_does_not_end_before_it_begins() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let body = json!({ "reason": "Pesanan mangkir", "until": "2020-01-01T00:00:00Z" });
    app.admin().await.post(&action(&vendor, "suspend"), body).await.expect_problem(422, "invalid_input");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nib_in_use_may_be_saved_in_a_revision_and_is_refused_on_submission() {
    let app = TestApp::start().await;
    let first = entity(&app, "9120001234567", json!({})).await;
    first.owner.act(&action(&first, "submit")).await.expect(200);
    let (second, verifier) = claimed(&app).await;
    verifier
        .post(&action(&second, "request-revision"), json!({ "reason": "Lengkapi NIB" }))
        .await
        .expect(200);
    second.owner.change(&file(&second), json!({ "nib": "9120001234567" })).await.expect(200);
    second.owner.act(&action(&second, "submit")).await.expect_problem(409, "nib_taken");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_new_thing_point_into_its_fields() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let body =
        json!({ "name": "Pulpen", "category_code": PENS, "price": "1000", "fields": { "unit": "ZZZ" } });
    let product = vendor.owner.post("/api/v1/products", body).await.expect(422).faults();
    let body = json!({ "kind": "individual", "name": "Warung", "fields": { "region_code": "99.99" } });
    let vendor = app.person().await.post("/api/v1/vendors", body).await.expect(422).faults();
    let places: Vec<_> = [product, vendor].concat().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["#/fields/unit", "#/fields/region_code"]);
    app.finish().await;
}

/// Cookies are reviewed before.
async fn approved_cookies(app: &TestApp, vendor: &Vendor) -> String {
    let id = app.draft_product(vendor, "03.03.01", "45000", json!({})).await;
    vendor.owner.act(&turn(&id, "submit")).await.expect(200);
    app.member(None, Role::Curator, &[]).await.act(&turn(&id, "approve")).await.expect(200);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_off_the_shelf_is_reviewed_before_the_product_is_public_again() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = approved_cookies(&app, &vendor).await;
    vendor.owner.act(&turn(&id, "unpublish")).await.expect(200);
    vendor
        .owner
        .change(&page(&id), json!({ "name": "Obat kuat", "category_code": "03.03.01" }))
        .await
        .expect(200);
    vendor.owner.act(&turn(&id, "publish")).await;
    assert!(!is_public(&app.anonymous(), &id).await);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_a_photo_does_not_come_back_to_the_shelf() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = app.product(&vendor, "1000", 1).await;
    vendor.owner.act(&turn(&id, "unpublish")).await.expect(200);
    let shown = vendor.owner.get(&page(&id)).await.expect(200);
    vendor.owner.delete(&format!("{}/photos/{}", page(&id), shown.text("/photos/0/id")), &shown.etag()).await;
    vendor.owner.act(&turn(&id, "publish")).await;
    let public = app.anonymous().get(&format!("/public/v1/products/{id}")).await;
    assert!(public.status == 404 || public.body["photos"].as_array().unwrap().len() == 1, "{}", public.body);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_moves_takes_the_new_leafs_defaults() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let id = app.draft_product(&vendor, PENS, "1000", json!({})).await;
    let moved = vendor.owner.change(&page(&id), json!({ "category_code": "04.01.01" })).await.expect(200);
    let fields = ["unit", "kbki_code", "tax_class"].map(|field| moved.text(&format!("/{field}")));
    assert_eq!(fields, ["KGM", "23161", "vat_exempt"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_brings_the_leafs_default_back() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let id = app.draft_product(&vendor, PENS, "1000", json!({ "unit": "DZN", "kbki_code": "12345" })).await;
    let cleared =
        vendor.owner.change(&page(&id), json!({ "unit": null, "kbki_code": null })).await.expect(200);
    assert_eq!((cleared.text("/unit"), cleared.text("/kbki_code")), ("H87".into(), "38911".into()));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_patch_reaches_into_attributes() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let id = app
        .draft_product(&vendor, PENS, "1000", json!({ "attributes": { "warna": "biru", "tinta": "gel" } }))
        .await;
    let merged = vendor
        .owner
        .change(&page(&id), json!({ "attributes": { "warna": "merah", "tinta": null, "ujung": "0.5" } }))
        .await
        .expect(200);
    assert_eq!(merged.body["attributes"], json!({ "warna": "merah", "ujung": "0.5" }));
    app.finish().await;
}

async fn search(app: &TestApp, words: &str) -> usize {
    let words = serde_urlencoded::to_string([("q", words)]).unwrap();
    app.anonymous().get(&format!("/public/v1/products?{words}")).await.expect(200).items().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn synonyms_hold_in_both_directions() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    app.product(&vendor, "1000", 1).await;
    assert_eq!(search(&app, "bolpoin").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_word_must_match_too() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let body = json!({ "name": "Pulpen gel biru tua tinta cair", "category_code": PENS, "price": "1000" });
    let id = vendor.owner.post("/api/v1/products", body).await.expect(201).id();
    vendor.owner.upload(&format!("{}/photos", page(&id)), PNG.to_vec(), &[]).await.expect(201);
    vendor.owner.act(&turn(&id, "submit")).await.expect(200);
    assert_eq!(
        (
            search(&app, "pulpen gel biru tua tinta cair").await,
            search(&app, "pulpen gel biru tua tinta bubuk").await
        ),
        (1, 0)
    );
    app.finish().await;
}
