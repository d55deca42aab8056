//! Signing up, confirming a contact, resetting a password.
use super::super::model::{Contact, password_fault};
use super::super::store::{self, ContactRow, UserRow};
use crate::kernel::{Code, ContactId, Ctx, Error, Fault, Language, Refusal, UserId, refuse};
use crate::platform::db::Tx;
use crate::platform::personal;
use crate::platform::sealing::Purpose;
use crate::platform::trail::{self, Audience, Fact, Notice};
use crate::platform::{App, new_id};
use crate::policies;
use chrono::TimeDelta;
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The scope in which a verified contact occurs once.
pub const LOG_IN_SCOPE: &str = "login";

/// Checks a new password against policy and hashes it; outside any transaction, since hashing
/// takes long and nothing may be locked meanwhile.
pub async fn hash_new_password(app: &App, password: &str, about: &[&str]) -> Result<String, Error> {
    let policies = {
        let mut conn = app.db.conn().await?;
        let today = crate::kernel::TimeZone::JAKARTA.date_of(app.clock.now());
        policies::at(&mut conn, today, None).await?
    };
    let (length, score) =
        (policies.count("password.minimum_length")?, policies.count("password.minimum_score")?);
    if let Some(fault) = password_fault(password, about, length, score) {
        return Err(Refusal::rules(vec![fault]).into());
    }
    app.hashing.hash(password).await
}

/// What signing up needs.
pub struct Registration<'r> {
    pub contact: &'r Contact,
    pub full_name: &'r str,
    pub password_hash: &'r str,
    pub language: Language,
}

/// How many mails in an hour anyone may have sent to one contact by asking without a log-in.
const MAILS_AN_HOUR: i32 = 5;

/// Whether a further mail may go to a contact; one that gets none is answered all the same.
async fn may_mail(tx: &mut Tx, app: &App, contact: &Contact) -> Result<bool, Error> {
    let subject = app.keys.mac(Purpose::Delay, &[b"mail", contact.value.as_bytes()]);
    Ok(store::count_attempt(tx, &subject, app.clock.now()).await? <= MAILS_AN_HOUR)
}

/// Makes an account with an unverified contact. A contact that already is somebody's log-in name
/// gets a note instead; the caller cannot tell the two apart.
pub async fn register(tx: &mut Tx, ctx: &Ctx, app: &App, input: &Registration<'_>) -> Result<(), Error> {
    let mailed = may_mail(tx, app, input.contact).await?;
    let Contact { kind, value } = input.contact;
    let known = personal::find_claimed(tx.conn(), &app.keys, *kind, value, LOG_IN_SCOPE).await?;
    let owner = match known {
        Some(value_id) => store::contact_of_value(tx.conn(), value_id).await?,
        None => None,
    };
    if let Some(contact) = owner {
        let notice = mailed.then(|| notice("account_exists", Audience::Contact(contact.id.0)));
        let fact = fact("user.registration_repeated", new_id::<UserId>().0, notice.into_iter().collect());
        return trail::record(tx, ctx, fact).await;
    }
    let now = app.clock.now();
    let user = UserRow {
        id: new_id(),
        full_name: input.full_name.to_owned(),
        password_hash: input.password_hash.to_owned(),
        language: input.language,
        demo: app.settings.demo,
        reset_requested_at: None,
        reset_version: 1,
        created_at: now,
        version: 1,
    };
    store::insert_user(tx, &user).await?;
    let contact = ContactRow {
        id: new_id(),
        user_id: user.id,
        kind: *kind,
        value_id: personal::store(tx, &app.keys, *kind, value).await?,
        verified_at: None,
        created_at: now,
        link_version: 1,
    };
    store::insert_contact(tx, &contact).await?;
    let notice = mailed.then(|| notice("contact_confirmation", Audience::Contact(contact.id.0)));
    trail::record(tx, ctx, fact("user.registered", user.id.0, notice.into_iter().collect())).await
}

/// Confirms a contact with the token of its link; from then on it is a log-in name.
///
/// # Errors
/// `link_invalid` for a token that is wrong, used, late, or whose contact somebody else confirmed.
pub async fn confirm_contact(tx: &mut Tx, ctx: &Ctx, app: &App, token: &str) -> Result<(), Error> {
    let invalid = || Error::from(Refusal::rules(vec![Fault::at("#/token", Code::LinkInvalid)]));
    let id = token_id(token).map(ContactId).ok_or_else(invalid)?;
    let contact = store::lock_contact(tx, id).await?.ok_or_else(invalid)?;
    let expected = app.keys.link_token("contact", id.0, contact.link_version);
    let policies =
        policies::at(tx.conn(), crate::kernel::TimeZone::JAKARTA.date_of(app.clock.now()), None).await?;
    let hours = policies.count("contact_confirmation.valid_hours")?;
    let late = app.clock.now() > contact.created_at + TimeDelta::hours(hours.into());
    if !same(token, &expected) || late || contact.verified_at.is_some() {
        return Err(invalid());
    }
    personal::claim(tx, contact.value_id, LOG_IN_SCOPE, Code::LinkInvalid).await.map_err(
        |error| match error {
            Error::Refused(_) => invalid(),
            error => error,
        },
    )?;
    store::verify_contact(tx, id, app.clock.now()).await?;
    trail::record(tx, ctx, fact("user.contact_confirmed", contact.user_id.0, Vec::new())).await
}

