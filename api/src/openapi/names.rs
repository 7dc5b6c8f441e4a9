//! The `operationId` of every operation. Generated clients derive function names from it.

use utoipa::openapi::path::PathItem;

use super::operations;

/// Names every operation after its path and its handler: `organizations_list`, `areas_counts_record`. A handler with
/// the same name as the last segment of its path adds nothing: `organizations_approve`.
pub fn give_names<'a>(paths: impl Iterator<Item = (&'a String, &'a mut PathItem)>) {
    for (path, item) in paths {
        for operation in operations(item) {
            operation.operation_id = operation
                .operation_id
                .take()
                .map(|handler| name_of(path, handler.trim_end_matches('_')));
        }
    }
}

fn name_of(path: &str, handler: &str) -> String {
    let mut parts: Vec<&str> = path
        .trim_start_matches("/v1")
        .split('/')
        // `{id}.html` has a handler of its own, and `.well-known` adds no information.
        .filter(|part| !part.is_empty() && !part.starts_with(['{', '.']))
        .collect();
    let says_the_same = |part: &&str| part.starts_with(handler) || handler.ends_with(*part);
    parts.pop_if(|part| says_the_same(&&**part));
    parts.push(handler);
    parts.join("_")
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_name_is_made_of_path_and_handler() {
        for (path, handler, name) in [
            ("/v1/organizations", "list", "organizations_list"),
            ("/v1/organizations/{id}", "get", "organizations_get"),
            ("/v1/organizations/{id}/move", "move", "organizations_move"),
            ("/v1/areas/{code}/counts", "list", "areas_counts_list"),
            ("/v1/programs/{id}/cohort", "set_cohort", "programs_set_cohort"),
            ("/v1/assignments/{id}/reports", "report", "assignments_report"),
            ("/v1/bulletins/{id}.html", "html", "bulletins_html"),
            ("/v1/me", "me", "me"),
            ("/oauth/token", "token", "oauth_token"),
            ("/.well-known/jwks.json", "jwks", "jwks"),
        ] {
            assert_eq!(name_of(path, handler), name);
        }
    }
}
