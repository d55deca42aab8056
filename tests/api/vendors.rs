//! Vendors: the file from draft to verified, its papers, its verifiers, its suspension.
use crate::support::trade::{PDF, PNG, Vendor, is_public, organisation, send};
use crate::support::{Answer, Caller, TestApp};
use lokapasar::kernel::{MembershipId, Role, VendorId};
use serde_json::{Value, json};

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 0, 0x10, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

fn file(vendor: &Vendor) -> String {
    format!("/api/v1/vendors/{}", vendor.id)
}

fn action(vendor: &Vendor, verb: &str) -> String {
    format!("/api/v1/vendors/{}/actions/{verb}", vendor.id)
}

fn papers(vendor: &Vendor) -> String {
    format!("/api/v1/vendors/{}/documents", vendor.id)
}

/// A file as somebody typed it, without papers.
async fn begin(app: &TestApp, kind: &str, name: &str, fields: Value) -> Vendor {
    let (user, contact) = app.account().await;
    let founder = app.log_in(user, &contact, None).await;
    let created = founder
        .post("/api/v1/vendors", json!({ "kind": kind, "name": name, "fields": fields }))
        .await
        .expect(201);
    let id = VendorId(created.text("/vendor/id").parse().unwrap());
    let membership = MembershipId(created.text("/membership_id").parse().unwrap());
    Vendor { owner: app.log_in(user, &contact, Some(membership)).await, id }
}

/// All that an individual must say beside the name.
fn individual(nik: &str) -> Value {
    json!({ "sells": "Alat tulis kantor", "phone": "+6281234567890", "nik": nik, "address": "Jl. Pandanaran 1",
        "region_code": "33.74.01", "bank_code": "008", "bank_account": "1234567890" })
}

/// All that an entity must say beside the name, when it is `CV Maju Jaya`.
fn entity(nib: &str) -> Value {
    json!({ "legal_form": "cv", "sells": "Mebel kantor", "phone": "+6281234567891", "nib": nib, "npwp": "01.000.013.1-093.000",
        "address": "Jl. Pemuda 2", "region_code": "33.74.01", "bank_code": "008", "bank_account": "9876543210",
        "bank_holder": "CV Maju Jaya", "kbli_codes": ["31001"] })
}

async fn add_paper(vendor: &Vendor, kind: &str) -> Answer {
    vendor.owner.upload(&papers(vendor), PDF.to_vec(), &[("kind", kind)]).await.expect(201)
}

/// An entity with all its papers, still a draft.
async fn whole_entity(app: &TestApp, nib: &str) -> Vendor {
    let vendor = begin(app, "entity", "CV Maju Jaya", entity(nib)).await;
    for kind in ["nib", "npwp", "deed"] {
        add_paper(&vendor, kind).await;
    }
    vendor
}

async fn submit(vendor: &Vendor) -> Answer {
    vendor.owner.act(&action(vendor, "submit")).await
}

async fn submitted(app: &TestApp) -> Vendor {
    let vendor = app.draft_vendor().await;
    submit(&vendor).await.expect(200);
    vendor
}

/// A file in the hands of a verifier.
async fn claimed(app: &TestApp) -> (Vendor, Caller) {
    let vendor = submitted(app).await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    (vendor, verifier)
}

async fn precheck(vendor: &Vendor) -> Answer {
    vendor.owner.post("/api/v1/vendors/prechecks", json!({ "vendor_id": vendor.id })).await.expect(200)
}

/// Place and code of each entry, sorted.
fn places(entries: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let mut places: Vec<_> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(entry, "pointer"), text(entry, "code")))
        .collect();
    places.sort();
    places
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        expected.iter().map(|(place, code)| ((*place).to_owned(), (*code).to_owned())).collect();
    pairs.sort();
    pairs
}

/// The entry of a verb among the available actions.
fn offered<'a>(answer: &'a Answer, verb: &str) -> &'a Value {
    answer.body["available_actions"].as_array().unwrap().iter().find(|action| action["verb"] == verb).unwrap()
}

/// The verbs that are allowed now, in their order.
fn allowed(answer: &Answer) -> Vec<String> {
    let actions = answer.body["available_actions"].as_array().unwrap();
    actions
        .iter()
        .filter(|action| action["allowed"] == true)
        .map(|action| action["verb"].as_str().unwrap().to_owned())
        .collect()
}

/// A problem without what differs from request to request.
fn likeness(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    let fields = body.as_object_mut().unwrap();
    fields.remove("trace_id").unwrap();
    fields.remove("instance").unwrap();
    body
}

