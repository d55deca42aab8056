//! Vendors that quote, requests that take quotes, and one whose quotes are opened again and again.
use super::load::Caller;
use super::paths::{Office, PASSWORD, text};
use super::server::Server;
use anyhow::{Context, ensure};
use chrono::{Days, Utc};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tokio_postgres::Client;

/// So many vendors quote, each to every request.
const BIDDERS: i64 = 500;
/// Requests that take quotes: half of them for calls, half for replays. Each takes every vendor's quote once.
const REQUESTS: i32 = 800;
const REGION: &str = "33.74.01";

/// What quotes need.
#[derive(Clone)]
pub struct Market {
    pub officer: String,
    pub approver: String,
    pub bidders: Arc<Vec<Bidder>>,
    /// Requests with their one line, for calls.
    asked: Arc<Vec<(String, String)>>,
    turn: Arc<AtomicUsize>,
    pub reserve: Arc<Reserve>,
    /// The request that has a sealed quote of every vendor.
    sealed: String,
    deadline: String,
    behind: Arc<Mutex<Client>>,
}

pub struct Bidder {
    pub vendor: String,
    product: String,
    pub token: String,
}

/// Pairs of a request and a vendor without a quote, of which each replay takes one.
pub struct Reserve {
    requests: Vec<String>,
    vendors: Vec<String>,
    taken: AtomicUsize,
    /// What stands for the one and what for the other in a recorded call.
    kinds: HashMap<String, Subject>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Request,
    Vendor,
}

impl Reserve {
    pub fn take(&self) -> anyhow::Result<[String; 2]> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        let request = self.requests.get(turn / self.vendors.len());
        let request = request.context("every vendor has quoted to every request")?;
        Ok([request.clone(), self.vendors[turn % self.vendors.len()].clone()])
    }

    pub fn subject(&self, id: &str) -> Option<Subject> {
        self.kinds.get(id).copied()
    }
}

impl Market {
    pub async fn open(server: &Server, office: &Office) -> anyhow::Result<Self> {
        let client = server.superuser().await?;
        let mut caller = Caller::connect(server.address()).await?;
        let bidders = bidders(&client, &mut caller).await?;
        ensure!(!bidders.is_empty(), "no vendor can quote");
        let (sealed, line, deadline) = ask(&client, &mut caller, office).await?;
        let mut market = Self {
            officer: office.officer.clone(),
            approver: office.approver.clone(),
            bidders: Arc::new(bidders),
            asked: Arc::default(),
            turn: Arc::default(),
            reserve: Arc::new(Reserve {
                requests: Vec::new(),
                vendors: Vec::new(),
                taken: AtomicUsize::new(0),
                kinds: HashMap::new(),
            }),
            sealed,
            deadline,
            behind: Arc::new(Mutex::new(client)),
        };
        market.fill(server, &line).await?;
        market.copy().await?;
        Ok(market)
    }

