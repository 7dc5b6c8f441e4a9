//! The only way in which a handler writes: actor, `If-Match`, `Idempotency-Key`, ledger tick, audit, effect and stored
//! reply, all in one transaction.

mod memory;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use qiaojian_domain::Conflict;
use qiaojian_domain::access::Scope;
use qiaojian_store::db::{DbError, WriteError as _};
use qiaojian_store::{Actor, Recording, organizations};
use serde::Serialize;

use memory::Memory;

use crate::app::App;
use crate::auth::{Principal, caller_of};
use crate::middleware::request_id;
use crate::problem::{ApiError, Existing};
use crate::under_way::One;

const KEY_HEADER: &str = "idempotency-key";
const KEY_CHARS: usize = 200;

/// A reply to a write, before it is sent.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    etag: Option<i64>,
    location: Option<String>,
    body: String,
    secret: bool,
}

impl Reply {
    /// 200 with a representation and its version.
    pub fn ok<T: Serialize>(version: i64, value: &T) -> Result<Self, ApiError> {
        let body = serde_json::to_string(value)?;
        Ok(Self {
            status: StatusCode::OK,
            etag: Some(version),
            location: None,
            body,
            secret: false,
        })
    }

    /// 200 with a representation that has no version of its own.
    pub fn plain<T: Serialize>(value: &T) -> Result<Self, ApiError> {
        Ok(Self {
            etag: None,
            ..Self::ok(0, value)?
        })
    }

    /// 202 with a representation: the request waits for someone else's decision.
    pub fn accepted<T: Serialize>(version: i64, value: &T) -> Result<Self, ApiError> {
        Ok(Self {
            status: StatusCode::ACCEPTED,
            ..Self::ok(version, value)?
        })
    }

    /// 201 with a representation and its location.
    pub fn created<T: Serialize>(location: String, version: i64, value: &T) -> Result<Self, ApiError> {
        Ok(Self {
            status: StatusCode::CREATED,
            location: Some(location),
            ..Self::ok(version, value)?
        })
    }

    /// 201 with several created resources, each of which has its own location.
    pub fn made<T: Serialize>(value: &T) -> Result<Self, ApiError> {
        Ok(Self {
            status: StatusCode::CREATED,
            ..Self::plain(value)?
        })
    }

    /// Adds the version of the resource.
    #[must_use]
    pub fn of_version(self, version: i64) -> Self {
        Self {
            etag: Some(version),
            ..self
        }
    }

    /// 200 instead of 201: the same request had already created it.
    #[must_use]
    pub fn made_before(self) -> Self {
        Self {
            status: StatusCode::OK,
            ..self
        }
    }

    /// 204 without a body.
    pub fn gone() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            etag: None,
            location: None,
            body: String::new(),
            secret: false,
        }
    }

    /// Marks the body as secret: it is stored sealed, under a key that only the caller can derive.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    fn send(self) -> HttpResponse {
        let mut reply = HttpResponse::build(self.status);
        if let Some(version) = self.etag {
            reply.insert_header((header::ETAG, etag(version)));
        }
        if let Some(location) = self.location {
            reply.insert_header((header::LOCATION, location));
        }
        if self.secret {
            reply.insert_header((header::CACHE_CONTROL, "no-store"));
        }
        if self.body.is_empty() {
            reply.finish()
        } else {
            reply.content_type("application/json").body(self.body)
        }
    }
}

/// Returns a version as an `ETag`.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Returns a representation with its `ETag`, for reads.
pub fn show<T: Serialize>(version: i64, value: &T) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag(version)))
        .json(value)
}

/// Returns a representation that is already serialized on the thread that read it, so that one string crosses threads
/// instead of many values.
pub fn show_text(version: i64, text: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag(version)))
        .content_type("application/json")
        .body(text)
}

/// The headers of a write.
pub struct Write {
    actor: Actor,
    caller: Arc<Principal>,
    key: Option<String>,
    if_match: Option<i64>,
    address: String,
}

impl FromRequest for Write {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_headers(request))
    }
}

