//! Procurement packages (RUP) and budget lines (DPA): what may be spent, and what is held.
//!
//! Facts come from SiRUP-style files; raw values stay beside the parsed ones. Balances change by
//! conditional updates with CHECKs behind them; a revision below what is held is taken, shows as
//! `shortfall`, and blocks only new reservations. Lock order: package, its budget lines by id,
//! then their reservations.
mod api;
mod import;
mod model;
mod store;

pub use api::routes;
pub use import::{ImportTarget, import_budget_lines, import_packages};
pub use model::BudgetMode;
pub use store::{
    BudgetLine, Package, Sight, budget_line, commit_orders, commit_request, extend_request, find as package,
    firm_up, freeable, release_order, release_request, reserve, set_lapse, shift_order,
};
