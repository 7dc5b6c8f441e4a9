//! Shape errors of a body, found by comparing it with the schema of its type. Reports all missing fields, where the
//! parser stops at the first, and arrays in place of objects, whose values the parser would accept as fields in order.

use std::collections::BTreeMap;

use qiaojian_domain::Violation;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayItems, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::causes::missing_in_chinese;

/// The error code of a missing field.
pub(super) const MISSING: &str = "missing_field";
/// The error code of an array in place of an object.
pub(super) const ARRAY: &str = "wrong_value";

/// Returns the violation for a missing required field.
pub(super) fn missing(pointer: String, name: &str) -> Violation {
    let en = format!("missing field `{name}`");
    Violation::new(pointer, MISSING, missing_in_chinese(name), en)
}

fn array(pointer: String) -> Violation {
    Violation::new(
        pointer,
        ARRAY,
        "应为 JSON 对象（{…}），不能是数组。",
        "It must be a JSON object, not an array.",
    )
}

/// Returns a violation for each field that the schema of `T` requires and `value` lacks, and for each array in place of
/// an object.
pub(super) fn violations<T: ToSchema>(value: &Value) -> Vec<Violation> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let schemas = Schemas(named.into_iter().collect());
    let mut found = Vec::new();
    schemas.look(&T::schema(), value, "", &mut found);
    found
}

/// The schemas that others refer to, by name.
struct Schemas(BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    fn look(&self, schema: &RefOr<Schema>, value: &Value, place: &str, found: &mut Vec<Violation>) {
        let Some(schema) = self.resolved(schema) else {
            return;
        };
        match (schema, value) {
            (Schema::Object(object), Value::Object(fields)) => {
                for name in object.required.iter().filter(|name| !fields.contains_key(*name)) {
                    found.push(missing(format!("{place}/{name}"), name));
                }
                for (name, schema) in &object.properties {
                    if let Some(value) = fields.get(name) {
                        self.look(schema, value, &format!("{place}/{name}"), found);
                    }
                }
            }
            (Schema::Object(object), Value::Array(_)) if is_object(&object.schema_type) => {
                found.push(array(place.to_owned()));
            }
            (Schema::Array(array), Value::Array(items)) => {
                if let ArrayItems::RefOrSchema(schema) = &array.items {
                    for (index, item) in items.iter().enumerate() {
                        self.look(schema, item, &format!("{place}/{index}"), found);
                    }
                }
            }
            (Schema::AllOf(all), value) => {
                for schema in &all.items {
                    self.look(schema, value, place, found);
                }
            }
            // A nullable schema.
            (Schema::OneOf(one_of), value) => {
                let mut others = one_of.items.iter().filter(|schema| !is_null(schema));
                if let (Some(schema), None) = (others.next(), others.next()) {
                    self.look(schema, value, place, found);
                }
            }
            _ => {}
        }
    }

    fn resolved<'a>(&'a self, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
        match schema {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(Ref { ref_location, .. }) => {
                let name = ref_location.rsplit('/').next().unwrap_or_default();
                match self.0.get(name) {
                    Some(RefOr::T(schema)) => Some(schema),
                    _ => None,
                }
            }
        }
    }
}

fn is_object(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(one) => *one == Type::Object,
        SchemaType::Array(several) => several.contains(&Type::Object) && !several.contains(&Type::Array),
        SchemaType::AnyValue => false,
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}
