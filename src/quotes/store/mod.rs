//! How asking for prices is remembered.
mod negotiations;
mod quotes;
mod quoting;

pub use negotiations::*;
pub use quotes::*;
pub use quoting::*;
