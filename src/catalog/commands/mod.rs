//! What may be done to products.
mod product;
mod review;

pub use product::{NewPhoto, add_photo, adjust_stock, create, remove_photo, set_tiers, update};
pub use review::{approve, freeze, publish, reject, request_revision, submit, unfreeze, unpublish};

use super::model::{PriceTier, ReviewMode, State, reviewed_first};
use super::store::{self, Row, Sight};
use crate::kernel::{Code, Ctx, Error, OrganisationKind, ProductId, TimeZone, VendorId, refuse};
use crate::platform::db::Tx;
use crate::platform::trail::{self, Audience, Fact, Notice};
use crate::{policies, vendors};
use serde_json::{Value, json};

/// Whose products the caller sees.
pub fn sight(ctx: &Ctx) -> Result<Sight, Error> {
    let member = ctx.member()?;
    Ok(match member.organisation_kind {
        OrganisationKind::Vendor => Sight::Own(VendorId(member.organisation.0)),
        OrganisationKind::Agency | OrganisationKind::Platform => Sight::Realm(member.realm),
    })
}

/// What goes into the trail.
fn state_of(row: &Row) -> Value {
    json!({ "id": row.id, "vendor_id": row.vendor_id, "status": row.status, "reason": row.status_reason, "name": row.name,
        "category_code": row.category_code, "price": row.price, "price_basis": row.price_basis, "unit": row.unit,
        "tax_class": row.tax_class, "origin": row.origin, "availability": row.availability, "version": row.version })
}

/// Saves and leaves the trail; tells the vendor when a template is named.
async fn settle(
    tx: &mut Tx,
    ctx: &Ctx,
    before: &Row,
    after: Row,
    kind: &str,
    template: Option<&str>,
) -> Result<Row, Error> {
    let saved = store::save(tx, after).await?;
    let notices = template.map(|template| Notice {
        template: template.into(),
        audience: Audience::Members {
            organisation: saved.vendor_id.0,
            roles: vec!["vendor_owner".into(), "vendor_staff".into()],
        },
        arguments: json!({ "title": saved.name, "reason": saved.status_reason }),
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

/// Whether the product's category and the policy in force send it past a curator first.
async fn goes_to_review(tx: &mut Tx, id: ProductId, mode: ReviewMode) -> Result<bool, Error> {
    let today = tx.today(TimeZone::JAKARTA).await?;
    let policies = policies::at(tx.conn(), today, None).await?;
    Ok(reviewed_first(mode, id, policies.count("review.sample_percent")?))
}

/// Only a vendor that may trade shows anything in public.
async fn require_open_vendor(tx: &mut Tx, vendor: VendorId) -> Result<(), Error> {
    let (realm, now) = (tx.realm(), tx.now().await?);
    let open =
        vendors::trading(tx.conn(), realm, &[vendor], now).await?.first().is_some_and(|vendor| vendor.open);
    if open { Ok(()) } else { Err(refuse(Code::VendorNotVerified)) }
}

/// The trail's picture of a price.
fn price_state(row: &Row, tiers: &[PriceTier]) -> Value {
    json!({ "id": row.id, "vendor_id": row.vendor_id, "price": row.price, "price_basis": row.price_basis, "tiers": tiers, "version": row.version })
}

/// The state after an edit of more than price or stock.
async fn state_after_edit(tx: &mut Tx, row: &Row, mode: ReviewMode) -> Result<State, Error> {
    let reviewed = goes_to_review(tx, row.id, mode).await?;
    Ok(row.state()?.edited(reviewed))
}
