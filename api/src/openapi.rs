//! The OpenAPI document, made from the handlers; the committed `docs/openapi.json` is compared with it.

use actix_web::App;
use utoipa::openapi::OpenApi as Document;
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
    modifiers(&Security),
    components(schemas(crate::problem::Problem, crate::problem::FieldProblem))
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        use qiaojian_shared::domain::access::Scope;
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

/// The whole document.
pub fn document() -> Document {
    let (_, document) = App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(routes::configure)
        .split_for_parts();
    document
}
