//! The paths that are measured, and the things they are called for.
use super::load::Caller;
use super::quotes::{Market, Reserve};
use super::server::Server;
use anyhow::{Context, ensure};
use chrono::{Datelike, Days, Utc};
use lokapasar::accounts;
use lokapasar::kernel::{Ctx, Realm, Role};
use lokapasar::packages::{self, ImportTarget};
use lokapasar::platform::db::Db;
use rand::rngs::StdRng;
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub const PASSWORD: &str = "gerobak-lumpia-melintas-senja";
/// So many packages share the purchases, that none comes near the limit of direct purchases.
const PACKAGES: usize = 2_000;
const LINES: usize = 3;
const SUBMIT_QUOTE: &str = "submit-quote";
const OPENING: &str = "open-with-500-quotes";
/// Of each line, so that every purchase is dear enough to need an approval.
const QUANTITY: &str = "100";

#[derive(Clone)]
pub enum Path {
    Product(Arc<Vec<String>>),
    Listing(Arc<Vec<String>>),
    Search(Arc<Vec<String>>),
    Purchase(Arc<Office>),
    LogIn,
    SubmitQuote(Arc<Market>),
    Opening(Arc<Market>),
}

/// What purchases need.
#[derive(Clone)]
pub struct Office {
    pub officer: String,
    pub approver: String,
    pub unit: String,
    pub treasurer: String,
    /// Packages with their budget line.
    pub packages: Vec<(String, String)>,
    baskets: Arc<Vec<Basket>>,
}

/// Goods of one vendor, and the district that it serves.
struct Basket {
    region: String,
    products: Vec<String>,
}

impl Path {
    /// Every path; the last two only where they are wanted, since 500 vendors take a while to log in.
    pub async fn all(server: &Server, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Self>> {
        let client = server.superuser().await?;
        let column = async |text: &str| -> anyhow::Result<Vec<String>> {
            Ok(client.query(text, &[]).await?.iter().map(|row| row.get(0)).collect())
        };
        let products = column("SELECT id::text FROM products ORDER BY md5(id::text) LIMIT 5000").await?;
        let words = column(
            "SELECT DISTINCT lower(word) FROM (SELECT regexp_split_to_table(name, '[^A-Za-z]+') AS word FROM products LIMIT 20000) w
             WHERE length(word) > 3 ORDER BY 1",
        )
        .await?;
        let words = words.iter().map(|word| format!("/public/v1/products?q={word}")).collect();
        let leaves = column("SELECT DISTINCT category_code FROM products ORDER BY 1").await?;
        let listings = listings(server, &leaves).await?;
        let office = Office::open(server).await?;
        let quoting = [SUBMIT_QUOTE, OPENING].into_iter().any(&wanted);
        let market = if quoting { Some(Arc::new(Market::open(server, &office).await?)) } else { None };
        let mut paths = vec![
            Self::Product(Arc::new(products)),
            Self::Listing(Arc::new(listings)),
            Self::Search(Arc::new(words)),
            Self::Purchase(Arc::new(office)),
            Self::LogIn,
        ];
        // The opening comes last: the clock moves for it.
        paths.extend(market.iter().cloned().map(Self::SubmitQuote));
        paths.extend(market.map(Self::Opening));
        paths.retain(|path| wanted(path.name()));
        Ok(paths)
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Product(_) => "product",
            Self::Listing(_) => "listing",
            Self::Search(_) => "search",
            Self::Purchase(_) => "purchase",
            Self::LogIn => "log-in",
            Self::SubmitQuote(_) => SUBMIT_QUOTE,
            Self::Opening(_) => OPENING,
        }
    }

    /// The path for calls that are recorded: what their replays take must be missed by nobody else.
    pub fn apart(&self) -> Self {
        match self {
            Self::Purchase(office) => {
                let packages = office.packages[..PACKAGES / 4].to_vec();
                Self::Purchase(Arc::new(Office { packages, ..Office::clone(office) }))
            }
            path => path.clone(),
        }
    }

    /// The path for calls that are measured.
    pub fn beside(&self) -> Self {
        match self {
            Self::Purchase(office) => {
                let packages = office.packages[PACKAGES / 4..].to_vec();
                Self::Purchase(Arc::new(Office { packages, ..Office::clone(office) }))
            }
            path => path.clone(),
        }
    }

    /// So many connections, or fewer where more would only be refused: there are 19 accounts, and many
    /// log-ins of one of them at once are delayed.
    pub fn at_most(&self, connections: usize) -> usize {
        match self {
            Self::LogIn => connections.min(16),
            // There is one request with as many quotes.
            Self::Opening(_) => 1,
            _ => connections,
        }
    }

    /// What comes once before the first call.
    pub async fn prepare(&self, server: &Server) -> anyhow::Result<()> {
        match self {
            Self::Opening(market) => market.close(&mut Caller::connect(server.address()).await?).await,
            _ => Ok(()),
        }
    }

