//! Rupiah and quantities: decimals in, decimals out, strings in JSON.
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// Rupiah with at most two decimals, never negative. JSON: a string (`"125000.00"`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Numeric)]
pub struct Amount(pub Decimal);

/// How much of a unit, with at most three decimals and above zero. JSON: a string (`"2.5"`).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Numeric)]
pub struct Quantity(pub Decimal);

/// What an amount may look like in JSON: up to 15 digits before the point, so that any sum of
/// any line still fits `NUMERIC(20,2)`.
pub const AMOUNT_PATTERN: &str = "^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,2})?$";
/// What a quantity may look like in JSON.
pub const QUANTITY_PATTERN: &str = "^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,3})?$";

macro_rules! decimal_text {
    ($name:ident, $pattern:expr, $places:expr, $example:literal, $doc:literal) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some($pattern))
                    .description(Some($doc))
                    .examples([serde_json::json!($example)])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let value = Decimal::from_str_exact(&text).map_err(D::Error::custom)?;
                if value.is_sign_negative() || value.normalize().scale() > $places {
                    return Err(D::Error::custom("out of range"));
                }
                Ok(Self(value))
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Numeric, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                <Decimal as diesel::serialize::ToSql<diesel::sql_types::Numeric, diesel::pg::Pg>>::to_sql(&self.0, out)
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Numeric, diesel::pg::Pg> for $name {
            fn from_sql(bytes: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                <Decimal as diesel::deserialize::FromSql<diesel::sql_types::Numeric, diesel::pg::Pg>>::from_sql(bytes).map(Self)
            }
        }
    };
}

/// Per cent with at most two decimals. JSON: a string (`"42.50"`).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Numeric)]
pub struct Percent(pub Decimal);

const PERCENT_PATTERN: &str = "^(100(\\.0{1,2})?|[1-9]?[0-9](\\.[0-9]{1,2})?)$";

decimal_text!(Percent, PERCENT_PATTERN, 2, "42.50", "Per cent as a decimal string");
decimal_text!(Amount, AMOUNT_PATTERN, 2, "125000.00", "Rupiah (IDR) as a decimal string");
decimal_text!(Quantity, QUANTITY_PATTERN, 3, "2.5", "Quantity as a decimal string");

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.2}", self.0))
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Amount {
    pub const ZERO: Self = Self(Decimal::ZERO);
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, |sum, item| sum + item)
    }
}

/// Rounds half up to whole rupiah.
pub fn whole_rupiah(value: Decimal) -> Amount {
    Amount(value.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_canonical_with_two_decimals() {
        let amount: Amount = serde_json::from_str("\"125000\"").unwrap();
        assert_eq!(serde_json::to_string(&amount).unwrap(), "\"125000.00\"");
        assert!(serde_json::from_str::<Amount>("\"-1\"").is_err());
        assert!(serde_json::from_str::<Amount>("\"1.005\"").is_err());
        assert!(serde_json::from_str::<Amount>("125000").is_err());
    }

    #[test]
    fn half_a_rupiah_rounds_up() {
        assert_eq!(whole_rupiah("2.5".parse().unwrap()).to_string(), "3.00");
        assert_eq!(whole_rupiah("2.49".parse().unwrap()).to_string(), "2.00");
    }
}
