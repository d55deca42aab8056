//! What handlers answer with: typed views in, bytes out, the same types in the contract.
use super::page::Listing;
use super::problem::Problem;
use crate::kernel::{Code, Error, Language, Refusal};
use serde::Serialize;
use std::marker::PhantomData;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// What a handler returns.
pub type Sends<R> = Result<Sent<R>, Problem>;

/// A finished response that remembers, for the contract, which answer it came from.
pub struct Sent<R>(pub(super) actix_web::HttpResponse, pub(super) PhantomData<R>);

impl<R> actix_web::Responder for Sent<R> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &actix_web::HttpRequest) -> actix_web::HttpResponse {
        self.0
    }
}

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    Private,
    NoStore,
    /// Public, for so many seconds.
    Public(u32),
}

/// An answer taken apart for sending, and for storing under an idempotency key.
#[derive(Debug)]
pub struct Parts {
    pub status: u16,
    pub body: Vec<u8>,
    pub media_type: String,
    pub version: Option<i32>,
    pub location: Option<String>,
    pub next_cursor: Option<String>,
    pub cache: Cache,
    pub attachment: Option<String>,
    /// A refusal whose transaction commits all the same.
    pub refusal: Option<Refusal>,
    /// Taken from the store of an idempotency key.
    pub replayed: bool,
}

/// Anything a handler may answer.
pub trait Answer: 'static {
    const STATUS: u16;

    /// Media type and schema for the contract; none: no body.
    fn document() -> Option<AnswerDocument>;

    fn parts(self) -> Result<Parts, Error>;
}

pub struct AnswerDocument {
    pub media_type: &'static str,
    pub name: Option<String>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// 200 with a representation.
pub struct Reply<V> {
    view: V,
    version: Option<i32>,
    cache: Cache,
}

impl<V> Reply<V> {
    pub fn new(view: V) -> Self {
        Self { view, version: None, cache: Cache::Private }
    }

    /// A single resource, whose ETag carries its version.
    pub fn versioned(view: V, version: i32) -> Self {
        Self { view, version: Some(version), cache: Cache::Private }
    }

    /// May be kept by anyone for so many seconds.
    pub fn public(self, seconds: u32) -> Self {
        Self { cache: Cache::Public(seconds), ..self }
    }

    /// Holds a secret: kept by nobody.
    pub fn secret(self) -> Self {
        Self { cache: Cache::NoStore, ..self }
    }
}

impl<V: Serialize + ToSchema + 'static> Answer for Reply<V> {
    const STATUS: u16 = 200;

    fn document() -> Option<AnswerDocument> {
        Some(json_document::<V>())
    }

    fn parts(self) -> Result<Parts, Error> {
        let mut parts = json_parts(Self::STATUS, &self.view)?;
        parts.version = self.version;
        parts.cache = self.cache;
        Ok(parts)
    }
}

/// 200 with a representation of the schema `V` that was rendered when the thing changed, completed
/// by the members that change without it.
pub struct Rendered<V> {
    document: String,
    beside: Vec<u8>,
    version: i32,
    cache: Cache,
    view: PhantomData<V>,
}

impl<V> Rendered<V> {
    /// `document` is a JSON object in text with at least one member; `beside` serialises to another,
    /// whose members follow.
    ///
    /// # Errors
    /// `Internal` when one of them is no such object.
    pub fn versioned(document: String, beside: &impl Serialize, version: i32) -> Result<Self, Error> {
        let beside = serde_json::to_vec(beside)
            .map_err(|error| Error::Internal(format!("an answer is not JSON: {error}")))?;
        if !document.ends_with('}') || !beside.starts_with(b"{\"") {
            return Err(Error::Internal("a rendered answer is no JSON object".into()));
        }
        Ok(Self { document, beside, version, cache: Cache::Private, view: PhantomData })
    }

    /// May be kept by anyone for so many seconds.
    pub fn public(self, seconds: u32) -> Self {
        Self { cache: Cache::Public(seconds), ..self }
    }
}

impl<V: ToSchema + 'static> Answer for Rendered<V> {
    const STATUS: u16 = 200;

    fn document() -> Option<AnswerDocument> {
        Some(json_document::<V>())
    }

    fn parts(self) -> Result<Parts, Error> {
        let mut body = self.document.into_bytes();
        body.pop();
        body.push(b',');
        body.extend_from_slice(&self.beside[1..]);
        Ok(Parts { body, version: Some(self.version), cache: self.cache, ..empty() })
    }
}