    /// Every vendor quotes to the one request. From then on each has a key of its own, so that replays make none.
    async fn fill(&self, server: &Server, line: &str) -> anyhow::Result<()> {
        let quotes = self.bidders.chunks(self.bidders.len().div_ceil(8)).map(async |share| {
            let mut caller = Caller::connect(server.address()).await?;
            for bidder in share {
                quote(&mut caller, bidder, &self.sealed, line).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(quotes).await?;
        Ok(())
    }

    /// Copies of the request, open far beyond the clocks, none with a quote.
    async fn copy(&mut self) -> anyhow::Result<()> {
        let client = self.behind.lock().await;
        let copies = include_str!("copies.sql")
            .replace("{original}", &self.sealed)
            .replace("{copies}", &REQUESTS.to_string());
        client.batch_execute(&copies).await?;
        let rows = client.query("SELECT request::text, line::text FROM copies ORDER BY request", &[]).await?;
        let mut asked: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        drop(client);
        let requests = asked.split_off(asked.len() / 2).into_iter().map(|(request, _)| request).collect();
        let vendors: Vec<String> = self.bidders.iter().map(|bidder| bidder.vendor.clone()).collect();
        let kinds = asked.iter().map(|(request, _)| (request.clone(), Subject::Request));
        let kinds = kinds.chain(vendors.iter().map(|vendor| (vendor.clone(), Subject::Vendor))).collect();
        self.asked = Arc::new(asked);
        self.reserve = Arc::new(Reserve { requests, vendors, taken: AtomicUsize::new(0), kinds });
        Ok(())
    }

    /// The next vendor writes a quote to the next request and hands it in.
    pub async fn submit(&self, caller: &mut Caller) -> anyhow::Result<()> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (request, line) =
            self.asked.get(turn / self.bidders.len()).context("every vendor has quoted to every request")?;
        quote(caller, &self.bidders[turn % self.bidders.len()], request, line).await
    }

    /// The second of two officers opens what is sealed.
    pub async fn open_quotes(&self, caller: &mut Caller) -> anyhow::Result<()> {
        let path = format!("/api/v1/requests/{}/opening", self.sealed);
        let minutes = caller.post(&path, Some(&self.approver), None).await?;
        let opened = minutes["quotes"].as_array().into_iter().flatten();
        let opened = opened.filter(|quote| quote["status"] == "opened").count();
        ensure!(opened == self.bidders.len(), "{opened} quotes were opened");
        Ok(())
    }

    /// The deadline passes, and the first of two officers asks for the opening. A worker that opens by the
    /// clock would come first, and whatever else runs out must not keep it busy meanwhile.
    pub async fn close(&self, caller: &mut Caller) -> anyhow::Result<()> {
        let (sealed, deadline) = (&self.sealed, &self.deadline);
        let passed = format!(
            "UPDATE quotations SET opening_mode = 'two_officers' WHERE request_id = '{sealed}';
             UPDATE orders SET answer_due_at = answer_due_at + interval '1 year' WHERE status IN ('issued', 'change_proposed');
             UPDATE requests SET approval_due_at = approval_due_at + interval '1 year' WHERE status = 'pending_approval';
             UPDATE realms SET clock_offset_seconds = ceil(extract(epoch FROM '{deadline}'::timestamptz - clock_timestamp())) + 60
             WHERE realm = 'sandbox'"
        );
        self.behind.lock().await.batch_execute(&passed).await?;
        caller.post(&format!("/api/v1/requests/{sealed}/opening"), Some(&self.officer), None).await?;
        let kept = format!(
            "CREATE TABLE bench_request AS SELECT status, status_reason, version, updated_at FROM requests WHERE id = '{sealed}';
             CREATE TABLE bench_quotes AS SELECT id, status, version FROM quotes WHERE request_id = '{sealed}'"
        );
        Ok(self.behind.lock().await.batch_execute(&kept).await?)
    }

    /// Seals again what was opened, as it was.
    pub async fn seal_again(&self) -> anyhow::Result<()> {
        let sealed = &self.sealed;
        let back = format!(
            "BEGIN;
             DELETE FROM opened_quotes WHERE request_id = '{sealed}';
             DELETE FROM opening_attempts WHERE request_id = '{sealed}' AND outcome = 'opened';
             UPDATE quotations SET opened_at = NULL WHERE request_id = '{sealed}';
             UPDATE quotes q SET status = b.status, version = b.version FROM bench_quotes b WHERE b.id = q.id;
             UPDATE requests r SET status = b.status, status_reason = b.status_reason, version = b.version, updated_at = b.updated_at
             FROM bench_request b WHERE r.id = '{sealed}';
             COMMIT"
        );
        let client = self.behind.lock().await;
        client.batch_execute(&back).await?;
        // What the turns before left dead belongs to none of them.
        for table in ["opened_quotes", "quotes", "requests", "quotations"] {
            client.batch_execute(&format!("VACUUM {table}")).await?;
        }
        Ok(())
    }
}

/// Vendors with one owner between them, each with goods of its own and delivering to the office.
async fn bidders(client: &Client, caller: &mut Caller) -> anyhow::Result<Vec<Bidder>> {
    let rows = client.query(include_str!("bidders.sql"), &[&REGION, &BIDDERS]).await?;
    let mut bidders = Vec::new();
    for row in rows {
        let (vendor, membership, product): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let body = json!({ "contact": "vendor_owner_2@demo.example.id", "password": PASSWORD, "membership_id": membership });
        let session = caller.post("/api/v1/auth/sessions", None, Some(&body)).await?;
        bidders.push(Bidder { vendor, product, token: text(&session, "/access_token")? });
    }
    Ok(bidders)
}

/// A request for forty pens, open to all vendors; its line and its deadline.
async fn ask(
    client: &Client,
    caller: &mut Caller,
    office: &Office,
) -> anyhow::Result<(String, String, String)> {
    let row = client
        .query_one(
            "SELECT p.id::text, b.id::text FROM packages p JOIN budget_lines b ON b.package_id = p.id
             WHERE p.unit_id::text = $1 AND p.rup_code LIKE '61%' AND p.procurement_kind = 'goods' ORDER BY p.rup_code LIMIT 1",
            &[&office.unit],
        )
        .await?;
    let (package, budget_line): (String, String) = (row.get(0), row.get(1));
    let needed_on = (Utc::now() + Days::new(60)).date_naive();
    let slot = json!({ "day": needed_on, "time_from": "09:00", "time_to": "12:00", "region_code": REGION,
        "address": "Jl. Pemuda 148", "contact_name": "Bu Rini", "contact_phone": "+628155500001", "quantity": "40" });
    let line = json!({ "name": "Pulpen", "category_code": "01.01.01", "quantity": "40", "slots": [slot] });
    let body = json!({ "unit_id": office.unit, "package_id": package, "title": "Alat tulis kantor", "needed_on": needed_on, "fields": {
        "budget_line_id": budget_line, "procurement_kind": "goods", "payment_way": "up", "treasurer_id": office.treasurer,
        "split_reason": "Kebutuhan kegiatan lain", "method": "quotation", "quotation": { "invitation": "open", "award": "whole",
            "evaluation": "lowest_price", "window_days": 3, "lines": [line] } } });
    let draft = caller.post("/api/v1/requests", Some(&office.officer), Some(&body)).await?;
    let id = text(&draft, "/id")?;
    let path = format!("/api/v1/requests/{id}/actions");
    let submitted = caller.post(&format!("{path}/submit"), Some(&office.officer), None).await?;
    if submitted["status"] == "pending_approval" {
        let content = json!({ "content_hash": text(&submitted, "/content_hash")? });
        caller.post(&format!("{path}/approve"), Some(&office.approver), Some(&content)).await?;
    }
    let open: Value = caller.post(&format!("{path}/open"), Some(&office.officer), None).await?;
    Ok((id, text(&open, "/quotation/lines/0/id")?, text(&open, "/quotation/quote_deadline")?))
}

async fn quote(caller: &mut Caller, bidder: &Bidder, request: &str, line: &str) -> anyhow::Result<()> {
    let priced = json!({ "line_id": line, "product_id": bidder.product, "unit_price": "12000", "price_basis": "tax_inclusive" });
    let body = json!({ "lines": [priced], "shipping_fee": "0", "lead_time_days": 3 });
    let path = format!("/api/v1/requests/{request}/quotes");
    let written = caller.post(&path, Some(&bidder.token), Some(&body)).await?;
    let submit = format!("/api/v1/quotes/{}/actions/submit", text(&written, "/id")?);
    caller.post(&submit, Some(&bidder.token), None).await?;
    Ok(())
}
