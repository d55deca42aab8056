//! The statements that the server sends for a path, learned from PostgreSQL's log and sent again
//! without it.
//!
//! Parameters travel as the text that was logged. Ids that were born during the recording (version 7,
//! so they tell when) get a fresh twin in each replay, and so do the digests of idempotency keys and
//! refresh tokens and the number of an order; everything else is the same as in the call it came from.
use super::load::Caller;
use super::paths::Path;
use super::quotes::{Reserve, Subject};
use super::server::Server;
use anyhow::{Context, ensure};
use bytes::BytesMut;
use futures_util::future::try_join_all;
use lokapasar::platform::Clock;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

/// Begins each entry of the log, so that a parameter's own lines are told from it.
const MARK: &str = "@@entry ";
/// What follows the mark and the number of the session.
const END: &str = "@@ ";

/// Calls, each as the statements sent for it.
pub struct Recording {
    calls: Arc<Vec<Vec<Sent>>>,
    reserve: Option<Arc<Reserve>>,
}

#[derive(Clone, Debug)]
struct Sent {
    text: String,
    parameters: Vec<Option<Piece>>,
    /// What the database took for it, as it was logged.
    milliseconds: f64,
}

/// A statement of the log.
pub struct Entry {
    pub text: String,
    pub parameters: Vec<Option<String>>,
    milliseconds: f64,
}

/// A parameter, cut where something must be fresh.
type Piece = Vec<Part>;

#[derive(Clone, Debug)]
enum Part {
    Same(String),
    /// The twin of the id, key or number of this place in the call.
    Fresh(usize, Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Id,
    Digest,
    Number,
    /// What a reserve has for each replay.
    Reserved(Subject),
}

impl Recording {
    /// Calls the path some times, one after the other, with the log switched on.
    pub async fn take(server: &Server, path: &Path) -> anyhow::Result<Self> {
        let client = server.superuser().await?;
        let mut caller = Caller::connect(server.address()).await?;
        let mut dice = StdRng::seed_from_u64(1);
        // Statements that are prepared now are not prepared during the recording.
        let undoing = path.undoing();
        let reserve = path.reserve();
        let before = async || match &undoing {
            Some(market) => market.seal_again().await,
            None => Ok(()),
        };
        for _ in 0..path.samples() {
            before().await?;
            path.call(&mut caller, &mut dice).await?;
        }
        let began = Clock::new_id();
        log(&client, true).await?;
        // Who says something while nobody calls is the worker.
        let from = std::fs::metadata(server.database_log())?.len();
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        let workers = sessions(&read_from(server, from)?);
        let mut calls = Vec::new();
        for _ in 0..path.samples() {
            before().await?;
            let from = std::fs::metadata(server.database_log())?.len();
            path.call(&mut caller, &mut dice).await?;
            let sent = entries(&read_from(server, from)?, &workers);
            calls.push(cut(began, sent, reserve.as_deref()));
        }
        log(&client, false).await?;
        // Where there are more than the fewest, the worker's own came in between: such a call is left out.
        let fewest = calls.iter().map(Vec::len).min().unwrap_or_default();
        ensure!(fewest > 0, "no statement was recorded");
        calls.retain(|call| call.len() == fewest);
        if std::env::var_os("BENCH_SHOW_STATEMENTS").is_some() {
            for sent in &calls[0] {
                let line: Vec<&str> = sent.text.split_whitespace().collect();
                println!("    {:.3} ms  {}", sent.milliseconds, line.join(" "));
            }
        }
        Ok(Self { calls: Arc::new(calls), reserve })
    }

    /// Statements of one call.
    pub fn statements(&self) -> usize {
        self.calls.first().map_or(0, Vec::len)
    }

