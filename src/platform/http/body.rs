//! Bodies: JSON in two passes, uploads by content, or none.
//!
//! serde_json alone takes the last of two equal keys and lets NUL through; both are told here,
//! by a visitor of our own, because an object that reads differently to two readers is a hole.
use super::shape::body_faults;
use crate::kernel::{Code, Error, Fault, Place, Refusal, refuse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest as _, HttpRequest, dev::Payload};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::time::Duration;
use utoipa::ToSchema;
use validator::Validate;

/// Limits that reading a body obeys.
#[derive(Clone, Copy)]
pub struct BodyLimits {
    pub json_bytes: usize,
    pub upload_bytes: usize,
    pub time: Duration,
}

/// A body that an operation takes.
pub trait Body: Sized + 'static {
    /// Media types, schema and example for the contract; none: no body.
    fn document() -> Option<BodyDocument>;

    /// Reads and checks; the digest is over what was sent, for idempotency.
    fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        limits: BodyLimits,
    ) -> impl Future<Output = Result<(Self, [u8; 32]), Error>>;
}

/// What the contract says of a body.
pub struct BodyDocument {
    pub media_types: Vec<&'static str>,
    pub name: String,
    pub schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
    pub is_upload: bool,
}

/// No body; whatever is sent is refused when it is more than nothing.
#[derive(Debug)]
pub struct NoBody;

impl Body for NoBody {
    fn document() -> Option<BodyDocument> {
        None
    }

    async fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        limits: BodyLimits,
    ) -> Result<(Self, [u8; 32]), Error> {
        let bytes = collect(request, payload, limits.json_bytes, limits.time).await?;
        let empty = bytes.iter().all(u8::is_ascii_whitespace) || bytes.as_ref() == b"{}";
        if empty {
            Ok((Self, crate::platform::sealing::sha256(&[])))
        } else {
            Err(refuse(Code::UnsupportedMediaType))
        }
    }
}

/// A JSON body that passed both passes.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Validate + ToSchema + 'static> Body for Json<T> {
    fn document() -> Option<BodyDocument> {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        Some(BodyDocument {
            media_types: vec!["application/json"],
            name: T::name().into_owned(),
            schemas,
            is_upload: false,
        })
    }

    async fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        limits: BodyLimits,
    ) -> Result<(Self, [u8; 32]), Error> {
        let (value, digest) = read_json(request, payload, limits, &["application/json"]).await?;
        Ok((Self(checked(value)?), digest))
    }
}

async fn read_json(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits,
    accepted: &[&str],
) -> Result<(Value, [u8; 32]), Error> {
    if !accepted.contains(&media_type(request.headers()).as_str()) {
        return Err(refuse(Code::UnsupportedMediaType));
    }
    let bytes = collect(request, payload, limits.json_bytes, limits.time).await?;
    Ok((strict(&bytes)?, crate::platform::sealing::sha256(&bytes)))
}

/// A JSON Merge Patch (RFC 7396) over the fields `T`, whose shape was checked; it becomes a `T`
/// once it is laid over what there is.
#[derive(Debug)]
pub struct Merge<T> {
    patch: Value,
    fields: std::marker::PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned + Validate + ToSchema + 'static> Body for Merge<T> {
    fn document() -> Option<BodyDocument> {
        let media_types = vec!["application/merge-patch+json", "application/json"];
        Some(BodyDocument { media_types, ..Json::<T>::document()? })
    }

    async fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        limits: BodyLimits,
    ) -> Result<(Self, [u8; 32]), Error> {
        let (patch, digest) =
            read_json(request, payload, limits, &["application/merge-patch+json", "application/json"])
                .await?;
        let faults = body_faults::<T>(&patch);
        if !faults.is_empty() {
            return Err(Refusal::rules(faults).into());
        }
        Ok((Self { patch, fields: std::marker::PhantomData }, digest))
    }
}

