//! Every example of the contract is carried out: sent by somebody who may, to a thing that is ready for it.
use crate::support::purchase::{Office, line};
use crate::support::trade::Vendor;
use crate::support::{Answer, Caller, PASSWORD, TestApp, send};
use lokapasar::kernel::Role;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// A category whose products wait for a curator.
const COOKIES: &str = "03.03.01";

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_contract_is_answered_with_the_success_that_it_states() {
    let contract: Value = serde_json::from_str(&lokapasar::app::contract().json()).unwrap();
    let mut operations = operations(&contract);
    // Once the clock has moved, nothing is as it was.
    operations
        .sort_by_key(|operation| ["endNegotiation", "moveSandboxClock"].contains(&operation.id.as_str()));
    let stage = Stage::set().await;
    let (mut bodies, mut queries, mut wrong) = (0, 0, Vec::new());
    for operation in &operations {
        let answer = stage.execute(operation).await;
        if !operation.successes.contains(&answer.status.to_string()) {
            let text = String::from_utf8_lossy(&answer.bytes);
            wrong.push(format!("{}: {} {text}", operation.id, answer.status));
        }
        bodies += usize::from(operation.body.is_some());
        queries += usize::from(!operation.query.is_empty());
    }
    println!("{bodies} examples of bodies and {queries} of queries were carried out");
    assert!(wrong.is_empty(), "{} examples fail:\n{}", wrong.len(), wrong.join("\n"));
    let methods = contract["paths"].as_object().unwrap().values().filter_map(Value::as_object);
    let takes_json = |operation: &&Value| operation["requestBody"]["content"]["application/json"].is_object();
    assert_eq!(bodies, methods.flat_map(|methods| methods.values()).filter(takes_json).count());
    assert!(bodies > 0 && queries > 0, "the contract gives no examples");
    stage.app.finish().await;
}

/// An operation that the contract gives an example of.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The example of its JSON body.
    body: Option<Map<String, Value>>,
    /// The examples of its query parameters, written as a query.
    query: String,
    keyed: bool,
    successes: Vec<String>,
}

fn operations(contract: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in contract["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
            let schema = operation.pointer("/requestBody/content/application~1json/schema");
            let query = query(contract, &parameters);
            if schema.is_none() && query.is_empty() {
                continue;
            }
            let statuses = operation["responses"].as_object().unwrap().keys();
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                body: schema.map(|schema| body(contract, schema)),
                query,
                keyed: parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key"),
                successes: statuses.filter(|status| status.starts_with('2')).cloned().collect(),
            });
        }
    }
    found
}

/// The example of a body, or what the examples of its members make together; null stands for a
/// required member that has none.
fn body(contract: &Value, schema: &Value) -> Map<String, Value> {
    let schema = resolve(contract, schema);
    if let Some(whole) = given(schema) {
        return whole.as_object().unwrap().clone();
    }
    let names = schema["required"].as_array().into_iter().flatten();
    let required: Vec<&str> = names.filter_map(Value::as_str).collect();
    let mut made = Map::new();
    for (name, member) in schema["properties"].as_object().unwrap() {
        if let Some(value) = example(contract, member) {
            made.insert(name.clone(), value.clone());
        } else if required.contains(&name.as_str()) {
            let first = resolve(contract, member).pointer("/enum/0");
            made.insert(name.clone(), first.cloned().unwrap_or_default());
        }
    }
    made
}

fn query(contract: &Value, parameters: &[&Value]) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
        let found = given(parameter).or_else(|| example(contract, &parameter["schema"]));
        if let Some(value) = found {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push((parameter["name"].as_str().unwrap().to_owned(), text));
        }
    }
    let text = serde_urlencoded::to_string(&pairs).unwrap();
    if text.is_empty() { text } else { format!("?{text}") }
}

fn example<'c>(contract: &'c Value, schema: &'c Value) -> Option<&'c Value> {
    given(schema).or_else(|| given(resolve(contract, schema)))
}

/// The example that stands beside a parameter or in a schema.
fn given(place: &Value) -> Option<&Value> {
    place
        .get("example")
        .or_else(|| place.pointer("/examples/0"))
        .or_else(|| place["examples"].as_object()?.values().next()?.get("value"))
}

/// The schema itself, past references and `or null`.
fn resolve<'c>(contract: &'c Value, schema: &'c Value) -> &'c Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return resolve(contract, contract.pointer(pointer).expect("the reference leads somewhere"));
    }
    let branches = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    match branches.and_then(|branches| branches.iter().find(|branch| branch["type"] != "null")) {
        Some(branch) => resolve(contract, branch),
        None => schema,
    }
}

/// Somebody who may, the ids of the path, and the members of the example that name what no contract
/// can know.
struct Scene {
    who: Caller,
    ids: Vec<String>,
    own: Value,
}

