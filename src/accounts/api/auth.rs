//! Sign-up, log-in, refresh, reset.
use super::super::commands::{self, Registration, Tokens};
use super::super::model::Contact;
use super::super::store::{self, SessionRow};
use super::me::MembershipView;
use crate::kernel::{Code, Error, Fault, Language, MembershipId, Refusal, SessionId, act};
use crate::platform::http::{
    Accepted, Api, Call, Json, Listing, NoBody, NoContent, NoQuery, Outcome, PageQuery, Reply, Sends,
};
use crate::platform::personal::PersonalKind;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/auth/registrations", register_user)
        .post("/api/v1/auth/contact-confirmations", confirm_contact)
        .post("/api/v1/auth/sessions", log_in)
        .get("/api/v1/auth/sessions", list_sessions)
        .delete("/api/v1/auth/sessions/{id}", end_session)
        .post("/api/v1/auth/sessions/refresh", refresh_session)
        .post("/api/v1/auth/password-resets", request_password_reset)
        .post("/api/v1/auth/password-resets/actions/complete", complete_password_reset);
}

/// What the caller is told whatever happened.
#[derive(Serialize, ToSchema)]
struct AcceptedView {
    #[schema(example = "accepted")]
    status: &'static str,
}

fn accepted() -> Accepted<AcceptedView> {
    Accepted(AcceptedView { status: "accepted" })
}

/// A new account.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact": "sri@example.id", "full_name": "Sri Wahyuni", "password": "gerobak-lumpia-melintas-senja", "language": "id" }))]
struct RegisterUser {
    /// E-mail address or phone number; it becomes the log-in name once confirmed.
    #[schema(min_length = 5, max_length = 254)]
    contact: String,
    #[schema(min_length = 1, max_length = 120, pattern = "\\S")]
    full_name: String,
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 200)]
    password: SecretString,
    /// Language of notices.
    language: Option<Language>,
}

async fn register_user(
    call: Call<act::RegisterUser, (), NoQuery, Json<RegisterUser>>,
) -> Sends<Accepted<AcceptedView>> {
    let input = &call.body.0;
    let hash = call
        .before(async |app| {
            let contact = contact(&input.contact)?;
            if contact.kind == PersonalKind::Phone && !app.mailer.reaches_phones() {
                return Err(Refusal::rules(vec![Fault::at("#/contact", Code::PhoneNotServed)]).into());
            }
            commands::hash_new_password(
                app,
                input.password.expose_secret(),
                &[&input.full_name, &input.contact],
            )
            .await
        })
        .await?;
    call.write(async |tx, ctx| {
        let registration = Registration {
            contact: &contact(&input.contact)?,
            full_name: input.full_name.trim(),
            password_hash: &hash,
            language: input.language.unwrap_or(ctx.language),
        };
        commands::register(tx, ctx, &call.app, &registration).await?;
        Ok(accepted())
    })
    .await
}

/// The token of a link.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmContact {
    #[schema(min_length = 1, max_length = 200)]
    token: String,
}

async fn confirm_contact(
    call: Call<act::ConfirmContact, (), NoQuery, Json<ConfirmContact>>,
) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::confirm_contact(tx, ctx, &call.app, &call.body.0.token).await?;
        Ok(NoContent)
    })
    .await
}

/// A log-in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    #[schema(min_length = 1, max_length = 254, example = "sri@example.id")]
    contact: String,
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 200, example = "gerobak-lumpia-melintas-senja")]
    password: SecretString,
    /// How the caller will recognise this device in the list of devices.
    #[schema(max_length = 80, example = "HP Android Sri")]
    device: Option<String>,
    /// For whom to act; with one membership it need not be named.
    membership_id: Option<MembershipId>,
}

/// An access token (15 minutes) and a refresh token (once).
#[derive(Serialize, ToSchema)]
struct TokensView {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    refresh_token: String,
    refresh_expires_at: DateTime<Utc>,
    /// For whom the token acts; null until a membership is chosen.
    membership: Option<MembershipView>,
}

fn tokens(tokens: Tokens) -> Reply<TokensView> {
    Reply::new(TokensView {
        access_token: tokens.access,
        token_type: "Bearer",
        expires_in: tokens.access_seconds,
        refresh_token: tokens.refresh,
        refresh_expires_at: tokens.refresh_expires_at,
        membership: tokens.standing.map(MembershipView::from),
    })
    .secret()
}

