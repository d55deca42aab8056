//! How asking for prices is remembered.
mod negotiations;

pub use negotiations::*;
