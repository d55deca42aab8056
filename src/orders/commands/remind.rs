//! Reminders before a clock runs out: to whoever must approve, quote or answer. Each deadline once; one
//! that has passed is announced as lapsed and not reminded of any more.
use super::super::store;
use crate::accounts;
use crate::kernel::{Ctx, Error, OrganisationId, RequestId, Role, TimeZone};
use crate::platform::db::Tx;
use crate::platform::trail::{self, Audience, Fact, Notice};
use crate::policies;
use crate::requests;
use serde_json::json;

/// Reminds of one deadline that is near. Answers how many.
pub async fn remind(tx: &mut Tx, ctx: &Ctx) -> Result<usize, Error> {
    let now = tx.now().await?;
    let policies = policies::at(tx.conn(), TimeZone::JAKARTA.date_of(now), None).await?;
    let hours = policies.count("clock.reminder_hours")?;
    let near = store::near_deadlines(tx, now, now + chrono::TimeDelta::hours(hours.into()), 1).await?;
    for waiting in &near {
        let zone = accounts::time_zone_of(tx.conn(), waiting.agency_id).await?;
        let arguments = json!({ "title": waiting.title, "number": waiting.number, "organisation_id": waiting.agency_id,
            "due": zone.printed(waiting.due) });
        let notice = |template: &str, audience: Audience| Notice {
            template: template.into(),
            audience,
            arguments: arguments.clone(),
        };
        let notices = match waiting.kind.as_str() {
            "approval" => {
                let row = requests::by_id(tx.conn(), RequestId(waiting.id)).await?;
                requests::ask_again(tx.conn(), &row, arguments.clone()).await?
            }
            "quotation" => requests::invited_vendors(tx.conn(), RequestId(waiting.id))
                .await?
                .into_iter()
                .map(|vendor| notice("quotation_reminder", vendors_people(OrganisationId(vendor.0))))
                .collect(),
            _ => waiting
                .vendor_id
                .map(|vendor| notice("order_reminder", vendors_people(OrganisationId(vendor.0))))
                .into_iter()
                .collect(),
        };
        store::mark_reminded(tx, waiting).await?;
        let kind = if waiting.number.is_some() { "order.reminded" } else { "request.reminded" };
        let after = json!({ "id": waiting.id, "due": waiting.due });
        let fact = Fact { kind, subject: waiting.id, before: None, after, reason: None, notices };
        trail::record(tx, ctx, fact).await?;
    }
    Ok(near.len())
}

fn vendors_people(vendor: OrganisationId) -> Audience {
    let roles = [Role::VendorOwner, Role::VendorStaff].map(|role| role.as_str().to_owned()).to_vec();
    Audience::Members { organisation: vendor.0, roles }
}
