//! How PostgreSQL answers what is asked of requests and quotes, among few others and among many.
//!
//! The statements are the program's own, overheard in PostgreSQL's log while it answers a call or its worker
//! looks for what is due, and then explained with the parameters that they had. A prepared statement may also
//! be planned once for all parameters; such a generic plan is measured too.
use super::load::Caller;
use super::paths::{Office, PASSWORD, text};
use super::record::{Entry, entries, log, read_from};
use super::server::Server;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Of these, one in fifty is under way; more are history.
const FIRST: u32 = 20_000;

/// What is asked, and what its statement says.
const QUESTIONS: [(&str, &str); 17] = [
    ("vendor's inbox", "WITH mine AS"),
    ("office's inbox", "AS waits_for"),
    ("requests of an office", "WHERE ((\"requests\".\"id\" < $1) AND (\"requests\".\"unit_id\" = ANY"),
    ("the same by status", "THEN 'quotes_closed' WHEN requests.status IN"),
    ("open quotations, public", "ORDER BY \"requests\".\"quote_deadline\""),
    ("a public page: commitments", "SELECT \"quotes\".\"commitment\""),
    ("recorded purchases, public", "AND (\"requests\".\"id\" < $3)) ORDER BY"),
    ("quotes handed in", "(\"quotes\".\"status\" != ALL"),
    ("who takes part", "SELECT vendor_id FROM quotation_invitations"),
    ("submissions that count", "JOIN quote_submissions s"),
    ("what is spent on a package", "AS total"),
    ("bought lately", "left(l.snapshot"),
    ("duties on a package", "FROM request_hands h WHERE h.request_id = r.id"),
    ("due openings, worker", "q.opening_mode = 'automatic_at_deadline'"),
    ("due awards, worker", "r.objections_until <= $2"),
    ("lapsed requests, worker", "ORDER BY coalesce(approval_due_at, negotiation_due_at)"),
    ("lapsed orders, worker", "expiry_announced_at IS NULL"),
];

/// Tables that grow with other requests.
const GROWING: [&str; 18] = [
    "requests",
    "request_lines",
    "request_hands",
    "quotations",
    "quotation_keys",
    "quotation_lines",
    "quotation_slots",
    "quotation_invitations",
    "quotes",
    "quote_submissions",
    "opened_quotes",
    "opening_attempts",
    "objections",
    "evaluations",
    "negotiations",
    "negotiation_rounds",
    "orders",
    "order_lines",
];

/// What an explained statement came to.
struct Plan {
    rows: u64,
    buffers: u64,
    milliseconds: f64,
    scans: BTreeSet<String>,
}

pub async fn show(server: &Server, requests: u32) -> anyhow::Result<()> {
    ensure!(requests > FIRST, "there must be more than {FIRST} requests");
    let client = server.superuser().await?;
    let office = Office::open(server).await?;
    // The drafts that looked for baskets are not part of what is measured.
    client
        .batch_execute(
            "UPDATE requests SET status = 'cancelled', status_reason = 'Tidak jadi' WHERE status = 'draft'",
        )
        .await?;
    seed(&client, 0, FIRST).await?;
    let package = format!(
        "UPDATE requests r SET package_id = '{}' FROM (SELECT request FROM seeded WHERE unit = '{}' ORDER BY n LIMIT 10) s WHERE r.id = s.request",
        office.packages[0].0, office.unit
    );
    client.batch_execute(&package).await?;
    let few = plans(server, &client, &office).await?;
    seed(&client, FIRST, requests).await?;
    let many = plans(server, &client, &office).await?;
    let counts = client
        .query_one("SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM quotes)", &[])
        .await?;
    println!("{} requests, {} quotes", counts.get::<_, i64>(0), counts.get::<_, i64>(1));
    println!();
    println!(
        "| Asked | Rows | Pages among {FIRST} | Pages among {requests} | Generic plan | ms | Scans of what grows |"
    );
    println!("|---|---:|---:|---:|---:|---:|---|");
    for (name, _) in QUESTIONS {
        let ([before, _], [after, generic]) = (&few[name], &many[name]);
        let scans: Vec<&str> = after.scans.union(&generic.scans).map(String::as_str).collect();
        println!(
            "| {name} | {} | {} | {} | {} | {:.2} | {} |",
            after.rows,
            before.buffers,
            after.buffers,
            generic.buffers,
            after.milliseconds,
            scans.join(", ")
        );
    }
    Ok(())
}

