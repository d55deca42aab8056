//! The machinery, with no word of the trade in it: database, HTTP edge, keys, mail, files, trail.
mod clock;
pub mod db;
pub mod files;
pub mod hashing;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod personal;
pub mod sealing;
pub mod tabular;
pub mod telemetry;
pub mod trail;

pub use clock::{Clock, new_id};

use crate::kernel::{Action, Actor, Error, Role};
use crate::settings::Settings;
use futures_util::future::LocalBoxFuture;
use std::sync::Arc;

/// Everything that a request, a job or a command line needs; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub settings: Arc<Settings>,
    pub db: db::Db,
    pub keys: Arc<sealing::KeyRing>,
    pub clock: Clock,
    pub mailer: mail::Mailer,
    pub files: files::Files,
    pub hashing: Arc<hashing::Hashing>,
    pub limits: Arc<http::Limits>,
    pub doors: Doors,
}

/// What the edge asks of the slices; filled in by `app`, so that the machinery imports none.
#[derive(Clone, Copy)]
pub struct Doors {
    /// Who a bearer token stands for, at this very moment.
    pub authenticate: for<'a> fn(&'a App, &'a str) -> LocalBoxFuture<'a, Result<Actor, Error>>,
    /// Whether a role (none: a log-in without membership) may ever do an action.
    pub permits: fn(Action, Option<Role>) -> Permission,
}

/// What a role alone says about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Anyone, logged in or not.
    Public,
    Granted,
    /// A membership is needed and none was chosen.
    MembershipMissing,
    Refused,
}
