//! Errors about the form of a request, whatever its subject, and errors of the service itself.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use qiaojian_domain::Violation;
use qiaojian_domain::access::Scope;
use qiaojian_domain::doubt::Doubt;
use qiaojian_store::db::DbError;

use super::ApiError;
use super::language::Text;

impl ApiError {
    fn unauthorized(code: &'static str, detail: Text) -> Self {
        let title = Text::new("未通过身份验证", "Not authenticated");
        let mut error = Self::new(StatusCode::UNAUTHORIZED, code, title, detail);
        error.0.challenge = Some(match code {
            "token_missing" => "Bearer",
            _ => "Bearer error=\"invalid_token\"",
        });
        error
    }

    /// 401: the token is missing.
    pub fn token_missing() -> Self {
        Self::unauthorized(
            "token_missing",
            Text::new(
                "请在 Authorization 头中携带 Bearer 令牌；令牌由 POST /oauth/token 获取。",
                "Send a Bearer token in the Authorization header. POST /oauth/token returns one.",
            ),
        )
    }

    /// 401: the token is not one of ours.
    pub fn token_unknown() -> Self {
        Self::unauthorized(
            "token_unknown",
            Text::new(
                "令牌无法识别，请重新获取。",
                "The token is unknown. Get a new one.",
            ),
        )
    }

    /// 401: the token has expired.
    pub fn token_expired() -> Self {
        Self::unauthorized(
            "token_expired",
            Text::new(
                "令牌已过期，请重新获取。",
                "The token has expired. Get a new one.",
            ),
        )
    }

    /// 401: the token is permanently revoked; retrying does not help.
    pub fn token_revoked() -> Self {
        Self::unauthorized(
            "token_revoked",
            Text::new(
                "令牌已被撤销，请勿重试，请联系管理员重新发放。",
                "The token has been revoked. Do not retry; ask an administrator for a new one.",
            ),
        )
    }

