//! `lokapasar worker`: delivers notices, announces what lapsed, keeps the house clean.
//!
//! Tests call [`step`]; the running worker calls it again and again, at once while there is work
//! and after a pause when there is none.
use super::process::{Process, plain};
use crate::accounts::{self, NoticeProgress};
use crate::kernel::{Ctx, Error, Realm};
use crate::platform::db::sql;
use crate::platform::{App, telemetry, trail};
use crate::settings::Settings;
use crate::{orders, quotes, requests};
use anyhow::bail;
use diesel_async::RunQueryDsl;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[derive(clap::Args)]
pub struct Work {
    /// Works until there is nothing left to do, then ends.
    #[arg(long)]
    once: bool,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub notices: NoticeProgress,
    pub expired: usize,
}

impl Progress {
    pub fn idle(self) -> bool {
        self.notices.idle() && self.expired == 0
    }
}

/// One round of everything the worker does.
pub async fn step(app: &App) -> Result<Progress, Error> {
    let realm = app.settings.realm;
    let ctx = Ctx::system(realm, "worker");
    let mut expired = 0;
    let mut failed = None;
    // One subject a transaction: each keeps the lock order by itself. What cannot be announced stops
    // neither the other kind nor the mails.
    for kind in [Lapsing::Requests, Lapsing::Orders, Lapsing::Quotations, Lapsing::Reminders] {
        for _ in 0..50 {
            match announce(app, realm, &ctx, kind).await {
                Ok(0) => break,
                Ok(more) => expired += more,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
    }
    match issue_awards(app, realm, &ctx).await {
        Ok(more) => expired += more,
        Err(error) => failed = failed.or(Some(error)),
    }
    let notices = accounts::step_notices(app).await?;
    failed.map_or(Ok(Progress { notices, expired }), Err)
}

/// Issues the orders of awards that nobody can object to any more; one whose orders cannot go out is taken
/// back, and stands in the way of no other.
async fn issue_awards(app: &App, realm: Realm, ctx: &Ctx) -> Result<usize, Error> {
    let now = app.db.transaction(realm, async |tx| tx.now().await).await?;
    let due = app.db.transaction(realm, async |tx| quotes::due_awards(tx, now, 50).await).await?;
    for id in &due {
        match app.db.transaction(realm, async |tx| orders::issue_due(tx, ctx, *id).await).await {
            Err(Error::Refused(_)) => {
                app.db.transaction(realm, async |tx| quotes::take_back_due(tx, ctx, *id).await).await?;
            }
            other => other?,
        }
    }
    Ok(due.len())
}

#[derive(Clone, Copy)]
enum Lapsing {
    Requests,
    Orders,
    /// Whose quotes the clock opens.
    Quotations,
    /// Of what will lapse soon.
    Reminders,
}

async fn announce(app: &App, realm: Realm, ctx: &Ctx, kind: Lapsing) -> Result<usize, Error> {
    app.db
        .transaction(realm, async |tx| match kind {
            Lapsing::Requests => requests::announce_expired(tx, ctx).await,
            Lapsing::Orders => orders::announce_expired(tx, ctx).await,
            Lapsing::Quotations => quotes::open_due(tx, ctx, &app.keys).await,
            Lapsing::Reminders => orders::remind(tx, ctx).await,
        })
        .await
}

/// Work that once an hour is often enough: coming partitions, old idempotency keys.
pub async fn tidy(app: &App) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    trail::ensure_partitions(&mut conn).await?;
    sql("DELETE FROM idempotency_keys WHERE created_at < $1")
        .bind::<diesel::sql_types::Timestamptz, _>(app.clock.now() - chrono::TimeDelta::hours(48))
        .execute(&mut conn)
        .await?;
    Ok(())
}

pub async fn run(command: Work, settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::start_logging(&settings.log)?;
    if settings.public_url.is_empty() {
        bail!("public_url is empty: set the address that links in mails begin with");
    }
    let process = Process::open(settings, "lokapasar").await?;
    process.refuse_demo_accounts().await?;
    if command.once {
        tidy(&process.app).await.map_err(plain)?;
        while !step(&process.app).await.map_err(plain)?.idle() {}
    } else {
        let worker = spawn(process.app.clone());
        process.until_told_to_stop().await?;
        worker.stop();
    }
    process.close()?;
    Ok(ExitCode::SUCCESS)
}

/// A worker in the background of a process.
pub struct Background {
    stop: Arc<Notify>,
    thread: std::thread::JoinHandle<()>,
}

impl Background {
    /// Lets the step under way finish.
    pub fn stop(self) {
        self.stop.notify_one();
        let _ = self.thread.join();
    }
}

/// Starts the worker on a thread of its own: its steps hold futures that stay on one thread.
pub fn spawn(app: App) -> Background {
    let stop = Arc::new(Notify::new());
    let told = stop.clone();
    let handle = tokio::runtime::Handle::current();
    let thread = std::thread::spawn(move || {
        handle.block_on(async move {
            let mut rounds: u32 = 0;
            loop {
                if rounds.is_multiple_of(3_600)
                    && let Err(error) = tidy(&app).await
                {
                    tracing::warn!(%error, "the worker could not tidy up");
                }
                rounds = rounds.wrapping_add(1);
                let pause = match step(&app).await {
                    Ok(progress) if !progress.idle() => continue,
                    Ok(_) => Duration::from_secs(1),
                    Err(error) => {
                        tracing::warn!(%error, "a step of the worker failed");
                        Duration::from_secs(5)
                    }
                };
                tokio::select! {
                    () = told.notified() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    });
    Background { stop, thread }
}
