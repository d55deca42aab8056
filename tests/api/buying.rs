//! Buying with care: what budgets hold, who may decide what, which clocks run, what an approval covers.
use crate::support::purchase::{Office, line, line_with, slot};
use crate::support::trade::{PENS, Vendor};
use crate::support::{Answer, Caller, TestApp};
use lokapasar::kernel::{OrganisationId, Role};
use lokapasar::packages::{self, ImportTarget};
use serde_json::{Value, json};

/// The account of an office's budget line, and another one.
const ACCOUNT: &str = "1.01.01.1.01.0001.5.1.02.01.01.0024.";
const OWN_ACCOUNT: &str = "1.01.01.1.01.0001.5.1.02.01.01.0024.";
const OTHER_ACCOUNT: &str = "1.01.01.1.01.0001.5.1.02.01.01.0025.";

fn page(request: &str) -> String {
    format!("/api/v1/requests/{request}")
}

fn turn(request: &str, verb: &str) -> String {
    format!("/api/v1/requests/{request}/actions/{verb}")
}

/// Approves what the caller reads.
async fn approve(who: &Caller, request: &str) -> Answer {
    let hash = who.get(&page(request)).await.expect(200).text("/content_hash");
    who.post(&turn(request, "approve"), json!({ "content_hash": hash })).await
}

/// A request that was submitted and approved.
async fn ordered(office: &Office, lines: Vec<Value>) -> String {
    let request = office.submitted(lines).await;
    approve(&office.approver, &request).await.expect(200);
    request
}

async fn seen(office: &Office, order: &str) -> Answer {
    office.officer.get(&format!("/api/v1/orders/{order}")).await.expect(200)
}

async fn propose(vendor: &Vendor, order: &str, mut change: Value) -> Answer {
    change["reason"] = json!("Merek semula tidak diproduksi lagi");
    vendor.owner.post(&format!("/api/v1/orders/{order}/actions/propose-change"), change).await
}

/// A submission that one rule alone refuses.
async fn refused(office: &Office, request: &str, pointer: &str, code: &str) {
    let answer = office.submit(request).await.expect_problem(422, "invalid_input");
    assert_eq!(answer.faults(), [(pointer.to_owned(), code.to_owned())]);
}

/// A refusal with this code, as such or as one of its faults.
#[track_caller]
fn refused_for(answer: &Answer, code: &str) {
    let told = answer.code() == code || answer.faults().iter().any(|(_, fault)| fault == code);
    assert!((400..500).contains(&answer.status) && told, "{} {}", answer.status, answer.body);
}

/// The same person, logged in for a further role in the office.
async fn hat(app: &TestApp, office: &Office, person: &Caller, role: Role) -> Caller {
    let user = person.user.unwrap();
    let membership = app.grant(user, Some(office.agency), role, &[office.unit]).await;
    app.log_in(user, &person.contact, Some(membership)).await
}

/// The office with another officer at its desk.
fn desk(office: &Office, officer: &Caller) -> Office {
    Office {
        officer: officer.clone(),
        approver: office.approver.clone(),
        package: office.package.clone(),
        budget_line: office.budget_line.clone(),
        ..*office
    }
}

async fn read_plan(app: &TestApp, agency: OrganisationId, as_fiscal_year: Option<i32>, file: &str) {
    let (ctx, target) = (app.system(), ImportTarget { agency, as_fiscal_year });
    let read = app.app.db.transaction(app.realm(), async |tx| {
        Ok(packages::import_packages(tx, &ctx, target, file.as_bytes()).await?)
    });
    assert_eq!(read.await.expect("the plan is read").refused, 0);
}

async fn read_budget(app: &TestApp, agency: OrganisationId, file: &str) {
    let (ctx, target) = (app.system(), ImportTarget { agency, as_fiscal_year: None });
    let read = app.app.db.transaction(app.realm(), async |tx| {
        Ok(packages::import_budget_lines(tx, &ctx, target, file.as_bytes()).await?)
    });
    assert_eq!(read.await.expect("the budget is read").refused, 0);
}

/// Imports the budget of the office's package anew: one line.
async fn revise_budget(app: &TestApp, office: &Office, account: &str, ceiling: &str) {
    let code = package(office).await.text("/rup_code");
    let file = format!("rup_code,ceiling,account_text,fund_source\n{code},{ceiling},{account},APBD\n");
    read_budget(app, office.agency, &file).await;
}

