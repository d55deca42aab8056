//! Following an office or a category: to be told when quotes are asked for.
use super::super::store::{self, Follow};
use crate::kernel::{Code, Ctx, Error, Fault, FollowId, OrganisationId, Refusal, UnitId, refuse};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use serde_json::json;

const FOLLOWED_AT_MOST: usize = 100;

/// What is to be followed: one of the three.
pub struct Subject {
    pub agency: Option<OrganisationId>,
    pub unit: Option<UnitId>,
    pub category: Option<String>,
}

/// Begins to follow.
///
/// # Errors
/// `required` unless exactly one thing is named, `unknown_reference` for one that is not there,
/// `too_many_follows`.
pub async fn follow(tx: &mut Tx, ctx: &Ctx, subject: Subject) -> Result<Follow, Error> {
    let user = ctx.actor()?.user;
    let named = [
        subject.agency.map(|_| "#/agency_id"),
        subject.unit.map(|_| "#/unit_id"),
        subject.category.as_ref().map(|_| "#/category_code"),
    ];
    let [place] = named.into_iter().flatten().collect::<Vec<_>>()[..] else {
        return Err(Refusal::rules(vec![Fault::at("#", Code::OneOfRequired)]).into());
    };
    let row = Follow {
        id: new_id(),
        realm: tx.realm(),
        user_id: user,
        agency_id: subject.agency,
        unit_id: subject.unit,
        category_code: subject.category,
        begun_at: tx.now().await?,
    };
    if !store::can_be_followed(tx.conn(), &row).await? {
        return Err(Refusal::rules(vec![Fault::at(place, Code::UnknownReference)]).into());
    }
    let followed = store::follows_of(tx.conn(), row.realm, user).await?;
    let same = |known: &&Follow| {
        (known.agency_id, known.unit_id, &known.category_code)
            == (row.agency_id, row.unit_id, &row.category_code)
    };
    if let Some(known) = followed.iter().find(same) {
        return Ok(known.clone());
    }
    if followed.len() >= FOLLOWED_AT_MOST {
        return Err(refuse(Code::TooManyFollows));
    }
    let follow = store::insert_follow(tx, &row).await?;
    record(tx, ctx, "follow.begun", &follow).await?;
    Ok(follow)
}

/// Ends it.
pub async fn unfollow(tx: &mut Tx, ctx: &Ctx, id: FollowId) -> Result<(), Error> {
    let user = ctx.actor()?.user;
    let realm = tx.realm();
    let follows = store::follows_of(tx.conn(), realm, user).await?;
    let follow = follows.into_iter().find(|follow| follow.id == id).ok_or_else(|| refuse(Code::NotFound))?;
    // It has but one version: it is followed or not.
    ctx.expect_version(1)?;
    store::delete_follow(tx, user, id).await?;
    record(tx, ctx, "follow.ended", &follow).await
}

async fn record(tx: &mut Tx, ctx: &Ctx, kind: &str, follow: &Follow) -> Result<(), Error> {
    let after = json!({ "id": follow.id, "agency_id": follow.agency_id, "unit_id": follow.unit_id,
        "category_code": follow.category_code });
    let fact = Fact { kind, subject: follow.id.0, before: None, after, reason: None, notices: Vec::new() };
    trail::record(tx, ctx, fact).await
}