    /// 403: the token does not have the scope.
    pub fn scope_missing(scope: Scope) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            Text::new("权限不足", "Not allowed"),
            Text::new(
                format!("此操作需要权限 {scope}，当前令牌没有。"),
                format!("This operation requires the scope {scope}, which the token does not have."),
            ),
        )
    }

    /// 404: no such route.
    pub fn no_such_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_route",
            Text::new("未找到", "Not found"),
            Text::new(
                "没有这个地址，请查阅 /docs。",
                "There is no such address. See /docs.",
            ),
        )
    }

    /// 400: the request is malformed.
    pub fn bad_request(violations: Vec<Violation>) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            Text::new("请求有误", "Bad request"),
            Text::new(
                "请求无法理解，详见 errors。",
                "The request cannot be understood; see errors.",
            ),
        );
        error.0.errors = violations;
        error
    }

    /// 400: the request is not valid HTTP.
    pub fn unreadable() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unreadable_request",
            Text::new("请求无法读取", "Unreadable request"),
            Text::new(
                "所发内容不符合 HTTP 规范：地址中的汉字等须作百分号转义，地址不得过长；须有且仅有一个 Host 头，Content-Length、\
                 Transfer-Encoding 和分块的正文须正确。",
                "The request is not valid HTTP. Percent-encode non-ASCII characters in the address and keep it short; send exactly one \
                 Host header, a correct Content-Length or Transfer-Encoding, and correct chunks.",
            ),
        )
    }

    /// 408: the request head took too long to arrive.
    pub fn head_too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "head_too_slow",
            Text::new("接收超时", "Too slow"),
            Text::new(
                "请求未能及时发完，未作任何处理；请在网络良好时重试。",
                "The request did not arrive in time; nothing was done. Try again on a better connection.",
            ),
        )
    }

    /// 431: the request head is too long.
    pub fn head_too_large() -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head_too_large",
            Text::new("请求头过大", "Head too large"),
            Text::new(
                "请求行和请求头合计最多 128 KiB，请求头最多 96 个。",
                "The request line and the headers may have at most 128 KiB together, and there may be at most 96 headers.",
            ),
        )
    }

    /// 400: a parameter is invalid.
    pub fn bad_parameter(
        name: impl Into<Cow<'static, str>>,
        zh: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::bad_request(vec![Violation::new(name, "bad_parameter", zh, en)])
    }

    /// 413: the body is too long.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            Text::new("内容过大", "Too large"),
            Text::new(
                format!("正文最多 {limit} 字节。"),
                format!("The body may have at most {limit} bytes."),
            ),
        )
    }

    /// 415: the body is not JSON.
    pub fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            Text::new("内容类型不支持", "Unsupported media type"),
            Text::new(
                "请以 application/json 发送正文。",
                "Send the body as application/json.",
            ),
        )
    }

    /// 503: the clock or the database is in doubt and needs a person's attention.
    pub fn clock_in_doubt(doubt: Doubt) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "clock_in_doubt",
            Text::new("时钟或数据库存疑", "Clock or database in doubt"),
            Text::new(
                format!("暂停写入：{}", doubt.chinese()),
                format!("Writes are suspended: {}", doubt.english()),
            ),
        )
    }

    /// 415: the body is compressed.
    pub fn encoded_body() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "encoded_body",
            Text::new("不支持压缩的正文", "Compressed body"),
            Text::new(
                "请直接发送正文，不要压缩，也不要带 Content-Encoding。",
                "Send the body uncompressed, without Content-Encoding.",
            ),
        )
    }

    /// 415: the body is not a table.
    pub fn not_a_table() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_a_table",
            Text::new("内容类型不支持", "Unsupported media type"),
            Text::new(
                "请把 CSV 或 XLSX 文件本身作为正文发送（text/csv 或 XLSX 的类型），不用表单。",
                "Send the CSV or XLSX file itself as the body (text/csv or the type of XLSX), not a form.",
            ),
        )
    }

    /// 428: the change does not say which version it applies to.
    pub fn if_match_required() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            Text::new("缺少 If-Match", "If-Match required"),
            Text::new(
                "请先读取该对象，并在 If-Match 头中带上其 ETag。",
                "Read the row first and send its ETag in the If-Match header.",
            ),
        )
    }

    /// 422: the `Idempotency-Key` was already used for another request.
    pub fn idempotency_key_reused() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            Text::new("Idempotency-Key 已用于其他请求", "Idempotency-Key reused"),
            Text::new(
                "同一 Idempotency-Key 只能用于完全相同的请求；请换一个新的。",
                "An Idempotency-Key can only be sent again with the identical request. Use a new one.",
            ),
        )
    }

    /// 503: the database is temporarily unavailable; the caller may retry.
    pub fn unavailable(cause: DbError) -> Self {
        let detail = match &cause {
            DbError::CommitUnknown => Text::new(
                "连接中断，是否已生效未知；请用同一 Idempotency-Key（或同一 id）重试。",
                "The connection was lost, and it is unknown whether the request took effect. Retry with the same Idempotency-Key or id.",
            ),
            DbError::Full => Text::new(
                "数据库磁盘已满，本次未写入任何内容；请管理员清理磁盘后重试。",
                "The disk of the database is full; nothing was written. Ask an administrator to free space, then try again.",
            ),
            _ => Text::new(
                "服务暂时繁忙，请稍后重试。",
                "The service is busy or its database is unavailable. Try again shortly.",
            ),
        };
        let title = Text::new("暂时不可用", "Unavailable");
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail);
        error.0.cause = Some(cause);
        error
    }

    /// 503: the maximum number of table uploads is in progress.
    pub fn too_many_tables() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_tables",
            Text::new("导入繁忙", "Too many imports"),
            Text::new(
                "正在导入的文件过多（每个令牌同时最多 3 个），请等前面的文件导入完毕后重试。",
                "Too many imports are running (at most 3 per token). Try again when they have finished.",
            ),
        )
    }

    /// 408: the body took too long to arrive.
    pub fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            Text::new("接收超时", "Too slow"),
            Text::new(
                "文件未能及时传完，或传输过慢而让位于其他文件，未登记任何内容；请在网络良好时重试，或分成几个文件。",
                "The file did not arrive in time, or arrived slowly while other uploads were waiting; nothing was recorded. Try again on \
                 a better connection, or split the file.",
            ),
        )
    }

    /// 500: an internal error. `what` is logged.
    pub fn internal(what: &dyn fmt::Display) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Text::new("内部错误", "Internal error"),
            Text::new(
                "服务内部错误，已记录；请凭请求编号反馈。",
                "An internal error occurred and was logged. Report it with the request id.",
            ),
        );
        error.0.fault = Some(what.to_string());
        error
    }
}
