//! The vendor's own file: begin, change, examine, hand in.
use super::super::model::{
    Duties, Findings, LegalForm, SizeLimit, VendorFields, VendorKind, VendorStatus, examine, size_class,
};
use super::super::store::{self, Row};
use super::{settle, sight, state_of};
use crate::accounts;
use crate::kernel::{
    Code, Ctx, Error, Fault, MembershipId, Nib, Nik, Npwp, PersonalValueId, Refusal, Role, TimeZone,
    VendorId, phone_number, refuse,
};
use crate::platform::db::{Conn, Tx};
use crate::platform::personal::{self, PersonalKind};
use crate::platform::sealing::KeyRing;
use crate::platform::trail::{self, Fact};
use crate::policies;
use chrono::{DateTime, Utc};

/// Personal values of a file in clear.
#[derive(Clone, Default)]
pub struct Opened {
    pub phone: Option<String>,
    pub nik: Option<String>,
    pub npwp: Option<String>,
    pub bank_account: Option<String>,
}

/// Opens the personal values of a file; whom they are shown to is the caller's affair.
pub async fn open_values(conn: &mut Conn, keys: &KeyRing, row: &Row) -> Result<Opened, Error> {
    let ids = [row.phone_id, row.nik_id, row.npwp_id, row.bank_account_id];
    let values = personal::open(conn, keys, ids.into_iter().flatten()).await?;
    let value = |id: Option<PersonalValueId>| id.and_then(|id| values.get(&id).cloned());
    Ok(Opened {
        phone: value(row.phone_id),
        nik: value(row.nik_id),
        npwp: value(row.npwp_id).or_else(|| row.npwp.clone()),
        bank_account: value(row.bank_account_id),
    })
}

/// The file as its owner typed it.
pub async fn fields_of(conn: &mut Conn, keys: &KeyRing, row: &Row) -> Result<VendorFields, Error> {
    let opened = open_values(conn, keys, row).await?;
    Ok(VendorFields {
        name: Some(row.name.clone()),
        legal_form: Some(row.legal_form),
        sells: Some(row.sells.clone()).filter(|text| !text.is_empty()),
        phone: opened.phone,
        nik: opened.nik,
        nib: row.nib.clone(),
        npwp: opened.npwp,
        address: row.address.clone(),
        region_code: row.region_code.clone(),
        bank_code: row.bank_code.clone(),
        bank_account: opened.bank_account,
        bank_holder: row.bank_holder.clone(),
        kbli_codes: Some(row.kbli_codes.clone()),
        vat_registered: Some(row.vat_registered),
        vat_confirmation_number: row.vat_confirmation_number.clone(),
        final_tax_certificate_number: row.final_tax_certificate_number.clone(),
        final_tax_certificate_until: row.final_tax_certificate_until,
        capital: row.capital,
        annual_sales: row.annual_sales,
        regions: Some(store::regions(conn, row.id).await?),
        licences: Some(store::licences(conn, row.id).await?),
    })
}

