//! `lokapasar demo --check`: whole purchases by every method over HTTP against a server of its own, in
//! a database of its own in the demo's cluster, so that a running demo's clock does not move. It names
//! the first deviation and ends with exit code 1, or counts the steps and ends with 0.
mod direct;
mod negotiated;
mod quotation;
mod urgent;

use super::super::process::{Process, plain};
use super::super::worker;
use super::{PASSWORD, load};
use crate::app;
use crate::platform::{App, http};
use crate::settings::Settings;
use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;

const DATABASE: &str = "lokapasar_check";
const CLOCK: &str = "/api/v1/sandbox/clock";

pub async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let opened = Process::open(settings.clone(), DATABASE).await?;
    let cluster = opened.cluster.as_ref().context("the demo keeps a cluster of its own")?;
    cluster.drop_database(DATABASE).await?;
    cluster.create_database(DATABASE, None).await?;
    opened.migrate().await?;
    load::everything(&opened, 50, 500).await?;
    load::other_owners(&opened).await?;
    let running = http::serve(opened.app.clone(), app::register).await?;
    let mut journey = Journey {
        base: format!("http://{}", running.address),
        app: running.app.clone(),
        client: reqwest::Client::new(),
        steps: 0,
        keys: 0,
        started: Instant::now(),
    };
    let outcome = journey.play().await;
    running.stop().await;
    let cluster = opened.cluster.as_ref().context("the demo keeps a cluster of its own")?;
    cluster.drop_database(DATABASE).await?;
    opened.close()?;
    match outcome {
        Ok(()) => {
            println!("journey: {} steps ok", journey.steps);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("journey: step {} deviates: {error:#}", journey.steps + 1);
            Ok(ExitCode::from(1))
        }
    }
}

struct Journey {
    base: String,
    app: App,
    client: reqwest::Client,
    steps: usize,
    keys: usize,
    started: Instant,
}

/// Somebody who calls.
type Token = Option<String>;

struct Reached {
    body: Value,
    etag: String,
}

impl Reached {
    fn text(&self, pointer: &str) -> anyhow::Result<String> {
        match self.body.pointer(pointer) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => Ok(value.to_string()),
            other => bail!("{pointer} is {}", other.map_or_else(|| "missing".into(), Value::to_string)),
        }
    }

    fn time(&self, pointer: &str) -> anyhow::Result<DateTime<Utc>> {
        self.text(pointer)?.parse().with_context(|| format!("{pointer} is no time"))
    }

    /// Fails loudly where something is not as it should be.
    fn says(&self, pointer: &str, expected: &str) -> anyhow::Result<()> {
        match self.text(pointer)? {
            found if found == expected => Ok(()),
            found => bail!("{pointer} is {found} and not {expected}"),
        }
    }
}

impl Journey {
    /// One request with the status that is expected of it, and for a refusal its code.
    async fn call(
        &mut self,
        what: &str,
        who: &Token,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: (u16, &str),
    ) -> anyhow::Result<Reached> {
        self.keys += 1;
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = who {
            request = request.bearer_auth(token);
        }
        if method == Method::POST && !path.contains("/auth/") {
            request = request.header("Idempotency-Key", format!("check-{}", self.keys));
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| what.to_owned())?;
        self.reached(what, response, expected).await
    }

    async fn reached(
        &mut self,
        what: &str,
        response: reqwest::Response,
        (status, code): (u16, &str),
    ) -> anyhow::Result<Reached> {
        let given = response.status().as_u16();
        let etag =
            response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        let given_code = body["code"].as_str().unwrap_or_default();
        let faulty =
            body["errors"].as_array().is_some_and(|faults| faults.iter().any(|fault| fault["code"] == code));
        if given != status || (!code.is_empty() && given_code != code && !faulty) {
            bail!("{what}: expected {status} {code}, was {given} {body}");
        }
        self.done(what);
        Ok(Reached { body, etag })
    }

    /// A look that succeeds.
    async fn get(&mut self, what: &str, who: &Token, path: &str) -> anyhow::Result<Reached> {
        self.call(what, who, Method::GET, path, None, (200, "")).await
    }

