//! Agencies, their units, vendors' organisations, and the sandbox's clock.
use super::super::store::{self, OrganisationRow, UnitRow};
use crate::kernel::{
    Code, Ctx, Error, Fault, OrganisationId, OrganisationKind, Realm, Refusal, Role, TimeZone, UnitId, refuse,
};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

/// Makes an agency in the actor's realm.
///
/// # Errors
/// `code_taken`; `value_not_allowed` for a zone that is not Indonesian.
pub async fn create_agency(
    tx: &mut Tx,
    ctx: &Ctx,
    name: &str,
    code: &str,
    time_zone: &str,
) -> Result<OrganisationRow, Error> {
    if TimeZone::parse(time_zone).is_none() {
        return Err(Refusal::rules(vec![Fault::at("#/time_zone", Code::ValueNotAllowed)]).into());
    }
    create(tx, ctx, OrganisationKind::Agency, name, Some(code), time_zone).await
}

/// Makes the organisation behind a vendor's file.
pub async fn create_vendor_organisation(tx: &mut Tx, ctx: &Ctx, name: &str) -> Result<OrganisationId, Error> {
    Ok(create(tx, ctx, OrganisationKind::Vendor, name, None, "Asia/Jakarta").await?.id)
}

/// The realm's platform organisation, made when it is missing.
pub async fn platform(tx: &mut Tx, ctx: &Ctx) -> Result<OrganisationId, Error> {
    let realm = tx.realm();
    match store::platform_organisation(tx.conn(), realm).await? {
        Some(found) => Ok(found.id),
        None => Ok(create(tx, ctx, OrganisationKind::Platform, "Lokapasar", None, "Asia/Jakarta").await?.id),
    }
}

async fn create(
    tx: &mut Tx,
    ctx: &Ctx,
    kind: OrganisationKind,
    name: &str,
    code: Option<&str>,
    time_zone: &str,
) -> Result<OrganisationRow, Error> {
    let row = OrganisationRow {
        id: new_id(),
        realm: tx.realm(),
        kind,
        name: name.to_owned(),
        code: code.map(ToOwned::to_owned),
        time_zone: time_zone.to_owned(),
        created_at: tx.now().await?,
        version: 1,
    };
    store::insert_organisation(tx, &row).await?;
    // A sole trader's name may be a person's, and the trail stays for ever.
    let name = Some(&row.name).filter(|_| kind != OrganisationKind::Vendor);
    let after =
        json!({ "id": row.id, "kind": row.kind, "name": name, "code": row.code, "time_zone": row.time_zone });
    let fact = Fact {
        kind: "organisation.created",
        subject: row.id.0,
        before: None,
        after,
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(row)
}

/// What a work unit is made from.
#[derive(Clone, Debug)]
pub struct NewUnit {
    pub code: String,
    /// The register's own number of the unit, by which imports find it.
    pub source_code: Option<String>,
    pub name: String,
    pub short_name: String,
    pub parent_id: Option<UnitId>,
    pub source: Option<String>,
}

/// Makes a work unit of an agency. A budget user does so in the own agency only.
///
/// # Errors
/// `code_taken` for code or short name, `unknown_reference` for a parent elsewhere.
pub async fn create_unit(
    tx: &mut Tx,
    ctx: &Ctx,
    agency: OrganisationId,
    input: &NewUnit,
) -> Result<UnitRow, Error> {
    let realm = tx.realm();
    let found = store::organisation(tx.conn(), realm, agency).await?.ok_or_else(|| refuse(Code::NotFound))?;
    let budget_user = ctx
        .actor
        .as_ref()
        .and_then(|actor| actor.member.as_ref())
        .filter(|member| member.role == Role::BudgetUser);
    if budget_user.is_some_and(|member| member.organisation != agency)
        || found.kind != OrganisationKind::Agency
    {
        return Err(refuse(Code::NotFound));
    }
    // Who was appointed for some units does not make further ones.
    if budget_user.is_some_and(|member| !member.units.is_empty()) {
        return Err(refuse(Code::UnitNotCovered));
    }
    if let Some(parent) = input.parent_id
        && !store::unit_of_agency(tx.conn(), agency, parent).await?
    {
        return Err(Refusal::rules(vec![Fault::at("#/parent_id", Code::UnknownReference)]).into());
    }
    let row = UnitRow {
        id: new_id(),
        realm,
        agency_id: agency,
        parent_id: input.parent_id,
        code: input.code.clone(),
        source_code: input.source_code.clone(),
        name: input.name.clone(),
        short_name: input.short_name.clone(),
        source: input.source.clone(),
        confirmed_at: match input.source {
            Some(_) => Some(tx.now().await?),
            None => None,
        },
        version: 1,
    };
    store::insert_unit(tx, &row).await?;
    let after = json!({ "id": row.id, "agency_id": agency, "code": row.code, "name": row.name, "short_name": row.short_name });
    let fact = Fact {
        kind: "work_unit.created",
        subject: row.id.0,
        before: None,
        after,
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(row)
}

/// Moves the sandbox's (or training's) clock to a later time; the live clock has no such door.
///
/// # Errors
/// `not_found` in the live realm, `clock_backwards` for a time that is not later.
pub async fn move_clock(tx: &mut Tx, ctx: &Ctx, to: DateTime<Utc>) -> Result<(), Error> {
    let realm = tx.realm();
    if realm == Realm::Live {
        return Err(refuse(Code::NotFound));
    }
    let now = tx.now().await?;
    // Ten years ahead is beyond any clock; a slip of the pen must not make a sandbox useless.
    // Whole seconds, rounded up: a deadline that was moved to has passed.
    let by = (to - now + TimeDelta::seconds(1) - TimeDelta::microseconds(1)).num_seconds();
    if by <= 0 || by > 3_650 * 86_400 {
        return Err(Refusal::rules(vec![Fault::at("#/now", Code::ClockBackwards)]).into());
    }
    store::move_clock(tx, realm, by).await?;
    let subject = ctx.actor()?.user.0;
    let after = json!({ "realm": realm, "moved_seconds": by });
    let fact =
        Fact { kind: "realm.clock_moved", subject, before: None, after, reason: None, notices: Vec::new() };
    trail::record(tx, ctx, fact).await
}
