//! What everyone sees: categories, search, product pages, photos.
use super::super::model::{Availability, Origin, PriceBasis, PriceTier, TaxClass};
use super::super::store::{self, After, Category, Filter, Hit, Sort, Stock};
use super::view::{PhotoView, StockView};
use crate::kernel::ProcurementKind;
use crate::kernel::{Amount, Percent, PhotoId, ProductId, Quantity, VendorId, act};
use crate::platform::http::{Api, Call, Download, Listing, Rendered, Reply, Sends};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use utoipa::{IntoParams, ToSchema};

const SYNONYMS: &str = include_str!("../../../data/synonyms.csv");
const STOP_WORDS: &str = include_str!("../../../data/stop_words.txt");
/// Relevance ends after so many hits.
const RELEVANT_HITS: i64 = 200;
/// How many words the search statement has places for.
const WORDS: usize = 5;

pub fn routes(api: &mut Api) {
    api.get("/public/v1/categories", list_categories)
        .get("/public/v1/products", search_products)
        .get("/public/v1/products/{id}", get_public_product)
        .get("/public/v1/products/{id}/photos/{photo_id}", get_product_photo);
}

#[derive(Deserialize, IntoParams)]
struct CategoryFilter {
    /// Children of this category; the whole tree when left out.
    #[param(pattern = "^[0-9]{2}(\\.[0-9]{2})?$")]
    parent_code: Option<String>,
}

/// A category; the third level carries what products default to.
#[derive(Serialize, ToSchema)]
struct CategoryView {
    code: String,
    parent_code: Option<String>,
    level: i32,
    name: String,
    procurement_kind: Option<ProcurementKind>,
    tax_class: Option<TaxClass>,
    kbki_code: Option<String>,
    default_unit: Option<String>,
    default_availability: Option<Availability>,
    required_papers: Vec<String>,
    kbli_prefixes: Vec<String>,
}

