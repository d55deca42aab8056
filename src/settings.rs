//! Typed configuration, read once: defaults, then `lokapasar.toml`, then the environment.
//!
//! One table below is the source of names, defaults and meanings for reading, for
//! `lokapasar config --explain` and for the README.
use crate::kernel::Realm;
use anyhow::{Context, bail};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One setting: its key in the file, its default, what it means.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
    pub secret: bool,
}

macro_rules! settings {
    (@secret) => { false };
    (@secret secret) => { true };
    ($($key:literal = $default:literal $(($secret:tt))?, $meaning:literal;)+) => {
        /// Every setting there is.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: $key, default: $default, meaning: $meaning,
            secret: settings!(@secret $($secret)?),
        }),+];
    };
}

settings! {
    "listen" = "127.0.0.1:8080", "address and port to serve on; port 0 takes any free one";
    "public_url" = "", "address under which callers reach us, in links and problem types; empty: http:// and the listening address, which serve alone knows";
    "realm" = "live", "realm of the public lists and of self-registration: live, sandbox or training";
    "data_dir" = "", "folder of the embedded database, keys and files; empty: ./.lokapasar, as root /var/lib/lokapasar";
    "workers" = "2", "HTTP worker threads";
    "database.url" = "" (secret), "PostgreSQL of the application's role; empty: an embedded cluster (also DATABASE_URL)";
    "database.owner_url" = "" (secret), "PostgreSQL of the owner's role, for migrations; empty: database.url (also DATABASE_OWNER_URL)";
    "database.pool_size" = "12", "connections of the HTTP workers together; a background worker has up to as many beside them";
    "database.wait_seconds" = "3", "how long a request waits for a connection before 503";
    "database.programs" = "", "folder of PostgreSQL server programs (15 or later) for the embedded cluster; empty: search";
    "keys.file" = "", "key ring outside the database; empty: keys.toml in data_dir, made on first start of an embedded cluster";
    "mail.kind" = "file", "how mail leaves: smtp, file or memory";
    "mail.smtp_url" = "" (secret), "mail server, as smtp://user:password@host:587?tls=required";
    "mail.from" = "Lokapasar <no-reply@localhost>", "sender of all mail";
    "mail.directory" = "", "folder for mail.kind = file; empty: mail in data_dir";
    "http.trusted_proxies" = "", "networks whose X-Forwarded-For is believed, comma separated";
    "http.cors_origins" = "", "origins that browsers may call from, comma separated";
    "http.metrics_token" = "" (secret), "bearer token for /metrics; empty: loopback callers only";
    "http.body_limit_bytes" = "262144", "largest JSON body";
    "http.upload_limit_bytes" = "5242880", "largest uploaded file";
    "http.timeout_seconds" = "15", "time to receive a request's head, and its body, before 408";
    "http.shutdown_seconds" = "30", "how long running requests may finish on shutdown";
    "http.requests_per_minute" = "1200", "requests a minute from an address, and from an account";
    "http.log_in_attempts_per_minute" = "60", "sign-ups, log-ins, refreshes and resets a minute from an address";
    "log.format" = "text", "text or json";
    "log.filter" = "info,lokapasar=info", "tracing filter directives";
}

/// The settings as the process uses them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub listen: String,
    pub public_url: String,
    pub realm: Realm,
    pub data_dir: PathBuf,
    pub workers: usize,
    pub database: Database,
    pub keys: Keys,
    pub mail: Mail,
    pub http: Http,
    pub log: Log,
    /// Set by `demo` alone, never read from outside: allows demo keys and accounts.
    #[serde(skip)]
    pub demo: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: SecretString,
    pub owner_url: SecretString,
    pub pool_size: usize,
    pub wait_seconds: u64,
    pub programs: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    Smtp,
    File,
    Memory,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub kind: MailKind,
    pub smtp_url: SecretString,
    pub from: String,
    pub directory: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(deserialize_with = "comma_separated")]
    pub trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "comma_separated")]
    pub cors_origins: Vec<String>,
    pub metrics_token: SecretString,
    pub body_limit_bytes: usize,
    pub upload_limit_bytes: usize,
    pub timeout_seconds: u64,
    pub shutdown_seconds: u64,
    pub requests_per_minute: u32,
    pub log_in_attempts_per_minute: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: String,
    pub filter: String,
}

/// Where the value in force came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
}

