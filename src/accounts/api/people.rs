//! Memberships and invitations.
use super::super::commands::{self, Appointment};
use super::super::model::Contact;
use super::super::store::{self, InvitationRow, MembershipRow};
use crate::kernel::{
    Capacity, Code, Fault, InvitationId, MembershipId, OrganisationId, OrganisationKind, Refusal, Role,
    UnitId, UserId, act, refuse,
};
use crate::platform::http::{Api, Call, Created, Json, Listing, NoBody, NoQuery, PageQuery, Reply, Sends};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/organisations/{id}/memberships", list_memberships)
        .post("/api/v1/organisations/{id}/memberships/{membership_id}/actions/end", end_membership)
        .post("/api/v1/invitations", invite_member)
        .get("/api/v1/invitations", list_invitations)
        .post("/api/v1/invitations/{id}/actions/accept", accept_invitation)
        .post("/api/v1/invitations/{id}/actions/revoke", revoke_invitation);
}

/// Who holds which role.
#[derive(Serialize, ToSchema)]
struct MemberView {
    id: MembershipId,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    organisation_id: OrganisationId,
    role: Role,
    capacity: Option<Capacity>,
    letter_number: Option<String>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    ended_at: Option<DateTime<Utc>>,
    /// The officer's membership in whose place a deputy acts.
    deputy_for: Option<MembershipId>,
    version: i32,
}

fn member_view(row: MembershipRow, full_name: Option<String>) -> MemberView {
    MemberView {
        id: row.id,
        user_id: row.user_id,
        full_name,
        organisation_id: row.organisation_id,
        role: row.role,
        capacity: row.capacity,
        letter_number: row.letter_number,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        ended_at: row.ended_at,
        deputy_for: row.deputy_for,
        version: row.version,
    }
}

async fn list_memberships(
    call: Call<act::ListMemberships, (OrganisationId,), PageQuery>,
) -> Sends<Listing<MemberView>> {
    call.read(async |conn, ctx| {
        let member = ctx.member()?;
        let found = store::organisation(conn, ctx.realm(), call.path.0).await?;
        let in_scope = found.is_some_and(|found| {
            found.id == member.organisation || member.organisation_kind == OrganisationKind::Platform
        });
        if !in_scope {
            return Err(refuse(Code::NotFound));
        }
        let page = call.page::<MembershipId>()?;
        let rows = store::memberships(conn, call.path.0, page.after().copied(), page.fetch()).await?;
        Ok(page.close(rows, |(row, _)| row.id).map(|(row, name)| member_view(row, Some(name))))
    })
    .await
}

async fn end_membership(
    call: Call<act::EndMembership, (OrganisationId, MembershipId), NoQuery, NoBody>,
) -> Sends<Reply<MemberView>> {
    call.write(async |tx, ctx| {
        let row = commands::end_membership(tx, ctx, call.path.0, call.path.1).await?;
        let version = row.version;
        Ok(Reply::versioned(member_view(row, None), version))
    })
    .await
}

/// An invitation to a role.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact": "rekan@example.id", "role": "vendor_staff", "valid_from": "2026-01-01" }))]
struct InviteMember {
    #[schema(min_length = 5, max_length = 254)]
    contact: String,
    /// The caller's own organisation unless told; another one for admins only.
    organisation_id: Option<OrganisationId>,
    role: Role,
    /// In which capacity a commitment officer acts.
    capacity: Option<Capacity>,
    /// Number of the appointment letter, for officers.
    #[schema(min_length = 1, max_length = 80)]
    letter_number: Option<String>,
    /// Work units covered, also of other agencies; none: the whole organisation.
    #[serde(default)]
    #[schema(max_items = 100)]
    unit_ids: Vec<UnitId>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
}

#[derive(Serialize, ToSchema)]
struct InvitationView {
    id: InvitationId,
    organisation_id: OrganisationId,
    role: Role,
    status: &'static str,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    version: i32,
}

impl From<InvitationRow> for InvitationView {
    fn from(row: InvitationRow) -> Self {
        let status = match (row.accepted_at, row.revoked_at) {
            (Some(_), _) => "accepted",
            (None, Some(_)) => "revoked",
            (None, None) => "open",
        };
        Self {
            id: row.id,
            organisation_id: row.organisation_id,
            role: row.role,
            status,
            created_at: row.created_at,
            expires_at: row.expires_at,
            version: row.version,
        }
    }
}

async fn invite_member(
    call: Call<act::InviteMember, (), NoQuery, Json<InviteMember>>,
) -> Sends<Created<InvitationView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let contact = Contact::parse(&input.contact)
            .ok_or_else(|| Refusal::rules(vec![Fault::at("#/contact", Code::ContactInvalid)]))?;
        let appointment = Appointment {
            role: input.role,
            capacity: input.capacity,
            letter_number: input.letter_number.clone(),
            unit_ids: input.unit_ids.clone(),
            valid_from: input.valid_from,
            valid_to: input.valid_to,
        };
        let row = commands::invite(tx, ctx, &call.app, &contact, input.organisation_id, &appointment).await?;
        Ok(Created { location: "/api/v1/invitations".into(), version: row.version, view: row.into() })
    })
    .await
}

async fn list_invitations(call: Call<act::ListInvitations, (), PageQuery>) -> Sends<Listing<InvitationView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<InvitationId>()?;
        let organisation = ctx.member()?.organisation;
        let rows = store::invitations(conn, organisation, page.after().copied(), page.fetch()).await?;
        Ok(page.close(rows, |row| row.id).map(InvitationView::from))
    })
    .await
}

/// The token of the invitation's link.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptInvitation {
    #[schema(min_length = 1, max_length = 200)]
    token: String,
}

async fn accept_invitation(
    call: Call<act::AcceptInvitation, (InvitationId,), NoQuery, Json<AcceptInvitation>>,
) -> Sends<Reply<MemberView>> {
    call.write(async |tx, ctx| {
        let row = commands::accept_invitation(tx, ctx, &call.app, call.path.0, &call.body.0.token).await?;
        let version = row.version;
        Ok(Reply::versioned(member_view(row, None), version))
    })
    .await
}

async fn revoke_invitation(
    call: Call<act::RevokeInvitation, (InvitationId,), NoQuery, NoBody>,
) -> Sends<Reply<InvitationView>> {
    call.write(async |tx, ctx| {
        let row = commands::revoke_invitation(tx, ctx, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(row.into(), version))
    })
    .await
}
