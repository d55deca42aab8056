//! What the process serves beside the contract: its index, health, metrics, documentation, the
//! pages of problem codes, keys for verifying tokens, and the answer to everything unknown.
use super::call::scene;
use super::problem::Problem;
use super::routes::Contract;
use crate::kernel::{Code, Error, Language, refuse};
use crate::platform::{App, db::migrations, telemetry};
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::json;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use utoipa_swagger_ui::SwaggerUi;

/// The fixed paths beside the contract.
pub const FIXED: [&str; 12] = [
    "/docs",
    "/docs/",
    "/",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.yaml",
    "/openapi.json",
    "/problems",
    "/.well-known/jwks.json",
    "/.well-known/api-catalog",
    "/.well-known/security.txt",
];

pub fn install(config: &mut ServiceConfig, contract: Arc<Contract>) {
    config
        .app_data(web::Data::from(contract.clone()))
        .route("/", web::get().to(index))
        .route("/health/live", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
        .route("/health/ready", web::get().to(ready))
        .route("/metrics", web::get().to(metrics))
        .route(
            "/openapi.yaml",
            web::get().to(|contract: web::Data<Contract>| async move {
                HttpResponse::Ok().content_type("application/yaml").body(contract.yaml())
            }),
        )
        .route(
            "/openapi.json",
            web::get().to(|contract: web::Data<Contract>| async move {
                HttpResponse::Ok().content_type("application/json").body(contract.json())
            }),
        )
        .route(
            "/docs",
            web::get().to(|| async {
                HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
            }),
        )
        .service(SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json")))
        .route("/problems", web::get().to(problem_list))
        .route("/problems/{code}", web::get().to(problem_page))
        .route("/.well-known/jwks.json", web::get().to(jwks))
        .route("/.well-known/api-catalog", web::get().to(catalog))
        .route("/.well-known/security.txt", web::get().to(security))
        .default_service(web::to(not_served));
}

/// 405 with `Allow` where the path is served by other methods, else 404.
pub async fn not_served(request: HttpRequest, contract: web::Data<Contract>) -> HttpResponse {
    let refusal = |code| Problem::new(refuse(code), scene(&request)).respond();
    let path = request.path();
    let allowed = match contract.methods.iter().find(|(pattern, _)| matches(pattern, path)) {
        Some((_, methods)) => methods.join(", "),
        None if FIXED.contains(&path) || path.starts_with("/problems/") => "GET, HEAD, OPTIONS".to_owned(),
        None => return refusal(Code::NotFound),
    };
    if request.method() == actix_web::http::Method::OPTIONS {
        return HttpResponse::NoContent().insert_header((header::ALLOW, allowed)).finish();
    }
    if allowed.split(", ").any(|method| method == request.method().as_str()) {
        return refusal(Code::NotFound);
    }
    let mut response = refusal(Code::MethodNotAllowed);
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(&path)
            .all(|(part, given)| part.starts_with('{') && !given.is_empty() || part == given)
}

async fn index() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "Lokapasar",
        "version": env!("CARGO_PKG_VERSION"),
        "documentation": "/docs",
        "contract": ["/openapi.yaml", "/openapi.json"],
        "public": "/public/v1/products",
        "problems": "/problems",
    }))
}

/// Ready: the database answers and its schema is ours.
async fn ready(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    match migrations::status(&app.db).await {
        Ok(status) if status.pending.is_empty() => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Ok(status) => {
            let error = Error::Unavailable(format!(
                "{} migrations wait: run lokapasar migrate up",
                status.pending.len()
            ));
            Problem::new(error, scene(&request)).respond()
        }
        Err(error) => Problem::new(Error::Unavailable(error.to_string()), scene(&request)).respond(),
    }
}

/// With a token when one is set, else for callers on this machine.
async fn metrics(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let token = app.settings.http.metrics_token.expose_secret();
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let expected = format!("Bearer {token}");
    let loopback = request.peer_addr().is_some_and(|peer| peer.ip().is_loopback());
    let allowed =
        if token.is_empty() { loopback } else { bool::from(given.as_bytes().ct_eq(expected.as_bytes())) };
    if !allowed {
        return Problem::new(refuse(Code::AuthenticationRequired), scene(&request)).respond();
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(telemetry::metrics().render())
}

async fn problem_list() -> HttpResponse {
    let codes: Vec<_> = Code::ALL
        .iter()
        .map(|code| json!({ "code": code.as_str(), "status": code.status(), "page": format!("/problems/{code}") }))
        .collect();
    HttpResponse::Ok().json(codes)
}

/// Cause, remedy and an example of a code, in both languages.
async fn problem_page(request: HttpRequest, code: web::Path<String>) -> HttpResponse {
    let Some(code) = Code::ALL.iter().copied().find(|known| known.as_str() == code.as_str()) else {
        return Problem::new(refuse(Code::NotFound), scene(&request)).respond();
    };
    let (id, en) = (code.texts(Language::Id), code.texts(Language::En));
    HttpResponse::Ok().json(json!({
        "code": code.as_str(),
        "status": code.status(),
        "id": { "cause": id.title, "remedy": id.remedy },
        "en": { "cause": en.title, "remedy": en.remedy },
        "example": {
            "type": format!("/problems/{code}"), "title": id.title, "status": code.status(),
            "detail": super::problem::sentence(code, None, Language::Id), "code": code.as_str(),
        },
    }))
}

async fn jwks(app: web::Data<App>) -> HttpResponse {
    let keys: Vec<_> = app
        .keys
        .verifying()
        .iter()
        .map(|key| {
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key.id, "x": URL_SAFE_NO_PAD.encode(&key.public_bytes),
            })
        })
        .collect();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(json!({ "keys": keys }))
}

async fn catalog(app: web::Data<App>) -> HttpResponse {
    let base = &app.settings.public_url;
    HttpResponse::Ok().content_type("application/linkset+json").body(
        json!({ "linkset": [{
            "anchor": format!("{base}/"),
            "service-desc": [{ "href": format!("{base}/openapi.yaml"), "type": "application/yaml" }],
            "service-doc": [{ "href": format!("{base}/docs/"), "type": "text/html" }],
            "status": [{ "href": format!("{base}/health/ready"), "type": "application/json" }],
        }] })
        .to_string(),
    )
}

/// RFC 9116; it expires a year ahead, by the clock.
async fn security(app: web::Data<App>) -> HttpResponse {
    let expires = app.clock.now() + chrono::TimeDelta::days(365);
    let from = &app.settings.mail.from;
    let address = from.split(['<', '>']).nth(1).unwrap_or(from);
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(format!(
        "Contact: mailto:{address}\nExpires: {}\nPreferred-Languages: id, en\n",
        expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    ))
}
