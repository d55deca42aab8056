//! Invitations and memberships.
use super::super::model::{Contact, needs_letter};
use super::super::store::{self, InvitationRow, MembershipRow};
use super::sign_up::{notice, same, token_id};
use crate::access;
use crate::kernel::{
    Capacity, Code, Ctx, Error, Fault, InvitationId, Member, MembershipId, OrganisationId, OrganisationKind,
    Refusal, Role, UnitId, UserId, refuse,
};
use crate::platform::db::{self, Tx};
use crate::platform::personal::PersonalKind;
use crate::platform::trail::{self, Audience, Fact};
use crate::platform::{App, new_id, personal};
use crate::policies;
use chrono::{NaiveDate, TimeDelta};
use serde_json::json;

/// An appointment: which role, for which units, by which letter, from when to when.
#[derive(Clone, Debug)]
pub struct Appointment {
    pub role: Role,
    pub capacity: Option<Capacity>,
    pub letter_number: Option<String>,
    pub unit_ids: Vec<UnitId>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
}

/// Invites a contact to a role. An admin does so anywhere in the realm, owners and budget users
/// in their own organisation.
pub async fn invite(
    tx: &mut Tx,
    ctx: &Ctx,
    app: &App,
    contact: &Contact,
    organisation: Option<OrganisationId>,
    appointment: &Appointment,
) -> Result<InvitationRow, Error> {
    let member = ctx.member()?;
    let organisation = organisation.unwrap_or(member.organisation);
    let realm = tx.realm();
    let found = store::organisation(tx.conn(), realm, organisation).await?;
    let own = member.organisation == organisation;
    let admin_may = member.role == Role::Admin;
    let found = found
        .filter(|found| own || (admin_may && found.kind != OrganisationKind::Vendor))
        .ok_or_else(|| Refusal::rules(vec![Fault::at("#/organisation_id", Code::UnknownReference)]))?;
    within_own_units(member, &appointment.unit_ids)?;
    if contact.kind == PersonalKind::Phone && !app.mailer.reaches_phones() {
        return Err(Refusal::rules(vec![Fault::at("#/contact", Code::PhoneNotServed)]).into());
    }
    // An office appoints to its own units; across offices it takes the platform's people.
    check(tx, appointment, found.kind, organisation, member.role == Role::Admin).await?;
    let now = tx.now().await?;
    let policies = policies::at(tx.conn(), member.time_zone.date_of(now), None).await?;
    let row = InvitationRow {
        id: new_id(),
        realm,
        organisation_id: organisation,
        contact_kind: contact.kind,
        contact_id: personal::store(tx, &app.keys, contact.kind, &contact.value).await?,
        role: appointment.role,
        capacity: appointment.capacity,
        letter_number: appointment.letter_number.clone(),
        unit_ids: appointment.unit_ids.clone(),
        valid_from: appointment.valid_from,
        valid_to: appointment.valid_to,
        invited_by: ctx.actor()?.user,
        created_at: now,
        expires_at: now + TimeDelta::days(policies.count("invitation.valid_days")?.into()),
        accepted_at: None,
        revoked_at: None,
        version: 1,
    };
    store::insert_invitation(tx, &row).await?;
    let mut notice = notice("invitation", Audience::Value(row.contact_id.0));
    notice.arguments = json!({
        "organisation_id": organisation, "role": row.role.as_str(), "due": member.time_zone.printed(row.expires_at), "subject": row.id,
    });
    let after = json!({ "id": row.id, "organisation_id": organisation, "role": row.role });
    let fact = Fact {
        kind: "invitation.sent",
        subject: row.id.0,
        before: None,
        after,
        reason: None,
        notices: vec![notice],
    };
    trail::record(tx, ctx, fact).await?;
    Ok(row)
}

