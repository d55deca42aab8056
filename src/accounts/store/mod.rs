//! How accounts are remembered.
mod log_ins;
mod memberships;
mod organisations;
mod people;

pub use log_ins::*;
pub use memberships::*;
pub use organisations::*;
pub use people::*;
