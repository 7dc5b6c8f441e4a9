//! Pagination of lists: a limit and an opaque cursor, which identifies its list and the last row seen. There are no
//! offsets.

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use qiaojian_domain::digest::{base64url, from_base64url, sha256_hex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::extract::read_json;
use crate::problem::ApiError;

/// The default number of rows per page.
pub const DEFAULT: i64 = 50;
/// The maximum number of rows per page.
pub const MOST: i64 = 200;
/// How many hexadecimal digits of its list's digest a cursor contains. The digest protects against mistakes, not
/// against forgery: what a caller sees does not depend on the cursor.
const LIST_DIGITS: usize = 16;

/// A page of a list, with the cursor of the next page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<Result<T, ApiError>> {
    /// Returns the page, or the first error on it.
    pub fn transpose(self) -> Result<Page<T>, ApiError> {
        let items = self.items.into_iter().collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next_cursor: self.next_cursor,
        })
    }
}

/// The requested range: how many rows, and after which.
pub struct Window<K> {
    pub limit: i64,
    pub after: Option<K>,
    list: String,
}

/// Returns the number of rows requested by a `limit` parameter.
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
    /// Reads the `limit` and `cursor` parameters. A cursor of another list, or of the same list with other filters, is
    /// refused.
    pub fn new(request: &HttpRequest, limit: Option<i64>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = self::limit(limit)?;
        let bad = || {
            ApiError::bad_parameter(
                "cursor",
                "cursor 无效，或不属于这个列表和筛选条件，请从第一页开始。",
                "The cursor is invalid, or belongs to another list or other filters. Start from the first page.",
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

    /// Returns the number of rows to fetch: one more than requested, to find out whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Returns the requested page of the fetched rows.
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

/// Identifies a list by its path and filters, regardless of their order and encoding.
fn list_of(request: &HttpRequest) -> String {
    // Queries that cannot be parsed have been refused before.
    let mut filters: Vec<(String, String)> =
        serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    filters.retain(|(name, _)| name != "limit" && name != "cursor");
    filters.sort();
    let mut digest = sha256_hex(format!("{}{filters:?}", request.path()));
    digest.truncate(LIST_DIGITS);
    digest
}

/// A page in JSON. It is serialized on the thread that read it, so that one string crosses threads instead of many
/// values.
pub struct WrittenPage {
    text: String,
    next_cursor: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// Serializes the page as JSON.
    pub fn write(self) -> Result<WrittenPage, ApiError> {
        Ok(WrittenPage {
            text: serde_json::to_string(&self)?,
            next_cursor: self.next_cursor,
        })
    }
}

/// Returns the reply, with a `Link` header to the next page.
pub fn reply<T: Serialize>(request: &HttpRequest, page: &Page<T>) -> HttpResponse {
    linked(request, page.next_cursor.as_deref()).json(page)
}

/// Returns a reply of which the page is a part, with a `Link` header to the next page.
pub fn reply_with<T: Serialize>(request: &HttpRequest, next_cursor: Option<&str>, reply: &T) -> HttpResponse {
    linked(request, next_cursor).json(reply)
}

/// Returns the reply for a page that is already serialized.
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
