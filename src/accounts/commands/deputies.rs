//! Deputies (Plh, Plt): somebody acts in the place of a named officer for some days, by letter.
//!
//! A deputy is a membership of its own, with the officer's role, units and capacity, that names the
//! officer's. So every rule about roles, units, terms and forbidden pairs holds for it unasked.
use super::super::model::DeputyKind;
use super::super::store::{self, DeputyRow, MembershipRow};
use super::people::within_own_units;
use super::sign_up::notice;
use crate::access;
use crate::kernel::{Code, Ctx, Error, Fault, MembershipId, Refusal, TimeZone, refuse};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Audience, Fact};
use chrono::NaiveDate;
use serde_json::{Value, json};

/// Who acts for whom, from when to when, by which letter.
#[derive(Clone, Debug)]
pub struct NewDeputy {
    pub officer: MembershipId,
    /// Any membership in the agency of the person who is to act.
    pub person: MembershipId,
    pub kind: DeputyKind,
    pub valid_from: NaiveDate,
    pub valid_to: NaiveDate,
    pub letter_number: String,
}

/// Appoints a deputy of an officer of the caller's agency.
///
/// # Errors
/// The code of a forbidden pair that the deputy's other roles would make; faults by field.
pub async fn appoint_deputy(tx: &mut Tx, ctx: &Ctx, input: &NewDeputy) -> Result<DeputyRow, Error> {
    let member = ctx.member()?;
    let agency = member.organisation;
    let unknown = |place: &str| Refusal::rules(vec![Fault::at(place, Code::UnknownReference)]);
    let officer = store::membership(tx.conn(), agency, input.officer).await?;
    let officer = officer.filter(|row| row.deputy_for.is_none()).ok_or_else(|| unknown("#/officer_id"))?;
    let person = store::membership(tx.conn(), agency, input.person).await?;
    let today = tx.today(TimeZone::JAKARTA).await?;
    let stands = |row: &MembershipRow| {
        row.ended_at.is_none() && row.valid_from <= today && row.valid_to.is_none_or(|to| to >= today)
    };
    let person = person.filter(stands).ok_or_else(|| unknown("#/person_id"))?;
    let units = store::units_of(tx.conn(), officer.id).await?;
    within_own_units(member, &units)?;
    let held = store::roles_held(tx, person.user_id, agency).await?;
    let now = tx.now().await?;
    let mut faults = Vec::new();
    if person.user_id == officer.user_id {
        faults.push(Fault::at("#/person_id", Code::OfficerNotSuitable));
    }
    if input.valid_to < input.valid_from {
        faults.push(Fault::at("#/valid_to", Code::ValidityInvalid));
    } else if input.valid_to < today {
        faults.push(Fault::at("#/valid_to", Code::DayPassed));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    if let Some(code) = access::always_forbidden(&held, officer.role) {
        return Err(refuse(code));
    }
    let row = MembershipRow {
        id: new_id(),
        user_id: person.user_id,
        letter_number: Some(input.letter_number.clone()),
        valid_from: input.valid_from,
        valid_to: Some(input.valid_to),
        ended_at: None,
        created_at: now,
        version: 1,
        deputy_for: Some(officer.id),
        deputy_kind: Some(input.kind),
        ..officer
    };
    store::insert_membership(tx, &row, &units).await?;
    record(tx, ctx, "deputy.appointed", &row, "deputy_appointed").await?;
    store::deputy(tx.conn(), agency, row.id).await?.ok_or_else(|| refuse(Code::NotFound))
}

/// Ends a deputy's term at once.
pub async fn end_deputy(tx: &mut Tx, ctx: &Ctx, id: MembershipId) -> Result<DeputyRow, Error> {
    let member = ctx.member()?;
    let agency = member.organisation;
    let row = store::lock_membership(tx, agency, id).await?;
    if row.deputy_for.is_none() {
        return Err(refuse(Code::NotFound));
    }
    ctx.expect_version(row.version)?;
    within_own_units(member, &store::units_of(tx.conn(), id).await?)?;
    if row.ended_at.is_some() {
        return Err(refuse(Code::IllegalTransition));
    }
    let now = tx.now().await?;
    store::end_membership(tx, id, now).await?;
    let ended = MembershipRow { ended_at: Some(now), version: row.version + 1, ..row };
    record(tx, ctx, "deputy.ended", &ended, "deputy_ended").await?;
    store::deputy(tx.conn(), agency, id).await?.ok_or_else(|| refuse(Code::NotFound))
}

async fn record(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: &str,
    row: &MembershipRow,
    template: &str,
) -> Result<(), Error> {
    let after: Value = json!({ "id": row.id, "user_id": row.user_id, "organisation_id": row.organisation_id, "role": row.role,
        "deputy_for": row.deputy_for, "deputy_kind": row.deputy_kind, "letter_number": row.letter_number,
        "valid_from": row.valid_from, "valid_to": row.valid_to, "ended_at": row.ended_at });
    let told = |audience: Audience| {
        let mut notice = notice(template, audience);
        notice.arguments = json!({ "role": row.role.as_str(), "number": row.letter_number, "organisation_id": row.organisation_id,
            "from": row.valid_from.format("%d-%m-%Y").to_string(),
            "due": row.valid_to.map(|day| day.format("%d-%m-%Y").to_string()) });
        notice
    };
    let officer = row.deputy_for.map(|officer| Audience::Membership(officer.0));
    let notices = officer.into_iter().chain([Audience::Person(row.user_id.0)]).map(told).collect();
    let fact = Fact { kind, subject: row.id.0, before: None, after, reason: None, notices };
    trail::record(tx, ctx, fact).await
}
