//! Photos of products.
use super::super::commands::{self, NewPhoto};
use super::super::store;
use super::view::PhotoView;
use crate::kernel::{Code, PhotoId, ProductId, act, refuse};
use crate::platform::http::{Api, Call, Created, NoBody, NoContent, NoQuery, Sends, Upload};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

pub fn routes(api: &mut Api) {
    api.post("/api/v1/products/{id}/photos", upload_product_photo)
        .delete("/api/v1/products/{id}/photos/{photo_id}", remove_product_photo);
}

/// A photo goes without further fields.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct UploadProductPhoto {}

async fn upload_product_photo(
    call: Call<act::UploadProductPhoto, (ProductId,), NoQuery, Upload<UploadProductPhoto>>,
) -> Sends<Created<PhotoView>> {
    let file = &call.body.file;
    // The file is taken in only for a product that the caller sees.
    call.before(async |app| {
        if !file.media_type.starts_with("image/") {
            return Err(refuse(Code::FileTypeRefused));
        }
        store::find(&mut *app.db.conn().await?, commands::sight(&call.ctx)?, call.path.0).await
    })
    .await?;
    call.write_file(&file.bytes, async |tx, ctx, storage_key| {
        let input = NewPhoto {
            media_type: file.media_type,
            size_bytes: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
            sha256: file.sha256.to_vec(),
            storage_key: storage_key.to_owned(),
        };
        let row = commands::add_photo(tx, ctx, call.path.0, &input).await?;
        let location = format!("/api/v1/products/{}/photos/{}", call.path.0, row.id);
        Ok(Created { view: row.into(), version: 1, location })
    })
    .await
}

async fn remove_product_photo(
    call: Call<act::RemoveProductPhoto, (ProductId, PhotoId), NoQuery, NoBody>,
) -> Sends<NoContent> {
    call.write(async |tx, ctx| {
        commands::remove_photo(tx, ctx, call.path.0, call.path.1).await?;
        Ok(NoContent)
    })
    .await
}
