//! Problems as callers read them (RFC 9457), rendered once, at the edge.
use crate::kernel::{Code, Error, Fault, Language, Place, Realm, Refusal};
use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal together with what rendering it needs of the request.
#[derive(Debug, Clone)]
pub struct Problem {
    pub refusal: Box<Refusal>,
    pub scene: Box<Scene>,
}

/// What of the request goes into a problem document.
#[derive(Debug, Clone)]
pub struct Scene {
    pub language: Language,
    pub trace_id: String,
    /// Path of the request, without its query.
    pub instance: String,
    pub base: String,
    /// None: before anything is known of the system.
    pub realm: Option<Realm>,
}

/// The problem document.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView {
    /// Address of the page that explains the code.
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    instance: String,
    code: String,
    trace_id: String,
    /// Every fault of the input, when the input is at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FaultView>,
}

/// One fault of the input.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultView {
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    code: String,
    detail: String,
}

impl Problem {
    /// Turns any error into what the caller may read of it; faults of ours are logged here, once.
    pub fn new(error: Error, scene: Scene) -> Self {
        let refusal = match error {
            Error::Refused(refusal) => refusal,
            Error::Unavailable(what) => {
                tracing::warn!(trace_id = %scene.trace_id, what, "unavailable");
                Box::new(Refusal::new(Code::Unavailable).retry_after(2))
            }
            Error::Retry => Box::new(Refusal::new(Code::Unavailable).retry_after(1)),
            Error::Internal(what) => {
                tracing::error!(trace_id = %scene.trace_id, instance = %scene.instance, what, "internal error");
                Box::new(Refusal::new(Code::InternalError))
            }
        };
        Self { refusal, scene: Box::new(scene) }
    }

    pub fn respond(&self) -> HttpResponse {
        let Self { refusal, scene } = self;
        let code = refusal.code;
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        response
            .content_type("application/problem+json")
            .insert_header((header::CONTENT_LANGUAGE, scene.language.as_str()))
            .insert_header((header::VARY, "Accept-Language"))
            .insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(realm) = scene.realm {
            response.insert_header(("X-Realm", realm.as_str()));
        }
        if let Some(seconds) = refusal.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let (Code::RateLimited, Some((policy, quota))) =
            (code, refusal.limit.as_deref().and_then(|limit| limit.split_once(": ")))
        {
            let wait = refusal.retry_after.unwrap_or(60);
            response
                .insert_header(("RateLimit-Policy", format!("\"{policy}\";q={quota};w=60")))
                .insert_header(("RateLimit", format!("\"{policy}\";r=0;t={wait}")));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""));
        }
        let texts = code.texts(scene.language);
        response.json(ProblemView {
            r#type: format!("{}/problems/{code}", scene.base),
            title: texts.title.to_owned(),
            status: status.as_u16(),
            detail: sentence(code, refusal.limit.as_deref(), scene.language),
            instance: scene.instance.clone(),
            code: code.as_str(),
            trace_id: scene.trace_id.clone(),
            errors: refusal.faults.iter().map(|fault| FaultView::new(fault, scene.language)).collect(),
        })
    }
}

/// "Fact (figure). Remedy."
pub fn sentence(code: Code, limit: Option<&str>, language: Language) -> String {
    let texts = code.texts(language);
    match limit {
        Some(limit) => format!("{} ({limit}). {}", texts.title, texts.remedy),
        None => format!("{}. {}", texts.title, texts.remedy),
    }
}

impl FaultView {
    /// A fault in the caller's language.
    pub fn new(fault: &Fault, language: Language) -> Self {
        let (mut pointer, mut parameter, mut header) = (None, None, None);
        match &fault.place {
            Place::Pointer(place) => pointer = Some(place.clone()),
            Place::Parameter(place) => parameter = Some(place.clone()),
            Place::Header(place) => header = Some(place.clone()),
        }
        Self {
            pointer,
            parameter,
            header,
            code: fault.code.as_str(),
            detail: sentence(fault.code, fault.limit.as_deref(), language),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.refusal.code.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.respond()
    }
}
