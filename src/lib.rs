//! Lokapasar: the backend of a marketplace in which government offices buy straight from small
//! businesses, fully on record. *Lokapasar* is the official Indonesian word for an e-marketplace.
//!
//! # The map of the house
//!
//! ```text
//! main → cli → app → slice::api → slice::commands → slice::{model, store}
//!
//! kernel     shared vocabulary, pure: ids, roles, actions, money, working days, problem codes
//! platform   the machinery, no word of the trade in it: http, db, trail, personal, sealing,
//!            hashing, mail, files, jobs, tabular, telemetry
//! access     who may do what: one table from action to role, the forbidden pairs beside it
//! settings   typed configuration, read once
//! app        THE list: one `routes` per slice; the process's parts put together
//! cli        one file a subcommand
//!
//! policies ← accounts ← taxes ← vendors ← catalog ← packages ← requests ← quotes ← orders
//! ```
//!
//! A slice is one folder for one noun of the trade: `mod` tells its story and what other slices
//! may use, `model` decides (pure), `store` remembers (SQL), `commands` do, `api` speaks HTTP.
//! Slices see each other only up the chain, through what the other's `mod` re-exports. A verb
//! lives in the most downstream slice that it writes, whatever noun its path begins with.
//!
//! # A write, from wire to row
//!
//! [`platform::http`]'s one extractor, `Call<Action, Path, Query, Body>`, refuses in the order that
//! the contract promises: rate → 401 → 403 by role alone → path → query → headers → body, whose
//! shape is checked against the very schema of the contract, then its own rules. `Call::write` runs
//! the command in one transaction with its idempotency key and its stored answer; a dry run is the
//! same, rolled back. A command locks (key → request → the package's duties → orders → stock → package → budget lines →
//! number counter), checks version, duty and state, saves `WHERE version = n`, and leaves one
//! audit row and one event for each fact, by [`platform::trail`].
//!
//! Writing functions take `&mut Tx`, which only [`platform::db::Db`] makes: a write outside a
//! transaction does not compile. `Tx::now` is the one clock of the trade.
//!
//! # A read, from wire to row
//!
//! Hot reads are one statement whose prepared form each connection keeps: `db::sql` for SQL in our
//! own words, `db::kept` for what diesel would prepare anew. A product's public page is a document that the
//! database renders in the transaction that changes the product; stock and the vendor's name are
//! read beside it. Lists walk one index for each category level and order. `benches/http` compares
//! each path with the bare statements that it sends.
//!
//! # Where this house differs from the usual, and why
//!
//! - **Registration.** Handlers carry no documentation macro. `api.post(path, handler)` derives the
//!   operation, parameters, body, answers, statuses and security from the handler's own type, and
//!   the operation id and summary from [`kernel::Action`]; a route cannot be served undocumented,
//!   and no list is typed twice.
//! - **The trail is one call.** Audit row and event are written by one statement, so that neither
//!   can be forgotten. Notices ride in the event; the worker expands them to people.
//! - **Personal values are one table.** NIK, NPWP of individuals, phones, e-mail addresses and bank
//!   accounts are rows of `personal_values`; other tables hold their ids. Rotation, reindexing and
//!   erasure walk one table. A unique value is claimed within a named scope. Names and addresses of
//!   people and places are plain columns; no event or log holds them.
//! - **Merge patches are merged, then judged.** A `PATCH` is laid over the whole as the caller could
//!   have typed it, and the result is checked by the same rules as a new one.
//! - **Each HTTP worker has a pool of its own**, driven by its own runtime: a third more reads a
//!   second than from one shared pool, and a busy worker stalls nobody else's query.
//! - **An approval names the content** that was read, by its hash: what somebody changed meanwhile is
//!   never approved unseen.
//! - **A deputy is a membership** that names the officer's, so every rule about roles, units, terms and
//!   forbidden pairs holds for it unasked; who acted on a request in which duty is kept by person.
//! - **A quote offers the vendor's own product**, from which tax class, origin and certificates come; so an
//!   award becomes lines of the request, and orders come of them by the code that a direct purchase takes.
//! - **Vendors hold the request in share** while they hand a quote in, and read the clock last: an opening
//!   waits for whoever came in time, and nobody comes after it. No private half leaves the database before
//!   the deadlines of all keys of its request have passed by the database's own clock.
//! - **What was granted after the opening stands beside what was sealed**: opened quotes are never changed, and
//!   the ranking reads both.
//! - **A purchase that was made already is a request** with a method of its own, so duties, limits, budget,
//!   approval and trail are the same; it has no order, and its money is committed by the approval.
//! - **A ranking is a pure function of one JSON document**, which the evaluation shows and the command line
//!   recomputes.
//! - **The application's parts** are `platform::App`; what the machinery asks of the slices (who is
//!   this token, may this role) are two function pointers that `app` fills in.
pub mod access;
pub mod accounts;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod kernel;
pub mod orders;
pub mod packages;
pub mod platform;
pub mod policies;
pub mod quotes;
pub mod requests;
#[rustfmt::skip]
mod schema;
pub mod settings;
pub mod taxes;
pub mod vendors;
