//! Accounts: signing up, logging in, acting for somebody.
use crate::support::{PASSWORD, TestApp};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_confirms_and_logs_in() {
    let app = TestApp::start().await;
    let guest = app.anonymous();
    let registration = json!({ "contact": "Sri@Example.id", "full_name": "Sri", "password": PASSWORD });
    guest.post("/api/v1/auth/registrations", registration).await.expect(202);
    let credentials = json!({ "contact": "sri@example.id", "password": PASSWORD });
    guest.post("/api/v1/auth/sessions", credentials.clone()).await.expect_problem(401, "log_in_refused");
    let token = app.token_sent_to("sri@example.id").await;
    guest.post("/api/v1/auth/contact-confirmations", json!({ "token": token })).await.expect(204);
    guest
        .post("/api/v1/auth/contact-confirmations", json!({ "token": token }))
        .await
        .expect_problem(422, "invalid_input")
        .expect_fault("#/token", "link_invalid");
    let session = guest.post("/api/v1/auth/sessions", credentials).await.expect(200);
    let mut sri = app.anonymous();
    sri.token = Some(session.text("/access_token"));
    let me = sri.get("/api/v1/me").await.expect(200);
    assert_eq!(me.text("/contacts/0/value"), "sri@example.id");
    assert!(me.etag().starts_with("\"v1-"));
    app.finish().await;
}
