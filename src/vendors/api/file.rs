//! The vendor's own file.
use super::super::commands;
use super::super::model::{VendorFields, VendorKind, VendorStatus};
use super::super::store;
use super::view::{VendorView, view};
use crate::kernel::{MembershipId, VendorId, act};
use crate::platform::http::{
    Api, Call, Created, FaultView, Json, Listing, Merge, NoBody, NoQuery, Reply, Sends,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/vendors", create_vendor)
        .get("/api/v1/vendors", list_vendors)
        .post("/api/v1/vendors/prechecks", precheck_vendor)
        .get("/api/v1/vendors/{id}", get_vendor)
        .patch("/api/v1/vendors/{id}", update_vendor)
        .post("/api/v1/vendors/{id}/actions/submit", submit_vendor);
}

/// A new file: who it is, and as much of the rest as is at hand.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "individual", "name": "Warung Sri", "fields": { "sells": "Nasi kotak", "phone": "+6281234567890" } }))]
struct CreateVendor {
    kind: VendorKind,
    #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
    name: String,
    #[serde(default)]
    #[validate(nested)]
    fields: VendorFields,
}

/// A file that was begun, and the membership through which its founder acts for it.
#[derive(Serialize, ToSchema)]
struct NewVendorView {
    membership_id: MembershipId,
    vendor: VendorView,
}

async fn create_vendor(
    call: Call<act::CreateVendor, (), NoQuery, Json<CreateVendor>>,
) -> Sends<Created<NewVendorView>> {
    let input = &call.body.0;
    call.write(async |tx, ctx| {
        let fields = VendorFields { name: Some(input.name.clone()), ..input.fields.clone() };
        let (row, membership_id) = commands::create(tx, ctx, &call.app.keys, input.kind, &fields)
            .await
            .map_err(|error| error.below("fields", &["name", "kind"]))?;
        let (location, version) = (format!("/api/v1/vendors/{}", row.id), row.version);
        let vendor = view(tx.conn(), ctx, &call.app.keys, row).await?;
        Ok(Created { view: NewVendorView { membership_id, vendor }, version, location })
    })
    .await
}

#[derive(Deserialize, IntoParams)]
struct VendorFilter {
    #[param(inline)]
    status: Option<VendorStatus>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

async fn list_vendors(call: Call<act::ListVendors, (), VendorFilter>) -> Sends<Listing<VendorView>> {
    call.read(async |conn, ctx| {
        let page = call.page::<VendorId>()?;
        let now = crate::platform::db::now(conn, ctx.realm()).await?;
        let rows = store::list(
            conn,
            commands::sight(ctx)?,
            call.query.status,
            now,
            page.after().copied(),
            page.fetch(),
        )
        .await?;
        let page = page.close(rows, |row| row.id);
        let mut views = Vec::with_capacity(page.items.len());
        let next = page.next_cursor.clone();
        for row in page.items {
            views.push(view(conn, ctx, &call.app.keys, row).await?);
        }
        Ok(Listing::page(views, next))
    })
    .await
}

async fn get_vendor(call: Call<act::GetVendor, (VendorId,)>) -> Sends<Reply<VendorView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, commands::sight(ctx)?, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(conn, ctx, &call.app.keys, row).await?, version))
    })
    .await
}

async fn update_vendor(
    call: Call<act::UpdateVendor, (VendorId,), NoQuery, Merge<VendorFields>>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let keys = &call.app.keys;
        let row = commands::update(tx, ctx, keys, call.path.0, |current| call.body.over(current)).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, keys, row).await?, version))
    })
    .await
}

/// The file to examine.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct PrecheckVendor {
    vendor_id: VendorId,
}

/// What a submission would be refused for, and what it would only be asked about.
#[derive(Serialize, ToSchema)]
struct PrecheckView {
    ready: bool,
    faults: Vec<FaultView>,
    warnings: Vec<FaultView>,
}

async fn precheck_vendor(
    call: Call<act::PrecheckVendor, (), NoQuery, Json<PrecheckVendor>>,
) -> Sends<Reply<PrecheckView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, commands::sight(ctx)?, call.body.0.vendor_id).await?;
        let found = commands::findings(conn, ctx, &call.app.keys, &row).await?;
        let show = |faults: &[crate::kernel::Fault]| {
            faults.iter().map(|fault| FaultView::new(fault, ctx.language)).collect()
        };
        Ok(Reply::new(PrecheckView {
            ready: found.faults.is_empty(),
            faults: show(&found.faults),
            warnings: show(&found.warnings),
        }))
    })
    .await
}

async fn submit_vendor(
    call: Call<act::SubmitVendor, (VendorId,), NoQuery, NoBody>,
) -> Sends<Reply<VendorView>> {
    call.write(async |tx, ctx| {
        let row = commands::submit(tx, ctx, &call.app.keys, call.path.0).await?;
        let version = row.version;
        Ok(Reply::versioned(view(tx.conn(), ctx, &call.app.keys, row).await?, version))
    })
    .await
}
