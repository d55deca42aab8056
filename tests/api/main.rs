//! Behaviour over HTTP against real PostgreSQL: one binary for all slices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod accounts;
mod catalog;
mod edge;
mod journey;
mod support;
