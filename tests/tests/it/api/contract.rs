//! What every route promises, read off the OpenAPI document: a declared scope, and no answer for an anonymous caller, a caller
//! without that scope, or a row outside the caller's area. A route that is added is checked without being named here, with the example of its
//! body; one with a new kind of id has to say how to call it.

use std::collections::BTreeMap;

use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, TestApi, with_api};
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    scope: Scope,
    /// The example of its body.
    example: Option<Value>,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn has_row(&self) -> bool {
        self.path.contains('{')
    }

    async fn call(&self, caller: &Client, rows: &BTreeMap<&str, String>) -> Reply {
        self.call_with(caller, rows, query(&self.name())).await
    }

    async fn call_with(&self, caller: &Client, rows: &BTreeMap<&str, String>, query: &str) -> Reply {
        let mut path = self.path.clone();
        if self.has_row() {
            let noun = self.path.trim_start_matches("/v1/").split('/').next().unwrap();
            let row = rows
                .get(noun)
                .unwrap_or_else(|| panic!("{}: no foreign row of {noun} is made", self.name()));
            path = path.replace("{id}", row).replace("{code}", row);
        }
        path.push_str(query);
        let mut request = caller.request(self.method.clone(), &path);
        // A body that can be read, so that the answer is about the caller and not about the body.
        request = match &self.example {
            None => request,
            Some(Value::String(table)) => request.header("Content-Type", "text/csv").body(table.clone()),
            Some(example) => request.json(example),
        };
        if [Method::PATCH, Method::DELETE].contains(&self.method) {
            request = request.header("If-Match", "\"1\"");
        }
        caller.send(request).await
    }
}

/// What an operation cannot be called without.
fn query(name: &str) -> &'static str {
    match name {
        "GET /v1/figures" | "GET /v1/figures/members" => "?metric=organizations",
        "GET /v1/areas/correspondence" => "?from=2021-10-31",
        "GET /v1/bulletins/{id}/members" => "?figure=/totals/organizations",
        // Nothing had come of what is deleted, so nobody has to say why.
        "DELETE /v1/schedules/{id}" => "",
        _ if name.starts_with("DELETE ") => "?reason=test",
        _ => "",
    }
}

/// The examples of all bodies, by operation.
struct Examples(BTreeMap<String, Value>);

impl Examples {
    fn of(operations: &[Operation]) -> Self {
        let with_body = |one: &Operation| Some((one.name(), one.example.clone()?));
        Self(operations.iter().filter_map(with_body).collect())
    }

    fn body(&self, name: &str) -> Value {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no example"))
            .clone()
    }

    /// The same of a programme.
    fn body_of(&self, name: &str, program: &str) -> Value {
        let mut body = self.body(name);
        body["program"] = json!(program);
        body
    }
}

/// The example of an operation's body: of a table, that in CSV.
fn example(operation: &Value) -> Option<Value> {
    let content = operation["requestBody"]["content"].as_object()?;
    let example = |kind: &str| Some(content.get(kind)?.get("example")?.clone());
    let kinds = ["application/json", "application/merge-patch+json", "text/csv"];
    kinds.into_iter().find_map(example)
}

async fn operations(api: &TestApi) -> Vec<Operation> {
    let document = api.anonymous().get("/openapi.json").await.expect(200).json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if !path.starts_with("/v1/") {
                continue;
            }
            let name = format!("{method} {path}");
            // What a client may know of itself needs no scope; that it needs a token is checked in tokens.rs.
            if path == "/v1/me" {
                continue;
            }
            let security = operation["security"]
                .as_array()
                .unwrap_or_else(|| panic!("{name} declares no security"));
            assert_eq!(security.len(), 1, "{name} declares one way in");
            let scopes = security[0]["oauth"]
                .as_array()
                .unwrap_or_else(|| panic!("{name} declares no OAuth scope"));
            assert_eq!(scopes.len(), 1, "{name} declares one scope");
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                scope: scopes[0].as_str().unwrap().parse().unwrap(),
                example: example(operation),
            });
        }
    }
    assert!(operations.len() > 60, "the document lists the routes");
    operations
}

fn id_of(reply: &Reply) -> String {
    assert!(reply.status < 300, "{}", reply.text);
    let body = reply.json();
    body.get("id")
        .or_else(|| body.get("client_id"))
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

/// One row of every kind that the callers of 341802 have nothing to do with.
async fn foreign_rows(api: &TestApi) -> BTreeMap<&'static str, String> {
    let examples = Examples::of(&operations(api).await);
    let admin = api.caller("340000", Role::ProvinceAdmin).await;
    let program = id_of(
        &admin
            .post("/v1/programs", &examples.body("POST /v1/programs"))
            .await,
    );
    admin
        .post(
            &format!("/v1/programs/{program}/cohort"),
            &examples.body("POST /v1/programs/{id}/cohort"),
        )
        .await;
    let mut rows = BTreeMap::from([("areas", "340304".to_owned())]);
    rows.insert(
        "organizations",
        id_of(
            &admin
                .post("/v1/organizations", &examples.body("POST /v1/organizations"))
                .await,
        ),
    );
    let task = examples.body_of("POST /v1/tasks", &program);
    let task = id_of(&admin.post("/v1/tasks", &task).await);
    let assignments = admin
        .get(&format!("/v1/tasks/{task}/assignments"))
        .await
        .expect(200)
        .json();
    rows.insert(
        "assignments",
        assignments["items"][0]["id"].as_str().unwrap().to_owned(),
    );
    rows.insert("tasks", task);
    rows.insert(
        "tokens",
        id_of(&admin.post("/v1/tokens", &examples.body("POST /v1/tokens")).await),
    );
    rows.insert(
        "endpoints",
        id_of(
            &admin
                .post("/v1/endpoints", &examples.body("POST /v1/endpoints"))
                .await,
        ),
    );
    rows.insert(
        "schedules",
        id_of(
            &admin
                .post("/v1/schedules", &examples.body_of("POST /v1/schedules", &program))
                .await,
        ),
    );
    let bulletin = examples.body_of("POST /v1/bulletins", &program);
    let bulletin = id_of(&admin.post("/v1/bulletins", &bulletin).await);
    admin
        .post(&format!("/v1/bulletins/{bulletin}/approve"), &json!({}))
        .await
        .expect(200);
    admin
        .post(&format!("/v1/bulletins/{bulletin}/publish"), &json!({}))
        .await
        .expect(200);
    let notices = admin
        .get(&format!("/v1/bulletins/{bulletin}/notices"))
        .await
        .expect(200)
        .json();
    rows.insert("notices", notices["items"][0]["id"].as_str().unwrap().to_owned());
    let deliveries = admin
        .get(&format!("/v1/deliveries?bulletin={bulletin}"))
        .await
        .expect(200)
        .json();
    rows.insert(
        "deliveries",
        deliveries["items"][0]["id"].as_str().unwrap().to_owned(),
    );
    rows.insert("bulletins", bulletin);
    rows.insert("programs", program);
    rows
}

