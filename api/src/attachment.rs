//! Files that a browser saves.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use qiaojian_shared::sheets::Format;
use utoipa::ToSchema;

/// The bytes of a workbook, for the contract.
#[derive(ToSchema)]
pub struct Workbook(#[schema(value_type = String, format = Binary)] pub Vec<u8>);

/// A reply that is saved as `<name>.<format>`. The name is ours, plain ASCII.
pub fn attachment(format: Format, name: &str) -> HttpResponseBuilder {
    let mut reply = HttpResponse::Ok();
    reply.content_type(format.media_type()).insert_header((
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}.{format}\""),
    ));
    reply
}
