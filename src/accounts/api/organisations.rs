//! Organisations and work units.
use super::super::commands::{self, NewUnit};
use super::super::store::{self, OrganisationRow, UnitRow};
use crate::kernel::{Code, Member, OrganisationId, OrganisationKind, Realm, UnitId, act, refuse};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoQuery, PageQuery, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/organisations", create_organisation)
        .get("/api/v1/organisations", list_organisations)
        .get("/api/v1/organisations/{id}", get_organisation)
        .post("/api/v1/organisations/{id}/units", create_unit)
        .get("/api/v1/organisations/{id}/units", list_units);
}

/// A new agency.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Pemerintah Kabupaten Contoh", "code": "D999", "time_zone": "Asia/Jakarta" }))]
struct CreateOrganisation {
    #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
    name: String,
    /// The agency's KLPD code.
    #[schema(pattern = "^[A-Z0-9]{1,20}$")]
    code: String,
    #[schema(max_length = 40)]
    time_zone: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OrganisationView {
    id: OrganisationId,
    realm: Realm,
    kind: OrganisationKind,
    name: String,
    code: Option<String>,
    time_zone: String,
    created_at: DateTime<Utc>,
    version: i32,
}

impl From<OrganisationRow> for OrganisationView {
    fn from(row: OrganisationRow) -> Self {
        Self {
            id: row.id,
            realm: row.realm,
            kind: row.kind,
            name: row.name,
            code: row.code,
            time_zone: row.time_zone,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

async fn create_organisation(
    call: Call<act::CreateOrganisation, (), NoQuery, Json<CreateOrganisation>>,
) -> Sends<Created<OrganisationView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let zone = input.time_zone.as_deref().unwrap_or("Asia/Jakarta");
        let row = commands::create_agency(tx, ctx, input.name.trim(), &input.code, zone).await?;
        Ok(Created {
            location: format!("/api/v1/organisations/{}", row.id),
            version: row.version,
            view: row.into(),
        })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct OrganisationFilter {
    #[param(inline)]
    kind: Option<OrganisationKind>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

async fn list_organisations(
    call: Call<act::ListOrganisations, (), OrganisationFilter>,
) -> Sends<Listing<OrganisationView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<OrganisationId>()?;
        let rows =
            store::organisations(conn, ctx.realm(), call.query.kind, page.after().copied(), page.fetch())
                .await?;
        Ok(page.close(rows, |row| row.id).map(OrganisationView::from))
    })
    .await
}

/// Agencies are open to all members of the realm; a vendor's organisation to its own and the platform.
fn visible(row: &OrganisationRow, member: Option<&Member>) -> bool {
    row.kind == OrganisationKind::Agency
        || member.is_some_and(|member| {
            member.organisation == row.id || member.organisation_kind == OrganisationKind::Platform
        })
}

async fn get_organisation(
    call: Call<act::GetOrganisation, (OrganisationId,), NoQuery>,
) -> Sends<Reply<OrganisationView>> {
    call.read(async |conn, ctx| {
        let member = ctx.actor()?.member.as_ref();
        let row = store::organisation(conn, ctx.realm(), call.path.0).await?;
        let row = row.filter(|row| visible(row, member)).ok_or_else(|| refuse(Code::NotFound))?;
        let version = row.version;
        Ok(Reply::versioned(row.into(), version))
    })
    .await
}

/// A new work unit.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "1.01.0.00.0.00.99.0000", "name": "Dinas Contoh", "short_name": "DINCONTOH" }))]
struct CreateUnit {
    #[schema(min_length = 1, max_length = 40, pattern = "^\\S+$")]
    code: String,
    #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
    name: String,
    /// The unit's part of document numbers.
    #[schema(pattern = "^[A-Z0-9]{2,12}$")]
    short_name: String,
    parent_id: Option<UnitId>,
}

#[derive(Serialize, ToSchema)]
struct UnitView {
    id: UnitId,
    agency_id: OrganisationId,
    parent_id: Option<UnitId>,
    code: String,
    name: String,
    short_name: String,
    version: i32,
}

impl From<UnitRow> for UnitView {
    fn from(row: UnitRow) -> Self {
        Self {
            id: row.id,
            agency_id: row.agency_id,
            parent_id: row.parent_id,
            code: row.code,
            name: row.name,
            short_name: row.short_name,
            version: row.version,
        }
    }
}

async fn create_unit(
    call: Call<act::CreateUnit, (OrganisationId,), NoQuery, Json<CreateUnit>>,
) -> Sends<Created<UnitView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let unit = NewUnit {
            code: input.code.clone(),
            source_code: None,
            name: input.name.trim().to_owned(),
            short_name: input.short_name.clone(),
            parent_id: input.parent_id,
            source: None,
        };
        let row = commands::create_unit(tx, ctx, call.path.0, &unit).await?;
        let location = format!("/api/v1/organisations/{}/units", row.agency_id);
        Ok(Created { location, version: row.version, view: row.into() })
    })
    .await
}

async fn list_units(call: Call<act::ListUnits, (OrganisationId,), PageQuery>) -> Sends<Listing<UnitView>> {
    call.read(async |conn, ctx| {
        let realm = ctx.realm();
        let agency = store::organisation(conn, realm, call.path.0).await?;
        if agency.is_none_or(|agency| agency.kind != OrganisationKind::Agency) {
            return Err(refuse(Code::NotFound));
        }
        let page = call.page::<UnitId>()?;
        let rows = store::units(conn, realm, call.path.0, page.after().copied(), page.fetch()).await?;
        Ok(page.close(rows, |row| row.id).map(UnitView::from))
    })
    .await
}
