//! Proofs of a purchase that was made already: uploaded and taken away while it is a draft.
use super::super::store::{self, Proof, Row};
use super::{member_sight, note_hand, require_officer};
use crate::kernel::{Code, Ctx, DocumentId, Error, Method, RequestId, refuse};
use crate::platform::db::Tx;
use crate::platform::new_id;
use crate::platform::trail::{self, Fact};
use serde_json::json;

const MOST_PROOFS: usize = 20;

/// What an upload holds.
pub struct NewProof {
    pub media_type: &'static str,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub storage_key: String,
}

/// Adds a proof to a draft of the method recorded.
///
/// # Errors
/// `value_not_allowed` for another method, `too_many_documents`.
pub async fn add_proof(tx: &mut Tx, ctx: &Ctx, id: RequestId, input: NewProof) -> Result<Proof, Error> {
    let row = draft(tx, ctx, id).await?;
    if row.method != Method::Recorded {
        return Err(refuse(Code::IllegalTransition));
    }
    if store::proofs(tx.conn(), &[id]).await?.len() >= MOST_PROOFS {
        return Err(refuse(Code::TooManyDocuments));
    }
    let proof = Proof {
        id: new_id(),
        realm: row.realm,
        request_id: id,
        media_type: input.media_type.to_owned(),
        size_bytes: input.size_bytes,
        sha256: input.sha256,
        storage_key: input.storage_key,
        uploaded_at: tx.now().await?,
        membership_id: ctx.member()?.id,
    };
    store::insert_proof(tx, &proof).await?;
    touch(tx, ctx, row, &proof, "request.proof_added").await?;
    Ok(proof)
}

pub async fn remove_proof(tx: &mut Tx, ctx: &Ctx, id: RequestId, proof: DocumentId) -> Result<(), Error> {
    let row = draft(tx, ctx, id).await?;
    ctx.expect_version(row.version)?;
    let proof = store::proof(tx.conn(), id, proof).await?;
    let now = tx.now().await?;
    store::end_proof(tx, proof.id, now).await?;
    touch(tx, ctx, row, &proof, "request.proof_removed").await
}

async fn draft(tx: &mut Tx, ctx: &Ctx, id: RequestId) -> Result<Row, Error> {
    let row = store::lock(tx, &member_sight(ctx)?, id).await?;
    require_officer(ctx, &row)?;
    row.state()?.editable()?;
    Ok(row)
}

/// A proof is part of the request, so its version rises with it, and an approval covers it.
async fn touch(tx: &mut Tx, ctx: &Ctx, row: Row, proof: &Proof, kind: &str) -> Result<(), Error> {
    let now = tx.now().await?;
    let id = row.id;
    store::save(tx, Row { updated_at: now, content_hash: None, ..row }).await?;
    note_hand(tx, ctx, id).await?;
    let after = json!({ "id": id, "proof_id": proof.id, "sha256": hex::encode(&proof.sha256) });
    let fact = Fact { kind, subject: id.0, before: None, after, reason: None, notices: Vec::new() };
    trail::record(tx, ctx, fact).await
}
