//! What waits for whom: a vendor's requests, an office's requests.
use super::super::model::Side;
use super::super::sealed::QuoteStatus;
use crate::kernel::{
    Error, MembershipId, Method, OrganisationId, QuoteId, Realm, RequestId, UnitId, VendorId,
};
use crate::platform::db::{Conn, sql};
use crate::requests::{RequestStatus, Sight};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// A request that a vendor may answer now, and how it fits.
#[derive(QueryableByName)]
pub struct VendorItem {
    #[diesel(sql_type = SqlUuid)]
    pub id: RequestId,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = SqlUuid)]
    pub agency_id: OrganisationId,
    #[diesel(sql_type = Text)]
    pub agency_name: String,
    #[diesel(sql_type = Text)]
    pub method: Method,
    #[diesel(sql_type = Timestamptz)]
    pub since: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub due: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    pub invited: bool,
    /// Who made the latest proposal of a negotiation; none: nobody yet.
    #[diesel(sql_type = Nullable<Text>)]
    pub last_proposed_by: Option<Side>,
    #[diesel(sql_type = Bool)]
    pub serves_region: bool,
    #[diesel(sql_type = Bool)]
    pub sells_category: bool,
    #[diesel(sql_type = Bool)]
    pub kbli_fits: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub quote_id: Option<QuoteId>,
    #[diesel(sql_type = Nullable<Text>)]
    pub quote_status: Option<QuoteStatus>,
    #[diesel(sql_type = Bool)]
    pub unconfirmed: bool,
}

/// Open negotiations of a vendor, and the open quotations that it may answer, the nearest end first.
pub async fn vendor_inbox(
    conn: &mut Conn,
    vendor: VendorId,
    realm: Realm,
    now: DateTime<Utc>,
    after: Option<(DateTime<Utc>, RequestId)>,
    limit: i64,
) -> Result<Vec<VendorItem>, Error> {
    let (due, id) = after.unwrap_or((now, RequestId(Uuid::nil())));
    Ok(sql("WITH mine AS (
            SELECT r.id, n.last_activity_at AS since, r.negotiation_due_at AS due, true AS invited, n.id AS negotiation_id
            FROM negotiations n JOIN requests r ON r.id = n.request_id AND r.attempt = n.attempt
            WHERE n.vendor_id = $1 AND n.status = 'open' AND r.status = 'negotiating' AND r.negotiation_due_at > $3
            UNION ALL
            SELECT r.id, q.opened_for_quotes_at, r.quote_deadline, i.vendor_id IS NOT NULL, NULL
            FROM requests r JOIN quotations q ON q.request_id = r.id
            LEFT JOIN quotation_invitations i ON i.request_id = r.id AND i.vendor_id = $1
            WHERE r.realm = $2 AND r.status = 'open' AND r.quote_deadline > $3
              AND (q.invitation = 'open' OR i.vendor_id IS NOT NULL)),
         page AS (SELECT * FROM mine WHERE (due, id) > ($4, $5) ORDER BY due, id LIMIT $6)
         SELECT p.id, r.title, r.agency_id, o.name AS agency_name, r.method, p.since, p.due, p.invited,
            (SELECT w.proposed_by FROM negotiation_rounds w WHERE w.negotiation_id = p.negotiation_id
             ORDER BY w.number DESC LIMIT 1) AS last_proposed_by,
            NOT EXISTS (SELECT FROM quotation_slots s JOIN quotation_lines l ON l.id = s.line_id AND l.request_id = p.id
                WHERE NOT vendor_serves($1, s.region_code)) AS serves_region,
            r.method <> 'quotation' OR EXISTS (SELECT FROM quotation_lines l JOIN products d
                ON d.category_code = l.category_code AND d.vendor_id = $1 AND d.status = 'published'
                WHERE l.request_id = p.id) AS sells_category,
            NOT EXISTS (SELECT FROM quotation_lines l JOIN categories c ON c.code = l.category_code
                JOIN vendors v ON v.id = $1
                WHERE l.request_id = p.id AND cardinality(c.kbli_prefixes) > 0
                  AND NOT EXISTS (SELECT FROM unnest(v.kbli_codes) AS held, unnest(c.kbli_prefixes) AS asked
                    WHERE starts_with(held, asked))) AS kbli_fits,
            t.id AS quote_id, t.status AS quote_status,
            coalesce(t.status = 'submitted' AND t.confirmed_addenda < q.addenda, false) AS unconfirmed
         FROM page p JOIN requests r ON r.id = p.id JOIN organisations o ON o.id = r.agency_id
         LEFT JOIN quotations q ON q.request_id = p.id LEFT JOIN quotes t ON t.request_id = p.id AND t.vendor_id = $1
         ORDER BY p.due, p.id")
    .bind::<SqlUuid, _>(vendor)
    .bind::<Text, _>(realm)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(due)
    .bind::<SqlUuid, _>(id)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?)
}