impl<T: Serialize + DeserializeOwned + Validate + ToSchema + 'static> Merge<T> {
    /// The fields as they are after the patch.
    ///
    /// # Errors
    /// Every rule that the merged fields break.
    pub fn over(&self, current: &T) -> Result<T, Error> {
        let mut merged = serde_json::to_value(current).map_err(|error| Error::Internal(error.to_string()))?;
        merge(&mut merged, &self.patch);
        checked(merged)
    }

    /// Whether the patch names a field.
    pub fn touches(&self, field: &str) -> bool {
        self.patch.get(field).is_some()
    }
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(fields) = target {
        for (name, value) in patch {
            if value.is_null() {
                fields.shift_remove(name);
            } else {
                merge(fields.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// A file with the fields that were sent beside it.
#[derive(Debug)]
pub struct Upload<T> {
    pub file: Uploaded,
    pub fields: T,
}

/// A file as its content shows it to be.
pub struct Uploaded {
    pub bytes: Vec<u8>,
    /// Sniffed from the content: application/pdf, image/jpeg or image/png.
    pub media_type: &'static str,
    pub sha256: [u8; 32],
}

impl std::fmt::Debug for Uploaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uploaded({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

impl<T: DeserializeOwned + Validate + ToSchema + 'static> Body for Upload<T> {
    fn document() -> Option<BodyDocument> {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        Some(BodyDocument {
            media_types: vec!["multipart/form-data"],
            name: T::name().into_owned(),
            schemas,
            is_upload: true,
        })
    }

    async fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        limits: BodyLimits,
    ) -> Result<(Self, [u8; 32]), Error> {
        if media_type(request.headers()) != "multipart/form-data"
            || request.headers().contains_key(header::CONTENT_ENCODING)
        {
            return Err(refuse(Code::UnsupportedMediaType));
        }
        let parts = read_parts(request, payload, limits.upload_bytes);
        let (file, fields) =
            tokio::time::timeout(limits.time, parts).await.map_err(|_| refuse(Code::RequestTimeout))??;
        let bytes = file.ok_or_else(|| Refusal::rules(vec![Fault::at("#/file", Code::Required)]))?;
        let media_type = match infer::get(&bytes).map(|kind| kind.mime_type()) {
            Some("application/pdf") => "application/pdf",
            Some("image/jpeg") => "image/jpeg",
            Some("image/png") => "image/png",
            _ => return Err(refuse(Code::FileTypeRefused)),
        };
        let sha256 = crate::platform::sealing::sha256(&bytes);
        let mut digest = sha256.to_vec();
        digest.extend_from_slice(Value::Object(fields.clone()).to_string().as_bytes());
        let fields = checked(Value::Object(fields))?;
        let file = Uploaded { bytes, media_type, sha256 };
        Ok((Self { file, fields }, crate::platform::sealing::sha256(&digest)))
    }
}

/// Shape first, each fault told; then the typed value's own rules, each fault told.
fn checked<T: DeserializeOwned + Validate + ToSchema + 'static>(value: Value) -> Result<T, Error> {
    let faults = body_faults::<T>(&value);
    if !faults.is_empty() {
        return Err(Refusal::rules(faults).into());
    }
    // What the schema let through and the type refuses is a number or date beyond its range.
    let typed: T =
        serde_json::from_value(value).map_err(|_| Refusal::rules(vec![Fault::at("#", Code::OutOfRange)]))?;
    typed.validate().map_err(|errors| Refusal::rules(rule_faults("#", &errors)))?;
    Ok(typed)
}

/// validator's own serialisation carries the rejected value, so only field and code are taken.
fn rule_faults(path: &str, errors: &validator::ValidationErrors) -> Vec<Fault> {
    use validator::ValidationErrorsKind as Kind;
    let mut faults = Vec::new();
    for (field, kind) in errors.errors() {
        let at = if field == "__all__" { path.to_owned() } else { format!("{path}/{field}") };
        match kind {
            Kind::Field(found) => faults.extend(found.iter().map(|error| {
                Fault {
                    place: Place::Pointer(at.clone()),
                    code: Code::ALL
                        .iter()
                        .copied()
                        .find(|code| code.as_str() == error.code)
                        .unwrap_or(Code::PatternMismatch),
                    limit: error.params.get("limit").and_then(Value::as_str).map(ToOwned::to_owned),
                }
            })),
            Kind::Struct(inner) => faults.extend(rule_faults(&at, inner)),
            Kind::List(items) => {
                for (index, inner) in items {
                    faults.extend(rule_faults(&format!("{at}/{index}"), inner));
                }
            }
        }
    }
    faults
}

async fn collect(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
    time: Duration,
) -> Result<Bytes, Error> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(refuse(Code::UnsupportedMediaType));
    }
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = || Error::from(Refusal::new(Code::BodyTooLarge).with_limit(limit));
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| refuse(Code::InvalidJson))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(time, read).await.map_err(|_| refuse(Code::RequestTimeout))?
}

type Parts = (Option<Vec<u8>>, Map<String, Value>);

async fn read_parts(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Result<Parts, Error> {
    let malformed = || refuse(Code::MalformedUpload);
    let mut parts =
        actix_multipart::Multipart::from_request(request, payload).await.map_err(|_| malformed())?;
    let (mut file, mut fields) = (None, Map::new());
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|_| malformed())?;
        let name = part.name().unwrap_or_default().to_owned();
        let limit = if name == "file" { limit } else { 2_000 };
        let mut bytes = Vec::new();
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(|_| malformed())?;
            if bytes.len() + chunk.len() > limit {
                return Err(Refusal::new(Code::BodyTooLarge).with_limit(limit).into());
            }
            bytes.extend_from_slice(&chunk);
        }
        if name == "file" {
            if file.replace(bytes).is_some() {
                return Err(malformed());
            }
        } else {
            let text =
                String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(malformed)?;
            if fields.len() >= 20 || fields.insert(name, Value::String(text)).is_some() {
                return Err(malformed());
            }
        }
    }
    Ok((file, fields))
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn strict(bytes: &[u8]) -> Result<Value, Error> {
    let invalid = |_| refuse(Code::InvalidJson);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.read(&mut reader).map_err(invalid)?;
    reader.end().map_err(invalid)?;
    Ok(value)
}

/// Reads JSON without duplicate keys, NUL or deep nesting.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    const DEEPEST: usize = 24;

    fn read<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        serde::de::DeserializeSeed::deserialize(self, deserializer)
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == Self::DEEPEST {
            Err(E::custom("too deep"))
        } else {
            Ok(Self { depth: self.depth + 1 })
        }
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') { Err(E::custom("NUL")) } else { Ok(value.into()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        use serde::de::Error;
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if name.contains('\0') || object.contains_key(&name) {
                return Err(A::Error::custom("duplicate key or NUL"));
            }
            object.insert(name, entries.next_value_seed(inner)?);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_two_readers_may_read_differently_is_refused() {
        assert!(strict(br#"{"a":1,"b":[true,null,"x"]}"#).is_ok());
        assert!(strict(br#"{"a":1,"a":2}"#).is_err());
        assert!(strict(br#"{"a":"\u0000"}"#).is_err());
        assert!(strict(br#"{"a":"\ud800"}"#).is_err());
        assert!(strict(br#"{"a":1} x"#).is_err());
        assert!(strict("[".repeat(40).as_bytes()).is_err());
        let deep = "[".repeat(30) + &"]".repeat(30);
        assert!(strict(deep.as_bytes()).is_err());
    }
}
