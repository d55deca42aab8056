//! Factories of purchases: an office with its officers, package and budget, and requests of it.
use super::trade::{PENS, Vendor};
use super::{Answer, Caller, TestApp};
use lokapasar::accounts;
use lokapasar::kernel::{MembershipId, OrganisationId, Role, UnitId};
use lokapasar::packages::{self, ImportTarget};
use lokapasar::platform::mail::Mail;
use serde_json::{Value, json};

/// A receipt, as far as anybody looks into it.
pub const RECEIPT: &[u8] = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n";

/// An office that can buy: one unit, its officers, a package of 2035 with one budget line.
pub struct Office {
    pub agency: OrganisationId,
    pub unit: UnitId,
    pub officer: Caller,
    pub approver: Caller,
    pub treasurer: MembershipId,
    pub package: String,
    pub budget_line: String,
}

impl TestApp {
    /// An office whose package and budget line hold Rp150 million.
    pub async fn office(&self) -> Office {
        self.office_with("150000000", "150000000").await
    }

    pub async fn office_with(&self, ceiling: &str, budget: &str) -> Office {
        let (agency, unit) = self.agency().await;
        let officer = self.member(Some(agency), Role::ProcurementOfficer, &[unit]).await;
        let approver = self.member(Some(agency), Role::CommitmentOfficer, &[unit]).await;
        let (user, _) = self.account().await;
        let treasurer = self.grant(user, Some(agency), Role::Treasurer, &[unit]).await;
        let (package, budget_line) = self.package(agency, unit, ceiling, budget).await;
        Office { agency, unit, officer, approver, treasurer, package, budget_line }
    }

    /// A package of 2035 with one budget line, read from files as an operator would.
    pub async fn package(
        &self,
        agency: OrganisationId,
        unit: UnitId,
        ceiling: &str,
        budget: &str,
    ) -> (String, String) {
        self.package_of(2035, agency, unit, ceiling, budget).await
    }

    /// A package of a fiscal year with one budget line.
    pub async fn package_of(
        &self,
        year: i32,
        agency: OrganisationId,
        unit: UnitId,
        ceiling: &str,
        budget: &str,
    ) -> (String, String) {
        let code = format!("RUP{}", self.unique());
        let source_code = format!("{}", self.unique());
        self.sql(&format!(
            "UPDATE work_units SET source_code = coalesce(source_code, '{source_code}') WHERE id = '{unit}'"
        ))
        .await;
        let rows = self.sql(&format!("SELECT source_code FROM work_units WHERE id = '{unit}'")).await;
        let source_code = rows[0][0].clone().unwrap_or_default();
        let ctx = self.system();
        let target = ImportTarget { agency, as_fiscal_year: None };
        let plan = format!(
            "rup_code,unit_code,name,ceiling,procurement_kind,method,fiscal_year\n{code},{source_code},Belanja ATK,{ceiling},goods,E-Purchasing,{year}\n"
        );
        let lines = format!(
            "rup_code,ceiling,account_text,fund_source\n{code},{budget},1.01.01.1.01.0001.5.1.02.01.01.0024.,APBD\n"
        );
        self.app
            .db
            .transaction(self.realm(), async |tx| {
                packages::import_packages(tx, &ctx, target, plan.as_bytes()).await?;
                packages::import_budget_lines(tx, &ctx, target, lines.as_bytes()).await?;
                Ok(())
            })
            .await
            .expect("the plan can be read");
        let rows = self
            .sql(&format!("SELECT p.id, b.id FROM packages p JOIN budget_lines b ON b.package_id = p.id WHERE p.rup_code = '{code}'"))
            .await;
        (rows[0][0].clone().unwrap_or_default(), rows[0][1].clone().unwrap_or_default())
    }

    /// A further work unit of an agency.
    pub async fn another_unit(&self, agency: OrganisationId) -> UnitId {
        let (number, ctx) = (self.unique(), self.system());
        let unit = accounts::NewUnit {
            code: format!("1.02.{number}"),
            source_code: None,
            name: "Dinas Tetangga".into(),
            short_name: format!("TET{number}"),
            parent_id: None,
            source: None,
        };
        let made = self
            .app
            .db
            .transaction(self.realm(), async |tx| accounts::create_unit(tx, &ctx, agency, &unit).await);
        made.await.expect("a unit can be made").id
    }

