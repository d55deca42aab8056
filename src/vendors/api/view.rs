//! A vendor's file as different eyes see it.
use super::super::commands::{self, Opened};
use super::super::model::{LegalForm, Licence, ServedRegion, SizeClass, State, VendorKind, VendorStatus};
use super::super::store::{self, Row};
use crate::kernel::{Amount, Code, Ctx, Error, Role, TimeZone, VendorId, mask, refuse};
use crate::platform::db::{self, Conn};
use crate::platform::http::AvailableAction;
use crate::platform::sealing::KeyRing;
use crate::policies;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A vendor's file. Personal values are in clear for its owner and the verifier who holds it.
#[derive(Serialize, ToSchema)]
pub struct VendorView {
    id: VendorId,
    kind: VendorKind,
    legal_form: LegalForm,
    name: String,
    status: VendorStatus,
    /// Why it was sent back, rejected or suspended.
    status_reason: Option<String>,
    suspended_until: Option<DateTime<Utc>>,
    sells: String,
    phone: Option<String>,
    nik: Option<String>,
    nib: Option<String>,
    npwp: Option<String>,
    address: Option<String>,
    region_code: Option<String>,
    bank_code: Option<String>,
    bank_account: Option<String>,
    bank_holder: Option<String>,
    kbli_codes: Vec<String>,
    vat_registered: bool,
    vat_confirmation_number: Option<String>,
    final_tax_certificate_number: Option<String>,
    final_tax_certificate_until: Option<NaiveDate>,
    capital: Option<Amount>,
    annual_sales: Option<Amount>,
    size_class: Option<SizeClass>,
    regions: Vec<ServedRegion>,
    licences: Vec<Licence>,
    submitted_at: Option<DateTime<Utc>>,
    decided_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    version: i32,
    available_actions: Vec<AvailableAction>,
}

/// Whether the caller reads personal values in clear: the owner (who, having just begun the file,
/// acts for no membership yet), and the verifier who holds it.
async fn sees_clear(conn: &mut Conn, ctx: &Ctx, row: &Row) -> Result<bool, Error> {
    let Ok(member) = ctx.member() else { return Ok(ctx.actor.is_some()) };
    let owner = member.role == Role::VendorOwner && member.organisation.0 == row.id.0;
    Ok(owner || commands::holds_claim(conn, ctx, row).await?)
}

pub async fn view(conn: &mut Conn, ctx: &Ctx, keys: &KeyRing, row: Row) -> Result<VendorView, Error> {
    let opened = commands::open_values(conn, keys, &row).await?;
    let clear = sees_clear(conn, ctx, &row).await?;
    let shown = |value: Option<String>| value.map(|value| if clear { value } else { mask(&value) });
    let Opened { phone, nik, npwp, bank_account } = opened;
    let npwp = if row.kind == VendorKind::Entity { npwp } else { shown(npwp) };
    let now = db::now(conn, row.realm).await?;
    let state = row.state()?.at(now);
    let actions = actions(conn, ctx, &row, &state, now).await?;
    // What lapsed is no longer told.
    let (status_reason, suspended_until) = match &state {
        State::RevisionRequested { reason } | State::Rejected { reason } => (Some(reason.clone()), None),
        State::Suspended { reason, until } => (Some(reason.clone()), *until),
        State::Draft | State::Submitted | State::InReview { .. } | State::Verified => (None, None),
    };
    Ok(VendorView {
        available_actions: actions,
        regions: store::regions(conn, row.id).await?,
        licences: store::licences(conn, row.id).await?,
        id: row.id,
        kind: row.kind,
        legal_form: row.legal_form,
        name: row.name,
        status: state.status(),
        status_reason,
        suspended_until,
        sells: row.sells,
        phone: shown(phone),
        nik: shown(nik),
        nib: row.nib,
        npwp,
        address: if clear { row.address } else { row.address.map(|_| "•••".into()) },
        region_code: row.region_code,
        bank_code: row.bank_code,
        bank_account: shown(bank_account),
        bank_holder: shown(row.bank_holder),
        kbli_codes: row.kbli_codes,
        vat_registered: row.vat_registered,
        vat_confirmation_number: row.vat_confirmation_number,
        final_tax_certificate_number: row.final_tax_certificate_number,
        final_tax_certificate_until: row.final_tax_certificate_until,
        capital: row.capital.filter(|_| clear),
        annual_sales: row.annual_sales.filter(|_| clear),
        size_class: row.size_class,
        submitted_at: row.submitted_at,
        decided_at: row.decided_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}

/// The very transitions, tried on a copy, after the duties that go before them.
async fn actions(
    conn: &mut Conn,
    ctx: &Ctx,
    row: &Row,
    state: &State,
    now: DateTime<Utc>,
) -> Result<Vec<AvailableAction>, Error> {
    let (Ok(member), Ok(actor)) = (ctx.member(), ctx.actor()) else { return Ok(Vec::new()) };
    let reason = || "-".to_owned();
    let tried: Vec<(&'static str, Result<State, Error>)> = match member.role {
        Role::VendorOwner => vec![("submit", state.clone().submit())],
        Role::Verifier if store::is_member(conn, row.id, actor.user).await? => {
            let verbs = ["claim", "verify", "request-revision", "reject", "suspend", "reinstate"];
            verbs.into_iter().map(|verb| (verb, Err(refuse(Code::PairVerifierVendor)))).collect()
        }
        Role::Verifier => {
            let policies = policies::at(conn, TimeZone::JAKARTA.date_of(now), None).await?;
            let hours = policies.count("verification.claim_hours")?;
            vec![
                ("claim", state.clone().claim(actor.user, now, hours)),
                ("verify", state.clone().verify(actor.user)),
                ("request-revision", state.clone().request_revision(actor.user, reason())),
                ("reject", state.clone().reject(actor.user, reason())),
                ("suspend", state.clone().suspend(reason(), None)),
                ("reinstate", state.clone().reinstate()),
            ]
        }
        Role::Admin => {
            vec![("suspend", state.clone().suspend(reason(), None)), ("reinstate", state.clone().reinstate())]
        }
        _ => Vec::new(),
    };
    let shown = |(verb, outcome): (&'static str, Result<State, Error>)| {
        AvailableAction::new(verb, outcome.err().and_then(|error| error.code()), ctx.language)
    };
    Ok(tried.into_iter().map(shown).collect())
}