async fn seed(client: &Client, from: u32, to: u32) -> anyhow::Result<()> {
    let rows = include_str!("seed.sql").replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
    client.batch_execute(&rows).await.context("the rows cannot be made")?;
    Ok(client.batch_execute("VACUUM ANALYZE").await?)
}

/// Asks everything once; the plan for these parameters and the one for all.
async fn plans(
    server: &Server,
    client: &Client,
    office: &Office,
) -> anyhow::Result<BTreeMap<&'static str, [Plan; 2]>> {
    let mut overheard = ask(server, client, office).await?;
    overheard.reverse();
    let mut plans = BTreeMap::new();
    for (name, says) in QUESTIONS {
        let entry = overheard.iter().find(|entry| entry.text.contains(says));
        let entry = entry.with_context(|| format!("{name} was not asked"))?;
        if std::env::var_os("BENCH_SHOW_STATEMENTS").is_some() {
            println!("{name}: {}", explain(client, entry, "force_custom_plan", "TEXT").await?);
        }
        let mut both = Vec::new();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            // The first finds pages and hint bits for the second.
            explain(client, entry, mode, "JSON").await?;
            both.push(read(&explain(client, entry, mode, "JSON").await?)?);
        }
        let both: [Plan; 2] = both.try_into().ok().context("there are two plans")?;
        plans.insert(name, both);
    }
    Ok(plans)
}

/// Calls what asks the questions, and waits for a turn of the worker.
async fn ask(server: &Server, client: &Client, office: &Office) -> anyhow::Result<Vec<Entry>> {
    let mut caller = Caller::connect(server.address()).await?;
    let body = json!({ "contact": "vendor_owner@demo.example.id", "password": PASSWORD });
    let vendor = text(&caller.post("/api/v1/auth/sessions", None, Some(&body)).await?, "/access_token")?;
    let mut body = office.any_draft()?;
    // Who is named is asked for duties on the package.
    body["fields"]["commitment_officer_id"] =
        caller.get_json("/api/v1/me", &office.approver).await?["membership_id"].take();
    let draft = caller.post("/api/v1/requests", Some(&office.officer), Some(&body)).await?;
    let draft = text(&draft, "/id")?;
    let named = async |status: &str, which: &str| -> anyhow::Result<String> {
        let text = format!(
            "SELECT s.request::text FROM seeded s JOIN requests r ON r.id = s.request
             WHERE s.live AND s.unit = '{}' AND s.status = '{status}' AND {which} ORDER BY n LIMIT 1",
            office.unit
        );
        Ok(client.query_one(&text, &[]).await.with_context(|| format!("no request is {status}"))?.get(0))
    };
    let (open, evaluating) =
        (named("open", "r.quote_deadline > now()").await?, named("evaluating", "true").await?);
    let overdue = named("open", "r.quote_deadline <= now()").await?;
    know_a_vendor(client, &mut caller, &vendor, &overdue).await?;
    let from = std::fs::metadata(server.database_log())?.len();
    log(client, true).await?;
    for path in
        ["/public/v1/quotations", &format!("/public/v1/quotations/{open}"), "/public/v1/recorded-purchases"]
    {
        caller.get(path).await?;
    }
    caller.get_json("/api/v1/inbox", &vendor).await?;
    for path in ["inbox", "requests", "requests?status=evaluating", &format!("requests/{evaluating}/quotes")]
    {
        caller.get_json(&format!("/api/v1/{path}"), &office.officer).await?;
    }
    let opening = format!("/api/v1/requests/{overdue}/opening");
    caller.post(&opening, Some(&office.approver), None).await?;
    let submit = format!("/api/v1/requests/{draft}/actions/submit?dry_run=true");
    caller.post(&submit, Some(&office.officer), None).await?;
    let submit = format!("/api/v1/requests/{draft}/actions/cancel");
    let reason = json!({ "reason": "Hanya untuk melihat rencananya" });
    caller.post(&submit, Some(&office.officer), Some(&reason)).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    log(client, false).await?;
    // Sealed again, for the next time.
    let back = format!(
        "DELETE FROM opened_quotes WHERE request_id = '{overdue}';
         UPDATE quotes SET status = 'submitted' WHERE request_id = '{overdue}';
         UPDATE requests SET status = 'open', status_reason = NULL WHERE id = '{overdue}'"
    );
    client.batch_execute(&back).await?;
    Ok(entries(&read_from(server, from)?, &HashSet::new()))
}

