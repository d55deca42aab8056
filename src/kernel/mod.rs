//! Shared vocabulary, pure: identifiers, roles, actions, money, working days, problem codes.
//! Nothing here knows a database, a clock or HTTP, and nothing of ours is imported.
mod action;
mod actor;
mod code;
mod days;
mod error;
mod id;
mod identifier;
mod language;
mod money;
mod procurement;
mod realm;
mod role;

pub use action::{Act, Action, act};
pub use actor::{Actor, Ctx, Member};
pub use code::{Code, Texts};
pub use days::{Calendar, Deadline, TimeZone};
pub use error::{Error, Fault, Place, Refusal, refuse};
pub use id::*;
pub(crate) use id::{kept_as_text, text_enum};
pub use identifier::{Nib, Nik, Npwp, NpwpWarning, email_address, mask, phone_number, region_prefix_of_nik};
pub use language::Language;
pub use money::{Amount, Percent, Quantity, whole_rupiah};
pub use procurement::{Method, ProcurementKind};
pub use realm::Realm;
pub use role::{Capacity, OrganisationKind, Role};