/// Programmes are reference data: every token reads them (DESIGN §8).
fn is_reference(name: &str) -> bool {
    matches!(name, "GET /v1/programs/{id}" | "GET /v1/programs/{id}/cohort")
}

/// Changes what everybody may read.
fn is_shared(name: &str) -> bool {
    matches!(name, "PATCH /v1/programs/{id}" | "POST /v1/programs/{id}/cohort")
}

#[apply(both_databases)]
fn no_route_answers_whom_it_should_not(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let rows = foreign_rows(api).await;
        let anonymous = api.anonymous();
        for operation in operations(api).await {
            let name = operation.name();
            operation.call(&anonymous, &rows).await.expect_for(&name, 401);

            let others = Scope::ALL
                .iter()
                .copied()
                .filter(|scope| *scope != operation.scope)
                .collect();
            let without = api
                .caller_with("340000", Post::Federation, Role::ProvinceAdmin, others)
                .await;
            let refused = operation.call(&without, &rows).await.expect_for(&name, 403);
            assert_eq!(refused.json()["type"], "/problems/scope_missing", "{name}");

            if operation.has_row() && !is_reference(&name) {
                let only = [operation.scope].into();
                let stranger = api
                    .caller_with("341802", Post::Federation, Role::ProvinceAdmin, only)
                    .await;
                let hidden = operation.call(&stranger, &rows).await;
                // What everybody may read may be refused openly; anything else looks like nothing.
                let (status, problem) = if is_shared(&name) {
                    (403, "/problems/not_yours")
                } else {
                    (404, "/problems/not_found")
                };
                assert_eq!(hidden.expect_for(&name, status).json()["type"], problem, "{name}");
            }
            if operation.method == Method::GET {
                // Raw counts stay at county level and below.
                let at = if operation.path.ends_with("/counts") {
                    "340304"
                } else {
                    "340000"
                };
                let admin = api
                    .caller_with(
                        at,
                        Post::Federation,
                        Role::ProvinceAdmin,
                        [operation.scope].into(),
                    )
                    .await;
                let path = operation.path.clone();
                let known = operation.call(&admin, &rows).await.expect_for(&name, 200);
                assert!(
                    known.header("x-request-id").is_some_and(|id| !id.is_empty()),
                    "{path}"
                );
                assert_eq!(known.header("x-content-type-options"), Some("nosniff"), "{path}");
            }
        }
    });
}

trait ExpectFor {
    fn expect_for(self, name: &str, status: u16) -> Self;
}

impl ExpectFor for Reply {
    #[track_caller]
    fn expect_for(self, name: &str, status: u16) -> Self {
        assert_eq!(self.status, status, "{name}: {}", self.text);
        self
    }
}

#[apply(both_databases)]
fn every_route_refuses_a_parameter_it_does_not_know(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let rows = foreign_rows(api).await;
        for operation in operations(api).await {
            let name = operation.name();
            let known = query(&name);
            let joint = if known.is_empty() { "?" } else { "&" };
            operation
                .call_with(&admin, &rows, &format!("{known}{joint}colour=red"))
                .await
                .expect_for(&name, 400);
        }
    });
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let committed = include_str!("../../../../docs/openapi.json");
    let made = qiaojian_api::openapi_document().to_pretty_json().unwrap();
    assert!(
        committed.trim_end() == made.trim_end(),
        "docs/openapi.json is not what the routes say; write it anew: cargo run -p qiaojian -- openapi > docs/openapi.json"
    );
}

#[apply(both_databases)]
fn the_readable_docs_load_their_own_files_and_nothing_else(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let anonymous = api.anonymous();
        let page = anonymous.get("/docs/").await.expect(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
            "{policy}"
        );
        let files = page
            .text
            .split(['"', '\''])
            .filter(|word| word.ends_with(".js") || word.ends_with(".css"));
        let files: Vec<&str> = files.collect();
        assert!(files.len() >= 3, "{}", page.text);
        for file in files {
            assert!(!file.contains("//"), "{file} would be fetched from elsewhere");
            anonymous
                .get(&format!("/docs/{}", file.trim_start_matches("./")))
                .await
                .expect(200);
        }
        let data = anonymous.get("/healthz").await.expect(200);
        assert_eq!(
            data.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'")
        );
    });
}