    /// What comes before each call or replay, and is not counted.
    pub fn undoing(&self) -> Option<Arc<Market>> {
        match self {
            Self::Opening(market) => Some(market.clone()),
            _ => None,
        }
    }

    /// Where replays find what no call has taken.
    pub fn reserve(&self) -> Option<Arc<Reserve>> {
        match self {
            Self::SubmitQuote(market) => Some(market.reserve.clone()),
            _ => None,
        }
    }

    /// How many calls of it stand for all that may be called.
    pub fn samples(&self) -> usize {
        match self {
            Self::Product(_) | Self::Listing(_) | Self::Search(_) => 200,
            Self::Purchase(_) => 400,
            Self::LogIn => 20,
            Self::SubmitQuote(_) => 200,
            Self::Opening(_) => 5,
        }
    }

    /// One call; of a purchase all three: draft, submission and approval, which issues the order; of a quote
    /// both: it is written and handed in.
    pub async fn call(&self, caller: &mut Caller, dice: &mut StdRng) -> anyhow::Result<()> {
        match self {
            Self::Product(ids) => {
                let id = ids.choose(dice).context("there are no products")?;
                caller.get(&format!("/public/v1/products/{id}")).await?;
            }
            Self::Listing(paths) | Self::Search(paths) => {
                caller.get(paths.choose(dice).context("there is nothing to list")?).await?;
            }
            Self::Purchase(office) => office.buy(caller, dice).await?,
            // Somebody else each time: many log-ins of one account at once are delayed.
            Self::LogIn => {
                static TURN: AtomicUsize = AtomicUsize::new(0);
                let role = Role::ALL[TURN.fetch_add(1, Ordering::Relaxed) % Role::ALL.len()];
                log_in(caller, role.as_str()).await?;
            }
            Self::SubmitQuote(market) => market.submit(caller).await?,
            Self::Opening(market) => market.open_quotes(caller).await?,
        }
        Ok(())
    }
}

