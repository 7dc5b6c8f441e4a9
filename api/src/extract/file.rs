//! A file as the whole body of a request.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use qiaojian_shared::digest::sha256_hex;
use qiaojian_shared::sheets::MOST_BYTES;

use super::read_whole;
use crate::problem::ApiError;

/// A table, as CSV or XLSX. Which of them it is, is told by its bytes.
pub struct TableFile {
    pub bytes: Bytes,
    /// SHA-256 of the bytes, for `Idempotency-Key`.
    pub digest: String,
}

/// What a client may call a table.
const MEDIA_TYPES: [&str; 5] = [
    "text/csv",
    "text/plain",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
];

impl FromRequest for TableFile {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or_default());
        let is_table = content_type.is_none_or(|value| {
            let mime = value.split(';').next().unwrap_or_default().trim();
            MEDIA_TYPES.iter().any(|known| mime.eq_ignore_ascii_case(known))
        });
        let payload = payload.take();
        Box::pin(async move {
            if !is_table {
                return Err(ApiError::not_a_table());
            }
            let bytes = read_whole(payload, MOST_BYTES).await?.freeze();
            Ok(Self {
                digest: sha256_hex(&bytes),
                bytes,
            })
        })
    }
}
