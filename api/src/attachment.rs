//! Replies that a browser saves as a file.

use std::borrow::Cow;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use qiaojian_sheets::{Format, WriteError};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ApiError;

/// The bytes of a workbook, for the OpenAPI document.
pub struct Workbook;

impl PartialSchema for Workbook {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Workbook {
    fn name() -> Cow<'static, str> {
        "Workbook".into()
    }
}

/// Returns a reply that is saved as `<name>.<format>`. The name is chosen by the service and is plain ASCII.
pub fn attachment(format: Format, name: &str) -> HttpResponseBuilder {
    let mut reply = HttpResponse::Ok();
    reply.content_type(format.media_type()).insert_header((
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}.{format}\""),
    ));
    reply
}

/// Writes the file on a thread that may block on disk access.
pub async fn written<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
) -> Result<T, ApiError> {
    web::block(work)
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))
}
