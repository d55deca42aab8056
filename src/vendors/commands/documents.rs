//! Papers of a vendor. The file is stored, sealed, before the transaction; its row decides
//! whether it exists.
use super::super::model::DocumentKind;
use super::super::store::{self, DocumentRow, Row};
use super::file::refuse_locked;
use super::sight;
use crate::kernel::{Code, Ctx, DocumentId, Error, VendorId, refuse};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use chrono::NaiveDate;
use serde_json::json;

/// As many as its list shows.
const MOST_DOCUMENTS: usize = 100;

/// A paper that was uploaded and stored.
pub struct NewDocument {
    pub kind: DocumentKind,
    pub number: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub expires_on: Option<NaiveDate>,
    pub media_type: &'static str,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
}

/// Adds a paper to a file that is still open.
///
/// # Errors
/// `too_many_documents`
pub async fn upload_document(
    tx: &mut Tx,
    ctx: &Ctx,
    vendor: VendorId,
    input: &NewDocument,
) -> Result<DocumentRow, Error> {
    let row = store::lock(tx, sight(ctx)?, vendor).await?;
    refuse_locked(&row)?;
    if store::documents(tx.conn(), vendor).await?.len() >= MOST_DOCUMENTS {
        return Err(refuse(Code::TooManyDocuments));
    }
    let document = DocumentRow {
        id: new_id(),
        vendor_id: vendor,
        kind: input.kind,
        number: input.number.clone(),
        issued_on: input.issued_on,
        expires_on: input.expires_on,
        media_type: input.media_type.to_owned(),
        size_bytes: input.size_bytes,
        sha256: input.sha256.clone(),
        storage_key: input.storage_key.clone(),
        uploaded_at: tx.now().await?,
    };
    store::insert_document(tx, &document).await?;
    touch(tx, ctx, row, &document, "vendor.document_added").await?;
    Ok(document)
}

pub async fn remove_document(tx: &mut Tx, ctx: &Ctx, vendor: VendorId, id: DocumentId) -> Result<(), Error> {
    let row = store::lock(tx, sight(ctx)?, vendor).await?;
    let document = store::document(tx.conn(), vendor, id).await?;
    ctx.expect_version(row.version)?;
    refuse_locked(&row)?;
    let now = tx.now().await?;
    store::end_document(tx, id, now).await?;
    touch(tx, ctx, row, &document, "vendor.document_removed").await
}

/// A paper is part of the file, so the file's version goes up with it.
async fn touch(tx: &mut Tx, ctx: &Ctx, row: Row, document: &DocumentRow, kind: &str) -> Result<(), Error> {
    let subject = row.id.0;
    let now = tx.now().await?;
    store::save(tx, Row { updated_at: now, ..row }).await?;
    let after = json!({ "id": subject, "document_id": document.id, "kind": document.kind, "sha256": hex::encode(&document.sha256) });
    let fact = Fact { kind, subject, before: None, after, reason: None, notices: Vec::new() };
    trail::record(tx, ctx, fact).await
}
