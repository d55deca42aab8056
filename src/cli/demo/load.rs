//! The demo's data: made from word lists by a fixed rule, so that every run makes the same.
use super::super::process::{Process, plain};
use super::super::progress;
use super::PASSWORD;
use crate::accounts::{self, CreateUser, NewUnit};
use crate::kernel::{Ctx, Language, Realm, Role, UnitId};
use crate::packages::{self, ImportTarget};
use crate::platform::db::{Loader, sql};
use crate::platform::sealing::{KeyRing, sha256};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use diesel_async::RunQueryDsl;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use std::fmt::Write;
use uuid::Uuid;

const GIVEN_NAMES: &str = include_str!("../../../data/demo/given_names.txt");
const FAMILY_NAMES: &str = include_str!("../../../data/demo/family_names.txt");
const BUSINESS_WORDS: &str = include_str!("../../../data/demo/business_words.txt");
const STREETS: &str = include_str!("../../../data/demo/streets.txt");
const PRODUCTS: &str = include_str!("../../../data/demo/product_variants.csv");
const UNITS: &str = include_str!("../../../data/work_units.csv");
const REGIONS: &str = include_str!("../../../data/regions_jateng.csv");
const CATEGORIES: &str = include_str!("../../../data/categories.csv");
const AGENCY: &str = "D033";
/// Vendors whose owner can log in.
const BIDDERS: u32 = 5;

/// One grey pixel: the picture of every demo product.
pub const PICTURE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63,
    0x68, 0, 0, 0, 0x82, 0, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42,
    0x60, 0x82,
];

/// Every demo account: its role and its log-in name.
pub fn accounts() -> Vec<(Role, String)> {
    Role::ALL.iter().map(|role| (*role, format!("{role}@demo.example.id"))).collect()
}

/// Owners of the first five vendors, so that several can quote against each other: the first has the role's
/// own account, the others one of theirs.
pub fn bidders() -> Vec<String> {
    let first = format!("{}@demo.example.id", Role::VendorOwner);
    let others = (2..=BIDDERS).map(|number| format!("{}_{number}@demo.example.id", Role::VendorOwner));
    std::iter::once(first).chain(others).collect()
}