/// Asks for a reset link. An unknown contact leaves the same trace and gets the same answer.
pub async fn request_reset(tx: &mut Tx, ctx: &Ctx, app: &App, contact: &Contact) -> Result<(), Error> {
    let known =
        personal::find_claimed(tx.conn(), &app.keys, contact.kind, &contact.value, LOG_IN_SCOPE).await?;
    let owner = match known {
        Some(value_id) => store::contact_of_value(tx.conn(), value_id).await?,
        None => None,
    };
    let mailed = may_mail(tx, app, contact).await?;
    let (subject, notices) = match owner.filter(|_| mailed) {
        Some(owner) => {
            store::ask_reset(tx, owner.user_id, app.clock.now()).await?;
            (owner.user_id.0, vec![notice("password_reset", Audience::Contact(owner.id.0))])
        }
        None => (new_id::<UserId>().0, Vec::new()),
    };
    trail::record(tx, ctx, fact("user.reset_requested", subject, notices)).await
}

/// Sets a new password and ends every session.
///
/// # Errors
/// `link_invalid` for a token that is wrong, used or late.
pub async fn complete_reset(
    tx: &mut Tx,
    ctx: &Ctx,
    app: &App,
    token: &str,
    password_hash: &str,
) -> Result<(), Error> {
    let invalid = || Error::from(Refusal::rules(vec![Fault::at("#/token", Code::LinkInvalid)]));
    let id = token_id(token).map(UserId).ok_or_else(invalid)?;
    let user = store::lock_user(tx, id).await?.ok_or_else(invalid)?;
    let expected = app.keys.link_token("reset", id.0, user.reset_version);
    let now = app.clock.now();
    let policies = policies::at(tx.conn(), crate::kernel::TimeZone::JAKARTA.date_of(now), None).await?;
    let minutes = TimeDelta::minutes(policies.count("reset.valid_minutes")?.into());
    let in_time = user.reset_requested_at.is_some_and(|asked| now <= asked + minutes);
    if !same(token, &expected) || !in_time {
        return Err(invalid());
    }
    store::set_password(tx, id, password_hash).await?;
    store::end_sessions(tx, id, None, "password_reset", now).await?;
    trail::record(tx, ctx, fact("user.password_reset", id.0, Vec::new())).await
}

/// An account made by the platform's own people, with a contact that counts as verified.
pub struct CreateUser<'c> {
    pub contact: &'c str,
    pub full_name: &'c str,
    pub password_hash: &'c str,
    pub language: Language,
    pub demo: bool,
}

/// # Errors
/// `contact_invalid`; `code_taken` when the contact already is a log-in name.
pub async fn create_user(tx: &mut Tx, ctx: &Ctx, app: &App, input: &CreateUser<'_>) -> Result<UserId, Error> {
    let contact = Contact::parse(input.contact).ok_or_else(|| refuse(Code::ContactInvalid))?;
    let now = app.clock.now();
    let user = UserRow {
        id: new_id(),
        full_name: input.full_name.to_owned(),
        password_hash: input.password_hash.to_owned(),
        language: input.language,
        demo: input.demo,
        reset_requested_at: None,
        reset_version: 1,
        created_at: now,
        version: 1,
    };
    store::insert_user(tx, &user).await?;
    let value_id = personal::store(tx, &app.keys, contact.kind, &contact.value).await?;
    personal::claim(tx, value_id, LOG_IN_SCOPE, Code::CodeTaken).await?;
    let row = ContactRow {
        id: new_id(),
        user_id: user.id,
        kind: contact.kind,
        value_id,
        verified_at: Some(now),
        created_at: now,
        link_version: 1,
    };
    store::insert_contact(tx, &row).await?;
    trail::record(tx, ctx, fact("user.created", user.id.0, Vec::new())).await?;
    Ok(user.id)
}

/// The id in front of a link token.
pub fn token_id(token: &str) -> Option<Uuid> {
    Uuid::try_parse(token.split_once('.')?.0).ok()
}

pub fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

pub fn notice(template: &str, audience: Audience) -> Notice {
    Notice { template: template.into(), audience, arguments: json!({}) }
}

fn fact(kind: &str, subject: Uuid, notices: Vec<Notice>) -> Fact<'_> {
    Fact { kind, subject, before: None, after: json!({ "id": subject }), reason: None, notices }
}
