//! What everyone sees: published products of vendors that may trade. A limited number of SQL shapes
//! (by words, order, page and category level), because each connection keeps the prepared form of each.
use super::super::model::Origin;
use super::products::{PhotoRow, photo};
use crate::kernel::{Amount, Code, Error, PhotoId, ProductId, Realm, VendorId, refuse};
use crate::platform::db::{Conn, sql};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rust_decimal::Decimal;

/// A vendor's row lets its products be seen now, by the clock of the realm `$1`. The clock is asked
/// once, and only where a suspension may have ended.
const OPEN: &str = "(v.status = 'verified' OR (v.status = 'suspended' AND v.suspended_until <=
    (SELECT clock_timestamp() + make_interval(secs => clock_offset_seconds) FROM realms WHERE realm = $1)))";

/// How a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    Relevance,
    Price,
    Newest,
}

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One text for each word: alternatives joined by `|`.
    pub words: Vec<String>,
    /// A category of any level.
    pub category_code: Option<String>,
    /// A place that the vendor must serve.
    pub region_code: Option<String>,
    pub minimum_price: Option<Amount>,
    pub maximum_price: Option<Amount>,
    pub origin: Option<Origin>,
}

/// A product in a list.
#[derive(QueryableByName, Clone, Debug)]
pub struct Hit {
    #[diesel(sql_type = SqlUuid)]
    pub id: ProductId,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Numeric)]
    pub price: Amount,
    #[diesel(sql_type = Text)]
    pub price_basis: String,
    #[diesel(sql_type = Text)]
    pub unit: String,
    #[diesel(sql_type = Text)]
    pub category_code: String,
    #[diesel(sql_type = Text)]
    pub origin: Origin,
    #[diesel(sql_type = SqlUuid)]
    pub vendor_id: VendorId,
    #[diesel(sql_type = Text)]
    pub vendor_name: String,
    #[diesel(sql_type = Text)]
    pub region_code: String,
    #[diesel(sql_type = Timestamptz)]
    pub published_at: DateTime<Utc>,
    #[diesel(sql_type = Double)]
    pub score: f64,
}

/// Where the page before ended.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct After {
    pub price: Amount,
    pub published_at: DateTime<Utc>,
    pub score: f64,
    pub id: ProductId,
}

/// Published products. Relevance looks at the best 2,000 matches.
pub async fn search(
    conn: &mut Conn,
    realm: Realm,
    filter: &Filter,
    sort: Sort,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<Hit>, Error> {
    let words: Vec<&str> = filter.words.iter().map(String::as_str).take(WORDS).collect();
    let word = |place: usize| words.get(place).copied();
    Ok(sql(shape(words.len(), filter, sort, after.is_some()))
        .bind::<Text, _>(realm)
        .bind::<BigInt, _>(limit)
        .bind::<Nullable<Text>, _>(&filter.category_code)
        .bind::<Nullable<Text>, _>(&filter.region_code)
        .bind::<Nullable<Numeric>, _>(filter.minimum_price)
        .bind::<Nullable<Numeric>, _>(filter.maximum_price)
        .bind::<Nullable<Text>, _>(filter.origin)
        .bind::<Nullable<Numeric>, _>(after.map(|after| after.price))
        .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.published_at))
        .bind::<Nullable<Double>, _>(after.map(|after| after.score))
        .bind::<Nullable<SqlUuid>, _>(after.map(|after| after.id))
        .bind::<Nullable<Text>, _>(word(0))
        .bind::<Nullable<Text>, _>(word(1))
        .bind::<Nullable<Text>, _>(word(2))
        .bind::<Nullable<Text>, _>(word(3))
        .bind::<Nullable<Text>, _>(word(4))
        .load(conn)
        .await?)
}

const WORDS: usize = 5;

