//! Every operation of the contract, fed with input that is wrong in one way at a time.
use crate::support::purchase::line;
use crate::support::{Answer, Caller, TestApp};
use lokapasar::kernel::Role;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const LONG: usize = 300_000;
const HUGE: usize = 10_000_000;
/// Texts in a body that stand for raw JSON which no `Value` can hold.
const SURROGATE: &str = "@surrogate@";
const TWICE: &str = "@twice@";
const DEEP: &str = "@deep@";
/// What tells that the input itself was looked at.
const VALIDATED: [u16; 4] = [400, 413, 415, 422];
/// Refusals of a shape, which no example of the contract may meet.
const SHAPE: [&str; 9] = [
    "required",
    "unknown_field",
    "wrong_type",
    "too_long",
    "too_short",
    "pattern_mismatch",
    "invalid_format",
    "value_not_allowed",
    "too_many_items",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_in_one_way_is_refused_as_a_problem() {
    let contract = Contract::load();
    let app = TestApp::start().await;
    let scene = Scene::set(&app).await;
    let (mut tally, mut reached) = (Tally::default(), BTreeSet::new());
    let operations: Vec<&Operation> =
        contract.operations.iter().filter(|operation| operation.body.is_some()).collect();
    for operation in &operations {
        for (what, body) in mutants(&contract, operation.body.as_ref().unwrap()) {
            let answer = scene.send(operation, "", Some(body)).await;
            if tally.check(operation, &what, answer) {
                reached.insert(&operation.id);
            }
        }
    }
    tally.report("bodies", reached.len(), operations.len());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_wrong_in_one_way_is_refused_as_a_problem() {
    let contract = Contract::load();
    let app = TestApp::start().await;
    let scene = Scene::set(&app).await;
    let (mut tally, mut reached) = (Tally::default(), BTreeSet::new());
    for operation in &contract.operations {
        let body = operation.body.as_ref().map(|schema| contract.example(schema).to_string());
        for (what, query) in bad_queries(&contract, operation) {
            let answer = scene.send(operation, &format!("?{query}"), body.clone()).await;
            if tally.check(operation, &what, answer) {
                reached.insert(&operation.id);
            }
        }
    }
    tally.report("queries", reached.len(), contract.operations.len());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_contract_have_the_shape_that_it_asks_for() {
    let contract = Contract::load();
    let app = TestApp::start().await;
    let scene = Scene::set(&app).await;
    for operation in &contract.operations {
        let Some(schema) = &operation.body else { continue };
        for (kind, body) in [("example", contract.example(schema)), ("whole sample", contract.whole(schema))]
        {
            let faults = contract.faults(schema, &body);
            assert!(faults.is_empty(), "the {kind} of {}: {faults:?} in {body}", operation.id);
        }
        let query =
            if operation.parameters.iter().any(|(name, _)| name == "dry_run") { "?dry_run=true" } else { "" };
        let answer = scene
            .send(operation, query, Some(contract.example(schema).to_string()))
            .await
            .expect("an answer");
        let misshapen = answer.faults().iter().any(|(_, code)| SHAPE.contains(&code.as_str()));
        assert!(
            ![400, 413, 415, 500].contains(&answer.status) && !misshapen,
            "{}: {} {}",
            operation.id,
            answer.status,
            answer.body
        );
    }
    app.finish().await;
}

/// What came back, and what should not have.
#[derive(Default)]
struct Tally {
    sent: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Notes an answer; tells whether the input was looked at.
    fn check(&mut self, operation: &Operation, what: &str, answer: Result<Answer, String>) -> bool {
        self.sent += 1;
        let note = match answer {
            Err(error) => error,
            Ok(answer) => {
                let problem =
                    answer.header("content-type") == "application/problem+json" && !answer.code().is_empty();
                if (400..500).contains(&answer.status) && problem {
                    let about_headers =
                        answer.code().starts_with("idempotency") || answer.code() == "header_invalid";
                    return VALIDATED.contains(&answer.status) && !about_headers;
                }
                let text = String::from_utf8_lossy(&answer.bytes).chars().take(200).collect::<String>();
                format!("{} {text}", answer.status)
            }
        };
        self.wrong.push(format!("{} with {what}: {note}", operation.id));
        false
    }

    fn report(self, kind: &str, reached: usize, of: usize) {
        let share = reached * 100 / of;
        println!("{} bad {kind}; {reached} of {of} operations ({share} %) reached validation", self.sent);
        assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.sent, self.wrong.join("\n"));
        assert!(reached * 100 >= of * 95, "only {share} % reached validation");
    }
}

/// One thing wrong at a time, in each place of a body that holds everything.
fn mutants(contract: &Contract, schema: &Value) -> Vec<(String, String)> {
    let whole = contract.whole(schema);
    let mut found = Vec::new();
    let mut nodes = Vec::new();
    contract.nodes(schema, &whole, String::new(), &mut nodes);
    for (pointer, schema, value) in &nodes {
        for (what, replacement) in wrong_values(contract, schema, value) {
            found.push((
                format!("{what} at {pointer:?}"),
                raw(&replaced(&whole, pointer, replacement), value),
            ));
        }
        if let Value::Object(fields) = value {
            for name in contract.resolve(schema)["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                let rest: Map<String, Value> = fields
                    .iter()
                    .filter(|(field, _)| *field != name)
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                found.push((
                    format!("no {name} at {pointer:?}"),
                    replaced(&whole, pointer, rest.into()).to_string(),
                ));
            }
            // A product's attributes are the vendor's own; everywhere else the fields are fixed.
            if schema["additionalProperties"] == false {
                let mut more = fields.clone();
                more.insert("no_such_field".into(), json!(1));
                found.push((
                    format!("an unknown field at {pointer:?}"),
                    replaced(&whole, pointer, more.into()).to_string(),
                ));
            }
        }
    }
    found.push(("ten megabytes".into(), json!({ "filler": "x".repeat(HUGE) }).to_string()));
    found.push(("no JSON".into(), "{".into()));
    found.push(("nothing".into(), String::new()));
    found
}

fn wrong_values(contract: &Contract, schema: &Value, value: &Value) -> Vec<(&'static str, Value)> {
    let schema = contract.resolve(schema);
    let mut wrong = vec![("nesting", json!(DEEP))];
    match value {
        Value::Object(fields) => {
            wrong.push(("a text", json!("x")));
            wrong.push(("a list", json!([])));
            if !fields.is_empty() {
                wrong.push(("a key twice", json!(TWICE)));
            }
        }
        Value::Array(_) => wrong.extend([("a text", json!("x")), ("an object", json!({}))]),
        Value::Bool(_) => wrong.extend([("a text", json!("maybe")), ("a number", json!(1))]),
        Value::Number(_) => wrong.extend([
            ("a text", json!("x")),
            ("a huge number", json!(1e300)),
            ("a fraction", json!(1.5)),
        ]),
        _ => wrong.extend([
            ("a number", json!(12_345)),
            ("true", json!(true)),
            ("an object", json!({})),
            ("300 kB", json!("x".repeat(LONG))),
            ("NUL", json!("satu\u{0}dua")),
            ("a lone surrogate", json!(SURROGATE)),
        ]),
    }
    if is_decimal(&schema) {
        wrong.extend([
            ("too many decimals", json!("1.0005")),
            ("30 digits", json!("9".repeat(30))),
            ("a negative amount", json!("-1")),
            ("an exponent", json!("1e5")),
            ("a comma", json!("1,5")),
        ]);
        if schema["description"].as_str().is_some_and(|text| text.contains("IDR")) {
            wrong.push(("3 decimals", json!("1.005")));
        }
    }
    match schema["format"].as_str() {
        Some("uuid") => {
            wrong.extend([("no UUID", json!("not-a-uuid")), ("half a UUID", json!("0198c0de-0000"))])
        }
        Some("date") => wrong.extend([
            ("no date", json!("yesterday")),
            ("no such day", json!("2035-02-30")),
            ("a year too far", json!("99999-01-01")),
        ]),
        Some("date-time") => wrong.extend([
            ("no time", json!("noon")),
            ("no such day", json!("2035-02-30T00:00:00Z")),
            ("no zone", json!("2035-01-01T00:00:00")),
        ]),
        _ => {}
    }
    if schema["enum"].is_array() {
        wrong.push(("an unknown value", json!("no_such_value")));
    }
    wrong
}

fn bad_queries(contract: &Contract, operation: &Operation) -> Vec<(String, String)> {
    let mut bad = vec![("an unknown parameter".to_owned(), "no_such_parameter=1".to_owned())];
    for (name, schema) in &operation.parameters {
        let schema = contract.resolve(schema);
        let text = schema.to_string();
        let good = match contract.sample(&schema) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let mut add =
            |what: &str, value: &str| bad.push((format!("{what} for {name}"), format!("{name}={value}")));
        add("too long a text", &"a".repeat(3_000));
        // Of a search text its words count alone.
        if name != "q" {
            add("NUL", "%00");
            add("a wrong value", "n%27o");
            add("nothing", "");
        }
        if text.contains("integer") {
            for (what, value) in [
                ("a fraction", "1.5"),
                ("zero", "0"),
                ("a negative number", "-1"),
                ("a huge number", "99999999999999999999"),
            ] {
                add(what, value);
            }
        }
        if is_decimal(&schema) {
            for (what, value) in [
                ("3 decimals", "1.005".to_owned()),
                ("30 digits", "9".repeat(30)),
                ("a negative amount", "-1".to_owned()),
            ] {
                add(what, &value);
            }
        }
        if text.contains("uuid") {
            add("no UUID", "not-a-uuid");
        }
        if text.contains("\"date\"") {
            add("no such day", "2035-02-30");
        }
        if name != "dry_run" {
            bad.push((format!("{name} twice"), format!("{name}={good}&{name}={good}")));
        }
    }
    bad
}

fn is_decimal(schema: &Value) -> bool {
    schema["description"].as_str().is_some_and(|text| text.contains("decimal string"))
}

/// The body as text, what stands for raw JSON put in.
fn raw(body: &Value, original: &Value) -> String {
    let text = body.to_string();
    let quoted = |mark: &str| format!("\"{mark}\"");
    let twice = || {
        let text = original.to_string();
        let (name, value) = original
            .as_object()
            .and_then(|fields| fields.iter().next())
            .expect("an object that holds something");
        format!("{{{}:{value},{}", json!(name), text.trim_start_matches('{'))
    };
    if text.contains(&quoted(TWICE)) {
        return text.replace(&quoted(TWICE), &twice());
    }
    text.replace(&quoted(SURROGATE), "\"\\ud800\"")
        .replace(&quoted(DEEP), &("[".repeat(40) + &"]".repeat(40)))
}

fn replaced(whole: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = whole.clone();
    *changed.pointer_mut(pointer).expect("the place is there") = value;
    changed
}

struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The schema of its JSON body.
    body: Option<Value>,
    /// Query parameters with their schemas.
    parameters: Vec<(String, Value)>,
    headers: BTreeSet<String>,
}

struct Contract {
    document: Value,
    operations: Vec<Operation>,
}

impl Contract {
    fn load() -> Self {
        let document: Value = serde_json::from_str(&lokapasar::app::contract().json()).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let named = |place: &str| {
                    let here = parameters.iter().filter(|parameter| parameter["in"] == place);
                    here.map(|parameter| {
                        (parameter["name"].as_str().unwrap().to_owned(), parameter["schema"].clone())
                    })
                    .collect::<Vec<_>>()
                };
                operations.push(Operation {
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    body: operation.pointer("/requestBody/content/application~1json/schema").cloned(),
                    parameters: named("query"),
                    headers: named("header").into_iter().map(|(name, _)| name).collect(),
                });
            }
        }
        assert!(operations.len() > 80);
        Self { document, operations }
    }

    /// The schema itself, past references and `or null`.
    fn resolve(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.resolve(
                self.document
                    .pointer(reference.trim_start_matches('#'))
                    .expect("the reference leads somewhere"),
            );
        }
        let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
        match branches.and_then(|branches| branches.iter().find(|branch| branch["type"] != "null")) {
            Some(branch) => self.resolve(branch),
            None => schema.clone(),
        }
    }

    /// The example that the contract gives, or what its properties' examples make together.
    fn example(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        given(&schema).unwrap_or_else(|| {
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let fields = schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| required.contains(&name.as_str()));
            Value::Object(fields.map(|(name, property)| (name.clone(), self.sample(property))).collect())
        })
    }

    /// The example with everything in it that may be there.
    fn whole(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        let example = given(&schema).unwrap_or(json!({}));
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(name, property)| {
            let resolved = self.resolve(property);
            let sample = if resolved["properties"].is_object() {
                self.whole(&resolved)
            } else {
                self.sample(property)
            };
            (
                name.clone(),
                example.get(name).filter(|_| !resolved["properties"].is_object()).cloned().unwrap_or(sample),
            )
        });
        Value::Object(fields.collect())
    }

    /// A value that fits.
    fn sample(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(given) = given(&schema) {
            return given;
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[0].clone();
        }
        if schema["properties"].is_object() {
            return self.whole(&schema);
        }
        let kind = schema["type"].to_string();
        if kind.contains("array") {
            return json!([self.sample(&schema["items"])]);
        }
        if kind.contains("object") {
            return json!({});
        }
        if kind.contains("integer") || kind.contains("number") {
            return schema.get("minimum").cloned().unwrap_or(json!(1));
        }
        if kind.contains("boolean") {
            return json!(true);
        }
        let text = match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("uuid"), _) => "0198c0de-7000-7000-8000-000000000001",
            (Some("date"), _) => "2035-06-29",
            (Some("date-time"), _) => "2035-06-29T00:00:00Z",
            (_, Some(pattern)) => pattern_sample(pattern),
            _ => "Contoh isian",
        };
        let longest = schema["maxLength"].as_u64().map_or(usize::MAX, |limit| limit as usize);
        json!(text.chars().take(longest).collect::<String>())
    }

    /// Every place of a value with its schema.
    fn nodes(&self, schema: &Value, value: &Value, pointer: String, found: &mut Vec<(String, Value, Value)>) {
        let schema = self.resolve(schema);
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    self.nodes(&schema["properties"][name], inner, format!("{pointer}/{name}"), found);
                }
            }
            Value::Array(items) => {
                if let Some(item) = items.first() {
                    self.nodes(&schema["items"], item, format!("{pointer}/0"), found);
                }
            }
            _ => {}
        }
        found.push((pointer, schema, value.clone()));
    }

    fn faults(&self, schema: &Value, body: &Value) -> Vec<String> {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
        validator.iter_errors(body).map(|error| error.to_string()).collect()
    }
}

