//! Setting values and giving them an end. What a value says is never changed: documents name it.
use super::model::value_fits;
use super::store::{self, NewPolicy, Row};
use crate::kernel::{
    Code, Ctx, Error, Fault, Member, OrganisationId, OrganisationKind, PolicyId, Realm, Refusal, Role,
    TimeZone, refuse,
};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use chrono::NaiveDate;
use serde_json::{Value, json};

/// Keys that the budget user of a whole agency (PA) may set for it: how it works, never what it may do
/// or must prove.
const OWN_HOUSE: &[&str] =
    &["clock.negotiation_idle_days", "evaluation.weights", "negotiation.prompt_from", "opening.mode"];

/// A value, from when to when, and by what right.
#[derive(Clone, Debug)]
pub struct NewValue {
    pub key: String,
    pub agency: Option<OrganisationId>,
    pub value: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub legal_basis: String,
    pub note: String,
}

/// Sets a value for days that are still to come, today included.
///
/// # Errors
/// `policy_overlaps` where another value of the key holds on one of the days; faults by field.
pub async fn set(tx: &mut Tx, ctx: &Ctx, input: &NewValue) -> Result<Row, Error> {
    let member = ctx.member()?;
    require_whole_agency(member)?;
    let agency = whose(tx, member, input).await?;
    let now = tx.now().await?;
    let mut faults = Vec::new();
    let known = store::example_of(tx.conn(), &input.key).await?;
    let not_own = member.role == Role::BudgetUser && !OWN_HOUSE.contains(&input.key.as_str());
    match &known {
        None => faults.push(Fault::at("#/key", Code::UnknownReference)),
        Some(_) if not_own => faults.push(Fault::at("#/key", Code::PolicyNotYours)),
        Some((unit, value)) if !value_fits(&input.key, unit, &input.value, value) => {
            faults.push(Fault::at("#/value", Code::PolicyValueInvalid).with_limit(unit));
        }
        Some(_) => {}
    }
    if input.valid_from < TimeZone::JAKARTA.date_of(now) {
        faults.push(Fault::at("#/valid_from", Code::DayPassed));
    }
    if input.valid_to.is_some_and(|to| to < input.valid_from) {
        faults.push(Fault::at("#/valid_to", Code::ValidityInvalid));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    let id: PolicyId = new_id();
    let row = NewPolicy {
        id: id.0,
        key: input.key.clone(),
        agency_id: agency,
        value: input.value.clone(),
        unit: known.map(|(unit, _)| unit).unwrap_or_default(),
        valid_from: input.valid_from,
        valid_to: input.valid_to,
        legal_basis: input.legal_basis.clone(),
        note: input.note.clone(),
        set_at: now,
        set_by: Some(member.id),
    };
    store::insert(tx, &row).await?;
    let saved = store::find(tx.conn(), id).await?;
    record(tx, ctx, "policy.set", None, &saved).await?;
    Ok(saved)
}

/// Gives a value its last day, today or later; what was decided by it stands.
pub async fn end(
    tx: &mut Tx,
    ctx: &Ctx,
    id: PolicyId,
    valid_to: NaiveDate,
    reason: &str,
) -> Result<Row, Error> {
    let member = ctx.member()?;
    let row = store::lock(tx, id).await?;
    if !may_write(member, tx.realm(), row.agency_id) || !reaches(tx, member, row.agency_id).await? {
        return Err(refuse(Code::NotFound));
    }
    ctx.expect_version(row.version)?;
    require_whole_agency(member)?;
    if member.role == Role::BudgetUser && !OWN_HOUSE.contains(&row.key.as_str()) {
        return Err(refuse(Code::PolicyNotYours));
    }
    let today = TimeZone::JAKARTA.date_of(tx.now().await?);
    let mut faults = Vec::new();
    if valid_to < today {
        faults.push(Fault::at("#/valid_to", Code::DayPassed));
    }
    if valid_to < row.valid_from || row.valid_to.is_some_and(|to| valid_to > to) {
        faults.push(Fault::at("#/valid_to", Code::ValidityInvalid));
    }
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    store::end(tx, id, valid_to, reason).await?;
    let saved = store::find(tx.conn(), id).await?;
    record(tx, ctx, "policy.ended", Some(&row), &saved).await?;
    Ok(saved)
}

/// Whose value it is to be: the platform's by its admin in the live realm, since every realm reads it;
/// an agency's by an admin of its realm, or by its own budget user.
async fn whose(tx: &mut Tx, member: &Member, input: &NewValue) -> Result<Option<OrganisationId>, Error> {
    let agency = match member.role {
        Role::BudgetUser => input.agency.or(Some(member.organisation)),
        _ => input.agency,
    };
    if may_write(member, tx.realm(), agency) && reaches(tx, member, agency).await? {
        return Ok(agency);
    }
    let code = if agency.is_none() { Code::PolicyNotYours } else { Code::UnknownReference };
    Err(Refusal::rules(vec![Fault::at("#/agency_id", code)]).into())
}

/// A budget user of some units (KPA) sets nothing for the whole agency.
fn require_whole_agency(member: &Member) -> Result<(), Error> {
    if member.role != Role::BudgetUser || member.units.is_empty() {
        Ok(())
    } else {
        Err(refuse(Code::UnitNotCovered))
    }
}

fn may_write(member: &Member, realm: Realm, agency: Option<OrganisationId>) -> bool {
    match (member.organisation_kind, agency) {
        (OrganisationKind::Platform, None) => realm == Realm::Live,
        (OrganisationKind::Platform, Some(_)) => true,
        (_, agency) => agency == Some(member.organisation),
    }
}

async fn reaches(tx: &mut Tx, member: &Member, agency: Option<OrganisationId>) -> Result<bool, Error> {
    match agency {
        None => Ok(true),
        Some(agency) => store::agency_is_of(tx.conn(), agency, member.realm).await,
    }
}

fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "key": row.key, "agency_id": row.agency_id, "value": row.value, "unit": row.unit,
        "valid_from": row.valid_from, "valid_to": row.valid_to, "legal_basis": row.legal_basis, "note": row.note,
        "version": row.version })
}

async fn record(tx: &mut Tx, ctx: &Ctx, kind: &str, before: Option<&Row>, after: &Row) -> Result<(), Error> {
    let reason = after.end_reason.as_deref().or(Some(after.note.as_str()));
    let fact = Fact {
        kind,
        subject: after.id.0,
        before: before.map(state_of),
        after: state_of(after),
        reason,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await
}
