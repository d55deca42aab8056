//! Who decides and who did: approvals, reassignments, hands.
use super::super::model::Duty;
use super::rules::{live_order, live_request};
use crate::kernel::{Code, Error, MembershipId, PackageId, RequestId, UserId, VendorId};
use crate::platform::db::{Conn, OnConstraint, Tx, sql};
use crate::platform::new_id;
use crate::schema::{approvals, reassignments, requests};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = approvals, check_for_backend(diesel::pg::Pg))]
pub struct Approval {
    pub id: uuid::Uuid,
    pub request_id: RequestId,
    pub content_hash: Vec<u8>,
    pub step: i32,
    pub role: String,
    pub membership_id: MembershipId,
    pub user_id: UserId,
    pub approved_at: DateTime<Utc>,
}

pub async fn approvals(conn: &mut Conn, request: RequestId, hash: &[u8]) -> Result<Vec<Approval>, Error> {
    Ok(approvals::table
        .filter(approvals::request_id.eq(request).and(approvals::content_hash.eq(hash)))
        .select(Approval::as_select())
        .order(approvals::step)
        .load(conn)
        .await?)
}

pub async fn insert_approval(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
    diesel::insert_into(approvals::table)
        .values(approval)
        .execute(tx.conn())
        .await
        .on_constraint("approvals_person_key", Code::PairSamePerson)?;
    Ok(())
}

pub async fn insert_reassignment(
    tx: &mut Tx,
    request: RequestId,
    duty: Duty,
    from: Option<MembershipId>,
    to: MembershipId,
    letter: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(reassignments::table)
        .values((
            reassignments::id.eq(new_id::<uuid::Uuid>()),
            reassignments::request_id.eq(request),
            reassignments::duty.eq(duty.as_str()),
            reassignments::from_membership_id.eq(from),
            reassignments::to_membership_id.eq(to),
            reassignments::letter_number.eq(letter),
            reassignments::reassigned_at.eq(at),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Lets one transaction at a time give out duties on a package; taken right after the request's lock.
pub async fn lock_duties(tx: &mut Tx, package: PackageId) -> Result<(), Error> {
    sql("SELECT pg_advisory_xact_lock(7305228, hashtext($1::text))")
        .bind::<SqlUuid, _>(package)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a person has a duty on a live request of a package, the one named left out: the one in
/// charge of it, or the commitment officer who is named for it; and whoever acted in the duty, as a
/// deputy too.
pub async fn has_duty_on_package(
    conn: &mut Conn,
    package: PackageId,
    except: RequestId,
    user: UserId,
    duty: Duty,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let whose = match duty {
        Duty::ProcurementOfficer => {
            "(EXISTS (SELECT FROM memberships m WHERE m.id = r.officer_id AND m.user_id = $3)
              OR EXISTS (SELECT FROM request_hands h WHERE h.request_id = r.id AND h.duty = 'procurement_officer' AND h.user_id = $3))"
        }
        Duty::CommitmentOfficer => {
            "(EXISTS (SELECT FROM memberships m WHERE m.id = r.commitment_officer_id AND m.user_id = $3)
              OR EXISTS (SELECT FROM request_hands h WHERE h.request_id = r.id AND h.duty = 'commitment_officer' AND h.user_id = $3))"
        }
    };
    let (live, under_way) = (live_order("$4"), live_request("$4"));
    let row: Found = sql(format!(
        "SELECT EXISTS (SELECT FROM requests r WHERE r.package_id = $1 AND r.id <> $2
           AND ({under_way} OR r.status = 'recorded'
             OR EXISTS (SELECT FROM orders o WHERE o.request_id = r.id AND {live})) AND {whose}) AS found"
    ))
    .bind::<SqlUuid, _>(package)
    .bind::<SqlUuid, _>(except)
    .bind::<SqlUuid, _>(user)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// Remembers that a person acted on a request in a duty.
pub async fn note_hand(tx: &mut Tx, request: RequestId, duty: Duty, user: UserId) -> Result<(), Error> {
    sql("INSERT INTO request_hands (request_id, duty, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind::<SqlUuid, _>(request)
        .bind::<Text, _>(duty)
        .bind::<SqlUuid, _>(user)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Who acted on a request in a duty so far.
pub async fn hands(conn: &mut Conn, request: RequestId, duty: Duty) -> Result<Vec<UserId>, Error> {
    use crate::schema::request_hands;
    Ok(request_hands::table
        .filter(request_hands::request_id.eq(request).and(request_hands::duty.eq(duty)))
        .select(request_hands::user_id)
        .load(conn)
        .await?)
}

pub async fn had_hand(conn: &mut Conn, request: RequestId, duty: Duty, user: UserId) -> Result<bool, Error> {
    Ok(hands(conn, request, duty).await?.contains(&user))
}

/// Whether a person buys for a request: is in charge of it, or acted in that officer's place.
pub async fn buys(conn: &mut Conn, request: RequestId, user: UserId) -> Result<bool, Error> {
    let officer = officer_of(conn, request).await?;
    Ok(user_of(conn, officer).await? == user
        || had_hand(conn, request, Duty::ProcurementOfficer, user).await?)
}

/// Whether a person is a member of one of the vendors.
pub async fn any_member_of(conn: &mut Conn, user: UserId, vendors: &[VendorId]) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let row: Found = sql(
        "SELECT EXISTS (SELECT FROM memberships WHERE user_id = $1 AND organisation_id = ANY($2) AND ended_at IS NULL) AS found",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Array<SqlUuid>, _>(vendors)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// Whether somebody of a vendor acts for the office on a request: in charge of it, named for it, or with a
/// hand in it.
pub async fn officers_among(conn: &mut Conn, request: RequestId, vendor: VendorId) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let row: Found = sql("SELECT EXISTS (SELECT FROM memberships v WHERE v.organisation_id = $2 AND v.ended_at IS NULL AND v.user_id IN (
            SELECT m.user_id FROM requests r JOIN memberships m ON m.id IN (r.officer_id, r.commitment_officer_id) WHERE r.id = $1
            UNION SELECT h.user_id FROM request_hands h WHERE h.request_id = $1)) AS found")
    .bind::<SqlUuid, _>(request)
    .bind::<SqlUuid, _>(vendor)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// The person behind a membership.
pub async fn user_of(conn: &mut Conn, membership: MembershipId) -> Result<UserId, Error> {
    use crate::schema::memberships;
    Ok(memberships::table.find(membership).select(memberships::user_id).first(conn).await?)
}

/// The membership in charge of a request.
pub async fn officer_of(conn: &mut Conn, request: RequestId) -> Result<MembershipId, Error> {
    Ok(requests::table.find(request).select(requests::officer_id).first(conn).await?)
}

/// The commitment officer who was named for a request.
pub async fn commitment_officer_of(
    conn: &mut Conn,
    request: RequestId,
) -> Result<Option<MembershipId>, Error> {
    Ok(requests::table.find(request).select(requests::commitment_officer_id).first(conn).await?)
}
