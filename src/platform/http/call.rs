//! The one fallible extractor. actix polls a handler's extractors side by side and answers with
//! the first error; the order of refusals is part of the contract (401 → 403 → path → query →
//! headers → body), so there is one extractor that goes through it step by step.
use super::body::{Body, BodyLimits};
use super::idempotency;
use super::limits::Rate;
use super::problem::{Problem, Scene};
use super::reply::{Answer, Cache, Parts, Sends, Sent};
use super::shape::query_value;
use crate::kernel::{Act, Action, Code, Ctx, Error, Fault, Language, Place, Refusal, refuse};
use crate::platform::db::{PooledConn, Tx};
use crate::platform::sealing::sha256;
use crate::platform::{App, Permission};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, dev::Payload, web,
};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;
use utoipa::IntoParams;
use uuid::Uuid;

/// A request that passed the edge: who calls, for what, with which input.
pub struct Call<A, P = (), Q = NoQuery, B = super::NoBody> {
    pub app: App,
    pub path: P,
    pub query: Q,
    pub body: B,
    pub ctx: Ctx,
    envelope: Envelope,
    action: PhantomData<A>,
}

/// What of the request its answer needs.
struct Envelope {
    scene: Scene,
    method: Method,
    path_and_query: String,
    query: String,
    body_digest: [u8; 32],
    key: Option<String>,
    rate: Rate,
    address: IpAddr,
}

/// An operation without parameters.
#[derive(Debug, serde::Deserialize, IntoParams)]
pub struct NoQuery {}

/// Path arguments: nothing, one id, or two.
pub trait PathArgs: Sized + 'static {
    fn parse(segments: &[&str]) -> Option<Self>;
}

impl PathArgs for () {
    fn parse(_: &[&str]) -> Option<Self> {
        Some(())
    }
}

impl<I: From<Uuid> + 'static> PathArgs for (I,) {
    fn parse(segments: &[&str]) -> Option<Self> {
        Some((id(segments, 0)?,))
    }
}

impl<I: From<Uuid> + 'static, J: From<Uuid> + 'static> PathArgs for (I, J) {
    fn parse(segments: &[&str]) -> Option<Self> {
        Some((id(segments, 0)?, id(segments, 1)?))
    }
}

fn id<I: From<Uuid>>(segments: &[&str], place: usize) -> Option<I> {
    Some(Uuid::try_parse(segments.get(place)?).ok()?.into())
}

/// The request's trace id, put there by the outermost middleware.
#[derive(Clone)]
pub struct TraceId(pub String);

/// What an answer says of the request it answers.
pub fn scene(request: &HttpRequest) -> Scene {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let settings = request.app_data::<web::Data<App>>().map(|app| &app.settings);
    Scene {
        language: Language::preferred(text(header::ACCEPT_LANGUAGE)),
        trace_id: request.extensions().get::<TraceId>().map(|id| id.0.clone()).unwrap_or_default(),
        instance: request.path().chars().take(200).collect(),
        base: settings.map(|settings| settings.public_url.clone()).unwrap_or_default(),
        realm: settings.map(|settings| settings.realm),
    }
}

impl<A, P, Q, B> FromRequest for Call<A, P, Q, B>
where
    A: Act,
    P: PathArgs,
    Q: DeserializeOwned + IntoParams + 'static,
    B: Body,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let scene = scene(&request);
            accept(&request, &mut payload, &scene).await.map_err(|error| Problem::new(error, scene))
        })
    }
}

