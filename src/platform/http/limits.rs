//! Rates per caller (GCRA by `governor`), in this process's memory.
use crate::kernel::{Code, Refusal, UserId};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits of a process.
pub struct Limits {
    by_user: Keyed<UserId>,
    by_address: Keyed<IpAddr>,
    log_ins: Keyed<IpAddr>,
    checks: AtomicU32,
    per_minute: u32,
    log_ins_per_minute: u32,
}

/// What is left, as the answer's `RateLimit` fields say (IETF draft httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub policy: &'static str,
    pub quota: u32,
    pub remaining: u32,
}

impl Limits {
    pub fn new(per_minute: u32, log_ins_per_minute: u32) -> Self {
        Self {
            by_user: keyed(per_minute),
            by_address: keyed(per_minute),
            log_ins: keyed(log_ins_per_minute),
            checks: AtomicU32::new(0),
            per_minute,
            log_ins_per_minute,
        }
    }

    pub fn check_user(&self, user: UserId) -> Result<Rate, Refusal> {
        check(&self.by_user, &user, "account", self.per_minute)
    }

    pub fn check_address(&self, address: IpAddr) -> Result<Rate, Refusal> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(10_000) {
            self.by_user.retain_recent();
            self.by_address.retain_recent();
            self.log_ins.retain_recent();
        }
        check(&self.by_address, &address, "address", self.per_minute)
    }

    pub fn check_log_in(&self, address: IpAddr) -> Result<Rate, Refusal> {
        check(&self.log_ins, &address, "log_in", self.log_ins_per_minute)
    }
}

fn keyed<K: Hash + Eq + Clone>(per_minute: u32) -> Keyed<K> {
    let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
    RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>()
}

fn check<K: Hash + Eq + Clone>(
    limiter: &Keyed<K>,
    key: &K,
    policy: &'static str,
    quota: u32,
) -> Result<Rate, Refusal> {
    match limiter.check_key(key) {
        Ok(state) => Ok(Rate { policy, quota, remaining: state.remaining_burst_capacity() }),
        Err(until) => {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Err(Refusal::new(Code::RateLimited)
                .with_limit(format_args!("{policy}: {quota}"))
                .retry_after(wait.as_secs() + 1))
        }
    }
}
