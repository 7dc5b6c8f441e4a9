//! The OpenAPI document as it is served, and what requests are checked against by it.

use std::collections::HashMap;

use actix_web::dev::ServiceRequest;
use actix_web::web::{Bytes, Data};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::problem::ApiError;

/// The OpenAPI document of this process.
pub struct Contract {
    text: Bytes,
    /// Whether an operation takes query parameters, by path and method.
    takes_query: HashMap<String, HashMap<String, bool>>,
}

impl Contract {
    /// Serializes the document and reads from it which operations take query parameters.
    pub fn of(document: &OpenApi) -> Self {
        let value = serde_json::to_value(document).unwrap_or_default();
        let mut takes_query: HashMap<String, HashMap<String, bool>> = HashMap::new();
        let is_query = |parameter: &Value| parameter.get("in").is_some_and(|place| place == "query");
        for (path, operations) in fields_of(value.get("paths")) {
            for (method, operation) in fields_of(Some(operations)) {
                let parameters = operation.get("parameters").and_then(Value::as_array);
                let takes = parameters.is_some_and(|all| all.iter().any(is_query));
                let methods = takes_query.entry(path.clone()).or_default();
                methods.insert(method.to_ascii_uppercase(), takes);
            }
        }
        Self {
            text: document.to_pretty_json().unwrap_or_default().into(),
            takes_query,
        }
    }

    /// Returns the serialized document. All replies share its bytes.
    pub fn text(&self) -> Bytes {
        self.text.clone()
    }

    /// Returns whether the operation takes query parameters; `None` if there is no such operation.
    fn takes_query(&self, request: &ServiceRequest) -> Option<bool> {
        // Most paths with a query have no variable part, and patterns are matched by regular expressions, one after the other.
        let methods = self
            .takes_query
            .get(request.path())
            .or_else(|| self.takes_query.get(&request.match_pattern()?))?;
        methods.get(request.method().as_str()).copied()
    }

    /// Refuses a query string if the operation takes no query parameters, so that a misspelt or misplaced parameter is
    /// noticed. Operations that take some refuse unknown ones themselves (`Params`).
    ///
    /// # Errors
    /// Returns 400 that names the first parameter.
    pub fn refuse_undeclared_query(request: &ServiceRequest) -> Result<(), ApiError> {
        if request.query_string().is_empty() {
            return Ok(());
        }
        let contract = request.app_data::<Data<Self>>();
        match contract.and_then(|contract| contract.takes_query(request)) {
            Some(false) => {}
            // Unknown operations get their 404 or 405.
            Some(true) | None => return Ok(()),
        }
        let mut names = request.query_string().split(['=', '&']);
        Err(ApiError::bad_parameter(
            names.next().unwrap_or_default().to_owned(),
            "此地址不接受查询参数。",
            "This address takes no query parameters.",
        ))
    }
}

fn fields_of(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}