async fn accept<A, P, Q, B>(
    request: &HttpRequest,
    payload: &mut Payload,
    scene: &Scene,
) -> Result<Call<A, P, Q, B>, Error>
where
    A: Act,
    P: PathArgs,
    Q: DeserializeOwned + IntoParams + 'static,
    B: Body,
{
    let app = request.app_data::<web::Data<App>>().ok_or_else(|| Error::Internal("no App".into()))?;
    let app = App::clone(app);
    let (actor, rate, address) = admit(request, &app, A::ACTION).await?;
    let segments: Vec<&str> = request.match_info().iter().map(|(_, value)| value).collect();
    let path = P::parse(&segments).ok_or_else(|| refuse(Code::NotFound))?;
    let query = parse_query::<Q>(request.query_string())?;
    let headers = parse_headers(request, A::ACTION)?;
    let limits = BodyLimits {
        json_bytes: app.settings.http.body_limit_bytes,
        upload_bytes: app.settings.http.upload_limit_bytes,
        time: Duration::from_secs(app.settings.http.timeout_seconds),
    };
    let (body, body_digest) = B::read(request, payload, limits).await?;
    let ctx = Ctx {
        actor,
        home_realm: app.settings.realm,
        request_id: scene.trace_id.clone(),
        language: scene.language,
        if_match: headers.if_match,
        if_match_required: [Method::PUT, Method::PATCH, Method::DELETE].contains(request.method()),
        dry_run: headers.dry_run,
    };
    let envelope = Envelope {
        scene: scene.clone(),
        method: request.method().clone(),
        path_and_query: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        query: request.query_string().to_owned(),
        body_digest,
        key: headers.key,
        rate,
        address,
    };
    Ok(Call { app, path, query, body, ctx, envelope, action: PhantomData })
}

/// Address, account and role: all that is decided before anything is looked at.
async fn admit(
    request: &HttpRequest,
    app: &App,
    action: Action,
) -> Result<(Option<crate::kernel::Actor>, Rate, IpAddr), Error> {
    let address = caller_address(request, app);
    let mut rate = app.limits.check_address(address)?;
    if action.refuses_key() {
        rate = app.limits.check_log_in(address)?;
    }
    acceptable(request.headers())?;
    let actor = match bearer(request.headers())? {
        Some(token) => {
            let actor = (app.doors.authenticate)(app, token).await?;
            rate = app.limits.check_user(actor.user)?;
            Some(actor)
        }
        None => None,
    };
    let role = actor.as_ref().and_then(|actor| actor.member.as_ref()).map(|member| member.role);
    match (app.doors.permits)(action, role) {
        Permission::Public => {}
        _ if actor.is_none() => return Err(refuse(Code::AuthenticationRequired)),
        Permission::Granted => {}
        Permission::MembershipMissing => return Err(refuse(Code::MembershipRequired)),
        Permission::Refused => return Err(refuse(Code::RoleForbidden)),
    }
    Ok((actor, rate, address))
}

/// The address that counts: the peer's, or what a trusted proxy says in front of it.
fn caller_address(request: &HttpRequest, app: &App) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
    let trusted =
        |address: &IpAddr| app.settings.http.trusted_proxies.iter().any(|network| network.contains(address));
    if !trusted(&peer) {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
    // From the right: the first hop that is no proxy of ours is the caller.
    hops.iter().rev().find(|hop| !trusted(hop)).or(hops.first()).copied().unwrap_or(peer)
}

fn acceptable(headers: &HeaderMap) -> Result<(), Error> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(());
    };
    let fits = accept.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range.is_empty()
            || range.starts_with("*/")
            || range.starts_with("application/")
            || range.starts_with("image/")
    });
    if fits { Ok(()) } else { Err(refuse(Code::NotAcceptable)) }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| refuse(Code::InvalidToken))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
            Ok(Some(token))
        }
        _ => Err(refuse(Code::InvalidToken)),
    }
}

fn parse_query<Q: DeserializeOwned + IntoParams + 'static>(text: &str) -> Result<Q, Error> {
    let refusal = |faults: Vec<Fault>| {
        let unknown = faults.iter().any(|fault| fault.code == Code::UnknownParameter);
        let code = if unknown { Code::UnknownParameter } else { Code::InvalidParameter };
        Error::from(Refusal { faults, ..Refusal::new(code) })
    };
    let value = query_value::<Q>(text).map_err(refusal)?;
    serde_json::from_value(value).map_err(|_| {
        refusal(vec![Fault { place: Place::Parameter("query".into()), code: Code::OutOfRange, limit: None }])
    })
}

struct Headers {
    key: Option<String>,
    if_match: Option<i32>,
    dry_run: bool,
}

