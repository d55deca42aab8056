//! The test bench: one PostgreSQL cluster for the whole run, one database and one real server for
//! each test, mails in memory, callers that speak the domain.
#![allow(dead_code, unused_imports, reason = "a bench for all tests; no one module uses all of it")]

mod caller;
mod cluster;
pub mod comparison;
pub mod purchase;
pub mod trade;

pub use caller::{Answer, Caller, send};
pub use cluster::{Bench, bench, watch};

use lokapasar::accounts::{self, CreateUser};
use lokapasar::kernel::{Ctx, Language, MembershipId, OrganisationId, Realm, Role, UnitId, UserId};
use lokapasar::platform::http::{self, Running};
use lokapasar::platform::{App, mail::Mail, sealing::KeyRing};
use lokapasar::settings::{MailKind, Settings};
use lokapasar::{app, cli};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

pub const PASSWORD: &str = "gerobak-lumpia-melintas-senja";

/// How many repetitions an acceptance count stands for: all of them under `TEST_SCALE=full`.
pub fn scaled(full: usize) -> usize {
    match std::env::var("TEST_SCALE") {
        Ok(scale) if scale == "full" => full,
        _ => (full / 10).max(2),
    }
}

/// A running system with a database of its own.
pub struct TestApp {
    pub app: App,
    pub base: String,
    pub database: String,
    pub directory: std::path::PathBuf,
    url: String,
    running: Option<Running>,
    counter: AtomicU32,
}

impl TestApp {
    /// A system whose own realm is the sandbox, so that tests may move its clock.
    pub async fn start() -> Self {
        Self::start_in(Realm::Sandbox, |_| {}).await
    }

    pub async fn start_in(realm: Realm, adjust: impl FnOnce(&mut Settings)) -> Self {
        let bench = bench().await;
        let database = bench.clone_database().await;
        Self::start_on(bench.url(&database), database, realm, adjust).await
    }

    pub async fn start_on(
        url: String,
        database: String,
        realm: Realm,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let keys = KeyRing::generate(false).expect("keys can be made");
        Self::start_with_keys(url, database, realm, keys, adjust).await
    }

    /// A system that shares its key ring with another process.
    pub async fn start_with_keys(
        url: String,
        database: String,
        realm: Realm,
        keys: KeyRing,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let directory = bench().await.scratch(&database);
        let mut settings = Settings::defaults(&directory).expect("the defaults are valid");
        settings.listen = "127.0.0.1:0".into();
        settings.realm = realm;
        settings.workers = 1;
        settings.database.pool_size = 8;
        settings.mail.kind = MailKind::Memory;
        settings.http.requests_per_minute = 1_000_000;
        settings.http.log_in_attempts_per_minute = 1_000_000;
        settings.http.shutdown_seconds = 1;
        adjust(&mut settings);
        let app = app::build(settings, &url, keys).expect("the parts fit");
        let running = http::serve(app, app::register).await.expect("the server starts");
        let app = running.app.clone();
        Self {
            base: format!("http://{}", running.address),
            app,
            database,
            directory,
            url,
            running: Some(running),
            counter: AtomicU32::new(0),
        }
    }

    /// Stops the server and removes the database.
    pub async fn finish(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }

    pub fn anonymous(&self) -> Caller {
        Caller::new(&self.base)
    }

    pub fn realm(&self) -> Realm {
        self.app.settings.realm
    }

