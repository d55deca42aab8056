//! What everyone may know of a verified vendor: no personal value.
use super::super::model::{LegalForm, ServedRegion, SizeClass, VendorKind};
use super::super::store::{self, Row};
use crate::kernel::{VendorId, act};
use crate::platform::db;
use crate::platform::http::{Api, Call, Listing, Reply, Sends};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub fn routes(api: &mut Api) {
    api.get("/public/v1/vendors", list_public_vendors).get("/public/v1/vendors/{id}", get_public_vendor);
}

#[derive(Deserialize, IntoParams)]
struct PublicFilter {
    /// Seat in this region or below.
    #[param(pattern = "^[0-9]{2}(\\.[0-9]{2}){0,2}$")]
    region_code: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

/// A vendor's public profile.
#[derive(Serialize, ToSchema)]
struct PublicVendorView {
    id: VendorId,
    name: String,
    kind: VendorKind,
    legal_form: LegalForm,
    sells: String,
    /// Regency of its seat.
    region_code: Option<String>,
    size_class: Option<SizeClass>,
    kbli_codes: Vec<String>,
    vat_registered: bool,
}

impl From<Row> for PublicVendorView {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            legal_form: row.legal_form,
            sells: row.sells,
            region_code: row.region_code.map(|code| code.chars().take(5).collect()),
            size_class: row.size_class,
            kbli_codes: row.kbli_codes,
            vat_registered: row.vat_registered,
        }
    }
}

/// A public profile with the regions served.
#[derive(Serialize, ToSchema)]
struct PublicVendorDetail {
    #[serde(flatten)]
    vendor: PublicVendorView,
    regions: Vec<ServedRegion>,
}

async fn list_public_vendors(
    call: Call<act::ListPublicVendors, (), PublicFilter>,
) -> Sends<Listing<PublicVendorView>> {
    call.read(async |conn, ctx| {
        let realm = ctx.home_realm;
        let now = db::now(conn, realm).await?;
        let page = call.page::<VendorId>()?;
        let region = call.query.region_code.as_deref();
        let rows = store::public(conn, realm, region, page.after().copied(), now, page.fetch()).await?;
        Ok(page.close(rows, |row| row.id).map(PublicVendorView::from).public(30))
    })
    .await
}

async fn get_public_vendor(
    call: Call<act::GetPublicVendor, (VendorId,)>,
) -> Sends<Reply<PublicVendorDetail>> {
    call.read(async |conn, ctx| {
        let now = db::now(conn, ctx.home_realm).await?;
        let row = store::find_public(conn, ctx.home_realm, call.path.0, now).await?;
        let regions = store::regions(conn, row.id).await?;
        let version = row.version;
        Ok(Reply::versioned(PublicVendorDetail { vendor: row.into(), regions }, version).public(30))
    })
    .await
}