async fn package(office: &Office) -> Answer {
    office.officer.get(&format!("/api/v1/packages/{}", office.package)).await.expect(200)
}

async fn budget_lines(office: &Office) -> Vec<Value> {
    let path = format!("/api/v1/budget-lines?package_id={}", office.package);
    office.officer.get(&path).await.expect(200).items()
}

/// The office's own line among those of its package: ceiling, shortfall, what is left.
fn own_line(lines: &[Value], office: &Office) -> [String; 3] {
    let own = lines.iter().find(|line| line["id"] == office.budget_line).expect("the line is still there");
    ["ceiling", "shortfall", "available"].map(|field| own[field].as_str().unwrap().to_owned())
}

fn days(answer: &Answer) -> Vec<String> {
    let slots = answer.body["lines"][0]["slots"].as_array().unwrap();
    slots.iter().map(|slot| slot["day"].as_str().unwrap().to_owned()).collect()
}

/// How many mails with these words in their subject were sent to somebody.
async fn told(app: &TestApp, who: &Caller, words: &str) -> usize {
    app.told(&who.contact).await.iter().filter(|mail| mail.subject.contains(words)).count()
}

// Budgets.

#[tokio::test(flavor = "multi_thread")]
async fn a_revised_budget_line_stays_the_line_that_holds_the_money() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("90000000", "5000000").await;
    ordered(&office, vec![line(&pen, "1")]).await;
    let pending = office.submitted(vec![line(&pen, "1")]).await;
    revise_budget(&app, &office, ACCOUNT, "3000000").await;
    let lines = budget_lines(&office).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(own_line(&lines, &office), ["3000000.00", "1000000.00", "0.00"]);
    // What is new is refused, what is under way goes on.
    let next = office.draft(vec![line(&pen, "1")]).await;
    refused(&office, &next, "#/budget_line_id", "budget_exceeded").await;
    approve(&office.approver, &pending).await.expect(200);
    // Raised again, it has room for one more.
    revise_budget(&app, &office, ACCOUNT, "6000000").await;
    assert_eq!(own_line(&budget_lines(&office).await, &office), ["6000000.00", "0.00", "2000000.00"]);
    office.submit(&next).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_line_that_vanished_shows_all_that_it_holds_as_shortfall() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("90000000", "5000000").await;
    ordered(&office, vec![line(&pen, "1")]).await;
    office.submitted(vec![line(&pen, "1")]).await;
    revise_budget(&app, &office, OTHER_ACCOUNT, "1000000").await;
    let lines = budget_lines(&office).await;
    assert_eq!(lines.len(), 2);
    assert_eq!(own_line(&lines, &office), ["0.00", "4000000.00", "0.00"]);
    let next = office.draft(vec![line(&pen, "1")]).await;
    refused(&office, &next, "#/budget_line_id", "budget_exceeded").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_lines_that_hold_money_are_revised_together_back_and_forth() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("90000000", "5000000").await;
    let code = package(&office).await.text("/rup_code");
    let read = async |ceilings: [u32; 2]| {
        let rows = ceilings.map(|ceiling| format!("{code},{ceiling},{OWN_ACCOUNT},APBD\n")).concat();
        read_budget(&app, office.agency, &format!("rup_code,ceiling,account_text,fund_source\n{rows}")).await;
        let lines = budget_lines(&office).await;
        let mut shown: Vec<_> =
            lines.iter().map(|line| line["ceiling"].as_str().unwrap().to_owned()).collect();
        shown.sort();
        shown
    };
    assert_eq!(read([5_000_000, 6_000_000]).await, ["5000000.00", "6000000.00"]);
    for line_id in budget_lines(&office).await.iter().map(|line| line["id"].clone()) {
        let draft = office.draft_with(vec![line(&pen, "1")], json!({ "budget_line_id": line_id })).await;
        office.submit(&draft).await.expect(200);
    }
    assert_eq!(read([3_000_000, 3_000_000]).await, ["3000000.00", "3000000.00"]);
    assert_eq!(read([5_000_000, 6_000_000]).await, ["5000000.00", "6000000.00"]);
    assert_eq!(read([3_000_000, 3_000_000]).await, ["3000000.00", "3000000.00"]);
    revise_budget(&app, &office, OTHER_ACCOUNT, "1000000").await;
    let held: Vec<_> = budget_lines(&office)
        .await
        .iter()
        .map(|line| line["shortfall"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(held.iter().filter(|held| *held == "2000000.00").count(), 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_whose_budget_line_ended_can_be_edited_and_not_submitted() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "1")]).await;
    revise_budget(&app, &office, OTHER_ACCOUNT, "90000000").await;
    let title = json!({ "title": "Alat tulis bulan depan" });
    let changed = office.officer.change(&page(&request), title).await.expect(200);
    assert_eq!(changed.text("/title"), "Alat tulis bulan depan");
    let answer = office.submit(&request).await.expect_problem(422, "invalid_input");
    let places: Vec<_> = answer.faults().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["#/budget_line_id"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budget_lines_go_to_the_plan_of_the_year_that_their_row_names() {
    let app = TestApp::start().await;
    let (agency, _) = app.agency().await;
    let plan = "kd_rup,kd_satker,nama_paket,pagu,metode_pengadaan,jenis_pengadaan,tahun_anggaran\n\
                1,9,Belanja ATK,1000,E-Purchasing,Barang,2024\n";
    read_plan(&app, agency, None, plan).await;
    read_plan(&app, agency, Some(2035), plan).await;
    let auditor = app.member(Some(agency), Role::Auditor, &[]).await;
    let own = auditor.get("/api/v1/packages?fiscal_year=2024").await.expect(200).text("/items/0/id");
    for column in ["tahun_anggaran", "fiscal_year"] {
        let file = format!("kd_rup,pagu,mak,sumber_dana,{column}\n1,1000,5.1.02.01.01.0024,APBD,2024\n");
        read_budget(&app, agency, &file).await;
        let lines = auditor.get("/api/v1/budget-lines").await.expect(200);
        assert_eq!(lines.items().len(), 1, "{column}");
        let place = ["fiscal_year", "package_id"].map(|field| lines.text(&format!("/items/0/{field}")));
        assert_eq!(place, ["2024", own.as_str()], "{column}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lapsed_reservation_held_can_be_had_without_the_worker() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.product(&vendor, "20000.00", 100).await;
    let office = app.office_with("5000000", "5000000").await;
    let request = office.draft(vec![line(&pen, "100")]).await;
    let due = office.submit(&request).await.expect(200).text("/approval_due_at");
    let left = async || {
        let [_, _, of_line] = own_line(&budget_lines(&office).await, &office);
        [package(&office).await.text("/available"), of_line]
    };
    let take = async || {
        let movement = json!({ "direction": "take", "quantity": "60", "reason": "Rusak kena banjir" });
        vendor.owner.post(&format!("/api/v1/products/{pen}/actions/adjust-stock"), movement).await
    };
    assert_eq!(left().await, ["3000000.00", "3000000.00"]);
    take().await.expect_problem(409, "stock_below_reserved");
    app.set_clock(&due).await;
    assert_eq!(left().await, ["5000000.00", "5000000.00"]);
    assert_eq!(take().await.expect(200).text("/on_hand"), "40");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_request_is_not_judged_by_its_own_reservation() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office_with("2000000", "2000000").await;
    let pending = office.submitted(vec![line(&pen, "1")]).await;
    let another = office.draft(vec![line(&pen, "1")]).await;
    let exceeded = async |request: &str| {
        let body = json!({ "request_id": request });
        let answer = office.officer.post("/api/v1/policy-checks", body).await.expect(200);
        let checks = answer.body["checks"].as_array().unwrap().clone();
        let codes = checks.iter().filter_map(|check| check["code"].as_str());
        codes.filter(|code| code.ends_with("_exceeded")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(exceeded(&pending).await, [""; 0]);
    assert_eq!(exceeded(&another).await, ["package_ceiling_exceeded", "budget_exceeded"]);
    app.finish().await;
}

// Limits.

#[tokio::test(flavor = "multi_thread")]
async fn purchases_on_one_package_are_summed_up_as_the_limit_counts_them() {
    let app = TestApp::start().await;
    let vendor = app.vat_vendor().await;
    let office = app.office_with("400000000", "400000000").await;
    let (much, fits, over) = (
        app.made(&vendor, "100000000.00").await,
        app.made(&vendor, "95000000.00").await,
        app.made(&vendor, "5000001.00").await,
    );
    office.submitted(vec![line(&much, "1")]).await;
    let second = office.draft(vec![line(&fits, "1")]).await;
    // 111 and 105.45 million with VAT, 195 million without.
    refused(&office, &second, "#/package_id", "split_forbidden").await;
    app.policy(office.agency, "limit.includes_vat", "false", "flag").await;
    office.submit(&second).await.expect(200);
    let third = office.draft(vec![line(&over, "1")]).await;
    refused(&office, &third, "#/package_id", "split_forbidden").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_vendor_declined_was_not_bought() {
    let app = TestApp::start().await;
    let (pens, pencils) = (app.vendor().await, app.vendor().await);
    let (pen, pencil) = (app.made(&pens, "2000000.00").await, app.made(&pencils, "2000000.00").await);
    let office = app.office().await;
    let (package, budget_line) = app.package(office.agency, office.unit, "150000000", "150000000").await;
    let first = ordered(&office, vec![line(&pen, "1"), line(&pencil, "1")]).await;
    let orders = office.orders(&first).await;
    let of = |vendor: &Vendor| {
        let own = orders.iter().find(|order| order["vendor_id"] == vendor.id.to_string()).unwrap();
        own["id"].as_str().unwrap().to_owned()
    };
    let elsewhere = json!({ "package_id": package, "budget_line_id": budget_line, "split_reason": null });
    let again = office.draft_with(vec![line(&pen, "1")], elsewhere).await;
    refused(&office, &again, "#/split_reason", "split_reason_required").await;
    pens.decline(&of(&pens)).await.expect(200);
    refused(&office, &again, "#/split_reason", "split_reason_required").await;
    pencils.decline(&of(&pencils)).await.expect(200);
    office.submit(&again).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_capacity_that_was_lowered_below_what_is_booked_stays_lowered() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let daily = json!({ "availability": "capacity_per_day", "capacity_per_day": "10" });
    let meal = app.goods(&vendor, PENS, "300000.00", daily).await;
    let office = app.office().await;
    let on = |quantity: &str| vec![line_with(&meal, quantity, vec![slot("2035-06-25", quantity)])];
    let booked = office.submitted(on("8")).await;
    let lower = json!({ "capacity_per_day": "5" });
    vendor.owner.change(&format!("/api/v1/products/{meal}"), lower).await.expect(200);
    let (six, five) = (office.draft(on("6")).await, office.draft(on("5")).await);
    office.submit(&five).await.expect_problem(409, "capacity_exceeded");
    office.officer.act(&turn(&booked, "withdraw")).await.expect(200);
    office.submit(&six).await.expect_problem(409, "capacity_exceeded");
    office.submit(&five).await.expect(200);
    app.finish().await;
}

// Officers.

#[tokio::test(flavor = "multi_thread")]
async fn nobody_buys_and_approves_on_one_package() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let buyer_approves = hat(&app, &office, &office.officer, Role::CommitmentOfficer).await;
    let approver_buys = hat(&app, &office, &office.approver, Role::ProcurementOfficer).await;
    let colleague = app.member(Some(office.agency), Role::ProcurementOfficer, &[office.unit]).await;
    let open = || json!({ "commitment_officer_id": null });
    // Who buys on the package does not approve a colleague's request on it.
    let bought = office.submitted(vec![line(&pen, "1")]).await;
    let beside = desk(&office, &colleague);
    let request = beside.draft_with(vec![line(&pen, "1")], open()).await;
    beside.submit(&request).await.expect(200);
    refused_for(&approve(&buyer_approves, &request).await, "pair_procurement_commitment");
    assert_eq!(beside.show(&request).await.text("/status"), "pending_approval");
    // Who approved on the package does not buy on it.
    approve(&office.approver, &bought).await.expect(200);
    let turned = desk(&office, &approver_buys);
    let request = turned.draft_with(vec![line(&pen, "1")], open()).await;
    refused_for(&turned.submit(&request).await, "pair_procurement_commitment");
    assert_eq!(turned.show(&request).await.text("/status"), "draft");
    // On another package both may.
    let (package, budget_line) = app.package(office.agency, office.unit, "150000000", "150000000").await;
    let elsewhere = Office { package, budget_line, ..turned };
    let request = elsewhere.draft_with(vec![line(&pen, "1")], open()).await;
    elsewhere.submit(&request).await.expect(200);
    approve(&buyer_approves, &request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_not_given_to_the_person_who_pays_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    // Treasurer here, procurement officer of another agency and lent to this unit.
    let ((user, _), (employer, _)) = (app.account().await, app.agency().await);
    let treasurer = app.grant(user, Some(office.agency), Role::Treasurer, &[office.unit]).await;
    let lent = app.grant(user, Some(employer), Role::ProcurementOfficer, &[office.unit]).await;
    let request = office.draft_with(vec![line(&pen, "1")], json!({ "treasurer_id": treasurer })).await;
    office.submit(&request).await.expect(200);
    let letter =
        json!({ "duty": "procurement_officer", "membership_id": lent, "letter_number": "821/021/2035" });
    refused_for(&budget_user.post(&turn(&request, "reassign"), letter).await, "pair_procurement_treasurer");
    assert_eq!(office.show(&request).await.body["officer_id"], json!(office.officer.membership));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commitment_officers_are_asked_for_their_own_unit_alone() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let neighbour = app.another_unit(office.agency).await;
    let stranger = app.member(Some(office.agency), Role::CommitmentOfficer, &[neighbour]).await;
    let open = json!({ "commitment_officer_id": null });
    let request = office.draft_with(vec![line(&pen, "1")], open).await;
    office.submit(&request).await.expect(200);
    assert_eq!(told(&app, &office.approver, "menunggu persetujuan").await, 1);
    assert_eq!(told(&app, &stranger, "menunggu persetujuan").await, 0);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_commitment_officer_is_told_what_the_vendor_asks_for() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let order = office.order(&ordered(&office, vec![line(&pen, "1")]).await).await;
    let reason = json!({ "reason": "Kegiatan ditiadakan" });
    vendor.owner.post(&format!("/api/v1/orders/{order}/actions/cancel"), reason).await.expect(200);
    assert_eq!(told(&app, &office.approver, "Permohonan pembatalan").await, 1);
    propose(&vendor, &order, json!({ "brand": "Merek setara" })).await.expect(201);
    assert_eq!(told(&app, &office.approver, "Usulan perubahan").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_is_not_offered_to_another_officer_than_the_one_named() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let colleague = app.member(Some(office.agency), Role::CommitmentOfficer, &[office.unit]).await;
    let request = office.submitted(vec![line(&pen, "1")]).await;
    let shown = colleague.get(&page(&request)).await.expect(200);
    let actions = shown.body["available_actions"].as_array().unwrap();
    let offered = actions.iter().find(|action| action["verb"] == "approve").unwrap();
    assert_eq!((&offered["allowed"], &offered["code"]), (&json!(false), &json!("officer_not_suitable")));
    assert!(office.approver.get(&page(&request)).await.expect(200).may("approve"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_is_not_offered_of_an_order_that_was_replaced() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let request = ordered(&office, vec![line(&pen, "1")]).await;
    let order = office.order(&request).await;
    vendor.decline(&order).await.expect(200);
    assert!(seen(&office, &order).await.may("replace-vendor"));
    let of = json!({ "order_id": order });
    office.officer.post(&turn(&request, "replace-vendor"), of).await.expect(201);
    assert!(!seen(&office, &order).await.may("replace-vendor"));
    app.finish().await;
}

// Days.

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_approval_ends_before_the_first_delivery() {
    let app = TestApp::start().await;
    // Wednesday 22 December 2027, ten o'clock in Jakarta; Friday 24 is joint leave.
    app.set_clock("2027-12-22T03:00:00Z").await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let submitted = async |days: [&str; 2]| {
        let slots = days.map(|day| slot(day, "1")).to_vec();
        let needed = json!({ "needed_on": "2028-02-29" });
        let request = office.draft_with(vec![line_with(&pen, "2", slots)], needed).await;
        office.submit(&request).await
    };
    // Goods for Thursday 23 would have to be prepared today.
    refused_for(&submitted(["2027-12-23", "2028-02-28"]).await, "needed_too_soon");
    // For Monday 27 they are prepared on Thursday 23, which begins at 17:00 UTC.
    let early = submitted(["2027-12-27", "2028-02-28"]).await.expect(200);
    assert_eq!(early.text("/approval_due_at"), "2027-12-22T17:00:00Z");
    // Else three working days: Thursday 23, Monday 27 and Tuesday 28.
    let late = submitted(["2028-02-28", "2028-02-29"]).await.expect(200);
    assert_eq!(late.text("/approval_due_at"), "2027-12-28T17:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposed_day_moves_the_last_delivery_of_the_order_alone() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "1000000.00").await;
    let office = app.office().await;
    let before = ["2035-06-25", "2035-06-26", "2035-06-29"];
    let slots = before.map(|day| slot(day, "1")).to_vec();
    let request = ordered(&office, vec![line_with(&pen, "3", slots)]).await;
    let (order, approved) = (office.order(&request).await, office.show(&request).await);
    // The last delivery stays the last.
    let early = propose(&vendor, &order, json!({ "needed_on": "2035-06-25" })).await.expect(422);
    early.expect_fault("#/needed_on", "out_of_range");
    let change = propose(&vendor, &order, json!({ "needed_on": "2035-07-06" })).await.expect(201);
    let accept = format!("/api/v1/orders/{order}/changes/{}/actions/accept", change.id());
    office.approver.act(&accept).await.expect(200);
    let moved = seen(&office, &order).await;
    assert_eq!(days(&moved), ["2035-06-25", "2035-06-26", "2035-07-06"]);
    assert_eq!(moved.text("/needed_on"), "2035-07-06");
    // What was approved stays on the request.
    let shown = office.show(&request).await;
    assert_eq!(days(&shown), before);
    assert_ne!(shown.text("/content_hash"), "");
    assert_eq!(shown.text("/content_hash"), approved.text("/content_hash"));
    app.finish().await;
}

// What an approval covers.

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_names_the_content_that_was_read() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let pen = app.made(&vendor, "2000000.00").await;
    let office = app.office().await;
    let request = office.draft(vec![line(&pen, "1")]).await;
    let former = office.submit(&request).await.expect(200).text("/content_hash");
    let path = turn(&request, "approve");
    let blind = office.approver.post(&path, json!({})).await.expect_problem(422, "invalid_input");
    assert_eq!(blind.faults(), [("#/content_hash".to_owned(), "required".to_owned())]);
    office.officer.act(&turn(&request, "withdraw")).await.expect(200);
    let title = json!({ "title": "Alat tulis rapat kerja" });
    office.officer.change(&page(&request), title).await.expect(200);
    office.submit(&request).await.expect(200);
    let stale = json!({ "content_hash": former });
    office.approver.post(&path, stale).await.expect_problem(409, "content_changed");
    assert!(office.orders(&request).await.is_empty());
    approve(&office.approver, &request).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_still_shows_what_was_approved_of_it() {
    let app = TestApp::start().await;
    let vendor = app.vendor().await;
    let office = app.office_with("900000000", "900000000").await;
    let budget_user = app.member(Some(office.agency), Role::BudgetUser, &[]).await;
    let work = app.goods(&vendor, "21.01.04", "250000000.00", json!({})).await;
    let building = json!({ "procurement_kind": "construction" });
    let request = office.draft_with(vec![line(&work, "1")], building).await;
    let hash = office.submit(&request).await.expect(200).text("/content_hash");
    approve(&office.approver, &request).await.expect(200);
    office.turn(&budget_user, &request, "reject").await.expect(200);
    let shown = office.show(&request).await;
    assert_eq!((shown.text("/status"), shown.text("/content_hash")), ("rejected".into(), hash));
    let approvals = shown.body["approvals"].as_array().unwrap();
    assert_eq!(approvals.len(), 1);
    assert_eq!(approvals[0]["membership_id"], json!(office.approver.membership));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_product_is_named_where_it_stands_in_the_body() {
    let app = TestApp::start().await;
    let office = app.office().await;
    let lines = vec![line("0197a000-0000-7000-8000-000000000001", "1")];
    let named = |answer: Answer, pointer: &str| {
        let faults = answer.expect_problem(422, "invalid_input").faults();
        assert_eq!(faults, [(pointer.to_owned(), "unknown_reference".to_owned())]);
    };
    let created = office.officer.post("/api/v1/requests", office.draft_body(lines.clone())).await;
    named(created, "#/fields/lines/0/product_id");
    let draft = office.draft(Vec::new()).await;
    let changed = office.officer.change(&page(&draft), json!({ "lines": lines })).await;
    named(changed, "#/lines/0/product_id");
    app.finish().await;
}
