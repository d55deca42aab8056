//! `lokapasar doctor`: one line each, exit code 1 on a fault.
use super::process::Process;
use crate::kernel::TimeZone;
use crate::platform::db::{migrations, sql};
use crate::policies;
use crate::settings::Settings;
use chrono::{DateTime, Days, Utc};
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use std::process::ExitCode;

struct Findings {
    faults: usize,
}

impl Findings {
    fn line(&mut self, name: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(text) => println!("ok     {name}: {text}"),
            Err(text) => {
                self.faults += 1;
                println!("fault  {name}: {text}");
            }
        }
    }
}

pub async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut findings = Findings { faults: 0 };
    let keys_file = settings.keys.file.clone();
    let data_dir = settings.data_dir.clone();
    let process = match Process::open(settings, "lokapasar").await {
        Ok(process) => process,
        Err(error) => {
            findings.line("database and keys", Err(format!("{error:#}")));
            return Ok(ExitCode::from(1));
        }
    };
    findings.line("keys", Ok(keys_file.display().to_string()));
    let app = &process.app;
    match app.db.conn().await {
        Err(error) => findings.line("database", Err(error.to_string())),
        Ok(mut conn) => {
            findings.line("database", Ok("answers".into()));
            let pending = migrations::status(&app.db).await.map(|status| status.pending.len());
            findings.line(
                "migrations",
                match pending {
                    Ok(0) => Ok("up to date".into()),
                    Ok(count) => Err(format!("{count} wait: run `lokapasar migrate up`")),
                    Err(error) => Err(error.to_string()),
                },
            );
            findings.line("clock", clock(&mut conn, app.clock.now()).await);
            findings.line("partitions", partitions(&mut conn).await);
            let today = TimeZone::JAKARTA.date_of(app.clock.now());
            let soon = today + Days::new(60);
            findings.line(
                "policy values",
                match policies::expiring(&mut conn, soon).await {
                    Ok(ending) if ending.is_empty() => Ok("none ends within 60 days".into()),
                    Ok(ending) => Err(ending
                        .iter()
                        .map(|(key, day)| format!("{key} ends {day}"))
                        .collect::<Vec<_>>()
                        .join(", ")),
                    Err(error) => Err(error.to_string()),
                },
            );
            findings.line(
                "holiday calendar",
                match policies::calendar(&mut conn).await.map(|calendar| calendar.known_until()) {
                    Ok(Some(day)) if day > soon => Ok(format!("known until {day}")),
                    Ok(Some(day)) => Err(format!("known only until {day}: add the next decree's days")),
                    Ok(None) => Err("is empty".into()),
                    Err(error) => Err(error.to_string()),
                },
            );
        }
    }
    findings.line(
        "mail",
        if app.mailer.reachable().await {
            Ok("channel answers".into())
        } else {
            Err("the mail server does not answer".into())
        },
    );
    findings.line("disk", disk(&data_dir));
    let code = u8::from(findings.faults > 0);
    process.close()?;
    Ok(ExitCode::from(code))
}

async fn clock(conn: &mut crate::platform::db::Conn, here: DateTime<Utc>) -> Result<String, String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let row: Row =
        sql("SELECT clock_timestamp() AS now").get_result(conn).await.map_err(|e| e.to_string())?;
    let apart = (row.now - here).num_milliseconds().abs();
    if apart < 5_000 {
        Ok(format!("{apart} ms from the database's"))
    } else {
        Err(format!("{apart} ms from the database's: synchronise both"))
    }
}

async fn partitions(conn: &mut crate::platform::db::Conn) -> Result<String, String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        ahead: i64,
    }
    let row: Row = sql(
        "SELECT count(*) AS ahead FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
         WHERE p.relname = 'events' AND c.relname > 'events_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY_MM')",
    )
    .get_result(conn)
    .await
    .map_err(|error| error.to_string())?;
    if row.ahead >= 1 {
        Ok(format!("{} months ahead", row.ahead))
    } else {
        Err("none ahead: is a worker running?".into())
    }
}

fn disk(directory: &std::path::Path) -> Result<String, String> {
    let existing = directory.ancestors().find(|path| path.exists()).unwrap_or(std::path::Path::new("/"));
    let stat = nix::sys::statvfs::statvfs(existing).map_err(|error| error.to_string())?;
    let free = stat.blocks_available() as u64 * stat.fragment_size() as u64 / (1 << 20);
    if free >= 1024 { Ok(format!("{free} MiB free")) } else { Err(format!("only {free} MiB free")) }
}
