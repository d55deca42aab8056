//! The server around the handlers: trace ids, logs, metrics, compression, HEAD, conditional GET,
//! security headers, CORS, time limits and a shutdown that lets running requests finish.
use super::call::TraceId;
use super::documents;
use super::routes::Api;
use crate::kernel::Code;
use crate::platform::App;
use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{HttpMessage as _, HttpServer, web};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server that answers.
pub struct Running {
    pub address: SocketAddr,
    /// The parts it serves with, its public address filled in.
    pub app: App,
    handle: ServerHandle,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Takes no new connections and waits for the running requests.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        let _ = self.task.await;
    }
}

/// Binds and serves; `register` fills in the operations, once for each worker thread.
pub async fn serve(mut app: App, register: fn() -> Api) -> anyhow::Result<Running> {
    let contract = Arc::new(register().contract());
    let listener = std::net::TcpListener::bind(&app.settings.listen).with_context(|| {
        format!("cannot listen on {}: choose another address in listen", app.settings.listen)
    })?;
    let address = listener.local_addr()?;
    if app.settings.public_url.is_empty() {
        let mut settings = (*app.settings).clone();
        settings.public_url = format!("http://{address}");
        app.settings = Arc::new(settings);
    }
    let served = app.clone();
    let http = app.settings.http.clone();
    let workers = app.settings.workers;
    crate::platform::telemetry::metrics();
    let factory = move || {
        let (mut app, contract) = (app.clone(), contract.clone());
        match app.db.share(workers) {
            Ok(db) => app.db = db,
            // The address was good for the process's own pool; without a share that one serves.
            Err(error) => tracing::warn!(%error, "a worker has no pool of its own"),
        }
        actix_web::App::new()
            .app_data(web::Data::new(app.clone()))
            .configure(|config| register().install(config))
            .configure(|config| documents::install(config, contract))
            // Innermost first: the handler's answer is compressed, then tagged and compared.
            .wrap(Compress::default())
            .wrap(from_fn(conditional))
            .wrap(cors(&app))
            .wrap(from_fn(observe))
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        .client_request_timeout(Duration::from_secs(http.timeout_seconds))
        .client_disconnect_timeout(Duration::from_secs(2))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(http.shutdown_seconds)
        .backlog(2048)
        .listen(listener)?;
    // Signals are the process's own affair: it has more to stop than the server.
    let server = server.disable_signals().run();
    let handle = server.handle();
    Ok(Running { address, app: served, handle, task: tokio::spawn(server) })
}

fn cors(app: &App) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "accept-language",
            "traceparent",
        ])
        .expose_headers([
            "etag",
            "location",
            "link",
            "retry-after",
            "x-request-id",
            "x-realm",
            "ratelimit",
            "ratelimit-policy",
            "idempotent-replayed",
        ])
        .max_age(3600);
    app.settings.http.cors_origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// Outermost: gives the request its id, treats HEAD as GET, logs and counts, sets what every
/// answer carries.
async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let trace_id = trace_id(request.headers());
    request.extensions_mut().insert(TraceId(trace_id.clone()));
    let method = request.method().clone();
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let long = request.uri().path_and_query().is_some_and(|path| path.as_str().len() > 4096);
    let outcome = if long {
        let problem =
            super::problem::Problem::new(Code::UriTooLong.into(), super::call::scene(request.request()));
        Ok(request.into_response(problem.respond()))
    } else {
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(error) => return Err(error),
    };
    let pattern = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
    let status = response.status();
    let elapsed = started.elapsed();
    // A method that nobody serves is the caller's own word; the labels stay few.
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let method_label = if known.contains(&method) { method.to_string() } else { "OTHER".into() };
    let labels = [
        ("method", method_label.clone()),
        ("path", pattern.clone()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(elapsed.as_secs_f64());
    metrics::counter!("http_requests_total", &labels).increment(1);
    tracing::info!(
        target: "lokapasar::http",
        trace_id, method = method_label, path = pattern, status = status.as_u16(), duration_ms = elapsed.as_secs_f64() * 1e3, "request"
    );
    let documentation = response.request().path().starts_with("/docs");
    let headers = response.headers_mut();
    set(headers, "x-request-id", &trace_id);
    set(headers, "x-content-type-options", "nosniff");
    set(headers, "x-frame-options", "DENY");
    set(headers, "referrer-policy", "no-referrer");
    set(headers, "cross-origin-resource-policy", "cross-origin");
    set(
        headers,
        "content-security-policy",
        if documentation {
            "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
        } else {
            "default-src 'none'; frame-ancestors 'none'"
        },
    );
    Ok(response)
}

/// Strong ETags name the coding they were sent in, and a GET whose tag the caller holds is 304.
async fn conditional(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let held = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    let reads = request.method() == Method::GET;
    let mut response = next.call(request).await?.map_into_boxed_body();
    // One field with everything in it: layers further out keep only the first.
    let mut vary: Vec<String> = response
        .headers()
        .get_all(header::VARY)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_lowercase()))
        .filter(|name| name != "accept-encoding")
        .collect();
    vary.push("accept-encoding".into());
    vary.sort();
    vary.dedup();
    set(response.headers_mut(), "vary", &vary.join(", "));
    let coding = response.headers().get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let suffix = match coding {
        Some("gzip") => "-gz",
        Some("br") => "-br",
        _ => "",
    };
    let Some(tag) = response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()) else {
        return Ok(response);
    };
    let tag = format!("{}{suffix}\"", tag.trim_end_matches('"'));
    set(response.headers_mut(), "etag", &tag);
    let matches = held.is_some_and(|held| {
        held.split(',').any(|candidate| candidate.trim() == tag || candidate.trim() == "*")
    });
    if reads && matches && response.status() == StatusCode::OK {
        *response.response_mut().status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_ENCODING);
        response.headers_mut().remove(header::CONTENT_TYPE);
        return Ok(response.map_body(|_, _| BoxBody::new(())));
    }
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The caller's W3C trace id, or a fresh one of the same form.
fn trace_id(headers: &HeaderMap) -> String {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|text| {
        let id = text.split('-').nth(1)?;
        let valid = id.len() == 32
            && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && id.bytes().any(|b| b != b'0');
        valid.then(|| id.to_owned())
    });
    given.unwrap_or_else(|| hex::encode(crate::platform::sealing::random::<16>()))
}
