//! Policies over HTTP: read by anyone; the rules of public purchasing are public.
use super::commands::{self, NewValue};
use super::store::{self, Row};
use crate::access::{FORBIDDEN_PAIRS, ForbiddenPair};
use crate::kernel::{MembershipId, OrganisationId, PolicyId, Role, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Created, Json, Listing, NoQuery, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.tag("policies")
        .get("/api/v1/policies", list_policies)
        .post("/api/v1/policies", set_policy)
        .get("/api/v1/policies/{id}", get_policy)
        .post("/api/v1/policies/{id}/actions/end", end_policy)
        .get("/api/v1/forbidden-pairs", list_forbidden_pairs);
}

#[derive(Deserialize, IntoParams)]
struct PolicyFilter {
    /// The day whose values are meant; today unless told.
    #[param(format = Date)]
    at: Option<NaiveDate>,
    /// The agency whose own values go before the platform's.
    #[param(inline)]
    agency_id: Option<OrganisationId>,
    /// This key alone; without a day its whole history.
    #[param(pattern = "^[a-z][a-z0-9_.]{2,79}$")]
    key: Option<String>,
}

/// A dated value with its legal basis.
#[derive(Serialize, ToSchema)]
struct PolicyView {
    id: PolicyId,
    #[schema(example = "limit.direct.goods")]
    key: String,
    #[schema(example = "200000000")]
    value: String,
    #[schema(example = "IDR")]
    unit: String,
    /// Set by one agency for itself.
    agency_id: Option<OrganisationId>,
    valid_from: NaiveDate,
    /// Last day; open when null.
    valid_to: Option<NaiveDate>,
    legal_basis: String,
    /// Why it was set.
    note: String,
    set_at: DateTime<Utc>,
    /// The appointment by which it was set; null: it came with the program.
    set_by: Option<PolicySetter>,
    end_reason: Option<String>,
    version: i32,
}

/// By which appointment a value was set.
#[derive(Serialize, ToSchema)]
struct PolicySetter {
    membership_id: MembershipId,
    role: Role,
    organisation_id: OrganisationId,
}

async fn list_policies(call: Call<act::ListPolicies, (), PolicyFilter>) -> Sends<Listing<PolicyView>> {
    call.read(async |conn, ctx| {
        if let (Some(key), None) = (&call.query.key, call.query.at) {
            let rows = store::history(conn, key, call.query.agency_id).await?;
            return Ok(Listing::whole(rows.into_iter().map(view).collect()).public(60));
        }
        let day = match call.query.at {
            Some(day) => day,
            None => crate::kernel::TimeZone::JAKARTA.date_of(db::now(conn, ctx.realm()).await?),
        };
        let mut rows = store::rows_at(conn, day, call.query.agency_id).await?;
        rows.retain(|row| call.query.key.as_ref().is_none_or(|key| *key == row.key));
        Ok(Listing::whole(rows.into_iter().map(view).collect()).public(60))
    })
    .await
}

async fn get_policy(call: Call<act::GetPolicy, (PolicyId,)>) -> Sends<Reply<PolicyView>> {
    call.read(async |conn, _| {
        let row = store::find(conn, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(row), version))
    })
    .await
}

/// A value for days to come. Its unit is that of the key.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "key": "comparison.minimum_offers", "agency_id": "0198c0de-0000-7000-8000-000000000000", "value": "3",
    "valid_from": "2035-01-01", "legal_basis": "Keputusan Bupati 100/2034", "note": "Perbandingan lebih luas" }))]
struct SetPolicy {
    #[schema(min_length = 3, max_length = 80)]
    key: String,
    /// The agency that it is for; none: the whole platform. A budget user sets the own agency's.
    agency_id: Option<OrganisationId>,
    #[schema(min_length = 1, max_length = 4000)]
    value: String,
    valid_from: NaiveDate,
    /// Last day; open when left out.
    valid_to: Option<NaiveDate>,
    #[schema(min_length = 5, max_length = 200, pattern = "\\S")]
    legal_basis: String,
    /// Why.
    #[schema(min_length = 5, max_length = 500, pattern = "\\S")]
    note: String,
}

async fn set_policy(call: Call<act::SetPolicy, (), NoQuery, Json<SetPolicy>>) -> Sends<Created<PolicyView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let value = NewValue {
            key: input.key.clone(),
            agency: input.agency_id,
            value: input.value.trim().to_owned(),
            valid_from: input.valid_from,
            valid_to: input.valid_to,
            legal_basis: input.legal_basis.trim().to_owned(),
            note: input.note.trim().to_owned(),
        };
        let row = commands::set(tx, ctx, &value).await?;
        let (location, version) = (format!("/api/v1/policies/{}", row.id), row.version);
        Ok(Created { view: view(row), version, location })
    })
    .await
}

/// Up to when a value holds, and why no longer.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "valid_to": "2035-12-31", "reason": "Diganti oleh keputusan baru" }))]
struct EndPolicy {
    /// Its last day.
    valid_to: NaiveDate,
    #[schema(min_length = 5, max_length = 500)]
    reason: String,
}

async fn end_policy(
    call: Call<act::EndPolicy, (PolicyId,), NoQuery, Json<EndPolicy>>,
) -> Sends<Reply<PolicyView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let row = commands::end(tx, ctx, call.path.0, input.valid_to, &input.reason).await?;
        let version = row.version;
        Ok(Reply::versioned(view(row), version))
    })
    .await
}

async fn list_forbidden_pairs(
    call: Call<act::ListForbiddenPairs, (), NoQuery>,
) -> Sends<Listing<ForbiddenPair>> {
    call.read(async |_, _| Ok(Listing::whole(FORBIDDEN_PAIRS.to_vec()).public(300))).await
}

fn view(row: Row) -> PolicyView {
    let setter = row.set_by.zip(row.set_by_role).zip(row.set_by_organisation_id);
    PolicyView {
        id: row.id,
        key: row.key,
        value: row.value,
        unit: row.unit,
        agency_id: row.agency_id,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        legal_basis: row.legal_basis,
        note: row.note,
        set_at: row.set_at,
        set_by: setter.map(|((membership_id, role), organisation_id)| PolicySetter {
            membership_id,
            role,
            organisation_id,
        }),
        end_reason: row.end_reason,
        version: row.version,
    }
}
