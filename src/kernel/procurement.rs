//! What kinds of things are bought (Perpres 16/2018 Pasal 3).
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kind of procurement.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum ProcurementKind {
    Goods,
    OtherServices,
    Construction,
    Consultancy,
}

super::id::text_enum!(ProcurementKind {
    Goods = "goods",
    OtherServices = "other_services",
    Construction = "construction",
    Consultancy = "consultancy",
});

super::id::kept_as_text!(
    /// How an office buys (spec §6).
    Method {
        Direct = "direct", Negotiated = "negotiated", Quotation = "quotation", Urgent = "urgent", Recorded = "recorded",
    }
);
