//! Access tokens (EdDSA JWT, RFC 9068) and refresh tokens (opaque, stored hashed).
use super::store::{self, Standing};
use crate::kernel::{Actor, Code, Error, Member, MembershipId, SessionId, TimeZone, UserId, refuse};
use crate::platform::App;
use crate::platform::sealing::{KeyRing, random, sha256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "lokapasar";
const AUDIENCE: &str = "lokapasar-api";
const SKEW: TimeDelta = TimeDelta::seconds(60);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    jti: SessionId,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    membership: Option<MembershipId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    membership_version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<uuid::Uuid>,
    #[serde(default)]
    roles: Vec<String>,
}

/// Signs an access token for a session that acts for a membership, or for nobody yet.
pub fn access_token(
    keys: &KeyRing,
    user: UserId,
    session: SessionId,
    standing: Option<&Standing>,
    now: DateTime<Utc>,
    minutes: u32,
) -> Result<String, Error> {
    let key = keys.signing();
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".into());
    header.kid = Some(key.id.clone());
    let claims = Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: user,
        jti: session,
        iat: now.timestamp(),
        exp: (now + TimeDelta::minutes(minutes.into())).timestamp(),
        membership: standing.map(|standing| standing.membership_id),
        membership_version: standing.map(|standing| standing.version),
        org: standing.map(|standing| standing.organisation_id.0),
        roles: standing.map(|standing| standing.role.as_str().to_owned()).into_iter().collect(),
    };
    jsonwebtoken::encode(&header, &claims, &key.private)
        .map_err(|_| Error::Internal("a token cannot be signed".into()))
}

/// A fresh refresh token and the hash under which it is stored.
pub fn refresh_token() -> (String, Vec<u8>) {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let hash = refresh_hash(&token);
    (token, hash)
}

pub fn refresh_hash(token: &str) -> Vec<u8> {
    sha256(token.as_bytes()).to_vec()
}

/// Who a bearer token stands for: signature, then session, user and membership as they are now.
///
/// # Errors
/// `invalid_token` for anything that does not hold, without saying what.
pub fn authenticate<'a>(app: &'a App, token: &'a str) -> LocalBoxFuture<'a, Result<Actor, Error>> {
    Box::pin(async move {
        let claims = verify(&app.keys, token, app.clock.now()).ok_or_else(|| refuse(Code::InvalidToken))?;
        let mut conn = app.db.conn().await?;
        let standing = store::standing_of_session(&mut conn, claims.jti, claims.membership)
            .await?
            .filter(|found| found.user_id == claims.sub)
            .ok_or_else(|| refuse(Code::InvalidToken))?;
        let member = match (claims.membership, standing.standing) {
            (None, _) => None,
            (Some(_), Some(standing)) if Some(standing.version) == claims.membership_version => {
                Some(member(standing))
            }
            _ => return Err(refuse(Code::InvalidToken)),
        };
        Ok(Actor { user: claims.sub, session: claims.jti, member })
    })
}

fn verify(keys: &KeyRing, token: &str, now: DateTime<Utc>) -> Option<Claims> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = keys.verifying().iter().find(|key| Some(&key.id) == header.kid.as_ref())?;
    if header.typ.as_deref() != Some("at+jwt") {
        return None;
    }
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    // Expiry is judged by our own clock, which tests may move.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.public, &validation).ok()?.claims;
    (now.timestamp() < claims.exp + SKEW.num_seconds() && claims.iat <= now.timestamp() + SKEW.num_seconds())
        .then_some(claims)
}

fn member(standing: Standing) -> Member {
    Member {
        id: standing.membership_id,
        organisation: standing.organisation_id,
        organisation_kind: standing.organisation_kind,
        realm: standing.realm,
        role: standing.role,
        capacity: standing.capacity,
        units: standing.units,
        deputy_for: standing.deputy_for,
        time_zone: TimeZone::parse(&standing.time_zone).unwrap_or(TimeZone::JAKARTA),
    }
}
