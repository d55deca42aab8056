//! Policies over HTTP: read by anyone; the rules of public purchasing are public.
use super::store::{self, Row};
use crate::access::{FORBIDDEN_PAIRS, ForbiddenPair};
use crate::kernel::{OrganisationId, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Listing, NoQuery, Sends};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub fn routes(api: &mut Api) {
    api.tag("policies")
        .get("/api/v1/policies", list_policies)
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
}

/// A dated value with its legal basis.
#[derive(Serialize, ToSchema)]
struct PolicyView {
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
    note: String,
}

async fn list_policies(call: Call<act::ListPolicies, (), PolicyFilter>) -> Sends<Listing<PolicyView>> {
    call.read(async |conn, ctx| {
        let day = match call.query.at {
            Some(day) => day,
            None => crate::kernel::TimeZone::JAKARTA.date_of(db::now(conn, ctx.realm()).await?),
        };
        let rows = store::rows_at(conn, day, call.query.agency_id).await?;
        Ok(Listing::whole(rows.into_iter().map(view).collect()).public(60))
    })
    .await
}

async fn list_forbidden_pairs(
    call: Call<act::ListForbiddenPairs, (), NoQuery>,
) -> Sends<Listing<ForbiddenPair>> {
    call.read(async |_, _| Ok(Listing::whole(FORBIDDEN_PAIRS.to_vec()).public(300))).await
}

fn view(row: Row) -> PolicyView {
    PolicyView {
        key: row.key,
        value: row.value,
        unit: row.unit,
        agency_id: row.agency_id,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        legal_basis: row.legal_basis,
        note: row.note,
    }
}
