//! Every problem there is, each a sentence the caller can act on.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use qiaojian_shared::db::DbError;
use qiaojian_shared::domain::access::Scope;
use qiaojian_shared::domain::area::unknown_area;
use qiaojian_shared::domain::doubt::Doubt;
use qiaojian_shared::domain::organization::Kind;
use qiaojian_shared::domain::{Conflict, RefusedTransition, Violation};
use qiaojian_shared::ids::AreaId;
use qiaojian_shared::store::StoreError;
use qiaojian_shared::store::areas::{Became, Former};

use super::ApiError;
use super::language::Text;
use super::texts::{chinese_noun, chinese_word};

/// What is listed at most of all that is wrong with a table; the rest is counted.
pub const MOST_LISTED: usize = 1000;

/// What a state does not allow, in Chinese.
fn in_chinese(refused: &RefusedTransition) -> String {
    let word = |word| chinese_word(word).unwrap_or("此");
    let allowed: Vec<&str> = refused
        .allowed
        .iter()
        .filter_map(|verb| chinese_word(verb))
        .collect();
    let allowed = if allowed.is_empty() {
        "没有可以进行的操作".to_owned()
    } else {
        format!("可以进行的操作：{}", allowed.join("、"))
    };
    format!(
        "当前状态为“{}”，不能进行“{}”操作；{allowed}。",
        word(refused.state),
        word(refused.verb)
    )
}