/// Accepts an invitation with the token of its link; holding it proves the contact.
pub async fn accept_invitation(
    tx: &mut Tx,
    ctx: &Ctx,
    app: &App,
    id: InvitationId,
    token: &str,
) -> Result<MembershipRow, Error> {
    let invalid = || Error::from(Refusal::rules(vec![Fault::at("#/token", Code::LinkInvalid)]));
    let row = store::lock_invitation(tx, id).await?.ok_or_else(|| refuse(Code::NotFound))?;
    let expected = app.keys.link_token("invitation", id.0, 1);
    if token_id(token) != Some(id.0) || !same(token, &expected) {
        return Err(refuse(Code::NotFound));
    }
    ctx.expect_version(row.version)?;
    let now = db::now(tx.conn(), row.realm).await?;
    if row.accepted_at.is_some() || row.revoked_at.is_some() || now >= row.expires_at {
        return Err(invalid());
    }
    let appointment = Appointment {
        role: row.role,
        capacity: row.capacity,
        letter_number: row.letter_number.clone(),
        unit_ids: row.unit_ids.clone(),
        valid_from: row.valid_from,
        valid_to: row.valid_to,
    };
    store::end_invitation(tx, id, Some(now), None).await?;
    // The appointment is a fact of the invitation's realm, wherever the person came from.
    tx.enter(row.realm);
    appoint(tx, ctx, ctx.actor()?.user, row.organisation_id, row.realm, &appointment).await
}

