//! Lokapasar
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
pub mod requests;
#[rustfmt::skip]
mod schema;
pub mod settings;
pub mod taxes;
pub mod vendors;
