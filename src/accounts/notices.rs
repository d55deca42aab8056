//! Notices: planned from events, written when they are sent.
//!
//! The planner turns an event's notices into one delivery for each person; the sender leases due
//! deliveries, renders the text (link tokens are derived here and rest nowhere), hands it over and
//! marks it. Nothing is locked while a mail is under way. A crash between handing over and
//! marking leads to at most one repeat, under the same Message-ID.
use super::store;
use crate::kernel::{ContactId, Error, Language, OrganisationId, PersonalValueId, Role, UserId};
use crate::platform::db::{Conn, Tx, sql};
use crate::platform::mail::Mail;
use crate::platform::trail::{self, Audience, Notice, Positioned};
use crate::platform::{App, Clock, personal};
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use minijinja::Environment;
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;

const LEASE: TimeDelta = TimeDelta::minutes(2);
const ATTEMPTS: usize = 14;

/// What one step of the worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeProgress {
    pub sequenced: usize,
    pub planned: usize,
    pub sent: usize,
    pub failed: usize,
}

impl NoticeProgress {
    pub fn idle(self) -> bool {
        self == Self::default()
    }
}

/// One step: give events positions, plan deliveries, send what is due.
pub async fn step(app: &App) -> Result<NoticeProgress, Error> {
    let realm = app.settings.realm;
    let sequenced = app.db.transaction(realm, trail::sequence).await?;
    let planned = app.db.transaction(realm, async |tx| plan(tx, app).await).await?;
    let due = app.db.transaction(realm, async |tx| lease(tx, app.clock.now()).await).await?;
    let mut progress = NoticeProgress { sequenced, planned, ..NoticeProgress::default() };
    for delivery in due {
        if !renew(app, &delivery).await? {
            continue;
        }
        let outcome = deliver(app, &delivery).await;
        if outcome.is_err() {
            // What a mail server says may name the recipient, so it is not logged.
            tracing::warn!(delivery.id = %delivery.id, attempts = delivery.attempts, "a notice was not delivered");
        }
        settle(app, &delivery, outcome.is_ok()).await?;
        match outcome {
            Ok(()) => progress.sent += 1,
            Err(_) => progress.failed += 1,
        }
    }
    Ok(progress)
}

async fn plan(tx: &mut Tx, app: &App) -> Result<usize, Error> {
    let realm = tx.realm();
    let reader = format!("notices:{realm}");
    let Some(position) = trail::lock_reader(tx, &reader).await? else { return Ok(0) };
    let events = trail::after(tx.conn(), position, 200).await?;
    let Some(last) = events.last() else { return Ok(0) };
    let last = last.position;
    let mut planned = 0;
    // Each realm has a worker of its own, which alone may tell its people anything.
    for event in events.iter().filter(|event| event.realm == realm) {
        planned += plan_event(tx, app, event).await?;
    }
    trail::move_reader(tx, &reader, last).await?;
    Ok(planned)
}

