//! `lokapasar admin`: what only the platform's own people may do, audited like any write.
use super::process::{Process, plain};
use crate::accounts::{self, CreateUser};
use crate::kernel::{Ctx, Error, Language, Realm, Role, UnitId, UserId};
use crate::platform::sealing::KeyRing;
use crate::platform::{jobs, personal};
use crate::quotes;
use crate::settings::Settings;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::process::ExitCode;
use uuid::Uuid;

#[derive(clap::Args)]
pub struct Admin {
    /// Answers in JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Realm to act in.
    #[arg(long, global = true, default_value = "live")]
    realm: Realm,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(clap::Subcommand)]
enum AdminCommand {
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// Roles.
    #[command(subcommand)]
    Role(RoleCommand),
    /// Log-ins.
    #[command(subcommand)]
    Token(TokenCommand),
    /// The key ring.
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(clap::Subcommand)]
enum UserCommand {
    /// Makes an account whose contact counts as verified; the password is read from standard input.
    Create {
        /// E-mail address or phone number.
        contact: String,
        /// Full name.
        #[arg(long)]
        name: String,
    },
}

#[derive(clap::Subcommand)]
enum RoleCommand {
    /// Gives a role; without --organisation in the realm's platform.
    Grant {
        /// Account by its id.
        user: Uuid,
        /// Role, as `procurement_officer`.
        role: Role,
        /// Organisation by its id.
        #[arg(long, value_name = "ID")]
        organisation: Option<Uuid>,
        /// Work unit that the appointment covers; may be repeated. None: the whole organisation.
        #[arg(long, value_name = "ID")]
        unit: Vec<Uuid>,
        /// Appointment letter number.
        #[arg(long)]
        letter: Option<String>,
    },
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Ends all sessions of a person.
    Revoke {
        /// E-mail address or phone number.
        contact: String,
    },
}

#[derive(clap::Subcommand)]
enum KeysCommand {
    /// Makes a key ring where there is none.
    Create,
    /// Adds a sealing and a signing key, then seals every personal value again.
    Rotate,
    /// Moves the blind indexes to a new key; both are live meanwhile.
    Reindex,
}

