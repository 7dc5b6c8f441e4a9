//! Request parsing. Unknown fields and parameters are refused, and each error says where it is and how to fix it.

mod causes;
mod file;
mod shape;

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use qiaojian_domain::Violation;
use qiaojian_domain::digest::sha256_hex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use causes::in_chinese;
pub use file::{Place, TableFile};

use crate::problem::ApiError;

/// A NUL as escaped in JSON.
const NUL_ESCAPE: &[u8] = b"\\u0000";

/// Maximum body size of an ordinary request, in bytes.
const BODY_LIMIT: usize = 256 * 1024;

/// A JSON body. An empty body is read as `{}`, so that transitions without input need none.
pub struct Body<T> {
    pub value: T,
    /// SHA-256 of the bytes as sent, for `Idempotency-Key` and client-generated ids.
    pub digest: String,
}

/// The body of a transition that takes no input.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct NoInput {}

impl<T: DeserializeOwned + ToSchema + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = read_text(request, payload);
        Box::pin(async move {
            let text = text.await?;
            Ok(Self {
                value: well_shaped(read_json(&text), text.contains(&b'['), || {
                    serde_json::from_slice(&text).ok()
                })?,
                digest: sha256_hex(&text),
            })
        })
    }
}

/// A JSON merge patch (RFC 7396). It contains the changed fields; omitted fields stay unchanged.
pub struct MergePatch {
    pub changes: Map<String, Value>,
    /// SHA-256 of the bytes as sent, for `Idempotency-Key`.
    pub digest: String,
}

impl FromRequest for MergePatch {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = read_text(request, payload);
        Box::pin(async move {
            let text = text.await?;
            Ok(Self {
                changes: read_json(&text)?,
                digest: sha256_hex(&text),
            })
        })
    }
}

/// Returns the text of a JSON body, or `{}` for an empty one.
fn read_text(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<BytesMut, ApiError>> + 'static {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let is_json = content_type.is_none_or(|value| {
        let mime = value.split(';').next().unwrap_or_default().trim();
        ["application/json", "application/merge-patch+json"]
            .iter()
            .any(|json| mime.eq_ignore_ascii_case(json))
    });
    let fits = refuse_encoded(request).and_then(|()| refuse_longer(request, BODY_LIMIT));
    let payload = payload.take();
    async move {
        fits?;
        let bytes = read_whole(payload, BODY_LIMIT, |_| ()).await?;
        if bytes.is_empty() {
            return Ok(BytesMut::from("{}"));
        }
        if !is_json {
            return Err(ApiError::not_json());
        }
        Ok(bytes)
    }
}

/// Returns the parsed value, or all shape errors. The shape is checked if the parser reports a missing field, or if the
/// parsed value may contain arrays in place of objects.
fn well_shaped<T: ToSchema>(
    read: Result<T, ApiError>,
    has_arrays: bool,
    value: impl FnOnce() -> Option<Value>,
) -> Result<T, ApiError> {
    let is_wrong: fn(&Violation) -> bool = match &read {
        Ok(_) if has_arrays => |violation| violation.code == shape::ARRAY,
        Err(error) if error.is_about(shape::MISSING) => |_| true,
        _ => return read,
    };
    let mut wrong = value().map_or_else(Vec::new, |value| shape::violations::<T>(&value));
    wrong.retain(is_wrong);
    if wrong.is_empty() {
        read
    } else {
        Err(ApiError::bad_request(wrong))
    }
}

/// Refuses a compressed body, because a small one could expand to a large one.
pub(crate) fn refuse_encoded(request: &HttpRequest) -> Result<(), ApiError> {
    let encoded = request
        .headers()
        .get_all(header::CONTENT_ENCODING)
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        Err(ApiError::encoded_body())
    } else {
        Ok(())
    }
}

/// Refuses a body whose declared length exceeds `limit` without waiting for it.
pub(crate) fn refuse_longer(request: &HttpRequest, limit: usize) -> Result<(), ApiError> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        Some(length) if usize::try_from(length).unwrap_or(usize::MAX) > limit => {
            Err(ApiError::too_large(limit))
        }
        _ => Ok(()),
    }
}

/// Reads a body of at most `limit` bytes. `received` is called with the size of each chunk.
async fn read_whole(
    mut payload: Payload,
    limit: usize,
    received: impl Fn(usize),
) -> Result<BytesMut, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::bad_parameter("", "正文未能完整接收。", "The body was not received completely.")
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(ApiError::too_large(limit));
        }
        received(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Parses JSON from a caller and reports the position of an error.
///
/// # Errors
/// Returns 400 if the JSON does not match the type, or if a string contains a NUL.
pub fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    // Rare enough to parse twice.
    let may_hold_nul = text.windows(NUL_ESCAPE.len()).any(|window| window == NUL_ESCAPE);
    if may_hold_nul && serde_json::from_slice(text).is_ok_and(|value| has_nul(&value)) {
        return Err(ApiError::bad_request(vec![nul_character("")]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| misfit(&error))?;
    deserializer.end().map_err(|error| {
        ApiError::bad_request(vec![Violation::new(
            "",
            "not_json",
            "正文在 JSON 之后还有内容。",
            error.to_string(),
        )])
    })?;
    Ok(value)
}

/// Whether a string in the value contains a NUL, which PostgreSQL cannot store and no client needs.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Converts a JSON value into a type.
///
/// # Errors
/// Returns 400 with the position of the error.
pub fn fit<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| misfit(&error))
}

