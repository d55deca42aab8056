//! Looks behind the scenes: whether everything adds up, and whether the database says what the model says.
use super::world::{What, World};
use crate::support::TestApp;
use std::collections::BTreeMap;

/// Rows where something does not add up, over the whole database.
const WRONG: &str = "
WITH goods_held AS (SELECT product_id, sum(quantity) AS held FROM stock_reservations
        WHERE released_at IS NULL AND day IS NULL GROUP BY product_id),
    money AS (SELECT package_id, budget_line_id, order_id, request_id, amount, stage, lapses_at
        FROM budget_reservations WHERE released_at IS NULL)
SELECT 'stock', s.product_id::text FROM stock s LEFT JOIN goods_held h USING (product_id)
    WHERE s.reserved <> coalesce(h.held, 0) OR s.reserved < 0 OR s.reserved > s.on_hand
UNION ALL SELECT 'package', p.id::text FROM packages p LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE stage = 'reserved'), 0) AS reserved,
            coalesce(sum(amount) FILTER (WHERE stage = 'committed'), 0) AS committed
        FROM money WHERE package_id = p.id) m ON true
    WHERE p.reserved <> m.reserved OR p.committed <> m.committed OR p.reserved + p.committed > p.ceiling
UNION ALL SELECT 'budget line', b.id::text FROM budget_lines b LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE stage = 'reserved'), 0) AS reserved,
            coalesce(sum(amount) FILTER (WHERE stage = 'committed'), 0) AS committed
        FROM money WHERE budget_line_id = b.id) m ON true
    WHERE b.reserved <> m.reserved OR b.committed <> m.committed OR b.reserved + b.committed > b.ceiling
UNION ALL SELECT 'order total', o.id::text FROM orders o JOIN vendors v ON v.id = o.vendor_id JOIN LATERAL (
        SELECT sum(goods_amount) AS goods, sum(vat_amount) AS vat FROM order_lines WHERE order_id = o.id) l ON true
    WHERE o.goods_total <> l.goods OR o.gross_total <> o.goods_total + o.shipping_fee + o.vat_total
       OR o.vat_total <> l.vat + CASE WHEN v.vat_registered THEN round(o.shipping_fee * 0.11) ELSE 0 END
UNION ALL SELECT 'request total', r.id::text FROM requests r
    WHERE r.gross_total <> r.goods_total + r.shipping_fee + r.vat_total
UNION ALL SELECT 'order money', o.id::text FROM orders o LEFT JOIN LATERAL (
        SELECT sum(amount) AS held, bool_or(lapses_at IS NOT NULL) AS lapses FROM money WHERE order_id = o.id) m ON true
    WHERE CASE o.status WHEN 'accepted' THEN m.held IS DISTINCT FROM o.gross_total OR m.lapses
        WHEN 'issued' THEN m.held <> o.gross_total OR NOT m.lapses
        WHEN 'change_proposed' THEN m.held <> o.gross_total OR NOT m.lapses
        ELSE m.held IS NOT NULL END
UNION ALL SELECT 'request money', r.id::text FROM requests r LEFT JOIN LATERAL (
        SELECT sum(amount) AS held FROM money WHERE request_id = r.id AND order_id IS NULL) m ON true
    WHERE CASE WHEN r.status = 'awarded' THEN m.held IS NULL
        WHEN r.status IN ('pending_approval', 'negotiating', 'agreed') THEN m.held <> r.gross_total
        ELSE m.held IS NOT NULL END
UNION ALL SELECT 'order goods', s.order_id::text FROM stock_reservations s JOIN orders o ON o.id = s.order_id
    WHERE s.released_at IS NULL AND (o.status IN ('declined', 'cancelled', 'expired')
       OR (o.status = 'accepted') <> (s.lapses_at IS NULL))
UNION ALL SELECT 'request goods', s.request_id::text FROM stock_reservations s JOIN requests r ON r.id = s.request_id
    WHERE s.released_at IS NULL AND s.order_id IS NULL AND r.status NOT IN ('pending_approval', 'negotiating', 'agreed', 'awarded')";

/// # Panics
/// Where something does not add up.
pub async fn audit(app: &TestApp) {
    let wrong = app.sql(WRONG).await;
    assert!(wrong.is_empty(), "these do not add up: {wrong:?}");
}

/// What a world has come to, as the database would say it.
fn expected(world: &World, package: &str) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for request in &world.requests {
        lines.insert(
            format!("request {}", request.id),
            format!("{} {}", request.status.word(), request.gross),
        );
    }
    for order in &world.orders {
        lines
            .insert(format!("order {}", order.id), format!("{} {}", order.status.word(), order.part.gross()));
    }
    for (place, good) in world.goods.iter().enumerate() {
        if let Some(on_hand) = good.on_hand {
            lines.insert(
                format!("stock {}", good.id),
                format!("{} {}", on_hand + good.sold, world.held(What::Good(place)) + good.sold),
            );
        }
    }
    let (reserved, committed) = world.money();
    lines.insert(format!("package {package}"), format!("{reserved} {committed}"));
    lines.insert(format!("line of {package}"), format!("{reserved} {committed}"));
    lines
}

/// Where the database says something else than the worlds of some packages do; empty: nowhere.
pub async fn differences(app: &TestApp, worlds: &[(&World, &str)]) -> Vec<String> {
    let names = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
        names.join(",")
    };
    let packages = names(&mut worlds.iter().map(|(_, package)| *package));
    let goods =
        names(&mut worlds.iter().flat_map(|(world, _)| world.goods.iter().map(|good| good.id.as_str())));
    let found = app
        .sql(&format!(
            "SELECT 'request ' || id, status || ' ' || gross_total::bigint FROM requests WHERE package_id IN ({packages})
             UNION ALL SELECT 'order ' || o.id, o.status || ' ' || o.gross_total::bigint
                FROM orders o JOIN requests r ON r.id = o.request_id WHERE r.package_id IN ({packages})
             UNION ALL SELECT 'stock ' || product_id, on_hand::bigint || ' ' || reserved::bigint FROM stock WHERE product_id IN ({goods})
             UNION ALL SELECT 'package ' || id, reserved::bigint || ' ' || committed::bigint FROM packages WHERE id IN ({packages})
             UNION ALL SELECT 'line of ' || package_id, reserved::bigint || ' ' || committed::bigint
                FROM budget_lines WHERE package_id IN ({packages})"
        ))
        .await;
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    let found: BTreeMap<String, String> = found.iter().map(|row| (text(&row[0]), text(&row[1]))).collect();
    let expected: BTreeMap<String, String> =
        worlds.iter().flat_map(|(world, package)| expected(world, package)).collect();
    let mut told = Vec::new();
    for (name, known) in &expected {
        match found.get(name) {
            Some(same) if same == known => {}
            other => told.push(format!("{name}: {known} expected, {other:?} found")),
        }
    }
    told.extend(
        found.keys().filter(|name| !expected.contains_key(*name)).map(|name| format!("{name}: unexpected")),
    );
    told
}
