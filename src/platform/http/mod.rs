//! The edge: one extractor in, one kind of answer out, problems in between.
//!
//! A handler takes one [`Call`], whose type names the action, path, query and body, and answers
//! with [`Call::read`] or [`Call::write`]. Registration ([`Api`]) derives the contract from the
//! same types, so a route cannot be served undocumented.
mod body;
mod call;
mod documents;
mod idempotency;
mod limits;
mod page;
mod problem;
mod reply;
mod routes;
mod server;
mod shape;

pub use body::{Json, Merge, NoBody, Upload, Uploaded};
pub use call::{Call, NoQuery};
pub use limits::Limits;
pub use page::{Listing, Page, PageQuery};
pub use problem::{FaultView, Problem};
pub use reply::{
    Accepted, Answer, AvailableAction, Created, Download, NoContent, Outcome, Rendered, Reply, Sends,
};
pub use routes::{Api, Contract};
pub use server::{Running, serve};
