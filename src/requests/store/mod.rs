//! How requests are remembered.
mod duties;
mod lines;
mod rows;
mod rules;

pub use duties::*;
pub use lines::*;
pub use rows::*;
pub use rules::*;