    /// An act that needs no more words and succeeds.
    async fn act(&mut self, what: &str, who: &Token, path: &str) -> anyhow::Result<Reached> {
        self.call(what, who, Method::POST, path, None, (200, "")).await
    }

    /// An act that is refused.
    async fn refused(
        &mut self,
        what: &str,
        who: &Token,
        path: &str,
        expected: (u16, &str),
    ) -> anyhow::Result<()> {
        self.call(what, who, Method::POST, path, None, expected).await.map(drop)
    }

    async fn post(
        &mut self,
        what: &str,
        who: &Token,
        path: &str,
        body: Value,
        expected: (u16, &str),
    ) -> anyhow::Result<Reached> {
        self.call(what, who, Method::POST, path, Some(body), expected).await
    }

    fn done(&mut self, what: &str) {
        self.steps += 1;
        println!("{:>3}  {:>6.0} ms  {what}", self.steps, self.started.elapsed().as_secs_f64() * 1e3);
        self.started = Instant::now();
    }

    async fn log_in(&mut self, contact: &str, membership: Option<&str>) -> anyhow::Result<Token> {
        Ok(Some(self.session(contact, membership).await?.text("/access_token")?))
    }

    async fn session(&mut self, contact: &str, membership: Option<&str>) -> anyhow::Result<Reached> {
        let mut body = json!({ "contact": contact, "password": PASSWORD });
        if let Some(membership) = membership {
            body["membership_id"] = json!(membership);
        }
        let what = format!("{} logs in", contact.split('@').next().unwrap_or_default());
        self.call(&what, &None, Method::POST, "/api/v1/auth/sessions", Some(body), (200, "")).await
    }

    async fn role(&mut self, role: &str) -> anyhow::Result<Token> {
        self.log_in(&format!("{role}@demo.example.id"), None).await
    }