/// Loads what is missing; answers what is there, in a sentence.
pub async fn everything(process: &Process, vendors: u32, products: u32) -> anyhow::Result<String> {
    office(process).await?;
    goods(process, vendors, products).await?;
    #[derive(diesel::QueryableByName)]
    struct Counts {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        vendors: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        products: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        packages: i64,
    }
    let mut conn = process.app.db.conn().await.map_err(plain)?;
    let counts: Counts =
        sql("SELECT (SELECT count(*) FROM vendors) AS vendors, (SELECT count(*) FROM products) AS products,
            (SELECT count(*) FROM packages) AS packages")
        .get_result(&mut conn)
        .await?;
    Ok(format!(
        "{} vendors, {} products, {} packages are in place",
        counts.vendors, counts.products, counts.packages
    ))
}

#[derive(Deserialize)]
struct UnitRecord {
    code: String,
    name: String,
    short_name: String,
}

/// The agency with its units, officers, packages and budget, and the platform's own people.
async fn office(process: &Process) -> anyhow::Result<()> {
    let app = &process.app;
    let realm = Realm::Sandbox;
    if accounts::agency_by_code(&mut *app.db.conn().await.map_err(plain)?, realm, AGENCY)
        .await
        .map_err(plain)?
        .is_some()
    {
        return Ok(());
    }
    let ctx = Ctx::system(realm, "demo");
    let hash = app.hashing.hash(PASSWORD).await.map_err(plain)?;
    let units: Vec<UnitRecord> =
        csv::Reader::from_reader(UNITS.as_bytes()).deserialize().collect::<Result<_, _>>()?;
    let year = app.clock.now().year();
    let (plan, budget) = plan(&units, year);
    app.db
        .transaction(realm, async |tx| {
            let agency =
                accounts::create_agency(tx, &ctx, "Pemerintah Provinsi Contoh", AGENCY, "Asia/Jakarta")
                    .await?
                    .id;
            let mut ids: Vec<UnitId> = Vec::new();
            for unit in &units {
                let input = NewUnit {
                    code: unit.code.clone(),
                    source_code: Some(unit.code.replace('.', "")),
                    name: unit.name.clone(),
                    short_name: unit.short_name.clone(),
                    parent_id: None,
                    source: Some("demo".into()),
                };
                ids.push(accounts::create_unit(tx, &ctx, agency, &input).await?.id);
            }
            for (role, contact) in accounts() {
                let input = CreateUser {
                    contact: &contact,
                    full_name: "Akun Demo",
                    password_hash: &hash,
                    language: Language::Id,
                    demo: true,
                };
                let user = accounts::create_user(tx, &ctx, app, &input).await?;
                let (organisation, covered): (_, &[UnitId]) = match role.organisation_kind() {
                    // The vendor's own people join it once it is loaded.
                    crate::kernel::OrganisationKind::Vendor => continue,
                    crate::kernel::OrganisationKind::Agency => (Some(agency), &ids[..1]),
                    crate::kernel::OrganisationKind::Platform => (None, &[]),
                };
                accounts::grant(tx, &ctx, user, organisation, role, covered, Some("821/001/DEMO")).await?;
            }
            let target = ImportTarget { agency, as_fiscal_year: None };
            packages::import_packages(tx, &ctx, target, plan.as_bytes()).await?;
            packages::import_budget_lines(tx, &ctx, target, budget.as_bytes()).await?;
            Ok(())
        })
        .await
        .map_err(plain)
}

/// Four packages a unit, with one budget line each, in our own template.
fn plan(units: &[UnitRecord], year: i32) -> (String, String) {
    const PACKAGES: [(&str, &str, u32, &str); 4] = [
        ("Belanja Alat Tulis Kantor", "goods", 180_000_000, "5.1.02.01.01.0024"),
        ("Belanja Makanan dan Minuman Rapat", "other_services", 150_000_000, "5.1.02.01.01.0052"),
        ("Belanja Bahan Komputer", "goods", 120_000_000, "5.1.02.01.01.0029"),
        ("Belanja Cetak dan Penggandaan", "other_services", 90_000_000, "5.1.02.01.01.0026"),
    ];
    let mut plan = String::from("rup_code,unit_code,name,ceiling,procurement_kind,method,fiscal_year\n");
    let mut budget = String::from("rup_code,ceiling,account_text,fund_source\n");
    for (place, unit) in units.iter().enumerate() {
        for (number, (name, kind, ceiling, account)) in PACKAGES.iter().enumerate() {
            let code = 61_000_000 + place * 10 + number;
            let source = unit.code.replace('.', "");
            let _ = writeln!(
                plan,
                "{code},{source},{name} {},{ceiling},{kind},E-Purchasing,{year}",
                unit.short_name
            );
            let _ = writeln!(budget, "{code},{ceiling},1.01.01.1.06.0002.{account},APBD");
        }
    }
    (plan, budget)
}

#[derive(Deserialize)]
struct Goods {
    base_name: String,
    variants: String,
    unit: String,
    price_low: u64,
    price_high: u64,
    category_code: String,
}

struct World {
    given: Vec<&'static str>,
    family: Vec<&'static str>,
    business: Vec<&'static str>,
    streets: Vec<&'static str>,
    districts: Vec<String>,
    goods: Vec<Goods>,
    categories: std::collections::HashMap<String, Leaf>,
    now: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Leaf {
    code: String,
    level: u32,
    tax_class: String,
    kbki_code: String,
    default_availability: String,
    default_lead_time_days: String,
}

impl World {
    fn read(now: DateTime<Utc>) -> anyhow::Result<Self> {
        let lines = |text: &'static str| {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>()
        };
        let districts = csv::Reader::from_reader(REGIONS.as_bytes())
            .records()
            .filter_map(Result::ok)
            .filter(|row| row.get(2) == Some("district"))
            .filter_map(|row| row.get(0).map(str::to_owned))
            .collect();
        let leaves = csv::Reader::from_reader(CATEGORIES.as_bytes())
            .deserialize()
            .collect::<Result<Vec<Leaf>, _>>()?;
        Ok(Self {
            given: lines(GIVEN_NAMES),
            family: lines(FAMILY_NAMES),
            business: lines(BUSINESS_WORDS),
            streets: lines(STREETS),
            districts,
            goods: csv::Reader::from_reader(PRODUCTS.as_bytes()).deserialize().collect::<Result<_, _>>()?,
            categories: leaves
                .into_iter()
                .filter(|leaf| leaf.level == 3)
                .map(|leaf| (leaf.code.clone(), leaf))
                .collect(),
            now,
        })
    }
}

/// An id that is the same in every run: version 7 at a fixed instant, its random part by the rule.
fn fixed_id(kind: &str, number: u32) -> Uuid {
    let digest = sha256(format!("demo/{kind}/{number}").as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    uuid::Builder::from_unix_timestamp_millis(1_735_689_600_000 + u64::from(number), &random).into_uuid()
}

fn vendor_id(number: u32) -> Uuid {
    fixed_id("vendor", number)
}

fn dice(kind: &str, number: u32) -> StdRng {
    StdRng::from_seed(sha256(format!("dice/{kind}/{number}").as_bytes()))
}

fn pick<'w>(from: &[&'w str], dice: &mut StdRng) -> &'w str {
    from.choose(dice).copied().unwrap_or_default()
}

