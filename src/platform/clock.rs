//! Real time and fresh identifiers. Trade time is another thing: `Tx::now`.
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use uuid::Uuid;

/// The process's clock for tokens, limits and ids; tests may shift it, no route can.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift_seconds: Arc<AtomicI64>,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads real time")]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.shift_seconds.load(Ordering::Relaxed))
    }

    /// Moves the clock forward from where it stands.
    pub fn advance(&self, by: TimeDelta) {
        self.shift_seconds.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }

    /// A fresh UUIDv7.
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    pub fn new_id() -> Uuid {
        Uuid::now_v7()
    }
}

/// A fresh identifier of a typed kind.
pub fn new_id<I: From<Uuid>>() -> I {
    Clock::new_id().into()
}
