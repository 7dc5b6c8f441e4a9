//! Schemas derived from those of other types: the input of a merge patch, and the output for what a client sent.

use qiaojian_domain::violation::TEXT_CHARS;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{Object, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

/// Declares a type that exists only for the OpenAPI document, with the schema `$schema`, which is derived from that of
/// `$source`.
macro_rules! derived_schema {
    ($(#[$doc:meta])* $vis:vis $name:ident of $source:ty = $schema:expr) => {
        $(#[$doc])*
        $vis struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::Schema::Object($schema).into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn schemas(
                schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
            ) {
                <$source as utoipa::ToSchema>::schemas(schemas);
            }
        }
    };
}
pub(crate) use derived_schema;

/// Returns the schema of an object, or an empty object schema for anything else.
fn object_of<T: PartialSchema>() -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::new(),
    }
}

/// Returns the schema of a JSON merge patch (RFC 7396) of `T`. It contains the fields that `may_change`, all of them
/// optional. `null` removes a field that `T` does not require.
pub fn merge_patch_of<T: PartialSchema>(description: &str, may_change: impl Fn(&str) -> bool) -> Object {
    let mut object = object_of::<T>();
    object.description = Some(description.to_owned());
    object.properties.retain(|name, _| may_change(name));
    for (name, schema) in &mut object.properties {
        if !object.required.contains(name) {
            let not_null = std::mem::replace(schema, Object::new().into());
            *schema = or_null(not_null);
        }
    }
    object.required.clear();
    object.example = None;
    object
}

/// Returns the object with an additional string field and an example of the whole.
pub fn with_text(mut object: Object, name: &str, description: &str, example: Value) -> Object {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .max_length(Some(TEXT_CHARS));
    object.properties.insert(name.to_owned(), text.into());
    object.example = Some(example);
    object
}

fn or_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.enum_values.is_none() => {
            object.schema_type = match object.schema_type {
                SchemaType::Type(one) => SchemaType::Array(vec![one, Type::Null]),
                other => other,
            };
            object.default = None;
            RefOr::T(Schema::Object(object))
        }
        // Already nullable.
        other @ RefOr::T(Schema::OneOf(_)) => other,
        other => OneOfBuilder::new()
            .item(other)
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into(),
    }
}

/// Returns the output schema of a `T` that a client sent: without `hidden`, with `always` required, and open to fields
/// that are added later.
pub fn shown_of<T: PartialSchema>(description: &str, hidden: &[&str], always: &[&str]) -> Object {
    let mut object = object_of::<T>();
    object.description = Some(description.to_owned());
    object
        .properties
        .retain(|name, _| !hidden.contains(&name.as_str()));
    object
        .required
        .extend(always.iter().map(|name| (*name).to_owned()));
    object.additional_properties = None;
    object.example = None;
    object
}