    /// Uploads the same small picture or paper wherever one is needed.
    async fn upload(
        &mut self,
        what: &str,
        who: &Token,
        path: &str,
        bytes: &'static [u8],
        kind: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(bytes));
        if let Some(kind) = kind {
            form = form.text("kind", kind.to_owned());
        }
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .bearer_auth(who.clone().unwrap_or_default())
            .multipart(form);
        let response = request.send().await?;
        self.reached(what, response, (201, "")).await.map(drop)
    }

    async fn work(&self) -> anyhow::Result<()> {
        while !worker::step(&self.app).await.map_err(plain)?.idle() {}
        Ok(())
    }

    async fn play(&mut self) -> anyhow::Result<()> {
        let (owner, vendor) = self.vendor().await?;
        let (pens, boxes) = self.products(&owner, &vendor).await?;
        self.purchase(&owner, &pens).await?;
        self.declined_and_replaced(&owner, &pens).await?;
        self.negotiated(&owner, &pens).await?;
        self.urgent(&owner, &pens).await?;
        self.quotation(&owner).await?;
        self.lapsed(&boxes).await
    }

    /// Sign-up → confirmation → file → verification.
    async fn vendor(&mut self) -> anyhow::Result<(Token, String)> {
        const CONTACT: &str = "sri.check@example.id";
        let post = Method::POST;
        let registration = json!({ "contact": CONTACT, "full_name": "Sri Wahyuni", "password": PASSWORD });
        self.call(
            "a seller signs up",
            &None,
            post.clone(),
            "/api/v1/auth/registrations",
            Some(registration),
            (202, ""),
        )
        .await?;
        let credentials = json!({ "contact": CONTACT, "password": PASSWORD });
        self.call(
            "and cannot log in yet",
            &None,
            post.clone(),
            "/api/v1/auth/sessions",
            Some(credentials),
            (401, "log_in_refused"),
        )
        .await?;
        self.work().await?;
        let admin = self.role("admin").await?;
        let mails = self
            .call("the mail has arrived", &admin, Method::GET, "/api/v1/sandbox/mails", None, (200, ""))
            .await?;
        let mail =
            mails.body["items"].as_array().and_then(|mails| mails.iter().find(|mail| mail["to"] == CONTACT));
        let text = mail.and_then(|mail| mail["text"].as_str()).context("no mail went to the seller")?;
        let token = text
            .split("#token=")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .context("the mail holds no link")?;
        let confirmation = json!({ "token": token });
        self.call(
            "the link is followed",
            &None,
            post.clone(),
            "/api/v1/auth/contact-confirmations",
            Some(confirmation),
            (204, ""),
        )
        .await?;
        let founder = self.log_in(CONTACT, None).await?;
        let file = json!({ "kind": "individual", "name": "Warung Sri", "fields": { "sells": "Alat tulis dan kardus" } });
        let created = self
            .call("a file is begun", &founder, post.clone(), "/api/v1/vendors", Some(file), (201, ""))
            .await?;
        let (vendor, membership) = (created.text("/vendor/id")?, created.text("/membership_id")?);
        let owner = self.log_in(CONTACT, Some(&membership)).await?;
        let path = format!("/api/v1/vendors/{vendor}");
        self.call(
            "and refused while it is empty",
            &owner,
            post.clone(),
            &format!("{path}/actions/submit"),
            None,
            (422, "required"),
        )
        .await?;
        let loaded = self.call("the file is looked at", &owner, Method::GET, &path, None, (200, "")).await?;
        let fields = json!({ "phone": "+6281200099999", "nik": "3374011708900099", "address": "Jl. Pandanaran 1",
            "region_code": "33.74.01", "bank_code": "008", "bank_account": "1234567890" });
        let request =
            self.client.patch(format!("{}{path}", self.base)).bearer_auth(owner.clone().unwrap_or_default());
        let response = request.header("If-Match", loaded.etag).json(&fields).send().await?;
        self.reached("six fields are filled in", response, (200, "")).await?;
        self.upload(
            "the identity card is uploaded",
            &owner,
            &format!("{path}/documents"),
            b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
            Some("identity_card"),
        )
        .await?;
        self.call(
            "the file is handed in",
            &owner,
            post.clone(),
            &format!("{path}/actions/submit"),
            None,
            (200, ""),
        )
        .await?;
        let verifier = self.role("verifier").await?;
        self.call(
            "it waits in the queue",
            &verifier,
            Method::GET,
            "/api/v1/verification-queue",
            None,
            (200, ""),
        )
        .await?;
        self.call(
            "a verifier takes it",
            &verifier,
            post.clone(),
            &format!("{path}/actions/claim"),
            None,
            (200, ""),
        )
        .await?;
        self.call(
            "and declares it verified",
            &verifier,
            post,
            &format!("{path}/actions/verify"),
            None,
            (200, ""),
        )
        .await?;
        Ok((owner, vendor))
    }

    /// Two products on the shelf: one with stock for all, one with a single piece.
    async fn products(&mut self, owner: &Token, vendor: &str) -> anyhow::Result<(String, String)> {
        let mut made = Vec::new();
        for (name, price, stock) in
            [("Pulpen gel Sri isi 12", "24000", "500"), ("Pulpen ukir Sri", "900000", "1")]
        {
            let body = json!({ "name": name, "category_code": "01.01.01", "price": price, "fields": { "availability": "counted" } });
            let created = self
                .call("a product is listed", owner, Method::POST, "/api/v1/products", Some(body), (201, ""))
                .await?;
            let path = format!("/api/v1/products/{}", created.text("/id")?);
            if made.is_empty() {
                self.call(
                    "it needs a photo",
                    owner,
                    Method::POST,
                    &format!("{path}/actions/submit"),
                    None,
                    (422, "photo_missing"),
                )
                .await?;
            }
            self.upload("a photo is uploaded", owner, &format!("{path}/photos"), load::PICTURE, None).await?;
            let movement = json!({ "direction": "add", "quantity": stock, "reason": "Stok awal" });
            self.call(
                "goods come in",
                owner,
                Method::POST,
                &format!("{path}/actions/adjust-stock"),
                Some(movement),
                (200, ""),
            )
            .await?;
            self.call(
                "the product is published",
                owner,
                Method::POST,
                &format!("{path}/actions/submit"),
                None,
                (200, ""),
            )
            .await?;
            made.push(created.text("/id")?);
        }
        let found = self
            .call(
                "anyone finds it",
                &None,
                Method::GET,
                "/public/v1/products?q=pulpen%20ukir",
                None,
                (200, ""),
            )
            .await?;
        if found.text("/items/0/vendor_id")? != vendor {
            bail!("the search finds another vendor's goods first");
        }
        let [pens, boxes] = made.try_into().map_err(|_| anyhow::anyhow!("two products were not made"))?;
        Ok((pens, boxes))
    }

    /// A draft for some pieces of a product, at its list price.
    async fn draft(&mut self, officer: &Token, product: &str, quantity: &str) -> anyhow::Result<String> {
        let line = |day| json!({ "lines": [line(product, quantity, day)] });
        self.draft_of(officer, 45, line).await?.text("/id")
    }

    /// A draft on the first unit's first package, needed so many days ahead; `fields` says what it asks for.
    async fn draft_of(
        &mut self,
        officer: &Token,
        days: i64,
        fields: impl Fn(NaiveDate) -> Value,
    ) -> anyhow::Result<Reached> {
        let plan = self.get("the officer looks at the plan", officer, "/api/v1/packages?limit=1").await?;
        let (package, unit) = (plan.text("/items/0/id")?, plan.text("/items/0/unit_id")?);
        let path = format!("/api/v1/budget-lines?package_id={package}");
        let line = self.get("and at the budget", officer, &path).await?.text("/items/0/id")?;
        let clock = self.get("and at the clock", officer, CLOCK).await?;
        let needed_on = (clock.time("/now")? + TimeDelta::days(days)).date_naive();
        let treasurer = self.treasurer().await?;
        let mut body = json!({ "unit_id": unit, "package_id": package, "title": "Alat tulis kantor", "needed_on": needed_on,
            "fields": { "budget_line_id": line, "procurement_kind": "goods", "payment_way": "up", "treasurer_id": treasurer,
                "split_reason": "Kebutuhan kegiatan lain" } });
        for (name, value) in fields(needed_on).as_object().into_iter().flatten() {
            body["fields"][name] = value.clone();
        }
        self.post("a request is drafted", officer, "/api/v1/requests", body, (201, "")).await
    }

    /// Whoever approves names what was handed in.
    async fn approve(&mut self, what: &str, handed_in: &Reached) -> anyhow::Result<Reached> {
        let approver = self.role("commitment_officer").await?;
        let path = format!("/api/v1/requests/{}/actions/approve", handed_in.text("/id")?);
        let content = json!({ "content_hash": handed_in.text("/content_hash")? });
        self.post(what, &approver, &path, content, (200, "")).await
    }

    async fn treasurer(&mut self) -> anyhow::Result<String> {
        let treasurer = self.role("treasurer").await?;
        let me = self
            .call("the treasurer is known", &treasurer, Method::GET, "/api/v1/me", None, (200, ""))
            .await?;
        me.text("/membership_id")
    }

    async fn order_of(&mut self, officer: &Token, request: &str) -> anyhow::Result<Reached> {
        let path = format!("/api/v1/orders?request_id={request}");
        let orders = self.call("the order is issued", officer, Method::GET, &path, None, (200, "")).await?;
        let order = orders.body["items"].get(0).cloned().context("there is no order")?;
        Ok(Reached { body: order, etag: String::new() })
    }
}

/// A line with one delivery.
fn line(product: &str, quantity: &str, day: NaiveDate) -> Value {
    json!({ "product_id": product, "quantity": quantity, "slots": [slot(quantity, day)] })
}

fn slot(quantity: &str, day: NaiveDate) -> Value {
    json!({ "day": day, "time_from": "09:00", "time_to": "12:00", "region_code": "33.74.01", "address": "Jl. Pemuda 148",
        "contact_name": "Bu Rini", "contact_phone": "+628155500001", "quantity": quantity })
}
