//! Papers of a vendor.
use super::super::commands::{self, NewDocument};
use super::super::model::DocumentKind;
use super::super::store::{self, DocumentRow, Sight};
use crate::kernel::{Code, Ctx, DocumentId, Error, VendorId, act, refuse};
use crate::platform::db::Conn;
use crate::platform::http::{
    Api, Call, Created, Download, Listing, NoBody, NoContent, NoQuery, Sends, Upload,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/vendors/{id}/documents", upload_vendor_document)
        .get("/api/v1/vendors/{id}/documents", list_vendor_documents)
        .get("/api/v1/vendors/{id}/documents/{document_id}", download_vendor_document)
        .delete("/api/v1/vendors/{id}/documents/{document_id}", remove_vendor_document);
}

/// What the paper is.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "identity_card" }))]
struct UploadVendorDocument {
    kind: DocumentKind,
    #[schema(max_length = 80)]
    number: Option<String>,
    issued_on: Option<NaiveDate>,
    /// Last day of validity.
    expires_on: Option<NaiveDate>,
}

/// A paper; its content is downloaded apart.
#[derive(Serialize, ToSchema)]
struct DocumentView {
    id: DocumentId,
    kind: DocumentKind,
    number: Option<String>,
    issued_on: Option<NaiveDate>,
    expires_on: Option<NaiveDate>,
    media_type: String,
    size_bytes: i64,
    sha256: String,
    uploaded_at: DateTime<Utc>,
}

impl From<DocumentRow> for DocumentView {
    fn from(row: DocumentRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            number: row.number,
            issued_on: row.issued_on,
            expires_on: row.expires_on,
            media_type: row.media_type,
            size_bytes: row.size_bytes,
            sha256: hex::encode(row.sha256),
            uploaded_at: row.uploaded_at,
        }
    }
}

async fn upload_vendor_document(
    call: Call<act::UploadVendorDocument, (VendorId,), NoQuery, Upload<UploadVendorDocument>>,
) -> Sends<Created<DocumentView>> {
    let Upload { file, fields } = &call.body;
    // The file is taken in only for a vendor that the caller sees.
    call.before(async |app| {
        store::find(&mut *app.db.conn().await?, commands::sight(&call.ctx)?, call.path.0).await
    })
    .await?;
    call.write_file(&file.bytes, async |tx, ctx, storage_key| {
        let input = NewDocument {
            kind: fields.kind,
            // The number of an identity card or account is on the paper itself, which is sealed.
            number: fields
                .number
                .clone()
                .filter(|_| !matches!(fields.kind, DocumentKind::IdentityCard | DocumentKind::BankBook)),
            issued_on: fields.issued_on,
            expires_on: fields.expires_on,
            media_type: file.media_type,
            size_bytes: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
            sha256: file.sha256.to_vec(),
            storage_key: storage_key.to_owned(),
        };
        let row = commands::upload_document(tx, ctx, call.path.0, &input).await?;
        let location = format!("/api/v1/vendors/{}/documents/{}", call.path.0, row.id);
        Ok(Created { view: row.into(), version: 1, location })
    })
    .await
}

async fn list_vendor_documents(
    call: Call<act::ListVendorDocuments, (VendorId,)>,
) -> Sends<Listing<DocumentView>> {
    call.read(async |conn, ctx| {
        let vendor = store::find(conn, commands::sight(ctx)?, call.path.0).await?;
        let rows = store::documents(conn, vendor.id).await?;
        Ok(Listing::whole(rows.into_iter().map(DocumentView::from).collect()))
    })
    .await
}

/// The owner, and the verifier who holds the file; for other verifiers the paper does not exist.
async fn readable(conn: &mut Conn, ctx: &Ctx, vendor: VendorId) -> Result<(), Error> {
    let sight = commands::sight(ctx)?;
    let row = store::find(conn, sight, vendor).await?;
    match sight {
        Sight::Own(_) => Ok(()),
        Sight::Realm(_) if commands::holds_claim(conn, ctx, &row).await? => Ok(()),
        Sight::Realm(_) => Err(refuse(Code::NotFound)),
    }
}

async fn download_vendor_document(
    call: Call<act::DownloadVendorDocument, (VendorId, DocumentId)>,
) -> Sends<Download> {
    call.read(async |conn, ctx| {
        let (vendor, id) = call.path;
        readable(conn, ctx, vendor).await?;
        let row = store::document(conn, vendor, id).await?;
        let bytes = call.app.files.read(&row.storage_key).await?;
        Ok(Download {
            bytes,
            media_type: row.media_type,
            file_name: format!("{}-{id}", row.kind),
            public: false,
        })
    })
    .await
}

async fn remove_vendor_document(
    call: Call<act::RemoveVendorDocument, (VendorId, DocumentId), NoQuery, NoBody>,
) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::remove_document(tx, ctx, call.path.0, call.path.1).await?;
        Ok(NoContent)
    })
    .await
}
