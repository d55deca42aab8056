//! Who sets the rules and who stands in for whom: values with a legal basis and a day, and deputies by letter.
use crate::support::purchase::{Office, line};
use crate::support::{Answer, Caller, PASSWORD, TestApp};
use chrono::{DateTime, TimeDelta, Utc};
use lokapasar::accounts;
use lokapasar::kernel::{Ctx, MembershipId, OrganisationId, Realm, Role};
use serde_json::{Value, json};

const POLICIES: &str = "/api/v1/policies";
const DEPUTIES: &str = "/api/v1/deputies";
/// How many offers are compared: two by the platform's value.
const OFFERS: &str = "negotiation.prompt_from";
/// Up to which value goods are bought directly: Rp200 million, by law.
const LIMIT: &str = "limit.direct.goods";
const FAR: &str = "2035-12-31";

fn value(key: &str, value: &str, valid_from: &str) -> Value {
    json!({ "key": key, "value": value, "valid_from": valid_from, "legal_basis": "Keputusan Bupati 100/2034",
        "note": "Perbandingan lebih luas" })
}

fn value_for(agency: OrganisationId, key: &str, text: &str, valid_from: &str) -> Value {
    let mut body = value(key, text, valid_from);
    body["agency_id"] = json!(agency);
    body
}

async fn end_value(who: &Caller, id: &str, valid_to: &str) -> Answer {
    let body = json!({ "valid_to": valid_to, "reason": "Diganti oleh keputusan baru" });
    who.post(&format!("{POLICIES}/{id}/actions/end"), body).await
}

/// The values of a key that a list shows to anyone.
async fn values(app: &TestApp, query: &str, key: &str) -> Vec<String> {
    let items = app.anonymous().get(&format!("{POLICIES}?{query}")).await.expect(200).items();
    let of_key = items.iter().filter(|item| item["key"] == key);
    of_key.map(|item| item["value"].as_str().unwrap().to_owned()).collect()
}

/// A refusal with exactly these faults.
#[track_caller]
fn faulty(answer: Answer, expected: &[(&str, &str)]) {
    let found = answer.expect_problem(422, "invalid_input").faults();
    let found: Vec<_> = found.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
    assert_eq!(found, expected);
}

/// A day in Jakarta by the sandbox's clock, counted from today.
async fn day(who: &Caller, from_today: i64) -> String {
    let now: DateTime<Utc> = who.get("/api/v1/sandbox/clock").await.expect(200).text("/now").parse().unwrap();
    (now + TimeDelta::hours(7 + 24 * from_today)).date_naive().to_string()
}

async fn member(app: &TestApp, office: &Office, role: Role) -> Caller {
    app.member(Some(office.agency), role, &[office.unit]).await
}

/// An office with the budget user at its head.
async fn house() -> (TestApp, Office, Caller) {
    let app = TestApp::start().await;
    let office = app.office().await;
    let head = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    (app, office, head)
}

/// The same, and a pen that asks for one approval.
async fn house_and_pen() -> (TestApp, Office, Caller, String) {
    let (app, office, head) = house().await;
    let pen = app.made(&app.vendor().await, "2000000.00").await;
    (app, office, head, pen)
}

fn id(who: &Caller) -> MembershipId {
    who.membership.expect("a membership")
}

fn letter(officer: MembershipId, person: MembershipId, valid_from: &str, valid_to: &str) -> Value {
    json!({ "officer_id": officer, "person_id": person, "kind": "plh", "valid_from": valid_from, "valid_to": valid_to,
        "letter_number": "821/031/2035" })
}

/// Appoints a person as an officer's deputy from today on, and logs in as that deputy.
async fn stand_in(app: &TestApp, head: &Caller, person: &Caller, officer: &Caller) -> Caller {
    let body = letter(id(officer), id(person), &day(head, 0).await, FAR);
    let deputy = head.post(DEPUTIES, body).await.expect(201).id().parse().map(MembershipId);
    app.log_in(person.user.unwrap(), &person.contact, Some(deputy.expect("an id"))).await
}

