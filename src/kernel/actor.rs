//! Who acts, and in which circumstances a command runs.
use super::{
    Capacity, Code, Error, Language, MembershipId, OrganisationId, OrganisationKind, Realm, Role, SessionId,
    TimeZone, UnitId, UserId, refuse,
};

/// A person whose access token held, with the membership it acts for.
#[derive(Clone, Debug)]
pub struct Actor {
    pub user: UserId,
    pub session: SessionId,
    pub member: Option<Member>,
}

/// The one membership that a token acts for, as it stands at this very request.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: MembershipId,
    pub organisation: OrganisationId,
    pub organisation_kind: OrganisationKind,
    pub realm: Realm,
    pub role: Role,
    pub capacity: Option<Capacity>,
    /// Work units covered; empty: the whole agency.
    pub units: Vec<UnitId>,
    pub time_zone: TimeZone,
    /// The officer in whose place a deputy (Plh, Plt) acts.
    pub deputy_for: Option<MembershipId>,
}

impl Member {
    /// Whether this is the officer named, or a deputy in that officer's place.
    pub fn stands_for(&self, officer: MembershipId) -> bool {
        self.id == officer || self.deputy_for == Some(officer)
    }

    /// The duty's own membership: the officer's whose deputy this is, else this one.
    pub fn office(&self) -> MembershipId {
        self.deputy_for.unwrap_or(self.id)
    }

    /// Whether a work unit of the member's own agency is covered.
    pub fn covers(&self, unit: UnitId) -> bool {
        self.units.is_empty() || self.units.contains(&unit)
    }
}

/// What a command knows of the call or job that runs it.
#[derive(Clone, Debug)]
pub struct Ctx {
    pub actor: Option<Actor>,
    /// The realm that a caller without membership acts in: the process's own.
    pub home_realm: Realm,
    pub request_id: String,
    pub language: Language,
    /// The version that `If-Match` named.
    pub if_match: Option<i32>,
    /// Whether the operation demands `If-Match`.
    pub if_match_required: bool,
    pub dry_run: bool,
}

impl Ctx {
    /// A context for the worker, the command line and loading: the system itself acts.
    pub fn system(realm: Realm, request_id: &str) -> Self {
        Self {
            actor: None,
            home_realm: realm,
            request_id: request_id.to_owned(),
            language: Language::Id,
            if_match: None,
            if_match_required: false,
            dry_run: false,
        }
    }

    /// # Errors
    /// `authentication_required` for an anonymous caller.
    pub fn actor(&self) -> Result<&Actor, Error> {
        self.actor.as_ref().ok_or_else(|| refuse(Code::AuthenticationRequired))
    }

    /// # Errors
    /// `membership_required` when the token acts for no organisation.
    pub fn member(&self) -> Result<&Member, Error> {
        self.actor()?.member.as_ref().ok_or_else(|| refuse(Code::MembershipRequired))
    }

    pub fn realm(&self) -> Realm {
        let member = self.actor.as_ref().and_then(|actor| actor.member.as_ref());
        member.map_or(self.home_realm, |member| member.realm)
    }

    /// Compares the locked row's version with `If-Match` (RFC 9110 §13.1.1).
    ///
    /// # Errors
    /// `if_match_missing` (428) where the operation demands it, `version_stale` (412).
    pub fn expect_version(&self, version: i32) -> Result<(), Error> {
        match self.if_match {
            None if self.if_match_required => Err(refuse(Code::IfMatchMissing)),
            Some(expected) if expected != version => Err(refuse(Code::VersionStale)),
            _ => Ok(()),
        }
    }
}