    /// Sets the sandbox's clock to an instant that is still to come.
    pub async fn set_clock(&self, instant: &str) {
        self.sql(&format!(
            "UPDATE realms SET clock_offset_seconds = ceil(extract(epoch FROM '{instant}'::timestamptz - clock_timestamp()))
             WHERE realm = 'sandbox'"
        ))
        .await;
    }

    /// An agency's own value of a policy, from today on.
    pub async fn policy(&self, agency: OrganisationId, key: &str, value: &str, unit: &str) {
        self.sql(&format!(
            "INSERT INTO policies (id, key, agency_id, value, unit, valid_from, legal_basis, note, set_at)
             VALUES (gen_random_uuid(), '{key}', '{agency}', '{value}', '{unit}', '2021-01-01', 'Keputusan Bupati', '', now())"
        ))
        .await;
    }

    /// The mails to an address once every event so far was sequenced. The sequencer yields to older
    /// transactions anywhere in the cluster, other tests' included, so one idle step may be too early.
    pub async fn told(&self, address: &str) -> Vec<Mail> {
        self.work().await;
        while self.count("SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_positions p WHERE p.event_id = e.id)").await > 0 {
            self.work().await;
        }
        self.mails_to(address).await
    }

    /// A verified vendor whose file says this too.
    pub async fn vendor_with(&self, fields: Value) -> Vendor {
        let vendor = self.draft_vendor().await;
        let path = format!("/api/v1/vendors/{}", vendor.id);
        vendor.owner.change(&path, fields).await.expect(200);
        vendor.owner.act(&format!("{path}/actions/submit")).await.expect(200);
        let verifier = self.member(None, Role::Verifier, &[]).await;
        verifier.act(&format!("{path}/actions/claim")).await.expect(200);
        verifier.act(&format!("{path}/actions/verify")).await.expect(200);
        vendor
    }

    /// Registers a vendor for VAT as a register would, behind the scenes.
    pub async fn register_for_vat(&self, vendor: &Vendor) {
        self.sql(&format!(
            "UPDATE vendors SET vat_registered = true, vat_confirmation_number = 'PKP-1' WHERE id = '{}'",
            vendor.id
        ))
        .await;
    }

    /// A product on the shelf whatever review its category asks for.
    pub async fn goods(&self, vendor: &Vendor, category: &str, price: &str, fields: Value) -> String {
        let id = self.draft_product(vendor, category, price, fields).await;
        let submitted = vendor.owner.act(&format!("/api/v1/products/{id}/actions/submit")).await.expect(200);
        if submitted.text("/status") == "in_review" {
            let curator = self.member(None, Role::Curator, &[]).await;
            curator.act(&format!("/api/v1/products/{id}/actions/approve")).await.expect(200);
        }
        id
    }

    /// A pen that no stock is counted of, so that any number can be bought.
    pub async fn made(&self, vendor: &Vendor, price: &str) -> String {
        self.goods(vendor, PENS, price, json!({ "availability": "made_to_order" })).await
    }

    /// Suspends a vendor to an end that is far away.
    pub async fn suspend(&self, vendor: &Vendor) {
        let verifier = self.member(None, Role::Verifier, &[]).await;
        let reason = json!({ "reason": "Menunggu klarifikasi izin usaha", "until": "2040-01-01T00:00:00Z" });
        verifier.post(&format!("/api/v1/vendors/{}/actions/suspend", vendor.id), reason).await.expect(200);
    }
}

/// A content hash of nothing that any request holds.
pub const NO_CONTENT: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The day by which test goods are needed: a Friday far beyond the clocks.
pub const NEEDED_ON: &str = "2035-06-29";

/// A line with one delivery at the office in Semarang.
pub fn line(product: &str, quantity: &str) -> Value {
    json!({ "product_id": product, "quantity": quantity, "slots": [slot(NEEDED_ON, quantity)] })
}

pub fn slot(day: &str, quantity: &str) -> Value {
    json!({ "day": day, "time_from": "09:00", "time_to": "12:00", "region_code": "33.74.01",
        "address": "Jl. Pemuda 148", "contact_name": "Bu Rini", "contact_phone": "+628155500001", "quantity": quantity })
}

/// A line with deliveries of one's own.
pub fn line_with(product: &str, quantity: &str, slots: Vec<Value>) -> Value {
    json!({ "product_id": product, "quantity": quantity, "slots": slots })
}

