//! THE list: every slice's operations, and the parts of a process put together.
use crate::kernel::{Action, Role};
use crate::platform::http::{Api, Contract, Limits};
use crate::platform::sealing::KeyRing;
use crate::platform::{App, Clock, Doors, Permission, db::Db, files::Files, hashing::Hashing, mail::Mailer};
use crate::settings::Settings;
use crate::{access, accounts, catalog, orders, packages, policies, quotes, requests, taxes, vendors};
use std::sync::Arc;
use std::time::Duration;

/// Every operation there is.
pub fn register() -> Api {
    let mut api = Api::new(access::permits);
    accounts::routes(&mut api);
    policies::routes(&mut api);
    taxes::routes(&mut api);
    vendors::routes(&mut api);
    catalog::routes(&mut api);
    packages::routes(&mut api);
    requests::routes(&mut api);
    quotes::routes(&mut api);
    orders::routes(&mut api);
    api
}

/// The contract of `openapi.yaml`.
pub fn contract() -> Contract {
    register().contract()
}

/// Puts a process together over a database and a key ring.
pub fn build(settings: Settings, database_url: &str, keys: KeyRing) -> anyhow::Result<App> {
    let keys = Arc::new(keys);
    let wait = Duration::from_secs(settings.database.wait_seconds);
    let limits = Limits::new(settings.http.requests_per_minute, settings.http.log_in_attempts_per_minute);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(App {
        db: Db::new(database_url, settings.database.pool_size, wait)?,
        mailer: Mailer::new(&settings.mail)?,
        files: Files::new(settings.data_dir.join("files"), keys.clone()),
        hashing: Arc::new(Hashing::new(cores)),
        limits: Arc::new(limits),
        clock: Clock::default(),
        doors: Doors { authenticate: accounts::authenticate, permits },
        settings: Arc::new(settings),
        keys,
    })
}

fn permits(action: Action, role: Option<Role>) -> Permission {
    access::permits(action, role)
}
