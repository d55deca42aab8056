//! What the rules ask of other requests and orders.
use crate::kernel::{Amount, Error, OrganisationId, PackageId, RequestId, UnitId};
use crate::platform::db::{Conn, Tx, sql};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

/// Whether a request `r` is under way before any order, by the clock that is bound at a place.
pub(super) fn live_request(now: &str) -> String {
    format!(
        "(r.status = 'approved' OR (r.status = 'pending_approval' AND r.approval_due_at > {now})
          OR (r.status IN ('negotiating', 'agreed') AND r.negotiation_due_at > {now})
          OR r.status IN ('open', 'evaluating', 'awarded'))"
    )
}

/// Whether an order `o` has not fallen through, by the clock that is bound at a place.
pub(super) fn live_order(now: &str) -> String {
    format!(
        "(o.status = 'accepted' OR (o.status IN ('issued', 'change_proposed') AND o.answer_due_at > {now}))"
    )
}

/// Whether an order `o` says something of its request: not once a later award took the place of one that was
/// passed over.
pub(super) const COUNTED: &str = "(o.passed_over_at IS NULL
    OR NOT EXISTS (SELECT FROM orders n WHERE n.request_id = o.request_id AND n.award > o.award))";

/// What live requests on a package come to, with VAT or without, the one named left out; lapsed
/// ones do not count.
pub async fn on_package(
    conn: &mut Conn,
    package: PackageId,
    except: RequestId,
    with_vat: bool,
    now: DateTime<Utc>,
) -> Result<Amount, Error> {
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = Numeric)]
        total: Amount,
    }
    let (live, under_way) = (live_order("$3"), live_request("$3"));
    let sum: Sum = sql(format!(
        "SELECT coalesce(sum(CASE WHEN r.status IN ('pending_approval', 'negotiating', 'agreed', 'awarded', 'recorded')
                THEN r.gross_total - CASE WHEN $4 THEN 0 ELSE r.vat_total END ELSE (
                SELECT coalesce(sum(o.gross_total - CASE WHEN $4 THEN 0 ELSE o.vat_total END), 0)
                FROM orders o WHERE o.request_id = r.id AND {live}) END), 0) AS total
         FROM requests r WHERE r.package_id = $1 AND r.id <> $2
           AND (r.status IN ('ordered', 'partially_ordered', 'recorded') OR {under_way})"
    ))
    .bind::<SqlUuid, _>(package)
    .bind::<SqlUuid, _>(except)
    .bind::<Timestamptz, _>(now)
    .bind::<Bool, _>(with_vat)
    .get_result(conn)
    .await?;
    Ok(sum.total)
}

/// Whether the unit lately bought like goods on another package; what fell through was not bought.
pub async fn bought_lately(
    conn: &mut Conn,
    unit: UnitId,
    package: PackageId,
    kbki_prefixes: &[String],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let (live, under_way) = (live_order("$5"), live_request("$5"));
    let row: Found = sql(format!("SELECT EXISTS (SELECT FROM requests r JOIN request_lines l ON l.request_id = r.id
            WHERE r.unit_id = $1 AND r.package_id <> $2 AND r.submitted_at >= $4
              AND ({under_way}
                OR (r.status IN ('ordered', 'partially_ordered') AND EXISTS (SELECT FROM orders o
                    JOIN order_lines ol ON ol.order_id = o.id WHERE o.request_id = r.id AND ol.request_line_id = l.id
                      AND {live})))
              AND left(l.snapshot ->> 'kbki_code', 5) = ANY($3)) AS found"))
    .bind::<SqlUuid, _>(unit)
    .bind::<SqlUuid, _>(package)
    .bind::<Array<Text>, _>(kbki_prefixes)
    .bind::<Timestamptz, _>(since)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok(row.found)
}

/// How many orders a request has that count, and how many of them ended without delivery.
pub async fn order_counts(
    conn: &mut Conn,
    request: RequestId,
    now: DateTime<Utc>,
) -> Result<(usize, usize), Error> {
    #[derive(QueryableByName)]
    struct Counts {
        #[diesel(sql_type = BigInt)]
        orders: i64,
        #[diesel(sql_type = BigInt)]
        ended_badly: i64,
    }
    let counts: Counts = sql(format!(
        "SELECT count(*) AS orders, count(*) FILTER (WHERE status IN ('declined', 'expired', 'cancelled')
            OR (status IN ('issued', 'change_proposed') AND answer_due_at <= $2)) AS ended_badly
         FROM orders o WHERE o.request_id = $1 AND {COUNTED}"
    ))
    .bind::<SqlUuid, _>(request)
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await?;
    Ok((
        usize::try_from(counts.orders).unwrap_or_default(),
        usize::try_from(counts.ended_badly).unwrap_or_default(),
    ))
}

/// The next number of a kind in a unit and year; locked last, never given twice.
pub async fn next_number(
    tx: &mut Tx,
    agency: OrganisationId,
    unit: UnitId,
    kind: &str,
    year: i32,
) -> Result<i32, Error> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = Integer)]
        last_number: i32,
    }
    let realm = tx.realm();
    let number: Number = sql(
        "INSERT INTO number_counters AS c (realm, agency_id, unit_id, kind, fiscal_year, last_number) VALUES ($1, $2, $3, $4, $5, 1)
         ON CONFLICT (realm, agency_id, unit_id, kind, fiscal_year) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number",
    )
    .bind::<Text, _>(realm)
    .bind::<SqlUuid, _>(agency)
    .bind::<SqlUuid, _>(unit)
    .bind::<Text, _>(kind)
    .bind::<Integer, _>(year)
    .get_result(tx.conn())
    .await?;
    Ok(number.last_number)
}