async fn plan_event(tx: &mut Tx, app: &App, event: &Positioned) -> Result<usize, Error> {
    let notices = event.payload.get("notices").cloned().unwrap_or(json!([]));
    let notices: Vec<Notice> = serde_json::from_value(notices)
        .map_err(|error| Error::Internal(format!("event {} has malformed notices: {error}", event.id)))?;
    let mut planned = 0;
    for notice in notices {
        for address in addresses(tx.conn(), app, &notice.audience).await? {
            planned += sql(
                "INSERT INTO deliveries (id, event_id, realm, value_id, language, template, arguments, due_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            )
            .bind::<SqlUuid, _>(Clock::new_id())
            .bind::<SqlUuid, _>(event.id)
            .bind::<Text, _>(event.realm)
            .bind::<SqlUuid, _>(address.value_id)
            .bind::<Text, _>(address.language)
            .bind::<Text, _>(&notice.template)
            .bind::<Jsonb, _>(arguments(&notice, event.subject_id, address.contact_id))
            .bind::<Timestamptz, _>(app.clock.now())
            .execute(tx.conn())
            .await?;
        }
    }
    Ok(planned)
}

fn arguments(notice: &Notice, subject: Uuid, contact: Option<ContactId>) -> Value {
    let mut arguments = notice.arguments.clone();
    if let Value::Object(fields) = &mut arguments {
        fields.entry("subject").or_insert(json!(subject));
        fields.insert("contact".into(), json!(contact));
    }
    arguments
}

#[derive(QueryableByName)]
struct Address {
    #[diesel(sql_type = SqlUuid)]
    value_id: PersonalValueId,
    #[diesel(sql_type = diesel::sql_types::Nullable<SqlUuid>)]
    contact_id: Option<ContactId>,
    #[diesel(sql_type = Text)]
    language: Language,
}

/// To whom a notice goes: each person once, by the oldest verified contact that the channel reaches.
async fn addresses(conn: &mut Conn, app: &App, audience: &Audience) -> Result<Vec<Address>, Error> {
    let kinds = if app.mailer.reaches_phones() { "'email', 'phone'" } else { "'email'" };
    let members = format!("SELECT DISTINCT ON (u.id) c.value_id, c.id AS contact_id, u.language
        FROM memberships m JOIN organisations o ON o.id = m.organisation_id JOIN users u ON u.id = m.user_id
        JOIN contacts c ON c.user_id = u.id JOIN realms r ON r.realm = o.realm
        CROSS JOIN LATERAL (SELECT ((clock_timestamp() + make_interval(secs => r.clock_offset_seconds))
            AT TIME ZONE o.time_zone)::date AS today) AS d
        WHERE m.ended_at IS NULL AND m.valid_from <= d.today AND (m.valid_to IS NULL OR m.valid_to >= d.today)
          AND u.ended_at IS NULL AND c.verified_at IS NOT NULL AND c.ended_at IS NULL AND c.kind IN ({kinds})");
    match audience {
        Audience::Value(value) => {
            Ok(vec![Address { value_id: PersonalValueId(*value), contact_id: None, language: Language::Id }])
        }
        Audience::Contact(contact) => Ok(sql(
            "SELECT c.value_id, c.id AS contact_id, u.language FROM contacts c JOIN users u ON u.id = c.user_id
             WHERE c.id = $1 AND c.ended_at IS NULL",
        )
        .bind::<SqlUuid, _>(contact)
        .load(conn)
        .await?),
        Audience::Person(user) => Ok(sql(format!(
            "SELECT DISTINCT ON (u.id) c.value_id, c.id AS contact_id, u.language FROM users u JOIN contacts c ON c.user_id = u.id
             WHERE u.id = $1 AND u.ended_at IS NULL AND c.verified_at IS NOT NULL AND c.ended_at IS NULL AND c.kind IN ({kinds})
             ORDER BY u.id, c.id"
        ))
        .bind::<SqlUuid, _>(user)
        .load(conn)
        .await?),
        Audience::Membership(membership) => Ok(sql(format!("{members} AND (m.id = $1 OR m.deputy_for = $1) ORDER BY u.id, c.id"))
            .bind::<SqlUuid, _>(membership)
            .load(conn)
            .await?),
        Audience::Members { organisation, roles } => {
            Ok(sql(format!("{members} AND o.id = $1 AND m.role = ANY($2) ORDER BY u.id, c.id LIMIT 200"))
                .bind::<SqlUuid, _>(organisation)
                .bind::<Array<Text>, _>(roles)
                .load(conn)
                .await?)
        }
        Audience::Unit { organisation, unit, roles } => Ok(sql(format!(
            "{members} AND o.id = $1 AND m.role = ANY($2)
               AND (NOT EXISTS (SELECT FROM membership_units mu WHERE mu.membership_id = m.id)
                 OR EXISTS (SELECT FROM membership_units mu WHERE mu.membership_id = m.id AND mu.unit_id = $3))
             ORDER BY u.id, c.id LIMIT 200"
        ))
        .bind::<SqlUuid, _>(organisation)
        .bind::<Array<Text>, _>(roles)
        .bind::<SqlUuid, _>(unit)
        .load(conn)
        .await?),
    }
}

#[derive(QueryableByName)]
struct Delivery {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    value_id: PersonalValueId,
    #[diesel(sql_type = Text)]
    language: Language,
    #[diesel(sql_type = Text)]
    template: String,
    #[diesel(sql_type = Jsonb)]
    arguments: Value,
    #[diesel(sql_type = Integer)]
    attempts: i32,
}

/// Takes due deliveries for a while; several workers never take the same one.
async fn lease(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Delivery>, Error> {
    let realm = tx.realm();
    let mut taken: Vec<Delivery> = sql(
        "UPDATE deliveries SET leased_until = $2, attempts = attempts + 1 WHERE id IN (
             SELECT id FROM deliveries WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= $1 AND realm = $4
               AND (leased_until IS NULL OR leased_until <= $1)
             ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id, value_id, language, template, arguments, attempts",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now + LEASE)
    .bind::<BigInt, _>(20)
    .bind::<Text, _>(realm)
    .load(tx.conn())
    .await?;
    // Ids rise with time: people read their mails in the order of what happened.
    taken.sort_by_key(|delivery| delivery.id);
    Ok(taken)
}

/// Takes the lease anew before a delivery is tried: those before it may have taken long, and another
/// worker may hold it by now.
async fn renew(app: &App, delivery: &Delivery) -> Result<bool, Error> {
    let now = app.clock.now();
    let renewed = app
        .db
        .transaction(app.settings.realm, async |tx| {
            Ok(sql(
                "UPDATE deliveries SET leased_until = $2 WHERE id = $1 AND sent_at IS NULL AND attempts = $3",
            )
            .bind::<SqlUuid, _>(delivery.id)
            .bind::<Timestamptz, _>(now + LEASE)
            .bind::<Integer, _>(delivery.attempts)
            .execute(tx.conn())
            .await?)
        })
        .await?;
    Ok(renewed == 1)
}

async fn deliver(app: &App, delivery: &Delivery) -> anyhow::Result<()> {
    let mail = {
        let mut conn = app.db.conn().await?;
        let to = personal::open(&mut conn, &app.keys, [delivery.value_id]).await?;
        // An erased address gets nothing, and that is right.
        let Some(to) = to.get(&delivery.value_id) else { return Ok(()) };
        let link = link(app, &mut conn, delivery).await?;
        let names = names(&mut conn, delivery).await?;
        compose(app, delivery, to, link.as_deref(), names)?
    };
    app.mailer.send(&mail).await
}

async fn link(app: &App, conn: &mut Conn, delivery: &Delivery) -> anyhow::Result<Option<String>> {
    let id = |field: &str| {
        delivery.arguments.get(field).and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok())
    };
    let base = &app.settings.public_url;
    let link = match (delivery.template.as_str(), id("contact"), id("subject")) {
        ("contact_confirmation", Some(contact), _) => {
            format!("{base}/confirm#token={}", app.keys.link_token("contact", contact, 1))
        }
        ("password_reset", _, Some(user)) => {
            let user = store::user(conn, UserId(user)).await?;
            let Some(user) = user else { return Ok(None) };
            format!("{base}/reset#token={}", app.keys.link_token("reset", user.id.0, user.reset_version))
        }
        ("invitation", _, Some(invitation)) => {
            format!(
                "{base}/invitations/{invitation}#token={}",
                app.keys.link_token("invitation", invitation, 1)
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(link))
}

/// Names that the event does not hold, since a sole trader's may be a person's: of the organisation
/// that a notice mentions, and of the vendor that it is about.
async fn names(conn: &mut Conn, delivery: &Delivery) -> anyhow::Result<Vec<(&'static str, String)>> {
    let about_vendor = delivery.template.starts_with("vendor_");
    let wanted = [("organisation", "organisation_id", true), ("title", "subject", about_vendor)];
    let mut names = Vec::new();
    for (name, field, _) in wanted.into_iter().filter(|(.., wanted)| *wanted) {
        let id = delivery.arguments.get(field).and_then(Value::as_str);
        if let Some(id) = id.and_then(|id| Uuid::try_parse(id).ok()) {
            names.push((name, store::organisation_name(conn, OrganisationId(id)).await?));
        }
    }
    Ok(names)
}

fn compose(
    app: &App,
    delivery: &Delivery,
    to: &str,
    link: Option<&str>,
    names: Vec<(&'static str, String)>,
) -> anyhow::Result<Mail> {
    let mut arguments = delivery.arguments.clone();
    if let Value::Object(fields) = &mut arguments {
        for (field, name) in names {
            fields.insert(field.into(), json!(name));
        }
        fields.insert("link".into(), json!(link));
        fields.insert("address".into(), json!(app.settings.public_url));
        let role = fields.get("role").and_then(Value::as_str).and_then(|role| role.parse::<Role>().ok());
        if let Some(role) = role {
            fields.insert("role".into(), json!(role_name(role, delivery.language)));
        }
    }
    let name = format!("{}.{}", delivery.template, delivery.language);
    let text = templates()?.get_template(&name)?.render(minijinja::value::Serde(&arguments))?;
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Mail {
        message_id: format!("<{}@lokapasar>", delivery.id),
        to: to.to_owned(),
        subject: subject.trim().to_owned(),
        text: text.trim().to_owned(),
    })
}

async fn settle(app: &App, delivery: &Delivery, sent: bool) -> Result<(), Error> {
    let now = app.clock.now();
    let attempts = usize::try_from(delivery.attempts).unwrap_or(ATTEMPTS);
    let again = ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(10))
        .with_max_delay(Duration::from_secs(6 * 3600))
        .with_max_times(ATTEMPTS)
        .build()
        .nth(attempts.saturating_sub(1));
    let (sent_at, given_up_at) = match (sent, again) {
        (true, _) => (Some(now), None),
        (false, None) => (None, Some(now)),
        (false, Some(_)) => (None, None),
    };
    let due_at = now + again.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default();
    app.db
        .transaction(app.settings.realm, async |tx| {
            sql(
                "UPDATE deliveries SET sent_at = $2, given_up_at = $3, due_at = $4, leased_until = NULL WHERE id = $1 AND attempts = $5",
            )
            .bind::<SqlUuid, _>(delivery.id)
            .bind::<diesel::sql_types::Nullable<Timestamptz>, _>(sent_at)
            .bind::<diesel::sql_types::Nullable<Timestamptz>, _>(given_up_at)
            .bind::<Timestamptz, _>(due_at)
            .bind::<Integer, _>(delivery.attempts)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await
}

fn role_name(role: Role, language: Language) -> &'static str {
    let (id, en) = match role {
        Role::VendorOwner => ("pemilik usaha", "owner"),
        Role::VendorStaff => ("staf usaha", "staff"),
        Role::Requester => ("pemohon", "requester"),
        Role::ProcurementOfficer => ("pejabat pengadaan", "procurement officer"),
        Role::CommitmentOfficer => ("pejabat pembuat komitmen", "commitment officer"),
        Role::ActivityOfficer => ("PPTK", "activity officer"),
        Role::Receiver => ("penerima barang", "receiver"),
        Role::Treasurer => ("bendahara", "treasurer"),
        Role::AssistantTreasurer => ("bendahara pembantu", "assistant treasurer"),
        Role::PaymentVerifier => ("PPK-SKPD", "payment verifier"),
        Role::GoodsCustodian => ("pengurus barang", "goods custodian"),
        Role::BudgetUser => ("pengguna anggaran", "budget user"),
        Role::Auditor => ("auditor", "auditor"),
        Role::Verifier => ("pemverifikasi", "verifier"),
        Role::Curator => ("kurator", "curator"),
        Role::Mediator => ("mediator", "mediator"),
        Role::Helpdesk => ("helpdesk", "helpdesk"),
        Role::PlatformAuditor => ("auditor platform", "platform auditor"),
        Role::Admin => ("administrator", "administrator"),
    };
    language.choose(id, en)
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(
            (concat!($name, ".id"), include_str!(concat!("templates/", $name, ".id.txt"))),
            (concat!($name, ".en"), include_str!(concat!("templates/", $name, ".en.txt"))),
        )+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "contact_confirmation",
    "account_exists",
    "password_reset",
    "invitation",
    "deputy_appointed",
    "deputy_ended",
    "vendor_submitted",
    "vendor_revision_requested",
    "vendor_verified",
    "vendor_rejected",
    "vendor_suspended",
    "vendor_reinstated",
    "product_published",
    "product_revision_requested",
    "product_rejected",
    "product_frozen",
    "request_pending_approval",
    "request_approved",
    "request_returned",
    "request_rejected",
    "request_expired",
    "request_reassigned",
    "negotiation_opened",
    "negotiation_round",
    "negotiation_agreed",
    "negotiation_failed",
    "negotiation_expired",
    "quotation_invited",
    "quotation_opportunity",
    "quotation_question",
    "quotation_answer",
    "quotation_addendum",
    "quote_confirmation_needed",
    "quote_submitted",
    "quote_withdrawn",
    "quotation_opened",
    "quotation_failed",
    "quotation_evaluated",
    "quotation_awarded",
    "quotation_lost",
    "quote_disqualified",
    "quote_cure_asked",
    "objection_filed",
    "objection_decided",
    "award_next_rank",
    "award_taken_back",
    "award_voided",
    "objection_dismissed",
    "quotation_decided",
    "quote_cured",
    "urgent_purchase",
    "approval_reminder",
    "quotation_reminder",
    "order_reminder",
    "order_issued",
    "order_accepted",
    "order_declined",
    "order_expired",
    "order_change_proposed",
    "order_change_accepted",
    "order_change_rejected",
    "order_cancel_asked",
    "order_cancelled",
];

fn templates() -> anyhow::Result<&'static Environment<'static>> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let mut environment = Environment::new();
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_renders_in_both_languages_with_a_subject_and_a_text() {
        let arguments = json!({ "title": "T", "number": "N", "reason": "R", "due": "D", "organisation": "O",
            "role": "X", "link": "https://example.id/#token=1", "address": "https://example.id" });
        for (name, _) in TEMPLATES {
            let text = templates()
                .unwrap()
                .get_template(name)
                .unwrap()
                .render(minijinja::value::Serde(&arguments))
                .unwrap();
            let (subject, body) = text.split_once('\n').unwrap();
            assert!(!subject.trim().is_empty() && body.trim().len() > 40, "{name} is too short");
            // Nothing given at all must still read as a letter.
            assert!(templates().unwrap().get_template(name).unwrap().render(minijinja::context!()).is_ok());
        }
        assert_eq!(TEMPLATES.len() % 2, 0);
    }
}
