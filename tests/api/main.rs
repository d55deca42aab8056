//! Behaviour over HTTP against real PostgreSQL: one binary for all slices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod accounts;
mod architecture;
mod authorization;
mod awards;
mod bad_input;
mod buying;
mod catalog;
mod cluster;
mod concurrency;
mod demo;
mod duties;
mod edge;
mod evaluation;
mod examples;
mod faults;
mod journey;
mod methods;
mod migrations;
mod model;
mod negotiation;
mod openapi;
mod orders;
mod packages;
mod pages;
mod people_and_house;
mod quotation;
mod recomputed;
mod recorded;
mod regressions;
mod requests;
mod sealed;
mod secrecy;
mod shifted_clock;
mod support;
mod vendors;
