//! Categories and units of measure.
use super::super::load::{CategoryRecord, UnitRecord};
use super::super::model::{Availability, ReviewMode, TaxClass};
use crate::kernel::Error;
use crate::kernel::ProcurementKind;
use crate::platform::db::{Conn, Tx};
use crate::schema::{categories, units_of_measure};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = categories, check_for_backend(diesel::pg::Pg))]
pub struct Category {
    pub code: String,
    pub parent_code: Option<String>,
    pub level: i32,
    pub name_id: String,
    pub name_en: String,
    pub procurement_kind: Option<ProcurementKind>,
    pub tax_class: Option<TaxClass>,
    pub review_mode: Option<ReviewMode>,
    pub required_papers: Vec<String>,
    pub kbki_code: Option<String>,
    pub kbli_prefixes: Vec<String>,
    pub default_unit: Option<String>,
    pub default_availability: Option<Availability>,
    pub default_lead_time_days: Option<i32>,
}

/// Children of a category; none named: the whole tree.
pub async fn categories(conn: &mut Conn, parent: Option<&str>) -> Result<Vec<Category>, Error> {
    let query =
        categories::table.select(Category::as_select()).order(categories::code).limit(1000).into_boxed();
    let query = match parent {
        Some(parent) => query.filter(categories::parent_code.eq(parent)),
        None => query,
    };
    Ok(query.load(conn).await?)
}

/// A category of the third level.
pub async fn leaf(conn: &mut Conn, code: &str) -> Result<Option<Category>, Error> {
    Ok(categories::table
        .filter(categories::code.eq(code).and(categories::level.eq(3)))
        .select(Category::as_select())
        .first(conn)
        .await
        .optional()?)
}

pub async fn unit_exists(conn: &mut Conn, code: &str) -> Result<bool, Error> {
    let found = units_of_measure::table.filter(units_of_measure::code.eq(code));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(conn).await?)
}

pub async fn load_units(tx: &mut Tx, units: &[UnitRecord]) -> Result<(), Error> {
    let rows: Vec<_> = units
        .iter()
        .map(|unit| {
            (
                units_of_measure::code.eq(&unit.code),
                units_of_measure::name_id.eq(&unit.name_id),
                units_of_measure::name_en.eq(&unit.name_en),
                units_of_measure::symbol.eq(&unit.symbol),
            )
        })
        .collect();
    diesel::insert_into(units_of_measure::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn load_categories(tx: &mut Tx, records: &[CategoryRecord]) -> Result<(), Error> {
    let split =
        |text: &str| text.split(';').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = records
        .iter()
        .map(|record| {
            (
                (
                    categories::code.eq(&record.code),
                    categories::parent_code.eq(&record.parent_code),
                    categories::level.eq(record.level),
                    categories::name_id.eq(&record.name_id),
                    categories::name_en.eq(&record.name_en),
                    categories::procurement_kind.eq(record.procurement_kind),
                    categories::tax_class.eq(record.tax_class),
                    categories::review_mode.eq(record.review_mode),
                ),
                (
                    categories::required_papers.eq(split(&record.required_papers)),
                    categories::kbki_code.eq(&record.kbki_code),
                    categories::kbli_prefixes.eq(split(&record.kbli_prefixes)),
                    categories::default_unit.eq(&record.default_unit),
                    categories::default_availability.eq(record.default_availability),
                    categories::default_lead_time_days.eq(record.default_lead_time_days),
                    categories::recurring_group.eq(&record.recurring_group),
                ),
            )
        })
        .collect();
    diesel::insert_into(categories::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await?;
    Ok(())
}
