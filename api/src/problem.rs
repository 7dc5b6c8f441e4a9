//! Errors as RFC 9457 problem details, in Chinese or English. Each constructor is a sentence that the caller can act
//! on. The cause of an internal error is logged once and never sent to the client.

mod language;
mod refusals;
mod service;

pub use language::Language;
use language::Text;
pub use refusals::{MOST_LISTED, why_refused};

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use qiaojian_domain::Violation;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Kind;
use qiaojian_store::StoreError;
use qiaojian_store::db::{DbError, WriteError};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The error that a handler returns instead of a reply.
#[derive(Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    title: Text,
    detail: Text,
    errors: Vec<Violation>,
    /// The value of the `WWW-Authenticate` header of a 401.
    challenge: Option<&'static str>,
    cause: Option<DbError>,
    /// The area and kind of the conflicting organization.
    place: Option<(AreaId, Kind)>,
    existing: Option<Existing>,
    /// The cause of an internal error, for the log.
    fault: Option<String>,
}

/// The body of a problem (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A stable identifier for programs: `/problems/<code>`.
    r#type: String,
    title: String,
    status: u16,
    /// How to resolve the problem.
    detail: String,
    /// The request's id, as it appears in the log.
    instance: String,
    /// The errors in the body or the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// The existing organization, if the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    existing: Option<Existing>,
}

/// An existing organization that conflicts with the request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Existing {
    /// As in `/v1/organizations/{id}`.
    pub id: OrganizationId,
    pub name: String,
}

/// One error in a body or parameter.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer into the body, or a parameter name.
    pointer: String,
    /// A stable identifier for programs.
    code: &'static str,
    detail: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, title: Text, detail: Text) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            title,
            detail,
            errors: Vec::new(),
            challenge: None,
            cause: None,
            place: None,
            existing: None,
            fault: None,
        }))
    }

    /// Logs the cause of an internal error, if there is one. Called once, when the reply is sent.
    pub fn log(&self, method: &str, path: &str, request_id: &str) {
        let fault: &dyn fmt::Display = match (&self.0.cause, &self.0.fault) {
            (Some(cause), _) => cause,
            (None, Some(fault)) => fault,
            (None, None) => return,
        };
        tracing::error!(request_id, method, path, status = self.0.status.as_u16(), error = %fault, "A request failed.");
    }

    /// Returns the area and kind of the conflicting organization, if there is one.
    pub fn place(&self) -> Option<(AreaId, Kind)> {
        self.0.place
    }

    /// Returns the same error with the conflicting organization.
    #[must_use]
    pub fn naming(mut self, existing: Existing) -> Self {
        self.0.existing = Some(existing);
        self
    }

    /// Whether the error lists fields, and only with this code.
    pub fn is_about(&self, code: &str) -> bool {
        let errors = &self.0.errors;
        !errors.is_empty() && errors.iter().all(|violation| violation.code == code)
    }

    /// Returns the HTTP status of the error.
    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// Returns the field errors.
    pub fn into_violations(self) -> Vec<Violation> {
        self.0.errors
    }

    /// Returns the problem in the caller's language.
    pub fn problem(&self, language: Language, request_id: &str) -> Problem {
        let inner = &self.0;
        Problem {
            r#type: format!("/problems/{}", inner.code),
            title: inner.title.in_language(language).to_owned(),
            status: inner.status.as_u16(),
            detail: inner.detail.in_language(language).to_owned(),
            instance: request_id.to_owned(),
            errors: inner
                .errors
                .iter()
                .map(|violation| FieldProblem {
                    pointer: violation.pointer.to_string(),
                    code: violation.code,
                    detail: language.sentence(violation).to_owned(),
                })
                .collect(),
            existing: inner.existing.clone(),
        }
    }

    /// Returns the reply in the caller's language.
    pub fn respond(&self, language: Language, request_id: &str) -> HttpResponse {
        let mut reply = HttpResponse::build(self.0.status);
        if let Some(challenge) = self.0.challenge {
            reply.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            reply.insert_header((header::RETRY_AFTER, "1"));
        }
        reply.insert_header((header::CONTENT_LANGUAGE, language.tag()));
        let body = serde_json::to_string(&self.problem(language, request_id)).unwrap_or_default();
        reply.content_type(MEDIA_TYPE).body(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.0.status.as_u16(),
            self.0.code,
            self.0.detail.en
        )
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Renders the error in Chinese and without a request id. The outermost middleware renders it again in the caller's
    /// language.
    fn error_response(&self) -> HttpResponse {
        self.respond(Language::Chinese, "")
    }
}

impl WriteError for ApiError {
    fn db_error(&self) -> Option<&DbError> {
        self.0.cause.as_ref()
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Query(cause) => {
                let mut api_error = Self::internal(&cause);
                api_error.0.cause = None;
                api_error
            }
            DbError::Panicked => Self::internal(&error),
            other => Self::unavailable(other),
        }
    }
}

impl From<diesel::result::Error> for ApiError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Db(error) => error.into(),
            StoreError::NotFound(noun) => Self::not_found(noun),
            StoreError::Stale { current } => Self::stale(current),
            StoreError::Refused(refused) => Self::refused(&refused),
            StoreError::Conflict(conflict) => Self::conflict(conflict),
            StoreError::OrganizationExists { area, kind } => Self::organization_exists(area, kind),
            StoreError::Invalid(violations) => Self::invalid(violations),
            StoreError::Json(error) => Self::internal(&error),
        }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&error)
    }
}
