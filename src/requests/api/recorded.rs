//! Purchases that were made already: their proofs, and how the public reads them.
use super::super::assess::recorded_fields;
use super::super::commands::{self, NewProof};
use super::super::model::RecordedFields;
use super::super::store::{self, Proof};
use crate::accounts;
use crate::kernel::{Amount, DocumentId, Error, OrganisationId, ProcurementKind, RequestId, UnitId, act};
use crate::platform::http::{
    Api, Call, Created, Download, Listing, NoBody, NoContent, NoQuery, PageQuery, Sends, Upload,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/requests/{id}/proofs", upload_proof)
        .get("/api/v1/requests/{id}/proofs", list_proofs)
        .get("/api/v1/requests/{id}/proofs/{document_id}", download_proof)
        .delete("/api/v1/requests/{id}/proofs/{document_id}", remove_proof)
        .get("/public/v1/recorded-purchases", list_recorded_purchases);
}

/// A receipt or the like; its content is downloaded apart.
#[derive(Serialize, ToSchema)]
struct ProofView {
    id: DocumentId,
    media_type: String,
    size_bytes: i64,
    sha256: String,
    uploaded_at: DateTime<Utc>,
}

impl From<Proof> for ProofView {
    fn from(row: Proof) -> Self {
        Self {
            id: row.id,
            media_type: row.media_type,
            size_bytes: row.size_bytes,
            sha256: hex::encode(row.sha256),
            uploaded_at: row.uploaded_at,
        }
    }
}

/// Nothing beside the file.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct UploadProof {}

async fn upload_proof(
    call: Call<act::UploadProof, (RequestId,), NoQuery, Upload<UploadProof>>,
) -> Sends<Created<ProofView>> {
    let file = &call.body.file;
    // The file is taken in only for a request that the caller sees.
    call.before(async |app| {
        store::find(&mut *app.db.conn().await?, &commands::member_sight(&call.ctx)?, call.path.0).await
    })
    .await?;
    call.write_file(&file.bytes, async |tx, ctx, storage_key| {
        let input = NewProof {
            media_type: file.media_type,
            size_bytes: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
            sha256: file.sha256.to_vec(),
            storage_key: storage_key.to_owned(),
        };
        let proof = commands::add_proof(tx, ctx, call.path.0, input).await?;
        let location = format!("/api/v1/requests/{}/proofs/{}", call.path.0, proof.id);
        Ok(Created { view: proof.into(), version: 1, location })
    })
    .await
}

async fn list_proofs(call: Call<act::ListProofs, (RequestId,)>) -> Sends<Listing<ProofView>> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &commands::member_sight(ctx)?, call.path.0).await?;
        let proofs = store::proofs(conn, &[row.id]).await?;
        Ok(Listing::whole(proofs.into_iter().map(ProofView::from).collect()))
    })
    .await
}

async fn download_proof(call: Call<act::DownloadProof, (RequestId, DocumentId)>) -> Sends<Download> {
    call.read(async |conn, ctx| {
        let row = store::find(conn, &commands::member_sight(ctx)?, call.path.0).await?;
        let proof = store::proof(conn, row.id, call.path.1).await?;
        let bytes = call.app.files.read(&proof.storage_key).await?;
        let file_name = format!("proof-{}", proof.id);
        Ok(Download { bytes, media_type: proof.media_type, file_name, public: false })
    })
    .await
}

async fn remove_proof(
    call: Call<act::RemoveProof, (RequestId, DocumentId), NoQuery, NoBody>,
) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::remove_proof(tx, ctx, call.path.0, call.path.1).await?;
        Ok(NoContent)
    })
    .await
}

/// A purchase that was made before it was entered. It had no competition, and says so.
#[derive(Serialize, ToSchema)]
struct RecordedPurchase {
    request_id: RequestId,
    title: String,
    agency_id: OrganisationId,
    agency_name: String,
    unit_id: UnitId,
    procurement_kind: ProcurementKind,
    /// Always true: it was entered after it was made.
    recorded_afterwards: bool,
    /// Always false: nobody else was asked.
    competition: bool,
    recorded: RecordedFields,
    #[schema(example = "IDR")]
    currency: &'static str,
    goods_total: Amount,
    gross_total: Amount,
    /// SHA-256 of each proof, in hexadecimal; the papers themselves are the office's.
    proofs: Vec<String>,
    recorded_at: Option<DateTime<Utc>>,
}

async fn list_recorded_purchases(
    call: Call<act::ListRecordedPurchases, (), PageQuery>,
) -> Sends<Listing<RecordedPurchase>> {
    call.read(async |conn, ctx| {
        let page = call.page::<RequestId>()?;
        let rows = store::recorded(conn, ctx.realm(), page.after().copied(), page.fetch()).await?;
        let page = page.close(rows, |row| row.id);
        let next = page.next_cursor.clone();
        let ids: Vec<RequestId> = page.items.iter().map(|row| row.id).collect();
        let proofs = store::proofs(conn, &ids).await?;
        let agencies: Vec<OrganisationId> = page.items.iter().map(|row| row.agency_id).collect();
        let names = accounts::organisation_names(conn, &agencies).await?;
        let view = |row: store::Row| {
            let missing = || Error::Internal("a purchase on record says nothing".into());
            let of = proofs.iter().filter(|proof| proof.request_id == row.id);
            Ok(RecordedPurchase {
                recorded: recorded_fields(&row)?.ok_or_else(missing)?,
                proofs: of.map(|proof| hex::encode(&proof.sha256)).collect(),
                agency_name: names.get(&row.agency_id).cloned().unwrap_or_default(),
                request_id: row.id,
                title: row.title,
                agency_id: row.agency_id,
                unit_id: row.unit_id,
                procurement_kind: row.procurement_kind,
                recorded_afterwards: true,
                competition: false,
                currency: "IDR",
                goods_total: row.goods_total,
                gross_total: row.gross_total,
                recorded_at: row.approved_at,
            })
        };
        let views: Result<Vec<_>, Error> = page.items.into_iter().map(view).collect();
        Ok(Listing::page(views?, next).public(15))
    })
    .await
}
