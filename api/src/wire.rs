//! Small types that several nouns' JSON shares.

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::access::Post;
pub use qiaojian_domain::area::unknown_area;
use qiaojian_domain::clock::Entropy;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::PreciseDate;
use qiaojian_store::areas::{self, AreaVersion};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::{StoreError, Subtree};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// A JSON merge patch (RFC 7396) applied to `target`.
pub fn merge_patch(target: &mut serde_json::Value, patch: &serde_json::Value) {
    use serde_json::Value;
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(fields) = target {
        for (name, change) in changes {
            if change.is_null() {
                fields.remove(name);
            } else {
                merge_patch(fields.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

/// A date from its two fields.
pub fn precise(on: Option<NaiveDate>, precision: Option<Precision>) -> Option<PreciseDate> {
    on.map(|on| PreciseDate {
        on,
        precision: precision.unwrap_or(Precision::Day),
    })
}

/// The body of a `DELETE`-like verb that needs a reason in the address.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReasonParams {
    /// The reason; kept permanently.
    pub reason: String,
}

/// Which part of a list that has no filters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Page size: 1 to 200. The default is 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

/// An area as other nouns show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AreaRef {
    pub code: String,
    pub name: String,
}

/// The area a body names at `pointer`, if it belongs to `visible`; 422 if not, whether it exists elsewhere or not.
pub fn area_in_body(
    conn: &mut AnyConnection,
    visible: &Subtree,
    pointer: &'static str,
    code: &str,
) -> Result<AreaVersion, ApiError> {
    areas::find(conn, visible, code).map_err(|error| match error {
        StoreError::NotFound(_) => ApiError::invalid(vec![unknown_area(pointer)]),
        other => other.into(),
    })
}

/// A post in an area: who acts or is addressed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostRef {
    /// The area's code.
    pub area: String,
    pub post: Post,
}

/// What a body names at `pointer` is not there.
pub fn missing_as(pointer: &'static str, error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound(_) => ApiError::invalid(vec![Violation::new(
            pointer,
            "unknown_reference",
            "所引用的对象不存在，或不在您的范围内。",
            "What it refers to does not exist, or is outside your area.",
        )]),
        other => other.into(),
    }
}

/// A new id when the client brought none.
pub fn id_or_new<I: From<uuid::Uuid>>(
    given: Option<uuid::Uuid>,
    clock: &dyn qiaojian_domain::clock::Clock,
    entropy: &dyn Entropy,
) -> Result<I, ApiError> {
    match given {
        None => Ok(qiaojian_domain::ids::new_uuid(clock, entropy).into()),
        Some(id) if id.get_version_num() == 7 || id.get_version_num() == 4 => Ok(id.into()),
        Some(_) => Err(ApiError::bad_parameter(
            "/id",
            "id 应为 UUIDv7（或 v4）。",
            "id must be a UUIDv7 (or v4).",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_as_in_rfc_7396_appendix_a() {
        for (target, patch, expected) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge_patch(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} + {patch}");
        }
    }
}