fn given(schema: &Value) -> Option<Value> {
    schema.get("example").or_else(|| schema.pointer("/examples/0")).cloned()
}

/// Texts for the patterns that have no example beside them.
fn pattern_sample(pattern: &str) -> &'static str {
    let texts = [
        "Contoh", "CONTOH", "33.74.01", "33.74", "01", "01.01.01", "008", "H87", "32600", "09:00",
        "12345678", HASH,
    ];
    let expression = json!({ "type": "string", "pattern": pattern });
    let fits = |text: &&str| jsonschema::is_valid(&expression, &json!(text));
    texts.into_iter().find(fits).unwrap_or_else(|| panic!("no sample for {pattern}: add one"))
}

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Who calls, and what the paths lead to.
struct Scene {
    callers: BTreeMap<&'static str, Caller>,
    ids: BTreeMap<&'static str, String>,
    keys: std::sync::atomic::AtomicU32,
}

impl Scene {
    async fn set(app: &TestApp) -> Self {
        let (vendor, draft) = (app.vendor().await, app.draft_vendor().await);
        let product = app.product(&vendor, "12500.00", 40).await;
        let office = app.office().await;
        let ordered = office.ordered(vec![line(&app.product(&vendor, "1500000.00", 5).await, "1")]).await;
        let order = office.order(&ordered).await;
        let request = office.draft(vec![line(&product, "1")]).await;
        let ids = [
            ("vendors", draft.id.to_string()),
            ("products", product),
            ("requests", request),
            ("orders", order),
            ("organisations", office.agency.to_string()),
            ("packages", office.package.clone()),
            ("invitations", "0198c0de-7000-7000-8000-000000000002".into()),
        ];
        let callers = [
            ("guest", app.anonymous()),
            ("person", app.person().await),
            ("founder", draft.owner),
            ("owner", vendor.owner),
            ("budget_user", app.member(Some(office.agency), Role::BudgetUser, &[]).await),
            ("verifier", app.member(None, Role::Verifier, &[]).await),
            ("curator", app.member(None, Role::Curator, &[]).await),
            ("admin", app.admin().await),
            ("approver", office.approver),
            ("officer", office.officer),
        ];
        Self {
            callers: callers.into_iter().collect(),
            ids: ids.into_iter().collect(),
            keys: Default::default(),
        }
    }

