//! The first pass over input: its shape, against the very schema that the contract publishes.
use crate::kernel::{Code, Fault, Place};
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::{Map, Value, json};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

thread_local! {
    static SCHEMAS: RefCell<HashMap<TypeId, Rc<jsonschema::Validator>>> = RefCell::default();
}

/// Every way in which a body departs from its schema. Refused values are never part of a fault.
pub fn body_faults<T: ToSchema + 'static>(body: &Value) -> Vec<Fault> {
    let validator = compiled(TypeId::of::<T>(), || {
        let mut parts = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        let root = format!("#/components/schemas/{}", T::name());
        json!({ "$ref": root, "components": { "schemas": components(parts) } })
    });
    faults(&validator, body, &|path, code, limit| Fault {
        place: Place::Pointer(format!("#{path}")),
        code,
        limit,
    })
}

/// Parameters as the typed value will read them, or every fault they have.
pub fn query_value<T: IntoParams + 'static>(text: &str) -> Result<Value, Vec<Fault>> {
    let parameters = T::into_params(|| Some(ParameterIn::Query));
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).unwrap_or_default();
    let mut value = Map::new();
    let mut faults_found = Vec::new();
    for (name, text) in pairs {
        if name == "dry_run" {
            continue;
        }
        let place = Place::Parameter(name.clone());
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
            // The name itself is the caller's; it is theirs to read back, cut to a fair length.
            let place = Place::Parameter(name.chars().take(60).collect());
            faults_found.push(Fault { place, code: Code::UnknownParameter, limit: None });
            continue;
        };
        if text.contains('\0') {
            faults_found.push(Fault { place, code: Code::PatternMismatch, limit: None });
            continue;
        }
        if value.contains_key(&name) {
            faults_found.push(Fault { place, code: Code::DuplicateItem, limit: None });
            continue;
        }
        value.insert(name, typed(parameter, text));
    }
    let validator = compiled(TypeId::of::<T>(), || {
        let required: Vec<_> = parameters
            .iter()
            .filter(|parameter| matches!(parameter.required, Required::True))
            .map(|parameter| parameter.name.clone())
            .collect();
        let properties: Map<String, Value> = parameters
            .iter()
            .map(|parameter| {
                (parameter.name.clone(), parameter.schema.as_ref().map_or(json!({}), |schema| json!(schema)))
            })
            .collect();
        json!({ "type": "object", "properties": properties, "required": required })
    });
    let value = Value::Object(value);
    faults_found.extend(faults(&validator, &value, &|path, code, limit| Fault {
        place: Place::Parameter(path.trim_start_matches('/').to_owned()),
        code,
        limit,
    }));
    if faults_found.is_empty() { Ok(value) } else { Err(faults_found) }
}

/// Query texts carry no types; the schema says what a text stands for.
fn typed(parameter: &Parameter, text: String) -> Value {
    let schema = parameter.schema.as_ref().map(|schema| json!(schema)).unwrap_or_default();
    let kinds = schema["type"].to_string();
    if kinds.contains("integer") || kinds.contains("boolean") {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    } else {
        Value::String(text)
    }
}

fn components(parts: Vec<(String, RefOr<Schema>)>) -> HashMap<String, RefOr<Schema>> {
    parts.into_iter().collect()
}

/// Compiled once for each worker thread.
fn compiled(of: TypeId, schema: impl FnOnce() -> Value) -> Rc<jsonschema::Validator> {
    SCHEMAS.with_borrow_mut(|schemas| {
        schemas
            .entry(of)
            .or_insert_with(|| {
                let built = jsonschema::options()
                    .with_draft(jsonschema::Draft::Draft202012)
                    .should_validate_formats(true)
                    .build(&schema());
                Rc::new(built.unwrap_or_else(|error| panic!("a derived schema is not valid: {error}")))
            })
            .clone()
    })
}

fn faults(
    validator: &jsonschema::Validator,
    value: &Value,
    make: &dyn Fn(String, Code, Option<String>) -> Fault,
) -> Vec<Fault> {
    let mut found: Vec<Fault> = Vec::new();
    for error in validator.iter_errors(value).take(100) {
        let path = error.instance_path().to_string();
        flatten(error.kind(), path, make, &mut found);
    }
    found
}

fn flatten(
    kind: &Kind,
    path: String,
    make: &dyn Fn(String, Code, Option<String>) -> Fault,
    found: &mut Vec<Fault>,
) {
    let (code, limit) = match kind {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            found.push(make(format!("{path}/{name}"), Code::Required, None));
            return;
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(20) {
                let name: String = name.chars().take(60).collect();
                found.push(make(
                    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")),
                    Code::UnknownField,
                    None,
                ));
            }
            return;
        }
        // `null or T`: what T refuses is what the caller should read.
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let branch = context.iter().find(|errors| {
                !errors.iter().any(|error| {
                    matches!(error.kind(), Kind::Type { .. })
                        && error.instance_path().as_str().len() <= path.len()
                })
            });
            match branch {
                Some(errors) if !errors.is_empty() => {
                    for error in errors {
                        // Paths in a branch are from the whole value's root.
                        flatten(error.kind(), error.instance_path().to_string(), make, found);
                    }
                    return;
                }
                _ => (Code::WrongType, None),
            }
        }
        Kind::Type { kind } => (Code::WrongType, Some(type_name(kind))),
        Kind::Enum { options } => (
            Code::ValueNotAllowed,
            Some(options.as_array().map_or_else(String::new, |options| {
                options.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            })),
        ),
        Kind::Constant { .. } => (Code::ValueNotAllowed, None),
        Kind::MaxLength { limit } => (Code::TooLong, Some(limit.to_string())),
        Kind::MinLength { limit } => (Code::TooShort, Some(limit.to_string())),
        Kind::MaxItems { limit } => (Code::TooManyItems, Some(limit.to_string())),
        Kind::MinItems { limit } => (Code::TooFewItems, Some(limit.to_string())),
        Kind::MaxProperties { limit } => (Code::TooManyItems, Some(limit.to_string())),
        Kind::MinProperties { limit } => (Code::TooFewItems, Some(limit.to_string())),
        Kind::UniqueItems => (Code::DuplicateItem, None),
        Kind::Pattern { pattern } => (Code::PatternMismatch, Some(pattern.clone())),
        Kind::Format { format } => (Code::InvalidFormat, Some(format.clone())),
        Kind::Maximum { limit } | Kind::ExclusiveMaximum { limit } => {
            (Code::OutOfRange, Some(format!("≤ {limit}")))
        }
        Kind::Minimum { limit } | Kind::ExclusiveMinimum { limit } => {
            (Code::OutOfRange, Some(format!("≥ {limit}")))
        }
        _ => (Code::WrongType, None),
    };
    found.push(make(path, code, limit));
}

fn type_name(kind: &jsonschema::error::TypeKind) -> String {
    match kind {
        jsonschema::error::TypeKind::Single(kind) => kind.to_string(),
        jsonschema::error::TypeKind::Multiple(kinds) => {
            kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
        }
    }
}
