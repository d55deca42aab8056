//! Factories of purchases: an office with its officers, package and budget, and requests of it.
use super::trade::Vendor;
use super::{Answer, Caller, TestApp};
use lokapasar::kernel::{MembershipId, OrganisationId, Role, UnitId};
use lokapasar::packages::{self, ImportTarget};
use serde_json::{Value, json};

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

    /// A package with one budget line, read from files as an operator would.
    pub async fn package(
        &self,
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
            "rup_code,unit_code,name,ceiling,procurement_kind,method,fiscal_year\n{code},{source_code},Belanja ATK,{ceiling},goods,E-Purchasing,2035\n"
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
}

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

    pub async fn submit(&self, request: &str) -> Answer {
        self.officer.act(&format!("/api/v1/requests/{request}/actions/submit")).await
    }

    pub async fn approve(&self, request: &str) -> Answer {
        self.approver.post(&format!("/api/v1/requests/{request}/actions/approve"), json!({})).await
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
        self.approve(&request).await.expect(200);
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

impl Vendor {
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