/// Vendors and products, by COPY in one transaction: an interrupted load leaves nothing behind.
async fn goods(process: &Process, vendors: u32, products: u32) -> anyhow::Result<()> {
    let app = &process.app;
    let mut conn = app.db.conn().await.map_err(plain)?;
    let there =
        crate::vendors::is_known(&mut conn, crate::kernel::VendorId(vendor_id(0))).await.map_err(plain)?;
    drop(conn);
    if there {
        return Ok(());
    }
    let world = World::read(app.clock.now())?;
    let picture = app.files.store(PICTURE).await.map_err(plain)?;
    let url = app.db.url();
    let loader = Loader::begin(url).await?;
    let stamp = world.now.to_rfc3339();
    let bar = progress::bar("vendors", vendors.into());
    loader
        .copy(
            "organisations (id, realm, kind, name, time_zone, created_at)",
            (0..vendors).map(|n| {
                vec![
                    vendor_id(n).to_string(),
                    "sandbox".into(),
                    "vendor".into(),
                    business(&world, n),
                    "Asia/Jakarta".into(),
                    stamp.clone(),
                ]
            }),
        )
        .await?;
    let mut personal = Vec::new();
    for number in 0..vendors {
        personal.extend(personal_rows(&app.keys, number)?);
    }
    loader
        .copy("personal_values (id, kind, sealed, blind_index, exclusive_scope)", personal.into_iter())
        .await?;
    loader
        .copy(
            "vendors (id, realm, kind, legal_form, name, sells, status, submitted_at, decided_at, nib, nik_id, phone_id, bank_code,
             bank_account_id, bank_holder, address, region_code, kbli_codes, vat_registered, vat_confirmation_number, annual_sales,
             size_class, created_at, updated_at)",
            (0..vendors).inspect(|_| bar.inc(1)).map(|number| vendor_row(&world, number, &stamp)),
        )
        .await?;
    bar.finish_and_clear();
    let bar = progress::bar("products", products.into());
    loader
        .copy(
            "products (id, realm, vendor_id, status, category_code, name, description, unit, price, price_basis, tax_class, kbki_code,
             origin, attributes, availability, minimum_order, lead_time_days, weight_grams, capacity_per_day, region_code, published_at,
             created_at, updated_at)",
            (0..products).inspect(|_| bar.inc(1)).map(|number| product(&world, number, vendors).row),
        )
        .await?;
    bar.finish_and_clear();
    let bar = progress::bar("stock and photos", products.into());
    loader
        .copy(
            "stock (product_id, on_hand)",
            (0..products).filter_map(|number| {
                let made = product(&world, number, vendors);
                made.stock.map(|stock| vec![fixed_id("product", number).to_string(), stock.to_string()])
            }),
        )
        .await?;
    let digest = format!("\\x{}", hex::encode(sha256(PICTURE)));
    loader
        .copy(
            "product_photos (id, product_id, position, media_type, size_bytes, sha256, storage_key, uploaded_at)",
            (0..products).inspect(|_| bar.inc(1)).map(|number| {
                let ids = [fixed_id("photo", number).to_string(), fixed_id("product", number).to_string()];
                let [photo, product] = ids;
                vec![photo, product, "0".into(), "image/png".into(), PICTURE.len().to_string(), digest.clone(), picture.clone(), stamp.clone()]
            }),
        )
        .await?;
    loader
        .copy(
            "price_history (id, product_id, price, price_basis, tiers, changed_at)",
            (0..products).map(|number| {
                let made = product(&world, number, vendors);
                vec![
                    fixed_id("price", number).to_string(),
                    fixed_id("product", number).to_string(),
                    made.price.to_string(),
                    "tax_exclusive".into(),
                    "[]".into(),
                    stamp.clone(),
                ]
            }),
        )
        .await?;
    bar.finish_and_clear();
    loader
        .derive(
            "INSERT INTO product_documents (product_id, realm, vendor_id, version, counted, document)
             SELECT id, realm, vendor_id, version, availability = 'counted', product_document(id) FROM products",
        )
        .await?;
    loader.commit().await?;
    let owner = process.owner_url();
    Loader::analyse(
        owner,
        &["organisations", "vendors", "products", "stock", "product_photos", "product_documents"],
    )
    .await?;
    vendor_people(process).await
}