impl Office {
    /// The body of a draft with all that a submission needs.
    pub fn draft_body(&self, lines: Vec<Value>) -> Value {
        json!({ "unit_id": self.unit, "package_id": self.package, "title": "Alat tulis kantor", "needed_on": NEEDED_ON, "fields": {
            "budget_line_id": self.budget_line, "procurement_kind": "goods", "payment_way": "up",
            "treasurer_id": self.treasurer, "commitment_officer_id": self.approver.membership,
            "comparison": { "product_ids": [], "reason": "Satu-satunya penyedia di wilayah ini" },
            "split_reason": "Kebutuhan kegiatan lain", "lines": lines,
        } })
    }

    pub async fn draft(&self, lines: Vec<Value>) -> String {
        self.officer.post("/api/v1/requests", self.draft_body(lines)).await.expect(201).id()
    }

    /// A draft with other fields; null leaves one out.
    pub async fn draft_with(&self, lines: Vec<Value>, changes: Value) -> String {
        let mut body = self.draft_body(lines);
        for (name, value) in changes.as_object().cloned().unwrap_or_default() {
            match value {
                Value::Null => drop(body["fields"].as_object_mut().and_then(|fields| fields.remove(&name))),
                own if ["needed_on", "package_id", "title"].contains(&name.as_str()) => body[&name] = own,
                value => body["fields"][&name] = value,
            }
        }
        self.officer.post("/api/v1/requests", body).await.expect(201).id()
    }

    /// The request as its officer sees it.
    pub async fn show(&self, request: &str) -> Answer {
        self.officer.get(&format!("/api/v1/requests/{request}")).await.expect(200)
    }

    /// A verb with a reason, by whoever of the office.
    pub async fn turn(&self, who: &Caller, request: &str, verb: &str) -> Answer {
        let reason = json!({ "reason": "Spesifikasi belum sesuai kebutuhan" });
        who.post(&format!("/api/v1/requests/{request}/actions/{verb}"), reason).await
    }

    pub async fn submit(&self, request: &str) -> Answer {
        self.officer.act(&format!("/api/v1/requests/{request}/actions/submit")).await
    }

    pub async fn approve(&self, request: &str) -> Answer {
        self.approve_as(&self.approver, request).await
    }

    /// Somebody of the office approves what the request holds now.
    pub async fn approve_as(&self, who: &Caller, request: &str) -> Answer {
        who.post(&format!("/api/v1/requests/{request}/actions/approve"), self.content(request).await).await
    }

    /// The body of an approval of what the request holds now.
    pub async fn content(&self, request: &str) -> Value {
        json!({ "content_hash": self.show(request).await.body["content_hash"].as_str().unwrap_or(NO_CONTENT) })
    }

    /// A request that waits for approval.
    pub async fn submitted(&self, lines: Vec<Value>) -> String {
        let request = self.draft(lines).await;
        self.submit(&request).await.expect(200);
        request
    }

    /// A request whose orders are issued.
    pub async fn ordered(&self, lines: Vec<Value>) -> String {
        let request = self.submitted(lines).await;
        let waits =
            self.officer.get(&format!("/api/v1/requests/{request}")).await.expect(200).text("/status");
        // Small values are ordered by their submission.
        if waits == "pending_approval" {
            self.approve(&request).await.expect(200);
        }
        request
    }

    /// The orders of a request, oldest last.
    pub async fn orders(&self, request: &str) -> Vec<Value> {
        self.officer.get(&format!("/api/v1/orders?request_id={request}")).await.expect(200).items()
    }

