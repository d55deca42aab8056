//! How requests are remembered.
mod duties;
mod lines;
mod proofs;
mod quotations;
mod rows;
mod rules;

pub use duties::*;
pub use lines::*;
pub use proofs::*;
pub use quotations::*;
pub use rows::*;
pub use rules::*;