/// 201 with the new thing's address and representation.
pub struct Created<V> {
    pub view: V,
    pub version: i32,
    pub location: String,
}

impl<V: Serialize + ToSchema + 'static> Answer for Created<V> {
    const STATUS: u16 = 201;

    fn document() -> Option<AnswerDocument> {
        Some(json_document::<V>())
    }

    fn parts(self) -> Result<Parts, Error> {
        let mut parts = json_parts(Self::STATUS, &self.view)?;
        parts.version = Some(self.version);
        parts.location = Some(self.location);
        Ok(parts)
    }
}

impl<V: Serialize + ToSchema + 'static> Answer for Listing<V> {
    const STATUS: u16 = 200;

    fn document() -> Option<AnswerDocument> {
        Some(json_document::<Self>())
    }

    fn parts(self) -> Result<Parts, Error> {
        let mut parts = json_parts(Self::STATUS, &self)?;
        parts.next_cursor = self.next_cursor;
        if let Some(seconds) = self.public_for {
            parts.cache = Cache::Public(seconds);
        }
        Ok(parts)
    }
}

/// 202: it will be done, and the answer tells nothing more.
pub struct Accepted<V>(pub V);

impl<V: Serialize + ToSchema + 'static> Answer for Accepted<V> {
    const STATUS: u16 = 202;

    fn document() -> Option<AnswerDocument> {
        Some(json_document::<V>())
    }

    fn parts(self) -> Result<Parts, Error> {
        let mut parts = json_parts(Self::STATUS, &self.0)?;
        parts.cache = Cache::NoStore;
        Ok(parts)
    }
}

/// 204.
pub struct NoContent;

impl Answer for NoContent {
    const STATUS: u16 = 204;

    fn document() -> Option<AnswerDocument> {
        None
    }

    fn parts(self) -> Result<Parts, Error> {
        Ok(Parts { status: 204, ..empty() })
    }
}

/// 200 with a file, offered for saving and never shown in place unless it is a picture.
pub struct Download {
    pub bytes: Vec<u8>,
    pub media_type: String,
    pub file_name: String,
    pub public: bool,
}

impl Answer for Download {
    const STATUS: u16 = 200;

    fn document() -> Option<AnswerDocument> {
        Some(AnswerDocument { media_type: "application/octet-stream", name: None, schemas: Vec::new() })
    }

    fn parts(self) -> Result<Parts, Error> {
        Ok(Parts {
            body: self.bytes,
            media_type: self.media_type,
            attachment: Some(self.file_name),
            cache: if self.public { Cache::Public(86_400) } else { Cache::NoStore },
            ..empty()
        })
    }
}

/// An answer, or a refusal that must leave its trace: both commit.
pub enum Outcome<R> {
    Done(R),
    Refused(Refusal),
}

impl<R: Answer> Answer for Outcome<R> {
    const STATUS: u16 = R::STATUS;

    fn document() -> Option<AnswerDocument> {
        R::document()
    }

    fn parts(self) -> Result<Parts, Error> {
        match self {
            Self::Done(answer) => answer.parts(),
            Self::Refused(refusal) => Ok(Parts { refusal: Some(refusal), ..empty() }),
        }
    }
}

/// What the caller may do next with a thing, and what stands in the way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AvailableAction {
    #[schema(example = "submit")]
    verb: &'static str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl AvailableAction {
    /// From the check that the action itself makes; `None`: it is allowed.
    pub fn new(verb: &'static str, refused: Option<Code>, language: Language) -> Self {
        let texts = refused.map(|code| code.texts(language));
        Self {
            verb,
            allowed: refused.is_none(),
            code: refused.map(Code::as_str),
            reason: texts.map(|texts| texts.title),
            remedy: texts.map(|texts| texts.remedy),
        }
    }
}

pub fn empty() -> Parts {
    Parts {
        status: 200,
        body: Vec::new(),
        media_type: "application/json".into(),
        version: None,
        location: None,
        next_cursor: None,
        cache: Cache::Private,
        attachment: None,
        refusal: None,
        replayed: false,
    }
}

fn json_parts(status: u16, view: &impl Serialize) -> Result<Parts, Error> {
    let body = serde_json::to_vec(view)
        .map_err(|error| Error::Internal(format!("an answer is not JSON: {error}")))?;
    Ok(Parts { status, body, ..empty() })
}

fn json_document<V: ToSchema>() -> AnswerDocument {
    let mut schemas = vec![(V::name().into_owned(), V::schema())];
    V::schemas(&mut schemas);
    AnswerDocument { media_type: "application/json", name: Some(V::name().into_owned()), schemas }
}