fn parse_headers(request: &HttpRequest, action: Action) -> Result<Headers, Error> {
    let dry_run = match rehearsal(request.query_string()).as_slice() {
        [] => false,
        [text] if text == "true" => true,
        [text] if text == "false" => false,
        _ => return Err(bad_place(Place::Parameter("dry_run".into()), Code::InvalidParameter)),
    };
    if !dry_run && request.method() != Method::POST && !rehearsal(request.query_string()).is_empty() {
        return Err(bad_place(Place::Parameter("dry_run".into()), Code::UnknownParameter));
    }
    if dry_run && (request.method() != Method::POST || action.refuses_dry_run()) {
        return Err(refuse(Code::DryRunNotSupported));
    }
    let key = match request.headers().get("idempotency-key") {
        None if action.requires_key() && !dry_run => return Err(refuse(Code::IdempotencyKeyMissing)),
        None => None,
        Some(_) if action.refuses_key() => return Err(refuse(Code::IdempotencyNotSupported)),
        Some(value) => {
            let text = value.to_str().unwrap_or_default().trim();
            let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
            let valid = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !valid {
                return Err(refuse(Code::IdempotencyKeyInvalid));
            }
            Some(text.to_owned()).filter(|_| request.method() == Method::POST && !dry_run)
        }
    };
    let if_match = match request.headers().get(header::IF_MATCH) {
        None => None,
        Some(value) => Some(
            version_of(value)
                .ok_or_else(|| bad_place(Place::Header("If-Match".into()), Code::HeaderInvalid))?,
        ),
    };
    Ok(Headers { key, if_match, dry_run })
}

/// `If-Match` compares the version alone, whatever digest and coding follow it.
fn version_of(value: &HeaderValue) -> Option<i32> {
    let text = value.to_str().ok()?.trim().trim_start_matches("W/").trim_matches('"');
    text.strip_prefix('v')?.split('-').next()?.parse().ok()
}

/// Every value of `dry_run`, by its decoded name.
fn rehearsal(query: &str) -> Vec<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    pairs.into_iter().filter(|(name, _)| name == "dry_run").map(|(_, value)| value).collect()
}

fn bad_place(place: Place, code: Code) -> Error {
    Refusal { faults: vec![Fault { place, code, limit: None }], ..Refusal::new(code) }.into()
}

impl<A: Act, P, Q, B> Call<A, P, Q, B> {
    /// Answers a read.
    pub async fn read<R: Answer>(
        &self,
        work: impl AsyncFn(&mut PooledConn, &Ctx) -> Result<R, Error>,
    ) -> Sends<R> {
        let outcome = match self.app.db.conn().await {
            Ok(mut conn) => work(&mut conn, &self.ctx).await.and_then(Answer::parts),
            Err(error) => Err(error),
        };
        self.send(outcome)
    }

    /// Answers a write: idempotency key, command, stored answer, one commit. A dry run is the
    /// same, rolled back.
    pub async fn write<R: Answer>(&self, work: impl AsyncFn(&mut Tx, &Ctx) -> Result<R, Error>) -> Sends<R> {
        let outcome = self.run(&async |tx: &mut Tx, ctx: &Ctx| work(tx, ctx).await?.parts()).await;
        self.send(outcome)
    }

    /// Answers a write that keeps an uploaded file, which `work` gets as its storage key. A write that
    /// is refused or was answered before leaves no file behind; one of unknown outcome keeps it.
    pub async fn write_file<R: Answer>(
        &self,
        bytes: &[u8],
        work: impl AsyncFn(&mut Tx, &Ctx, &str) -> Result<R, Error>,
    ) -> Sends<R> {
        let key = match self.app.files.store(bytes).await {
            Ok(key) => key,
            Err(error) => return self.send(Err(error)),
        };
        let outcome = self.run(&async |tx: &mut Tx, ctx: &Ctx| work(tx, ctx, &key).await?.parts()).await;
        let unused = match &outcome {
            Ok(parts) => parts.replayed || parts.refusal.is_some(),
            Err(error) => matches!(error, Error::Refused(_)),
        };
        if unused {
            self.app.files.remove(&key).await;
        }
        self.send(outcome)
    }