/// What is wrong with one of several things that are done together, which another answer tells of.
///
/// # Errors
/// The failure, where nothing is wrong with what was asked.
pub fn why_refused(error: StoreError) -> Result<Vec<Violation>, StoreError> {
    match error {
        StoreError::Invalid(violations) => Ok(violations),
        StoreError::Conflict(conflict) => Ok(vec![conflict.violation("")]),
        StoreError::OrganizationExists { .. } => Ok(vec![Conflict::OrganizationExists.violation("")]),
        StoreError::NotFound("area") => Ok(vec![unknown_area("")]),
        other => Err(other),
    }
}

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

    /// 401: no token at all.
    pub fn token_missing() -> Self {
        Self::unauthorized(
            "token_missing",
            Text::new(
                "请在 Authorization 头中携带 Bearer 令牌；令牌由 POST /oauth/token 获取。",
                "Send a Bearer token in the Authorization header; POST /oauth/token gives one.",
            ),
        )
    }

    /// 401: not a token of ours.
    pub fn token_unknown() -> Self {
        Self::unauthorized(
            "token_unknown",
            Text::new(
                "令牌无法识别，请重新获取。",
                "The token is not one of ours. Get a new one.",
            ),
        )
    }

    /// 401: its time is over.
    pub fn token_expired() -> Self {
        Self::unauthorized(
            "token_expired",
            Text::new(
                "令牌已过期，请重新获取。",
                "The token has expired. Get a new one.",
            ),
        )
    }

    /// 401: withdrawn for good; retrying is no use.
    pub fn token_revoked() -> Self {
        Self::unauthorized(
            "token_revoked",
            Text::new(
                "令牌已被撤销，请勿重试，请联系管理员重新发放。",
                "The token has been revoked. Do not retry; ask an administrator for a new one.",
            ),
        )
    }

    /// 403: the token does not hold the scope.
    pub fn scope_missing(scope: Scope) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            Text::new("权限不足", "Not allowed"),
            Text::new(
                format!("此操作需要权限 {scope}，当前令牌没有。"),
                format!("This needs the scope {scope}, which the token does not hold."),
            ),
        )
    }

    /// 403: the caller's post or area is not the one that may do it.
    pub fn not_yours(zh: &'static str, en: &'static str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_yours",
            Text::new("无权操作", "Not allowed"),
            Text::new(zh, en),
        )
    }

    /// 404: no such row, or none the caller may see.
    pub fn not_found(noun: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            Text::new("未找到", "Not found"),
            Text::new(
                format!("没有这个{}，或不在您的范围内。", chinese_noun(noun)),
                format!(
                    "There is no such {}, or it is outside your area.",
                    noun.replace('_', " ")
                ),
            ),
        )
    }

    /// 404: the area that had this code has another one, or is no more.
    pub fn had_this_code(former: &Former) -> Self {
        let Former { was, until, now } = former;
        let (old, name) = (&was.code, &was.name);
        let (code, zh, en) = match now {
            Became::Recoded(now) => (
                "area_recoded",
                format!(
                    "{old}（{name}）自 {until} 起的代码为 {}（{}）。",
                    now.code, now.name
                ),
                format!(
                    "{old} {name} has the code {} ({}) since {until}.",
                    now.code, now.name
                ),
            ),
            Became::Merged(now) => (
                "area_merged",
                format!("{old}（{name}）自 {until} 起并入 {}（{}）。", now.code, now.name),
                format!("{old} {name} went into {} ({}) on {until}.", now.code, now.name),
            ),
            Became::Closed => (
                "area_closed",
                format!("{old}（{name}）自 {until} 起撤销；可用 as_of 查看此前的情况。"),
                format!("{old} {name} was closed on {until}; `as_of` shows it as it was."),
            ),
        };
        let mut error = Self::not_found("area");
        error.0.detail = Text::new(zh.clone(), en.clone());
        error.0.errors = vec![Violation::new("/code", code, zh, en)];
        error
    }

    /// Whether it says that there is no such thing, or none the caller may see.
    pub fn is_not_found(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND
    }

    /// 404: no such address.
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

    /// 400: the request itself is malformed.
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

    /// 400: one parameter is wrong.
    pub fn bad_parameter(
        name: impl Into<Cow<'static, str>>,
        zh: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::bad_request(vec![Violation::new(name, "bad_parameter", zh, en)])
    }

    /// 422: understood, but breaks a rule.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let mut error = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            Text::new("内容不符合规则", "Invalid content"),
            Text::new(
                "内容不符合规则，未作任何更改；详见 errors。",
                "The content breaks a rule; nothing was changed. See errors.",
            ),
        );
        error.0.errors = violations;
        error
    }

    /// 413: too long a body.
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

    /// 415: not JSON.
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

    /// 503: the clock or the database is in doubt, and a person has to look.
    pub fn clock_in_doubt(doubt: Doubt) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "clock_in_doubt",
            Text::new("时钟或数据库存疑", "Clock or database in doubt"),
            Text::new(
                format!("暂停写入：{}", doubt.chinese()),
                format!("Nothing is written: {}", doubt.english()),
            ),
        )
    }

    /// 415: a compressed body.
    pub fn encoded_body() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "encoded_body",
            Text::new("不支持压缩的正文", "Compressed body"),
            Text::new(
                "请直接发送正文，不要压缩，也不要带 Content-Encoding。",
                "Send the body as it is, without Content-Encoding.",
            ),
        )
    }

    /// 415: no table.
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

    /// 422: so many rows of a table are wrong. What is wrong with them is listed up to [`MOST_LISTED`], the rest counted.
    pub fn rows_refused(refused: usize, wrong: impl Iterator<Item = Violation>) -> Self {
        let mut wrong = wrong;
        let listed: Vec<Violation> = wrong.by_ref().take(MOST_LISTED).collect();
        let more = wrong.count();
        let (zh, en) = if more == 0 {
            (String::new(), String::new())
        } else {
            (
                format!("另有 {more} 处未列出。"),
                format!(" {more} more errors are not listed."),
            )
        };
        let mut error = Self::invalid(listed);
        error.0.detail = Text::new(
            format!("有 {refused} 行有误，未登记任何一行；详见 errors。{zh}"),
            format!("{refused} rows are wrong; none was recorded. See errors.{en}"),
        );
        error
    }

    /// 428: a change without saying which version it changes.
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

    /// 412: somebody else changed it first.
    pub fn stale(current: i64) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            Text::new("对象已被修改", "Changed meanwhile"),
            Text::new(
                format!("对象已被他人修改，当前版本为 {current}；请重新读取后再改。"),
                format!(
                    "The row was changed meanwhile and is at version {current}. Read it again before changing it."
                ),
            ),
        )
    }

    /// 409: the state does not allow the verb.
    pub fn refused(refused: &RefusedTransition) -> Self {
        let allowed = if refused.allowed.is_empty() {
            "—".to_owned()
        } else {
            refused.allowed.join(", ")
        };
        Self::new(
            StatusCode::CONFLICT,
            "transition_refused",
            Text::new("当前状态不允许此操作", "Not in this state"),
            Text::new(
                in_chinese(refused),
                format!(
                    "{} is not possible in state {}; possible: {allowed}.",
                    refused.verb, refused.state
                ),
            ),
        )
    }

    /// 409: what is recorded does not allow it.
    pub fn conflict(conflict: Conflict) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            conflict.code(),
            Text::new("冲突", "Conflict"),
            Text::new(conflict.chinese(), conflict.english()),
        )
    }

    /// 409: the area has an active organization of this kind.
    pub fn organization_exists(area: AreaId, kind: Kind) -> Self {
        let mut error = Self::conflict(Conflict::OrganizationExists);
        error.0.place = Some((area, kind));
        error
    }

    /// 409: so many addressees of a bulletin have nowhere to receive it, and the caller has not said that it is known.
    pub fn unreachable(named: Vec<Violation>) -> Self {
        let count = named.len();
        let mut error = Self::new(
            StatusCode::CONFLICT,
            "recipients_unreachable",
            Text::new("有单位收不到通知", "Some cannot be reached"),
            Text::new(
                format!(
                    "有 {count} 个收文单位没有可用的接收端（见 errors），未发布。请先为其登记接收端；仍要发布，请在 unreachable 中填写 {count}。"
                ),
                format!(
                    "{count} addressees have no endpoint in use (see errors); nothing was published. Record endpoints for them, or send \
                     unreachable: {count} to publish all the same."
                ),
            ),
        );
        error.0.errors = named;
        error
    }

    /// 422: the same `Idempotency-Key` with another request.
    pub fn idempotency_key_reused() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            Text::new("Idempotency-Key 已用于其他请求", "Idempotency-Key reused"),
            Text::new(
                "同一 Idempotency-Key 只能用于完全相同的请求；请换一个新的。",
                "An Idempotency-Key belongs to one request. Use a new one for another.",
            ),
        )
    }

    /// 503: the database cannot serve now; the caller may try again.
    pub fn unavailable(cause: DbError) -> Self {
        let detail = match &cause {
            DbError::CommitUnknown => Text::new(
                "连接中断，是否已生效未知；请用同一 Idempotency-Key（或同一 id）重试。",
                "The link broke; whether it took effect is unknown. Retry with the same Idempotency-Key or id.",
            ),
            DbError::Full => Text::new(
                "数据库磁盘已满，本次未写入任何内容；请管理员清理磁盘后重试。",
                "The database's disk is full, and nothing of this was written. Have an administrator make room, then try again.",
            ),
            _ => Text::new(
                "服务暂时繁忙，请稍后重试。",
                "The service is busy or its database is away. Try again shortly.",
            ),
        };
        let title = Text::new("暂时不可用", "Unavailable");
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail);
        error.0.cause = Some(cause);
        error
    }

    /// 503: as many tables as may be are under way.
    pub fn too_many_tables() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_tables",
            Text::new("导入繁忙", "Too many tables"),
            Text::new(
                "正在导入的文件过多（每个令牌同时最多 3 个），请等前面的文件导入完毕后重试。",
                "As many files as may be are being imported, three at most of one token. Try again when they are done.",
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
                "文件未能及时传完，未登记任何内容；请在网络良好时重试，或分成几个文件。",
                "The file did not arrive in time; nothing was recorded. Try again on a better link, or part the file.",
            ),
        )
    }

    /// 500: a bug of ours. `what` goes to the log.
    pub fn internal(what: &dyn fmt::Display) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Text::new("内部错误", "Internal error"),
            Text::new(
                "服务内部错误，已记录；请凭请求编号反馈。",
                "An error of ours; it was logged under the request's id.",
            ),
        );
        error.0.fault = Some(what.to_string());
        error
    }
}
