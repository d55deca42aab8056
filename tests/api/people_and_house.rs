//! People and what stands around them: links, log-ins and appointments hold their bounds under haste and
//! repetition; uploads, mails and metrics leave behind what they should and no more.
use crate::support::purchase::line;
use crate::support::trade::{PDF, PENS, PNG, Vendor, organisation};
use crate::support::{Answer, Caller, PASSWORD, TestApp, scaled, send};
use futures_util::future::{join, join_all};
use lokapasar::kernel::{Realm, Role, UnitId};
use lokapasar::settings::MailKind;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

const SESSIONS: &str = "/api/v1/auth/sessions";
const REGISTRATIONS: &str = "/api/v1/auth/registrations";
const CONFIRMATIONS: &str = "/api/v1/auth/contact-confirmations";
const RESETS: &str = "/api/v1/auth/password-resets";
const COMPLETE_RESET: &str = "/api/v1/auth/password-resets/actions/complete";
const OTHER_PASSWORD: &str = "kerupuk-menyanyi-di-atas-genting";

async fn log_in(app: &TestApp, contact: &str, password: &str) -> Answer {
    app.anonymous().post(SESSIONS, json!({ "contact": contact, "password": password })).await
}

fn registration(contact: &str) -> Value {
    json!({ "contact": contact, "full_name": "Sri Wahyuni", "password": PASSWORD })
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

// Links and log-ins.

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_reset_again_voids_the_link_of_the_earlier_mail() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    let (_, contact) = app.account().await;
    guest.post(RESETS, json!({ "contact": contact })).await.expect(202);
    let first = app.token_sent_to(&contact).await;
    guest.post(RESETS, json!({ "contact": contact })).await.expect(202);
    let second = app.token_sent_to(&contact).await;
    assert_ne!(first, second);
    let complete =
        |token: &str| guest.post(COMPLETE_RESET, json!({ "token": token, "password": OTHER_PASSWORD }));
    let told = |answer: Answer| {
        let mut body = answer.body;
        body["trace_id"] = Value::Null;
        (answer.status, body)
    };
    let void = complete(&first).await.expect_problem(422, "invalid_input");
    let wrong = complete(&format!("{second}x")).await.expect_fault("#/token", "link_invalid");
    assert_eq!(told(void), told(wrong));
    complete(&second).await.expect(204);
    log_in(&app, &contact, OTHER_PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_people_behind_one_address_log_in_at_the_same_moment() {
    let app = TestApp::start().await;
    let mut contacts = Vec::new();
    for _ in 0..16 {
        contacts.push(app.account().await.1);
    }
    for answer in join_all(contacts.iter().map(|contact| log_in(&app, contact, PASSWORD))).await {
        answer.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_passwords_of_twenty_neighbours_delay_nobody_with_the_right_one() {
    let app = TestApp::start().await;
    let (_, contact) = app.account().await;
    for _ in 0..20 {
        let (_, neighbour) = app.account().await;
        log_in(&app, &neighbour, OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    }
    log_in(&app, &contact, PASSWORD).await.expect(200);
    app.finish().await;
}

// Mails.

#[tokio::test(flavor = "multi_thread")]
async fn one_contact_gets_five_mails_an_hour_and_further_requests_the_same_answer() {
    let app = TestApp::start().await;
    let (_, known) = app.account().await;
    let fresh = "baru@example.id";
    for (path, contact, body) in
        [(REGISTRATIONS, fresh, registration(fresh)), (RESETS, known.as_str(), json!({ "contact": known }))]
    {
        let mut answers = Vec::new();
        for _ in 0..7 {
            answers.push(app.anonymous().post(path, body.clone()).await.expect(202).body);
        }
        assert_eq!(answers, vec![json!({ "status": "accepted" }); 7]);
        assert_eq!(app.told(contact).await.len(), 5, "{path}");
    }
    // A request that sends no mail leaves the last link alone.
    let token = app.token_sent_to(&known).await;
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    app.anonymous().post(COMPLETE_RESET, body).await.expect(204);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_by_phone_leaves_its_message_in_the_mail_folder() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.mail.kind = MailKind::File).await;
    app.anonymous().post(REGISTRATIONS, registration("0812 3456 7890")).await.expect(202);
    app.work().await;
    let folder = std::fs::read_dir(&app.app.settings.mail.directory).unwrap();
    let written: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(written.len(), 1, "{written:?}");
    // A mail's long lines are broken by a `=` at their end, and its own `=` are written out.
    let text = std::fs::read_to_string(&written[0]).unwrap().replace("=\r\n", "").replace("=3D", "=");
    let (_, link) = text.split_once("#token=").expect("the message holds a link");
    let token = link.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).next().unwrap();
    app.anonymous().post(CONFIRMATIONS, json!({ "token": token })).await.expect(204);
    log_in(&app, "+6281234567890", PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_appointed_until_yesterday_is_not_told_of_what_waits() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "20000.00").await;
    let office = app.office().await;
    let steps = r#"[{"up_to":"200000000","roles":["budget_user"]}]"#;
    app.policy(office.agency, "approval.steps", steps, "json").await;
    let former = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let present = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    app.sql(&format!(
        "UPDATE memberships SET valid_from = current_date - 30, valid_to = current_date - 1 WHERE id = '{}'",
        former.membership.unwrap()
    ))
    .await;
    office.submitted(vec![line(&pen, "10")]).await;
    assert_eq!(app.told(&present.contact).await.len(), 1);
    assert_eq!(app.told(&former.contact).await.len(), 0);
    app.finish().await;
}

// Appointments.

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_end_each_other_at_once_leave_one() {
    let app = TestApp::start().await;
    for _ in 0..scaled(40) {
        let vendor = app.draft_vendor().await;
        let partner = app.member(Some(organisation(&vendor)), Role::VendorOwner, &[]).await;
        let end = |owner: &Caller| {
            let membership = owner.membership.unwrap();
            format!("/api/v1/organisations/{}/memberships/{membership}/actions/end", vendor.id)
        };
        let (first, second) = (end(&vendor.owner), end(&partner));
        let (one, other) = join(vendor.owner.act(&second), partner.act(&first)).await;
        let ended = [one.status, other.status].iter().filter(|status| **status == 200).count();
        assert_eq!(ended, 1, "{} {}", one.body, other.body);
        let left = format!(
            "SELECT count(*) FROM memberships
             WHERE organisation_id = '{}' AND role = 'vendor_owner' AND ended_at IS NULL",
            vendor.id
        );
        assert_eq!(app.count(&left).await, 1);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_user_of_one_unit_appoints_and_dismisses_in_that_unit_alone() {
    let app = TestApp::start().await;
    let (agency, unit) = app.agency().await;
    let elsewhere = app.another_unit(agency).await;
    let head = app.member(Some(agency), Role::BudgetUser, &[unit]).await;
    let appoint = |units: &[UnitId]| {
        let body = json!({ "contact": "rekan@example.id", "role": "receiver", "unit_ids": units, "valid_from": "2026-01-01" });
        head.post("/api/v1/invitations", body)
    };
    for units in [vec![], vec![elsewhere], vec![unit, elsewhere]] {
        appoint(&units).await.expect_problem(403, "unit_not_covered");
    }
    appoint(&[unit]).await.expect(201);
    for (units, status) in [(vec![], 403), (vec![elsewhere], 403), (vec![unit], 200)] {
        let (user, _) = app.account().await;
        let member = app.grant(user, Some(agency), Role::Receiver, &units).await;
        let path = format!("/api/v1/organisations/{agency}/memberships/{member}/actions/end");
        let answer = head.act(&path).await.expect(status);
        assert_eq!(answer.code(), if status == 403 { "unit_not_covered" } else { "" });
    }
    let further = json!({ "code": "2.01", "name": "Bidang Contoh", "short_name": "BIDANG" });
    let refused = head.post(&format!("/api/v1/organisations/{agency}/units"), further).await;
    refused.expect_problem(403, "unit_not_covered");
    app.finish().await;
}

// Uploads and metrics.

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_refused_leaves_no_file_behind() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let (file, folder) = (format!("/api/v1/vendors/{}", vendor.id), app.app.settings.data_dir.join("files"));
    vendor.owner.act(&format!("{file}/actions/submit")).await.expect(200);
    assert_eq!(files_below(&folder), 1, "the identity card");
    let late = vendor.owner.upload(&format!("{file}/documents"), PDF.to_vec(), &[("kind", "other")]).await;
    late.expect_problem(409, "illegal_transition");
    assert_eq!(files_below(&folder), 1);
    let product = app.draft_product(&vendor, PENS, "1000.00", json!({})).await;
    let photos = format!("/api/v1/products/{product}/photos");
    for _ in 1..8 {
        vendor.owner.upload(&photos, PNG.to_vec(), &[]).await.expect(201);
    }
    assert_eq!(files_below(&folder), 9);
    vendor.owner.upload(&photos, PNG.to_vec(), &[]).await.expect_problem(409, "too_many_photos");
    assert_eq!(files_below(&folder), 9);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_has_one_part_named_file() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let papers = format!("/api/v1/vendors/{}/documents", vendor.id);
    let part = || Part::bytes(PDF.to_vec()).file_name("surat.pdf");
    let form = Form::new().text("kind", "other").part("file", part()).part("file", part());
    let refused = send(vendor.owner.request(Method::POST, &papers).multipart(form)).await;
    refused.expect_problem(400, "malformed_upload");
    assert_eq!(vendor.owner.get(&papers).await.expect(200).items().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_invented_methods_are_one_label_of_the_metrics() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    for number in 0..100 {
        let method = Method::from_bytes(format!("BATIK{number}").as_bytes()).unwrap();
        send(guest.request(method, "/api/v1/forbidden-pairs")).await.expect(405);
    }
    let metrics = String::from_utf8(guest.get("/metrics").await.expect(200).bytes).unwrap();
    assert!(metrics.contains("method=\"OTHER\""));
    assert!(!metrics.contains("BATIK"));
    app.finish().await;
}

// Vendors and their goods.

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_confirms_only_numbers_that_were_given() {
    let app = TestApp::start().await;
    let confirmed = |vendor: &Vendor| {
        format!(
            "SELECT fact FROM vendor_facts
             WHERE vendor_id = '{}' AND fact IN ('nib', 'npwp') AND confirmed_at IS NOT NULL",
            vendor.id
        )
    };
    let without = app.vendor().await;
    assert_eq!(app.sql(&confirmed(&without)).await.len(), 0);
    let with = app.vendor_with(json!({ "nib": "9120001234567" })).await;
    assert_eq!(app.sql(&confirmed(&with)).await, [[Some("nib".to_owned())]]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_whose_claim_has_lapsed_sees_masks_again() {
    let app = TestApp::start().await;
    let vendor = app.draft_vendor().await;
    let file = format!("/api/v1/vendors/{}", vendor.id);
    vendor.owner.act(&format!("{file}/actions/submit")).await.expect(200);
    let verifier = app.member(None, Role::Verifier, &[]).await;
    verifier.act(&format!("{file}/actions/claim")).await.expect(200);
    for (hours, masked) in [(23, false), (1, true)] {
        app.move_clock(hours).await;
        let shown = verifier.get(&file).await.expect(200);
        for field in ["nik", "phone", "bank_account"] {
            assert_eq!(shown.text(&format!("/{field}")).starts_with("••••"), masked, "{field}");
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_equally_good_products_are_leafed_through_each_once() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let mut made = HashSet::new();
    for _ in 0..60 {
        made.insert(app.made(&vendor, "1000.00").await);
    }
    let guest = app.anonymous();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = guest.get(&format!("/public/v1/products?q=pulpen&limit=7{cursor}")).await.expect(200);
        seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        assert!(seen.len() <= 60, "a page shows again what an earlier one showed");
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), made);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_shelf_refuse_a_version_that_is_stale_before_all_else() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let id = app.product(&vendor, "1000.00", 1).await;
    let page = format!("/api/v1/products/{id}");
    let held = |verb: &str, etag: &str| {
        let request = vendor.owner.request(Method::POST, &format!("{page}/actions/{verb}"));
        request.header("If-Match", etag)
    };
    let first = vendor.owner.get(&page).await.expect(200).etag();
    let second = vendor.owner.change(&page, json!({ "price": "900.00" })).await.expect(200);
    let movement = json!({ "direction": "add", "quantity": "5", "reason": "Barang datang" });
    send(held("adjust-stock", &first).json(&movement)).await.expect_problem(412, "version_stale");
    let stock = send(held("adjust-stock", &second.etag()).json(&movement)).await.expect(200);
    assert_eq!(stock.text("/on_hand"), "6");
    let off = vendor.owner.act(&format!("{page}/actions/unpublish")).await.expect(200);
    let photo = format!("{page}/photos/{}", off.text("/photos/0/id"));
    vendor.owner.delete(&photo, &off.etag()).await.expect(204);
    send(held("publish", &off.etag())).await.expect_problem(412, "version_stale");
    let bare = vendor.owner.get(&page).await.expect(200).etag();
    send(held("publish", &bare)).await.expect(422).expect_fault("#/photos", "photo_missing");
    app.finish().await;
}