/// The demo accounts of the vendor side act for the first vendor.
async fn vendor_people(process: &Process) -> anyhow::Result<()> {
    let app = &process.app;
    let ctx = Ctx::system(Realm::Sandbox, "demo");
    app.db
        .transaction(Realm::Sandbox, async |tx| {
            for (role, contact) in accounts().into_iter().take(2) {
                let user = accounts::user_by_contact(tx.conn(), app, &contact).await?;
                accounts::grant(
                    tx,
                    &ctx,
                    user,
                    Some(crate::kernel::OrganisationId(vendor_id(0))),
                    role,
                    &[],
                    None,
                )
                .await?;
            }
            Ok(())
        })
        .await
        .map_err(plain)
}

/// Makes the owners of the vendors after the first, as far as those were loaded; answers who can log in.
pub async fn other_owners(process: &Process) -> anyhow::Result<Vec<String>> {
    let app = &process.app;
    let (ctx, hash) = (Ctx::system(Realm::Sandbox, "demo"), app.hashing.hash(PASSWORD).await.map_err(plain)?);
    let mut owners = Vec::new();
    for (number, contact) in (0..).zip(bidders()).skip(1) {
        let vendor = vendor_id(number);
        let mut conn = app.db.conn().await.map_err(plain)?;
        if !crate::vendors::is_known(&mut conn, crate::kernel::VendorId(vendor)).await.map_err(plain)? {
            continue;
        }
        let there = accounts::user_by_contact(&mut conn, app, &contact).await.is_ok();
        drop(conn);
        if !there {
            let made = app.db.transaction(Realm::Sandbox, async |tx| {
                let input = CreateUser {
                    contact: &contact,
                    full_name: "Akun Demo",
                    password_hash: &hash,
                    language: Language::Id,
                    demo: true,
                };
                let user = accounts::create_user(tx, &ctx, app, &input).await?;
                let vendor = Some(crate::kernel::OrganisationId(vendor));
                accounts::grant(tx, &ctx, user, vendor, Role::VendorOwner, &[], None).await
            });
            made.await.map_err(plain)?;
        }
        owners.push(contact);
    }
    Ok(owners)
}

fn business(world: &World, number: u32) -> String {
    let mut dice = dice("business", number);
    let word = pick(&world.business, &mut dice);
    let name = pick(&world.given, &mut dice);
    match number % 10 {
        0..=3 => format!("Toko {word} {name}"),
        4 | 5 => format!("UD {word} {name}"),
        6 => format!("Warung {name} {word}"),
        7 | 8 => format!("CV {word} {name}"),
        _ => format!("Koperasi {word} {name}"),
    }
}

fn personal_rows(keys: &KeyRing, number: u32) -> anyhow::Result<Vec<Vec<String>>> {
    let mut dice = dice("person", number);
    let district = dice.random_range(1..29);
    let nik = format!(
        "33{:02}{district:02}{:02}{:02}{:02}{:04}",
        dice.random_range(1..30),
        dice.random_range(1..29),
        dice.random_range(1..13),
        dice.random_range(60..100),
        number % 10_000
    );
    let values = [
        ("nik", nik, format!("nik:sandbox:demo:{number}")),
        ("phone", format!("+62812{:08}", 10_000_000 + number), String::new()),
        ("bank_account", format!("{:010}", 3_000_000_000_u64 + u64::from(number)), String::new()),
    ];
    values
        .into_iter()
        .map(|(kind, value, scope)| {
            let id = fixed_id(kind, number);
            let sealed =
                keys.seal(value.as_bytes(), &format!("personal_values/{id}/{kind}")).map_err(plain)?;
            let (index, _) = keys.blind_index(kind, &value);
            Ok(vec![
                id.to_string(),
                kind.to_owned(),
                format!("\\x{}", hex::encode(sealed)),
                format!("\\x{}", hex::encode(index)),
                scope,
            ])
        })
        .collect()
}