impl Settings {
    /// Reads defaults, the file (`--config` or `./lokapasar.toml` when there) and the environment;
    /// [`validate`](Self::validate) judges whether they go together.
    ///
    /// # Errors
    /// One sentence that names the setting and what to write instead.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut settings: Self = reader(file)?
            .build()
            .and_then(|config| config.try_deserialize())
            .map_err(|error| anyhow::anyhow!("the configuration cannot be read: {error}"))?;
        settings.complete();
        Ok(settings)
    }

    /// The defaults alone, for tests and `demo`.
    pub fn defaults(data_dir: &Path) -> anyhow::Result<Self> {
        let builder = defaults()?.set_override("data_dir", data_dir.display().to_string())?;
        let mut settings: Self = builder.build()?.try_deserialize()?;
        settings.complete();
        Ok(settings)
    }

    /// Whether the database is one that this process keeps itself.
    pub fn embedded(&self) -> bool {
        use secrecy::ExposeSecret;
        self.database.url.expose_secret().is_empty()
    }

    /// Puts another data folder in place, with all that follows from it.
    pub fn set_data_dir(&mut self, directory: &Path) {
        let previous = std::mem::replace(&mut self.data_dir, directory.to_owned());
        for path in [&mut self.keys.file, &mut self.mail.directory] {
            if let Ok(rest) = path.strip_prefix(&previous) {
                *path = directory.join(rest);
            }
        }
    }

    fn complete(&mut self) {
        if self.data_dir.as_os_str().is_empty() {
            let root = nix::unistd::geteuid().is_root();
            self.data_dir = if root { "/var/lib/lokapasar" } else { "./.lokapasar" }.into();
        }
        if self.keys.file.as_os_str().is_empty() {
            self.keys.file = self.data_dir.join("keys.toml");
        }
        if self.mail.directory.as_os_str().is_empty() {
            self.mail.directory = self.data_dir.join("mail");
        }
    }

    /// Whether the settings go together.
    ///
    /// # Errors
    /// One sentence that names what to change.
    pub fn validate(&self) -> anyhow::Result<()> {
        use secrecy::ExposeSecret;
        if self.mail.kind == MailKind::Smtp && self.mail.smtp_url.expose_secret().is_empty() {
            bail!("mail.kind is smtp but mail.smtp_url is empty: name the mail server there");
        }
        if self.embedded() && !self.database.owner_url.expose_secret().is_empty() {
            bail!("database.owner_url is set but database.url is empty: name the application's address too");
        }
        if !["json", "text"].contains(&self.log.format.as_str()) {
            bail!("log.format must be json or text");
        }
        if self.database.pool_size < self.workers {
            bail!("database.pool_size must be at least workers: each worker holds a connection of its own");
        }
        for (key, value) in [
            ("workers", self.workers),
            ("database.pool_size", self.database.pool_size),
            ("http.requests_per_minute", self.http.requests_per_minute as usize),
            ("http.log_in_attempts_per_minute", self.http.log_in_attempts_per_minute as usize),
        ] {
            if value == 0 {
                bail!("{key} must be at least 1");
            }
        }
        Ok(())
    }
}

/// Where each setting's value comes from, in the table's order; secrets stay hidden. Folders that
/// follow from others are shown as they come out in `settings`.
///
/// # Errors
/// As [`Settings::read`].
pub fn explain(
    file: Option<&Path>,
    settings: &Settings,
) -> anyhow::Result<Vec<(&'static Setting, String, Source)>> {
    let config = reader(file)?.build()?;
    let path = file_in_use(file);
    let from_file = match &path {
        Some(path) => config::Config::builder().add_source(config::File::from(path.as_path())).build()?,
        None => config::Config::default(),
    };
    SETTINGS
        .iter()
        .map(|setting| {
            let value = match setting.key {
                "data_dir" => settings.data_dir.display().to_string(),
                "keys.file" => settings.keys.file.display().to_string(),
                "mail.directory" => settings.mail.directory.display().to_string(),
                key => config.get_string(key)?,
            };
            let source = match (environment_name(setting.key), &path) {
                (Some(name), _) => Source::Environment(name),
                (None, Some(path)) if from_file.get_string(setting.key).is_ok() => Source::File(path.clone()),
                _ => Source::Default,
            };
            let shown = if setting.secret && !value.is_empty() { "(set, hidden)".into() } else { value };
            Ok((setting, shown, source))
        })
        .collect()
}

fn defaults() -> anyhow::Result<config::ConfigBuilder<config::builder::DefaultState>> {
    SETTINGS.iter().try_fold(config::Config::builder(), |builder, setting| {
        builder.set_default(setting.key, setting.default).context("a default cannot be set")
    })
}

fn reader(file: Option<&Path>) -> anyhow::Result<config::ConfigBuilder<config::builder::DefaultState>> {
    let mut builder = defaults()?;
    if let Some(path) = file_in_use(file) {
        builder = builder.add_source(config::File::from(path.as_path()));
    }
    for setting in SETTINGS {
        if let Some(name) = environment_name(setting.key) {
            builder = builder.set_override(setting.key, environment(&name).unwrap_or_default())?;
        }
    }
    Ok(builder)
}

fn file_in_use(file: Option<&Path>) -> Option<PathBuf> {
    match file {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from("lokapasar.toml")).filter(|path| path.exists()),
    }
}

/// The variable that sets a key now: `LOKAPASAR_DATABASE_URL`, or the customary `DATABASE_URL`.
fn environment_name(key: &str) -> Option<String> {
    let plain = key.to_uppercase().replace('.', "_");
    let customary = plain.starts_with("DATABASE_") && (plain.ends_with("_URL"));
    let names = [Some(format!("LOKAPASAR_{plain}")), customary.then_some(plain)];
    names.into_iter().flatten().find(|name| environment(name).is_some())
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn comma_separated<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(serde::de::Error::custom))
        .collect()
}