/// Converts a JSON value into an input type. Used for items of a list, and after a merge patch was applied.
///
/// # Errors
/// Returns 400 with the position of the error and the name of every missing field.
pub fn fit_input<T: DeserializeOwned + ToSchema>(value: Value) -> Result<T, ApiError> {
    let read = serde_path_to_error::deserialize(&value).map_err(|error| misfit(&error));
    let has_arrays = has_array(&value);
    well_shaped(read, has_arrays, || Some(value))
}

fn has_array(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(fields) => fields.values().any(has_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let path = error.path().to_string();
    let pointer = if path == "." {
        String::new()
    } else {
        format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
    };
    let cause = error.inner().to_string();
    let (code, zh) = if cause.starts_with("unknown field") {
        ("unknown_field", in_chinese(&cause))
    } else if let Some(name) = missing_name(&cause) {
        return ApiError::bad_request(vec![shape::missing(format!("{pointer}/{name}"), name)]);
    } else if cause.starts_with("recursion limit exceeded") {
        ("too_deep", "JSON 的层次过多，最多 127 层。".to_owned())
    } else if error.inner().is_syntax() || error.inner().is_eof() {
        let (line, column) = (error.inner().line(), error.inner().column());
        let zh = format!("不是有效的 JSON（第 {line} 行第 {column} 列）。");
        ("not_json", zh)
    } else {
        ("wrong_value", in_chinese(&cause))
    };
    ApiError::bad_request(vec![Violation::new(pointer, code, zh, cause)])
}

/// Returns the name of the field that the parser reports as missing.
fn missing_name(cause: &str) -> Option<&str> {
    let (name, _) = cause.strip_prefix("missing field `")?.split_once('`')?;
    Some(name)
}

/// The query parameters. Unknown parameters are refused.
pub struct Params<T>(pub T);

impl<T> Deref for Params<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_query(request.query_string()).map(Self))
    }
}

/// Maximum length of a parameter value, in characters.
const PARAMETER_CHARS: usize = 4_000;

fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    if query.contains("%00") {
        return Err(ApiError::bad_request(vec![nul_character("query")]));
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    for (name, value) in pairs {
        // The percent-encoded bytes are not valid UTF-8. Nobody sends the replacement character itself on purpose.
        if name.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(ApiError::bad_parameter(
                "query",
                "查询参数不是有效的 UTF-8，请以 UTF-8 编码后再作百分号转义。",
                "The query is not valid UTF-8. Encode it as UTF-8 before percent-encoding it.",
            ));
        }
        let count = value.chars().count();
        if count > PARAMETER_CHARS {
            return Err(ApiError::bad_request(vec![Violation::new(
                name,
                "too_long",
                format!("最多 {PARAMETER_CHARS} 个字，现有 {count} 个。"),
                format!("At most {PARAMETER_CHARS} characters; there are {count}."),
            )]));
        }
    }
    serde_urlencoded::from_str(query).map_err(|error| {
        let cause = error.to_string();
        ApiError::bad_parameter("query", format!("查询参数有误：{}", in_chinese(&cause)), cause)
    })
}

/// Maximum length of a search text, in characters.
const SEARCH_CHARS: usize = 100;

/// Checks the search text of a list.
///
/// # Errors
/// Returns 400 if the text is too long.
pub fn check_search(q: Option<&str>) -> Result<(), ApiError> {
    match q.map(|text| text.chars().count()) {
        Some(count) if count > SEARCH_CHARS => Err(ApiError::bad_parameter(
            "q",
            format!("最多 {SEARCH_CHARS} 个字，现有 {count} 个。"),
            format!("At most {SEARCH_CHARS} characters; there are {count}."),
        )),
        _ => Ok(()),
    }
}

fn nul_character(pointer: &'static str) -> Violation {
    Violation::new(
        pointer,
        "control_character",
        "含有空字符（NUL），请删除。",
        "Remove the NUL character.",
    )
}

/// A comma-separated list of distinct words.
#[derive(Debug, Clone)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T> Deserialize<'de> for List<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut seen = HashSet::new();
        words
            .map(|word| {
                if seen.insert(word) {
                    word.parse().map_err(serde::de::Error::custom)
                } else {
                    Err(serde::de::Error::custom(format!("`{word}` is given twice")))
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A path segment that is an id or a code. One that cannot be parsed identifies nothing and is answered with 404. A
/// query string is refused if the route takes no query parameters.
pub struct Segment<T>(pub T);

impl<T> FromRequest for Segment<T>
where
    T: std::str::FromStr + 'static,
{
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request
            .match_info()
            .iter()
            .next()
            .map(|(_, text)| text)
            .filter(|text| !text.contains('\0'))
            .unwrap_or_default();
        ready(text.parse().map(Self).map_err(|_| ApiError::no_such_resource()))
    }
}