pub async fn run(command: Admin, settings: Settings) -> anyhow::Result<ExitCode> {
    if let AdminCommand::Keys(KeysCommand::Create) = command.command {
        let path = &settings.keys.file;
        if path.exists() {
            bail!("there already is a key ring at {}", path.display());
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        KeyRing::generate(false)?.write(path)?;
        return say(command.json, json!({ "keys": path }));
    }
    let process = Process::open(settings, "lokapasar").await?;
    if process.cluster.is_some() {
        process.migrate().await?;
    }
    let ctx = Ctx::system(command.realm, &format!("cli-{}", crate::platform::Clock::new_id()));
    let answer = act(&process, &ctx, command.realm, command.command).await?;
    process.close()?;
    say(command.json, answer)
}

async fn act(process: &Process, ctx: &Ctx, realm: Realm, command: AdminCommand) -> anyhow::Result<Value> {
    let app = &process.app;
    match command {
        AdminCommand::User(UserCommand::Create { contact, name }) => {
            let password = std::io::read_to_string(std::io::stdin())
                .context("the password cannot be read from standard input")?;
            let password = password.trim_end_matches('\n');
            if password == super::demo::PASSWORD {
                bail!("this is the demo's password, which everybody knows: choose another one");
            }
            let hash = accounts::hash_new_password(app, password, &[&name, &contact]).await.map_err(plain)?;
            let id = app
                .db
                .transaction(realm, async |tx| {
                    let input = CreateUser {
                        contact: &contact,
                        full_name: &name,
                        password_hash: &hash,
                        language: Language::Id,
                        demo: false,
                    };
                    accounts::create_user(tx, ctx, app, &input).await
                })
                .await
                .map_err(plain)?;
            Ok(json!({ "user": id }))
        }
        AdminCommand::Role(RoleCommand::Grant { user, role, organisation, unit, letter }) => {
            let units: Vec<UnitId> = unit.into_iter().map(UnitId).collect();
            let id = app
                .db
                .transaction(realm, async |tx| {
                    let organisation = organisation.map(Into::into);
                    accounts::grant(tx, ctx, UserId(user), organisation, role, &units, letter.as_deref())
                        .await
                })
                .await
                .map_err(plain)?;
            Ok(json!({ "membership": id }))
        }
        AdminCommand::Token(TokenCommand::Revoke { contact }) => {
            let ended = app
                .db
                .transaction(realm, async |tx| accounts::revoke_sessions(tx, ctx, app, &contact).await)
                .await
                .map_err(plain)?;
            Ok(json!({ "sessions_ended": ended }))
        }
        AdminCommand::Keys(KeysCommand::Rotate) => rotate(process, realm).await,
        AdminCommand::Keys(KeysCommand::Reindex) => reindex(process, realm).await,
        AdminCommand::Keys(KeysCommand::Create) => Ok(Value::Null),
    }
}

/// New keys first, on disk, then every value under them; a crash in between loses nothing, since
/// the old keys stay in the ring. Running servers read the ring when they start.
async fn rotate(process: &Process, realm: Realm) -> anyhow::Result<Value> {
    let path = &process.app.settings.keys.file;
    let ring = process.app.keys.rotated()?;
    ring.write(path)?;
    let done = in_batches(process, realm, "keys.rotate", async |tx| {
        Ok(personal::reseal(tx, &ring, 200).await? + quotes::wrap_again(tx, &ring, 200).await?)
    })
    .await?;
    Ok(json!({ "resealed": done, "sealing_key": ring.sealing_number(), "signing_key": ring.signing().id }))
}

/// The coming index key goes to disk, so that servers restarted now write both; then the rows are
/// filled; then the columns and the ring change over.
async fn reindex(process: &Process, realm: Realm) -> anyhow::Result<Value> {
    let path = &process.app.settings.keys.file;
    let ring = process.app.keys.with_next_index()?;
    ring.write(path)?;
    let done = in_batches(process, realm, "keys.reindex", async |tx| {
        personal::fill_next_index(tx, &ring, 200).await
    })
    .await?;
    process.app.db.transaction(realm, personal::adopt_next_index).await.map_err(plain)?;
    ring.with_index_moved()?.write(path)?;
    Ok(json!({ "reindexed": done }))
}

async fn in_batches(
    process: &Process,
    realm: Realm,
    kind: &str,
    batch: impl AsyncFn(&mut crate::platform::db::Tx) -> Result<usize, Error>,
) -> anyhow::Result<usize> {
    let db = &process.app.db;
    let job = db.transaction(realm, async |tx| jobs::begin(tx, kind).await).await.map_err(plain)?;
    let bar = super::progress::spinner(kind);
    let mut total = 0;
    loop {
        let done = db
            .transaction(realm, async |tx| {
                let done = batch(tx).await?;
                jobs::advance(tx, job, done).await?;
                Ok(done)
            })
            .await
            .map_err(plain)?;
        total += done;
        bar.set_position(total as u64);
        if done == 0 {
            break;
        }
    }
    bar.finish_and_clear();
    let ctx = Ctx::system(realm, kind);
    db.transaction(realm, async |tx| {
        jobs::finish(tx, job).await?;
        crate::platform::trail::record(
            tx,
            &ctx,
            crate::platform::trail::Fact {
                kind: if kind == "keys.rotate" { "keys.rotated" } else { "keys.reindexed" },
                subject: job,
                before: None,
                after: json!({ "job": job, "rows": total }),
                reason: None,
                notices: Vec::new(),
            },
        )
        .await
    })
    .await
    .map_err(plain)?;
    Ok(total)
}

fn say(as_json: bool, answer: Value) -> anyhow::Result<ExitCode> {
    if as_json {
        println!("{answer}");
    } else if let Value::Object(fields) = &answer {
        for (name, value) in fields {
            println!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
        }
    }
    Ok(ExitCode::SUCCESS)
}
