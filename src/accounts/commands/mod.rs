//! What may be done to accounts. Each command runs inside the transaction its door opened.
mod deputies;
mod log_in;
mod organise;
mod people;
mod sign_up;

pub use deputies::{NewDeputy, appoint_deputy, end_deputy};
pub use log_in::{Tokens, check_password, end_session, log_in, refresh, revoke_sessions, user_by_contact};
pub use organise::{NewUnit, create_agency, create_unit, create_vendor_organisation, move_clock};
pub use people::{Appointment, accept_invitation, end_membership, grant, invite, revoke_invitation};
pub use sign_up::{
    CreateUser, Registration, complete_reset, confirm_contact, create_user, hash_new_password, register,
    request_reset,
};