async fn end_deputy(who: &Caller, deputy: &Caller) -> Answer {
    who.act(&format!("{DEPUTIES}/{}/actions/end", id(deputy))).await
}

fn page(request: &str) -> String {
    format!("/api/v1/requests/{request}")
}

async fn submit_as(who: &Caller, request: &str) -> Answer {
    who.act(&format!("{}/actions/submit", page(request))).await
}

// Policies.

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_user_sets_a_value_of_the_own_agency_from_a_coming_day() {
    let (app, Office { agency, .. }, head) = house().await;
    let (neighbour, _) = app.agency().await;
    let set = head.post(POLICIES, value(OFFERS, "30000000", "2035-01-01")).await.expect(201);
    let shown = app.anonymous().get(&format!("{POLICIES}/{}", set.id())).await.expect(200);
    assert_eq!(shown.body, set.body);
    let mut told = shown.body;
    assert_ne!(told["set_at"].take(), Value::Null);
    let expected = json!({ "id": set.id(), "key": OFFERS, "value": "30000000", "unit": "IDR", "agency_id": agency,
        "valid_from": "2035-01-01", "valid_to": null, "legal_basis": "Keputusan Bupati 100/2034", "note": "Perbandingan lebih luas",
        "set_by": { "membership_id": head.membership, "role": "budget_user", "organisation_id": agency },
        "set_at": null, "end_reason": null, "version": 1 });
    assert_eq!(told, expected);
    for (query, value) in [
        (format!("agency_id={agency}&at=2034-12-31"), "50000000"),
        (format!("agency_id={agency}&at=2035-01-01"), "30000000"),
        (format!("agency_id={neighbour}&at=2035-01-01"), "50000000"),
        ("at=2035-01-01".to_owned(), "50000000"),
        (format!("key={OFFERS}"), "50000000"),
    ] {
        assert_eq!(values(&app, &query, OFFERS).await, [value], "{query}");
    }
    assert_eq!(
        values(&app, &format!("key={OFFERS}&agency_id={agency}"), OFFERS).await,
        ["50000000", "30000000"]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_value_follows_the_day_after_the_first_was_ended() {
    let (app, Office { agency, .. }, head) = house().await;
    let first = head.post(POLICIES, value(OFFERS, "30000000", "2035-01-01")).await.expect(201).id();
    for day in ["2035-01-01", "2036-01-01"] {
        head.post(POLICIES, value(OFFERS, "40000000", day)).await.expect_problem(409, "policy_overlaps");
    }
    let ended = end_value(&head, &first, "2035-06-30").await.expect(200);
    let told = ["/value", "/valid_to", "/end_reason", "/version"].map(|field| ended.text(field));
    assert_eq!(told, ["30000000", "2035-06-30", "Diganti oleh keputusan baru", "2"]);
    head.post(POLICIES, value(OFFERS, "40000000", "2035-06-30")).await.expect_problem(409, "policy_overlaps");
    head.post(POLICIES, value(OFFERS, "40000000", "2035-07-01")).await.expect(201);
    for (day, value) in [("2035-06-30", "30000000"), ("2035-07-01", "40000000")] {
        assert_eq!(values(&app, &format!("agency_id={agency}&at={day}"), OFFERS).await, [value]);
    }
    // Neither longer than it was to hold, nor to a day before it began.
    faulty(end_value(&head, &first, "2035-07-31").await, &[("#/valid_to", "validity_invalid")]);
    faulty(end_value(&head, &first, "2034-12-31").await, &[("#/valid_to", "validity_invalid")]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_value_is_told_all_at_once() {
    let (app, Office { agency, .. }, head) = house().await;
    let admin = app.admin().await;
    let mut unknown = value_for(agency, "negotiation.prompt_up_to", "30000000", "2021-06-01");
    unknown["valid_to"] = json!("2021-01-01");
    let days = [("#/valid_from", "day_passed"), ("#/valid_to", "validity_invalid")];
    let with = |first: (&'static str, &'static str)| [first, days[0], days[1]];
    faulty(admin.post(POLICIES, unknown).await, &with(("#/key", "unknown_reference")));
    let mut wordy = value(OFFERS, "three", "2021-06-01");
    wordy["valid_to"] = json!("2021-01-01");
    faulty(head.post(POLICIES, wordy).await, &with(("#/value", "policy_value_invalid")));
    let steps = r#"[{"up_to":null,"roles":["treasurer"]}]"#;
    let unfit = admin.post(POLICIES, value_for(agency, "approval.steps", steps, "2035-01-01")).await;
    faulty(unfit, &[("#/value", "policy_value_invalid")]);
    assert_eq!(app.count("SELECT count(*) FROM policies WHERE agency_id IS NOT NULL").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_set_and_ended_by_whose_it_is_alone() {
    let (app, Office { agency, .. }, head) = house().await;
    let ((neighbour, _), admin) = (app.agency().await, app.admin().await);
    faulty(head.post(POLICIES, value(LIMIT, "1", "2035-01-01")).await, &[("#/key", "policy_not_yours")]);
    let elsewhere = head.post(POLICIES, value_for(neighbour, OFFERS, "30000000", "2035-01-01")).await;
    faulty(elsewhere, &[("#/agency_id", "unknown_reference")]);
    // The platform's values are every realm's.
    let whole = admin.post(POLICIES, value(OFFERS, "30000000", "2035-01-01")).await;
    faulty(whole, &[("#/agency_id", "policy_not_yours")]);
    let ctx = Ctx::system(Realm::Live, "test");
    let made = app.app.db.transaction(Realm::Live, async |tx| {
        Ok(accounts::create_agency(tx, &ctx, "Pemerintah Kota Lain", "L900", "Asia/Jakarta").await?.id)
    });
    let live = made.await.expect("an agency can be made");
    let abroad = admin.post(POLICIES, value_for(live, OFFERS, "30000000", "2035-01-01")).await;
    faulty(abroad, &[("#/agency_id", "unknown_reference")]);
    let limit = admin.post(POLICIES, value_for(agency, LIMIT, "50000000", "2035-01-01")).await.expect(201);
    assert_eq!([limit.text("/set_by/role"), limit.text("/value")], ["admin", "50000000"]);
    end_value(&head, &limit.id(), "2035-12-31").await.expect_problem(422, "policy_not_yours");
    let known =
        app.anonymous().get(&format!("{POLICIES}?key={OFFERS}")).await.expect(200).text("/items/0/id");
    let theirs =
        admin.post(POLICIES, value_for(neighbour, OFFERS, "30000000", "2035-01-01")).await.expect(201).id();
    for (who, value) in [(&head, &known), (&admin, &known), (&head, &theirs)] {
        end_value(who, value, "2035-12-31").await.expect_problem(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_admin_sets_the_value_of_the_platform() {
    let app = TestApp::start_in(Realm::Live, |_| {}).await;
    let admin = app.admin().await;
    let known = app.anonymous().get(&format!("{POLICIES}?key={LIMIT}")).await.expect(200);
    assert_eq!(known.items().len(), 1);
    assert_eq!(known.body["items"][0]["set_by"], Value::Null);
    let next = || value(LIMIT, "300000000", "2035-01-01");
    admin.post(POLICIES, next()).await.expect_problem(409, "policy_overlaps");
    end_value(&admin, &known.text("/items/0/id"), "2034-12-31").await.expect(200);
    let set = admin.post(POLICIES, next()).await.expect(201);
    assert_eq!([set.text("/agency_id"), set.text("/unit"), set.text("/set_by/role")], ["", "IDR", "admin"]);
    assert_eq!(set.body["set_by"]["membership_id"], json!(admin.membership));
    for (day, value) in [("2034-12-31", "200000000"), ("2035-01-01", "300000000")] {
        assert_eq!(values(&app, &format!("at={day}"), LIMIT).await, [value]);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_the_values_that_it_was_submitted_under() {
    let (app, office, head, pen) = house_and_pen().await;
    let request = office.submitted(vec![line(&pen, "1")]).await;
    let used = office.show(&request).await.body["policy_versions"].clone();
    let versions = used.as_object().expect("ids by key");
    assert!(versions.contains_key(OFFERS) && versions.contains_key("approval.steps"), "{used}");
    for (key, id) in versions {
        let shown = app.anonymous().get(&format!("{POLICIES}/{}", id.as_str().unwrap())).await.expect(200);
        assert_eq!(shown.text("/key"), *key);
    }
    let set = head.post(POLICIES, value(OFFERS, "30000000", &day(&head, 1).await)).await.expect(201).id();
    app.move_clock(24).await;
    assert_eq!(office.show(&request).await.body["policy_versions"], used);
    let shown = office.show(&office.submitted(vec![line(&pen, "1")]).await).await;
    assert_eq!(shown.body["policy_versions"][OFFERS], json!(set));
    assert_eq!(shown.body["policy_versions"]["approval.steps"], used["approval.steps"]);
    app.finish().await;
}

// Deputies.

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_approves_in_the_place_of_the_officer_who_was_named() {
    let (app, office, head, pen) = house_and_pen().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let deputy = stand_in(&app, &head, &receiver, &office.approver).await;
    let colleague = member(&app, &office, Role::CommitmentOfficer).await;
    let of_colleague = stand_in(&app, &head, &member(&app, &office, Role::Receiver).await, &colleague).await;
    let request = office.submitted(vec![line(&pen, "1")]).await;
    for other in [&colleague, &of_colleague] {
        office.approve_as(other, &request).await.expect_problem(422, "officer_not_suitable");
    }
    assert!(deputy.get(&page(&request)).await.expect(200).may("approve"));
    office.approve_as(&deputy, &request).await.expect(200);
    let own = office.submitted(vec![line(&pen, "1")]).await;
    office.approve(&own).await.expect(200);
    let (officer, nobody) = (json!(office.approver.membership), Value::Null);
    for (request, who, place) in [(&request, &deputy, &officer), (&own, &office.approver, &nobody)] {
        let approvals = office.show(request).await.body["approvals"].clone();
        assert_eq!(approvals.as_array().unwrap().len(), 1);
        assert_eq!(approvals[0]["membership_id"], json!(who.membership));
        assert_eq!(approvals[0]["deputy_for"], *place);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_works_at_the_desk_of_the_procurement_officer() {
    let (app, office, head, pen) = house_and_pen().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let deputy = stand_in(&app, &head, &receiver, &office.officer).await;
    let colleague = member(&app, &office, Role::ProcurementOfficer).await;
    let request = office.draft(vec![line(&pen, "1")]).await;
    let title = json!({ "title": "Alat tulis rapat kerja" });
    colleague.change(&page(&request), title.clone()).await.expect_problem(422, "officer_not_suitable");
    let changed = deputy.change(&page(&request), title.clone()).await.expect(200);
    assert_eq!(changed.text("/title"), "Alat tulis rapat kerja");
    let submitted = submit_as(&deputy, &request).await.expect(200);
    assert_eq!(submitted.text("/status"), "pending_approval");
    assert_eq!(submitted.body["officer_id"], json!(office.officer.membership));
    // What the deputy begins is the officer's as well.
    let begun = deputy.post("/api/v1/requests", office.draft_body(vec![line(&pen, "1")])).await.expect(201);
    assert_eq!(begun.body["officer_id"], json!(office.officer.membership));
    office.officer.change(&page(&begun.id()), title).await.expect(200);
    office.submit(&begun.id()).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_deputises_for_an_officer_whose_duty_the_own_role_excludes() {
    let (app, office, head) = house().await;
    let receiver = id(&member(&app, &office, Role::Receiver).await);
    let verifier = id(&member(&app, &office, Role::PaymentVerifier).await);
    let today = day(&head, 0).await;
    for (officer, person, code) in [
        (id(&office.approver), office.treasurer, "pair_commitment_treasurer"),
        (office.treasurer, receiver, "pair_receiver_treasurer"),
        (id(&office.officer), verifier, "pair_officer_payment_verifier"),
    ] {
        head.post(DEPUTIES, letter(officer, person, &today, FAR)).await.expect_problem(422, code);
    }
    assert!(head.get(DEPUTIES).await.expect(200).items().is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deputises_for_a_commitment_officer_becomes_treasurer_only_afterwards() {
    let (app, office, head) = house().await;
    let requester = member(&app, &office, Role::Requester).await;
    let deputy = stand_in(&app, &head, &requester, &office.approver).await;
    let body = json!({ "contact": requester.contact, "role": "treasurer", "letter_number": "821/041/2035",
        "unit_ids": [office.unit], "valid_from": day(&head, 0).await });
    let invitation = head.post("/api/v1/invitations", body).await.expect(201).id();
    let token = app.token_sent_to(&requester.contact).await;
    let path = format!("/api/v1/invitations/{invitation}/actions/accept");
    let accept = || requester.post(&path, json!({ "token": token }));
    accept().await.expect_problem(422, "pair_commitment_treasurer");
    end_deputy(&head, &deputy).await.expect(200);
    assert_eq!(accept().await.expect(200).text("/role"), "treasurer");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_of_both_officers_does_not_buy_and_approve_on_one_package() {
    let (app, office, head, pen) = house_and_pen().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let buys = stand_in(&app, &head, &receiver, &office.officer).await;
    let decides = stand_in(&app, &head, &receiver, &office.approver).await;
    let first = office.draft(vec![line(&pen, "1")]).await;
    submit_as(&buys, &first).await.expect(200);
    let second = office.submitted(vec![line(&pen, "1")]).await;
    for request in [&first, &second] {
        office.approve_as(&decides, request).await.expect_problem(422, "pair_procurement_commitment");
    }
    office.approve(&first).await.expect(200);
    // On another package the deputy decides, and buys there no more.
    let (package, budget_line) = app.package(office.agency, office.unit, "150000000", "150000000").await;
    let elsewhere = || json!({ "package_id": package, "budget_line_id": budget_line });
    let third = office.draft_with(vec![line(&pen, "1")], elsewhere()).await;
    office.submit(&third).await.expect(200);
    office.approve_as(&decides, &third).await.expect(200);
    let fourth = office.draft_with(vec![line(&pen, "1")], elsewhere()).await;
    let refused = submit_as(&buys, &fourth).await;
    faulty(refused, &[("#/package_id", "pair_procurement_commitment")]);
    office.submit(&fourth).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_acts_from_the_first_day_of_the_term_to_its_last() {
    let (app, office, head) = house().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let (from, to) = (day(&head, 2).await, day(&head, 3).await);
    let body = letter(id(&office.approver), id(&receiver), &from, &to);
    let deputy = head.post(DEPUTIES, body).await.expect(201).id();
    let guest = app.anonymous();
    let log_in = || {
        let body = json!({ "contact": receiver.contact, "password": PASSWORD, "membership_id": deputy });
        guest.post("/api/v1/auth/sessions", body)
    };
    faulty(log_in().await, &[("#/membership_id", "unknown_reference")]);
    app.move_clock(48).await;
    let logged_in = log_in().await.expect(200);
    assert_eq!(logged_in.text("/membership/role"), "commitment_officer");
    let mut acting = app.anonymous();
    acting.token = Some(logged_in.text("/access_token"));
    acting.get("/api/v1/requests").await.expect(200);
    app.move_clock(48).await;
    acting.get("/api/v1/requests").await.expect_problem(401, "invalid_token");
    faulty(log_in().await, &[("#/membership_id", "unknown_reference")]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_that_is_ended_stops_at_once_and_stays_in_the_list() {
    let (app, office, head) = house().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let buys = stand_in(&app, &head, &receiver, &office.officer).await;
    let decides = stand_in(&app, &head, &receiver, &office.approver).await;
    let (stranger, _) = app.agency().await;
    let neighbour = app.member(Some(stranger), Role::BudgetUser, &[]).await;
    end_deputy(&neighbour, &decides).await.expect_problem(404, "not_found");
    end_deputy(&head, &office.approver).await.expect_problem(404, "not_found");
    assert_ne!(end_deputy(&head, &decides).await.expect(200).text("/ended_at"), "");
    decides.get("/api/v1/requests").await.expect_problem(401, "invalid_token");
    buys.get("/api/v1/requests").await.expect(200);
    end_deputy(&head, &decides).await.expect_problem(409, "illegal_transition");
    // The newest first, for the agency's own people.
    let listed = buys.get(DEPUTIES).await.expect(200).items();
    let own = [(&decides, &office.approver), (&buys, &office.officer)];
    assert_eq!(listed.len(), own.len());
    for (item, (deputy, officer)) in listed.iter().zip(own) {
        let shown = ["id", "officer_id", "kind"].map(|field| item[field].clone());
        assert_eq!(shown, [json!(deputy.membership), json!(officer.membership), json!("plh")]);
    }
    assert!(neighbour.get(DEPUTIES).await.expect(200).items().is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_names_the_wrong_people_or_days_is_refused() {
    let (app, office, head) = house().await;
    let (officer, approver) = (id(&office.officer), id(&office.approver));
    let receiver = member(&app, &office, Role::Receiver).await;
    let deputy = id(&stand_in(&app, &head, &receiver, &office.approver).await);
    let (stranger, _) = app.agency().await;
    let foreign = id(&app.member(Some(stranger), Role::Receiver, &[]).await);
    let (today, yesterday) = (day(&head, 0).await, day(&head, -1).await);
    let appoint = |of: MembershipId, person: MembershipId, from: &str, to: &str| {
        head.post(DEPUTIES, letter(of, person, from, to))
    };
    let own_and_late = [("#/person_id", "officer_not_suitable"), ("#/valid_to", "day_passed")];
    faulty(appoint(approver, approver, "2021-01-01", &yesterday).await, &own_and_late);
    faulty(appoint(officer, id(&receiver), FAR, "2035-12-30").await, &[("#/valid_to", "validity_invalid")]);
    faulty(appoint(deputy, id(&receiver), &today, FAR).await, &[("#/officer_id", "unknown_reference")]);
    faulty(appoint(foreign, id(&receiver), &today, FAR).await, &[("#/officer_id", "unknown_reference")]);
    faulty(appoint(officer, foreign, &today, FAR).await, &[("#/person_id", "unknown_reference")]);
    appoint(approver, id(&receiver), &today, FAR).await.expect_problem(409, "membership_taken");
    let unit = app.another_unit(office.agency).await;
    let of_unit = app.member(Some(office.agency), Role::BudgetUser, &[unit]).await;
    let body = letter(officer, id(&receiver), &today, FAR);
    of_unit.post(DEPUTIES, body).await.expect_problem(403, "unit_not_covered");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deputy_is_told_what_the_officer_is_told() {
    let (app, office, head, pen) = house_and_pen().await;
    let receiver = member(&app, &office, Role::Receiver).await;
    let colleague = member(&app, &office, Role::CommitmentOfficer).await;
    let deputy = stand_in(&app, &head, &receiver, &office.approver).await;
    for contact in [&office.approver.contact, &receiver.contact] {
        let mails = app.told(contact).await;
        assert_eq!(mails.len(), 1, "{contact}");
        assert_eq!(mails[0].subject, "Penunjukan pelaksana bagi pejabat pembuat komitmen");
        assert!(["821/031/2035", "31-12-2035"].iter().all(|words| mails[0].text.contains(words)));
    }
    office.submitted(vec![line(&pen, "1")]).await;
    let told = async |who: &Caller, words: &str| {
        app.told(&who.contact).await.iter().filter(|mail| mail.subject.contains(words)).count()
    };
    for (who, mails) in [(&office.approver, 1), (&receiver, 1), (&colleague, 0)] {
        assert_eq!(told(who, "menunggu persetujuan").await, mails, "{}", who.contact);
    }
    end_deputy(&head, &deputy).await.expect(200);
    assert_eq!(told(&office.approver, "berakhir").await, 1);
    office.submitted(vec![line(&pen, "1")]).await;
    for (who, mails) in [(&office.approver, 2), (&receiver, 1)] {
        assert_eq!(told(who, "menunggu persetujuan").await, mails, "{}", who.contact);
    }
    app.finish().await;
}
