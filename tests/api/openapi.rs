//! The contract: committed as it is generated, complete, and true to what the server routes.
use crate::support::TestApp;
use lokapasar::access;
use lokapasar::app;
use lokapasar::kernel::Action;
use lokapasar::platform::Permission;
use reqwest::Method;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Every action by the slice that registers it: the most downstream one that it writes.
const SLICES: &[(&str, &[Action])] = {
    use Action::*;
    &[
        ("policies", &[ListPolicies, GetPolicy, SetPolicy, EndPolicy, ListForbiddenPairs]),
        (
            "accounts",
            &[
                RegisterUser,
                ConfirmContact,
                LogIn,
                RefreshSession,
                ListSessions,
                EndSession,
                RequestPasswordReset,
                CompletePasswordReset,
                GetMe,
                ListMyMemberships,
                CreateOrganisation,
                ListOrganisations,
                GetOrganisation,
                CreateUnit,
                ListUnits,
                ListMemberships,
                EndMembership,
                InviteMember,
                ListInvitations,
                AcceptInvitation,
                RevokeInvitation,
                AppointDeputy,
                ListDeputies,
                EndDeputy,
                GetSandboxClock,
                MoveSandboxClock,
                ListSandboxMails,
            ],
        ),
        ("taxes", &[PreviewTax]),
        (
            "quotes",
            &[
                ListInbox,
                ListNegotiations,
                ProposeRound,
                AcceptRound,
                EndNegotiation,
                OpenRequest,
                InviteVendors,
                AskQuestion,
                ListQuestions,
                AnswerQuestion,
                IssueAddendum,
                FailRequest,
                CreateQuote,
                ListQuotes,
                GetQuote,
                UpdateQuote,
                SubmitQuote,
                ReplaceQuote,
                ConfirmQuote,
                WithdrawQuote,
                OpenQuotes,
                GetOpening,
                ScoreQuotes,
                CompleteEvaluation,
                GetEvaluation,
                DisqualifyQuote,
                VerifyQuote,
                AskCure,
                CureQuote,
                FileObjection,
                ListObjections,
                DecideObjection,
                ListPublicQuotations,
                GetPublicQuotation,
            ],
        ),
        (
            "vendors",
            &[
                CreateVendor,
                ListVendors,
                GetVendor,
                UpdateVendor,
                PrecheckVendor,
                SubmitVendor,
                ListVerificationQueue,
                ClaimVendor,
                RequestVendorRevision,
                VerifyVendor,
                RejectVendor,
                SuspendVendor,
                ReinstateVendor,
                UploadVendorDocument,
                ListVendorDocuments,
                DownloadVendorDocument,
                RemoveVendorDocument,
                ListPublicVendors,
                GetPublicVendor,
            ],
        ),
        (
            "catalog",
            &[
                ListCategories,
                CreateProduct,
                ListProducts,
                GetProduct,
                UpdateProduct,
                SetPriceTiers,
                ListPriceHistory,
                AdjustStock,
                UploadProductPhoto,
                RemoveProductPhoto,
                SubmitProduct,
                ApproveProduct,
                RequestProductRevision,
                RejectProduct,
                PublishProduct,
                UnpublishProduct,
                FreezeProduct,
                UnfreezeProduct,
                SearchProducts,
                GetPublicProduct,
                GetProductPhoto,
            ],
        ),
        ("packages", &[ListPackages, GetPackage, ListBudgetLines]),
        (
            "requests",
            &[
                CreateRequest,
                ListRequests,
                GetRequest,
                UpdateRequest,
                CheckPolicies,
                SetOwnerEstimate,
                CompareAfterwards,
                UploadProof,
                ListProofs,
                DownloadProof,
                RemoveProof,
                ListRecordedPurchases,
                WithdrawRequest,
                ReturnRequest,
                RejectRequest,
                CancelRequest,
                RenewRequest,
                ReassignRequest,
            ],
        ),
        (
            "orders",
            &[
                SubmitRequest,
                ApproveRequest,
                AwardRequest,
                NextRank,
                ReplaceVendor,
                ListOrders,
                GetOrder,
                AcceptOrder,
                DeclineOrder,
                CancelOrder,
                ProposeOrderChange,
                ListOrderChanges,
                AcceptOrderChange,
                RejectOrderChange,
            ],
        ),
    ]
};