/// A request of an office on which somebody is to act.
#[derive(QueryableByName)]
pub struct OfficeItem {
    #[diesel(sql_type = SqlUuid)]
    pub id: RequestId,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = SqlUuid)]
    pub unit_id: UnitId,
    #[diesel(sql_type = Text)]
    pub method: Method,
    #[diesel(sql_type = Text)]
    pub status: RequestStatus,
    #[diesel(sql_type = SqlUuid)]
    pub officer_id: MembershipId,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub commitment_officer_id: Option<MembershipId>,
    #[diesel(sql_type = Timestamptz)]
    pub since: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    pub waits_for: String,
}

/// Requests in sight that wait for somebody, the newest first. The status is by the clock; one whose clock
/// has run out waits for nobody.
pub async fn office_inbox(
    conn: &mut Conn,
    sight: &Sight,
    now: DateTime<Utc>,
    after: Option<RequestId>,
    limit: i64,
) -> Result<Vec<OfficeItem>, Error> {
    // Declined, or silent: somebody else may be asked in its place.
    let fallen = "((o.status IN ('declined', 'expired') OR (o.status IN ('issued', 'change_proposed') AND o.answer_due_at <= $4))
        AND o.passed_over_at IS NULL AND o.replaced_by_request_id IS NULL)";
    Ok(sql(format!("SELECT r.id, r.title, r.unit_id, r.method,
            CASE WHEN r.status = 'open' AND r.quote_deadline <= $4 THEN 'quotes_closed' ELSE r.status END AS status,
            r.officer_id, r.commitment_officer_id, coalesce(w.since, r.updated_at) AS since, w.due, w.waits_for
         FROM requests r LEFT JOIN quotations q ON q.request_id = r.id
         CROSS JOIN LATERAL (SELECT
            CASE
                WHEN r.status IN ('draft', 'returned', 'withdrawn', 'approved', 'agreed') THEN 'procurement_officer'
                WHEN r.status = 'pending_approval' THEN 'approver'
                WHEN r.status = 'negotiating' THEN coalesce((SELECT CASE d.proposed_by WHEN 'vendor' THEN 'procurement_officer' ELSE 'vendor' END
                    FROM negotiations n JOIN negotiation_rounds d ON d.negotiation_id = n.id
                    WHERE n.request_id = r.id AND n.attempt = r.attempt AND n.status = 'open' ORDER BY d.proposed_at DESC LIMIT 1), 'vendor')
                WHEN r.status = 'open' AND r.quote_deadline > $4 THEN 'vendor'
                WHEN r.status = 'open' THEN 'opening'
                WHEN r.status = 'evaluating' AND q.evaluated_at IS NULL THEN 'procurement_officer'
                WHEN r.status = 'evaluating' THEN 'commitment_officer'
                WHEN r.status = 'awarded' AND EXISTS (SELECT FROM objections b WHERE b.request_id = r.id AND b.decided_at IS NULL
                    AND b.evaluation_id = (SELECT e.id FROM evaluations e WHERE e.request_id = r.id ORDER BY e.number DESC LIMIT 1))
                    THEN 'commitment_officer'
                WHEN r.status = 'awarded' THEN 'objections'
                WHEN EXISTS (SELECT FROM orders o WHERE o.request_id = r.id AND o.status = 'change_proposed' AND o.answer_due_at > $4)
                    THEN 'commitment_officer'
                WHEN EXISTS (SELECT FROM orders o WHERE o.request_id = r.id AND {fallen}) THEN 'procurement_officer'
                ELSE 'vendor' END AS waits_for,
            CASE r.status WHEN 'pending_approval' THEN r.submitted_at WHEN 'open' THEN q.opened_for_quotes_at
                WHEN 'evaluating' THEN coalesce(q.evaluated_at, q.opened_at) END AS since,
            CASE WHEN r.status = 'pending_approval' THEN r.approval_due_at
                WHEN r.status IN ('negotiating', 'agreed') THEN r.negotiation_due_at
                WHEN r.status = 'open' THEN r.quote_deadline WHEN r.status = 'awarded' THEN r.objections_until
                WHEN r.status IN ('ordered', 'partially_ordered') THEN (SELECT min(o.answer_due_at) FROM orders o
                    WHERE o.request_id = r.id AND o.status IN ('issued', 'change_proposed') AND o.answer_due_at > $4) END AS due) AS w
         WHERE r.agency_id = $1 AND (cardinality($2::uuid[]) = 0 OR r.unit_id = ANY($2)) AND r.id < $3
           AND (r.status IN ('draft', 'returned', 'withdrawn', 'approved', 'open', 'evaluating', 'awarded')
             OR (r.status = 'pending_approval' AND r.approval_due_at > $4)
             OR (r.status IN ('negotiating', 'agreed') AND r.negotiation_due_at > $4)
             OR (r.status IN ('ordered', 'partially_ordered') AND EXISTS (SELECT FROM orders o WHERE o.request_id = r.id
                 AND ((o.status IN ('issued', 'change_proposed') AND o.answer_due_at > $4) OR {fallen}))))
         ORDER BY r.id DESC LIMIT $5"))
    .bind::<SqlUuid, _>(sight.agency)
    .bind::<Array<SqlUuid>, _>(sight.units.clone())
    .bind::<SqlUuid, _>(after.unwrap_or(RequestId(Uuid::max())))
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?)
}
