//! The request headers of writes, for the OpenAPI document. `Write` reads them.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// `Idempotency-Key` of a `POST`.
pub struct IdempotencyKey;
/// `If-Match` of a transition, where it is optional.
pub struct IfMatch;
/// `If-Match` of a `PATCH` or `DELETE`, where it is required.
pub struct IfMatchRequired;

/// The name of the `Idempotency-Key` header in the OpenAPI document.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The name of the `If-Match` header in the OpenAPI document.
pub const IF_MATCH: &str = "If-Match";

fn header(name: &str, schema: ObjectBuilder, required: Required, description: &str) -> Vec<Parameter> {
    vec![
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(description))
            .schema(Some(schema))
            .build(),
    ]
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(200))
            .pattern(Some("^[!-~]+$"));
        header(
            IDEMPOTENCY_KEY,
            schema,
            Required::False,
            "For example a UUID. For 30 days, the same key with the same request returns the same response, and nothing is done twice.",
        )
    }
}

/// The schema of an `ETag`: a version in quotation marks.
fn version() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^\"[0-9]{1,18}\"$"))
        .examples([serde_json::json!("\"3\"")])
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header(
            IF_MATCH,
            version(),
            Required::False,
            "The `ETag` of the row as read. It is checked if it is sent.",
        )
    }
}

impl IntoParams for IfMatchRequired {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header(
            IF_MATCH,
            version(),
            Required::True,
            "The `ETag` of the row as read.",
        )
    }
}