struct Operation {
    path: String,
    method: String,
    body: Value,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn id(&self) -> &str {
        self.body["operationId"].as_str().unwrap_or_default()
    }

    fn placeholders(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    fn parameters(&self, place: &str) -> Vec<&Value> {
        self.body["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == place)
            .collect()
    }

    fn responses(&self) -> &Map<String, Value> {
        self.body["responses"].as_object().expect("responses")
    }

    fn is_public(&self) -> bool {
        self.body["security"] == serde_json::json!([{}])
    }
}

fn document() -> Value {
    serde_json::from_str(&app::contract().json()).expect("the contract is JSON")
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, body) in item.as_object().expect("a path item") {
            assert!(METHODS.contains(&method.to_uppercase().as_str()), "{path} says {method}");
            found.push(Operation { path: path.clone(), method: method.to_uppercase(), body: body.clone() });
        }
    }
    assert!(found.len() >= 26, "only {} operations", found.len());
    found
}

#[test]
fn the_committed_contract_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = app::contract().yaml();
    assert!(generated.starts_with("openapi: 3.1"), "the contract is YAML");
    let differs = committed.lines().zip(generated.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(generated.lines().count())) + 1;
    assert!(
        committed == generated,
        "openapi.yaml differs from line {line} on: refresh it with `cargo run -- openapi > openapi.yaml`"
    );
}