async fn list_categories(
    call: Call<act::ListCategories, (), CategoryFilter>,
) -> Sends<Listing<CategoryView>> {
    call.read(async |conn, ctx| {
        let rows = store::categories(conn, call.query.parent_code.as_deref()).await?;
        let show = |row: Category| CategoryView {
            name: ctx.language.choose(&row.name_id, &row.name_en).to_owned(),
            code: row.code,
            parent_code: row.parent_code,
            level: row.level,
            procurement_kind: row.procurement_kind,
            tax_class: row.tax_class,
            kbki_code: row.kbki_code,
            default_unit: row.default_unit,
            default_availability: row.default_availability,
            required_papers: row.required_papers,
            kbli_prefixes: row.kbli_prefixes,
        };
        Ok(Listing::whole(rows.into_iter().map(show).collect()).public(300))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct SearchQuery {
    /// Words of the name, in any order; each may be a beginning.
    #[param(max_length = 200)]
    q: Option<String>,
    /// A category of any level.
    #[param(pattern = "^[0-9]{2}(\\.[0-9]{2}){0,2}$")]
    category_code: Option<String>,
    /// A place that the vendor must serve.
    #[param(pattern = "^[0-9]{2}(\\.[0-9]{2}){1,2}$")]
    region_code: Option<String>,
    #[param(inline)]
    minimum_price: Option<Amount>,
    #[param(inline)]
    maximum_price: Option<Amount>,
    #[param(inline)]
    origin: Option<Origin>,
    /// Relevance with words and newest without, unless told.
    #[param(inline)]
    sort: Option<Sort>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

/// A product in a list.
#[derive(Serialize, ToSchema)]
struct HitView {
    id: ProductId,
    name: String,
    price: Amount,
    price_basis: String,
    unit: String,
    category_code: String,
    origin: Origin,
    vendor_id: VendorId,
    vendor_name: String,
    region_code: String,
    published_at: DateTime<Utc>,
}

/// A page of products.
#[derive(Serialize, ToSchema)]
struct SearchView {
    items: Vec<HitView>,
    next_cursor: Option<String>,
    /// Relevance ends after 200 hits; more may match.
    truncated: bool,
    #[schema(example = "IDR")]
    currency: &'static str,
}

async fn search_products(call: Call<act::SearchProducts, (), SearchQuery>) -> Sends<Reply<SearchView>> {
    call.read(async |conn, ctx| {
        let query = &call.query;
        let words = words(query.q.as_deref().unwrap_or_default());
        let by_default = if words.is_empty() { Sort::Newest } else { Sort::Relevance };
        let sort = query.sort.unwrap_or(by_default);
        // Without words everything is equally relevant.
        let sort = if words.is_empty() && sort == Sort::Relevance { Sort::Newest } else { sort };
        let filter = Filter {
            words,
            category_code: query.category_code.clone(),
            region_code: query.region_code.clone(),
            minimum_price: query.minimum_price,
            maximum_price: query.maximum_price,
            origin: query.origin,
        };
        let realm = ctx.home_realm;
        let page = call.page::<(After, i64)>()?;
        let seen = page.after().map_or(0, |(_, seen)| *seen);
        let hits =
            store::search(conn, realm, &filter, sort, page.after().map(|(after, _)| after), page.fetch())
                .await?;
        let shown = i64::try_from(hits.len()).unwrap_or_default().min(page.fetch() - 1);
        let key = |hit: &Hit| {
            let after =
                After { price: hit.price, published_at: hit.published_at, score: hit.score, id: hit.id };
            (after, seen + shown)
        };
        let listing = page.close(hits, key);
        let truncated =
            sort == Sort::Relevance && seen + shown >= RELEVANT_HITS && listing.next_cursor.is_some();
        let next_cursor = listing.next_cursor.filter(|_| !truncated);
        let items = listing.items.into_iter().map(hit_view).collect();
        Ok(Reply::new(SearchView { items, next_cursor, truncated, currency: "IDR" }).public(5))
    })
    .await
}

fn hit_view(hit: Hit) -> HitView {
    HitView {
        id: hit.id,
        name: hit.name,
        price: hit.price,
        price_basis: hit.price_basis,
        unit: hit.unit,
        category_code: hit.category_code,
        origin: hit.origin,
        vendor_id: hit.vendor_id,
        vendor_name: hit.vendor_name,
        region_code: hit.region_code,
        published_at: hit.published_at,
    }
}

/// Stop words, and the synonyms of each word.
type Dictionary = (HashSet<&'static str>, HashMap<&'static str, Vec<&'static str>>);

/// The words that count, each with its synonyms as alternatives; `:*` lets a beginning match.
fn words(text: &str) -> Vec<String> {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    let (stop_words, synonyms) = DICTIONARY.get_or_init(|| {
        let mut synonyms: HashMap<&str, Vec<&str>> = HashMap::new();
        for (word, synonym) in SYNONYMS.lines().skip(1).filter_map(|line| line.trim().split_once(',')) {
            synonyms.entry(word).or_default().push(synonym);
            synonyms.entry(synonym).or_default().push(word);
        }
        (STOP_WORDS.lines().map(str::trim).collect(), synonyms)
    });
    let lowered = text.to_lowercase();
    let all: Vec<&str> =
        lowered.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let telling: Vec<&str> = all.iter().copied().filter(|word| !stop_words.contains(word)).collect();
    let chosen = if telling.is_empty() { all } else { telling };
    let mut groups: Vec<String> = chosen
        .into_iter()
        .map(|word| {
            let mut alternatives = vec![format!("{word}:*")];
            alternatives.extend(synonyms.get(word).into_iter().flatten().map(|word| (*word).to_owned()));
            alternatives.join(" | ")
        })
        .collect();
    // The statement has a fixed number of places; the last one takes what is left.
    if groups.len() > WORDS {
        let rest: Vec<String> =
            groups.split_off(WORDS - 1).iter().map(|group| format!("({group})")).collect();
        groups.push(rest.join(" & "));
    }
    groups
}

/// A product's public page.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes to the contract what `product_document` of the database renders, and Beside"
)]
struct PublicProductView {
    id: ProductId,
    name: String,
    description: String,
    category_code: String,
    unit: String,
    price: Amount,
    #[schema(example = "IDR")]
    currency: String,
    price_basis: PriceBasis,
    price_tiers: Vec<PriceTier>,
    tax_class: TaxClass,
    kbki_code: String,
    origin: Origin,
    brand: Option<String>,
    gtin: Option<String>,
    warranty: Option<String>,
    tkdn_percent: Option<Percent>,
    bmp_percent: Option<Percent>,
    #[schema(value_type = Object)]
    attributes: Value,
    availability: Availability,
    stock: Option<StockView>,
    capacity_per_day: Option<Quantity>,
    minimum_order: Quantity,
    lead_time_days: i32,
    vendor_id: VendorId,
    vendor_name: String,
    region_code: String,
    photos: Vec<PhotoView>,
    published_at: Option<DateTime<Utc>>,
    version: i32,
}

/// What changes without the product.
#[derive(Serialize)]
struct Beside {
    vendor_name: String,
    stock: Option<StockView>,
}

async fn get_public_product(
    call: Call<act::GetPublicProduct, (ProductId,)>,
) -> Sends<Rendered<PublicProductView>> {
    call.read(async |conn, ctx| {
        let page = store::find_page(conn, ctx.home_realm, call.path.0).await?;
        let counted = page.on_hand.zip(page.reserved);
        let stock = counted.map(|(on_hand, reserved)| StockView::from(Stock { on_hand, reserved }));
        let beside = Beside { vendor_name: page.vendor_name, stock };
        Ok(Rendered::versioned(page.document, &beside, page.version)?.public(5))
    })
    .await
}

async fn get_product_photo(call: Call<act::GetProductPhoto, (ProductId, PhotoId)>) -> Sends<Download> {
    call.read(async |conn, ctx| {
        let row = store::public_photo(conn, ctx.home_realm, call.path.0, call.path.1).await?;
        let bytes = call.app.files.read(&row.storage_key).await?;
        Ok(Download { bytes, media_type: row.media_type, file_name: row.id.to_string(), public: true })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn stop_words_go_synonyms_come_and_operators_lose_their_meaning() {
        assert_eq!(
            words("kertas dan !(map)"),
            ["kertas:*", "map:*"].map(|word| { words(word.trim_end_matches(":*")).join("") })
        );
        assert!(words("fotokopi")[0].contains(" | "));
        assert_eq!(words("yang")[0], "yang:*");
        assert!(words("' & | ! <->").is_empty());
    }
}