fn shape(words: usize, filter: &Filter, sort: Sort, continued: bool) -> String {
    let query: Vec<String> = (0..words)
        .map(|place| format!("(to_tsquery('indonesian', ${0}) || to_tsquery('simple', ${0}))", 12 + place))
        .collect();
    let query = query.join(" && ");
    // These three filters are of one shape whether given or not, which keeps the shapes few.
    let narrowing = "($5::numeric IS NULL OR p.price >= $5) AND ($6::numeric IS NULL OR p.price <= $6)
        AND ($7::text IS NULL OR p.origin = $7)";
    let mut conditions = vec![
        "p.realm = $1".to_owned(),
        "p.status = 'published'".to_owned(),
        OPEN.to_owned(),
        narrowing.to_owned(),
    ];
    if words > 0 {
        conditions.push(format!("p.search @@ ({query})"));
    }
    if let Some(code) = &filter.category_code {
        // Each level has its indexes, so that a list of any of them reads one page and no more.
        let level = match code.len() {
            2 => "left(p.category_code, 2)",
            5 => "left(p.category_code, 5)",
            _ => "p.category_code",
        };
        conditions.push(format!("{level} = $3"));
    }
    if filter.region_code.is_some() {
        conditions.push(
            "(EXISTS (SELECT FROM vendor_regions r WHERE r.vendor_id = v.id AND ($4 = r.region_code OR $4 LIKE r.region_code || '.%'))
              OR (NOT EXISTS (SELECT FROM vendor_regions r WHERE r.vendor_id = v.id) AND $4 LIKE left(v.region_code, 5) || '%'))"
                .into(),
        );
    }
    let (score, order, keyset) = match sort {
        Sort::Price => ("0::float8", "price, id", "(p.price, p.id) > ($8, $11)"),
        Sort::Newest => ("0::float8", "published_at DESC, id DESC", "(p.published_at, p.id) < ($9, $11)"),
        Sort::Relevance => ("RANK", "score DESC, id DESC", "true"),
    };
    if continued && sort != Sort::Relevance {
        conditions.push(keyset.into());
    }
    let columns = "p.id, p.name, p.price, p.price_basis, p.unit, p.category_code, p.origin, p.vendor_id, v.name AS vendor_name,
        p.region_code, p.published_at";
    let from = "products p JOIN vendors v ON v.id = p.vendor_id";
    let conditions = conditions.join(" AND ");
    if sort == Sort::Relevance {
        let rank = format!("ts_rank(p.search, {query})::float8");
        let more = if continued { "WHERE (score, id) < ($10, $11)" } else { "" };
        return format!(
            "WITH matches AS MATERIALIZED (SELECT {columns}, {rank} AS score FROM {from} WHERE {conditions} LIMIT 2000)
             SELECT * FROM matches {more} ORDER BY {order} LIMIT $2"
        );
    }
    format!(
        "SELECT {columns}, {score} AS score FROM {from} WHERE {conditions} ORDER BY {} LIMIT $2",
        qualified(order)
    )
}

fn qualified(order: &str) -> String {
    order.split(", ").map(|column| format!("p.{column}")).collect::<Vec<_>>().join(", ")
}

/// A published product's page: the document rendered when it changed, and what is read beside it.
#[derive(QueryableByName)]
pub struct Page {
    #[diesel(sql_type = Text)]
    pub document: String,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Text)]
    pub vendor_name: String,
    /// Of counted products.
    #[diesel(sql_type = Nullable<Numeric>)]
    pub on_hand: Option<Decimal>,
    #[diesel(sql_type = Nullable<Numeric>)]
    pub reserved: Option<Decimal>,
}

/// The page of a product that is public now.
pub async fn find_page(conn: &mut Conn, realm: Realm, id: ProductId) -> Result<Page, Error> {
    sql(format!(
        "SELECT d.document, d.version, v.name AS vendor_name, s.on_hand, s.reserved
         FROM product_documents d JOIN vendors v ON v.id = d.vendor_id
         LEFT JOIN stock s ON s.product_id = d.product_id AND d.counted
         WHERE d.product_id = $2 AND d.realm = $1 AND {OPEN}"
    ))
    .bind::<Text, _>(realm)
    .bind::<SqlUuid, _>(id)
    .get_result(conn)
    .await
    .optional()?
    .ok_or_else(|| refuse(Code::NotFound))
}

/// A photo of a product that is public now.
pub async fn public_photo(
    conn: &mut Conn,
    realm: Realm,
    product: ProductId,
    id: PhotoId,
) -> Result<PhotoRow, Error> {
    find_page(conn, realm, product).await?;
    photo(conn, product, id).await
}
