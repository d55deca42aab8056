//! Somebody who calls: with or without a token, over a real socket.
use lokapasar::kernel::{MembershipId, OrganisationId, UserId};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Default)]
pub struct Caller {
    base: String,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
    pub user: Option<UserId>,
    pub contact: String,
    pub membership: Option<MembershipId>,
    pub organisation: Option<OrganisationId>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
}

impl Caller {
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    /// A request to fill in by hand.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = client().request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts JSON, under a fresh idempotency key where keys are honoured.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path).json(&body);
        send(with_key(request, path)).await
    }

    /// Posts without a body, under a fresh idempotency key.
    pub async fn act(&self, path: &str) -> Answer {
        send(with_key(self.request(Method::POST, path), path)).await
    }

    /// Posts JSON under a chosen idempotency key.
    pub async fn post_as(&self, path: &str, key: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).header("Idempotency-Key", key).json(&body)).await
    }

    /// Patches what was last loaded with this ETag.
    pub async fn patch(&self, path: &str, etag: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).header("If-Match", etag).json(&body)).await
    }

    /// Loads a thing and patches it.
    pub async fn change(&self, path: &str, body: Value) -> Answer {
        let etag = self.get(path).await.expect(200).etag();
        self.patch(path, &etag, body).await
    }

    pub async fn put(&self, path: &str, etag: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).header("If-Match", etag).json(&body)).await
    }

    pub async fn delete(&self, path: &str, etag: &str) -> Answer {
        send(self.request(Method::DELETE, path).header("If-Match", etag)).await
    }

    /// Uploads a file with fields beside it.
    pub async fn upload(&self, path: &str, file: Vec<u8>, fields: &[(&str, &str)]) -> Answer {
        let part = reqwest::multipart::Part::bytes(file).file_name("anything.bin");
        let form = fields
            .iter()
            .fold(reqwest::multipart::Form::new(), |form, (name, value)| {
                form.text((*name).to_owned(), (*value).to_owned())
            })
            .part("file", part);
        send(self.request(Method::POST, path).multipart(form)).await
    }
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The answer, if it is a problem with this status and code.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        self
    }

    /// The answer, if one of its faults is this.
    #[track_caller]
    pub fn expect_fault(self, pointer: &str, code: &str) -> Self {
        let found = self.faults().iter().any(|(place, found)| place == pointer && found == code);
        assert!(found, "no {code} at {pointer} in {}", String::from_utf8_lossy(&self.bytes));
        self
    }

    pub fn code(&self) -> String {
        self.text("/code")
    }

    pub fn faults(&self) -> Vec<(String, String)> {
        let faults = self.body["errors"].as_array().cloned().unwrap_or_default();
        let place = |fault: &Value| {
            ["pointer", "parameter", "header"]
                .iter()
                .find_map(|kind| fault[*kind].as_str().map(str::to_owned))
        };
        faults
            .iter()
            .map(|fault| {
                (place(fault).unwrap_or_default(), fault["code"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// The text at a JSON pointer; empty when there is none.
    pub fn text(&self, pointer: &str) -> String {
        match self.body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    pub fn id(&self) -> String {
        self.text("/id")
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    pub fn etag(&self) -> String {
        self.header("etag")
    }

    pub fn items(&self) -> Vec<Value> {
        self.body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Whether a verb is among the actions that the caller may do now.
    pub fn may(&self, verb: &str) -> bool {
        let actions = self.body["available_actions"].as_array().cloned().unwrap_or_default();
        actions.iter().any(|action| action["verb"] == verb && action["allowed"] == true)
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("the answer arrives").to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, bytes, body }
}

fn with_key(request: RequestBuilder, path: &str) -> RequestBuilder {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if path.contains("/auth/") || path.contains("dry_run=true") {
        return request;
    }
    request.header("Idempotency-Key", format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed)))
}

/// A client for each test's runtime would not share connections anyway; one without a pool is safe
/// across runtimes.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client can be made")
    })
}
