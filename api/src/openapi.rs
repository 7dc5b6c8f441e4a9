//! The OpenAPI document. It is generated from the handlers and completed with what applies to all operations. Tests
//! compare it with the committed `docs/openapi.json`.

mod answers;
mod bodies;
mod names;
mod parameters;
#[cfg(test)]
mod tests;

use actix_web::App;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt as _;

use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Qiaojian 侨建",
        description = "The register of grassroots organizations, their figures, tasks and bulletins. 基层侨联组织建设：台账、数据、任务与通报。"
    ),
    servers((url = "/", description = "The service that serves this document")),
    modifiers(&Security),
    components(schemas(crate::problem::Problem, crate::problem::FieldProblem))
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        use qiaojian_domain::access::Scope;
        let scopes = Scopes::from_iter(Scope::ALL.iter().map(|scope| (scope.as_str(), scope.as_str())));
        let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth/token", scopes));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("oauth", SecurityScheme::OAuth2(OAuth2::new([flow])));
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("client_id and client_secret"))
            .build();
        components.add_security_scheme("client", SecurityScheme::Http(basic));
    }
}

/// Returns the complete document.
pub fn document() -> Document {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(routes::configure)
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    answers::declare(components);
    names::give_names(document.paths.paths.iter_mut());
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            shorten(operation);
            parameters::complete(operation);
            bodies::complete(operation, components);
            answers::complete(path, operation);
        }
    }
    document
}

/// Shortens the summary to one sentence on one line. The rest of its paragraph starts the description.
fn shorten(operation: &mut Operation) {
    let Some(summary) = &operation.summary else { return };
    let line = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((first, rest)) = line.split_once(". ") else {
        operation.summary = Some(line);
        return;
    };
    let description = match &operation.description {
        None => rest.to_owned(),
        Some(more) => format!("{rest}\n\n{more}"),
    };
    operation.summary = Some(format!("{first}."));
    operation.description = Some(description);
}

/// Returns the operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        post,
        patch,
        delete,
        ..
    } = item;
    [get, post, patch, delete].into_iter().filter_map(Option::as_mut)
}
