//! Realms: live trade, the sandbox and training never meet.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which world an organisation, and all that hangs on it, belongs to.
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
pub enum Realm {
    Live,
    Sandbox,
    Training,
}

super::id::text_enum!(Realm { Live = "live", Sandbox = "sandbox", Training = "training" });

impl Realm {
    /// The mark that document numbers outside the live realm carry in front.
    pub fn number_mark(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Sandbox => "SBX-",
            Self::Training => "LAT-",
        }
    }
}