    /// The one order of a request.
    pub async fn order(&self, request: &str) -> String {
        let orders = self.orders(request).await;
        assert_eq!(orders.len(), 1);
        orders[0]["id"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request that takes quotes from every vendor that fits.
pub struct Asked {
    pub request: String,
    pub lines: Vec<String>,
    pub deadline: String,
}

impl Office {
    /// A draft of a purchase that was made already: two pumps of Rp450,000, delivered for Rp25,000 and with
    /// Rp99,000 of VAT; `changes` lays other members over what is said of it.
    pub async fn draft_recorded(&self, changes: Value) -> String {
        let mut recorded = json!({ "reason_code": "emergency", "reason": "Pompa rusak pada hari libur",
            "vendor_name": "Toko Bangunan Sumber Rejeki", "receipt_number": "NOTA-0231", "purchased_on": "2035-01-04",
            "delivered_on": "2035-01-05", "paid_on": "2035-01-05", "shipping_fee": "25000", "vat_total": "99000",
            "lines": [{ "name": "Pompa air 250 watt", "unit": "H87", "quantity": "2", "unit_price": "450000" }] });
        for (name, value) in changes.as_object().cloned().unwrap_or_default() {
            recorded[&name] = value;
        }
        let mut body = self.draft_body(Vec::new());
        let fields = body["fields"].as_object_mut().expect("fields");
        fields.remove("lines");
        fields.insert("method".into(), json!("recorded"));
        fields.insert("recorded".into(), recorded);
        self.officer.post("/api/v1/requests", body).await.expect(201).id()
    }

    /// Uploads a receipt for it.
    pub async fn prove(&self, request: &str) -> String {
        let path = format!("/api/v1/requests/{request}/proofs");
        self.officer.upload(&path, RECEIPT.to_vec(), &[]).await.expect(201).id()
    }

    /// What a quotation for some pieces of a product says; `changes` lays other members over it.
    pub fn quotation(&self, product: &str, quantity: &str, changes: Value) -> Value {
        let mut quotation = json!({ "invitation": "open", "award": "whole", "evaluation": "lowest_price", "window_days": 3,
            "lines": [{ "product_id": product, "quantity": quantity, "slots": [slot(NEEDED_ON, quantity)] }] });
        for (name, value) in changes.as_object().cloned().unwrap_or_default() {
            quotation[&name] = value;
        }
        quotation
    }

    /// A draft that asks for quotes.
    pub async fn draft_quotation(&self, quotation: Value) -> String {
        let mut body = self.draft_body(Vec::new());
        let fields = body["fields"].as_object_mut().expect("fields");
        fields.remove("lines");
        fields.insert("method".into(), json!("quotation"));
        fields.insert("quotation".into(), quotation);
        self.officer.post("/api/v1/requests", body).await.expect(201).id()
    }

    /// Submitted, approved and open for quotes.
    pub async fn asks(&self, quotation: Value) -> Asked {
        let request = self.draft_quotation(quotation).await;
        let submitted = self.submit(&request).await.expect(200);
        if submitted.text("/status") == "pending_approval" {
            self.approve(&request).await.expect(200);
        }
        let open = self.officer.act(&format!("/api/v1/requests/{request}/actions/open")).await.expect(200);
        let lines = open.body["quotation"]["lines"].as_array().expect("lines").iter();
        let lines = lines.map(|line| line["id"].as_str().unwrap_or_default().to_owned()).collect();
        Asked { request, lines, deadline: open.text("/quotation/quote_deadline") }
    }
}

impl Office {
    /// Completes the evaluation of opened quotes, verifies the winners and awards to them.
    pub async fn awards(&self, asked: &Asked, winners: &[&str]) -> Answer {
        let evaluation = format!("/api/v1/requests/{}/evaluation", asked.request);
        let reason = json!({ "reason": "Harga terendah" });
        let complete = self.officer.post(&evaluation, reason).await.expect(200);
        for winner in winners {
            let note = json!({ "note": "Contoh barang dan alamat diperiksa" });
            self.officer.post(&format!("/api/v1/quotes/{winner}/actions/verify"), note).await.expect(200);
        }
        let award = json!({ "content_hash": complete.text("/content_hash") });
        self.approver.post(&format!("/api/v1/requests/{}/actions/award", asked.request), award).await
    }
}

/// A price for one line, as the vendor types it.
pub fn quoted(line: &str, product: &str, price: &str) -> Value {
    json!({ "line_id": line, "product_id": product, "unit_price": price, "price_basis": "tax_inclusive" })
}

impl Vendor {
    /// A quote that is handed in.
    pub async fn quotes(&self, asked: &Asked, product: &str, price: &str, shipping: &str) -> String {
        let lines: Vec<Value> = asked.lines.iter().map(|line| quoted(line, product, price)).collect();
        let body = json!({ "lines": lines, "shipping_fee": shipping, "lead_time_days": 3 });
        let id = self
            .owner
            .post(&format!("/api/v1/requests/{}/quotes", asked.request), body)
            .await
            .expect(201)
            .id();
        self.owner.act(&format!("/api/v1/quotes/{id}/actions/submit")).await.expect(200);
        id
    }

    pub async fn accept(&self, order: &str) -> Answer {
        self.owner.act(&format!("/api/v1/orders/{order}/actions/accept")).await
    }

    pub async fn decline(&self, order: &str) -> Answer {
        self.owner
            .post(
                &format!("/api/v1/orders/{order}/actions/decline"),
                json!({ "reason": "Stok rusak kena banjir" }),
            )
            .await
    }
}
