//! Request bodies: which of them are optional, and an example of each.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, Schema};
use utoipa::openapi::{Components, RefOr, Required};

/// Adds the example of the schema to the body of an operation. A body without required fields is optional, because an
/// empty body is read as `{}`.
pub fn complete(operation: &mut Operation, components: &Components) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for (media_type, content) in &mut body.content {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::Ref(reference)) = &content.schema else {
            continue;
        };
        let Some(schema) = object(components, &reference.ref_location) else {
            continue;
        };
        if content.example.is_none() {
            content.example.clone_from(&schema.example);
        }
        if media_type.ends_with("json") && schema.required.is_empty() {
            body.required = Some(Required::False);
        }
    }
}

fn object<'a>(components: &'a Components, reference: &str) -> Option<&'a Object> {
    let name = reference.strip_prefix("#/components/schemas/")?;
    match components.schemas.get(name) {
        Some(RefOr::T(Schema::Object(object))) => Some(object),
        _ => None,
    }
}
