//! The caller's own account.
use super::super::store::{self, Standing};
use crate::kernel::{
    Capacity, Code, ContactId, Language, MembershipId, OrganisationId, OrganisationKind, Realm, Role, UnitId,
    UserId, act, refuse,
};
use crate::platform::http::{Api, Call, Listing, NoQuery, Reply, Sends};
use crate::platform::personal::{self, PersonalKind};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

pub fn routes(api: &mut Api) {
    api.get("/api/v1/me", get_me).get("/api/v1/me/memberships", list_my_memberships);
}

/// For whom one may act.
#[derive(Serialize, ToSchema)]
pub struct MembershipView {
    id: MembershipId,
    organisation_id: OrganisationId,
    organisation_name: String,
    organisation_kind: OrganisationKind,
    realm: Realm,
    role: Role,
    capacity: Option<Capacity>,
    /// Work units covered; empty: all of the organisation.
    unit_ids: Vec<UnitId>,
    /// The officer's membership in whose place a deputy acts.
    deputy_for: Option<MembershipId>,
}

impl From<Standing> for MembershipView {
    fn from(standing: Standing) -> Self {
        Self {
            id: standing.membership_id,
            organisation_id: standing.organisation_id,
            organisation_name: standing.organisation_name,
            organisation_kind: standing.organisation_kind,
            realm: standing.realm,
            role: standing.role,
            capacity: standing.capacity,
            unit_ids: standing.units,
            deputy_for: standing.deputy_for,
        }
    }
}

/// The caller's account, with their own contacts in clear.
#[derive(Serialize, ToSchema)]
struct MeView {
    id: UserId,
    full_name: String,
    language: Language,
    contacts: Vec<ContactView>,
    /// For whom this token acts.
    membership_id: Option<MembershipId>,
    version: i32,
}

#[derive(Serialize, ToSchema)]
struct ContactView {
    id: ContactId,
    #[schema(value_type = String, example = "email")]
    kind: String,
    value: Option<String>,
    verified_at: Option<DateTime<Utc>>,
}

async fn get_me(call: Call<act::GetMe, (), NoQuery>) -> Sends<Reply<MeView>> {
    call.read(async |conn, ctx| {
        let actor = ctx.actor()?;
        let user = store::user(conn, actor.user).await?.ok_or_else(|| refuse(Code::NotFound))?;
        let contacts = store::contacts_of_user(conn, user.id).await?;
        let values =
            personal::open(conn, &call.app.keys, contacts.iter().map(|contact| contact.value_id)).await?;
        let contacts = contacts
            .into_iter()
            .map(|contact| ContactView {
                id: contact.id,
                kind: PersonalKind::as_str(contact.kind).to_owned(),
                value: values.get(&contact.value_id).cloned(),
                verified_at: contact.verified_at,
            })
            .collect();
        let membership_id = actor.member.as_ref().map(|member| member.id);
        let version = user.version;
        let view = MeView {
            id: user.id,
            full_name: user.full_name,
            language: user.language,
            contacts,
            membership_id,
            version,
        };
        Ok(Reply::versioned(view, version))
    })
    .await
}

async fn list_my_memberships(
    call: Call<act::ListMyMemberships, (), NoQuery>,
) -> Sends<Listing<MembershipView>> {
    call.read(async |conn, ctx| {
        let standings = store::standings(conn, ctx.actor()?.user).await?;
        Ok(Listing::whole(standings.into_iter().map(MembershipView::from).collect()))
    })
    .await
}