fn by<const N: usize>(who: &Caller, ids: [String; N], own: Value) -> Scene {
    Scene { who: who.clone(), ids: Vec::from(ids), own }
}

/// A shop with a pen on its shelf, an office that may buy it, and those who watch over both.
struct Stage {
    app: TestApp,
    guest: Caller,
    verifier: Caller,
    curator: Caller,
    budget_user: Caller,
    vendor: Vendor,
    pen: String,
    office: Office,
}

impl Stage {
    async fn set() -> Self {
        let app = TestApp::start().await;
        let vendor = app.vendor().await;
        let pen = app.made(&vendor, "20000.00").await;
        let office = app.office().await;
        let verifier = app.member(None, Role::Verifier, &[]).await;
        let curator = app.member(None, Role::Curator, &[]).await;
        let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
        Self { guest: app.anonymous(), verifier, curator, budget_user, app, vendor, pen, office }
    }

    async fn execute(&self, operation: &Operation) -> Answer {
        let Scene { who, ids, own } = self.scene(&operation.id).await;
        let path = filled(&operation.path, &ids);
        let mut request = who.request(operation.method.clone(), &format!("{path}{}", operation.query));
        if operation.keyed {
            request = request.header("Idempotency-Key", format!("example-{}", operation.id));
        }
        if [Method::PUT, Method::PATCH].contains(&operation.method) {
            let id = ids.last().expect("a change is of a thing");
            let thing = &path[..path.rfind(id.as_str()).unwrap() + id.len()];
            request = request.header("If-Match", who.get(thing).await.expect(200).etag());
        }
        if let Some(example) = &operation.body {
            let mut body = example.clone();
            for (name, value) in own.as_object().unwrap() {
                let before = body.insert(name.clone(), value.clone());
                assert!(before.is_some(), "{}: the example has no {name}", operation.id);
            }
            request = request.json(&body);
        }
        send(request).await
    }

    /// A request of the office whose order waits for the shop's answer.
    async fn ordered(&self) -> (String, String) {
        let request = self.office.ordered(vec![line(&self.pen, "100")]).await;
        let order = self.office.order(&request).await;
        (request, order)
    }

