//! Who wants to hear of which requests for quotes.
use crate::kernel::{
    Code, Error, FollowId, OrganisationId, Realm, RequestId, UnitId, UserId, VendorId, refuse,
};
use crate::platform::db::{Conn, Tx, sql};
use crate::schema::follows;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = follows, check_for_backend(diesel::pg::Pg))]
pub struct Follow {
    pub id: FollowId,
    pub realm: Realm,
    pub user_id: UserId,
    pub agency_id: Option<OrganisationId>,
    pub unit_id: Option<UnitId>,
    pub category_code: Option<String>,
    pub begun_at: DateTime<Utc>,
}

/// Begins to follow; one that is followed already stays as it is. Answers the one that stands.
pub async fn insert_follow(tx: &mut Tx, row: &Follow) -> Result<Follow, Error> {
    diesel::insert_into(follows::table).values(row).on_conflict_do_nothing().execute(tx.conn()).await?;
    follows::table
        .filter(follows::user_id.eq(row.user_id).and(follows::realm.eq(row.realm)))
        .filter(follows::agency_id.is_not_distinct_from(row.agency_id))
        .filter(follows::unit_id.is_not_distinct_from(row.unit_id))
        .filter(follows::category_code.is_not_distinct_from(row.category_code.clone()))
        .select(Follow::as_select())
        .first(tx.conn())
        .await
        .map_err(Error::from)
}

/// Everything that a person follows in a realm, in the order in which it began.
pub async fn follows_of(conn: &mut Conn, realm: Realm, user: UserId) -> Result<Vec<Follow>, Error> {
    Ok(follows::table
        .filter(follows::user_id.eq(user).and(follows::realm.eq(realm)))
        .select(Follow::as_select())
        .order(follows::id)
        .load(conn)
        .await?)
}

/// Ends what the person itself follows; another's is not there.
pub async fn delete_follow(tx: &mut Tx, user: UserId, id: FollowId) -> Result<(), Error> {
    let realm = tx.realm();
    let own = follows::table
        .filter(follows::id.eq(id).and(follows::user_id.eq(user)).and(follows::realm.eq(realm)));
    let deleted = diesel::delete(own).execute(tx.conn()).await?;
    if deleted == 1 { Ok(()) } else { Err(refuse(Code::NotFound)) }
}

/// Whether what is to be followed is there in the realm.
pub async fn can_be_followed(conn: &mut Conn, row: &Follow) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let found: Found = sql("SELECT EXISTS (SELECT FROM organisations WHERE id = $1 AND realm = $4 AND kind = 'agency')
            OR EXISTS (SELECT FROM work_units u JOIN organisations o ON o.id = u.agency_id WHERE u.id = $2 AND o.realm = $4)
            OR EXISTS (SELECT FROM categories WHERE code = $3) AS found")
    .bind::<Nullable<SqlUuid>, _>(row.agency_id)
    .bind::<Nullable<SqlUuid>, _>(row.unit_id)
    .bind::<Nullable<Text>, _>(row.category_code.clone())
    .bind::<Text, _>(row.realm)
    .get_result(conn)
    .await?;
    Ok(found.found)
}

/// People who follow the office or a category of a request, those of the named vendors left out: they are
/// told already.
pub async fn followers(
    conn: &mut Conn,
    request: RequestId,
    told: &[VendorId],
    limit: i64,
) -> Result<Vec<UserId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        user_id: UserId,
    }
    let rows: Vec<Id> = sql("SELECT DISTINCT f.user_id FROM requests r JOIN follows f ON f.realm = r.realm
            AND (f.agency_id = r.agency_id OR f.unit_id = r.unit_id OR f.category_code IN (
                SELECT left(l.category_code, n) FROM quotation_lines l, unnest(ARRAY[2, 5, 8]) AS n WHERE l.request_id = r.id))
         WHERE r.id = $1 AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = f.user_id AND m.ended_at IS NULL
            AND m.organisation_id = ANY($2))
         ORDER BY f.user_id LIMIT $3")
    .bind::<SqlUuid, _>(request)
    .bind::<Array<SqlUuid>, _>(told)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.user_id).collect())
}
