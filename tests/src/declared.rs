//! Whether what the API answers is what its OpenAPI document declares: asked of every answer that a test gets.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(qiaojian_api::openapi_document()).expect("the document"));

/// Fails unless the operation declares this status, and with it this kind of content. What is no operation declares nothing.
pub fn assert_declared(method: &Method, path: &str, status: u16, content_type: Option<&str>, text: &str) {
    let Some((template, operation)) = operation(method, path) else {
        return;
    };
    let name = format!("{method} {template} answers {status}");
    let answer = &operation["responses"][status.to_string()];
    assert!(answer.is_object(), "{name}, which it does not declare: {text}");
    let answer = answer["$ref"].as_str().map_or(answer, |reference| {
        DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .expect(reference)
    });
    let declared: Vec<&String> = answer["content"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .collect();
    let sent = content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match sent {
        None => assert!(
            declared.is_empty(),
            "{name} without content; it declares {declared:?}"
        ),
        Some(sent) => {
            let is_declared = declared.iter().any(|kind| *kind == sent);
            assert!(
                is_declared,
                "{name} with {sent}; it declares {declared:?}: {text}"
            );
        }
    }
}

/// The operation at a path, and the path as the document has it; of several the one that names most of it.
fn operation(method: &Method, path: &str) -> Option<(&'static String, &'static Value)> {
    let method = method.as_str().to_ascii_lowercase();
    DOCUMENT["paths"]
        .as_object()?
        .iter()
        .filter(|(template, _)| fits(template, path))
        .min_by_key(|(template, _)| template.contains('{'))
        .and_then(|(template, operations)| Some((template, operations.get(&method)?)))
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(pattern, part)| match pattern.split_once('}') {
                // `{id}` takes a whole part, `{id}.html` one that ends so.
                Some((_, "")) => {
                    !part.is_empty() && ![".html", ".json", ".txt"].iter().any(|form| part.ends_with(form))
                }
                Some((_, ending)) => part.ends_with(ending),
                None => pattern == part,
            })
}
