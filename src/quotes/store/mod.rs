//! How asking for prices is remembered.
mod evaluations;
mod inbox;
mod negotiations;
mod quotes;
mod quoting;

pub use evaluations::*;
pub use inbox::*;
pub use negotiations::*;
pub use quotes::*;
pub use quoting::*;
