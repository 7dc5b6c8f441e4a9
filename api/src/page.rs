//! Lists: a limit, an opaque cursor that names its list and the last row seen, never an offset.

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use qiaojian_domain::digest::{base64url, from_base64url, sha256_hex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::extract::read_json;
use crate::problem::ApiError;

/// How many rows are given when nothing is asked for.
pub const DEFAULT: i64 = 50;
/// How many rows may be asked for at once.
pub const MOST: i64 = 200;
/// How much of its list's digest a cursor carries, in hexadecimal digits. It guards against mistakes, not against forgery: what
/// a caller sees does not depend on the cursor.
const LIST_DIGITS: usize = 16;

/// Part of a list, and where the next part begins.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next part; `null` at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<Result<T, ApiError>> {
    /// The page, or the first error on it.
    pub fn transpose(self) -> Result<Page<T>, ApiError> {
        let items = self.items.into_iter().collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next_cursor: self.next_cursor,
        })
    }
}

/// What was asked for: how many rows, behind which.
pub struct Window<K> {
    pub limit: i64,
    pub after: Option<K>,
    list: String,
}

/// How many rows are asked for by a `limit` parameter.
pub fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    let limit = asked.unwrap_or(DEFAULT);
    if (1..=MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::bad_parameter(
            "limit",
            format!("limit 应在 1 与 {MOST} 之间。"),
            format!("limit must be between 1 and {MOST}."),
        ))
    }
}

impl<K: DeserializeOwned + Serialize> Window<K> {
    /// From the `limit` and `cursor` parameters. A cursor of another list, or of the same with other filters, is refused.
    pub fn new(request: &HttpRequest, limit: Option<i64>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = self::limit(limit)?;
        let bad = || {
            ApiError::bad_parameter(
                "cursor",
                "cursor 无效，或不属于这个列表和筛选条件，请从第一页开始。",
                "The cursor is not valid, or is of another list or other filters. Start from the first page.",
            )
        };
        let list = list_of(request);
        let after = cursor
            .map(|text| {
                let bytes = from_base64url(text).ok_or_else(bad)?;
                let (of, key): (String, K) = read_json(&bytes).map_err(|_| bad())?;
                if of == list { Ok(key) } else { Err(bad()) }
            })
            .transpose()?;
        Ok(Self { limit, after, list })
    }

    /// One row more than asked for: whether there is a next part.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The part that was asked for, out of the rows that were fetched.
    pub fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> K,
        show: impl Fn(R) -> T,
    ) -> Result<Page<T>, ApiError> {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let next_cursor = match rows.last() {
            Some(last) if more => Some(base64url(serde_json::to_vec(&(&self.list, key(last)))?)),
            _ => None,
        };
        Ok(Page {
            items: rows.into_iter().map(show).collect(),
            next_cursor,
        })
    }
}

/// Names a list: its path and filters, in whatever order and encoding they were given.
fn list_of(request: &HttpRequest) -> String {
    // What cannot be read as parameters has been refused before.
    let mut filters: Vec<(String, String)> =
        serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    filters.retain(|(name, _)| name != "limit" && name != "cursor");
    filters.sort();
    let mut digest = sha256_hex(format!("{}{filters:?}", request.path()));
    digest.truncate(LIST_DIGITS);
    digest
}

/// A page in JSON. It is written where it was read, so that one text crosses from thread to thread instead of its many parts.
pub struct WrittenPage {
    text: String,
    next_cursor: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// The page in JSON.
    pub fn write(self) -> Result<WrittenPage, ApiError> {
        Ok(WrittenPage {
            text: serde_json::to_string(&self)?,
            next_cursor: self.next_cursor,
        })
    }
}

/// The reply, with a `Link` to the next part.
pub fn reply<T: Serialize>(request: &HttpRequest, page: &Page<T>) -> HttpResponse {
    linked(request, page.next_cursor.as_deref()).json(page)
}

/// The same for a reply that a page is a part of.
pub fn reply_with<T: Serialize>(request: &HttpRequest, next_cursor: Option<&str>, reply: &T) -> HttpResponse {
    linked(request, next_cursor).json(reply)
}

/// The same for a page that is written out.
pub fn reply_written(request: &HttpRequest, page: WrittenPage) -> HttpResponse {
    linked(request, page.next_cursor.as_deref())
        .content_type("application/json")
        .body(page.text)
}

fn linked(request: &HttpRequest, next_cursor: Option<&str>) -> HttpResponseBuilder {
    let mut reply = HttpResponse::Ok();
    if let Some(cursor) = next_cursor {
        let others = request
            .query_string()
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query = others
            .map(str::to_owned)
            .chain([format!("cursor={cursor}")])
            .collect::<Vec<_>>()
            .join("&");
        reply.insert_header((
            header::LINK,
            format!("<{}?{query}>; rel=\"next\"", request.path()),
        ));
    }
    reply
}
