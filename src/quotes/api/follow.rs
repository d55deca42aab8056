//! What a person follows.
use super::super::commands::{self, Subject};
use super::super::store::{self, Follow};
use crate::kernel::{FollowId, OrganisationId, UnitId, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoBody, NoContent, NoQuery, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/follows", begin_follow)
        .get("/api/v1/follows", list_follows)
        .delete("/api/v1/follows/{id}", end_follow);
}

/// Something that is followed: an agency, a unit, or a category with all below it.
#[derive(Serialize, ToSchema)]
struct FollowView {
    id: FollowId,
    agency_id: Option<OrganisationId>,
    unit_id: Option<UnitId>,
    category_code: Option<String>,
    begun_at: DateTime<Utc>,
}

impl From<Follow> for FollowView {
    fn from(row: Follow) -> Self {
        Self {
            id: row.id,
            agency_id: row.agency_id,
            unit_id: row.unit_id,
            category_code: row.category_code,
            begun_at: row.begun_at,
        }
    }
}

/// One of the three.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "category_code": "01.01" }))]
struct BeginFollow {
    agency_id: Option<OrganisationId>,
    unit_id: Option<UnitId>,
    #[schema(pattern = "^[0-9]{2}(\\.[0-9]{2}){0,2}$")]
    category_code: Option<String>,
}

async fn begin_follow(
    call: Call<act::BeginFollow, (), NoQuery, Json<BeginFollow>>,
) -> Sends<Created<FollowView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let subject =
            Subject { agency: input.agency_id, unit: input.unit_id, category: input.category_code.clone() };
        let follow = commands::follow(tx, ctx, subject).await?;
        Ok(Created { view: follow.into(), version: 1, location: "/api/v1/follows".into() })
    })
    .await
}

async fn list_follows(call: Call<act::ListFollows, ()>) -> Sends<Listing<FollowView>> {
    call.read(async |conn, ctx| {
        let follows = store::follows_of(conn, ctx.realm(), ctx.actor()?.user).await?;
        Ok(Listing::whole(follows.into_iter().map(FollowView::from).collect()))
    })
    .await
}

async fn end_follow(call: Call<act::EndFollow, (FollowId,), NoQuery, NoBody>) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::unfollow(tx, ctx, call.path.0).await?;
        Ok(NoContent)
    })
    .await
}
