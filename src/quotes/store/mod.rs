//! How asking for prices is remembered.
mod evaluations;
mod follows;
mod inbox;
mod negotiations;
mod quotes;
mod quoting;
mod reductions;

pub use evaluations::*;
pub use follows::*;
pub use inbox::*;
pub use negotiations::*;
pub use quotes::*;
pub use quoting::*;
pub use reductions::*;
