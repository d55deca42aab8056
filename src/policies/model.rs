//! The values in force on one day, typed as they are asked for.
use crate::kernel::{Amount, Code, Error, Refusal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::sync::Mutex;
use utoipa::ToSchema;
use uuid::Uuid;

/// One dated value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    pub id: Uuid,
    pub value: String,
    pub legal_basis: String,
}

/// All values in force on a day for an agency; remembers which were used.
#[derive(Debug, Default)]
pub struct Policies {
    values: BTreeMap<String, PolicyVersion>,
    used: Mutex<BTreeMap<String, Uuid>>,
}

/// A step by amount: up to and including `up_to`, or without bound.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Step<T> {
    pub up_to: Option<Decimal>,
    #[serde(flatten)]
    pub then: T,
}

/// What stands on paper between office and vendor (Perpres 16/2018 Pasal 28).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    diesel::deserialize::FromSqlRow,
    diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(rename_all = "snake_case")]
pub enum ContractForm {
    PurchaseProof,
    PaymentReceipt,
    WorkOrder,
    PurchaseOrder,
}

crate::kernel::text_enum!(ContractForm {
    PurchaseProof = "purchase_proof",
    PaymentReceipt = "payment_receipt",
    WorkOrder = "work_order",
    PurchaseOrder = "purchase_order",
});

impl Policies {
    pub fn new(values: BTreeMap<String, PolicyVersion>) -> Self {
        Self { values, used: Mutex::default() }
    }

    /// The version in force, which from now on counts as used.
    ///
    /// # Errors
    /// `policy_missing` naming the key, when no value is in force.
    pub fn version(&self, key: &str) -> Result<&PolicyVersion, Error> {
        let version =
            self.values.get(key).ok_or_else(|| Refusal::new(Code::PolicyMissing).with_limit(key))?;
        if let Ok(mut used) = self.used.lock() {
            used.insert(key.to_owned(), version.id);
        }
        Ok(version)
    }

    pub fn word(&self, key: &str) -> Result<&str, Error> {
        Ok(&self.version(key)?.value)
    }

    pub fn flag(&self, key: &str) -> Result<bool, Error> {
        self.parse(key)
    }

    pub fn count(&self, key: &str) -> Result<u32, Error> {
        self.parse(key)
    }

    pub fn amount(&self, key: &str) -> Result<Amount, Error> {
        self.parse(key).map(Amount)
    }

    /// A decimal, or a fraction such as `11/12` as numerator and denominator.
    pub fn ratio(&self, key: &str) -> Result<(Decimal, Decimal), Error> {
        let text = self.word(key)?;
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let part = |text: &str| text.trim().parse::<Decimal>().map_err(|_| damaged(key));
        let (numerator, denominator) = (part(numerator)?, part(denominator)?);
        if denominator.is_zero() { Err(damaged(key)) } else { Ok((numerator, denominator)) }
    }

    pub fn json<T: DeserializeOwned>(&self, key: &str) -> Result<T, Error> {
        serde_json::from_str(self.word(key)?).map_err(|_| damaged(key))
    }

    /// The first step that an amount does not pass; none when it passes them all.
    pub fn step<T: DeserializeOwned>(&self, key: &str, amount: Amount) -> Result<Option<T>, Error> {
        let steps: Vec<Step<T>> = self.json(key)?;
        Ok(steps
            .into_iter()
            .find(|step| step.up_to.is_none_or(|limit| amount.0 <= limit))
            .map(|step| step.then))
    }

    /// Keys and versions used so far, for the document that was made with them.
    pub fn used(&self) -> BTreeMap<String, Uuid> {
        self.used.lock().map(|used| used.clone()).unwrap_or_default()
    }

    fn parse<T: std::str::FromStr>(&self, key: &str) -> Result<T, Error> {
        self.word(key)?.trim().parse().map_err(|_| damaged(key))
    }
}

fn damaged(key: &str) -> Error {
    Error::Internal(format!("the policy value {key} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(key: &str, value: &str) -> Policies {
        let version = PolicyVersion { id: Uuid::nil(), value: value.into(), legal_basis: "x".into() };
        Policies::new(BTreeMap::from([(key.to_owned(), version)]))
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Roles {
        roles: Vec<String>,
    }

    #[test]
    fn the_first_step_that_holds_the_amount_is_taken() {
        let steps = r#"[{"up_to":"1000000","roles":[]},{"up_to":null,"roles":["commitment_officer"]}]"#;
        let policies = policies("approval.steps", steps);
        let at = |text: &str| {
            policies.step::<Roles>("approval.steps", Amount(text.parse().unwrap())).unwrap().unwrap()
        };
        assert!(at("1000000").roles.is_empty());
        assert_eq!(at("1000000.01").roles, ["commitment_officer"]);
    }

    #[test]
    fn a_missing_key_is_a_refusal_that_names_it() {
        match policies("a", "1").count("b") {
            Err(Error::Refused(refusal)) => {
                assert_eq!(refusal.code, Code::PolicyMissing);
                assert_eq!(refusal.limit.as_deref(), Some("b"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fractions_stay_exact() {
        assert_eq!(policies("f", "11/12").ratio("f").unwrap(), (11.into(), 12.into()));
        assert!(policies("f", "1/0").ratio("f").is_err());
    }

    #[test]
    fn what_was_asked_for_is_remembered() {
        let policies = policies("a", "true");
        assert!(policies.used().is_empty());
        assert!(policies.flag("a").unwrap());
        assert_eq!(policies.used().len(), 1);
    }
}