    /// A number that no other call of this test gets.
    pub fn unique(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn system(&self) -> Ctx {
        Ctx::system(self.realm(), "test")
    }

    /// An account with a verified contact, made as the command line makes it.
    pub async fn account(&self) -> (UserId, String) {
        let contact = format!("person{}@example.id", self.unique());
        (self.account_with(&contact).await, contact)
    }

    pub async fn account_with(&self, contact: &str) -> UserId {
        let hash = password_hash(&self.app).await;
        let ctx = self.system();
        self.app
            .db
            .transaction(self.realm(), async |tx| {
                let input = CreateUser {
                    contact,
                    full_name: "Sri Wahyuni",
                    password_hash: &hash,
                    language: Language::Id,
                    demo: false,
                };
                accounts::create_user(tx, &ctx, &self.app, &input).await
            })
            .await
            .expect("an account can be made")
    }

    /// A person without any membership, logged in.
    pub async fn person(&self) -> Caller {
        let (user, contact) = self.account().await;
        self.log_in(user, &contact, None).await
    }

    /// Logs in; `membership` chooses whom to act for.
    pub async fn log_in(&self, user: UserId, contact: &str, membership: Option<MembershipId>) -> Caller {
        let mut body = json!({ "contact": contact, "password": PASSWORD });
        if let Some(membership) = membership {
            body["membership_id"] = json!(membership);
        }
        let answer = self.anonymous().post("/api/v1/auth/sessions", body).await.expect(200);
        let mut caller = Caller::new(&self.base);
        caller.token = Some(answer.text("/access_token"));
        caller.refresh_token = Some(answer.text("/refresh_token"));
        caller.user = Some(user);
        caller.contact = contact.to_owned();
        caller.membership = answer
            .body
            .pointer("/membership/id")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .map(MembershipId);
        caller.organisation = answer
            .body
            .pointer("/membership/organisation_id")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .map(OrganisationId);
        caller
    }

    /// A person with a role in an organisation (none: the realm's platform), logged in for it.
    pub async fn member(&self, organisation: Option<OrganisationId>, role: Role, units: &[UnitId]) -> Caller {
        let (user, contact) = self.account().await;
        let membership = self.grant(user, organisation, role, units).await;
        self.log_in(user, &contact, Some(membership)).await
    }

    pub async fn grant(
        &self,
        user: UserId,
        organisation: Option<OrganisationId>,
        role: Role,
        units: &[UnitId],
    ) -> MembershipId {
        let ctx = self.system();
        self.app
            .db
            .transaction(self.realm(), async |tx| {
                accounts::grant(tx, &ctx, user, organisation, role, units, Some("821/001/2026")).await
            })
            .await
            .expect("the role can be given")
    }

    pub async fn admin(&self) -> Caller {
        self.member(None, Role::Admin, &[]).await
    }

    /// An agency with one work unit.
    pub async fn agency(&self) -> (OrganisationId, UnitId) {
        let number = self.unique();
        let ctx = self.system();
        self.app
            .db
            .transaction(self.realm(), async |tx| {
                let agency = accounts::create_agency(
                    tx,
                    &ctx,
                    "Pemerintah Kabupaten Contoh",
                    &format!("D{number:03}"),
                    "Asia/Jakarta",
                )
                .await?;
                let unit = accounts::NewUnit {
                    code: format!("1.01.{number}"),
                    source_code: None,
                    name: "Dinas Contoh".into(),
                    short_name: format!("DIN{number}"),
                    parent_id: None,
                    source: None,
                };
                let unit = accounts::create_unit(tx, &ctx, agency.id, &unit).await?;
                Ok((agency.id, unit.id))
            })
            .await
            .expect("an agency can be made")
    }

    /// Steps the worker until it has nothing left to do.
    pub async fn work(&self) {
        // Positions are given below the oldest transaction of the whole cluster, and other tests' are among them.
        let waiting = "SELECT count(*) FROM events WHERE id NOT IN (SELECT event_id FROM event_positions)";
        loop {
            while !cli::step_worker(&self.app).await.expect("the worker works").idle() {}
            if self.count(waiting).await == 0 {
                break;
            }
        }
    }

    /// Steps the worker and returns the mails to an address so far.
    pub async fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.work().await;
        self.app.mailer.sent().into_iter().filter(|mail| mail.to == address).collect()
    }

    /// The token of the newest link that was sent to an address.
    pub async fn token_sent_to(&self, address: &str) -> String {
        let mails = self.mails_to(address).await;
        let mail = mails.last().expect("a mail was sent");
        let (_, rest) = mail.text.split_once("#token=").expect("the mail holds a link");
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Moves the sandbox's clock forward by whole hours, past every rule of the API.
    pub async fn move_clock(&self, hours: i64) {
        self.sql(&format!("UPDATE realms SET clock_offset_seconds = clock_offset_seconds + {hours} * 3600 WHERE realm = 'sandbox'")).await;
    }

    /// Runs SQL as the superuser: for looking behind the scenes, never for setting them up by the back door
    /// where a door in front exists.
    pub async fn sql(&self, text: &str) -> Vec<Vec<Option<String>>> {
        cluster::sql(&self.url.replace("user=lokapasar_app", "user=postgres"), text).await
    }

    /// One number out of SQL.
    pub async fn count(&self, text: &str) -> i64 {
        let rows = self.sql(text).await;
        rows[0][0].as_deref().unwrap_or("0").parse().expect("the query counts")
    }
}

async fn password_hash(app: &App) -> String {
    static HASH: OnceCell<String> = OnceCell::const_new();
    HASH.get_or_init(async || app.hashing.hash(PASSWORD).await.expect("hashing works")).await.clone()
}
