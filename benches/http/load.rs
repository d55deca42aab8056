//! Closed-loop load: so many connections, each with one call under way, for so long.
use super::paths::Path;
use super::quotes::Market;
use super::record::{Recording, Replay};
use super::server::Server;
use anyhow::{Context, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use lokapasar::platform::Clock;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

pub enum Target<'a> {
    Server(&'a Server, &'a Path),
    Bare(&'a Server, &'a Path, &'a Recording),
}

/// What a run came to.
pub struct Measured {
    microseconds: Histogram<u64>,
    elapsed: Duration,
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.microseconds.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn milliseconds(&self, quantile: f64) -> f64 {
        self.microseconds.value_at_quantile(quantile) as f64 / 1e3
    }
}

enum Worker {
    Caller(Box<Caller>, Path),
    Replay(Box<Replay>),
}

impl Worker {
    async fn once(&mut self, dice: &mut StdRng) -> anyhow::Result<()> {
        match self {
            Self::Caller(caller, path) => path.call(caller, dice).await,
            Self::Replay(replay) => replay.once(dice).await,
        }
    }
}

pub async fn run(target: &Target<'_>, connections: usize, time: Duration) -> anyhow::Result<Measured> {
    let mut workers = Vec::new();
    for _ in 0..connections {
        workers.push(match target {
            Target::Server(server, path) => {
                Worker::Caller(Box::new(Caller::connect(server.address()).await?), (*path).clone())
            }
            Target::Bare(server, _, recording) => Worker::Replay(Box::new(recording.replay(server).await?)),
        });
    }
    let (Target::Server(_, path) | Target::Bare(_, path, _)) = target;
    let undoing: Option<std::sync::Arc<Market>> = path.undoing();
    let began = Instant::now();
    // A tenth of the time warms up and is not counted.
    let (counted_from, until) = (began + time / 10, began + time + time / 10);
    let tasks: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(number, mut worker)| {
            let undoing = undoing.clone();
            tokio::spawn(async move {
                let mut dice = StdRng::seed_from_u64(number as u64);
                let mut microseconds = Histogram::<u64>::new_with_max(60_000_000, 3)?;
                let mut undone = Duration::ZERO;
                loop {
                    let before = Instant::now();
                    if let Some(market) = &undoing {
                        market.seal_again().await?;
                    }
                    let start = Instant::now();
                    if start >= until {
                        return anyhow::Ok((microseconds, undone));
                    }
                    if start >= counted_from {
                        undone += start - before.max(counted_from);
                    }
                    worker.once(&mut dice).await?;
                    if start >= counted_from {
                        microseconds.saturating_record(u64::try_from(start.elapsed().as_micros())?);
                    }
                }
            })
        })
        .collect();
    let mut all = Histogram::<u64>::new_with_max(60_000_000, 3)?;
    let mut undone = Duration::ZERO;
    for task in tasks {
        let (microseconds, own) = task.await??;
        all.add(microseconds)?;
        undone += own;
    }
    let elapsed = counted_from.elapsed().saturating_sub(undone / u32::try_from(connections)?);
    Ok(Measured { microseconds: all, elapsed })
}

/// One kept-alive connection.
pub struct Caller {
    sender: SendRequest<Full<Bytes>>,
}

impl Caller {
    pub async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        self.send("GET", path, None, None).await
    }

    /// Sends JSON (or nothing) under a fresh idempotency key; `token` also says that keys are taken.
    pub async fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let answer = self.send("POST", path, token, body).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    pub async fn get_json(&mut self, path: &str, token: &str) -> anyhow::Result<Value> {
        let answer = self.send("GET", path, Some(token), None).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Bytes> {
        let mut request = hyper::Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
            if method == "POST" {
                request = request.header("idempotency-key", Clock::new_id().to_string());
            }
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let bytes = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(Bytes::from(bytes)))?).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.context("the answer breaks off")?.to_bytes();
        ensure!(status.is_success(), "{method} {path} answers {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(bytes)
    }
}
