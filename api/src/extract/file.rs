//! A file as the entire request body.

use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, block};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_sheets::MOST_BYTES;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::{read_whole, refuse_encoded, refuse_longer};
use crate::app::App;
use crate::auth::caller_of;
use crate::middleware::share_of;
use crate::problem::ApiError;
use crate::uploads::{ARRIVES_WITHIN, Upload};

/// A table, as CSV or XLSX. The format is detected from the bytes.
pub struct TableFile {
    bytes: Bytes,
    /// SHA-256 of the bytes, for `Idempotency-Key`.
    pub digest: String,
    place: Place,
}

/// A slot among the table uploads in progress. It belongs to the parsed value, not to the request: if the client
/// disconnects while a thread is still parsing, the slot stays occupied.
#[derive(Debug)]
pub struct Place {
    _arrived: Upload,
    _read: Option<OwnedSemaphorePermit>,
}

impl TableFile {
    /// Waits for a parse slot, then passes the bytes to `read` on a separate thread, where they are freed. The returned
    /// place belongs to the parsed value.
    pub async fn read<T: Send + 'static>(
        self,
        app: &App,
        read: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(T, Place), ApiError> {
        let turn = Arc::clone(&app.imports).acquire_owned().await;
        let place = Place {
            _read: Some(turn.map_err(|error| ApiError::internal(&error))?),
            ..self.place
        };
        let work = block(move || (read(&self.bytes), place));
        let (table, place) = work.await.map_err(|error| ApiError::internal(&error))?;
        Ok((table?, place))
    }
}

/// The content types accepted for a table.
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
        let fits = refuse_encoded(request).and_then(|()| refuse_longer(request, MOST_BYTES));
        let payload = payload.take();
        let uploads = request
            .app_data::<Data<App>>()
            .map(|app| Arc::clone(&app.uploads));
        let caller = caller_of(request).map(|caller| share_of(&caller));
        Box::pin(async move {
            fits?;
            if !is_table {
                return Err(ApiError::not_a_table());
            }
            let uploads = uploads.ok_or_else(|| ApiError::internal(&"a route without its application"))?;
            let arriving = uploads.begin(caller?, Instant::now());
            let arriving = arriving.ok_or_else(ApiError::too_many_tables)?;
            let bytes = tokio::select! {
                () = arriving.gave_way() => Err(ApiError::too_slow()),
                read = timeout(ARRIVES_WITHIN, read_whole(payload, MOST_BYTES, |count| arriving.received(count))) => {
                    read.unwrap_or_else(|_| Err(ApiError::too_slow()))
                }
            }?;
            let place = arriving.arrived().ok_or_else(ApiError::too_slow)?;
            let bytes = bytes.freeze();
            Ok(Self {
                digest: sha256_hex(&bytes),
                bytes,
                place: Place {
                    _arrived: place,
                    _read: None,
                },
            })
        })
    }
}
