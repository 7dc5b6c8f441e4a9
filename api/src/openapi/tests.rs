//! Tests of rules that apply to the whole document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(super::document()).unwrap()
}

/// Calls `visit` with every value of the document.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        _ => {}
    }
}

/// Returns every operation with its name, such as `GET /v1/areas`.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    assert!(operations.len() > 100, "{}", operations.len());
    operations
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = BTreeSet::new();
    walk(&document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            references.insert(reference);
        }
    });
    assert!(references.len() > 100);
    references.retain(|reference| document.pointer(reference.trim_start_matches('#')).is_none());
    assert!(references.is_empty(), "{references:?}");
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = document();
    let mut known = BTreeMap::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{id}"
        );
        assert!(!id.ends_with('_'), "{id}");
        if let Some(other) = known.insert(id, name.clone()) {
            panic!("{name} and {other} are both {id}");
        }
    }
    for id in [
        "organizations_list",
        "organizations_create",
        "areas_counts_record",
        "bulletins_html",
    ] {
        assert!(known.contains_key(id), "{id} is none of {:?}", known.keys());
    }
}

#[test]
fn every_refusal_is_a_problem() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let shared = answer["$ref"]
                .as_str()
                .map(|to| document.pointer(to.trim_start_matches('#')).unwrap());
            let content = shared.unwrap_or(answer)["content"].as_object().unwrap();
            let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
            // RFC 6749 §5.2.
            let of_oauth = name.contains(" /oauth/") && ["400", "401"].contains(&status.as_str());
            let expected = if of_oauth {
                "application/json"
            } else {
                "application/problem+json"
            };
            assert_eq!(kinds, [expected], "{name} {status}");
        }
    }
}

#[test]
fn what_an_operation_takes_says_how_it_may_be_refused() {
    let document = document();
    for (name, operation) in operations(&document) {
        let empty = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&empty);
        let header = |name: &str| parameters.iter().find(|one| one["name"] == name);
        let mut expected: Vec<&str> = Vec::new();
        if name.contains(" /v1/") {
            expected.extend(["401", "500", "503"]);
        }
        if name.contains('{') {
            expected.push("404");
        }
        if header("If-Match").is_some() {
            expected.push("412");
        }
        if header("Idempotency-Key").is_some() {
            expected.extend(["409", "422"]);
        }
        if name.starts_with("PATCH ") || name.starts_with("DELETE ") {
            assert_eq!(header("If-Match").unwrap()["required"], true, "{name}");
            expected.push("428");
        }
        if name.starts_with("POST /v1/") {
            assert!(header("Idempotency-Key").is_some(), "{name}");
            expected.extend(["400", "413", "415"]);
        }
        for status in expected {
            assert!(operation["responses"].get(status).is_some(), "{name}: {status}");
        }
    }
}

#[test]
fn every_body_has_an_example_of_its_own_fields() {
    let document = document();
    for (name, operation) in operations(&document) {
        let Some(content) = operation["requestBody"]["content"].as_object() else {
            continue;
        };
        for (kind, body) in content {
            if kind.ends_with("sheet") {
                continue;
            }
            let example = body
                .get("example")
                .unwrap_or_else(|| panic!("{name}: no example of {kind}"));
            let Some(reference) = body["schema"]["$ref"].as_str() else {
                assert!(example.is_string(), "{name}");
                continue;
            };
            let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
            for field in example.as_object().unwrap().keys() {
                assert!(schema["properties"].get(field).is_some(), "{name}: {field}");
            }
            for field in schema["required"].as_array().into_iter().flatten() {
                assert!(example.get(field.as_str().unwrap()).is_some(), "{name}: {field}");
            }
        }
    }
}

#[test]
fn nothing_is_composed_of_what_forbids_other_fields() {
    let document = document();
    let mut closed = BTreeSet::new();
    walk(&document, &mut |value| {
        for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let reference = part["$ref"].as_str();
            let part = reference.map_or(part, |to| document.pointer(to.trim_start_matches('#')).unwrap());
            if part["additionalProperties"] == false {
                closed.insert(reference);
            }
        }
    });
    assert!(closed.is_empty(), "{closed:?}");
}

#[test]
fn what_is_shown_of_an_organization_has_an_id() {
    let document = document();
    let parts = document["components"]["schemas"]["Organization"]["allOf"]
        .as_array()
        .unwrap();
    let required = |name: &str| {
        let is_named = |part: &Value| {
            let part = part["$ref"]
                .as_str()
                .map_or(part, |to| document.pointer(to.trim_start_matches('#')).unwrap());
            part["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|one| one == name))
        };
        parts.iter().any(is_named)
    };
    for name in ["id", "version", "area", "name", "status", "five_have"] {
        assert!(required(name), "{name}");
    }
    assert_eq!(document["servers"][0]["url"], "/");
}