/// Begins a file: the organisation, the actor as its owner, the draft.
pub async fn create(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    kind: VendorKind,
    fields: &VendorFields,
) -> Result<(Row, MembershipId), Error> {
    let name = fields.name.clone().unwrap_or_default().trim().to_owned();
    let organisation = accounts::create_vendor_organisation(tx, ctx, &name).await?;
    let membership =
        accounts::grant(tx, ctx, ctx.actor()?.user, Some(organisation), Role::VendorOwner, &[], None).await?;
    let now = tx.now().await?;
    let row = Row {
        id: VendorId(organisation.0),
        realm: tx.realm(),
        kind,
        legal_form: fields.legal_form.unwrap_or(if kind == VendorKind::Individual {
            LegalForm::Perorangan
        } else {
            LegalForm::Cv
        }),
        name,
        sells: String::new(),
        status: VendorStatus::Draft,
        status_reason: None,
        suspended_until: None,
        submitted_at: None,
        claimed_by: None,
        claimed_at: None,
        decided_at: None,
        nib: None,
        npwp: None,
        npwp_id: None,
        nik_id: None,
        phone_id: None,
        bank_code: None,
        bank_account_id: None,
        bank_holder: None,
        address: None,
        region_code: None,
        kbli_codes: Vec::new(),
        vat_registered: false,
        vat_confirmation_number: None,
        final_tax_certificate_number: None,
        final_tax_certificate_until: None,
        capital: None,
        annual_sales: None,
        size_class: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    check_form(kind, row.legal_form)?;
    check_regions(tx, fields).await?;
    store::insert(tx, &Row { ..row.clone() }).await?;
    let filled = fill(tx, keys, row, fields, &Opened::default(), now).await?;
    let saved = store::save(tx, filled).await?;
    let fact = Fact {
        kind: "vendor.created",
        subject: saved.id.0,
        before: None,
        after: state_of(&saved),
        reason: None,
        notices: Vec::new(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok((saved, membership))
}

/// Lays a patch over the file.
pub async fn update(
    tx: &mut Tx,
    ctx: &Ctx,
    keys: &KeyRing,
    id: VendorId,
    patch: impl Fn(&VendorFields) -> Result<VendorFields, Error>,
) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    row.state()?.editable()?;
    let current = fields_of(tx.conn(), keys, &row).await?;
    let fields = patch(&current)?;
    check_form(row.kind, fields.legal_form.unwrap_or(row.legal_form))?;
    check_regions(tx, &fields).await?;
    let now = tx.now().await?;
    let opened = Opened {
        phone: current.phone,
        nik: current.nik,
        npwp: current.npwp,
        bank_account: current.bank_account,
    };
    let filled = fill(tx, keys, row.clone(), &fields, &opened, now).await?;
    settle(tx, ctx, &row, filled, "vendor.changed", None).await
}

/// Hands the file in: everything that is missing or wrong at once, else into the queue.
pub async fn submit(tx: &mut Tx, ctx: &Ctx, keys: &KeyRing, id: VendorId) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let state = row.state()?.submit()?;
    let found = findings(tx.conn(), ctx, keys, &row).await?;
    if !found.faults.is_empty() {
        return Err(Refusal::rules(found.faults).into());
    }
    if let Some(nik) = row.nik_id.filter(|_| row.kind == VendorKind::Individual) {
        personal::claim(tx, nik, &format!("nik:{}", row.realm), Code::NikTaken).await?;
    }
    let now = tx.now().await?;
    let next = Row { submitted_at: Some(now), updated_at: now, ..row.clone().with_state(state) };
    settle(tx, ctx, &row, next, "vendor.submitted", Some("vendor_submitted")).await
}

/// Everything that a submission would be refused for or asked about.
pub async fn findings(conn: &mut Conn, ctx: &Ctx, keys: &KeyRing, row: &Row) -> Result<Findings, Error> {
    let now = crate::platform::db::now(conn, ctx.realm()).await?;
    let today = TimeZone::JAKARTA.date_of(now);
    let policies = policies::at(conn, today, None).await?;
    let duties = Duties {
        individual_needs_nib: policies.flag("vendor.nib_required_individual")?,
        individual_needs_npwp: policies.flag("vendor.npwp_required_individual")?,
        entity_needs_npwp: policies.flag("vendor.npwp_required_entity")?,
    };
    let fields = fields_of(conn, keys, row).await?;
    let prefix =
        fields.nik.as_deref().and_then(Nik::parse).map(|nik| crate::kernel::region_prefix_of_nik(&nik));
    let known = policies::known_regions(conn, &prefix.into_iter().collect::<Vec<_>>()).await?;
    let papers: Vec<_> = store::documents(conn, row.id)
        .await?
        .into_iter()
        .map(|paper| (paper.kind, paper.expires_on))
        .collect();
    Ok(examine(row.kind, &fields, &papers, duties, &known, today))
}

fn check_form(kind: VendorKind, form: LegalForm) -> Result<(), Error> {
    let fits = (kind == VendorKind::Individual) == (form == LegalForm::Perorangan);
    if fits {
        Ok(())
    } else {
        Err(Refusal::rules(vec![Fault::at("#/legal_form", Code::ValueNotAllowed)]).into())
    }
}

async fn check_regions(tx: &mut Tx, fields: &VendorFields) -> Result<(), Error> {
    let mut named: Vec<(String, String)> =
        fields.region_code.iter().map(|code| ("#/region_code".to_owned(), code.clone())).collect();
    for (place, region) in fields.regions.iter().flatten().enumerate() {
        named.push((format!("#/regions/{place}/region_code"), region.region_code.clone()));
    }
    let codes: Vec<String> = named.iter().map(|(_, code)| code.clone()).collect();
    let known = policies::known_regions(tx.conn(), &codes).await?;
    let mut faults: Vec<Fault> = named
        .iter()
        .filter(|(_, code)| !known.contains(code))
        .map(|(place, _)| Fault::at(place.clone(), Code::UnknownReference))
        .collect();
    let mut seen = std::collections::HashSet::new();
    for (place, region) in fields.regions.iter().flatten().enumerate() {
        // A delivery dearer than this is a slip of the pen, and no sum of them may overflow.
        if region.fee.0 > rust_decimal::Decimal::from(1_000_000_000) {
            faults.push(
                Fault::at(format!("#/regions/{place}/fee"), Code::OutOfRange).with_limit("≤ 1000000000"),
            );
        }
        if !seen.insert(&region.region_code) {
            faults.push(Fault::at(format!("#/regions/{place}/region_code"), Code::DuplicateItem));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::rules(faults).into()) }
}

/// Writes the fields into the row; a personal value that changed gets a row of its own.
async fn fill(
    tx: &mut Tx,
    keys: &KeyRing,
    row: Row,
    fields: &VendorFields,
    opened: &Opened,
    now: DateTime<Utc>,
) -> Result<Row, Error> {
    let policies = policies::at(tx.conn(), TimeZone::JAKARTA.date_of(now), None).await?;
    let limits: Vec<SizeLimit> = policies.json("vendor.size_class")?;
    let trimmed = |field: &Option<String>| {
        field.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    };
    let phone = trimmed(&fields.phone).map(|phone| phone_number(&phone).unwrap_or(phone));
    let npwp =
        trimmed(&fields.npwp).map(|npwp| Npwp::parse(&npwp).map_or(npwp, |npwp| npwp.as_str().to_owned()));
    let (open_npwp, sealed_npwp) = match row.kind {
        VendorKind::Entity => (npwp, None),
        VendorKind::Individual => (None, npwp),
    };
    let mut values = Values { tx, keys };
    let phone_id =
        values.keep(PersonalKind::Phone, row.phone_id, opened.phone.as_deref(), phone.as_deref()).await?;
    let nik = trimmed(&fields.nik).map(|nik| Nik::parse(&nik).map_or(nik, |nik| nik.as_str().to_owned()));
    let nik_id = values.keep(PersonalKind::Nik, row.nik_id, opened.nik.as_deref(), nik.as_deref()).await?;
    let npwp_id =
        values.keep(PersonalKind::Npwp, row.npwp_id, opened.npwp.as_deref(), sealed_npwp.as_deref()).await?;
    let account = trimmed(&fields.bank_account);
    let bank_account_id = values
        .keep(
            PersonalKind::BankAccount,
            row.bank_account_id,
            opened.bank_account.as_deref(),
            account.as_deref(),
        )
        .await?;
    store::replace_regions(tx, row.id, fields.regions.as_deref().unwrap_or_default()).await?;
    store::replace_licences(tx, row.id, fields.licences.as_deref().unwrap_or_default(), now).await?;
    let facts = [
        ("nib", fields.nib.is_some()),
        ("npwp", fields.npwp.is_some()),
        ("kbli", fields.kbli_codes.is_some()),
    ];
    for (fact, _) in facts.into_iter().filter(|(_, given)| *given) {
        store::note_fact(tx, row.id, fact, "vendor", None).await?;
    }
    Ok(Row {
        legal_form: fields.legal_form.unwrap_or(row.legal_form),
        name: trimmed(&fields.name).unwrap_or(row.name),
        sells: trimmed(&fields.sells).unwrap_or_default(),
        nib: trimmed(&fields.nib).map(|nib| Nib::parse(&nib).map_or(nib, |nib| nib.as_str().to_owned())),
        npwp: open_npwp,
        npwp_id,
        nik_id,
        phone_id,
        bank_code: fields.bank_code.clone(),
        bank_account_id,
        bank_holder: trimmed(&fields.bank_holder),
        address: trimmed(&fields.address),
        region_code: fields.region_code.clone(),
        kbli_codes: fields.kbli_codes.clone().unwrap_or_default(),
        vat_registered: fields.vat_registered.unwrap_or(false),
        vat_confirmation_number: trimmed(&fields.vat_confirmation_number),
        final_tax_certificate_number: trimmed(&fields.final_tax_certificate_number),
        final_tax_certificate_until: fields.final_tax_certificate_until,
        size_class: size_class(&limits, fields.capital, fields.annual_sales),
        capital: fields.capital,
        annual_sales: fields.annual_sales,
        updated_at: now,
        ..row
    })
}

struct Values<'v> {
    tx: &'v mut Tx,
    keys: &'v KeyRing,
}

impl Values<'_> {
    async fn keep(
        &mut self,
        kind: PersonalKind,
        held: Option<PersonalValueId>,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<Option<PersonalValueId>, Error> {
        match (held, before, after) {
            (Some(id), Some(before), Some(after)) if before == after => Ok(Some(id)),
            (held, _, after) => {
                if let Some(old) = held {
                    personal::release(self.tx, old).await?;
                }
                match after {
                    Some(value) => Ok(Some(personal::store(self.tx, self.keys, kind, value).await?)),
                    None => Ok(None),
                }
            }
        }
    }
}

/// A vendor's document must belong to a file that may still change.
pub fn refuse_locked(row: &Row) -> Result<(), Error> {
    row.state()?.editable().map_err(|_| refuse(Code::IllegalTransition))
}
