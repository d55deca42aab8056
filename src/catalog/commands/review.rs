//! From draft to shelf and back.
use super::super::model::{ReviewMode, State};
use super::super::store::{self, Row};
use super::{goes_to_review, require_open_vendor, settle, sight};
use crate::kernel::{Code, Ctx, Error, Fault, ProductId, Refusal};
use crate::platform::db::Tx;

/// Hands a product in; it needs a photo, and a vendor that may trade.
pub async fn submit(tx: &mut Tx, ctx: &Ctx, id: ProductId) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let category = store::leaf(tx.conn(), &row.category_code).await?;
    let mode = category.and_then(|category| category.review_mode).unwrap_or(ReviewMode::Before);
    let reviewed = goes_to_review(tx, id, mode).await?;
    let state = row.state()?.submit(reviewed)?;
    require_open_vendor(tx, row.vendor_id).await?;
    if store::photos(tx.conn(), id).await?.is_empty() {
        return Err(Refusal::rules(vec![Fault::at("#/photos", Code::PhotoMissing)]).into());
    }
    let template = (state == State::Published).then_some("product_published");
    let now = tx.now().await?;
    let next = Row { updated_at: now, ..row.clone().with_state(state, now) };
    settle(tx, ctx, &row, next, "product.submitted", template).await
}

pub async fn approve(tx: &mut Tx, ctx: &Ctx, id: ProductId) -> Result<Row, Error> {
    turn(tx, ctx, id, "product.published", Some("product_published"), State::approve).await
}

pub async fn request_revision(tx: &mut Tx, ctx: &Ctx, id: ProductId, reason: &str) -> Result<Row, Error> {
    let revise = |state: State| state.request_revision(reason.to_owned());
    turn(tx, ctx, id, "product.revision_requested", Some("product_revision_requested"), revise).await
}

pub async fn reject(tx: &mut Tx, ctx: &Ctx, id: ProductId, reason: &str) -> Result<Row, Error> {
    turn(tx, ctx, id, "product.rejected", Some("product_rejected"), |state| state.reject(reason.to_owned()))
        .await
}

pub async fn publish(tx: &mut Tx, ctx: &Ctx, id: ProductId) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    require_open_vendor(tx, row.vendor_id).await?;
    if store::photos(tx.conn(), id).await?.is_empty() {
        return Err(Refusal::rules(vec![Fault::at("#/photos", Code::PhotoMissing)]).into());
    }
    turn(tx, ctx, id, "product.published", None, State::publish).await
}

pub async fn unpublish(tx: &mut Tx, ctx: &Ctx, id: ProductId) -> Result<Row, Error> {
    turn(tx, ctx, id, "product.unpublished", None, State::unpublish).await
}

pub async fn freeze(tx: &mut Tx, ctx: &Ctx, id: ProductId, reason: &str) -> Result<Row, Error> {
    turn(tx, ctx, id, "product.frozen", Some("product_frozen"), |state| state.freeze(reason.to_owned())).await
}

pub async fn unfreeze(tx: &mut Tx, ctx: &Ctx, id: ProductId) -> Result<Row, Error> {
    turn(tx, ctx, id, "product.unfrozen", None, State::unfreeze).await
}

async fn turn(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ProductId,
    kind: &str,
    template: Option<&str>,
    transition: impl FnOnce(State) -> Result<State, Error>,
) -> Result<Row, Error> {
    let row = store::lock(tx, sight(ctx)?, id).await?;
    ctx.expect_version(row.version)?;
    let state = transition(row.state()?)?;
    let now = tx.now().await?;
    let next = Row { updated_at: now, ..row.clone().with_state(state, now) };
    settle(tx, ctx, &row, next, kind, template).await
}