fn read_headers(request: &HttpRequest) -> Result<Write, ApiError> {
    let caller = caller_of(request)?;
    let text = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or_default().trim())
    };
    let key = match text(KEY_HEADER) {
        Some(key) if request.method() == Method::POST => {
            let fits =
                !key.is_empty() && key.len() <= KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                return Err(ApiError::bad_parameter(
                    "Idempotency-Key",
                    "Idempotency-Key 应为 1 至 200 个可见 ASCII 字符，建议用 UUID。",
                    "Idempotency-Key must be 1 to 200 visible ASCII characters; use a UUID.",
                ));
            }
            Some(key.to_owned())
        }
        _ => None,
    };
    let if_match = match text(header::IF_MATCH.as_str()) {
        None | Some("*") => None,
        Some(tags) => Some(read_tags(tags).ok_or_else(|| {
            ApiError::bad_parameter(
                "If-Match",
                "If-Match 应为读取时返回的 ETag，如 \"3\"。",
                "If-Match must be the ETag as read, such as \"3\".",
            )
        })?),
    };
    Ok(Write {
        actor: Actor {
            token: Some(caller.token),
            request_id: request_id(request),
        },
        caller,
        key,
        if_match,
        address: format!(
            "{} {}?{}",
            request.method(),
            request.path(),
            request.query_string()
        ),
    })
}

/// Returns the version that `If-Match` refers to. A version is one number, so weak and strong tags are equivalent. Of a
/// list, which proxies and client libraries build from several reads, the newest is what the caller knows.
fn read_tags(tags: &str) -> Option<i64> {
    tags.split(',')
        .map(|tag| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
            digits.parse().ok().filter(|version| *version >= 0)
        })
        .reduce(|one: Option<i64>, other| Some(one?.max(other?)))
        .flatten()
}

impl Write {
    /// Returns the version in `If-Match`, if there is one.
    pub fn version(&self) -> Option<i64> {
        self.if_match
    }

    /// Returns the version in `If-Match`, or a 428 without one.
    pub fn required_version(&self) -> Result<i64, ApiError> {
        self.if_match.ok_or_else(ApiError::if_match_required)
    }

    /// Runs `effect` and replies only after the commit. With an `Idempotency-Key`, the reply is stored in the same
    /// transaction; the same request gets it again, and another request under the same key is refused. A duplicate that
    /// arrives while the first request is in progress waits for it, up to 5 s, then gets a 409. A ledger that is kept
    /// busy by others is a 503, as for every write.
    pub async fn run(
        self,
        app: &App,
        body_digest: &str,
        mut effect: impl FnMut(&mut Recording<'_, '_>) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Result<HttpResponse, ApiError> {
        let Self {
            actor,
            caller,
            key,
            address,
            ..
        } = self;
        app.unless_in_doubt()?;
        let memory = key.map(|key| Memory::of(app, caller.token, &key, &format!("{address}\n{body_digest}")));
        let keyed = memory.as_ref().map(|memory| app.under_way.begin(memory.key()));
        let outcome = app
            .db
            .write(move |tx| {
                let mut recording = Recording::begin(tx, &actor)?;
                match &memory {
                    None => effect(&mut recording),
                    Some(memory) => memory.recall_or(&mut recording, &mut effect),
                }
            })
            .await;
        match outcome {
            Err(error)
                if matches!(error.db_error(), Some(DbError::Locked))
                    && keyed.as_ref().is_some_and(One::has_twin) =>
            {
                Err(ApiError::conflict(Conflict::RequestInProgress))
            }
            outcome => {
                let full = outcome
                    .as_ref()
                    .err()
                    .is_some_and(|error| matches!(error.db_error(), Some(DbError::Full)));
                app.is_full.store(full, Ordering::Release);
                match outcome {
                    Ok(reply) => Ok(reply.send()),
                    Err(error) => Err(name_existing(app, caller, error).await),
                }
            }
        }
    }
}

/// Returns the same error. If it is caused by a conflicting organization that the caller may see, its id and name are
/// added.
async fn name_existing(app: &App, caller: Arc<Principal>, error: ApiError) -> ApiError {
    let Some((area, kind)) = error.place().filter(|_| caller.scopes.contains(&Scope::OrgRead)) else {
        return error;
    };
    let found = app
        .read(move |conn| Ok(organizations::active_of_kind(conn, &caller.visible, area, kind)?))
        .await;
    match found {
        Ok(Some((id, name))) => error.naming(Existing { id, name }),
        Ok(None) | Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_weak_tags_and_lists_too() {
        for (tags, version) in [
            ("\"3\"", Some(3)),
            ("W/\"3\"", Some(3)),
            ("\"2\", W/\"4\",\"3\"", Some(4)),
            ("3", None),
            ("\"three\"", None),
            ("\"3\", x", None),
            ("\"-1\"", None),
            ("", None),
        ] {
            assert_eq!(read_tags(tags), version, "{tags}");
        }
    }
}
