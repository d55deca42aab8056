//! What an office says when it asks for quotes. Pure.
use super::SlotFields;
use crate::kernel::{Code, Fault, Percent, ProductId, Quantity};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;
use utoipa::ToSchema;

crate::kernel::kept_as_text!(
    /// Who may quote: those invited, or every vendor that fits.
    Invitation { Invited = "invited", Open = "open" }
);
crate::kernel::kept_as_text!(
    /// One winner for everything, or one for each line.
    AwardMode { Whole = "whole", Itemised = "itemised" }
);
crate::kernel::kept_as_text!(
    /// Lowest total, or price and quality by weight.
    EvaluationMethod { LowestPrice = "lowest_price", Weighted = "weighted" }
);

/// What an office says of a quotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotationFields {
    pub invitation: Invitation,
    pub award: AwardMode,
    pub evaluation: EvaluationMethod,
    /// What quality is judged by; their weights make 100.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub criteria: Vec<Criterion>,
    /// Conditions that a quote accepts.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub terms: String,
    /// For how many working days quotes are taken.
    #[schema(minimum = 1, maximum = 60)]
    pub window_days: i32,
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<AskedLineFields>,
}

/// Something that quality is judged by, from 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "workmanship")]
    pub code: String,
    #[schema(min_length = 2, max_length = 200)]
    pub name: String,
    pub weight: Percent,
}

/// What is asked for: by a product that shows what is meant, or by a specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedLineFields {
    /// A product that shows what is meant; an equal one may be quoted. Name, category and unit come from
    /// it where they are left out.
    pub product_id: Option<ProductId>,
    #[schema(pattern = "^[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}$", example = "01.01.01")]
    pub category_code: Option<String>,
    #[schema(min_length = 3, max_length = 200, pattern = "\\S")]
    pub name: Option<String>,
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// UN/ECE Rec 20 code.
    #[schema(pattern = "^[A-Z0-9]{2,3}$", example = "H87")]
    pub unit: Option<String>,
    /// The specification, attribute by attribute.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    pub quantity: Quantity,
    #[schema(min_items = 1, max_items = 50)]
    pub slots: Vec<SlotFields>,
}

impl QuotationFields {
    /// What is wrong with it by itself.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut codes = HashSet::new();
        for (place, criterion) in self.criteria.iter().enumerate() {
            if !codes.insert(&criterion.code) {
                faults.push(Fault::at(format!("#/quotation/criteria/{place}/code"), Code::DuplicateItem));
            }
        }
        let weights: Decimal = self.criteria.iter().map(|criterion| criterion.weight.0).sum();
        let weighted = self.evaluation == EvaluationMethod::Weighted;
        if weighted && weights != Decimal::ONE_HUNDRED {
            faults.push(Fault::at("#/quotation/criteria", Code::WeightsNotWhole).with_limit(100));
        }
        if !weighted && !self.criteria.is_empty() {
            faults.push(Fault::at("#/quotation/criteria", Code::ValueNotAllowed));
        }
        for (place, line) in self.lines.iter().enumerate() {
            let simple = |value: &Value| match value {
                Value::String(text) => text.chars().count() <= 200,
                Value::Number(_) | Value::Bool(_) => true,
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            };
            let fits = line.attributes.len() <= 30
                && line.attributes.iter().all(|(name, value)| name.len() <= 60 && simple(value));
            if !fits {
                faults
                    .push(Fault::at(format!("#/quotation/lines/{place}/attributes"), Code::ValueNotAllowed));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(evaluation: &str, criteria: &Value) -> QuotationFields {
        serde_json::from_value(
            json!({ "invitation": "open", "award": "whole", "evaluation": evaluation, "criteria": criteria,
            "window_days": 3, "lines": [{ "quantity": "1", "slots": [] }] }),
        )
        .unwrap()
    }

    fn codes(fields: &QuotationFields) -> Vec<Code> {
        fields.faults().into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn criteria_belong_to_a_weighted_evaluation_and_their_weights_make_a_hundred() {
        let criterion = |code: &str, weight: &str| json!({ "code": code, "name": "Mutu", "weight": weight });
        assert!(codes(&fields("lowest_price", &json!([]))).is_empty());
        assert_eq!(codes(&fields("lowest_price", &json!([criterion("a", "100")]))), [Code::ValueNotAllowed]);
        assert!(codes(&fields("weighted", &json!([criterion("a", "60"), criterion("b", "40")]))).is_empty());
        assert_eq!(codes(&fields("weighted", &json!([]))), [Code::WeightsNotWhole]);
        assert_eq!(
            codes(&fields("weighted", &json!([criterion("a", "60"), criterion("a", "30")]))),
            [Code::DuplicateItem, Code::WeightsNotWhole]
        );
    }

    #[test]
    fn a_specification_is_a_flat_list_of_plain_values() {
        let mut fields = fields("lowest_price", &json!([]));
        fields.lines[0].attributes =
            json!({ "warna": "biru", "tebal_mm": 3, "anti_air": true }).as_object().unwrap().clone();
        assert!(codes(&fields).is_empty());
        fields.lines[0].attributes = json!({ "ukuran": [1, 2] }).as_object().unwrap().clone();
        assert_eq!(codes(&fields), [Code::ValueNotAllowed]);
    }
}