    /// Calls an operation with a role that may; an error is a connection that broke.
    async fn send(&self, operation: &Operation, query: &str, body: Option<String>) -> Result<Answer, String> {
        let parts: Vec<&str> = operation.path.split('/').collect();
        let path: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(place, part)| match part.starts_with('{') {
                true => self
                    .ids
                    .get(parts[place - 1])
                    .cloned()
                    .unwrap_or_else(|| "0198c0de-7000-7000-8000-000000000003".into()),
                false => (*part).to_owned(),
            })
            .collect();
        let caller = &self.callers[caller_of(&operation.id)];
        let mut request = caller.request(operation.method.clone(), &format!("{}{query}", path.join("/")));
        if operation.headers.contains("Idempotency-Key") {
            let number = self.keys.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            request = request.header("Idempotency-Key", format!("bad-{number}"));
        }
        if [Method::PUT, Method::PATCH, Method::DELETE].contains(&operation.method) {
            request = request.header("If-Match", "\"v1\"");
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| format!("the connection broke: {error:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes =
            response.bytes().await.map_err(|error| format!("the answer broke off: {error:?}"))?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer { status, headers, bytes, body })
    }
}

/// A caller whose role may do the operation.
fn caller_of(operation: &str) -> &'static str {
    match operation {
        "registerUser"
        | "confirmContact"
        | "logIn"
        | "refreshSession"
        | "requestPasswordReset"
        | "completePasswordReset"
        | "listPolicies"
        | "getPolicy"
        | "listPublicQuotations"
        | "getPublicQuotation"
        | "listRecordedPurchases"
        | "listForbiddenPairs"
        | "previewTax"
        | "listPublicVendors"
        | "getPublicVendor"
        | "listCategories"
        | "searchProducts"
        | "getPublicProduct"
        | "getProductPhoto" => "guest",
        "listSessions" | "endSession" | "getMe" | "listMyMemberships" | "acceptInvitation"
        | "getOrganisation" | "listUnits" | "getSandboxClock" | "moveSandboxClock" | "createVendor" => {
            "person"
        }
        "createOrganisation" | "listOrganisations" | "listSandboxMails" => "admin",
        "createUnit" | "listMemberships" | "endMembership" | "inviteMember" | "listInvitations"
        | "revokeInvitation" | "reassignRequest" | "setPolicy" | "endPolicy" | "appointDeputy"
        | "endDeputy" => "budget_user",
        "getVendor"
        | "listVendorDocuments"
        | "downloadVendorDocument"
        | "updateVendor"
        | "precheckVendor"
        | "submitVendor"
        | "uploadVendorDocument"
        | "removeVendorDocument" => "founder",
        "listVerificationQueue"
        | "claimVendor"
        | "requestVendorRevision"
        | "verifyVendor"
        | "rejectVendor"
        | "suspendVendor"
        | "reinstateVendor" => "verifier",
        "approveProduct"
        | "requestProductRevision"
        | "rejectProduct"
        | "freezeProduct"
        | "unfreezeProduct" => "curator",
        "listVendors" | "createProduct" | "updateProduct" | "setPriceTiers" | "adjustStock"
        | "uploadProductPhoto" | "removeProductPhoto" | "submitProduct" | "publishProduct"
        | "unpublishProduct" | "listProducts" | "getProduct" | "listPriceHistory" | "acceptOrder"
        | "declineOrder" | "proposeOrderChange" | "askQuestion" | "createQuote" | "getQuote"
        | "updateQuote" | "submitQuote" | "replaceQuote" | "confirmQuote" | "withdrawQuote" | "cureQuote"
        | "fileObjection" => "owner",
        "returnRequest" | "rejectRequest" | "approveRequest" | "cancelOrder" | "acceptOrderChange"
        | "rejectOrderChange" | "awardRequest" | "decideObjection" => "approver",
        "listPackages" | "getPackage" | "listBudgetLines" | "createRequest" | "updateRequest"
        | "submitRequest" | "withdrawRequest" | "renewRequest" | "replaceVendor" | "checkPolicies"
        | "listRequests" | "getRequest" | "cancelRequest" | "listOrders" | "getOrder"
        | "listOrderChanges" | "listDeputies" | "listNegotiations" | "proposeRound" | "acceptRound"
        | "endNegotiation" | "setOwnerEstimate" | "openRequest" | "failRequest" | "inviteVendors"
        | "issueAddendum" | "listQuestions" | "answerQuestion" | "listQuotes" | "openQuotes"
        | "getOpening" | "scoreQuotes" | "completeEvaluation" | "getEvaluation" | "disqualifyQuote"
        | "verifyQuote" | "askCure" | "nextRank" | "listObjections" | "compareAfterwards" | "listInbox"
        | "uploadProof" | "listProofs" | "downloadProof" | "removeProof" => "officer",
        other => panic!("{other} has no caller: add it to the map"),
    }
}
