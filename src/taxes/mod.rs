//! Taxes: value-added tax as pure functions over dated rates.
//!
//! The rate, the base it applies to (*DPP nilai lain*, PMK 131/2024) and who charges it are policy
//! values of the transaction's day. A line is rounded to whole rupiah, half up, computed in one
//! step from the price and never through a rounded base; totals are sums of lines, so parts always
//! add up to the whole.
mod api;
mod model;

pub use api::routes;
pub use model::{LineTax, PriceBasis, TaxClass, Totals, VatRates, line_tax, totals};