/// Lists of every level by both sorts, first and second pages.
async fn listings(server: &Server, leaves: &[String]) -> anyhow::Result<Vec<String>> {
    let mut caller = Caller::connect(server.address()).await?;
    let mut paths = Vec::new();
    let every = (leaves.len() / 60).max(1);
    for leaf in leaves.iter().step_by(every) {
        for code in [&leaf[..], &leaf[..5], &leaf[..2]] {
            for sort in ["price", "newest"] {
                let path = format!("/public/v1/products?category_code={code}&sort={sort}&limit=20");
                let page: Value = serde_json::from_slice(&caller.get(&path).await?)?;
                if let Some(cursor) = page["next_cursor"].as_str() {
                    paths.push(format!("{path}&cursor={cursor}"));
                }
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

async fn log_in(caller: &mut Caller, role: &str) -> anyhow::Result<Value> {
    let body = json!({ "contact": format!("{role}@demo.example.id"), "password": PASSWORD });
    caller.post("/api/v1/auth/sessions", None, Some(&body)).await
}

pub fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    Ok(value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))?.to_owned())
}

impl Office {
    pub async fn open(server: &Server) -> anyhow::Result<Self> {
        let mut caller = Caller::connect(server.address()).await?;
        let mut token = async |role: &str| text(&log_in(&mut caller, role).await?, "/access_token");
        let (officer, approver, treasurer) = (
            token("procurement_officer").await?,
            token("commitment_officer").await?,
            token("treasurer").await?,
        );
        let treasurer = text(&caller.get_json("/api/v1/me", &treasurer).await?, "/membership_id")?;
        let unit = text(&caller.get_json("/api/v1/packages?limit=1", &officer).await?, "/items/0/unit_id")?;
        let packages = plan(server, &unit).await?;
        let mut office = Self { officer, approver, unit, treasurer, packages, baskets: Arc::default() };
        office.fill(server, &mut caller).await?;
        Ok(office)
    }

    /// Keeps the baskets that every rule of a purchase allows, by asking.
    async fn fill(&mut self, server: &Server, caller: &mut Caller) -> anyhow::Result<()> {
        let client = server.superuser().await?;
        client.batch_execute("UPDATE stock SET on_hand = 90000000000").await?;
        let rows = client
            .query(
                "SELECT v.region_code, array_agg(p.id::text) FROM products p JOIN vendors v ON v.id = p.vendor_id
                 JOIN categories c ON c.code = p.category_code
                 WHERE c.procurement_kind = 'goods' AND p.price BETWEEN 4000 AND 20000 AND p.availability IN ('counted', 'made_to_order')
                 GROUP BY v.id, v.region_code HAVING count(*) >= 3 ORDER BY v.id LIMIT 300",
                &[],
            )
            .await?;
        let mut baskets = Vec::new();
        for row in rows {
            let basket = Basket { region: row.get(0), products: row.get(1) };
            let body = self.draft(&basket, &basket.products[..LINES], 0);
            let draft =
                text(&caller.post("/api/v1/requests", Some(&self.officer), Some(&body)).await?, "/id")?;
            let rehearsal = format!("/api/v1/requests/{draft}/actions/submit?dry_run=true");
            if caller.post(&rehearsal, Some(&self.officer), None).await.is_ok() {
                baskets.push(basket);
            }
        }
        ensure!(!baskets.is_empty(), "no basket can be bought");
        self.baskets = Arc::new(baskets);
        Ok(())
    }

    async fn buy(&self, caller: &mut Caller, dice: &mut StdRng) -> anyhow::Result<()> {
        let basket = self.baskets.choose(dice).context("there is no basket")?;
        let goods: Vec<String> = basket.products.choose_multiple(dice, LINES).cloned().collect();
        let body = self.draft(basket, &goods, dice.random_range(0..self.packages.len()));
        let draft = caller.post("/api/v1/requests", Some(&self.officer), Some(&body)).await?;
        let path = format!("/api/v1/requests/{}/actions", text(&draft, "/id")?);
        let submitted = caller.post(&format!("{path}/submit"), Some(&self.officer), None).await?;
        let content = json!({ "content_hash": text(&submitted, "/content_hash")? });
        caller.post(&format!("{path}/approve"), Some(&self.approver), Some(&content)).await?;
        Ok(())
    }

    /// A purchase that every rule allows, on the first package.
    pub fn any_draft(&self) -> anyhow::Result<Value> {
        let basket = self.baskets.first().context("there is no basket")?;
        Ok(self.draft(basket, &basket.products[..LINES], 0))
    }

    fn draft(&self, basket: &Basket, goods: &[String], package: usize) -> Value {
        let needed_on = (Utc::now() + Days::new(45)).date_naive();
        let (package, budget_line) = &self.packages[package];
        let line = |product: &String| {
            json!({ "product_id": product, "quantity": QUANTITY, "slots": [{
                "day": needed_on, "time_from": "09:00", "time_to": "12:00", "region_code": basket.region,
                "address": "Jl. Pemuda 148", "contact_name": "Bu Rini", "contact_phone": "+628155500001", "quantity": QUANTITY }] })
        };
        json!({ "unit_id": self.unit, "package_id": package, "title": "Alat tulis kantor", "needed_on": needed_on, "fields": {
            "budget_line_id": budget_line, "procurement_kind": "goods", "payment_way": "up", "treasurer_id": self.treasurer,
            "split_reason": "Kebutuhan kegiatan lain", "lines": goods.iter().map(line).collect::<Vec<_>>() } })
    }
}

/// Packages of the unit with a budget line each, read as an operator's file would be.
async fn plan(server: &Server, unit: &str) -> anyhow::Result<Vec<(String, String)>> {
    let client = server.superuser().await?;
    let row = client
        .query_one(
            "SELECT u.source_code, o.code FROM work_units u JOIN organisations o ON o.id = u.agency_id WHERE u.id::text = $1",
            &[&unit],
        )
        .await?;
    let (source, agency): (String, String) = (row.get(0), row.get(1));
    let mut packages = String::from("rup_code,unit_code,name,ceiling,procurement_kind,method,fiscal_year\n");
    let mut lines = String::from("rup_code,ceiling,account_text,fund_source\n");
    for code in 90_000_000..90_000_000 + PACKAGES {
        let year = Utc::now().year();
        writeln!(packages, "{code},{source},Belanja Alat Tulis Kantor,9000000000,goods,E-Purchasing,{year}")?;
        writeln!(lines, "{code},9000000000,1.01.01.1.06.0002.5.1.02.01.01.0024,APBD")?;
    }
    let db = Db::new(&server.url(), 1, Duration::from_secs(10))?;
    let refused = |error| anyhow::anyhow!("{error}");
    let agency = accounts::agency_by_code(&mut *db.conn().await.map_err(refused)?, Realm::Sandbox, &agency)
        .await
        .map_err(refused)?
        .context("the demo's agency is missing")?;
    let target = ImportTarget { agency, as_fiscal_year: None };
    let ctx = Ctx::system(Realm::Sandbox, "bench");
    db.transaction(Realm::Sandbox, async |tx| {
        packages::import_packages(tx, &ctx, target, packages.as_bytes()).await?;
        packages::import_budget_lines(tx, &ctx, target, lines.as_bytes()).await?;
        Ok(())
    })
    .await
    .map_err(refused)?;
    let rows = client
        .query(
            "SELECT p.id::text, b.id::text FROM packages p JOIN budget_lines b ON b.package_id = p.id
             WHERE p.rup_code LIKE '900%' ORDER BY p.rup_code",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
