//! Which routes take query parameters. A route that takes none refuses any, so that a misspelt or misplaced parameter
//! is noticed.

use std::collections::HashSet;
use std::sync::LazyLock;

use actix_web::HttpRequest;
use serde_json::Value;

use crate::openapi;
use crate::problem::ApiError;

/// Method and path of every operation that declares a query parameter, taken from the OpenAPI document.
static DECLARED: LazyLock<HashSet<(String, String)>> = LazyLock::new(|| {
    let document = serde_json::to_value(openapi::document()).unwrap_or_default();
    let mut declared = HashSet::new();
    let is_query = |parameter: &Value| parameter.get("in").is_some_and(|place| place == "query");
    for (path, operations) in fields_of(document.get("paths")) {
        for (method, operation) in fields_of(Some(operations)) {
            let parameters = operation.get("parameters").and_then(Value::as_array);
            if parameters.is_some_and(|all| all.iter().any(is_query)) {
                declared.insert((method.to_ascii_uppercase(), path.clone()));
            }
        }
    }
    declared
});

fn fields_of(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// Refuses a query string if the route takes no query parameters. Routes that take some refuse unknown ones themselves
/// (`Params`).
pub fn refuse_undeclared(request: &HttpRequest) -> Result<(), ApiError> {
    if request.query_string().is_empty() {
        return Ok(());
    }
    let route = (
        request.method().to_string(),
        request.match_pattern().unwrap_or_default(),
    );
    if DECLARED.contains(&route) {
        return Ok(());
    }
    let name = request
        .query_string()
        .split(['=', '&'])
        .next()
        .unwrap_or_default();
    Err(ApiError::bad_parameter(
        name.to_owned(),
        "此地址不接受查询参数。",
        "This address takes no query parameters.",
    ))
}
