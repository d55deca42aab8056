//! Accounts: signing up, logging in, acting for somebody.
use crate::edge::send;
use crate::support::{Answer, Caller, PASSWORD, TestApp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lokapasar::accounts::{self, NewUnit};
use lokapasar::kernel::{Ctx, OrganisationId, Realm, Role, UnitId};
use lokapasar::platform::mail::Mail;
use lokapasar::platform::sealing::KeyRing;
use reqwest::Method;
use serde_json::{Value, json};

const SESSIONS: &str = "/api/v1/auth/sessions";
const REGISTRATIONS: &str = "/api/v1/auth/registrations";
const CONFIRMATIONS: &str = "/api/v1/auth/contact-confirmations";
const RESETS: &str = "/api/v1/auth/password-resets";
const COMPLETE_RESET: &str = "/api/v1/auth/password-resets/actions/complete";
const OTHER_PASSWORD: &str = "kerupuk-menyanyi-di-atas-genting";

// Signing up.

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_confirms_and_logs_in() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    guest.post(REGISTRATIONS, registration("Sri@Example.id", PASSWORD)).await.expect(202);
    let credentials = json!({ "contact": "sri@example.id", "password": PASSWORD });
    guest.post(SESSIONS, credentials.clone()).await.expect_problem(401, "log_in_refused");
    let token = token_sent_to(&app, "sri@example.id").await;
    guest.post(CONFIRMATIONS, json!({ "token": token })).await.expect(204);
    guest
        .post(CONFIRMATIONS, json!({ "token": token }))
        .await
        .expect_problem(422, "invalid_input")
        .expect_fault("#/token", "link_invalid");
    let session = guest.post(SESSIONS, credentials).await.expect(200);
    let mut sri = app.anonymous();
    sri.token = Some(session.text("/access_token"));
    let me = sri.get("/api/v1/me").await.expect(200);
    assert_eq!(me.text("/contacts/0/value"), "sri@example.id");
    assert!(me.etag().starts_with("\"v1-"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_contact_is_answered_like_a_free_one_for_the_same_work() {
    let app = TestApp::start().await;
    app.account_with("taken@example.id").await;
    let before = app.app.hashing.computed();
    let free =
        app.anonymous().post(REGISTRATIONS, registration("free@example.id", PASSWORD)).await.expect(202);
    let work = app.app.hashing.computed() - before;
    let taken =
        app.anonymous().post(REGISTRATIONS, registration("taken@example.id", PASSWORD)).await.expect(202);
    assert_eq!(work, 1);
    assert_eq!(app.app.hashing.computed() - before - work, work);
    assert_eq!(free.bytes, taken.bytes);
    assert_eq!(header_names(&free), header_names(&taken));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_taken_contact_is_told_and_no_second_account_is_made() {
    let app = TestApp::start().await;
    app.account_with("budi@example.id").await;
    app.anonymous().post(REGISTRATIONS, registration("BUDI@example.id", OTHER_PASSWORD)).await.expect(202);
    let mails = mails_to(&app, "budi@example.id").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "Anda sudah mempunyai akun Lokapasar");
    assert!(!mails[0].text.contains("#token="));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    log_in(&app, "budi@example.id", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    log_in(&app, "budi@example.id", PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guessable_password_is_refused_whoever_it_is_for() {
    let app = TestApp::start().await;
    app.account_with("taken@example.id").await;
    for contact in ["free@example.id", "taken@example.id"] {
        for password in ["kopi-7-x", "password123456", "Sri Wahyuni", "aaaaaaaaaaaaaaaa"] {
            let answer = app.anonymous().post(REGISTRATIONS, registration(contact, password)).await;
            let answer =
                answer.expect_problem(422, "invalid_input").expect_fault("#/password", "password_too_weak");
            assert!(!String::from_utf8_lossy(&answer.bytes).contains(password));
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_contact_cannot_sign_up_or_ask_for_a_reset() {
    let app = TestApp::start().await;
    for contact in ["budi.example.id", "budi@", "@example.id", "12345", "bu di@example.id"] {
        let answer = app.anonymous().post(REGISTRATIONS, registration(contact, PASSWORD)).await;
        answer.expect_problem(422, "invalid_input").expect_fault("#/contact", "contact_invalid");
    }
    let answer = app.anonymous().post(RESETS, json!({ "contact": "budi.example.id" })).await;
    answer.expect_problem(422, "invalid_input").expect_fault("#/contact", "contact_invalid");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_number_is_a_log_in_name_in_any_spelling() {
    let app = TestApp::start().await;
    app.anonymous().post(REGISTRATIONS, registration("0812 3456 7890", PASSWORD)).await.expect(202);
    let token = token_sent_to(&app, "+6281234567890").await;
    app.anonymous().post(CONFIRMATIONS, json!({ "token": token })).await.expect(204);
    let session = log_in(&app, "+62 812-3456-7890", PASSWORD).await.expect(200);
    let me = bearer(&app, &session.text("/access_token")).get("/api/v1/me").await.expect(200);
    assert_eq!(me.text("/contacts/0/kind"), "phone");
    assert_eq!(me.text("/contacts/0/value"), "+6281234567890");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_link_lasts_a_day() {
    let app = TestApp::start().await;
    for contact in ["early@example.id", "late@example.id"] {
        app.anonymous().post(REGISTRATIONS, registration(contact, PASSWORD)).await.expect(202);
    }
    let early = token_sent_to(&app, "early@example.id").await;
    let late = token_sent_to(&app, "late@example.id").await;
    app.app.clock.advance(TimeDelta::hours(23));
    app.anonymous().post(CONFIRMATIONS, json!({ "token": early })).await.expect(204);
    app.app.clock.advance(TimeDelta::minutes(61));
    let answer = app.anonymous().post(CONFIRMATIONS, json!({ "token": late })).await;
    answer.expect_problem(422, "invalid_input").expect_fault("#/token", "link_invalid");
    log_in(&app, "late@example.id", PASSWORD).await.expect_problem(401, "log_in_refused");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_confirm_a_contact_owns_it() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    guest.post(REGISTRATIONS, registration("satu@example.id", PASSWORD)).await.expect(202);
    guest.post(REGISTRATIONS, registration("satu@example.id", OTHER_PASSWORD)).await.expect(202);
    let mails = mails_to(&app, "satu@example.id").await;
    assert_eq!(mails.len(), 2);
    let (first, second) = (token_in(&mails[0].text), token_in(&mails[1].text));
    guest.post(CONFIRMATIONS, json!({ "token": second })).await.expect(204);
    let answer = guest.post(CONFIRMATIONS, json!({ "token": first })).await;
    answer.expect_problem(422, "invalid_input").expect_fault("#/token", "link_invalid");
    log_in(&app, "satu@example.id", PASSWORD).await.expect_problem(401, "log_in_refused");
    log_in(&app, "satu@example.id", OTHER_PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_one_purpose_opens_nothing_else() {
    let app = TestApp::start().await;
    let (_, contact) = app.account().await;
    app.anonymous().post(RESETS, json!({ "contact": contact })).await.expect(202);
    let reset = token_sent_to(&app, &contact).await;
    let (id, mac) = reset.split_once('.').unwrap();
    for token in [reset.as_str(), id, mac, "nonsense", "00000000000000000000000000000000.AAAA"] {
        let answer = app.anonymous().post(CONFIRMATIONS, json!({ "token": token })).await;
        answer.expect_problem(422, "invalid_input").expect_fault("#/token", "link_invalid");
    }
    app.finish().await;
}

// Logging in.

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_contact_and_a_wrong_password_look_alike() {
    let app = TestApp::start().await;
    app.account_with("known@example.id").await;
    let before = app.app.hashing.computed();
    let known = log_in(&app, "known@example.id", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    let unknown =
        log_in(&app, "unknown@example.id", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    let nonsense =
        log_in(&app, "no contact at all", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    assert_eq!(app.app.hashing.computed() - before, 3);
    for other in [&unknown, &nonsense] {
        assert_eq!(without_trace(&known), without_trace(other));
        assert_eq!(header_names(&known), header_names(other));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_mistakes_delay_even_the_right_password_for_a_while() {
    let app = TestApp::start().await;
    app.account_with("budi@example.id").await;
    for _ in 0..9 {
        log_in(&app, "budi@example.id", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
        app.app.clock.advance(TimeDelta::minutes(16));
    }
    log_in(&app, "budi@example.id", OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
    let delayed = log_in(&app, "budi@example.id", PASSWORD).await.expect_problem(429, "log_in_delayed");
    let wait: i64 = delayed.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    app.app.clock.advance(TimeDelta::seconds(wait + 1));
    log_in(&app, "budi@example.id", PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_contact_is_delayed_like_a_known_one() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| {
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    app.account_with("known@example.id").await;
    for (contact, address) in [("known@example.id", "203.0.113.1"), ("unknown@example.id", "203.0.113.2")] {
        for _ in 0..9 {
            let answer = log_in_from(&app, address, contact, OTHER_PASSWORD).await;
            answer.expect_problem(401, "log_in_refused");
            app.app.clock.advance(TimeDelta::minutes(16));
        }
        log_in_from(&app, address, contact, OTHER_PASSWORD).await.expect_problem(401, "log_in_refused");
        log_in_from(&app, address, contact, OTHER_PASSWORD).await.expect_problem(429, "log_in_delayed");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_follows_the_account_wherever_it_goes_and_spares_its_neighbours() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| {
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    for contact in ["budi@example.id", "sri@example.id"] {
        app.account_with(contact).await;
    }
    for _ in 0..9 {
        log_in_from(&app, "203.0.113.1", "budi@example.id", OTHER_PASSWORD).await.expect(401);
        app.app.clock.advance(TimeDelta::minutes(16));
    }
    log_in_from(&app, "203.0.113.1", "budi@example.id", OTHER_PASSWORD).await.expect(401);
    let elsewhere = log_in_from(&app, "203.0.113.2", "budi@example.id", PASSWORD).await;
    elsewhere.expect_problem(429, "log_in_delayed");
    log_in_from(&app, "203.0.113.1", "sri@example.id", PASSWORD).await.expect(200);
    log_in_from(&app, "203.0.113.2", "sri@example.id", PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_membership_is_acted_for_at_once_and_of_two_one_is_chosen() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let (user, contact) = app.account().await;
    let first = app.grant(user, Some(agency), Role::Auditor, &[]).await;
    let session = log_in(&app, &contact, PASSWORD).await.expect(200);
    assert_eq!(session.text("/membership/id"), first.to_string());
    assert_eq!(session.text("/membership/role"), "auditor");
    let second = app.grant(user, Some(agency), Role::Requester, &[]).await;
    let session = log_in(&app, &contact, PASSWORD).await.expect(200);
    assert_eq!(session.body["membership"], Value::Null);
    let path = format!("/api/v1/organisations/{agency}/memberships");
    let nobody = bearer(&app, &session.text("/access_token"));
    nobody.get(&path).await.expect_problem(403, "membership_required");
    let body = json!({ "contact": contact, "password": PASSWORD, "membership_id": second });
    let session = app.anonymous().post(SESSIONS, body).await.expect(200);
    assert_eq!(session.text("/membership/role"), "requester");
    app.finish().await;
}

// Tokens.

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_lasts_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let (_, contact) = app.account().await;
    let session = log_in(&app, &contact, PASSWORD).await.expect(200);
    assert_eq!(session.body["expires_in"], 900);
    assert_eq!(session.header("cache-control"), "no-store");
    let person = bearer(&app, &session.text("/access_token"));
    app.app.clock.advance(TimeDelta::minutes(14));
    person.get("/api/v1/me").await.expect(200);
    app.app.clock.advance(TimeDelta::seconds(61 + 60));
    let answer = person.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_tampered_with_is_refused() {
    let app = TestApp::start().await;
    let (victim, person) = (app.person().await, app.person().await);
    let token = person.token.clone().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims = claims_of(&token);
    claims["sub"] = json!(victim.user.unwrap());
    let other_claims = encoded(&claims);
    let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    signature[0] ^= 1;
    let other_signature = URL_SAFE_NO_PAD.encode(signature);
    for forged in [
        format!("{}.{other_claims}.{}", parts[0], parts[2]),
        format!("{}.{}.{other_signature}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}x"),
        "nonsense".to_owned(),
    ] {
        bearer(&app, &forged).get("/api/v1/me").await.expect_problem(401, "invalid_token");
    }
    person.get("/api/v1/me").await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_algorithm_our_keys_and_our_kind_of_token_are_believed() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let claims = claims_of(person.token.as_ref().unwrap());
    let ours = app.app.keys.signing();
    let foreign = KeyRing::generate(false).unwrap();
    let signed = |algorithm, typ: &str, kid: &str, key: &EncodingKey, claims: &Value| {
        let mut header = Header::new(algorithm);
        (header.typ, header.kid) = (Some(typ.to_owned()), Some(kid.to_owned()));
        jsonwebtoken::encode(&header, claims, key).unwrap()
    };
    let honest = signed(Algorithm::EdDSA, "at+jwt", &ours.id, &ours.private, &claims);
    bearer(&app, &honest).get("/api/v1/me").await.expect(200);
    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(Algorithm::EdDSA, "at+jwt", &ours.id, &ours.private, &claims)
    };
    let none = json!({ "alg": "none", "typ": "at+jwt", "kid": ours.id });
    let symmetric = EncodingKey::from_secret(&ours.public_bytes);
    let (foreign_id, foreign_key) = (&foreign.signing().id, &foreign.signing().private);
    for (what, token) in [
        ("alg none", format!("{}.{}.", encoded(&none), encoded(&claims))),
        ("our public key as a secret", signed(Algorithm::HS256, "at+jwt", &ours.id, &symmetric, &claims)),
        ("a foreign key under our name", signed(Algorithm::EdDSA, "at+jwt", &ours.id, foreign_key, &claims)),
        ("a foreign key", signed(Algorithm::EdDSA, "at+jwt", foreign_id, foreign_key, &claims)),
        ("another type", signed(Algorithm::EdDSA, "JWT", &ours.id, &ours.private, &claims)),
        ("another issuer", changed("iss", json!("somebody"))),
        ("another audience", changed("aud", json!("something"))),
        ("issued in the future", changed("iat", json!(app.app.clock.now().timestamp() + 600))),
        ("long over", changed("exp", json!(app.app.clock.now().timestamp() - 600))),
        ("another session", changed("jti", json!("019aa2c4-0000-7000-8000-000000000000"))),
    ] {
        let answer = bearer(&app, &token).get("/api/v1/me").await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_token"), "{what}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_system_is_worth_nothing_in_another() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let person = app.person().await;
    let there = bearer(&other, person.token.as_ref().unwrap());
    there.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    let body = json!({ "refresh_token": person.refresh_token });
    other.anonymous().post("/api/v1/auth/sessions/refresh", body).await.expect_problem(401, "invalid_token");
    other.finish().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_closes_the_session() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let second = refresh(&app, &person, None).await.expect(200);
    assert_ne!(second.text("/refresh_token"), person.refresh_token.clone().unwrap());
    let heir = holder(&app, &second);
    heir.get("/api/v1/me").await.expect(200);
    person.get("/api/v1/me").await.expect(200);
    refresh(&app, &person, None).await.expect_problem(401, "refresh_token_reused");
    refresh(&app, &heir, None).await.expect_problem(401, "invalid_token");
    refresh(&app, &person, None).await.expect_problem(401, "invalid_token");
    heir.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    person.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_lasts_thirty_days_from_its_last_rotation() {
    let app = TestApp::start().await;
    let person = app.person().await;
    app.app.clock.advance(TimeDelta::days(29));
    let second = holder(&app, &refresh(&app, &person, None).await.expect(200));
    app.app.clock.advance(TimeDelta::days(29));
    let third = holder(&app, &refresh(&app, &second, None).await.expect(200));
    app.app.clock.advance(TimeDelta::days(30) + TimeDelta::seconds(1));
    refresh(&app, &third, None).await.expect_problem(401, "invalid_token");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshing_chooses_for_whom_to_act() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let (user, contact) = app.account().await;
    let auditor = app.grant(user, Some(agency), Role::Auditor, &[]).await;
    let requester = app.grant(user, Some(agency), Role::Requester, &[]).await;
    let person = app.log_in(user, &contact, None).await;
    let mine = person.get("/api/v1/me/memberships").await.expect(200);
    assert_eq!(mine.items().len(), 2);
    let path = format!("/api/v1/organisations/{agency}/memberships");
    let as_auditor = refresh(&app, &person, Some(&auditor.to_string())).await.expect(200);
    assert_eq!(as_auditor.text("/membership/role"), "auditor");
    let as_auditor = holder(&app, &as_auditor);
    as_auditor.get(&path).await.expect(200);
    // Without a word the choice stays.
    let unchanged = refresh(&app, &as_auditor, None).await.expect(200);
    assert_eq!(unchanged.text("/membership/id"), auditor.to_string());
    let unchanged = holder(&app, &unchanged);
    let as_requester = refresh(&app, &unchanged, Some(&requester.to_string())).await.expect(200);
    holder(&app, &as_requester).get(&path).await.expect_problem(403, "role_forbidden");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_for_the_membership_of_somebody_else() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let officer = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let theirs = officer.membership.unwrap().to_string();
    let answer = refresh(&app, &person, Some(&theirs)).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/membership_id", "unknown_reference");
    let body = json!({ "contact": person.contact, "password": PASSWORD, "membership_id": theirs });
    let answer = app.anonymous().post(SESSIONS, body).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/membership_id", "unknown_reference");
    // The refused attempt has not used the token up.
    refresh(&app, &person, None).await.expect(200);
    app.finish().await;
}

// Devices and passwords.

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_devices() {
    let app = TestApp::start().await;
    let (user, contact) = app.account().await;
    let lost = app.log_in(user, &contact, None).await;
    let body = json!({ "contact": contact, "password": PASSWORD, "device": "HP Android Sri" });
    let session = app.anonymous().post(SESSIONS, body).await.expect(200);
    let kept = bearer(&app, &session.text("/access_token"));
    let devices = kept.get(SESSIONS).await.expect(200).items();
    assert_eq!(devices.len(), 2);
    let (mine, other): (Vec<_>, Vec<_>) = devices.iter().partition(|device| device["current"] == true);
    assert_eq!((mine.len(), other.len()), (1, 1));
    assert_eq!(mine[0]["device"], "HP Android Sri");
    let path = format!("{SESSIONS}/{}", other[0]["id"].as_str().unwrap());
    kept.delete(&path, "\"v1\"").await.expect(204);
    lost.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    refresh(&app, &lost, None).await.expect_problem(401, "invalid_token");
    assert_eq!(kept.get(SESSIONS).await.expect(200).items().len(), 1);
    kept.delete(&path, "\"v1\"").await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_devices_of_others_do_not_exist_for_one() {
    let app = TestApp::start().await;
    let (sri, budi) = (app.person().await, app.person().await);
    let devices = sri.get(SESSIONS).await.expect(200).items();
    let path = format!("{SESSIONS}/{}", devices[0]["id"].as_str().unwrap());
    budi.delete(&path, "\"v1\"").await.expect_problem(404, "not_found");
    sri.get("/api/v1/me").await.expect(200);
    let own = budi.get(SESSIONS).await.expect(200).items();
    assert_eq!(own.len(), 1);
    assert_ne!(own[0]["id"], devices[0]["id"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reset_ends_every_session() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let before = app.anonymous().post(RESETS, json!({ "contact": person.contact })).await.expect(202);
    assert_eq!(before.body, json!({ "status": "accepted" }));
    let token = token_sent_to(&app, &person.contact).await;
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    app.anonymous().post(COMPLETE_RESET, body).await.expect(204);
    person.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    refresh(&app, &person, None).await.expect_problem(401, "invalid_token");
    log_in(&app, &person.contact, PASSWORD).await.expect_problem(401, "log_in_refused");
    log_in(&app, &person.contact, OTHER_PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_works_once_and_a_weak_password_does_not_use_it_up() {
    let app = TestApp::start().await;
    let (_, contact) = app.account().await;
    app.anonymous().post(RESETS, json!({ "contact": contact })).await.expect(202);
    let token = token_sent_to(&app, &contact).await;
    let weak =
        app.anonymous().post(COMPLETE_RESET, json!({ "token": token, "password": "password1234" })).await;
    weak.expect_problem(422, "invalid_input").expect_fault("#/password", "password_too_weak");
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    app.anonymous().post(COMPLETE_RESET, body.clone()).await.expect(204);
    let again = app.anonymous().post(COMPLETE_RESET, body).await.expect_problem(422, "invalid_input");
    again.expect_fault("#/token", "link_invalid");
    // Asking again gives a link of its own; the old one stays dead.
    app.anonymous().post(RESETS, json!({ "contact": contact })).await.expect(202);
    let fresh = token_sent_to(&app, &contact).await;
    assert_ne!(fresh, token);
    let body = json!({ "token": token, "password": PASSWORD });
    let old = app.anonymous().post(COMPLETE_RESET, body).await.expect_problem(422, "invalid_input");
    old.expect_fault("#/token", "link_invalid");
    app.anonymous().post(COMPLETE_RESET, json!({ "token": fresh, "password": PASSWORD })).await.expect(204);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_lasts_half_an_hour() {
    let app = TestApp::start().await;
    let (_, contact) = app.account().await;
    app.anonymous().post(RESETS, json!({ "contact": contact })).await.expect(202);
    let token = token_sent_to(&app, &contact).await;
    app.app.clock.advance(TimeDelta::minutes(30) + TimeDelta::seconds(1));
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    let late = app.anonymous().post(COMPLETE_RESET, body).await.expect_problem(422, "invalid_input");
    late.expect_fault("#/token", "link_invalid");
    app.anonymous().post(RESETS, json!({ "contact": contact })).await.expect(202);
    let token = token_sent_to(&app, &contact).await;
    app.app.clock.advance(TimeDelta::minutes(29));
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    app.anonymous().post(COMPLETE_RESET, body).await.expect(204);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_to_reset_an_unknown_contact_gets_the_same_answer_and_no_mail() {
    let app = TestApp::start().await;
    app.account_with("known@example.id").await;
    let known = app.anonymous().post(RESETS, json!({ "contact": "known@example.id" })).await.expect(202);
    let unknown = app.anonymous().post(RESETS, json!({ "contact": "unknown@example.id" })).await.expect(202);
    assert_eq!(known.bytes, unknown.bytes);
    assert_eq!(header_names(&known), header_names(&unknown));
    assert_eq!(mails_to(&app, "known@example.id").await.len(), 1);
    assert_eq!(mails_to(&app, "unknown@example.id").await.len(), 0);
    let events = "SELECT count(*) FROM events WHERE kind = 'user.reset_requested'";
    assert_eq!(app.count(events).await, 2);
    app.finish().await;
}

// Memberships.

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_role_stops_at_the_very_next_request() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let auditor = app.member(Some(agency), Role::Auditor, &[]).await;
    let list = format!("/api/v1/organisations/{agency}/memberships");
    auditor.get(&list).await.expect(200);
    let end = format!("{list}/{}/actions/end", auditor.membership.unwrap());
    let ended = budget_user.act(&end).await.expect(200);
    assert!(!ended.text("/ended_at").is_empty());
    assert!(ended.etag().starts_with("\"v2-"));
    auditor.get(&list).await.expect_problem(401, "invalid_token");
    auditor.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    budget_user.act(&end).await.expect_problem(409, "illegal_transition");
    let rest = refresh(&app, &auditor, None).await.expect(200);
    assert_eq!(rest.body["membership"], Value::Null);
    let rest = holder(&app, &rest);
    assert_eq!(rest.get("/api/v1/me/memberships").await.expect(200).items(), Vec::<Value>::new());
    rest.get(&list).await.expect_problem(403, "membership_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_does_not_stand_before_its_first_day() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let mut body = invitation(&app, &person.contact, "auditor");
    body["valid_from"] = json!(day(&app, 2));
    let membership = appoint(&app, &budget_user, &person, body).await.expect(200).id();
    assert_eq!(person.get("/api/v1/me/memberships").await.expect(200).items().len(), 0);
    let early = refresh(&app, &person, Some(&membership)).await.expect_problem(422, "invalid_input");
    early.expect_fault("#/membership_id", "unknown_reference");
    app.move_clock(72).await;
    let session = refresh(&app, &person, Some(&membership)).await.expect(200);
    assert_eq!(session.text("/membership/role"), "auditor");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_does_not_stand_after_its_last_day() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let mut body = invitation(&app, &person.contact, "auditor");
    body["valid_to"] = json!(day(&app, 1));
    let membership = appoint(&app, &budget_user, &person, body).await.expect(200).id();
    let auditor = holder(&app, &refresh(&app, &person, Some(&membership)).await.expect(200));
    let list = format!("/api/v1/organisations/{agency}/memberships");
    auditor.get(&list).await.expect(200);
    app.move_clock(48).await;
    auditor.get(&list).await.expect_problem(401, "invalid_token");
    let rest = refresh(&app, &auditor, None).await.expect(200);
    assert_eq!(rest.body["membership"], Value::Null);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_is_acted_in_after_a_refresh() {
    let app = TestApp::start().await;
    let (agency, unit) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let mut body = invitation(&app, &person.contact, "commitment_officer");
    (body["capacity"], body["unit_ids"]) = (json!("kpa_as_ppk"), json!([unit]));
    let membership = appoint(&app, &budget_user, &person, body).await.expect(200);
    assert_eq!(membership.text("/letter_number"), "821/002/2026");
    person.get("/api/v1/invitations").await.expect_problem(403, "membership_required");
    let session = refresh(&app, &person, Some(&membership.id())).await.expect(200);
    assert_eq!(session.text("/membership/role"), "commitment_officer");
    assert_eq!(session.text("/membership/capacity"), "kpa_as_ppk");
    assert_eq!(session.body["membership"]["unit_ids"], json!([unit]));
    holder(&app, &session).get("/api/v1/invitations").await.expect_problem(403, "role_forbidden");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_end_a_membership_does_not_see_it() {
    let app = TestApp::start().await;
    let ((agency, _), (other, _)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let stranger = app.member(Some(other), Role::BudgetUser, &[]).await;
    let auditor = app.member(Some(agency), Role::Auditor, &[]).await;
    let path = |organisation: OrganisationId, member: &Caller| {
        format!("/api/v1/organisations/{organisation}/memberships/{}/actions/end", member.membership.unwrap())
    };
    stranger.act(&path(agency, &auditor)).await.expect_problem(404, "not_found");
    stranger.act(&path(other, &auditor)).await.expect_problem(404, "not_found");
    stranger
        .get(&format!("/api/v1/organisations/{agency}/memberships"))
        .await
        .expect_problem(404, "not_found");
    auditor.act(&path(agency, &budget_user)).await.expect_problem(403, "role_forbidden");
    auditor.get("/api/v1/me").await.expect(200);
    let listed = budget_user.get(&format!("/api/v1/organisations/{agency}/memberships")).await.expect(200);
    let roles: Vec<_> = listed.items().iter().map(|member| member["role"].clone()).collect();
    assert_eq!(roles, [json!("budget_user"), json!("auditor")]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_of_a_vendor_stays() {
    let app = TestApp::start().await;
    let vendor = vendor(&app).await;
    let owner = app.member(Some(vendor), Role::VendorOwner, &[]).await;
    let path = |id: &str| format!("/api/v1/organisations/{vendor}/memberships/{id}/actions/end");
    let own = path(&owner.membership.unwrap().to_string());
    owner.act(&own).await.expect_problem(409, "last_owner");
    let person = app.person().await;
    appoint(&app, &owner, &person, invitation(&app, &person.contact, "vendor_owner")).await.expect(200);
    owner.act(&own).await.expect(200);
    owner.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    app.finish().await;
}

// Invitations.

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_once() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let (person, other) = (app.person().await, app.person().await);
    let (id, token) = invite(&app, &budget_user, invitation(&app, &person.contact, "requester")).await;
    let listed = budget_user.get("/api/v1/invitations").await.expect(200);
    assert_eq!(listed.text("/items/0/status"), "open");
    let membership = accept(&person, &id, &token).await.expect(200);
    assert_eq!(membership.text("/organisation_id"), agency.to_string());
    assert_eq!(membership.text("/user_id"), person.user.unwrap().to_string());
    for caller in [&person, &other] {
        let answer = accept(caller, &id, &token).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#/token", "link_invalid");
    }
    let listed = budget_user.get("/api/v1/invitations").await.expect(200);
    assert_eq!(listed.text("/items/0/status"), "accepted");
    budget_user
        .act(&format!("/api/v1/invitations/{id}/actions/revoke"))
        .await
        .expect_problem(409, "illegal_transition");
    accept(&app.anonymous(), &id, &token).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_invitation_cannot_be_accepted() {
    let app = TestApp::start().await;
    let ((agency, _), (other, _)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let stranger = app.member(Some(other), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let (id, token) = invite(&app, &budget_user, invitation(&app, &person.contact, "requester")).await;
    let revoke = format!("/api/v1/invitations/{id}/actions/revoke");
    stranger.act(&revoke).await.expect_problem(404, "not_found");
    assert_eq!(stranger.get("/api/v1/invitations").await.expect(200).items().len(), 0);
    assert_eq!(budget_user.act(&revoke).await.expect(200).text("/status"), "revoked");
    budget_user.act(&revoke).await.expect_problem(409, "illegal_transition");
    let answer = accept(&person, &id, &token).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/token", "link_invalid");
    assert_eq!(person.get("/api/v1/me/memberships").await.expect(200).items().len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lasts_a_week() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let (early, late) = (app.person().await, app.person().await);
    let first = invite(&app, &budget_user, invitation(&app, &early.contact, "requester")).await;
    let second = invite(&app, &budget_user, invitation(&app, &late.contact, "requester")).await;
    app.move_clock(6 * 24).await;
    accept(&early, &first.0, &first.1).await.expect(200);
    app.move_clock(24).await;
    let answer = accept(&late, &second.0, &second.1).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/token", "link_invalid");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_another_invitation_finds_nothing() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let humble = invite(&app, &budget_user, invitation(&app, &person.contact, "requester")).await;
    let proud = invite(&app, &budget_user, invitation(&app, "boss@example.id", "budget_user")).await;
    accept(&person, &proud.0, &humble.1).await.expect_problem(404, "not_found");
    let (id, mac) = (proud.1.split_once('.').unwrap().0, humble.1.split_once('.').unwrap().1);
    accept(&person, &proud.0, &format!("{id}.{mac}")).await.expect_problem(404, "not_found");
    let unknown = "019aa2c4-0000-7000-8000-000000000000";
    accept(&person, unknown, &humble.1).await.expect_problem(404, "not_found");
    assert_eq!(person.get("/api/v1/me/memberships").await.expect(200).items().len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_appointment_is_told_every_fault() {
    let app = TestApp::start().await;
    let vendor = vendor(&app).await;
    let owner = app.member(Some(vendor), Role::VendorOwner, &[]).await;
    let body = json!({
        "contact": "rekan@example.id", "role": "treasurer", "unit_ids": ["019aa2c4-0000-7000-8000-000000000000"],
        "valid_from": day(&app, 2), "valid_to": day(&app, 1),
    });
    let answer = owner.post("/api/v1/invitations", body).await.expect_problem(422, "invalid_input");
    let mut faults = answer.faults();
    faults.sort();
    let expected = [
        ("#/letter_number", "letter_required"),
        ("#/role", "role_not_of_organisation"),
        ("#/unit_ids", "unknown_reference"),
        ("#/valid_to", "validity_invalid"),
    ];
    assert_eq!(faults, expected.map(|(place, code)| (place.to_owned(), code.to_owned())));
    assert_eq!(mails_to(&app, "rekan@example.id").await.len(), 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn officers_are_appointed_by_letter_and_helpers_without() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    for role in [
        "procurement_officer",
        "commitment_officer",
        "activity_officer",
        "treasurer",
        "assistant_treasurer",
        "payment_verifier",
        "budget_user",
    ] {
        let mut body = invitation(&app, "rekan@example.id", role);
        body["letter_number"] = Value::Null;
        let answer = budget_user.post("/api/v1/invitations", body).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#/letter_number", "letter_required");
    }
    for role in ["requester", "receiver", "goods_custodian", "auditor"] {
        let mut body = invitation(&app, "rekan@example.id", role);
        body["letter_number"] = Value::Null;
        budget_user.post("/api/v1/invitations", body).await.expect(201);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_may_appoint_a_procurement_officer_across_agencies_but_never_across_realms() {
    let app = TestApp::start().await;
    let ((agency, own), (_, foreign)) = (app.agency().await, app.agency().await);
    let (_, live) = agency_in(&app, Realm::Live).await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let admin = app.admin().await;
    let mut body = invitation(&app, "rekan@example.id", "procurement_officer");
    body["organisation_id"] = json!(agency);
    body["unit_ids"] = json!([own, foreign]);
    // The other agency has not consented, so its own people may not do it.
    let refused =
        budget_user.post("/api/v1/invitations", body.clone()).await.expect_problem(422, "invalid_input");
    refused.expect_fault("#/unit_ids", "unknown_reference");
    admin.post("/api/v1/invitations", body.clone()).await.expect(201);
    body["unit_ids"] = json!([own, live]);
    let answer = admin.post("/api/v1/invitations", body).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/unit_ids", "unknown_reference");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_user_appoints_in_the_own_agency_only() {
    let app = TestApp::start().await;
    let ((agency, _), (other, _)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let mut body = invitation(&app, "rekan@example.id", "auditor");
    body["organisation_id"] = json!(other);
    let answer =
        budget_user.post("/api/v1/invitations", body.clone()).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/organisation_id", "unknown_reference");
    body["organisation_id"] = json!(agency);
    budget_user.post("/api/v1/invitations", body).await.expect(201);
    let platform =
        budget_user.post("/api/v1/invitations", invitation(&app, "rekan@example.id", "admin")).await;
    platform.expect_problem(422, "invalid_input").expect_fault("#/role", "role_not_of_organisation");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_appoints_in_every_agency_of_the_realm_and_in_no_vendor() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let (live, _) = agency_in(&app, Realm::Live).await;
    let vendor = vendor(&app).await;
    let admin = app.admin().await;
    let into = |organisation: OrganisationId, role: &str| {
        let mut body = invitation(&app, "rekan@example.id", role);
        body["organisation_id"] = json!(organisation);
        admin.post("/api/v1/invitations", body)
    };
    into(agency, "budget_user").await.expect(201);
    for (organisation, role) in [(vendor, "vendor_owner"), (live, "budget_user")] {
        let answer = into(organisation, role).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#/organisation_id", "unknown_reference");
    }
    admin.post("/api/v1/invitations", invitation(&app, "rekan@example.id", "curator")).await.expect(201);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_owner_invites_staff_and_staff_invites_nobody() {
    let app = TestApp::start().await;
    let vendor = vendor(&app).await;
    let owner = app.member(Some(vendor), Role::VendorOwner, &[]).await;
    let staff = app.person().await;
    let membership =
        appoint(&app, &owner, &staff, invitation(&app, &staff.contact, "vendor_staff")).await.expect(200);
    let staff = holder(&app, &refresh(&app, &staff, Some(&membership.id())).await.expect(200));
    let body = invitation(&app, "rekan@example.id", "vendor_staff");
    staff.post("/api/v1/invitations", body.clone()).await.expect_problem(403, "role_forbidden");
    app.person()
        .await
        .post("/api/v1/invitations", body.clone())
        .await
        .expect_problem(403, "membership_required");
    app.anonymous().post("/api/v1/invitations", body).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_held_once_by_a_person() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let body = invitation(&app, &person.contact, "requester");
    appoint(&app, &budget_user, &person, body.clone()).await.expect(200);
    appoint(&app, &budget_user, &person, body).await.expect_problem(409, "membership_taken");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forbidden_pairs_are_refused_in_either_order_each_by_its_own_code() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let pairs = [
        (Role::CommitmentOfficer, Role::Treasurer, "pair_commitment_treasurer"),
        (Role::CommitmentOfficer, Role::AssistantTreasurer, "pair_commitment_treasurer"),
        (Role::CommitmentOfficer, Role::PaymentVerifier, "pair_officer_payment_verifier"),
        (Role::ProcurementOfficer, Role::PaymentVerifier, "pair_officer_payment_verifier"),
        (Role::ProcurementOfficer, Role::Treasurer, "pair_procurement_treasurer"),
        (Role::ProcurementOfficer, Role::AssistantTreasurer, "pair_procurement_treasurer"),
        (Role::Receiver, Role::Treasurer, "pair_receiver_treasurer"),
        (Role::Receiver, Role::AssistantTreasurer, "pair_receiver_treasurer"),
    ];
    for (first, second, code) in pairs {
        for (held, further) in [(first, second), (second, first)] {
            let person = app.person().await;
            app.grant(person.user.unwrap(), Some(agency), held, &[]).await;
            let body = invitation(&app, &person.contact, further.as_str());
            let answer = appoint(&app, &budget_user, &person, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (422, code), "{held} then {further}");
            assert_eq!(person.get("/api/v1/me/memberships").await.expect(200).items().len(), 1);
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_that_are_forbidden_on_one_package_or_elsewhere_may_be_appointed() {
    let app = TestApp::start().await;
    let ((agency, _), (other, _)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    app.grant(person.user.unwrap(), Some(agency), Role::ProcurementOfficer, &[]).await;
    app.grant(person.user.unwrap(), Some(other), Role::Treasurer, &[]).await;
    for role in ["commitment_officer", "requester", "receiver"] {
        appoint(&app, &budget_user, &person, invitation(&app, &person.contact, role)).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_pair_ends_with_either_role() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let held = app.grant(person.user.unwrap(), Some(agency), Role::Treasurer, &[]).await;
    let body = invitation(&app, &person.contact, "commitment_officer");
    let refused = appoint(&app, &budget_user, &person, body.clone()).await;
    refused.expect_problem(422, "pair_commitment_treasurer");
    let end = format!("/api/v1/organisations/{agency}/memberships/{held}/actions/end");
    budget_user.act(&end).await.expect(200);
    appoint(&app, &budget_user, &person, body).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_an_invitation_stores_and_sends_nothing() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let tables = ["invitations", "personal_values", "events", "audit", "idempotency_keys"];
    let counts = async || {
        let mut counts = Vec::new();
        for table in tables {
            counts.push(app.count(&format!("SELECT count(*) FROM {table}")).await);
        }
        counts
    };
    let before = counts().await;
    let body = invitation(&app, "rekan@example.id", "requester");
    let path = "/api/v1/invitations?dry_run=true";
    let answer = budget_user.post(path, body.clone()).await.expect(201);
    assert_eq!(answer.text("/status"), "open");
    budget_user.post_as(path, "a-key", body).await.expect(201);
    let faulty = budget_user.post(path, invitation(&app, "rekan@example.id", "vendor_staff")).await;
    faulty.expect_problem(422, "invalid_input").expect_fault("#/role", "role_not_of_organisation");
    assert_eq!(counts().await, before);
    assert_eq!(mails_to(&app, "rekan@example.id").await.len(), 0);
    app.finish().await;
}

// Organisations and work units.

#[tokio::test(flavor = "multi_thread")]
async fn agencies_are_open_to_all_and_a_vendors_organisation_to_its_own_and_the_platform() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let vendor = vendor(&app).await;
    let owner = app.member(Some(vendor), Role::VendorOwner, &[]).await;
    let officer = app.member(Some(agency), Role::Requester, &[]).await;
    let (admin, person) = (app.admin().await, app.person().await);
    let (agency, vendor) =
        (format!("/api/v1/organisations/{agency}"), format!("/api/v1/organisations/{vendor}"));
    for caller in [&owner, &officer, &admin, &person] {
        caller.get(&agency).await.expect(200);
    }
    owner.get(&vendor).await.expect(200);
    admin.get(&vendor).await.expect(200);
    let unknown = "/api/v1/organisations/019aa2c4-0000-7000-8000-000000000000";
    for caller in [&officer, &person] {
        let hidden = caller.get(&vendor).await.expect_problem(404, "not_found");
        let missing = caller.get(unknown).await.expect_problem(404, "not_found");
        assert_eq!(hidden.body["title"], missing.body["title"]);
        assert_eq!(hidden.body["detail"], missing.body["detail"]);
        assert_eq!(header_names(&hidden), header_names(&missing));
    }
    app.anonymous().get(&agency).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_of_another_realm_does_not_exist() {
    let app = TestApp::start().await;
    let (live, _) = agency_in(&app, Realm::Live).await;
    let admin = app.admin().await;
    let unit = json!({ "code": "1.01", "name": "Dinas Contoh", "short_name": "DINCONTOH" });
    for caller in [&admin, &app.person().await] {
        caller.get(&format!("/api/v1/organisations/{live}")).await.expect_problem(404, "not_found");
        caller.get(&format!("/api/v1/organisations/{live}/units")).await.expect_problem(404, "not_found");
    }
    let members = format!("/api/v1/organisations/{live}/memberships");
    admin.get(&members).await.expect_problem(404, "not_found");
    admin.post(&format!("/api/v1/organisations/{live}/units"), unit).await.expect_problem(404, "not_found");
    let listed = admin.get("/api/v1/organisations").await.expect(200);
    assert!(listed.items().iter().all(|found| found["realm"] == "sandbox"));
    assert_eq!(listed.items().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agencys_code_is_its_own_and_its_zone_indonesian() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = |code: &str, zone: &str| json!({ "name": "Kabupaten", "code": code, "time_zone": zone });
    let made = admin.post("/api/v1/organisations", body("D900", "Asia/Makassar")).await.expect(201);
    assert_eq!(made.text("/time_zone"), "Asia/Makassar");
    assert_eq!(made.text("/realm"), "sandbox");
    assert_eq!(made.header("location"), format!("/api/v1/organisations/{}", made.id()));
    let read = admin.get(&made.header("location")).await.expect(200);
    assert_eq!((read.bytes, read.headers["etag"].clone()), (made.bytes, made.headers["etag"].clone()));
    let again = admin.post("/api/v1/organisations", body("D900", "Asia/Jakarta")).await;
    again.expect_problem(409, "code_taken");
    let abroad = admin.post("/api/v1/organisations", body("D901", "Europe/Amsterdam")).await;
    abroad.expect_problem(422, "invalid_input").expect_fault("#/time_zone", "value_not_allowed");
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let refused = budget_user.post("/api/v1/organisations", body("D902", "Asia/Jakarta")).await;
    refused.expect_problem(403, "role_forbidden");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_grow_in_the_own_agency_under_parents_of_it() {
    let app = TestApp::start().await;
    let ((agency, unit), (other, foreign)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let path = format!("/api/v1/organisations/{agency}/units");
    let body = |code: &str, short_name: &str, parent: Option<UnitId>| json!({ "code": code, "name": "Bidang Contoh", "short_name": short_name, "parent_id": parent });
    let made = budget_user.post(&path, body("2.01", "BIDANG", Some(unit))).await.expect(201);
    assert_eq!(made.text("/parent_id"), unit.to_string());
    for (code, short_name) in [("2.01", "LAIN"), ("2.02", "BIDANG")] {
        budget_user.post(&path, body(code, short_name, None)).await.expect_problem(409, "code_taken");
    }
    let astray = budget_user.post(&path, body("2.03", "BIDANG3", Some(foreign))).await;
    astray.expect_problem(422, "invalid_input").expect_fault("#/parent_id", "unknown_reference");
    let elsewhere = format!("/api/v1/organisations/{other}/units");
    budget_user.post(&elsewhere, body("2.04", "BIDANG4", None)).await.expect_problem(404, "not_found");
    assert_eq!(budget_user.get(&path).await.expect(200).items().len(), 2);
    assert_eq!(budget_user.get(&elsewhere).await.expect(200).items().len(), 1);
    app.finish().await;
}

// The sandbox.

#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_clock_only_moves_forward() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let clock = "/api/v1/sandbox/clock";
    assert_eq!(person.get(clock).await.expect(200).body["ahead_seconds"], 0);
    for now in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let answer = person.post(clock, json!({ "now": now })).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#/now", "clock_backwards");
    }
    let to = (app.app.clock.now() + TimeDelta::days(10)).to_rfc3339();
    person.post(&format!("{clock}?dry_run=true"), json!({ "now": to })).await.expect(200);
    assert_eq!(person.get(clock).await.expect(200).body["ahead_seconds"], 0);
    let moved = person.post(clock, json!({ "now": to })).await.expect(200);
    let ahead = moved.body["ahead_seconds"].as_i64().unwrap();
    assert!((10 * 86_400 - 60..=10 * 86_400).contains(&ahead), "{ahead}");
    let back = (app.app.clock.now() + TimeDelta::days(9)).to_rfc3339();
    let answer = person.post(clock, json!({ "now": back })).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/now", "clock_backwards");
    app.anonymous().get(clock).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_realm_has_neither_a_movable_clock_nor_readable_mails() {
    let app = TestApp::start_in(Realm::Live, |_| {}).await;
    let person = app.person().await;
    let to = (app.app.clock.now() + TimeDelta::days(10)).to_rfc3339();
    person.get("/api/v1/sandbox/clock").await.expect_problem(404, "not_found");
    person.post("/api/v1/sandbox/clock", json!({ "now": to })).await.expect_problem(404, "not_found");
    app.admin().await.get("/api/v1/sandbox/mails").await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_shows_the_mails_it_sent_newest_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/api/v1/sandbox/mails").await.expect(200).items().len(), 0);
    for contact in ["first@example.id", "second@example.id"] {
        app.anonymous().post(REGISTRATIONS, registration(contact, PASSWORD)).await.expect(202);
        settle(&app).await;
    }
    let mails = admin.get("/api/v1/sandbox/mails").await.expect(200);
    assert_eq!(mails.text("/items/0/to"), "second@example.id");
    assert_eq!(mails.text("/items/1/to"), "first@example.id");
    assert!(mails.text("/items/0/text").contains("#token="));
    app.anonymous().get("/api/v1/sandbox/mails").await.expect_problem(401, "authentication_required");
    app.finish().await;
}

// At rest.

#[tokio::test(flavor = "multi_thread")]
async fn no_token_password_or_contact_rests_in_the_database_in_clear() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let (_, invited) = invite(&app, &budget_user, invitation(&app, &person.contact, "requester")).await;
    app.anonymous().post(RESETS, json!({ "contact": person.contact })).await.expect(202);
    let reset = token_sent_to(&app, &person.contact).await;
    app.anonymous().post(REGISTRATIONS, registration("fresh@example.id", OTHER_PASSWORD)).await.expect(202);
    let confirmed = token_sent_to(&app, "fresh@example.id").await;
    let mut secrets = vec![PASSWORD.to_owned(), OTHER_PASSWORD.to_owned(), person.contact.clone()];
    secrets.extend(["fresh@example.id".to_owned(), person.token.clone().unwrap()]);
    secrets.push(person.token.as_ref().unwrap().rsplit('.').next().unwrap().to_owned());
    secrets.push(person.refresh_token.clone().unwrap());
    secrets.extend([&invited, &reset, &confirmed].map(|token| token.split_once('.').unwrap().1.to_owned()));
    let tables = app.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await;
    assert!(tables.len() > 10);
    for table in tables.iter().filter_map(|row| row[0].as_deref()) {
        let rows = app.sql(&format!("SELECT t::text FROM \"{table}\" t")).await;
        for text in rows.iter().filter_map(|row| row[0].as_deref()) {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{table} holds {secret}");
                assert!(!text.contains(&hex::encode(secret)), "{table} holds {secret} as bytes");
                let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap_or_default();
                assert!(
                    bytes.len() < 16 || !text.contains(&hex::encode(bytes)),
                    "{table} holds {secret} decoded"
                );
            }
        }
    }
    app.finish().await;
}

// What the tests above share.

fn registration(contact: &str, password: &str) -> Value {
    json!({ "contact": contact, "full_name": "Sri Wahyuni", "password": password })
}

async fn log_in(app: &TestApp, contact: &str, password: &str) -> Answer {
    app.anonymous().post(SESSIONS, json!({ "contact": contact, "password": password })).await
}

async fn log_in_from(app: &TestApp, address: &str, contact: &str, password: &str) -> Answer {
    let body = json!({ "contact": contact, "password": password });
    send(app.anonymous().request(Method::POST, SESSIONS).header("X-Forwarded-For", address).json(&body)).await
}

async fn refresh(app: &TestApp, caller: &Caller, membership: Option<&str>) -> Answer {
    let body = json!({ "refresh_token": caller.refresh_token, "membership_id": membership });
    app.anonymous().post("/api/v1/auth/sessions/refresh", body).await
}

/// Whoever holds the tokens of an answer.
fn holder(app: &TestApp, session: &Answer) -> Caller {
    let mut caller = bearer(app, &session.text("/access_token"));
    caller.refresh_token = Some(session.text("/refresh_token"));
    caller
}

fn bearer(app: &TestApp, token: &str) -> Caller {
    let mut caller = app.anonymous();
    caller.token = Some(token.to_owned());
    caller
}

/// A day in the platform's zone, so many days from now.
fn day(app: &TestApp, days: i64) -> String {
    (app.app.clock.now() + TimeDelta::hours(7) + TimeDelta::days(days)).date_naive().to_string()
}

fn invitation(app: &TestApp, contact: &str, role: &str) -> Value {
    json!({ "contact": contact, "role": role, "letter_number": "821/002/2026", "valid_from": day(app, 0) })
}

/// Invites; the invitation's id and the token that was sent.
async fn invite(app: &TestApp, by: &Caller, body: Value) -> (String, String) {
    let contact = body["contact"].as_str().unwrap().to_owned();
    let id = by.post("/api/v1/invitations", body).await.expect(201).id();
    (id, token_sent_to(app, &contact).await)
}

async fn accept(caller: &Caller, id: &str, token: &str) -> Answer {
    caller.post(&format!("/api/v1/invitations/{id}/actions/accept"), json!({ "token": token })).await
}

/// Invites a person and lets them accept.
async fn appoint(app: &TestApp, by: &Caller, person: &Caller, body: Value) -> Answer {
    let (id, token) = invite(app, by, body).await;
    accept(person, &id, &token).await
}

/// Works until every event has its place in the feed: the sequencer leaves out what is younger than
/// the oldest transaction of the whole cluster, and other tests have transactions there too.
async fn settle(app: &TestApp) {
    app.work().await;
    let waiting = "SELECT count(*) FROM events WHERE id NOT IN (SELECT event_id FROM event_positions)";
    while app.count(waiting).await > 0 {
        app.work().await;
    }
}

async fn mails_to(app: &TestApp, address: &str) -> Vec<Mail> {
    settle(app).await;
    app.mails_to(address).await
}

/// The token of the newest link that was sent to an address.
async fn token_sent_to(app: &TestApp, address: &str) -> String {
    token_in(&mails_to(app, address).await.last().expect("a mail was sent").text)
}

async fn vendor(app: &TestApp) -> OrganisationId {
    let ctx = app.system();
    let made = app.app.db.transaction(app.realm(), async |tx| {
        accounts::create_vendor_organisation(tx, &ctx, "Warung Bu Sri").await
    });
    made.await.expect("a vendor's organisation can be made")
}

/// An agency with one unit in any realm.
async fn agency_in(app: &TestApp, realm: Realm) -> (OrganisationId, UnitId) {
    let ctx = Ctx::system(realm, "test");
    let made = app.app.db.transaction(realm, async |tx| {
        let agency = accounts::create_agency(tx, &ctx, "Provinsi Lain", "L001", "Asia/Jakarta").await?;
        let unit = NewUnit {
            code: "1.01".into(),
            source_code: None,
            name: "Dinas Lain".into(),
            short_name: "DINLAIN".into(),
            parent_id: None,
            source: None,
        };
        let unit = accounts::create_unit(tx, &ctx, agency.id, &unit).await?;
        Ok((agency.id, unit.id))
    });
    made.await.expect("an agency can be made")
}

fn token_in(text: &str) -> String {
    text.split_once("#token=").unwrap().1.split_whitespace().next().unwrap().to_owned()
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header_names(answer: &Answer) -> Vec<String> {
    let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    body["trace_id"] = Value::Null;
    body
}

// Red for now.

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_version_does_not_tell_of_devices_of_others() {
    let app = TestApp::start().await;
    let (sri, budi) = (app.person().await, app.person().await);
    let devices = sri.get(SESSIONS).await.expect(200).items();
    let theirs = format!("{SESSIONS}/{}", devices[0]["id"].as_str().unwrap());
    send(budi.request(Method::DELETE, &theirs)).await.expect_problem(404, "not_found");
    budi.delete(&theirs, "\"v2\"").await.expect_problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_procurement_officer_covers_units_of_another_agency() {
    let app = TestApp::start().await;
    let ((agency, _), (_, foreign)) = (app.agency().await, app.agency().await);
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    for role in ["requester", "commitment_officer", "treasurer", "budget_user", "auditor"] {
        let mut body = invitation(&app, "rekan@example.id", role);
        body["unit_ids"] = json!([foreign]);
        let answer = budget_user.post("/api/v1/invitations", body).await;
        assert_eq!(answer.status, 422, "{role}");
        answer.expect_fault("#/unit_ids", "unknown_reference");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_that_is_over_stands_in_no_further_appointments_way() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let person = app.person().await;
    let mut body = invitation(&app, &person.contact, "treasurer");
    body["valid_to"] = json!(day(&app, 1));
    appoint(&app, &budget_user, &person, body).await.expect(200);
    app.move_clock(72).await;
    let mut body = invitation(&app, &person.contact, "treasurer");
    body["valid_from"] = json!(day(&app, 3));
    let renewed = appoint(&app, &budget_user, &person, body).await;
    let other = app.person().await;
    let mut body = invitation(&app, &other.contact, "treasurer");
    body["valid_to"] = json!(day(&app, 4));
    appoint(&app, &budget_user, &other, body).await.expect(200);
    app.move_clock(72).await;
    let mut body = invitation(&app, &other.contact, "commitment_officer");
    body["valid_from"] = json!(day(&app, 6));
    let changed = appoint(&app, &budget_user, &other, body).await;
    assert_eq!((renewed.code(), changed.code()), (String::new(), String::new()));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_never_shows_mail_of_the_live_realm() {
    let app = TestApp::start().await;
    let (live, _) = agency_in(&app, Realm::Live).await;
    let (user, contact) = app.account().await;
    let ctx = Ctx::system(Realm::Live, "test");
    let membership = app.app.db.transaction(Realm::Live, async |tx| {
        accounts::grant(tx, &ctx, user, Some(live), Role::BudgetUser, &[], Some("821/001/2026")).await
    });
    let membership = membership.await.unwrap();
    let budget_user = app.log_in(user, &contact, Some(membership)).await;
    let body = invitation(&app, "pejabat@example.id", "treasurer");
    budget_user.post("/api/v1/invitations", body).await.expect(201);
    settle(&app).await;
    let curious = app.admin().await;
    let mails = curious.get("/api/v1/sandbox/mails").await.expect(200);
    let found = mails.items().iter().filter(|mail| mail["to"] == "pejabat@example.id").count();
    assert_eq!(found, 0, "the live invitation's link can be read by anyone with a log-in");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_named_twice_over_the_same_unit_is_no_unknown_reference() {
    let app = TestApp::start().await;
    let (agency, unit) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let mut body = invitation(&app, "rekan@example.id", "requester");
    body["unit_ids"] = json!([unit, unit]);
    let answer = budget_user.post("/api/v1/invitations", body).await.expect_problem(422, "invalid_input");
    answer.expect_fault("#/unit_ids", "duplicate_item");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capacity_belongs_to_commitment_officers() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let mut body = invitation(&app, "rekan@example.id", "requester");
    body["capacity"] = json!("ppk");
    budget_user.post("/api/v1/invitations", body).await.expect_problem(422, "invalid_input");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_recorded_in_the_realm_of_its_organisation() {
    let app = TestApp::start().await;
    let (live, _) = agency_in(&app, Realm::Live).await;
    let (agency, _) = app.agency().await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let (user, contact) = app.account().await;
    let ctx = Ctx::system(Realm::Live, "test");
    let membership = app.app.db.transaction(Realm::Live, async |tx| {
        accounts::grant(tx, &ctx, user, Some(live), Role::Auditor, &[], None).await
    });
    let person = app.log_in(user, &contact, Some(membership.await.unwrap())).await;
    let membership =
        appoint(&app, &budget_user, &person, invitation(&app, &contact, "auditor")).await.expect(200).id();
    for table in ["events", "audit"] {
        let rows = app.sql(&format!("SELECT realm FROM {table} WHERE subject_id = '{membership}'")).await;
        assert_eq!(rows, [[Some("sandbox".to_owned())]], "{table}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_wait_like_guesses_in_a_row() {
    let app = TestApp::start().await;
    app.account_with("budi@example.id").await;
    for _ in 0..9 {
        log_in(&app, "budi@example.id", OTHER_PASSWORD).await.expect(401);
        app.app.clock.advance(TimeDelta::minutes(16));
    }
    let answers =
        futures_util::future::join_all((0..10).map(|_| log_in(&app, "budi@example.id", OTHER_PASSWORD)))
            .await;
    let judged = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(judged <= 1, "{judged} guesses were judged at once");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_name_is_no_password() {
    let app = TestApp::start().await;
    for password in ["sri-wahyuni-example", "wahyuni.sri.2026"] {
        let body =
            json!({ "contact": "sri.wahyuni@example.id", "full_name": "Sri Wahyuni", "password": password });
        let answer = app.anonymous().post(REGISTRATIONS, body).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#/password", "password_too_weak");
    }
    app.finish().await;
}