    /// What an operation needs before it can be done.
    async fn scene(&self, operation: &str) -> Scene {
        let Self { app, guest, verifier, curator, budget_user, vendor, pen, office } = self;
        let nothing = json!({});
        let lines = || vec![line(pen, "100")];
        match operation {
            "registerUser" | "requestPasswordReset" | "previewTax" | "searchProducts" => {
                by(guest, [], nothing)
            }
            "confirmContact" => {
                let contact = "baru@example.id";
                let body = json!({ "contact": contact, "full_name": "Sri Wahyuni", "password": PASSWORD });
                guest.post("/api/v1/auth/registrations", body).await.expect(202);
                let token = app.token_sent_to(contact).await;
                by(guest, [], json!({ "token": token }))
            }
            "completePasswordReset" => {
                let person = app.person().await;
                let body = json!({ "contact": person.contact });
                guest.post("/api/v1/auth/password-resets", body).await.expect(202);
                let token = app.token_sent_to(&person.contact).await;
                by(guest, [], json!({ "token": token, "password": "kerupuk-menyanyi-di-atas-genting" }))
            }
            "logIn" => {
                app.account_with("sri@example.id").await;
                by(guest, [], nothing)
            }
            "refreshSession" => {
                let person = app.person().await;
                by(guest, [], json!({ "refresh_token": person.refresh_token }))
            }
            "acceptInvitation" => {
                let person = app.person().await;
                let (contact, role) = (&person.contact, "vendor_staff");
                let body = json!({ "contact": contact, "role": role, "valid_from": "2026-01-01" });
                let id = vendor.owner.post("/api/v1/invitations", body).await.expect(201).id();
                let token = app.token_sent_to(&person.contact).await;
                by(&person, [id], json!({ "token": token }))
            }
            "setPolicy" => by(&app.admin().await, [], json!({ "agency_id": office.agency })),
            "endPolicy" => {
                let value = json!({ "key": "negotiation.prompt_from", "value": "40000000", "valid_from": "2035-01-01",
                    "legal_basis": "Keputusan kepala daerah", "note": "Kehati-hatian" });
                by(budget_user, [budget_user.post("/api/v1/policies", value).await.expect(201).id()], nothing)
            }
            "appointDeputy" => {
                let person = app.member(Some(office.agency), Role::Receiver, &[]).await;
                let own = json!({ "officer_id": office.approver.membership, "person_id": person.membership });
                by(budget_user, [], own)
            }
            "compareAfterwards" => {
                let urgent =
                    json!({ "code": "service_failure", "reason": "Listrik kantor padam sejak pagi" });
                let request =
                    office.draft_with(lines(), json!({ "method": "urgent", "urgent": urgent })).await;
                office.submit(&request).await.expect(200);
                office.approve(&request).await.expect(200);
                by(&office.officer, [request], nothing)
            }
            "setOwnerEstimate" => {
                let request = office.draft_quotation(office.quotation(pen, "4", json!({}))).await;
                by(&office.officer, [request], nothing)
            }
            "failRequest" | "inviteVendors" | "issueAddendum" => {
                let asked = office.asks(office.quotation(pen, "4", json!({}))).await;
                let own =
                    if operation == "inviteVendors" { json!({ "vendor_ids": [vendor.id] }) } else { nothing };
                by(&office.officer, [asked.request], own)
            }
            "askQuestion" | "createQuote" => {
                let asked = office.asks(office.quotation(pen, "4", json!({}))).await;
                by(&vendor.owner, [asked.request], nothing)
            }
            "answerQuestion" => {
                let asked = office.asks(office.quotation(pen, "4", json!({}))).await;
                let questions = format!("/api/v1/requests/{}/questions", asked.request);
                let question = json!({ "question": "Apakah merek setara diterima?" });
                let id = vendor.owner.post(&questions, question).await.expect(201).id();
                by(&office.officer, [asked.request, id], nothing)
            }
            "beginFollow" => by(&vendor.owner, [], nothing),
            "updateQuote" => {
                let asked = office.asks(office.quotation(pen, "4", json!({}))).await;
                by(&vendor.owner, [vendor.quotes(&asked, pen, "19000.00", "0").await], nothing)
            }
            "completeEvaluation" | "disqualifyQuote" | "verifyQuote" | "askCure" | "cureQuote"
            | "scoreQuotes" | "askReduction" | "answerReduction" => {
                let weighted = json!({ "evaluation": "weighted",
                    "criteria": [{ "code": "workmanship", "name": "Mutu", "weight": "100" }] });
                let changes = if operation == "scoreQuotes" { weighted } else { nothing.clone() };
                let asked = office.asks(office.quotation(pen, "4", changes)).await;
                let quote = vendor.quotes(&asked, pen, "19000.00", "5000").await;
                app.set_clock(&asked.deadline).await;
                app.work().await;
                let evaluation = format!("/api/v1/requests/{}/evaluation", asked.request);
                match operation {
                    "completeEvaluation" => by(&office.officer, [asked.request], nothing),
                    "scoreQuotes" => {
                        let score = json!({ "quote_id": quote, "criterion": "workmanship", "score": "85" });
                        by(&office.officer, [asked.request], json!({ "scores": [score] }))
                    }
                    "verifyQuote" => {
                        office.officer.post(&evaluation, json!({})).await.expect(200);
                        by(&office.officer, [quote], nothing)
                    }
                    "askReduction" | "answerReduction" => {
                        office.officer.post(&evaluation, json!({})).await.expect(200);
                        if operation == "askReduction" {
                            return by(&office.officer, [quote], nothing);
                        }
                        let reason = json!({ "reason": "Harga pasar lebih rendah" });
                        let path = format!("/api/v1/quotes/{quote}/actions/ask-reduction");
                        office.officer.post(&path, reason).await.expect(200);
                        by(&vendor.owner, [quote], nothing)
                    }
                    "cureQuote" => {
                        let fault = json!({ "fault": "Masa berlaku penawaran belum disebut" });
                        let path = format!("/api/v1/quotes/{quote}/actions/ask-cure");
                        office.officer.post(&path, fault).await.expect(200);
                        by(&vendor.owner, [quote], nothing)
                    }
                    _ => by(&office.officer, [quote], nothing),
                }
            }
            "awardRequest" | "nextRank" | "fileObjection" | "decideObjection" => {
                let quantity = if operation == "nextRank" { "4" } else { "3000" };
                let asked = office.asks(office.quotation(pen, quantity, json!({}))).await;
                let loser = app.vendor().await;
                let theirs = app.made(&loser, "20000.00").await;
                let quote = vendor.quotes(&asked, pen, "19000.00", "0").await;
                loser.quotes(&asked, &theirs, "19500.00", "0").await;
                app.set_clock(&asked.deadline).await;
                app.work().await;
                if operation == "awardRequest" {
                    let evaluation = format!("/api/v1/requests/{}/evaluation", asked.request);
                    let complete = office.officer.post(&evaluation, json!({})).await.expect(200);
                    let note = json!({ "note": "Contoh barang diperiksa" });
                    let path = format!("/api/v1/quotes/{quote}/actions/verify");
                    office.officer.post(&path, note).await.expect(200);
                    let hash = json!({ "content_hash": complete.text("/content_hash") });
                    return by(&office.approver, [asked.request], hash);
                }
                office.awards(&asked, &[&quote]).await.expect(200);
                if operation == "nextRank" {
                    let order = office.order(&asked.request).await;
                    vendor.decline(&order).await.expect(200);
                    return by(&office.officer, [asked.request], json!({ "order_id": order }));
                }
                if operation == "fileObjection" {
                    return by(&loser.owner, [asked.request], nothing);
                }
                let text = json!({ "text": "Barang pemenang tidak sesuai spesifikasi" });
                let path = format!("/api/v1/requests/{}/objections", asked.request);
                let objection = loser.owner.post(&path, text).await.expect(201).id();
                by(&office.approver, [asked.request, objection], nothing)
            }
            "proposeRound" | "endNegotiation" => {
                let request = office.draft_with(lines(), json!({ "method": "negotiated" })).await;
                office.submit(&request).await.expect(200);
                if operation == "endNegotiation" {
                    app.move_clock(24 * 7).await;
                    return by(&office.officer, [request], nothing);
                }
                let shown =
                    office.officer.get(&format!("/api/v1/requests/{request}/negotiations")).await.expect(200);
                let price =
                    json!({ "line_id": shown.text("/items/0/lines/0/line_id"), "unit_price": "18500.00" });
                by(&vendor.owner, [request], json!({ "unit_prices": [price] }))
            }
            "createOrganisation" => by(&app.admin().await, [], nothing),
            "createUnit" => by(budget_user, [office.agency.to_string()], nothing),
            "createVendor" | "moveSandboxClock" => by(&app.person().await, [], nothing),
            "precheckVendor" => {
                let draft = app.draft_vendor().await;
                by(&draft.owner, [], json!({ "vendor_id": draft.id }))
            }
            "updateVendor" => {
                let draft = app.draft_vendor().await;
                by(&draft.owner, [draft.id.to_string()], nothing)
            }
            "requestVendorRevision" | "rejectVendor" => {
                let draft = app.draft_vendor().await;
                let actions = format!("/api/v1/vendors/{}/actions", draft.id);
                draft.owner.act(&format!("{actions}/submit")).await.expect(200);
                verifier.act(&format!("{actions}/claim")).await.expect(200);
                by(verifier, [draft.id.to_string()], nothing)
            }
            "suspendVendor" => by(verifier, [app.vendor().await.id.to_string()], nothing),
            "inviteMember" | "createProduct" => by(&vendor.owner, [], nothing),
            "updateProduct" | "setPriceTiers" | "adjustStock" => {
                by(&vendor.owner, [app.product(vendor, "52000.00", 10).await], nothing)
            }
            "freezeProduct" => by(curator, [app.product(vendor, "52000.00", 10).await], nothing),
            "requestProductRevision" | "rejectProduct" => {
                let product = app.draft_product(vendor, COOKIES, "45000.00", json!({})).await;
                vendor.owner.act(&format!("/api/v1/products/{product}/actions/submit")).await.expect(200);
                by(curator, [product], nothing)
            }
            "createRequest" => {
                by(&office.officer, [], json!({ "unit_id": office.unit, "package_id": office.package }))
            }
            "checkPolicies" => {
                let request = office.draft(lines()).await;
                by(&office.officer, [], json!({ "request_id": request }))
            }
            "updateRequest" | "cancelRequest" => by(&office.officer, [office.draft(lines()).await], nothing),
            "approveRequest" => {
                let request = office.submitted(lines()).await;
                let content = office.content(&request).await;
                by(&office.approver, [request], content)
            }
            "returnRequest" | "rejectRequest" => {
                by(&office.approver, [office.submitted(lines()).await], nothing)
            }
            "reassignRequest" => {
                let buyer = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
                let request = office.submitted(lines()).await;
                by(budget_user, [request], json!({ "membership_id": buyer.membership }))
            }
            "replaceVendor" => {
                let (request, order) = self.ordered().await;
                vendor.decline(&order).await.expect(200);
                by(&office.officer, [request], json!({ "order_id": order }))
            }
            "cancelOrder" | "declineOrder" | "proposeOrderChange" => {
                let (_, order) = self.ordered().await;
                by(&vendor.owner, [order], nothing)
            }
            "rejectOrderChange" => {
                let (_, order) = self.ordered().await;
                let path = format!("/api/v1/orders/{order}/actions/propose-change");
                let body = json!({ "brand": "Merek setara", "reason": "Merek semula tidak diproduksi lagi" });
                let change = vendor.owner.post(&path, body).await.expect(201).id();
                by(&office.approver, [order, change], nothing)
            }
            other => panic!("{other} has no scene: add one"),
        }
    }
}

/// The path with ids in the places of its names.
fn filled(path: &str, ids: &[String]) -> String {
    let mut ids = ids.iter().map(String::as_str);
    let mut next = || ids.next().expect("the scene has an id for each name of the path");
    let parts = path.split('/').map(|part| if part.starts_with('{') { next() } else { part });
    parts.collect::<Vec<_>>().join("/")
}