/// Lets a vendor with a key of its own quote to a request: where no key at all can be unwrapped, the ring is
/// taken for a wrong one and nothing is opened.
async fn know_a_vendor(
    client: &Client,
    caller: &mut Caller,
    vendor: &str,
    request: &str,
) -> anyhow::Result<()> {
    if client.query("SELECT FROM organisation_keys", &[]).await?.is_empty() {
        let free = "SELECT s.request::text FROM seeded s JOIN quotations q ON q.request_id = s.request JOIN requests r ON r.id = s.request
            WHERE s.live AND r.status = 'open' AND r.quote_deadline > now() AND q.invitation = 'open' AND NOT EXISTS (SELECT FROM quotes t
                JOIN memberships m ON m.organisation_id = t.vendor_id AND m.role = 'vendor_owner' WHERE t.request_id = s.request) LIMIT 1";
        let free: String = client.query_one(free, &[]).await?.get(0);
        caller.post(&format!("/api/v1/requests/{free}/quotes"), Some(vendor), Some(&json!({}))).await?;
    }
    let known = format!(
        "UPDATE quotes SET vendor_id = (SELECT organisation_id FROM organisation_keys)
         WHERE id = (SELECT id FROM quotes WHERE request_id = '{request}' ORDER BY id LIMIT 1)"
    );
    Ok(client.batch_execute(&known).await?)
}

/// Explains a statement without keeping what it does.
async fn explain(client: &Client, entry: &Entry, mode: &str, format: &str) -> anyhow::Result<String> {
    let values: Vec<String> = entry
        .parameters
        .iter()
        .map(|value| {
            value.as_ref().map_or("NULL".to_owned(), |value| format!("'{}'", value.replace('\'', "''")))
        })
        .collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let text = format!(
        "BEGIN; SET LOCAL plan_cache_mode = {mode}; PREPARE asked AS {};
         EXPLAIN (ANALYZE, BUFFERS, FORMAT {format}) EXECUTE asked{values}; ROLLBACK; DEALLOCATE asked",
        entry.text
    );
    let mut told = String::new();
    for message in client.simple_query(&text).await.with_context(|| entry.text.clone())? {
        if let SimpleQueryMessage::Row(row) = message {
            writeln!(told, "{}", row.get(0).unwrap_or_default())?;
        }
    }
    Ok(told)
}

fn read(told: &str) -> anyhow::Result<Plan> {
    let told: Value = serde_json::from_str(told)?;
    let root = &told[0]["Plan"];
    let count = |name: &str| root[name].as_u64().unwrap_or_default();
    let mut scans = BTreeSet::new();
    look(root, &mut scans);
    Ok(Plan {
        rows: count("Actual Rows"),
        buffers: count("Shared Hit Blocks") + count("Shared Read Blocks"),
        milliseconds: told[0]["Execution Time"].as_f64().unwrap_or_default(),
        scans,
    })
}

/// Names the indexes that are used of tables that grow, and the tables that are read whole.
fn look(node: &Value, scans: &mut BTreeSet<String>) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    let index = node["Index Name"].as_str();
    if let Some(index) = index
        && GROWING.iter().any(|table| index.starts_with(table))
    {
        scans.insert(index.to_owned());
    } else if kind == "Seq Scan" && GROWING.contains(&table) {
        scans.insert(format!("**all of {table}**"));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        look(child, scans);
    }
}
