//! What may be done while prices are asked for. Each command runs inside the transaction its door opened.
mod negotiate;

pub use negotiate::{Proposal, accept, end, idle_until, open_negotiations, propose};

use super::store::Party;
use crate::kernel::{Code, Ctx, Error, OrganisationKind, VendorId, refuse};
use crate::requests;

/// With whose eyes the caller looks.
pub fn party(ctx: &Ctx) -> Result<Party, Error> {
    let member = ctx.member()?;
    match member.organisation_kind {
        OrganisationKind::Vendor => Ok(Party::Vendor(VendorId(member.organisation.0))),
        OrganisationKind::Agency => Ok(Party::Office(requests::member_sight(ctx)?)),
        OrganisationKind::Platform => Err(refuse(Code::NotFound)),
    }
}
