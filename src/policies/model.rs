//! The values in force on one day, typed as they are asked for.
use crate::kernel::{Amount, Code, Error, Method, Refusal};
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

/// Words that a key may take.
const WORDS: &[(&str, &[&str])] = &[
    ("budget.mode", &["enforced", "declared", "off"]),
    ("contract_form.above", &["contract_agreement"]),
    ("contract_form.online", &["purchase_proof", "payment_receipt", "work_order", "purchase_order"]),
    ("fine.late.base", &["contract", "late_part"]),
    ("opening.mode", &["automatic_at_deadline", "two_officers"]),
    ("tax.regime", &["58", "59"]),
    ("tax.rounding.line", &["half_up"]),
    ("tax.rounding.withholding", &["down"]),
];

/// What a step by amount says, by key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalRoles {
    #[serde(rename = "roles")]
    _roles: Vec<ApprovalRole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ApprovalRole {
    CommitmentOfficer,
    BudgetUser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepMethods {
    #[serde(rename = "methods")]
    _methods: Vec<Method>,
}

#[derive(Deserialize)]
struct Weights {
    price: Decimal,
    quality: Decimal,
}

/// Whether a value can be read as what its key is asked for; `known` is another value of the key.
pub fn value_fits(key: &str, unit: &str, value: &str, known: &str) -> bool {
    match unit {
        "IDR" => value.parse::<Decimal>().is_ok_and(|amount| amount >= Decimal::ZERO && amount.scale() <= 2),
        "flag" => ["true", "false"].contains(&value),
        "percent" => {
            value.parse().is_ok_and(|percent| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent))
        }
        "ratio" => {
            let (numerator, denominator) = value.split_once('/').unwrap_or((value, "1"));
            let part = |text: &str| text.trim().parse::<Decimal>().ok().filter(|part| *part >= Decimal::ZERO);
            part(numerator).is_some() && part(denominator).is_some_and(|part| !part.is_zero())
        }
        "word" => WORDS.iter().any(|(known, words)| *known == key && words.contains(&value)),
        "json" => json_fits(key, value, known),
        _ => value.parse::<u32>().is_ok_and(|count| count <= 100_000_000),
    }
}

fn json_fits(key: &str, value: &str, known: &str) -> bool {
    match key {
        "approval.steps" => steps_fit::<ApprovalRoles>(value),
        "method.steps" => steps_fit::<StepMethods>(value),
        "evaluation.weights" => serde_json::from_str::<Weights>(value).is_ok_and(|weights| {
            weights.price > Decimal::ZERO
                && weights.quality >= Decimal::ZERO
                && weights.price + weights.quality == Decimal::ONE_HUNDRED
        }),
        _ => {
            let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            parsed(value).zip(parsed(known)).is_some_and(|(value, known)| same_shape(&value, &known))
        }
    }
}

/// Lists whose items have the members of the known ones, each of a kind that occurs there.
fn same_shape(value: &serde_json::Value, known: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Object, String};
    match (value, known) {
        (Array(items), Array(known)) => {
            !items.is_empty() && items.iter().all(|item| known.iter().any(|known| same_shape(item, known)))
        }
        (Object(fields), Object(known)) => {
            fields.len() == known.len()
                && fields
                    .iter()
                    .all(|(name, field)| known.get(name).is_some_and(|known| same_shape(field, known)))
        }
        (String(text), String(known)) => text.parse::<Decimal>().is_ok() == known.parse::<Decimal>().is_ok(),
        (value, known) => std::mem::discriminant(value) == std::mem::discriminant(known),
    }
}

/// Steps rise, and none follows one without bound.
fn steps_fit<T: DeserializeOwned>(value: &str) -> bool {
    let Ok(steps) = serde_json::from_str::<Vec<Step<T>>>(value) else { return false };
    let bounds: Vec<Option<Decimal>> = steps.iter().map(|step| step.up_to).collect();
    let rises = |pair: &[Option<Decimal>]| match pair {
        [Some(lower), Some(upper)] => lower < upper,
        [Some(_), None] => true,
        _ => false,
    };
    !bounds.is_empty() && bounds.windows(2).all(rises)
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
    fn a_value_must_read_as_what_its_key_is_asked_for() {
        let fits = [
            ("limit.direct.goods", "IDR", "200000000"),
            ("split.same_kbki_reason", "flag", "false"),
            ("price.band_percent", "percent", "12.5"),
            ("tax.vat.base_factor", "ratio", "11/12"),
            ("opening.mode", "word", "two_officers"),
            ("clock.approval_days", "working_day", "3"),
            (
                "approval.steps",
                "json",
                r#"[{"up_to":"1","roles":[]},{"up_to":null,"roles":["budget_user"]}]"#,
            ),
            ("evaluation.weights", "json", r#"{"price":"60","quality":"40"}"#),
        ];
        let misfits = [
            ("limit.direct.goods", "IDR", "-1"),
            ("limit.direct.goods", "IDR", "1.005"),
            ("split.same_kbki_reason", "flag", "yes"),
            ("price.band_percent", "percent", "101"),
            ("tax.vat.base_factor", "ratio", "11/0"),
            ("opening.mode", "word", "whenever"),
            ("clock.approval_days", "working_day", "3.5"),
            ("approval.steps", "json", "[]"),
            ("approval.steps", "json", r#"[{"up_to":"5","roles":[]},{"up_to":"1","roles":[]}]"#),
            ("approval.steps", "json", r#"[{"up_to":null,"roles":[]},{"up_to":"1","roles":[]}]"#),
            ("approval.steps", "json", r#"[{"up_to":"1","roles":["treasurer"]}]"#),
            ("evaluation.weights", "json", r#"{"price":"60","quality":"50"}"#),
        ];
        for (key, unit, value) in fits {
            assert!(value_fits(key, unit, value, "[]"), "{key} {value}");
        }
        for (key, unit, value) in misfits {
            assert!(!value_fits(key, unit, value, "[]"), "{key} {value}");
        }
    }

    #[test]
    fn a_list_without_a_form_of_its_own_must_look_like_the_one_before() {
        let brackets = r#"[{"up_to":"1","rate":"0.05"},{"up_to":null,"rate":"0.1"}]"#;
        let fits = |value: &str| value_fits("tax.income21.brackets", "json", value, brackets);
        assert!(fits(r#"[{"up_to":"9","rate":"0.2"},{"up_to":null,"rate":"0.3"}]"#));
        assert!(!fits(r#"[{"up_to":"9"}]"#) && !fits(r#"[{"up_to":"9","rate":"much"}]"#) && !fits("[]"));
        let roles = |value: &str| value_fits("totp.required_roles", "json", value, r#"["admin"]"#);
        assert!(roles(r#"["treasurer"]"#) && !roles("[1]") && !roles(r#"{"a":1}"#));
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