#[test]
fn every_operation_is_a_named_action_with_summary_tag_and_security() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for operation in operations(&document()) {
        let mut fault = |text: &str| faults.push(format!("{}: {text}", operation.name()));
        if !seen.insert(operation.id().to_owned()) {
            fault("its id occurs twice");
        }
        let Some(action) = Action::ALL.iter().find(|action| action.operation_id() == operation.id()) else {
            fault("its id is no action's");
            continue;
        };
        let summary = operation.body["summary"].as_str().unwrap_or_default();
        if summary.len() < 5 || !summary.starts_with(char::is_uppercase) || summary.ends_with('.') {
            fault("its summary is no sentence without full stop");
        }
        let slice =
            SLICES.iter().find(|(_, actions)| actions.contains(action)).map_or("", |(slice, _)| slice);
        if operation.body["tags"] == serde_json::json!([])
            || operation.body["tags"] != serde_json::json!([slice])
        {
            fault(&format!("its tags are {}, not the slice {slice}", operation.body["tags"]));
        }
        let public = access::permits(*action, None) == Permission::Public;
        let expected = if public { serde_json::json!([{}]) } else { serde_json::json!([{ "bearer": [] }]) };
        if operation.body["security"] != expected {
            fault(&format!("its security is {}, not {expected}", operation.body["security"]));
        }
        if public != (operation.path.starts_with("/public/v1/") || PUBLIC_ELSEWHERE.contains(&operation.id()))
        {
            fault("it is public outside /public without being listed here, or closed inside");
        }
        if !operation.path.starts_with("/public/v1/") && !operation.path.starts_with("/api/v1/") {
            fault("its path lies outside both bases");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Open to callers without an account although they lie under `/api/v1`.
const PUBLIC_ELSEWHERE: &[&str] = &[
    "registerUser",
    "confirmContact",
    "logIn",
    "refreshSession",
    "requestPasswordReset",
    "completePasswordReset",
    "listPolicies",
    "getPolicy",
    "listForbiddenPairs",
    "previewTax",
    "listCategories",
];

#[test]
fn every_operation_declares_its_parameters() {
    let mut faults = Vec::new();
    for operation in operations(&document()) {
        let mut fault = |text: String| faults.push(format!("{}: {text}", operation.name()));
        let declared: Vec<&str> =
            operation.parameters("path").iter().filter_map(|parameter| parameter["name"].as_str()).collect();
        if declared != operation.placeholders() {
            fault(format!("path parameters {declared:?}, placeholders {:?}", operation.placeholders()));
        }
        for parameter in operation.body["parameters"].as_array().into_iter().flatten() {
            let place = parameter["in"].as_str().unwrap_or_default();
            if !["path", "query", "header"].contains(&place) || parameter["schema"].is_null() {
                fault(format!("an incomplete parameter {parameter}"));
            }
            if place == "path" && (parameter["required"] != true || parameter["schema"]["format"] != "uuid") {
                fault(format!("an optional or untyped path parameter {parameter}"));
            }
        }
        let names: Vec<_> = operation.body["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| (p["in"].to_string(), p["name"].to_string()))
            .collect();
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            fault("a parameter stands there twice".to_owned());
        }
        let header = |name: &str| {
            operation
                .parameters("header")
                .into_iter()
                .find(|parameter| parameter["name"] == name)
                .map(|p| p["required"] == true)
        };
        let action = Action::ALL
            .iter()
            .find(|action| action.operation_id() == operation.id())
            .expect("a named action");
        let key = match operation.method.as_str() {
            "POST" if !action.refuses_key() => Some(action.requires_key()),
            _ => None,
        };
        if header("Idempotency-Key") != key {
            fault(format!("Idempotency-Key is {:?}, expected {key:?} (required)", header("Idempotency-Key")));
        }
        let version = match operation.method.as_str() {
            "PUT" | "PATCH" | "DELETE" => Some(true),
            "POST" if operation.path.contains("}/actions/") => Some(false),
            _ => None,
        };
        if header("If-Match") != version {
            fault(format!("If-Match is {:?}, expected {version:?} (required)", header("If-Match")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_operation_states_a_success_and_its_problems() {
    let mut faults = Vec::new();
    for operation in operations(&document()) {
        let mut fault = |text: String| faults.push(format!("{}: {text}", operation.name()));
        let responses = operation.responses();
        if responses.keys().filter(|status| status.starts_with('2')).count() != 1 {
            fault("it states not exactly one success".to_owned());
        }
        let by_version = ["PUT", "PATCH", "DELETE"].contains(&operation.method.as_str());
        let acts = operation.method != "GET";
        let has_body = !operation.body["requestBody"].is_null();
        let has_id = !operation.placeholders().is_empty();
        let closed = !operation.is_public();
        for (status, needed) in [
            ("400", true),
            ("401", closed),
            ("403", closed),
            ("404", has_id),
            ("406", true),
            ("409", acts),
            ("412", by_version),
            ("413", has_body),
            ("415", has_body),
            ("422", has_body),
            ("428", by_version),
            ("429", true),
            ("503", true),
        ] {
            if needed && !responses.contains_key(status) {
                fault(format!("{status} is missing"));
            }
        }
        for (status, response) in responses {
            if response["description"].as_str().unwrap_or_default().is_empty() {
                fault(format!("{status} has no description"));
            }
            if status.starts_with(['4', '5'])
                && response["content"]["application/problem+json"]["schema"]["$ref"]
                    != "#/components/schemas/Problem"
            {
                fault(format!("{status} is no problem"));
            }
            if status == "200" && response["content"].as_object().is_none_or(Map::is_empty) {
                fault("200 has no content".to_owned());
            }
            if status == "204" && !response["content"].is_null() {
                fault("204 has content".to_owned());
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_resolves() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 10, "{found:?}");
    let dangling: Vec<_> = found
        .iter()
        .filter(|name| document.pointer(name.trim_start_matches('#')).is_none_or(|s| !s.is_object()))
        .collect();
    assert!(dangling.is_empty(), "{dangling:?}");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn every_action_of_a_slice_that_exists_is_registered_once() {
    let listed: Vec<Action> = SLICES.iter().flat_map(|(_, actions)| actions.iter().copied()).collect();
    let forgotten: Vec<_> = Action::ALL.iter().filter(|action| !listed.contains(action)).collect();
    assert!(
        forgotten.is_empty() && listed.len() == Action::ALL.len(),
        "of no slice here, or of two: {forgotten:?}"
    );
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for operation in operations(&document()) {
        *counts.entry(operation.id().to_owned()).or_default() += 1;
    }
    let mut faults = Vec::new();
    for (slice, actions) in SLICES {
        // A slice appears when its work begins; then all of its operations are there.
        let expected = usize::from(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(slice).is_dir());
        for action in *actions {
            let count = counts.remove(&action.operation_id()).unwrap_or_default();
            if count != expected {
                faults.push(format!("{slice}: {action:?} is registered {count} times, expected {expected}"));
            }
        }
    }
    faults.extend(counts.keys().map(|id| format!("{id} is no action")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Maps whose keys are the caller's own by design.
const MAPS: &[&str] =
    &["#/components/schemas/ProductFields/attributes", "#/components/schemas/AskedLineFields/attributes"];

/// What is open in a schema that an input must match: objects that take any further member, and
/// compositions that nothing can match.
fn open(schema: &Value, document: &Value, place: &str, seen: &mut BTreeSet<String>, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        if seen.insert(name.to_owned()) {
            let target = document.pointer(name.trim_start_matches('#')).expect("references resolve");
            open(target, document, name, seen, found);
        }
        return;
    }
    let is_object = schema["type"] == "object"
        || schema["type"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "object"))
        || schema["properties"].is_object();
    if is_object && schema["additionalProperties"] != false && !MAPS.contains(&place) {
        found.push(format!("{place} takes unknown members"));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts: Vec<&Value> = parts.iter().map(|part| resolved(part, document)).collect();
        for part in parts.iter().filter(|part| part["additionalProperties"] == false) {
            for other in &parts {
                let names = other["properties"].as_object().into_iter().flat_map(Map::keys);
                let locked: Vec<_> =
                    names.filter(|name| part["properties"].get(name.as_str()).is_none()).collect();
                if !locked.is_empty() {
                    found.push(format!(
                        "{place}: one part of allOf is closed to {locked:?} of another, so nothing matches"
                    ));
                }
            }
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        open(property, document, &format!("{place}/{name}"), seen, found);
    }
    for key in ["allOf", "oneOf", "anyOf", "prefixItems"] {
        for part in schema[key].as_array().into_iter().flatten() {
            open(part, document, &format!("{place}/{key}"), seen, found);
        }
    }
    if schema["items"].is_object() {
        open(&schema["items"], document, &format!("{place}/items"), seen, found);
    }
}

fn resolved<'d>(schema: &'d Value, document: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(name.trim_start_matches('#')).expect("references resolve"),
        None => schema,
    }
}

#[test]
fn the_schema_of_every_input_is_closed() {
    let document = document();
    let (mut found, mut bodies) = (Vec::new(), 0);
    for operation in operations(&document) {
        let body = &operation.body["requestBody"];
        if body.is_null() {
            continue;
        }
        bodies += 1;
        assert_eq!(body["required"], true, "{}", operation.name());
        for (media_type, content) in body["content"].as_object().expect("content") {
            open(
                &content["schema"],
                &document,
                &format!("{} as {media_type}", operation.name()),
                &mut BTreeSet::new(),
                &mut found,
            );
        }
    }
    assert!(bodies >= 10, "only {bodies} operations take a body");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_search_for_open_schemas_finds_them() {
    let document = serde_json::json!({ "closed": { "type": "object", "properties": { "a": { "type": "string" } }, "additionalProperties": false } });
    let faults = |schema: Value| {
        let mut found = Vec::new();
        open(&schema, &document, "x", &mut BTreeSet::new(), &mut found);
        found.len()
    };
    assert_eq!(faults(serde_json::json!({ "$ref": "#/closed" })), 0);
    assert_eq!(faults(serde_json::json!({ "type": "object" })), 1);
    assert_eq!(
        faults(
            serde_json::json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" } })
        ),
        1
    );
    let nested = serde_json::json!({ "type": "array", "items": { "oneOf": [{ "$ref": "#/closed" }, { "properties": { "b": {} } }] } });
    assert_eq!(faults(nested), 1);
    let locked = serde_json::json!({ "allOf": [{ "$ref": "#/closed" }, { "type": "object", "properties": { "file": {} }, "additionalProperties": false }] });
    assert_eq!(faults(locked), 2, "each part is closed to the other's members");
}

/// Status, code and the sorted methods of `Allow`.
async fn ask(app: &TestApp, method: &str, path: &str) -> (u16, String, Vec<String>) {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let Ok(response) = app.anonymous().request(method, path).send().await else {
        return (0, "the connection broke".to_owned(), Vec::new());
    };
    let status = response.status().as_u16();
    let allow = response.headers().get("allow").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut allow: Vec<String> =
        allow.split(", ").filter(|method| !method.is_empty()).map(ToOwned::to_owned).collect();
    allow.sort();
    let body: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned(), allow)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_answers_its_own_methods_and_refuses_the_others() {
    let app = TestApp::start().await;
    let mut served: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for operation in operations(&document()) {
        let methods = served.entry(operation.path.clone()).or_default();
        if operation.method == "GET" {
            methods.insert("HEAD".into(), operation.is_public());
        }
        methods.insert(operation.method.clone(), operation.is_public());
    }
    let mut faults = Vec::new();
    for (path, methods) in &served {
        let mut allowed: Vec<String> = methods.keys().cloned().chain(["OPTIONS".to_owned()]).collect();
        allowed.sort();
        let segments = path.split('/').map(|part| if part.starts_with('{') { ID } else { part });
        // Whoever gets past the router is stopped by the missing token, else by this parameter.
        let url = format!("{}?no_such_parameter=1", segments.collect::<Vec<_>>().join("/"));
        for method in METHODS {
            let expected = match methods.get(method) {
                Some(true) => (400, "unknown_parameter", Vec::new()),
                Some(false) => (401, "authentication_required", Vec::new()),
                None => (405, "method_not_allowed", allowed.clone()),
            };
            let code = if method == "HEAD" { "" } else { expected.1 };
            let expected = (expected.0, code.to_owned(), expected.2);
            let answer = ask(&app, method, &url).await;
            if answer != expected {
                faults.push(format!("{method} {path}: {answer:?}, expected {expected:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_beside_the_contract_are_read_only_and_unknown_ones_are_404() {
    let app = TestApp::start().await;
    let mut faults = Vec::new();
    for path in [
        "/",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/openapi.yaml",
        "/openapi.json",
        "/problems",
        "/problems/not_found",
        "/.well-known/jwks.json",
        "/.well-known/api-catalog",
        "/.well-known/security.txt",
    ] {
        for method in METHODS {
            let answer = ask(&app, method, path).await;
            let reads = ["GET", "HEAD"].contains(&method);
            let right = match answer {
                (200, _, _) => reads,
                (405, _, ref allow) => !reads && *allow == ["GET", "HEAD", "OPTIONS"],
                _ => false,
            };
            if !right {
                faults.push(format!("{method} {path}: {answer:?}"));
            }
        }
    }
    for path in [
        "/nowhere",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nowhere",
        "/public/v1/nowhere",
        "/api/v1/me/",
        "/api/v2/me",
        "/API/v1/me",
    ] {
        for method in METHODS {
            let answer = ask(&app, method, path).await;
            if answer.0 != 404 {
                faults.push(format!("{method} {path}: {answer:?}, expected 404"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_pages_are_read_only() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let allow = ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec();
            assert_eq!(
                ask(&app, method, path).await,
                (405, "method_not_allowed".to_owned(), allow),
                "{method} {path}"
            );
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_contract_is_the_generated_one() {
    let app = TestApp::start().await;
    let yaml = app.anonymous().get("/openapi.yaml").await.expect(200);
    assert!(yaml.bytes == app::contract().yaml().as_bytes(), "the served YAML is another");
    let json = app.anonymous().get("/openapi.json").await.expect(200);
    assert_eq!(json.body, document());
    app.finish().await;
}