    /// A bare connection with every statement prepared.
    pub async fn replay(&self, server: &Server) -> anyhow::Result<Replay> {
        let client = server.client().await?;
        let mut forms: Vec<(&String, Vec<Type>)> =
            self.calls.iter().flatten().map(|sent| (&sent.text, types(sent))).collect();
        forms.sort_by_key(|(text, _)| *text);
        forms.dedup_by_key(|(text, _)| *text);
        let prepared =
            try_join_all(forms.iter().map(|(text, types)| client.prepare_typed(text, types))).await?;
        let statements = forms.into_iter().map(|(text, _)| text.clone()).zip(prepared).collect();
        Ok(Replay { client, statements, calls: self.calls.clone(), reserve: self.reserve.clone() })
    }
}

/// PostgreSQL infers the type of a place from its use; a place that the statement never uses is text.
fn types(sent: &Sent) -> Vec<Type> {
    let used = |place: usize| {
        let name = format!("${place}");
        sent.text
            .match_indices(&name)
            .any(|(at, _)| !sent.text[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
    };
    (1..=sent.parameters.len()).map(|place| if used(place) { Type::UNKNOWN } else { Type::TEXT }).collect()
}

pub struct Replay {
    client: Client,
    statements: HashMap<String, Statement>,
    calls: Arc<Vec<Vec<Sent>>>,
    reserve: Option<Arc<Reserve>>,
}

impl Replay {
    /// Sends the statements of one recorded call, one after the other.
    pub async fn once(&self, dice: &mut StdRng) -> anyhow::Result<()> {
        let call = self.calls.choose(dice).context("nothing was recorded")?;
        let mut fresh: HashMap<usize, String> = HashMap::new();
        let reserved = self.reserve.as_ref().map(|reserve| reserve.take()).transpose()?.unwrap_or_default();
        for sent in call {
            let statement = self.statements.get(&sent.text).context("a statement was not prepared")?;
            let parameters: Vec<Text> = sent
                .parameters
                .iter()
                .map(|piece| Text(fill(piece.as_ref(), &mut fresh, &reserved)))
                .collect();
            let parameters: Vec<&(dyn ToSql + Sync)> =
                parameters.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
            self.client.query(statement, &parameters).await.with_context(|| sent.text.clone())?;
        }
        Ok(())
    }
}

fn fill(
    piece: Option<&Piece>,
    fresh: &mut HashMap<usize, String>,
    [request, vendor]: &[String; 2],
) -> Option<String> {
    let made = |kind: Kind| match kind {
        Kind::Id => Clock::new_id().to_string(),
        Kind::Digest => format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        Kind::Number => format!("{}", rand::rng().random::<u64>()),
        Kind::Reserved(Subject::Request) => request.clone(),
        Kind::Reserved(Subject::Vendor) => vendor.clone(),
    };
    Some(
        piece?
            .iter()
            .map(|part| match part {
                Part::Same(text) => text.clone(),
                Part::Fresh(place, kind) => fresh.entry(*place).or_insert_with(|| made(*kind)).clone(),
            })
            .collect(),
    )
}

/// Switches PostgreSQL's log of every statement on or off.
pub async fn log(client: &Client, on: bool) -> anyhow::Result<()> {
    let (least, prefix) = if on { ("0", format!("{MARK}%p{END}")) } else { ("-1", "%m [%p] ".to_owned()) };
    client.batch_execute(&format!("ALTER SYSTEM SET log_min_duration_statement = '{least}'")).await?;
    client.batch_execute(&format!("ALTER SYSTEM SET log_line_prefix = '{prefix}'")).await?;
    client.batch_execute("SELECT pg_reload_conf()").await?;
    // The settings reach a session at its next statement.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    Ok(())
}

pub fn read_from(server: &Server, from: u64) -> anyhow::Result<String> {
    let mut file = std::fs::File::open(server.database_log())?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Whose statements a log holds.
fn sessions(log: &str) -> HashSet<String> {
    let marked = log.split(MARK).filter_map(|entry| entry.split_once(END));
    marked.map(|(session, _)| session.to_owned()).collect()
}

/// Statements with their parameters, in the order sent, those of some sessions left out. Binding plans, so
/// its time counts too.
pub fn entries(log: &str, without: &HashSet<String>) -> Vec<Entry> {
    let mut sent: Vec<Entry> = Vec::new();
    let mut binding = 0.0;
    // Binding and execution each tell the parameters; those of the execution are taken.
    let mut executed = false;
    for entry in log.split(MARK) {
        let Some((session, entry)) = entry.split_once(END) else { continue };
        if without.contains(session) {
            continue;
        }
        let entry = entry.trim_end().replace("\n\t", "\n");
        if let (Some(list), Some(last)) = (entry.strip_prefix("DETAIL:  parameters: "), sent.last_mut())
            && executed
        {
            last.parameters = parameters(list);
        }
        let Some((time, what)) =
            entry.strip_prefix("LOG:  duration: ").and_then(|timed| timed.split_once(" ms  "))
        else {
            continue;
        };
        let milliseconds: f64 = time.parse().unwrap_or_default();
        executed = what.starts_with("execute ");
        if what.starts_with("bind ") {
            binding = milliseconds;
        } else if let Some((form, text)) = what.split_once(": ")
            && (form == "statement" || form.starts_with("execute "))
        {
            let milliseconds = milliseconds + std::mem::take(&mut binding);
            sent.push(Entry { text: text.to_owned(), parameters: Vec::new(), milliseconds });
        }
    }
    sent
}

/// `$1 = 'it''s', $2 = NULL`
fn parameters(list: &str) -> Vec<Option<String>> {
    let mut found = Vec::new();
    let mut rest = list;
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(after) = value.strip_prefix("NULL") {
            found.push(None);
            rest = after;
            continue;
        }
        let Some(quoted) = value.strip_prefix('\'') else { break };
        let (mut text, mut chars, mut used) = (String::new(), quoted.char_indices().peekable(), 0);
        while let Some((place, char)) = chars.next() {
            used = place + char.len_utf8();
            if char == '\'' {
                if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                    chars.next();
                } else {
                    break;
                }
            }
            text.push(char);
        }
        found.push(Some(text));
        rest = &quoted[used..];
    }
    found
}

/// Marks what must be fresh in each replay.
fn cut(began: Uuid, sent: Vec<Entry>, reserve: Option<&Reserve>) -> Vec<Sent> {
    let mut known: HashMap<String, (usize, Kind)> = HashMap::new();
    let mut learn = |text: &str, kind: Kind| {
        let place = known.len();
        known.entry(text.to_owned()).or_insert((place, kind));
    };
    for entry in &sent {
        let secret = entry.text.contains("idempotency_keys") || entry.text.contains("refresh_tokens");
        for value in entry.parameters.iter().flatten() {
            if let Some(subject) = reserve.and_then(|reserve| reserve.subject(value)) {
                learn(value, Kind::Reserved(subject));
            } else if value.len() == 36
                && let Ok(id) = Uuid::try_parse(value)
                && id.get_version_num() == 7
                && id.as_bytes()[..6] >= began.as_bytes()[..6]
            {
                learn(value, Kind::Id);
            }
            if secret && value.len() == 66 && value.starts_with("\\x") {
                learn(&value[2..], Kind::Digest);
            }
            if value.contains("SP/") && value.len() < 40 {
                learn(value, Kind::Number);
            }
        }
    }
    let cut = |value: String| -> Piece {
        let mut parts = vec![Part::Same(value)];
        for (text, (place, kind)) in &known {
            parts = parts
                .into_iter()
                .flat_map(|part| match part {
                    Part::Same(same) if same.contains(text.as_str()) => {
                        let mut pieces = Vec::new();
                        for (number, piece) in same.split(text.as_str()).enumerate() {
                            if number > 0 {
                                pieces.push(Part::Fresh(*place, *kind));
                            }
                            pieces.push(Part::Same(piece.to_owned()));
                        }
                        pieces
                    }
                    part => vec![part],
                })
                .collect();
        }
        parts
    };
    sent.into_iter()
        .map(|entry| Sent {
            text: entry.text,
            parameters: entry.parameters.into_iter().map(|value| value.map(&cut)).collect(),
            milliseconds: entry.milliseconds,
        })
        .collect()
}

/// A parameter of any type in its text form.
#[derive(Debug)]
struct Text(Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