pub async fn revoke_invitation(tx: &mut Tx, ctx: &Ctx, id: InvitationId) -> Result<InvitationRow, Error> {
    let member = ctx.member()?;
    let row = store::lock_invitation(tx, id)
        .await?
        .filter(|row| {
            row.organisation_id == member.organisation
                || (member.role == Role::Admin && row.realm == member.realm)
        })
        .ok_or_else(|| refuse(Code::NotFound))?;
    ctx.expect_version(row.version)?;
    within_own_units(member, &row.unit_ids)?;
    if row.accepted_at.is_some() || row.revoked_at.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    let now = tx.now().await?;
    store::end_invitation(tx, id, None, Some(now)).await?;
    let after = json!({ "id": id, "status": "revoked" });
    let fact = Fact {
        kind: "invitation.revoked",
        subject: id.0,
        before: None,
        after,
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(InvitationRow { revoked_at: Some(now), version: row.version + 1, ..row })
}

/// Ends a membership at once; its tokens stop at the next request.
pub async fn end_membership(
    tx: &mut Tx,
    ctx: &Ctx,
    organisation: OrganisationId,
    id: MembershipId,
) -> Result<MembershipRow, Error> {
    let member = ctx.member()?;
    let realm = tx.realm();
    let known = store::organisation(tx.conn(), realm, organisation).await?;
    let in_scope = known.is_some_and(|found| {
        found.id == member.organisation
            || (member.role == Role::Admin && found.kind != OrganisationKind::Vendor)
    });
    if !in_scope {
        return Err(refuse(Code::NotFound));
    }
    let row = store::lock_membership(tx, organisation, id).await?;
    ctx.expect_version(row.version)?;
    within_own_units(member, &store::units_of(tx.conn(), id).await?)?;
    if row.ended_at.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    let today = tx.today(crate::kernel::TimeZone::JAKARTA).await?;
    if row.role == Role::VendorOwner
        && store::count_active(tx, organisation, Role::VendorOwner, today).await? < 2
    {
        return Err(refuse(Code::LastOwner));
    }
    let now = tx.now().await?;
    store::end_membership(tx, id, now).await?;
    let after = json!({ "id": id, "organisation_id": organisation, "role": row.role, "status": "ended" });
    let fact = Fact {
        kind: "membership.ended",
        subject: id.0,
        before: None,
        after,
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(MembershipRow { ended_at: Some(now), version: row.version + 1, ..row })
}

/// Who was appointed for some units appoints to and removes from these alone.
///
/// # Errors
/// `unit_not_covered`
pub(super) fn within_own_units(member: &Member, units: &[UnitId]) -> Result<(), Error> {
    let within =
        member.units.is_empty() || (!units.is_empty() && units.iter().all(|unit| member.covers(*unit)));
    if within { Ok(()) } else { Err(refuse(Code::UnitNotCovered)) }
}

/// Gives a role without an invitation: the platform's own people, and a vendor's founder. Without
/// an organisation the realm's platform is meant.
pub async fn grant(
    tx: &mut Tx,
    ctx: &Ctx,
    user: UserId,
    organisation: Option<OrganisationId>,
    role: Role,
    unit_ids: &[UnitId],
    letter_number: Option<&str>,
) -> Result<MembershipId, Error> {
    let realm = tx.realm();
    let organisation = match organisation {
        Some(organisation) => organisation,
        None => super::organise::platform(tx, ctx).await?,
    };
    let found = store::organisation(tx.conn(), realm, organisation)
        .await?
        .ok_or_else(|| refuse(Code::UnknownReference))?;
    let today = tx.today(crate::kernel::TimeZone::JAKARTA).await?;
    let appointment = Appointment {
        role,
        capacity: (role == Role::CommitmentOfficer).then_some(Capacity::Ppk),
        letter_number: letter_number.map(ToOwned::to_owned),
        unit_ids: unit_ids.to_vec(),
        valid_from: today,
        valid_to: None,
    };
    check(tx, &appointment, found.kind, organisation, true).await?;
    Ok(appoint(tx, ctx, user, organisation, realm, &appointment).await?.id)
}

/// What must hold of an appointment whoever makes it; every fault at once.
async fn check(
    tx: &mut Tx,
    appointment: &Appointment,
    kind: OrganisationKind,
    organisation: OrganisationId,
    across: bool,
) -> Result<(), Error> {
    let mut faults = Vec::new();
    if appointment.role.organisation_kind() != kind {
        faults.push(Fault::at("#/role", Code::RoleNotOfOrganisation));
    }
    if needs_letter(appointment.role) && appointment.letter_number.is_none() {
        faults.push(Fault::at("#/letter_number", Code::LetterRequired));
    }
    if appointment.valid_to.is_some_and(|to| to < appointment.valid_from) {
        faults.push(Fault::at("#/valid_to", Code::ValidityInvalid));
    }
    let realm = tx.realm();
    let distinct: std::collections::HashSet<_> = appointment.unit_ids.iter().collect();
    if distinct.len() < appointment.unit_ids.len() {
        faults.push(Fault::at("#/unit_ids", Code::DuplicateItem));
    }
    if appointment.capacity.is_some() && appointment.role != Role::CommitmentOfficer {
        faults.push(Fault::at("#/capacity", Code::ValueNotAllowed));
    }
    // A procurement officer alone may be appointed to units of other agencies.
    let agency = (!across || appointment.role != Role::ProcurementOfficer).then_some(organisation);
    let known = store::count_units(tx.conn(), realm, agency, &appointment.unit_ids).await?;
    if usize::try_from(known) != Ok(distinct.len()) {
        faults.push(Fault::at("#/unit_ids", Code::UnknownReference));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::rules(faults).into()) }
}

async fn appoint(
    tx: &mut Tx,
    ctx: &Ctx,
    user: UserId,
    organisation: OrganisationId,
    realm: crate::kernel::Realm,
    appointment: &Appointment,
) -> Result<MembershipRow, Error> {
    let held = store::roles_held(tx, user, organisation).await?;
    if let Some(code) = access::always_forbidden(&held, appointment.role) {
        return Err(refuse(code));
    }
    let row = MembershipRow {
        id: new_id(),
        user_id: user,
        organisation_id: organisation,
        realm,
        role: appointment.role,
        capacity: appointment.capacity,
        letter_number: appointment.letter_number.clone(),
        valid_from: appointment.valid_from,
        valid_to: appointment.valid_to,
        ended_at: None,
        created_at: tx.now().await?,
        version: 1,
        deputy_for: None,
        deputy_kind: None,
    };
    store::insert_membership(tx, &row, &appointment.unit_ids).await?;
    let after = json!({ "id": row.id, "user_id": user, "organisation_id": organisation, "role": row.role, "units": appointment.unit_ids });
    let fact = Fact {
        kind: "membership.granted",
        subject: row.id.0,
        before: None,
        after,
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(row)
}
