//! The error responses of operations. Those that follow from an operation's method, parameters and body are declared
//! here once; those specific to an operation are declared at its handler.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{Components, Ref, RefOr, Required};

use crate::headers::{IDEMPOTENCY_KEY, IF_MATCH};
use crate::problem::MEDIA_TYPE;

/// A response shared by several operations, declared among the components.
struct Shared {
    status: &'static str,
    name: &'static str,
    description: &'static str,
}

const BAD_REQUEST: Shared = Shared {
    status: "400",
    name: "BadRequest",
    description: "The request cannot be read: it is not JSON, or it has an unknown field or parameter, or a value of the wrong type; see \
        `errors`",
};
const UNAUTHORIZED: Shared = Shared {
    status: "401",
    name: "Unauthorized",
    description: "The access token is missing, unknown, expired or revoked; see `type`",
};
const FORBIDDEN: Shared = Shared {
    status: "403",
    name: "Forbidden",
    description: "The token does not have the required scope",
};
const NOT_FOUND: Shared = Shared {
    status: "404",
    name: "NotFound",
    description: "Not found, or outside the caller's area",
};
const TOO_SLOW: Shared = Shared {
    status: "408",
    name: "TooSlow",
    description: "The file did not arrive within two minutes",
};
const IN_PROGRESS: Shared = Shared {
    status: "409",
    name: "InProgress",
    description: "A request with the same `Idempotency-Key` is in progress",
};
const STALE: Shared = Shared {
    status: "412",
    name: "Stale",
    description: "The row was changed since the caller read it",
};
const TOO_LARGE: Shared = Shared {
    status: "413",
    name: "TooLarge",
    description: "The body is too large",
};
const UNSUPPORTED: Shared = Shared {
    status: "415",
    name: "UnsupportedMediaType",
    description: "The body has an unsupported media type, or is compressed",
};
const INVALID: Shared = Shared {
    status: "422",
    name: "Invalid",
    description: "A rule is violated, see `errors`; or the `Idempotency-Key` was used for another request",
};
const NO_VERSION: Shared = Shared {
    status: "428",
    name: "IfMatchRequired",
    description: "`If-Match` is missing",
};
const INTERNAL: Shared = Shared {
    status: "500",
    name: "Internal",
    description: "An internal error; it is logged under `instance`",
};
const UNAVAILABLE: Shared = Shared {
    status: "503",
    name: "Unavailable",
    description: "The service is busy, or its database is unavailable; try again after `Retry-After` seconds",
};

const SHARED: [&Shared; 13] = [
    &BAD_REQUEST,
    &UNAUTHORIZED,
    &FORBIDDEN,
    &NOT_FOUND,
    &TOO_SLOW,
    &IN_PROGRESS,
    &STALE,
    &TOO_LARGE,
    &UNSUPPORTED,
    &INVALID,
    &NO_VERSION,
    &INTERNAL,
    &UNAVAILABLE,
];

/// Declares the shared responses.
pub fn declare(components: &mut Components) {
    for shared in SHARED {
        let mut answer = response(shared.description);
        if let Some((name, kind, description)) = header_of(shared.status) {
            let header = HeaderBuilder::new()
                .schema(Some(Object::with_type(kind)))
                .description(Some(description))
                .build();
            answer.headers.insert(name.to_owned(), header.into());
        }
        components.responses.insert(shared.name.to_owned(), answer.into());
    }
}

fn header_of(status: &str) -> Option<(&'static str, Type, &'static str)> {
    match status {
        "401" => Some(("WWW-Authenticate", Type::String, "RFC 6750 §3")),
        "503" => Some(("Retry-After", Type::Integer, "Seconds")),
        _ => None,
    }
}

fn response(description: &str) -> Response {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, problem)
        .build()
}

/// Declares the error responses of an operation that its handler does not declare.
pub fn complete(path: &str, operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && status.starts_with(['4', '5'])
            && answer.content.is_empty()
        {
            answer.content = response("").content;
        }
    }
    for shared in refusals(path, operation) {
        let reference = || Ref::from_response_name(shared.name);
        let stated = operation.responses.responses.get_mut(shared.status);
        match stated {
            None => {
                let responses = &mut operation.responses.responses;
                responses.insert(shared.status.to_owned(), reference().into());
            }
            // The status has two reasons; both are described.
            Some(RefOr::T(stated)) if ["403", "409"].contains(&shared.status) => {
                stated.description = format!("{}; or: {}", stated.description, lower(shared.description));
            }
            Some(_) => {}
        }
    }
}

/// Returns a sentence with its first letter in lower case, to be appended to another.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// Returns the shared responses that apply to an operation.
fn refusals(path: &str, operation: &Operation) -> Vec<&'static Shared> {
    if path == "/healthz" {
        return Vec::new();
    }
    // While the database is unavailable at startup, a placeholder server answers everything else.
    let mut refusals = vec![&UNAVAILABLE];
    if !path.starts_with("/v1/") {
        if path.starts_with("/oauth/") || path == "/readyz" {
            refusals.push(&INTERNAL);
        }
        return refusals;
    }
    refusals.extend([&UNAUTHORIZED, &INTERNAL]);
    if needs_scope(operation) {
        refusals.push(&FORBIDDEN);
    }
    let parameters: Vec<&Parameter> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .collect();
    let header = |name: &str| {
        let named = |parameter: &&&Parameter| parameter.name == name;
        parameters.iter().find(named)
    };
    if parameters.iter().any(|one| one.parameter_in == ParameterIn::Path) {
        refusals.push(&NOT_FOUND);
    }
    if !parameters.is_empty() {
        refusals.push(&BAD_REQUEST);
    }
    if let Some(version) = header(IF_MATCH) {
        refusals.push(&STALE);
        if version.required == Required::True {
            refusals.push(&NO_VERSION);
        }
    }
    if header(IDEMPOTENCY_KEY).is_some() {
        refusals.extend([&IN_PROGRESS, &INVALID]);
    }
    if let Some(RefOr::T(body)) = &operation.request_body {
        refusals.extend([&TOO_LARGE, &UNSUPPORTED, &INVALID]);
        if !body.content.keys().any(|media| media.ends_with("json")) {
            refusals.push(&TOO_SLOW);
        }
    }
    refusals
}

/// Whether an operation requires a scope in addition to a token.
fn needs_scope(operation: &Operation) -> bool {
    let security = serde_json::to_value(&operation.security).unwrap_or_default();
    security
        .pointer("/0/oauth/0")
        .is_some_and(serde_json::Value::is_string)
}