/// Real time so many hours from now, as the API reads it.
fn in_hours(hours: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::hours(hours)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

// What a file needs.

#[tokio::test(flavor = "multi_thread")]
async fn six_answers_and_an_identity_card_suffice_for_an_individual() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "individual", "Warung Sri", individual(&app.nik())).await;
    let found = precheck(&vendor).await;
    assert_eq!(found.body["ready"], false);
    assert_eq!(places(&found.body["faults"]), pairs(&[("#/documents", "document_missing")]));
    add_paper(&vendor, "identity_card").await;
    let found = precheck(&vendor).await;
    assert_eq!(found.body, json!({ "ready": true, "faults": [], "warnings": [] }));
    let sent = submit(&vendor).await.expect(200);
    assert_eq!(sent.text("/status"), "submitted");
    assert_eq!(sent.text("/legal_form"), "perorangan");
    assert!(!sent.text("/submitted_at").is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_individual_is_told_each_missing_answer() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "individual", "Warung Sri", json!({})).await;
    let expected = pairs(&[
        ("#/sells", "required"),
        ("#/phone", "required"),
        ("#/nik", "required"),
        ("#/address", "required"),
        ("#/region_code", "required"),
        ("#/bank_code", "required"),
        ("#/bank_account", "required"),
        ("#/documents", "document_missing"),
    ]);
    assert_eq!(places(&precheck(&vendor).await.body["faults"]), expected);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_needs_more_and_is_told_everything_at_once() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "entity", "CV Maju Jaya", json!({})).await;
    let refused = submit(&vendor).await.expect_problem(422, "invalid_input");
    let expected = pairs(&[
        ("#/sells", "required"),
        ("#/phone", "required"),
        ("#/address", "required"),
        ("#/region_code", "required"),
        ("#/bank_code", "required"),
        ("#/bank_account", "required"),
        ("#/bank_holder", "required"),
        ("#/kbli_codes", "required"),
        ("#/nib", "required"),
        ("#/npwp", "required"),
        ("#/documents", "document_missing"),
        ("#/documents", "document_missing"),
        ("#/documents", "document_missing"),
    ]);
    assert_eq!(places(&refused.body["errors"]), expected);
    for paper in ["nib", "npwp", "deed"] {
        let names = |fault: &Value| fault["detail"].as_str().unwrap().contains(&format!("({paper})"));
        assert!(refused.body["errors"].as_array().unwrap().iter().any(names), "{paper} is not named");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_entity_is_taken_and_a_vat_registration_needs_its_number_and_paper() {
    let app = TestApp::start().await;
    let vendor = whole_entity(&app, "9120001234567").await;
    vendor.owner.change(&file(&vendor), json!({ "vat_registered": true })).await.expect(200);
    let expected = pairs(&[("#/vat_confirmation_number", "required"), ("#/documents", "document_missing")]);
    assert_eq!(places(&precheck(&vendor).await.body["faults"]), expected);
    vendor
        .owner
        .change(&file(&vendor), json!({ "vat_confirmation_number": "S-123/PKP/2024" }))
        .await
        .expect(200);
    add_paper(&vendor, "vat_confirmation").await;
    assert_eq!(submit(&vendor).await.expect(200).text("/status"), "submitted");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_person_company_needs_no_deed_and_forms_do_not_cross_kinds() {
    let app = TestApp::start().await;
    let mut fields = entity("9120001234568");
    fields["legal_form"] = json!("pt_perorangan");
    let vendor = begin(&app, "entity", "CV Maju Jaya", fields).await;
    add_paper(&vendor, "nib").await;
    add_paper(&vendor, "npwp").await;
    assert_eq!(precheck(&vendor).await.body["faults"], json!([]));
    let refused = vendor.owner.change(&file(&vendor), json!({ "legal_form": "perorangan" })).await;
    refused.expect_problem(422, "invalid_input").expect_fault("#/legal_form", "value_not_allowed");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_precheck_names_exactly_what_submission_refuses() {
    let app = TestApp::start().await;
    let odd = json!({ "sells": " ", "phone": "12345", "nik": "123", "nib": "1", "npwp": "2", "bank_account": "12a45", "kbli_codes": ["4761", "47611"] });
    let vendor = begin(&app, "individual", "Warung Sri", odd).await;
    let told = precheck(&vendor).await;
    let refused = submit(&vendor).await.expect_problem(422, "invalid_input");
    assert_eq!(told.body["ready"], false);
    assert_eq!(told.body["faults"], refused.body["errors"]);
    let expected = pairs(&[
        ("#/sells", "required"),
        ("#/address", "required"),
        ("#/region_code", "required"),
        ("#/bank_code", "required"),
        ("#/phone", "contact_invalid"),
        ("#/nik", "nik_invalid"),
        ("#/nib", "nib_invalid"),
        ("#/npwp", "npwp_invalid"),
        ("#/bank_account", "pattern_mismatch"),
        ("#/kbli_codes/0", "pattern_mismatch"),
        ("#/documents", "document_missing"),
    ]);
    assert_eq!(places(&refused.body["errors"]), expected);
    assert_eq!(vendor.owner.get(&file(&vendor)).await.expect(200).text("/status"), "draft");
    app.finish().await;
}

// Numbers.

/// Puts values into a draft one by one; answers which of them the precheck refuses at the field.
async fn refused_values(vendor: &Vendor, field: &str, values: &[&str]) -> Vec<bool> {
    let mut refused = Vec::new();
    for value in values {
        vendor.owner.change(&file(vendor), json!({ field: value })).await.expect(200);
        let faults = places(&precheck(vendor).await.body["faults"]);
        refused.push(faults.iter().any(|(place, _)| *place == format!("#/{field}")));
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nik_has_sixteen_digits_and_a_possible_date_to_which_women_add_forty_days() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let good = [
        "3374011708900001",
        "3374015708900001",
        "3374017108900001",
        "3374014108900001",
        "3374012902000001",
        "3374016902000001",
        "3374013112990001",
    ];
    assert_eq!(refused_values(&vendor, "nik", &good).await, [false; 7]);
    let bad = [
        "337401170890001",
        "33740117089000012",
        "3374010008900001",
        "3374013208900001",
        "3374014008900001",
        "3374017208900001",
        "3374013104900001",
        "3374017104900001",
        "3374011713900001",
        "3374011700900001",
        "3374012902010001",
        "33740117089000O1",
    ];
    assert_eq!(refused_values(&vendor, "nik", &bad).await, [true; 12]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nib_has_thirteen_digits() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let values = ["9120001234567", "0000000000001", "912000123456", "91200012345678", "912000123456A"];
    assert_eq!(refused_values(&vendor, "nib", &values).await, [false, false, true, true, true]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_npwp_of_fifteen_digits_is_kept_as_sixteen() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "entity", "CV Maju Jaya", entity("9120001234569")).await;
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!(shown.text("/npwp"), "0010000131093000");
    let values =
        ["010000131093000", "0010000131093000", "01000013109300", "00100001310930001", "01000013109300X"];
    assert_eq!(refused_values(&vendor, "npwp", &values).await, [false, false, true, true, true]);
    let individual = app.draft_vendor().await;
    let shown = individual
        .owner
        .change(&file(&individual), json!({ "npwp": "01.000.013.1-093.000" }))
        .await
        .expect(200);
    assert_eq!(shown.text("/npwp"), "0010000131093000");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_number_is_kept_in_international_form() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let shown = vendor.owner.change(&file(&vendor), json!({ "phone": "0812-3456-7890" })).await.expect(200);
    assert_eq!(shown.text("/phone"), "+6281234567890");
    let values = ["+6281234567890", "(0812) 3456 7890", "81234567890", "+62 12", "sri@example.id"];
    assert_eq!(refused_values(&vendor, "phone", &values).await, [false, false, true, true, true]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_check_digit_an_unknown_nik_region_and_another_holder_only_warn() {
    let app = TestApp::start().await;
    let vendor = whole_entity(&app, "9120001234570").await;
    assert_eq!(precheck(&vendor).await.body["warnings"], json!([]));
    let odd = json!({ "npwp": "01.000.013.2-093.000", "bank_holder": "Budi Santoso" });
    vendor.owner.change(&file(&vendor), odd).await.expect(200);
    let told = precheck(&vendor).await;
    assert_eq!(
        places(&told.body["warnings"]),
        pairs(&[("#/npwp", "npwp_check_digit"), ("#/bank_holder", "holder_differs")])
    );
    assert_eq!((told.body["ready"].clone(), told.body["faults"].clone()), (json!(true), json!([])));
    submit(&vendor).await.expect(200);
    let sri = begin(&app, "individual", "Warung Sri", individual("9999991708900001")).await;
    add_paper(&sri, "identity_card").await;
    let told = precheck(&sri).await;
    assert_eq!(places(&told.body["warnings"]), pairs(&[("#/nik", "nik_region_unknown")]));
    submit(&sri).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_is_the_same_name_whatever_its_dots_and_capitals() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "entity", "CV Maju Jaya", entity("9120001234571")).await;
    vendor.owner.change(&file(&vendor), json!({ "bank_holder": "CV. MAJU-JAYA" })).await.expect(200);
    assert_eq!(precheck(&vendor).await.body["warnings"], json!([]));
    app.finish().await;
}

// Saving.

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_saves_anything_as_it_was_typed() {
    let app = TestApp::start().await;
    let odd = json!({ "nik": "belum tahu", "nib": "menyusul", "npwp": "-", "phone": "pinjam tetangga", "bank_account": "???", "kbli_codes": ["x"] });
    let vendor = begin(&app, "individual", "Warung Sri", odd).await;
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    let fields =
        ["nik", "nib", "npwp", "phone", "bank_account"].map(|field| shown.text(&format!("/{field}")));
    assert_eq!(fields, ["belum tahu", "menyusul", "-", "pinjam tetangga", "???"]);
    assert_eq!((shown.text("/status"), shown.text("/kbli_codes/0")), ("draft".into(), "x".into()));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_region_and_one_named_twice_are_refused_at_their_places() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let served = |code: &str| json!({ "region_code": code, "shipping_terms": "included" });
    let odd =
        json!({ "region_code": "99.99", "regions": [served("33.74"), served("98.76"), served("33.74")] });
    let refused = vendor.owner.change(&file(&vendor), odd).await.expect_problem(422, "invalid_input");
    let expected = pairs(&[
        ("#/region_code", "unknown_reference"),
        ("#/regions/1/region_code", "unknown_reference"),
        ("#/regions/2/region_code", "duplicate_item"),
    ]);
    assert_eq!(places(&refused.body["errors"]), expected);
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!((shown.text("/region_code"), shown.body["regions"].clone()), ("33.74.01".into(), json!([])));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_clears_what_is_null_and_keeps_what_is_absent() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let served = json!([{ "region_code": "33.22", "shipping_terms": "flat", "fee": "15000.00" }]);
    let licence = json!([{ "kind": "halal", "number": "ID33110000", "issuer": "BPJPH", "register": null, "expires_on": "2030-01-31" }]);
    let filled = json!({ "address": "Jl. Baru 5", "nib": "9120001234572", "capital": "5000000", "annual_sales": "7000000",
        "bank_holder": "Sri", "kbli_codes": ["47611"], "regions": served, "licences": licence });
    vendor.owner.change(&file(&vendor), filled).await.expect(200);
    let cleared = json!({ "address": null, "nib": null, "phone": null, "nik": null, "capital": null, "kbli_codes": null, "bank_account": null });
    let answer = vendor.owner.change(&file(&vendor), cleared).await.expect(200);
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!(answer.body, shown.body);
    for field in ["address", "nib", "phone", "nik", "capital", "bank_account"] {
        assert_eq!(shown.body[field], Value::Null, "{field}");
    }
    assert_eq!(shown.body["kbli_codes"], json!([]));
    assert_eq!(shown.text("/annual_sales"), "7000000.00");
    assert_eq!(
        (shown.text("/bank_holder"), shown.text("/sells")),
        ("Sri".into(), "Alat tulis kantor".into())
    );
    assert_eq!((shown.body["regions"].clone(), shown.body["licences"].clone()), (served, licence));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_needs_the_version_that_was_loaded() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let loaded = vendor.owner.get(&file(&vendor)).await.expect(200);
    let blind =
        vendor.owner.request(reqwest::Method::PATCH, &file(&vendor)).json(&json!({ "sells": "Kertas" }));
    send(blind).await.expect_problem(428, "if_match_missing");
    let changed =
        vendor.owner.patch(&file(&vendor), &loaded.etag(), json!({ "sells": "Kertas" })).await.expect(200);
    assert_ne!(changed.etag(), loaded.etag());
    vendor
        .owner
        .patch(&file(&vendor), &loaded.etag(), json!({ "sells": "Map" }))
        .await
        .expect_problem(412, "version_stale");
    vendor
        .owner
        .patch(&file(&vendor), "\"abc\"", json!({ "sells": "Map" }))
        .await
        .expect_problem(400, "header_invalid");
    let unknown = vendor.owner.patch(&file(&vendor), &changed.etag(), json!({ "status": "verified" })).await;
    unknown.expect_problem(422, "invalid_input").expect_fault("#/status", "unknown_field");
    assert_eq!(vendor.owner.get(&file(&vendor)).await.expect(200).text("/sells"), "Kertas");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_raises_the_version_of_its_file() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let loaded = vendor.owner.get(&file(&vendor)).await.expect(200).etag();
    add_paper(&vendor, "bank_book").await;
    vendor
        .owner
        .patch(&file(&vendor), &loaded, json!({ "sells": "Map" }))
        .await
        .expect_problem(412, "version_stale");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_file_changes_after_it_was_handed_in() {
    let app = TestApp::start().await;
    let vendor = submitted(&app).await;
    let paper = vendor.owner.get(&papers(&vendor)).await.expect(200).text("/items/0/id");
    let etag = vendor.owner.get(&file(&vendor)).await.expect(200).etag();
    vendor
        .owner
        .patch(&file(&vendor), &etag, json!({ "sells": "Map" }))
        .await
        .expect_problem(409, "illegal_transition");
    let further = vendor.owner.upload(&papers(&vendor), PDF.to_vec(), &[("kind", "other")]).await;
    further.expect_problem(409, "illegal_transition");
    let gone = vendor.owner.delete(&format!("{}/{paper}", papers(&vendor)), &etag).await;
    gone.expect_problem(409, "illegal_transition");
    submit(&vendor).await.expect_problem(409, "illegal_transition");
    assert_eq!(vendor.owner.get(&papers(&vendor)).await.expect(200).items().len(), 1);
    app.finish().await;
}

// What may occur once.

#[tokio::test(flavor = "multi_thread")]
async fn a_nib_in_use_is_refused_on_submission_alone_without_telling_whose_it_is() {
    let app = TestApp::start().await;
    let first = whole_entity(&app, "9120001234573").await;
    let second = begin(&app, "entity", "CV Maju Jaya", entity("9120001234573")).await;
    for kind in ["nib", "npwp", "deed"] {
        add_paper(&second, kind).await;
    }
    submit(&first).await.expect(200);
    second.owner.change(&file(&second), json!({ "sells": "Kursi" })).await.expect(200);
    let refused = submit(&second).await.expect_problem(409, "nib_taken");
    let text = refused.body.to_string();
    assert!(
        !text.contains("9120001234573") && !text.contains(&first.id.to_string()) && !text.contains("Maju"),
        "{text}"
    );
    assert_eq!(second.owner.get(&file(&second)).await.expect(200).text("/status"), "draft");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nik_in_use_is_refused_on_submission_alone_without_telling_whose_it_is() {
    let app = TestApp::start().await;
    let nik = app.nik();
    let first = begin(&app, "individual", "Warung Pertama", individual(&nik)).await;
    let second = begin(&app, "individual", "Warung Kedua", individual(&nik)).await;
    for vendor in [&first, &second] {
        add_paper(vendor, "identity_card").await;
    }
    submit(&first).await.expect(200);
    second.owner.change(&file(&second), json!({ "sells": "Kue" })).await.expect(200);
    let refused = submit(&second).await.expect_problem(409, "nik_taken");
    let text = refused.body.to_string();
    assert!(
        !text.contains(&nik) && !text.contains(&first.id.to_string()) && !text.contains("Pertama"),
        "{text}"
    );
    second.owner.change(&file(&second), json!({ "nik": app.nik() })).await.expect(200);
    submit(&second).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phone_and_account_may_be_shared() {
    let app = TestApp::start().await;
    for name in ["Warung Pertama", "Warung Kedua"] {
        let vendor = begin(&app, "individual", name, individual(&app.nik())).await;
        add_paper(&vendor, "identity_card").await;
        submit(&vendor).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nib_and_nik_are_free_again_after_a_rejection() {
    let app = TestApp::start().await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    let nik = app.nik();
    let mut fields = individual(&nik);
    fields["nib"] = json!("9120001234574");
    let first = begin(&app, "individual", "Warung Pertama", fields.clone()).await;
    let second = begin(&app, "individual", "Warung Kedua", fields).await;
    for vendor in [&first, &second] {
        add_paper(vendor, "identity_card").await;
    }
    submit(&first).await.expect(200);
    submit(&second).await.expect(409);
    verifier.act(&action(&first, "claim")).await.expect(200);
    verifier
        .post(&action(&first, "reject"), json!({ "reason": "KTP bukan milik pendaftar" }))
        .await
        .expect(200);
    submit(&second).await.expect(200);
    app.finish().await;
}

// Papers.

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_a_paper_is_what_its_content_shows() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    for (bytes, media_type) in [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")] {
        let fields = [
            ("kind", "licence"),
            ("number", "503/77"),
            ("issued_on", "2024-02-29"),
            ("expires_on", "2031-12-31"),
        ];
        let added = vendor.owner.upload(&papers(&vendor), bytes.to_vec(), &fields).await.expect(201);
        assert_eq!(added.text("/media_type"), media_type);
        assert_eq!(added.text("/size_bytes"), bytes.len().to_string());
        assert_eq!(
            (added.text("/number"), added.text("/expires_on")),
            ("503/77".into(), "2031-12-31".into())
        );
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        assert_eq!(added.text("/sha256"), hex::encode(digest));
        assert_eq!(added.header("location"), format!("{}/{}", papers(&vendor), added.id()));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_pdf_jpeg_or_png_is_refused() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let others: [&[u8]; 5] = [
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a\x01\0\x01\0",
        b"PK\x03\x04\x14\0\0\0",
        b"bukan gambar",
        b"",
    ];
    for bytes in others {
        let part = reqwest::multipart::Part::bytes(bytes.to_vec())
            .file_name("ktp.pdf")
            .mime_str("application/pdf")
            .unwrap();
        let form = reqwest::multipart::Form::new().text("kind", "other").part("file", part);
        let answer =
            send(vendor.owner.request(reqwest::Method::POST, &papers(&vendor)).multipart(form)).await;
        answer.expect_problem(415, "file_type_refused");
    }
    let unknown = vendor.owner.upload(&papers(&vendor), PDF.to_vec(), &[("kind", "passport")]).await;
    unknown.expect_problem(422, "invalid_input").expect_fault("#/kind", "value_not_allowed");
    assert_eq!(vendor.owner.get(&papers(&vendor)).await.expect(200).items().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_may_have_five_mebibytes_and_not_a_byte_more() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let mut bytes = PDF.to_vec();
    bytes.resize(5 * 1024 * 1024, b' ');
    vendor.owner.upload(&papers(&vendor), bytes.clone(), &[("kind", "other")]).await.expect(201);
    bytes.push(b' ');
    vendor
        .owner
        .upload(&papers(&vendor), bytes, &[("kind", "other")])
        .await
        .expect_problem(413, "body_too_large");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_counts_through_its_last_day_and_no_longer() {
    let app = TestApp::start().await;
    let vendor = begin(&app, "individual", "Warung Sri", individual(&app.nik())).await;
    let today = app.sql("SELECT (now() AT TIME ZONE 'Asia/Jakarta')::date").await[0][0].clone().unwrap();
    let fields = [("kind", "identity_card"), ("expires_on", today.as_str())];
    vendor.owner.upload(&papers(&vendor), PDF.to_vec(), &fields).await.expect(201);
    assert_eq!(precheck(&vendor).await.body["faults"], json!([]));
    app.move_clock(24).await;
    let refused = submit(&vendor).await.expect_problem(422, "invalid_input");
    assert_eq!(places(&refused.body["errors"]), pairs(&[("#/documents", "document_expired")]));
    add_paper(&vendor, "identity_card").await;
    submit(&vendor).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_is_downloaded_by_its_owner_and_the_verifier_who_holds_the_file() {
    let app = TestApp::start().await;
    let vendor = submitted(&app).await;
    let paper = vendor.owner.get(&papers(&vendor)).await.expect(200).text("/items/0/id");
    let path = format!("{}/{paper}", papers(&vendor));
    let verifier = app.member(None, Role::Verifier, &[]).await;
    let other = app.member(None, Role::Verifier, &[]).await;
    verifier.get(&path).await.expect_problem(404, "not_found");
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    for caller in [&vendor.owner, &verifier] {
        let answer = caller.get(&path).await.expect(200);
        assert_eq!(answer.bytes, PDF);
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert!(answer.header("content-disposition").starts_with("attachment; "));
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("cache-control")),
            ("nosniff".into(), "no-store".into())
        );
    }
    let stranger = app.draft_vendor().await;
    for caller in [&other, &stranger.owner] {
        caller.get(&path).await.expect_problem(404, "not_found");
    }
    app.member(None, Role::Helpdesk, &[]).await.get(&path).await.expect_problem(403, "role_forbidden");
    let staff = app.member(Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    staff.get(&path).await.expect_problem(403, "role_forbidden");
    app.anonymous().get(&path).await.expect_problem(401, "authentication_required");
    verifier.act(&action(&vendor, "verify")).await.expect(200);
    verifier.get(&path).await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_that_was_removed_is_gone_and_counts_no_more() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let path = format!(
        "{}/{}",
        papers(&vendor),
        vendor.owner.get(&papers(&vendor)).await.expect(200).text("/items/0/id")
    );
    let blind = send(vendor.owner.request(reqwest::Method::DELETE, &path)).await;
    blind.expect_problem(428, "if_match_missing");
    let etag = vendor.owner.get(&file(&vendor)).await.expect(200).etag();
    let stranger = app.draft_vendor().await;
    stranger.owner.delete(&path, &etag).await.expect_problem(404, "not_found");
    vendor.owner.delete(&path, &etag).await.expect(204);
    vendor.owner.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(vendor.owner.get(&papers(&vendor)).await.expect(200).items().len(), 0);
    let etag = vendor.owner.get(&file(&vendor)).await.expect(200).etag();
    vendor.owner.delete(&path, &etag).await.expect_problem(404, "not_found");
    assert_eq!(
        places(&precheck(&vendor).await.body["faults"]),
        pairs(&[("#/documents", "document_missing")])
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_rests_sealed_on_the_disk() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let planted = b"%PDF-1.7 planted-in-the-paper-7305227".to_vec();
    vendor.owner.upload(&papers(&vendor), planted, &[("kind", "other")]).await.expect(201);
    let mut folders = vec![app.app.settings.data_dir.clone()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(20).any(|window| window == b"planted-in-the-paper"), "{}", path.display());
        }
    }
    assert!(files >= 2, "identity card and paper are stored");
    app.finish().await;
}

// The verifier's side.

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_oldest_first_and_shows_age_and_claim() {
    let app = TestApp::start().await;
    let first = submitted(&app).await;
    app.move_clock(5).await;
    let second = submitted(&app).await;
    app.draft_vendor().await;
    app.vendor().await;
    app.move_clock(2).await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    let other = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&action(&second, "claim")).await.expect(200);
    let queue = verifier.get("/api/v1/verification-queue").await.expect(200).items();
    let told: Vec<_> = queue
        .iter()
        .map(|item| json!([item["vendor_id"], item["age_hours"], item["status"], item["claimed_by_me"]]))
        .collect();
    let expected = [json!([first.id, 7, "submitted", false]), json!([second.id, 2, "in_review", true])];
    assert_eq!(told, expected);
    assert_eq!(queue[0]["claimed_at"], Value::Null);
    assert!(queue[1]["claimed_at"].is_string());
    let page = other.get("/api/v1/verification-queue?limit=1").await.expect(200);
    assert_eq!(page.text("/items/0/vendor_id"), first.id.to_string());
    let rest = other
        .get(&format!("/api/v1/verification-queue?limit=1&cursor={}", page.text("/next_cursor")))
        .await
        .expect(200);
    assert_eq!(rest.text("/items/0/vendor_id"), second.id.to_string());
    assert_eq!(
        (rest.body["items"][0]["claimed_by_me"].clone(), rest.body["next_cursor"].clone()),
        (json!(false), Value::Null)
    );
    app.member(None, Role::Curator, &[])
        .await
        .get("/api/v1/verification-queue")
        .await
        .expect_problem(403, "role_forbidden");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_holder_of_a_claim_decides() {
    let app = TestApp::start().await;
    let vendor = submitted(&app).await;
    let holder = app.member(None, Role::Verifier, &[]).await;
    let other = app.member(None, Role::Verifier, &[]).await;
    let reason = json!({ "reason": "Foto KTP tidak terbaca" });
    holder.act(&action(&vendor, "verify")).await.expect_problem(409, "illegal_transition");
    holder.act(&action(&vendor, "claim")).await.expect(200);
    other.act(&action(&vendor, "claim")).await.expect_problem(409, "claimed_by_another");
    other.act(&action(&vendor, "verify")).await.expect_problem(409, "claimed_by_another");
    other.post(&action(&vendor, "reject"), reason.clone()).await.expect_problem(409, "claimed_by_another");
    other
        .post(&action(&vendor, "request-revision"), reason.clone())
        .await
        .expect_problem(409, "claimed_by_another");
    app.admin().await.act(&action(&vendor, "verify")).await.expect_problem(403, "role_forbidden");
    vendor.owner.act(&action(&vendor, "verify")).await.expect_problem(403, "role_forbidden");
    holder
        .post(&action(&vendor, "reject"), json!({ "reason": "ya" }))
        .await
        .expect(422)
        .expect_fault("#/reason", "too_short");
    assert_eq!(holder.act(&action(&vendor, "verify")).await.expect(200).text("/status"), "verified");
    holder.act(&action(&vendor, "verify")).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_let_lie_for_a_day_may_be_taken_over() {
    let app = TestApp::start().await;
    let (vendor, first) = claimed(&app).await;
    let second = app.member(None, Role::Verifier, &[]).await;
    app.move_clock(23).await;
    second.act(&action(&vendor, "claim")).await.expect_problem(409, "claimed_by_another");
    app.move_clock(1).await;
    second.act(&action(&vendor, "claim")).await.expect(200);
    first.act(&action(&vendor, "verify")).await.expect_problem(409, "claimed_by_another");
    second.act(&action(&vendor, "verify")).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_verifiers_who_claim_at_once_leave_one_holder() {
    let app = TestApp::start().await;
    let vendor = submitted(&app).await;
    let mut verifiers = Vec::new();
    for _ in 0..10 {
        verifiers.push(app.member(None, Role::Verifier, &[]).await);
    }
    let path = action(&vendor, "claim");
    let answers = futures_util::future::join_all(verifiers.iter().map(|verifier| verifier.act(&path))).await;
    let mut outcomes: Vec<_> = answers.iter().map(|answer| (answer.status, answer.code())).collect();
    outcomes.sort();
    assert_eq!(outcomes[0], (200, String::new()));
    assert_eq!(outcomes[1..], vec![(409, "claimed_by_another".to_owned()); 9]);
    assert_eq!(
        app.count(&format!(
            "SELECT count(*) FROM audit WHERE action = 'vendor.claimed' AND subject_id = '{}'",
            vendor.id
        ))
        .await,
        1
    );
    let mut holders = 0;
    for verifier in &verifiers {
        holders += usize::from(
            verifier.get("/api/v1/verification-queue").await.expect(200).text("/items/0/claimed_by_me")
                == "true",
        );
    }
    assert_eq!(holders, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_who_is_one_of_the_vendors_people_keeps_their_hands_off() {
    let app = TestApp::start().await;
    let vendor = submitted(&app).await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    app.grant(verifier.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    verifier.act(&action(&vendor, "claim")).await.expect_problem(409, "pair_verifier_vendor");
    // The pairing may also arise while the claim is held.
    let (vendor, verifier) = claimed(&app).await;
    app.grant(verifier.user.unwrap(), Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    verifier.act(&action(&vendor, "verify")).await.expect_problem(409, "pair_verifier_vendor");
    let reason = json!({ "reason": "Foto KTP tidak terbaca" });
    verifier.post(&action(&vendor, "reject"), reason).await.expect_problem(409, "pair_verifier_vendor");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_round_leads_back_into_the_queue() {
    let app = TestApp::start().await;
    let (vendor, verifier) = claimed(&app).await;
    let reason = "Foto KTP tidak terbaca; unggah ulang";
    verifier.post(&action(&vendor, "request-revision"), json!({ "reason": reason })).await.expect(200);
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!(
        (shown.text("/status"), shown.text("/status_reason")),
        ("revision_requested".into(), reason.into())
    );
    assert_eq!(verifier.get("/api/v1/verification-queue").await.expect(200).items().len(), 0);
    vendor.owner.change(&file(&vendor), json!({ "address": "Jl. Pandanaran 10" })).await.expect(200);
    add_paper(&vendor, "identity_card").await;
    app.move_clock(30).await;
    let again = submit(&vendor).await.expect(200);
    assert_eq!(
        (again.text("/status"), again.body["status_reason"].clone()),
        ("submitted".into(), Value::Null)
    );
    let queue = verifier.get("/api/v1/verification-queue").await.expect(200);
    assert_eq!(
        (queue.text("/items/0/age_hours"), queue.text("/items/0/claimed_by_me")),
        ("0".into(), "false".into())
    );
    let second = app.member(None, Role::Verifier, &[]).await;
    second.act(&action(&vendor, "claim")).await.expect(200);
    second.act(&action(&vendor, "verify")).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_final() {
    let app = TestApp::start().await;
    let (vendor, verifier) = claimed(&app).await;
    let reason = json!({ "reason": "KTP bukan milik pendaftar" });
    verifier.post(&action(&vendor, "reject"), reason.clone()).await.expect(200);
    let shown = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!(
        (shown.text("/status"), shown.text("/status_reason")),
        ("rejected".into(), "KTP bukan milik pendaftar".into())
    );
    assert_eq!(allowed(&shown), [""; 0]);
    vendor
        .owner
        .change(&file(&vendor), json!({ "sells": "Map" }))
        .await
        .expect_problem(409, "illegal_transition");
    submit(&vendor).await.expect_problem(409, "illegal_transition");
    for verb in ["claim", "verify"] {
        verifier.act(&action(&vendor, verb)).await.expect_problem(409, "illegal_transition");
    }
    for verb in ["request-revision", "reject", "suspend"] {
        verifier.post(&action(&vendor, verb), reason.clone()).await.expect_problem(409, "illegal_transition");
    }
    verifier.act(&action(&vendor, "reinstate")).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

// Who sees what.

#[tokio::test(flavor = "multi_thread")]
async fn personal_values_are_clear_for_the_owner_and_the_holder_of_the_claim_alone() {
    let app = TestApp::start().await;
    let mut fields = individual("3374011708904321");
    fields["npwp"] = json!("3374011708904321");
    fields["bank_holder"] = json!("Sri Wahyuni");
    fields["annual_sales"] = json!("120000000");
    let vendor = begin(&app, "individual", "Warung Sri", fields).await;
    add_paper(&vendor, "identity_card").await;
    submit(&vendor).await.expect(200);
    let personal = |answer: &Answer| {
        ["nik", "npwp", "phone", "bank_account", "bank_holder", "address", "annual_sales"]
            .map(|field| answer.text(&format!("/{field}")))
    };
    let clear = [
        "3374011708904321",
        "3374011708904321",
        "+6281234567890",
        "1234567890",
        "Sri Wahyuni",
        "Jl. Pandanaran 1",
        "120000000.00",
    ];
    let masked =
        ["••••••••••••4321", "••••••••••••4321", "••••••••••7890", "••••••7890", "•••••••yuni", "•••", ""];
    assert_eq!(personal(&vendor.owner.get(&file(&vendor)).await.expect(200)), clear);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    assert_eq!(personal(&verifier.get(&file(&vendor)).await.expect(200)), masked);
    let held = verifier.act(&action(&vendor, "claim")).await.expect(200);
    assert_eq!(personal(&held), clear);
    assert_eq!(personal(&verifier.get(&file(&vendor)).await.expect(200)), clear);
    let staff = app.member(Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let mut others = vec![staff];
    for role in [Role::Helpdesk, Role::PlatformAuditor, Role::Admin] {
        others.push(app.member(None, role, &[]).await);
    }
    for caller in &others {
        assert_eq!(personal(&caller.get(&file(&vendor)).await.expect(200)), masked);
        let listed = caller.get("/api/v1/vendors").await.expect(200);
        assert_eq!(listed.text("/items/0/nik"), masked[0]);
    }
    verifier.act(&action(&vendor, "verify")).await.expect(200);
    assert_eq!(personal(&verifier.get(&file(&vendor)).await.expect(200)), masked);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entitys_npwp_is_no_secret() {
    let app = TestApp::start().await;
    let vendor = whole_entity(&app, "9120001234575").await;
    submit(&vendor).await.expect(200);
    let shown = app.member(None, Role::Helpdesk, &[]).await.get(&file(&vendor)).await.expect(200);
    assert_eq!(
        (shown.text("/npwp"), shown.text("/nib")),
        ("0010000131093000".into(), "9120001234575".into())
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_rests_in_clear_in_any_table_or_public_page() {
    let app = TestApp::start().await;
    let planted = [
        "3374011708907777",
        "3374025708906666",
        "81299988877",
        "81211122233",
        "700800900100",
        "600500400300",
        "1122334455667788",
    ];
    let mut fields = individual(planted[0]);
    (fields["phone"], fields["bank_account"], fields["npwp"]) =
        (json!("0812-9998-8877"), json!(planted[4]), json!(planted[6]));
    let vendor = begin(&app, "individual", "Toko Tinta Biru", fields).await;
    add_paper(&vendor, "identity_card").await;
    submit(&vendor).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    verifier
        .post(&action(&vendor, "request-revision"), json!({ "reason": "Lengkapi nomor telepon" }))
        .await
        .expect(200);
    let changed = json!({ "nik": planted[1], "phone": "+6281211122233", "bank_account": planted[5] });
    let shown = vendor.owner.change(&file(&vendor), changed).await.expect(200);
    assert_eq!((shown.text("/nik"), shown.text("/npwp")), (planted[1].into(), planted[6].into()));
    submit(&vendor).await.expect(200);
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    verifier.act(&action(&vendor, "verify")).await.expect(200);
    app.product(&vendor, "5000", 10).await;
    verifier
        .post(&action(&vendor, "suspend"), json!({ "reason": "Pesanan tidak dikirim" }))
        .await
        .expect(200);
    verifier.act(&action(&vendor, "reinstate")).await.expect(200);
    app.all_mails_to("").await;
    let mut texts = Vec::new();
    for table in app.sql("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'").await {
        let table = table[0].clone().unwrap();
        let rows = app.sql(&format!("SELECT t::text FROM {table} t")).await;
        texts.extend(rows.into_iter().map(|row| (table.clone(), row[0].clone().unwrap())));
    }
    let public = app.anonymous().get(&format!("/public/v1/vendors/{}", vendor.id)).await.expect(200);
    texts.push(("public profile".into(), public.body.to_string()));
    texts.push((
        "public list".into(),
        app.anonymous().get("/public/v1/vendors").await.expect(200).body.to_string(),
    ));
    for place in ["vendors", "events", "audit", "personal_values", "idempotency_keys", "deliveries"] {
        assert!(texts.iter().any(|(table, _)| table.starts_with(place)), "{place} is empty");
    }
    assert!(texts.iter().any(|(_, text)| text.contains("Toko Tinta Biru")));
    for value in planted {
        let coded = hex::encode(value);
        let found = texts.iter().find(|(_, text)| text.contains(value) || text.contains(&coded));
        assert!(found.is_none(), "{value} in {found:?}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vendors_file_cannot_be_told_from_a_missing_one() {
    let app = TestApp::start().await;
    let theirs = submitted(&app).await;
    let mine = app.draft_vendor().await;
    let paper = theirs.owner.get(&papers(&theirs)).await.expect(200).text("/items/0/id");
    let both = [theirs.id.to_string(), NOBODY.to_owned()];
    let mut answers = Vec::new();
    for id in &both {
        let base = format!("/api/v1/vendors/{id}");
        answers.push([
            mine.owner.get(&base).await,
            mine.owner.patch(&base, "\"v1-0\"", json!({ "sells": "Map" })).await,
            mine.owner.get(&format!("{base}/documents")).await,
            mine.owner.get(&format!("{base}/documents/{paper}")).await,
            mine.owner.upload(&format!("{base}/documents"), PDF.to_vec(), &[("kind", "other")]).await,
            mine.owner.delete(&format!("{base}/documents/{paper}"), "\"v1-0\"").await,
            mine.owner.act(&format!("{base}/actions/submit")).await,
            mine.owner.post("/api/v1/vendors/prechecks", json!({ "vendor_id": id })).await,
        ]);
    }
    for (foreign, missing) in answers[0].iter().zip(&answers[1]) {
        assert_eq!((foreign.status, foreign.code()), (404, "not_found".into()), "{}", foreign.body);
        assert_eq!(likeness(foreign), likeness(missing));
    }
    let listed = mine.owner.get("/api/v1/vendors").await.expect(200).items();
    assert_eq!(listed.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(mine.id)]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_nobodys_business_but_the_vendors() {
    let app = TestApp::start().await;
    let draft = app.draft_vendor().await;
    let open = submitted(&app).await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.get(&file(&draft)).await.expect_problem(404, "not_found");
    verifier.act(&action(&draft, "claim")).await.expect_problem(404, "not_found");
    let listed = verifier.get("/api/v1/vendors").await.expect(200).items();
    assert_eq!(listed.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(open.id)]);
    assert_eq!(verifier.get("/api/v1/vendors?status=verified").await.expect(200).items().len(), 0);
    assert_eq!(verifier.get("/api/v1/vendors?status=submitted").await.expect(200).items().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_reads_the_file_and_the_owner_alone_changes_it() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let staff = app.member(Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    let etag = staff.get(&file(&vendor)).await.expect(200).etag();
    staff.patch(&file(&vendor), &etag, json!({ "sells": "Map" })).await.expect_problem(403, "role_forbidden");
    staff.act(&action(&vendor, "submit")).await.expect_problem(403, "role_forbidden");
    staff
        .upload(&papers(&vendor), PDF.to_vec(), &[("kind", "other")])
        .await
        .expect_problem(403, "role_forbidden");
    staff
        .post("/api/v1/vendors/prechecks", json!({ "vendor_id": vendor.id }))
        .await
        .expect_problem(403, "role_forbidden");
    app.person().await.get(&file(&vendor)).await.expect_problem(403, "membership_required");
    app.anonymous().get(&file(&vendor)).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_says_what_may_be_done_with_it_and_why_not() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let verifier = app.member(None, Role::Verifier, &[]).await;
    let admin = app.admin().await;
    let helpdesk = app.member(None, Role::Helpdesk, &[]).await;
    let see = async |caller: &Caller| caller.get(&file(&vendor)).await.expect(200);
    assert_eq!(allowed(&see(&vendor.owner).await), ["submit"]);
    submit(&vendor).await.expect(200);
    let mine = see(&vendor.owner).await;
    let expected = json!({ "verb": "submit", "allowed": false, "code": "illegal_transition",
        "reason": "Keadaan saat ini tidak memungkinkan tindakan ini", "remedy": "Muat ulang dan lihat available_actions." });
    assert_eq!(offered(&mine, "submit"), &expected);
    assert_eq!(allowed(&see(&verifier).await), ["claim"]);
    assert_eq!(allowed(&see(&admin).await), [""; 0]);
    assert_eq!(see(&helpdesk).await.body["available_actions"], json!([]));
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    assert_eq!(allowed(&see(&verifier).await), ["claim", "verify", "request-revision", "reject"]);
    verifier.act(&action(&vendor, "verify")).await.expect(200);
    assert_eq!(
        (allowed(&see(&verifier).await), allowed(&see(&admin).await)),
        (vec!["suspend".to_owned()], vec!["suspend".to_owned()])
    );
    verifier
        .post(&action(&vendor, "suspend"), json!({ "reason": "Pesanan tidak dikirim" }))
        .await
        .expect(200);
    assert_eq!(allowed(&see(&admin).await), ["suspend", "reinstate"]);
    let english = admin.request(reqwest::Method::GET, &file(&vendor)).header("Accept-Language", "en");
    admin.act(&action(&vendor, "reinstate")).await.expect(200);
    let refused = send(english).await.expect(200);
    assert_eq!(offered(&refused, "reinstate")["reason"], "The present state does not allow this");
    assert_eq!(allowed(&see(&vendor.owner).await), [""; 0]);
    app.finish().await;
}

// Suspension.

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_needs_a_verified_vendor_and_a_reason() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let waiting = submitted(&app).await;
    let reason = json!({ "reason": "Tiga pesanan tidak dikirim" });
    admin.post(&action(&waiting, "suspend"), reason.clone()).await.expect_problem(409, "illegal_transition");
    let vendor = app.vendor().await;
    admin.post(&action(&vendor, "suspend"), json!({})).await.expect(422).expect_fault("#/reason", "required");
    admin
        .post(&action(&vendor, "suspend"), json!({ "reason": "x" }))
        .await
        .expect(422)
        .expect_fault("#/reason", "too_short");
    admin.act(&action(&vendor, "reinstate")).await.expect_problem(409, "illegal_transition");
    vendor
        .owner
        .post(&action(&vendor, "suspend"), reason.clone())
        .await
        .expect_problem(403, "role_forbidden");
    let done = admin.post(&action(&vendor, "suspend"), reason).await.expect(200);
    assert_eq!(
        (done.text("/status"), done.text("/status_reason")),
        ("suspended".into(), "Tiga pesanan tidak dikirim".into())
    );
    assert_eq!(done.body["suspended_until"], Value::Null);
    app.move_clock(24 * 400).await;
    assert_eq!(vendor.owner.get(&file(&vendor)).await.expect(200).text("/status"), "suspended");
    let back = admin.act(&action(&vendor, "reinstate")).await.expect(200);
    assert_eq!((back.text("/status"), back.body["status_reason"].clone()), ("verified".into(), Value::Null));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_with_an_end_lapses_by_itself() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let admin = app.admin().await;
    let until = in_hours(48);
    let body = json!({ "reason": "Tiga pesanan tidak dikirim", "until": until });
    let done = admin.post(&action(&vendor, "suspend"), body).await.expect(200);
    assert_eq!(done.text("/suspended_until"), until);
    let profile = format!("/public/v1/vendors/{}", vendor.id);
    let guest = app.anonymous();
    guest.get(&profile).await.expect_problem(404, "not_found");
    app.move_clock(47).await;
    assert_eq!(vendor.owner.get(&file(&vendor)).await.expect(200).text("/status"), "suspended");
    guest.get(&profile).await.expect_problem(404, "not_found");
    app.move_clock(1).await;
    assert_eq!(vendor.owner.get(&file(&vendor)).await.expect(200).text("/status"), "verified");
    guest.get(&profile).await.expect(200);
    assert_eq!(guest.get("/public/v1/vendors").await.expect(200).items().len(), 1);
    admin.act(&action(&vendor, "reinstate")).await.expect_problem(409, "illegal_transition");
    app.finish().await;
}

// The public profile.

#[tokio::test(flavor = "multi_thread")]
async fn the_public_sees_verified_vendors_of_a_region_without_personal_data() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    submitted(&app).await;
    let guest = app.anonymous();
    let listed = guest.get("/public/v1/vendors").await.expect(200).items();
    assert_eq!(listed.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(vendor.id)]);
    let profile = guest.get(&format!("/public/v1/vendors/{}", vendor.id)).await.expect(200);
    let mut fields: Vec<_> = profile.body.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let expected = [
        "id",
        "kbli_codes",
        "kind",
        "legal_form",
        "name",
        "region_code",
        "regions",
        "sells",
        "size_class",
        "vat_registered",
    ];
    assert_eq!(fields, expected);
    assert_eq!(profile.text("/region_code"), "33.74");
    for (region, found) in
        [("33", 1), ("33.74", 1), ("33.74.01", 1), ("33.74.02", 0), ("33.7", 400), ("33.22", 0)]
    {
        let answer = guest.get(&format!("/public/v1/vendors?region_code={region}")).await;
        if found == 400 {
            answer.expect_problem(400, "invalid_parameter");
        } else {
            assert_eq!(answer.expect(200).items().len(), found, "{region}");
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_no_region_serves_the_own_regency_and_who_names_some_serves_those() {
    let app = TestApp::start().await;
    let home = app.vendor().await;
    let at_home = app.product(&home, "5000", 10).await;
    let traveller = app.draft_vendor().await;
    let served = json!([{ "region_code": "33.22", "shipping_terms": "flat", "fee": "20000" }, { "region_code": "33.21.01", "shipping_terms": "on_quote" }]);
    let shown = traveller.owner.change(&file(&traveller), json!({ "regions": served })).await.expect(200);
    assert_eq!(shown.text("/regions/0/region_code"), "33.21.01");
    assert_eq!(
        (shown.text("/regions/1/fee"), shown.text("/regions/0/fee")),
        ("20000.00".into(), "0.00".into())
    );
    submit(&traveller).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&action(&traveller, "claim")).await.expect(200);
    verifier.act(&action(&traveller, "verify")).await.expect(200);
    let abroad = app.product(&traveller, "6000", 10).await;
    let guest = app.anonymous();
    let cases: [(&str, &[&String]); 7] = [
        ("33.74", &[&at_home]),
        ("33.74.09", &[&at_home]),
        ("33.22", &[&abroad]),
        ("33.22.01", &[&abroad]),
        ("33.21.01", &[&abroad]),
        ("33.21", &[]),
        ("33.75", &[]),
    ];
    for (region, expected) in cases {
        let found = guest.get(&format!("/public/v1/products?region_code={region}")).await.expect(200).items();
        assert_eq!(
            found.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(),
            expected.iter().map(|id| json!(id)).collect::<Vec<_>>(),
            "{region}"
        );
    }
    assert!(is_public(&guest, &at_home).await);
    app.finish().await;
}

// Size, notices, dry runs.

#[tokio::test(flavor = "multi_thread")]
async fn the_size_class_follows_from_sales_and_for_newcomers_from_capital() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    // PP 7/2021 article 35: capital 1, 5, 10 billion; sales 2, 15, 50 billion rupiah.
    let cases = [
        (None, None, ""),
        (Some("1000000000.00"), None, "micro"),
        (Some("1000000000.01"), None, "small"),
        (Some("5000000000.00"), None, "small"),
        (Some("5000000000.01"), None, "medium"),
        (Some("10000000000.00"), None, "medium"),
        (Some("10000000000.01"), None, "large"),
        (None, Some("2000000000.00"), "micro"),
        (None, Some("2000000000.01"), "small"),
        (None, Some("15000000000.00"), "small"),
        (None, Some("15000000000.01"), "medium"),
        (None, Some("50000000000.00"), "medium"),
        (None, Some("50000000000.01"), "large"),
        (Some("9000000000.00"), Some("1000000000.00"), "micro"),
        (Some("1000.00"), Some("60000000000.00"), "large"),
        (Some("6000000000.00"), Some("0.00"), "medium"),
    ];
    for (capital, sales, class) in cases {
        let shown = vendor
            .owner
            .change(&file(&vendor), json!({ "capital": capital, "annual_sales": sales }))
            .await
            .expect(200);
        assert_eq!(shown.text("/size_class"), class, "{capital:?} {sales:?}");
        assert_eq!(
            (shown.body["capital"].clone(), shown.body["annual_sales"].clone()),
            (json!(capital), json!(sales))
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_of_each_turn_by_mail_and_nobody_else() {
    let app = TestApp::start().await;
    let (vendor, verifier) = claimed(&app).await;
    let staff = app.member(Some(organisation(&vendor)), Role::VendorStaff, &[]).await;
    verifier
        .post(&action(&vendor, "request-revision"), json!({ "reason": "Foto KTP buram sekali" }))
        .await
        .expect(200);
    submit(&vendor).await.expect(200);
    verifier.act(&action(&vendor, "claim")).await.expect(200);
    verifier.act(&action(&vendor, "verify")).await.expect(200);
    verifier.post(&action(&vendor, "suspend"), json!({ "reason": "Tiga pesanan mangkir" })).await.expect(200);
    verifier.act(&action(&vendor, "reinstate")).await.expect(200);
    let mails = app.all_mails_to(&vendor.owner.contact).await;
    let told: Vec<&str> = ["sudah kami terima", "perlu", "terverifikasi", "ditangguhkan", "aktif kembali"]
        .into_iter()
        .filter(|words| mails.iter().any(|mail| mail.subject.contains(words)))
        .collect();
    assert_eq!(told, ["sudah kami terima", "perlu", "terverifikasi", "ditangguhkan", "aktif kembali"]);
    assert_eq!(mails.len(), 6, "submitted twice, and four more");
    assert!(mails.iter().any(|mail| mail.text.contains("Foto KTP buram sekali")));
    assert!(mails.iter().any(|mail| mail.text.contains("Tiga pesanan mangkir")));
    for contact in [&staff.contact, &verifier.contact] {
        assert_eq!(app.all_mails_to(contact).await.len(), 0);
    }
    let (rejected, verifier) = claimed(&app).await;
    verifier.post(&action(&rejected, "reject"), json!({ "reason": "KTP orang lain" })).await.expect(200);
    let mails = app.all_mails_to(&rejected.owner.contact).await;
    assert!(mails.iter().any(|mail| mail.subject.contains("ditolak") || mail.text.contains("ditolak")));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_submission_stores_nothing() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let before = vendor.owner.get(&file(&vendor)).await.expect(200);
    let state = async || {
        let counts = "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM events), (SELECT count(*) FROM idempotency_keys),
            (SELECT count(*) FROM personal_values WHERE exclusive_scope LIKE 'nik:%')";
        app.sql(counts).await
    };
    let counted = state().await;
    let rehearsed =
        vendor.owner.act(&format!("{}?dry_run=true", action(&vendor, "submit"))).await.expect(200);
    assert_eq!(rehearsed.text("/status"), "submitted");
    let after = vendor.owner.get(&file(&vendor)).await.expect(200);
    assert_eq!((after.etag(), after.body), (before.etag(), before.body));
    assert_eq!(state().await, counted);
    assert_eq!(app.all_mails_to(&vendor.owner.contact).await.len(), 0);
    let empty = begin(&app, "individual", "Warung Kosong", json!({})).await;
    let refused = empty.owner.act(&format!("{}?dry_run=true", action(&empty, "submit"))).await;
    refused.expect_problem(422, "invalid_input").expect_fault("#/nik", "required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_a_new_file_leaves_no_file_and_no_membership() {
    let app = TestApp::start().await;
    let founder = app.person().await;
    let body =
        json!({ "kind": "individual", "name": "Warung Sri", "fields": individual("3374011708901111") });
    let rehearsed = founder.post("/api/v1/vendors?dry_run=true", body).await.expect(201);
    assert_eq!(rehearsed.text("/vendor/status"), "draft");
    assert_eq!(app.count("SELECT count(*) FROM vendors").await, 0);
    assert_eq!(founder.get("/api/v1/me/memberships").await.expect(200).items().len(), 0);
    app.finish().await;
}
