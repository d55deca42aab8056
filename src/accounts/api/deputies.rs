//! Deputies of officers.
use super::super::commands::{self, NewDeputy};
use super::super::model::DeputyKind;
use super::super::store::{self, DeputyRow};
use crate::kernel::{Capacity, MembershipId, Role, UserId, act};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoBody, NoQuery, PageQuery, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/deputies", appoint_deputy)
        .get("/api/v1/deputies", list_deputies)
        .post("/api/v1/deputies/{id}/actions/end", end_deputy);
}

/// Who acts for whom, from when to when, by which letter.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "officer_id": "0198c0de-0000-7000-8000-000000000000", "person_id": "0198c0de-0000-7000-8000-000000000000",
    "kind": "plh", "valid_from": "2035-01-01", "valid_to": "2035-01-14", "letter_number": "821/031/2034" }))]
struct AppointDeputy {
    /// The officer's membership.
    officer_id: MembershipId,
    /// Any membership in the agency of the person who is to act.
    person_id: MembershipId,
    kind: DeputyKind,
    valid_from: NaiveDate,
    valid_to: NaiveDate,
    #[schema(min_length = 1, max_length = 80, pattern = "\\S")]
    letter_number: String,
}

/// A deputy; its id is the membership that the deputy acts by.
#[derive(Serialize, ToSchema)]
struct DeputyView {
    id: MembershipId,
    officer_id: MembershipId,
    officer_name: String,
    user_id: UserId,
    full_name: String,
    kind: DeputyKind,
    role: Role,
    capacity: Option<Capacity>,
    letter_number: Option<String>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    ended_at: Option<DateTime<Utc>>,
    version: i32,
}

impl From<DeputyRow> for DeputyView {
    fn from(row: DeputyRow) -> Self {
        Self {
            id: row.id,
            officer_id: row.officer_id,
            officer_name: row.officer_name,
            user_id: row.user_id,
            full_name: row.full_name,
            kind: row.kind,
            role: row.role,
            capacity: row.capacity,
            letter_number: row.letter_number,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            ended_at: row.ended_at,
            version: row.version,
        }
    }
}

async fn appoint_deputy(
    call: Call<act::AppointDeputy, (), NoQuery, Json<AppointDeputy>>,
) -> Sends<Created<DeputyView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let deputy = NewDeputy {
            officer: input.officer_id,
            person: input.person_id,
            kind: input.kind,
            valid_from: input.valid_from,
            valid_to: input.valid_to,
            letter_number: input.letter_number.trim().to_owned(),
        };
        let row = commands::appoint_deputy(tx, ctx, &deputy).await?;
        Ok(Created { location: "/api/v1/deputies".into(), version: row.version, view: row.into() })
    })
    .await
}

async fn list_deputies(call: Call<act::ListDeputies, (), PageQuery>) -> Sends<Listing<DeputyView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<MembershipId>()?;
        let agency = ctx.member()?.organisation;
        let rows = store::deputies(conn, agency, page.after().copied(), page.fetch()).await?;
        Ok(page.close(rows, |row| row.id).map(DeputyView::from))
    })
    .await
}

async fn end_deputy(
    call: Call<act::EndDeputy, (MembershipId,), NoQuery, NoBody>,
) -> Sends<Reply<DeputyView>> {
    call.write(async |tx, ctx| {
        let row = commands::end_deputy(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(row.into(), version))
    })
    .await
}