    /// Work that must be done before any transaction is open (hashing, files).
    pub async fn before<T>(&self, work: impl AsyncFn(&App) -> Result<T, Error>) -> Result<T, Problem> {
        work(&self.app).await.map_err(|error| Problem::new(error, self.envelope.scene.clone()))
    }

    /// The caller's address, for delays after refused log-ins.
    pub fn address(&self) -> IpAddr {
        self.envelope.address
    }

    pub(super) fn path_text(&self) -> &str {
        self.envelope.path_and_query.split('?').next().unwrap_or_default()
    }

    pub(super) fn query_text(&self) -> &str {
        &self.envelope.query
    }

    async fn run(&self, work: &impl AsyncFn(&mut Tx, &Ctx) -> Result<Parts, Error>) -> Result<Parts, Error> {
        let (db, realm) = (&self.app.db, self.ctx.realm());
        if self.ctx.dry_run {
            return db.rehearsal(realm, async |tx| work(tx, &self.ctx).await).await;
        }
        let Some(key) = &self.envelope.key else {
            return db.transaction(realm, async |tx| work(tx, &self.ctx).await).await;
        };
        let key = idempotency::Key::new(
            &self.app.keys,
            &self.ctx,
            self.envelope.method.as_str(),
            &self.envelope.path_and_query,
            key,
            &self.envelope.body_digest,
        );
        let now = self.app.clock.now();
        db.transaction(realm, async |tx| {
            if let Some(stored) = key.stored(tx, &self.app.keys).await? {
                return Ok(stored);
            }
            let parts = work(tx, &self.ctx).await?;
            if parts.refusal.is_none() {
                key.keep(tx, &self.app.keys, &parts, now).await?;
            }
            Ok(parts)
        })
        .await
    }

    fn send<R>(&self, outcome: Result<Parts, Error>) -> Sends<R> {
        let refusal = match outcome {
            Ok(Parts { refusal: Some(refusal), .. }) => Error::from(refusal),
            Ok(parts) => return Ok(Sent(self.respond(parts), PhantomData)),
            Err(error) => error,
        };
        Err(Problem::new(refusal, self.envelope.scene.clone()))
    }

    fn respond(&self, parts: Parts) -> HttpResponse {
        let status = StatusCode::from_u16(parts.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        let Rate { policy, quota, remaining } = self.envelope.rate;
        response
            .insert_header(("RateLimit-Policy", format!("\"{policy}\";q={quota};w=60")))
            .insert_header(("RateLimit", format!("\"{policy}\";r={remaining};t=60")));
        let cache = match parts.cache {
            Cache::Private => "private, no-cache".to_owned(),
            Cache::NoStore => "no-store".to_owned(),
            Cache::Public(seconds) => format!("public, max-age={seconds}"),
        };
        response.insert_header((header::CACHE_CONTROL, cache));
        let digest = hex::encode(&sha256(&parts.body)[..8]);
        if let Some(version) = parts.version {
            response.insert_header((header::ETAG, format!("\"v{version}-{digest}\"")));
        } else if self.envelope.method == Method::GET && parts.cache != Cache::NoStore {
            response.insert_header((header::ETAG, format!("\"v0-{digest}\"")));
        }
        if let Some(location) = parts.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(cursor) = &parts.next_cursor {
            response.insert_header((header::LINK, self.next_link(cursor)));
        }
        if parts.replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        if let Some(name) = parts.attachment {
            let disposition = if parts.media_type.starts_with("image/") { "inline" } else { "attachment" };
            response
                .insert_header((header::CONTENT_DISPOSITION, format!("{disposition}; filename=\"{name}\"")));
        }
        // Whoever plays in a sandbox must be able to tell it from the real thing.
        response.insert_header(("X-Realm", self.ctx.realm().as_str()));
        response.insert_header((header::VARY, "Accept-Language"));
        if parts.status == 204 {
            return response.finish();
        }
        response.content_type(parts.media_type).body(parts.body)
    }

    fn next_link(&self, cursor: &str) -> String {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(&self.envelope.query).unwrap_or_default();
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(name, _)| name != "cursor").collect();
        pairs.push(("cursor".to_owned(), cursor.to_owned()));
        let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
        let path = self.path_text();
        format!("<{path}?{query}>; rel=\"next\"")
    }
}
