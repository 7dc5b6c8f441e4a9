//! Tells every field that is missing in a body, where the parser stops at the first.

use std::collections::BTreeMap;

use qiaojian_shared::domain::Violation;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::causes::missing_in_chinese;

pub(super) const CODE: &str = "missing_field";

/// A required field that is not there.
pub(super) fn violation(pointer: String, name: &str) -> Violation {
    let en = format!("missing field `{name}`");
    Violation::new(pointer, CODE, missing_in_chinese(name), en)
}

/// All fields that the schema of `T` requires and `value` lacks.
pub(super) fn all<T: ToSchema>(value: &Value) -> Vec<Violation> {
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
        let schema = match schema {
            RefOr::T(schema) => schema,
            RefOr::Ref(Ref { ref_location, .. }) => {
                let name = ref_location.rsplit('/').next().unwrap_or_default();
                match self.0.get(name) {
                    Some(RefOr::T(schema)) => schema,
                    _ => return,
                }
            }
        };
        match (schema, value) {
            (Schema::Object(object), Value::Object(fields)) => {
                for name in object.required.iter().filter(|name| !fields.contains_key(*name)) {
                    found.push(violation(format!("{place}/{name}"), name));
                }
                for (name, schema) in &object.properties {
                    if let Some(value) = fields.get(name) {
                        self.look(schema, value, &format!("{place}/{name}"), found);
                    }
                }
            }
            (Schema::Array(array), Value::Array(items)) => {
                if let utoipa::openapi::schema::ArrayItems::RefOrSchema(schema) = &array.items {
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
            _ => {}
        }
    }
}
