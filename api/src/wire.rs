//! Small types that are shared by the JSON of several resources.

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

/// Applies a JSON merge patch (RFC 7396) to `target`.
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

/// Returns a date from its two fields.
pub fn precise(on: Option<NaiveDate>, precision: Option<Precision>) -> Option<PreciseDate> {
    on.map(|on| PreciseDate {
        on,
        precision: precision.unwrap_or(Precision::Day),
    })
}

/// Query parameters of a DELETE: the reason.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReasonParams {
    /// The reason; kept permanently.
    pub reason: String,
}

/// The page of a list without filters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Page size: 1 to 200. The default is 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

/// An area as shown in other resources.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AreaRef {
    pub code: String,
    pub name: String,
}

/// Returns the area that a body names at `pointer` if it belongs to `visible`. Otherwise returns 422, whether or not it
/// exists elsewhere.
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

/// A post in an area, as an actor or addressee.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostRef {
    /// The area's code.
    pub area: String,
    pub post: Post,
}

/// Converts "not found" to the violation that what a body names at `pointer` does not exist.
pub fn missing_as(pointer: &'static str, error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound(_) => ApiError::invalid(vec![Violation::new(
            pointer,
            "unknown_reference",
            "所引用的对象不存在，或不在您的范围内。",
            "The referenced row does not exist, or is outside your area.",
        )]),
        other => other.into(),
    }
}

/// Returns the client's id, or a new one if there is none.
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