fn vendor_row(world: &World, number: u32, stamp: &str) -> Vec<String> {
    let mut dice = dice("vendor", number);
    let entity = number % 10 >= 7;
    let region = &world.districts[number as usize % world.districts.len()];
    let owner = format!("{} {}", pick(&world.given, &mut dice), pick(&world.family, &mut dice));
    let registered = entity && number.is_multiple_of(3);
    let sales = dice.random_range(20_u64..1_900) * 1_000_000;
    vec![
        vendor_id(number).to_string(),
        "sandbox".into(),
        if entity { "entity" } else { "individual" }.into(),
        if !entity {
            "perorangan"
        } else if number % 10 == 9 {
            "koperasi"
        } else {
            "cv"
        }
        .into(),
        business(world, number),
        "Kebutuhan kantor dan acara".into(),
        "verified".into(),
        stamp.to_owned(),
        stamp.to_owned(),
        if entity { format!("91200{number:08}") } else { String::new() },
        fixed_id("nik", number).to_string(),
        fixed_id("phone", number).to_string(),
        "008".into(),
        fixed_id("bank_account", number).to_string(),
        owner,
        format!("{} No. {}", pick(&world.streets, &mut dice), dice.random_range(1..200)),
        region.clone(),
        "{47611,56210}".into(),
        registered.to_string(),
        if registered { format!("S-{number:06}PKP/WPJ.10/2025") } else { String::new() },
        format!("{sales}.00"),
        "micro".into(),
        stamp.to_owned(),
        stamp.to_owned(),
    ]
}

struct Made {
    row: Vec<String>,
    price: u64,
    stock: Option<u32>,
}

fn product(world: &World, number: u32, vendors: u32) -> Made {
    let mut dice = dice("product", number);
    // The first vendor sells the first goods of the list, so that the tour has something to show.
    let (vendor, goods) = if number < 20 {
        (0, &world.goods[number as usize % world.goods.len()])
    } else {
        (dice.random_range(0..vendors), &world.goods[dice.random_range(0..world.goods.len())])
    };
    let variants: Vec<&str> = goods.variants.split(';').collect();
    let variant = variants.choose(&mut dice).copied().unwrap_or_default();
    let name =
        if variant.is_empty() { goods.base_name.clone() } else { format!("{} {variant}", goods.base_name) };
    let price = dice.random_range(goods.price_low..=goods.price_high.max(goods.price_low)) / 100 * 100;
    let price = price.max(100);
    let leaf = world.categories.get(&goods.category_code);
    let of = |pick: fn(&Leaf) -> &String| leaf.map(pick).cloned().unwrap_or_default();
    let availability = of(|leaf| &leaf.default_availability);
    let counted = availability == "counted";
    let daily = availability == "capacity_per_day";
    let region = &world.districts[vendor as usize % world.districts.len()];
    let published = world.now - TimeDelta::minutes(i64::from(number % 200_000) + 1);
    let published = published.to_rfc3339();
    let row = vec![
        fixed_id("product", number).to_string(),
        "sandbox".into(),
        vendor_id(vendor).to_string(),
        "published".into(),
        goods.category_code.clone(),
        name.clone(),
        format!("{name}, siap kirim ke kantor Anda."),
        goods.unit.clone(),
        format!("{price}.00"),
        "tax_exclusive".into(),
        of(|leaf| &leaf.tax_class),
        of(|leaf| &leaf.kbki_code),
        if number.is_multiple_of(5) { "local" } else { "domestic" }.into(),
        "{}".into(),
        availability,
        "1".into(),
        of(|leaf| &leaf.default_lead_time_days),
        "500".into(),
        if daily { "300".into() } else { String::new() },
        region.clone(),
        published.clone(),
        published.clone(),
        published,
    ];
    Made { row, price, stock: counted.then(|| dice.random_range(20..2_000)) }
}