async fn log_in(call: Call<act::LogIn, (), NoQuery, Json<LogIn>>) -> Sends<Outcome<Reply<TokensView>>> {
    let input = &call.body.0;
    let address = call.address();
    let checked = call
        .before(async |app| {
            // What is no contact at all is nobody's, and costs the same work.
            let contact = Contact::parse(&input.contact).unwrap_or_else(|| Contact::nobody(&input.contact));
            commands::check_password(app, &contact, input.password.expose_secret(), address).await
        })
        .await?;
    call.write(async |tx, ctx| {
        let device = input.device.as_deref().unwrap_or_default();
        let outcome = commands::log_in(tx, ctx, &call.app, &checked, device, input.membership_id).await?;
        Ok(told(outcome))
    })
    .await
}

/// A refresh token, and whom to act for from now on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshSession {
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 100)]
    refresh_token: SecretString,
    membership_id: Option<MembershipId>,
}

async fn refresh_session(
    call: Call<act::RefreshSession, (), NoQuery, Json<RefreshSession>>,
) -> Sends<Outcome<Reply<TokensView>>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let outcome =
            commands::refresh(tx, ctx, &call.app, input.refresh_token.expose_secret(), input.membership_id)
                .await?;
        Ok(told(outcome))
    })
    .await
}

fn told(outcome: Outcome<Tokens>) -> Outcome<Reply<TokensView>> {
    match outcome {
        Outcome::Done(given) => Outcome::Done(tokens(given)),
        Outcome::Refused(refusal) => Outcome::Refused(refusal),
    }
}

/// A contact whose owner forgot the password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct RequestPasswordReset {
    #[schema(min_length = 5, max_length = 254, example = "sri@example.id")]
    contact: String,
}

async fn request_password_reset(
    call: Call<act::RequestPasswordReset, (), NoQuery, Json<RequestPasswordReset>>,
) -> Sends<Accepted<AcceptedView>> {
    call.write(async |tx, ctx| {
        commands::request_reset(tx, ctx, &call.app, &contact(&call.body.0.contact)?).await?;
        Ok(accepted())
    })
    .await
}

/// A new password with the token of the reset link.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompletePasswordReset {
    #[schema(min_length = 1, max_length = 200)]
    token: String,
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 200)]
    password: SecretString,
}

async fn complete_password_reset(
    call: Call<act::CompletePasswordReset, (), NoQuery, Json<CompletePasswordReset>>,
) -> Sends<NoContent> {
    let input = &call.body.0;
    let hash = call
        .before(async |app| commands::hash_new_password(app, input.password.expose_secret(), &[]).await)
        .await?;
    call.write(async |tx, ctx| {
        commands::complete_reset(tx, ctx, &call.app, &input.token, &hash).await?;
        Ok(NoContent)
    })
    .await
}

/// A device that is logged in.
#[derive(Serialize, ToSchema)]
struct SessionView {
    id: SessionId,
    device: String,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    current: bool,
    /// For `If-Match`; a session never changes but to end.
    version: i32,
}

async fn list_sessions(call: Call<act::ListSessions, (), PageQuery>) -> Sends<Listing<SessionView>> {
    call.read(async |conn, ctx| {
        let actor = ctx.actor()?;
        let page = call.page::<SessionId>()?;
        let rows = store::sessions_of_user(conn, actor.user, page.after().copied(), page.fetch()).await?;
        let show = |row: SessionRow| SessionView {
            id: row.id,
            device: row.device,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            current: row.id == actor.session,
            version: 1,
        };
        Ok(page.close(rows, |row| row.id).map(show))
    })
    .await
}

async fn end_session(call: Call<act::EndSession, (SessionId,), NoQuery, NoBody>) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::end_session(tx, ctx, &call.app, call.path.0).await?;
        Ok(NoContent)
    })
    .await
}

fn contact(text: &str) -> Result<Contact, Error> {
    Contact::parse(text)
        .ok_or_else(|| Refusal::rules(vec![Fault::at("#/contact", Code::ContactInvalid)]).into())
}
