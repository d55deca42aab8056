//! What may be done to vendors' files.
mod documents;
mod file;
mod review;

pub use documents::{NewDocument, remove_document, upload_document};
pub use file::{Opened, create, findings, open_values, submit, update};
pub use review::{claim, holds_claim, reinstate, reject, request_revision, suspend, verify};

use super::store::{self, Row, Sight};
use crate::accounts;
use crate::kernel::{Ctx, Error, OrganisationId, OrganisationKind, TimeZone, VendorId};
use crate::platform::db::Tx;
use crate::platform::trail::{self, Audience, Fact, Notice};
use serde_json::{Value, json};

/// Whose files the caller sees.
pub fn sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    Ok(match member.organisation_kind {
        OrganisationKind::Vendor => Sight::Own(VendorId(member.organisation.0)),
        OrganisationKind::Agency | OrganisationKind::Platform => Sight::Realm(member.realm),
    })
}

/// The state that goes into the trail: no personal value, no name of a person.
fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "kind": row.kind, "legal_form": row.legal_form, "status": row.status, "reason": row.status_reason,
        "region_code": row.region_code, "size_class": row.size_class, "vat_registered": row.vat_registered,
        "kbli_codes": row.kbli_codes, "version": row.version })
}

/// Saves and leaves the trail; tells the owners when a template is named.
async fn settle(
    tx: &mut Tx,
    ctx: &Ctx,
    before: &Row,
    after: Row,
    kind: &str,
    template: Option<&str>,
) -> Result<Row, Error> {
    let saved = store::save(tx, after).await?;
    if saved.name != before.name {
        accounts::rename_organisation(tx, OrganisationId(saved.id.0), &saved.name).await?;
    }
    // Who it is about is looked up when the notice is written: a sole trader's name may be a person's,
    // and the event stays for ever.
    let notices = template.map(|template| Notice {
        template: template.into(),
        audience: Audience::Members { organisation: saved.id.0, roles: vec!["vendor_owner".into()] },
        arguments: json!({ "reason": saved.status_reason, "due": saved.suspended_until.map(|until| TimeZone::JAKARTA.printed(until)) }),
    });
    let fact = Fact {
        kind,
        subject: saved.id.0,
        before: Some(state_of(before)),
        after: state_of(&saved),
        reason: saved.status_reason.as_deref(),
        notices: notices.into_iter().collect(),
    };
    trail::record(tx, ctx, fact).await?;
    Ok(saved)
}
