//! The edge: how requests are read, refused, cached, repeated and limited, whatever they are about.
use crate::support::{Answer, Caller, PASSWORD, TestApp, bench};
use lokapasar::kernel::{Realm, Role};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const REGISTRATIONS: &str = "/api/v1/auth/registrations";
const RESETS: &str = "/api/v1/auth/password-resets";
const ORGANISATIONS: &str = "/api/v1/organisations";
/// An operation that anyone may call.
const PUBLIC: &str = "/api/v1/forbidden-pairs";
const UNKNOWN: &str = "019aa2c4-0000-7000-8000-000000000000";

// Problems.

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_says_what_is_wrong_and_where_to_read_more() {
    let app = TestApp::start().await;
    let answer =
        app.anonymous().get("/api/v1/me?limit=1").await.expect_problem(401, "authentication_required");
    let mut fields: Vec<_> = answer.body.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["code", "detail", "instance", "status", "title", "trace_id", "type"]);
    assert_eq!(answer.text("/type"), format!("{}/problems/authentication_required", app.base));
    assert_eq!(answer.body["status"], 401);
    assert_eq!(answer.text("/instance"), "/api/v1/me");
    assert_eq!(answer.text("/trace_id"), answer.header("x-request-id"));
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = answer.text("/type").replace(&app.base, "");
    app.anonymous().get(&page).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_speak_indonesian_unless_english_is_preferred() {
    let app = TestApp::start().await;
    for (accept, language, title) in [
        (None, "id", "Anda belum masuk"),
        (Some("id"), "id", "Anda belum masuk"),
        (Some("en"), "en", "You are not logged in"),
        (Some("en-GB, id;q=0.5"), "en", "You are not logged in"),
        (Some("en;q=0.3, id;q=0.5"), "id", "Anda belum masuk"),
        (Some("fr"), "id", "Anda belum masuk"),
    ] {
        let request = app.anonymous().request(Method::GET, "/api/v1/me");
        let answer = send(match accept {
            Some(accept) => request.header("Accept-Language", accept),
            None => request,
        })
        .await
        .expect(401);
        assert_eq!(
            (answer.header("content-language").as_str(), answer.text("/title").as_str()),
            (language, title)
        );
        assert!(varies_on(&answer, "accept-language"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_body_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "name": "", "code": "kecil", "time_zone": 7, "colour": "red", "a/b~c": 1 });
    let answer = admin.post(ORGANISATIONS, body).await.expect_problem(422, "invalid_input");
    let mut faults = answer.faults();
    faults.sort();
    let expected = [
        ("#/a~1b~0c", "unknown_field"),
        ("#/code", "pattern_mismatch"),
        ("#/colour", "unknown_field"),
        ("#/name", "pattern_mismatch"),
        ("#/name", "too_short"),
        ("#/time_zone", "wrong_type"),
    ];
    assert_eq!(faults, expected.map(|(place, code)| (place.to_owned(), code.to_owned())));
    let empty = admin.post(ORGANISATIONS, json!({})).await.expect_problem(422, "invalid_input");
    let empty = empty.expect_fault("#/name", "required").expect_fault("#/code", "required");
    assert_eq!(empty.faults().len(), 2);
    for body in [json!([]), json!("text"), json!(null)] {
        let answer = admin.post(ORGANISATIONS, body).await.expect_problem(422, "invalid_input");
        answer.expect_fault("#", "wrong_type");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_value_is_never_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let secret = "rahasia-negara-9f2c";
    let guest = app.anonymous();
    let long = secret.repeat(20);
    let answers = [
        guest
            .post(REGISTRATIONS, json!({ "contact": secret, "full_name": "Sri", "password": PASSWORD }))
            .await,
        guest.post(REGISTRATIONS, json!({ "contact": "a@b.id", "full_name": "Sri", "password": long })).await,
        guest
            .post(REGISTRATIONS, json!({ "contact": "a@b.id", "full_name": "S", "password": [secret] }))
            .await,
        guest.post(REGISTRATIONS, json!({ "contact": long, "full_name": long, "language": secret })).await,
        guest.post("/api/v1/auth/sessions", json!({ "contact": secret, "password": secret })).await,
        guest
            .post(
                "/api/v1/auth/sessions",
                json!({ "contact": "a@b.id", "password": secret, "membership_id": secret }),
            )
            .await,
        guest.post("/api/v1/auth/contact-confirmations", json!({ "token": secret })).await,
        admin.post(ORGANISATIONS, json!({ "name": "N", "code": secret, "time_zone": secret })).await,
        admin.post(ORGANISATIONS, json!({ "name": "N", "code": "D1", "time_zone": secret })).await,
        admin
            .post("/api/v1/invitations", json!({ "contact": secret, "role": secret, "valid_from": secret }))
            .await,
        admin.get(&format!("{ORGANISATIONS}?kind={secret}")).await,
        admin.get(&format!("{ORGANISATIONS}?limit={secret}")).await,
        admin.get(&format!("{ORGANISATIONS}?cursor={secret}")).await,
        admin.post_as(ORGANISATIONS, &format!("{secret} "), json!(secret)).await,
        admin.delete(&format!("/api/v1/auth/sessions/{UNKNOWN}"), secret).await,
    ];
    for (number, answer) in answers.iter().enumerate() {
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!((400..500).contains(&answer.status), "{number}: {text}");
        assert!(!text.contains(secret), "{number}: {text}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_in_the_documented_order() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let requester = app.member(Some(agency), Role::Requester, &[]).await;
    let budget_user = app.member(Some(agency), Role::BudgetUser, &[]).await;
    let garbage = |caller: &Caller| {
        let request = caller.request(Method::POST, "/api/v1/invitations?colour=red");
        send(request.header("Content-Type", "application/json").body("{"))
    };
    garbage(&app.anonymous()).await.expect_problem(401, "authentication_required");
    garbage(&requester).await.expect_problem(403, "role_forbidden");
    garbage(&budget_user).await.expect_problem(400, "unknown_parameter");
    // Shape goes before existence, existence before version.
    let accept = format!("/api/v1/invitations/{UNKNOWN}/actions/accept");
    budget_user.post(&accept, json!({})).await.expect_problem(422, "invalid_input");
    budget_user.post(&accept, json!({ "token": "x" })).await.expect_problem(404, "not_found");
    let revoke = format!("/api/v1/invitations/{UNKNOWN}/actions/revoke");
    let stale = send(budget_user.request(Method::POST, &revoke).header("If-Match", "\"v9\"")).await;
    stale.expect_problem(404, "not_found");
    app.finish().await;
}

// Bodies.

#[tokio::test(flavor = "multi_thread")]
async fn json_that_two_readers_may_read_differently_is_refused() {
    let app = TestApp::start().await;
    let nested = format!("{{\"contact\":{}{}}}", "[".repeat(60), "]".repeat(60));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        br#"{"contact":"budi@example.id","contact":"sri@example.id"}"#.to_vec(),
        br#"{"contact":"budi@example.id\u0000"}"#.to_vec(),
        br#"{"con\u0000tact":"budi@example.id"}"#.to_vec(),
        br#"{"contact":"\ud800@example.id"}"#.to_vec(),
        br#"{"contact":"budi@example.id"} {}"#.to_vec(),
        br#"{"contact":NaN}"#.to_vec(),
        b"{\"contact\":\"\xff\xfe\"}".to_vec(),
        nested.into_bytes(),
    ];
    for body in bodies {
        let request = app.anonymous().request(Method::POST, RESETS);
        let answer = send(request.header("Content-Type", "application/json").body(body.clone())).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_json"),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_ten_megabytes_is_refused_before_it_is_sent() {
    let app = TestApp::start().await;
    let head = format!(
        "POST {RESETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n"
    );
    let answer = raw(&app, head.as_bytes(), "body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_undeclared_length_is_refused_at_the_limit() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.http.body_limit_bytes = 1_000).await;
    let chunk = format!("{{\"contact\":\"{}\"}}", "a".repeat(2_000));
    let text = format!(
        "POST {RESETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    let answer = raw(&app, text.as_bytes(), "body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("(1000)"), "{answer}");
    app.anonymous().post(RESETS, json!({ "contact": "budi@example.id" })).await.expect(202);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.http.timeout_seconds = 1).await;
    let head = format!(
        "POST {RESETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{{"
    );
    let answer = raw(&app, head.as_bytes(), "request_timeout").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_json_is_taken() {
    let app = TestApp::start().await;
    let body = r#"{"contact":"budi@example.id"}"#;
    let typed = |media_type: &str| {
        let request = app.anonymous().request(Method::POST, RESETS).body(body);
        send(request.header("Content-Type", media_type))
    };
    for media_type in ["text/plain", "application/xml", "application/merge-patch+json", "multipart/form-data"]
    {
        typed(media_type).await.expect_problem(415, "unsupported_media_type");
    }
    send(app.anonymous().request(Method::POST, RESETS).body(body))
        .await
        .expect_problem(415, "unsupported_media_type");
    for media_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        typed(media_type).await.expect(202);
    }
    for coding in ["gzip", "br", "identity"] {
        let request = app.anonymous().request(Method::POST, RESETS).body(body);
        let request = request.header("Content-Type", "application/json").header("Content-Encoding", coding);
        send(request).await.expect_problem(415, "unsupported_media_type");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_accept_is_not_sent() {
    let app = TestApp::start().await;
    let accepting =
        |accept: &str| send(app.anonymous().request(Method::GET, PUBLIC).header("Accept", accept));
    for accept in ["text/html", "text/csv, text/plain;q=0.5", "audio/ogg"] {
        accepting(accept).await.expect_problem(406, "not_acceptable");
    }
    for accept in ["application/json", "*/*", "application/*", "text/html, application/json;q=0.1"] {
        accepting(accept).await.expect(200);
    }
    app.finish().await;
}

// Addresses and methods.

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_repeated_parameters_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.get(&format!("{ORGANISATIONS}?colour=red&limit=5&size=3")).await;
    let answer = answer.expect_problem(400, "unknown_parameter");
    assert_eq!(answer.faults(), [("colour", "unknown_parameter"), ("size", "unknown_parameter")].map(owned));
    let answer = admin.get(&format!("{ORGANISATIONS}?limit=5&limit=6")).await;
    answer.expect_problem(400, "invalid_parameter").expect_fault("limit", "duplicate_item");
    admin.get("/api/v1/me?colour=red").await.expect_problem(400, "unknown_parameter");
    let posted = admin.post(&format!("{ORGANISATIONS}?colour=red"), json!({})).await;
    posted.expect_problem(400, "unknown_parameter").expect_fault("colour", "unknown_parameter");
    let answer =
        admin.get(&format!("{ORGANISATIONS}?kind=shop")).await.expect_problem(400, "invalid_parameter");
    answer.expect_fault("kind", "value_not_allowed");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_holds_one_to_a_hundred_rows() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for limit in ["0", "101", "-1", "99999999999999999999"] {
        let answer = admin.get(&format!("{ORGANISATIONS}?limit={limit}")).await;
        answer.expect_problem(400, "invalid_parameter").expect_fault("limit", "out_of_range");
    }
    for limit in ["many", "1.5", ""] {
        let answer = admin.get(&format!("{ORGANISATIONS}?limit={limit}")).await;
        answer.expect_problem(400, "invalid_parameter").expect_fault("limit", "wrong_type");
    }
    for limit in ["1", "100"] {
        admin.get(&format!("{ORGANISATIONS}?limit={limit}")).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_name_nothing_are_not_found() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in ["/nowhere", "/api/v1/nowhere", "/api/v2/me", "/api/v1/me/", "/problems/no_such_code"] {
        admin.get(path).await.expect_problem(404, "not_found");
    }
    for id in ["1", "not-a-uuid", "..%2Fme", &"9".repeat(200)] {
        admin.get(&format!("{ORGANISATIONS}/{id}")).await.expect_problem(404, "not_found");
    }
    admin.get(&format!("{ORGANISATIONS}/{UNKNOWN}")).await.expect_problem(404, "not_found");
    app.anonymous().get(&format!("{ORGANISATIONS}/1")).await.expect_problem(401, "authentication_required");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_served_is_told_which_ones_are() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = format!("{ORGANISATIONS}/{UNKNOWN}");
    for (method, path, allow) in [
        (Method::PUT, ORGANISATIONS, vec!["GET", "HEAD", "OPTIONS", "POST"]),
        (Method::DELETE, id.as_str(), vec!["GET", "HEAD", "OPTIONS"]),
        (Method::GET, REGISTRATIONS, vec!["OPTIONS", "POST"]),
        (Method::HEAD, REGISTRATIONS, vec!["OPTIONS", "POST"]),
        (Method::POST, "/health/live", vec!["GET", "HEAD", "OPTIONS"]),
        (Method::DELETE, "/problems/not_found", vec!["GET", "HEAD", "OPTIONS"]),
    ] {
        let answer = send(admin.request(method.clone(), path)).await.expect(405);
        let allowed = answer.header("allow");
        let mut allowed: Vec<_> = allowed.split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed, allow, "{method} {path}");
        assert!(method == Method::HEAD || answer.code() == "method_not_allowed");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_beyond_four_kilobytes_is_too_long() {
    let app = TestApp::start().await;
    let path = format!("{ORGANISATIONS}?cursor={}", "a".repeat(5_000));
    app.anonymous().get(&path).await.expect_problem(414, "uri_too_long");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_like_get_without_a_body() {
    let app = TestApp::start().await;
    let person = app.person().await;
    for path in ["/api/v1/me", PUBLIC, "/health/live", "/api/v1/nowhere"] {
        let get = person.get(path).await;
        let head = send(person.request(Method::HEAD, path)).await;
        assert_eq!(head.status, get.status);
        assert!(head.bytes.is_empty());
        for name in ["etag", "content-type", "cache-control", "x-content-type-options"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    app.finish().await;
}

// Browsers of other origins.

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_origin_may_call_from_the_browser() {
    let origin = "https://toko.example.id";
    let app =
        TestApp::start_in(Realm::Sandbox, |settings| settings.http.cors_origins = vec![origin.to_owned()])
            .await;
    let preflight =
        preflight(&app, origin, "PATCH", "authorization, content-type, if-match, idempotency-key").await;
    assert!((200..300).contains(&preflight.status));
    assert_eq!(preflight.header("access-control-allow-origin"), origin);
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    assert!(preflight.header("access-control-allow-headers").to_lowercase().contains("idempotency-key"));
    assert!(!preflight.header("x-request-id").is_empty());
    for path in [PUBLIC, "/api/v1/me"] {
        let answer = send(app.anonymous().request(Method::GET, path).header("Origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        assert!(
            ["etag", "location", "link", "retry-after", "x-request-id"]
                .iter()
                .all(|name| exposed.contains(name))
        );
        assert!(varies_on(&answer, "origin"));
        assert!(varies_on(&answer, "accept-language"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_origin_may_call_from_the_browser() {
    let listed = TestApp::start_in(Realm::Sandbox, |settings| {
        settings.http.cors_origins = vec!["https://toko.example.id".to_owned()];
    })
    .await;
    let unlisted = TestApp::start().await;
    for app in [&listed, &unlisted] {
        for origin in ["https://jahat.example.id", "https://toko.example.id.jahat.id", "null"] {
            let preflight = preflight(app, origin, "POST", "authorization").await;
            assert_eq!(preflight.header("access-control-allow-origin"), "");
            let answer = send(app.anonymous().request(Method::GET, PUBLIC).header("Origin", origin)).await;
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    listed.finish().await;
    unlisted.finish().await;
}

// Caching and versions.

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_already_holds_is_not_sent_again() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let first = person.get("/api/v1/me").await.expect(200);
    assert!(first.etag().starts_with("\"v1-") && first.etag().ends_with('"'));
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let asking = |held: String| send(person.request(Method::GET, "/api/v1/me").header("If-None-Match", held));
    for held in [first.etag(), format!("\"v0-aa\", {}", first.etag()), "*".to_owned()] {
        let second = asking(held).await.expect(304);
        assert!(second.bytes.is_empty());
        assert_eq!(second.etag(), first.etag());
        assert_eq!(second.header("cache-control"), "private, no-cache");
        assert!(varies_on(&second, "accept-language"));
    }
    for held in ["\"v1-0000000000000000\"", "\"v1\"", "v1"] {
        assert_eq!(asking(held.to_owned()).await.expect(200).bytes, first.bytes);
    }
    let public = app.anonymous().get(PUBLIC).await.expect(200);
    assert_eq!(public.header("cache-control"), "public, max-age=300");
    assert!(!public.etag().is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_answer_has_a_tag_of_its_own() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let plain = person.get("/api/v1/me").await.expect(200);
    for (coding, suffix) in [("gzip", "-gz\""), ("br", "-br\"")] {
        let asking = || person.request(Method::GET, "/api/v1/me").header("Accept-Encoding", coding);
        let packed = send(asking()).await.expect(200);
        assert_eq!(packed.header("content-encoding"), coding);
        assert_eq!(packed.etag(), plain.etag().trim_end_matches('"').to_owned() + suffix);
        assert!(varies_on(&packed, "accept-language"));
        assert_ne!(packed.bytes, plain.bytes);
        let again = send(asking().header("If-None-Match", packed.etag())).await.expect(304);
        assert_eq!(again.etag(), packed.etag());
        assert!(again.bytes.is_empty());
        send(asking().header("If-None-Match", plain.etag())).await.expect(200);
        send(person.request(Method::GET, "/api/v1/me").header("If-None-Match", packed.etag()))
            .await
            .expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_version_it_was_made_from() {
    let app = TestApp::start().await;
    let (user, contact) = app.account().await;
    let (person, other) = (app.log_in(user, &contact, None).await, app.log_in(user, &contact, None).await);
    let devices = person.get("/api/v1/auth/sessions").await.expect(200).items();
    let id =
        devices.iter().find(|device| device["current"] == false).unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/auth/sessions/{id}");
    send(person.request(Method::DELETE, &path)).await.expect_problem(428, "if_match_missing");
    person.delete(&path, "\"v2-0011223344556677\"").await.expect_problem(412, "version_stale");
    for malformed in ["1", "\"1\"", "v", "\"vv1\"", "nonsense", "\"v1.5\""] {
        let answer = person.delete(&path, malformed).await.expect_problem(400, "header_invalid");
        answer.expect_fault("If-Match", "header_invalid");
    }
    other.get("/api/v1/me").await.expect(200);
    // Digest and coding do not matter, the version does.
    person.delete(&path, "\"v1-0011223344556677-gz\"").await.expect(204);
    other.get("/api/v1/me").await.expect_problem(401, "invalid_token");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_honours_a_version_when_one_is_sent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "contact": "rekan@example.id", "role": "curator", "valid_from": "2026-01-01" });
    let made = admin.post("/api/v1/invitations", body).await.expect(201);
    let revoke = format!("/api/v1/invitations/{}/actions/revoke", made.id());
    let acting = |tag: String| send(admin.request(Method::POST, &revoke).header("If-Match", tag));
    acting("\"v7\"".to_owned()).await.expect_problem(412, "version_stale");
    acting("seven".to_owned()).await.expect_problem(400, "header_invalid");
    let revoked = acting(made.etag()).await.expect(200);
    assert!(revoked.etag().starts_with("\"v2-"));
    // The version goes before the state.
    acting(made.etag()).await.expect_problem(412, "version_stale");
    app.finish().await;
}

// Repeats and rehearsals.

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_under_the_same_key_gets_the_stored_answer_byte_for_byte() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = admin.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    for key in ["kunci-1", "\"kunci-1\""] {
        let again = admin.post_as(ORGANISATIONS, key, agency("D901")).await.expect(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.bytes, first.bytes);
        for name in ["etag", "location", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
    }
    assert!(!first.header("location").is_empty() && !first.etag().is_empty());
    assert_eq!(app.count("SELECT count(*) FROM organisations WHERE code = 'D901'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM events WHERE kind = 'organisation.created'").await, 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect(201);
    admin
        .post_as(ORGANISATIONS, "kunci-1", agency("D902"))
        .await
        .expect_problem(422, "idempotency_key_reused");
    assert_eq!(app.count("SELECT count(*) FROM organisations WHERE code = 'D902'").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_caller_and_one_path() {
    let app = TestApp::start().await;
    let (first, second) = (app.admin().await, app.admin().await);
    let made = first.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect(201);
    second.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect_problem(409, "code_taken");
    let other = second.post_as(ORGANISATIONS, "kunci-1", agency("D902")).await.expect(201);
    let unit = json!({ "code": "1.01", "name": "Dinas Contoh", "short_name": "DINCONTOH" });
    let mut units = Vec::new();
    for organisation in [made.id(), other.id()] {
        let path = format!("{ORGANISATIONS}/{organisation}/units");
        units.push(first.post_as(&path, "kunci-1", unit.clone()).await.expect(201).id());
    }
    assert_ne!(units[0], units[1]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_remembered_under_its_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post_as(ORGANISATIONS, "kunci-1", json!({})).await.expect_problem(422, "invalid_input");
    let wrong_zone = json!({ "name": "Kabupaten", "code": "D901", "time_zone": "Europe/Paris" });
    admin.post_as(ORGANISATIONS, "kunci-1", wrong_zone).await.expect_problem(422, "invalid_input");
    admin.post_as(ORGANISATIONS, "kunci-2", agency("D900")).await.expect(201);
    admin.post_as(ORGANISATIONS, "kunci-1", agency("D900")).await.expect_problem(409, "code_taken");
    let made = admin.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect(201);
    assert_eq!(made.header("idempotent-replayed"), "");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_under_one_key_have_one_effect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answers = futures_util::future::join_all(
        (0..8).map(|_| admin.post_as(ORGANISATIONS, "kunci-1", agency("D901"))),
    )
    .await;
    let (done, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!(!done.is_empty());
    assert!(done.iter().all(|answer| answer.bytes == done[0].bytes));
    assert_eq!(done.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count(), 1);
    for answer in waiting {
        assert_eq!((answer.status, answer.code().as_str()), (409, "idempotency_in_progress"));
        assert!(!answer.header("retry-after").is_empty());
    }
    assert_eq!(app.count("SELECT count(*) FROM organisations WHERE code = 'D901'").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_only_while_access_lasts() {
    let app = TestApp::start().await;
    let (admin, other) = (app.admin().await, app.admin().await);
    admin.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await.expect(201);
    let platform = admin.organisation.unwrap();
    let end = format!("{ORGANISATIONS}/{platform}/memberships/{}/actions/end", admin.membership.unwrap());
    other.act(&end).await.expect(200);
    let again = admin.post_as(ORGANISATIONS, "kunci-1", agency("D901")).await;
    again.expect_problem(401, "invalid_token");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_visible_text_and_not_taken_where_secrets_are_answered() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for key in ["", "\"\"", "dua kata", "kunci\u{e9}", &"k".repeat(256)] {
        admin
            .post_as(ORGANISATIONS, key, agency("D901"))
            .await
            .expect_problem(400, "idempotency_key_invalid");
    }
    admin.post_as(ORGANISATIONS, &"k".repeat(255), agency("D901")).await.expect(201);
    let registration = json!({ "contact": "sri@example.id", "full_name": "Sri", "password": PASSWORD });
    let reset = json!({ "contact": "sri@example.id" });
    let log_in = json!({ "contact": "sri@example.id", "password": PASSWORD });
    for (path, body) in [(REGISTRATIONS, registration), (RESETS, reset), ("/api/v1/auth/sessions", log_in)] {
        let answer = app.anonymous().post_as(path, "kunci-1", body).await;
        answer.expect_problem(400, "idempotency_not_supported");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_answers_are_sealed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "name": "Kabupaten Penanda", "code": "D901" });
    admin.post_as(ORGANISATIONS, "kunci-penanda", body).await.expect(201);
    let rows = app.sql("SELECT encode(scope || request_mac || answer, 'hex') FROM idempotency_keys").await;
    let text = rows[0][0].clone().unwrap();
    assert_eq!(rows.len(), 1);
    for clear in ["Kabupaten Penanda", "kunci-penanda", "D901"] {
        assert!(!text.contains(&hex::encode(clear)), "{clear} rests in clear");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_writes_outside_of_log_ins_can_be_rehearsed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.get(&format!("{ORGANISATIONS}?dry_run=true")).await.expect_problem(400, "dry_run_not_supported");
    let path = format!("/api/v1/auth/sessions/{UNKNOWN}?dry_run=true");
    admin.delete(&path, "\"v1\"").await.expect_problem(400, "dry_run_not_supported");
    let body = json!({ "contact": "sri@example.id" });
    let answer = app.anonymous().post(&format!("{RESETS}?dry_run=true"), body).await;
    answer.expect_problem(400, "dry_run_not_supported");
    for value in ["", "yes", "1", "TRUE"] {
        let answer = admin.post(&format!("{ORGANISATIONS}?dry_run={value}"), agency("D901")).await;
        answer.expect_problem(400, "invalid_parameter").expect_fault("dry_run", "invalid_parameter");
    }
    let rehearsed = admin.post(&format!("{ORGANISATIONS}?dry_run=true"), agency("D901")).await.expect(201);
    assert_eq!(rehearsed.text("/code"), "D901");
    assert_eq!(app.count("SELECT count(*) FROM organisations WHERE code = 'D901'").await, 0);
    admin.post(&format!("{ORGANISATIONS}?dry_run=false"), agency("D901")).await.expect(201);
    app.finish().await;
}

// Lists.

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page_to_its_end() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(app.agency().await.0.to_string());
    }
    let (mut path, mut seen, mut sizes) =
        (format!("{ORGANISATIONS}?kind=agency&limit=2"), Vec::new(), Vec::new());
    loop {
        let page = admin.get(&path).await.expect(200);
        sizes.push(page.items().len());
        seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        if page.body["next_cursor"].is_null() {
            assert_eq!(page.header("link"), "");
            break;
        }
        let link = page.header("link");
        let (address, relation) = link.split_once(">; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        assert!(address.contains(&page.text("/next_cursor")));
        path = address.trim_start_matches('<').to_owned();
    }
    assert_eq!(sizes, [2, 2, 1]);
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_be_longer_than_the_one_before() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..4 {
        app.agency().await;
    }
    let first = admin.get(&format!("{ORGANISATIONS}?kind=agency&limit=1")).await.expect(200);
    let cursor = first.text("/next_cursor");
    let rest = admin.get(&format!("{ORGANISATIONS}?limit=100&cursor={cursor}&kind=agency")).await.expect(200);
    assert_eq!(rest.items().len(), 3);
    assert!(rest.items().iter().all(|item| item["id"] != first.body["items"][0]["id"]));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_fits_only_the_list_it_came_from() {
    let app = TestApp::start().await;
    let (admin, colleague) = (app.admin().await, app.admin().await);
    for _ in 0..3 {
        app.agency().await;
    }
    let first = admin.get(&format!("{ORGANISATIONS}?kind=agency&limit=1")).await.expect(200);
    let cursor = first.text("/next_cursor");
    let mut tampered = cursor.clone().into_bytes();
    tampered[3] = if tampered[3] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for (caller, query) in [
        (&admin, format!("{ORGANISATIONS}?kind=agency&cursor={tampered}")),
        (&admin, format!("{ORGANISATIONS}?kind=agency&cursor={cursor}A")),
        (&admin, format!("{ORGANISATIONS}?kind=agency&cursor=")),
        (&admin, format!("{ORGANISATIONS}?kind=agency&cursor=AAAA")),
        (&admin, format!("{ORGANISATIONS}?cursor={cursor}")),
        (&admin, format!("{ORGANISATIONS}?kind=platform&cursor={cursor}")),
        (&admin, format!("/api/v1/invitations?cursor={cursor}")),
        (&admin, format!("/api/v1/auth/sessions?cursor={cursor}")),
        (&colleague, format!("{ORGANISATIONS}?kind=agency&cursor={cursor}")),
    ] {
        let answer = caller.get(&query).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "cursor_invalid"), "{query}");
    }
    admin.get(&format!("{ORGANISATIONS}?kind=agency&cursor={cursor}")).await.expect(200);
    app.finish().await;
}

// Tracing, headers, limits.

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_id_is_carried_through() {
    let app = TestApp::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let calling =
        |value: String| send(app.anonymous().request(Method::GET, "/api/v1/me").header("traceparent", value));
    let answer = calling(format!("00-{trace}-00f067aa0ba902b7-01")).await.expect(401);
    assert_eq!(answer.text("/trace_id"), trace);
    assert_eq!(answer.header("x-request-id"), trace);
    for bad in [
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F-00f067aa0ba902b7-01",
    ] {
        let answer = calling(bad.to_owned()).await.expect(401);
        let id = answer.text("/trace_id");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && !bad.contains(&id));
    }
    let admin = app.admin().await;
    let request = admin.request(Method::POST, ORGANISATIONS).json(&agency("D901"));
    send(request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))).await.expect(201);
    let rows = format!(
        "SELECT count(*) FROM audit WHERE request_id = '{trace}' AND action = 'organisation.created'"
    );
    assert_eq!(app.count(&rows).await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_an_id_and_the_security_headers() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let long = format!("/?{}", "a".repeat(5_000));
    let answers = [
        person.get("/").await.expect(200),
        person.get("/api/v1/me").await.expect(200),
        person.get("/api/v1/nowhere").await.expect(404),
        person.get("/docs/").await.expect(200),
        person.get(&long).await.expect(414),
        app.anonymous().get("/api/v1/me").await.expect(401),
        send(person.request(Method::DELETE, "/api/v1/me")).await.expect(405),
        person.post(RESETS, json!({ "contact": "budi@example.id" })).await.expect(202),
        person.delete(&format!("/api/v1/auth/sessions/{UNKNOWN}"), "\"v1\"").await.expect(404),
    ];
    let mut ids: Vec<_> = answers.iter().map(|answer| answer.header("x-request-id")).collect();
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(answer.header("server"), "");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), answers.len());
    assert!(ids.iter().all(|id| id.len() == 32));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_too_often_is_told_to_wait() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.http.requests_per_minute = 3).await;
    for remaining in ["2", "1", "0"] {
        let answer = app.anonymous().get(PUBLIC).await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=3;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"address\";r={remaining};t=")));
    }
    let refused = app.anonymous().get(PUBLIC).await.expect_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    app.anonymous().get("/health/live").await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_have_a_limit_of_their_own() {
    let app =
        TestApp::start_in(Realm::Sandbox, |settings| settings.http.log_in_attempts_per_minute = 2).await;
    // Nobody stands between: what the caller says of itself counts for nothing.
    for address in ["203.0.113.1", "203.0.113.2"] {
        let answer = reset_from(&app, address).await.expect(202);
        assert_eq!(answer.header("ratelimit-policy"), "\"log_in\";q=2;w=60");
    }
    reset_from(&app, "203.0.113.3").await.expect_problem(429, "rate_limited");
    app.anonymous().get(PUBLIC).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_the_caller_in_front_of_it_counts() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| {
        settings.http.log_in_attempts_per_minute = 2;
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    })
    .await;
    reset_from(&app, "203.0.113.1").await.expect(202);
    // A proxy of ours further out, and an address that the caller made up, change nothing.
    reset_from(&app, "203.0.113.1, 10.1.2.3").await.expect(202);
    reset_from(&app, "198.51.100.7, 203.0.113.1").await.expect_problem(429, "rate_limited");
    reset_from(&app, "203.0.113.2").await.expect(202);
    app.finish().await;
}

// Beside the contract.

#[tokio::test(flavor = "multi_thread")]
async fn the_process_tells_whether_it_lives_and_is_ready() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    assert_eq!(guest.get("/health/live").await.expect(200).body, json!({ "status": "ok" }));
    assert_eq!(guest.get("/health/ready").await.expect(200).body, json!({ "status": "ready" }));
    let index = guest.get("/").await.expect(200);
    assert_eq!(index.text("/name"), "Lokapasar");
    for pointer in ["/documentation", "/problems", "/contract/0", "/contract/1"] {
        let place = index.text(pointer);
        assert!(place.starts_with('/'), "{pointer}");
        guest.get(&place).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_process_asks_callers_to_come_back() {
    let (bench, name) = (bench().await, "there_is_no_such_database");
    let app = TestApp::start_on(bench.url(name), name.to_owned(), Realm::Sandbox, |settings| {
        settings.database.wait_seconds = 1;
    })
    .await;
    for path in [PUBLIC, "/health/ready"] {
        let answer = app.anonymous().get(path).await.expect_problem(503, "unavailable");
        assert!(!answer.header("retry-after").is_empty());
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(name));
    }
    app.anonymous().get("/health/live").await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_this_machine_or_for_holders_of_the_token() {
    let open = TestApp::start().await;
    open.anonymous().get(PUBLIC).await.expect(200);
    let metrics = open.anonymous().get("/metrics").await.expect(200);
    let text = String::from_utf8(metrics.bytes).unwrap();
    assert!(text.contains("http_requests_total") && text.contains(PUBLIC));
    open.finish().await;
    let closed = TestApp::start_in(Realm::Sandbox, |settings| {
        settings.http.metrics_token = "token-untuk-metrik".to_owned().into();
    })
    .await;
    let mut reader = closed.anonymous();
    reader.get("/metrics").await.expect_problem(401, "authentication_required");
    reader.token = Some("token-untuk-metri".to_owned());
    reader.get("/metrics").await.expect_problem(401, "authentication_required");
    reader.token = Some("token-untuk-metrik".to_owned());
    reader.get("/metrics").await.expect(200);
    closed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_comes_from_within_and_loads_nothing_foreign() {
    let app = TestApp::start().await;
    let page = app.anonymous().get("/docs/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    assert!(!policy.contains("http:") && !policy.contains("https:") && !policy.contains('*'));
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(html.contains("swagger-ui") && !html.contains("src=\"http") && !html.contains("href=\"http"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_served_in_both_notations() {
    let app = TestApp::start().await;
    let contract = app.anonymous().get("/openapi.json").await.expect(200);
    assert!(contract.text("/openapi").starts_with("3.1."));
    let paths = contract.body["paths"].as_object().unwrap();
    let mut operations = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            assert!(
                operation["operationId"].is_string() && operation["summary"].is_string(),
                "{method} {path}"
            );
            assert!(operation["security"].is_array(), "{method} {path}");
        }
    }
    assert!(operations >= 25);
    let yaml = app.anonymous().get("/openapi.yaml").await.expect(200);
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let text = String::from_utf8(yaml.bytes).unwrap();
    assert!(text.starts_with("openapi: 3.1."));
    for path in paths.keys() {
        assert!(text.contains(&format!("\n  {path}:")), "{path} is missing in YAML");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_a_page_in_both_languages() {
    let app = TestApp::start().await;
    let list = app.anonymous().get("/problems").await.expect(200);
    let codes = list.body.as_array().unwrap();
    assert!(codes.len() > 80);
    for code in codes {
        let page = app.anonymous().get(code["page"].as_str().unwrap()).await.expect(200);
        assert_eq!(page.body["code"], code["code"]);
        assert_eq!(page.body["status"], code["status"]);
        for part in ["cause", "remedy"] {
            let (id, en) = (page.text(&format!("/id/{part}")), page.text(&format!("/en/{part}")));
            assert!(!id.is_empty() && !en.is_empty() && id != en, "{part} of {}", code["code"]);
        }
        assert_eq!(page.body["example"]["code"], code["code"]);
    }
    for known in ["not_found", "invalid_input", "rate_limited", "pair_commitment_treasurer"] {
        assert!(codes.iter().any(|code| code["code"] == known));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_well_known_addresses_answer() {
    let app = TestApp::start().await;
    let person = app.person().await;
    let guest = app.anonymous();
    let keys = guest.get("/.well-known/jwks.json").await.expect(200);
    let key = &keys.body["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key.get("d").is_none());
    let header = jsonwebtoken::decode_header(person.token.as_ref().unwrap()).unwrap();
    assert_eq!((header.kid.as_deref(), header.typ.as_deref()), (key["kid"].as_str(), Some("at+jwt")));
    let catalog = guest.get("/.well-known/api-catalog").await.expect(200);
    assert_eq!(catalog.header("content-type"), "application/linkset+json");
    for relation in ["service-desc", "service-doc", "status"] {
        let address = catalog.text(&format!("/linkset/0/{relation}/0/href"));
        guest.get(address.strip_prefix(&app.base).unwrap()).await.expect(200);
    }
    let security = guest.get("/.well-known/security.txt").await.expect(200);
    assert!(security.header("content-type").starts_with("text/plain"));
    let text = String::from_utf8(security.bytes).unwrap();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    assert!(field("Contact: ").starts_with("mailto:"));
    let expires: chrono::DateTime<chrono::Utc> = field("Expires: ").parse().unwrap();
    assert!(expires > app.app.clock.now());
    assert_eq!(field("Preferred-Languages: "), "id, en");
    app.finish().await;
}

// What the tests above share.

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("the answer arrives").to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, bytes, body }
}

/// Sends bytes as they are and reads until a word arrives or the server hangs up.
async fn raw(app: &TestApp, text: &[u8], until: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(text).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&answer).contains(until) {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => answer.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

async fn preflight(app: &TestApp, origin: &str, method: &str, headers: &str) -> Answer {
    let request = app.anonymous().request(Method::OPTIONS, ORGANISATIONS).header("Origin", origin);
    let request = request.header("Access-Control-Request-Method", method);
    send(request.header("Access-Control-Request-Headers", headers)).await
}

async fn reset_from(app: &TestApp, address: &str) -> Answer {
    let request = app.anonymous().request(Method::POST, RESETS).header("X-Forwarded-For", address);
    send(request.json(&json!({ "contact": "budi@example.id" }))).await
}

fn agency(code: &str) -> Value {
    json!({ "name": "Pemerintah Kabupaten Contoh", "code": code, "time_zone": "Asia/Jakarta" })
}

fn varies_on(answer: &Answer, name: &str) -> bool {
    let values = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(name))
}

fn owned((place, code): (&str, &str)) -> (String, String) {
    (place.to_owned(), code.to_owned())
}

// Red for now.

#[tokio::test(flavor = "multi_thread")]
async fn options_tells_which_methods_are_served() {
    let app = TestApp::start().await;
    for path in [ORGANISATIONS, "/health/live"] {
        let answer = send(app.anonymous().request(Method::OPTIONS, path)).await;
        assert!((200..300).contains(&answer.status), "{} {path}", answer.status);
        assert!(answer.header("allow").contains("GET"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_states_no_length_but_that_of_get() {
    let app = TestApp::start().await;
    let request =
        |method: &str| format!("{method} /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let length = |text: &str| {
        let found = text
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        found.map(|found| found.trim().to_owned())
    };
    let get = length(&raw(&app, request("GET").as_bytes(), "never").await);
    let head = length(&raw(&app, request("HEAD").as_bytes(), "never").await);
    assert!(head.is_none() || head == get, "{head:?} is not {get:?}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncompressed_answer_tells_caches_that_it_varies_by_coding() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get(PUBLIC).await.expect(200);
    assert!(varies_on(&answer, "accept-encoding"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_calling_too_often_states_the_limit() {
    let app = TestApp::start_in(Realm::Sandbox, |settings| settings.http.requests_per_minute = 1).await;
    app.anonymous().get(PUBLIC).await.expect(200);
    let refused = app.anonymous().get(PUBLIC).await.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"address\";q=1;w=60");
    assert!(refused.header("ratelimit").starts_with("\"address\";r=0;t="));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_in_disguise_is_no_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for query in
        ["dry%5Frun=true", "dry_run=false&dry_run=true", "dry_run=true&dry_run=false", "dry%5frun=maybe"]
    {
        let answer = admin.post(&format!("{ORGANISATIONS}?{query}"), agency("D901")).await;
        let stored = app.count("SELECT count(*) FROM organisations WHERE code = 'D901'").await;
        assert_eq!(stored, 0, "{query}: {}", answer.status);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_fits_only_the_parent_it_came_from() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut agencies = Vec::new();
    for _ in 0..2 {
        let (id, _) = app.agency().await;
        let path = format!("{ORGANISATIONS}/{id}/units");
        admin.post(&path, json!({ "code": "9.01", "name": "Dua", "short_name": "DUA" })).await.expect(201);
        agencies.push(path);
    }
    let cursor = admin.get(&format!("{}?limit=1", agencies[0])).await.expect(200).text("/next_cursor");
    admin.get(&format!("{}?cursor={cursor}", agencies[0])).await.expect(200);
    let elsewhere = admin.get(&format!("{}?cursor={cursor}", agencies[1])).await;
    elsewhere.expect_problem(400, "cursor_invalid");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_fits_only_the_person_it_was_given_to() {
    let app = TestApp::start().await;
    let (user, contact) = app.account().await;
    app.log_in(user, &contact, None).await;
    let person = app.log_in(user, &contact, None).await;
    let cursor = person.get("/api/v1/auth/sessions?limit=1").await.expect(200).text("/next_cursor");
    let other = app.person().await;
    let answer = other.get(&format!("/api/v1/auth/sessions?cursor={cursor}")).await;
    answer.expect_problem(400, "cursor_invalid");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_answer_tells_caches_that_it_varies_by_coding() {
    let app = TestApp::start().await;
    let packed = send(app.anonymous().request(Method::GET, PUBLIC).header("Accept-Encoding", "gzip"))
        .await
        .expect(200);
    assert!(varies_on(&packed, "accept-encoding"), "{:?}", packed.headers);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_listed_for_a_day_and_an_agency() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let guest = app.anonymous();
    let all = guest.get("/api/v1/policies").await.expect(200);
    assert!(
        all.items().iter().any(|policy| policy["key"] == "invitation.valid_days" && policy["value"] == "7")
    );
    guest.get(&format!("/api/v1/policies?at=2026-11-01&agency_id={agency}")).await.expect(200);
    let answer = guest.get("/api/v1/policies?at=2026-13-01").await.expect_problem(400, "invalid_parameter");
    answer.expect_fault("at", "invalid_format");
    let answer = guest.get("/api/v1/policies?agency_id=x").await.expect_problem(400, "invalid_parameter");
    answer.expect_fault("agency_id", "invalid_format");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_refers_to_nothing_that_is_missing() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let app = TestApp::start().await;
    let contract = app.anonymous().get("/openapi.json").await.expect(200);
    let mut found = Vec::new();
    references(&contract.body, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(contract.body.pointer(reference.trim_start_matches('#')).is_some(), "{reference} is missing");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_tells_what_each_list_holds() {
    let app = TestApp::start().await;
    let contract = app.anonymous().get("/openapi.json").await.expect(200);
    for (path, field) in [
        ("/api/v1/organisations", "time_zone"),
        ("/api/v1/organisations/{id}/units", "short_name"),
        ("/api/v1/invitations", "expires_at"),
        ("/api/v1/auth/sessions", "device"),
        ("/api/v1/policies", "legal_basis"),
    ] {
        let resolved = |value: &Value| match value["$ref"].as_str() {
            Some(reference) => {
                contract.body.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default()
            }
            None => value.clone(),
        };
        let answer =
            &contract.body["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let item = resolved(&resolved(answer)["properties"]["items"]["items"]);
        assert!(item["properties"].get(field).is_some(), "{path} is said to hold {item}");
    }
    app.finish().await;
}
