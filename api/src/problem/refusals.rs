//! Errors about the content of a request to the register. Each is a sentence that the caller can act on.

use actix_web::http::StatusCode;
use qiaojian_domain::area::unknown_area;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::organization::Kind;
use qiaojian_domain::{Conflict, Noun, RefusedTransition, Violation};
use qiaojian_store::StoreError;
use qiaojian_store::areas::{Became, Former};

use super::ApiError;
use super::language::Text;

/// Maximum number of listed errors of a table. The rest are counted.
pub const MOST_LISTED: usize = 1000;

/// Returns what is wrong with one item of a batch, for the response to the whole batch.
///
/// # Errors
/// Returns the error if it was not caused by the request.
pub fn why_refused(error: StoreError) -> Result<Vec<Violation>, StoreError> {
    match error {
        StoreError::Invalid(violations) => Ok(violations),
        StoreError::Conflict(conflict) => Ok(vec![conflict.violation("")]),
        StoreError::OrganizationExists { .. } => Ok(vec![Conflict::OrganizationExists.violation("")]),
        StoreError::NotFound(Noun::Area) => Ok(vec![unknown_area("")]),
        other => Err(other),
    }
}

impl ApiError {
    /// 403: the caller's post or area may not do this.
    pub fn not_yours(zh: &'static str, en: &'static str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_yours",
            Text::new("无权操作", "Not allowed"),
            Text::new(zh, en),
        )
    }

    /// 404: the row does not exist, or the caller may not see it.
    pub fn not_found(noun: Noun) -> Self {
        Self::missing(noun.chinese(), noun.english())
    }

    /// 404: the path names no kind of row.
    pub fn no_such_resource() -> Self {
        Self::missing("对象", "resource")
    }

    fn missing(chinese: &str, english: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            Text::new("未找到", "Not found"),
            Text::new(
                format!("没有这个{chinese}，或不在您的范围内。"),
                format!("There is no such {english}, or it is outside your area."),
            ),
        )
    }

    /// 404: the area that had this code has another one now, or no longer exists.
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
                    "{old} ({name}) has had the code {} ({}) since {until}.",
                    now.code, now.name
                ),
            ),
            Became::Merged(now) => (
                "area_merged",
                format!("{old}（{name}）自 {until} 起并入 {}（{}）。", now.code, now.name),
                format!(
                    "{old} ({name}) was merged into {} ({}) on {until}.",
                    now.code, now.name
                ),
            ),
            Became::Closed => (
                "area_closed",
                format!("{old}（{name}）自 {until} 起撤销；可用 as_of 查看此前的情况。"),
                format!("{old} ({name}) was closed on {until}. Use `as_of` to see its earlier state."),
            ),
        };
        let mut error = Self::not_found(Noun::Area);
        error.0.detail = Text::new(zh.clone(), en.clone());
        error.0.errors = vec![Violation::new("/code", code, zh, en)];
        error
    }

    /// Whether it means that the row does not exist, or that the caller may not see it.
    pub fn is_not_found(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND
    }

    /// 422: the request was understood but breaks a rule.
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

    /// 422: `refused` rows of a table have errors. The errors are listed up to [`MOST_LISTED`]; the rest are counted.
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
            format!("{refused} rows have errors; no row was recorded. See errors.{en}"),
        );
        error
    }

    /// 412: the row was changed by someone else in the meantime.
    pub fn stale(current: i64) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            Text::new("对象已被修改", "Changed in the meantime"),
            Text::new(
                format!("对象已被他人修改，当前版本为 {current}；请重新读取后再改。"),
                format!(
                    "The row was changed by someone else; its current version is {current}. Read it again before changing it."
                ),
            ),
        )
    }

    /// 409: the current state does not allow the transition.
    pub fn refused(refused: &RefusedTransition) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "transition_refused",
            Text::new("当前状态不允许此操作", "Not allowed in this state"),
            Text::new(refused.chinese(), refused.english()),
        )
    }

    /// 409: the request conflicts with recorded data.
    pub fn conflict(conflict: Conflict) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            conflict.code(),
            Text::new("冲突", "Conflict"),
            Text::new(conflict.chinese(), conflict.english()),
        )
    }

    /// 409: the area already has an active organization of this kind.
    pub fn organization_exists(area: AreaId, kind: Kind) -> Self {
        let mut error = Self::conflict(Conflict::OrganizationExists);
        error.0.place = Some((area, kind));
        error
    }

    /// 409: some addressees of a bulletin have no endpoint to receive it, and the caller has not confirmed their
    /// number.
    pub fn unreachable(named: Vec<Violation>) -> Self {
        let count = named.len();
        let mut error = Self::new(
            StatusCode::CONFLICT,
            "recipients_unreachable",
            Text::new("有单位收不到通知", "Some addressees cannot be reached"),
            Text::new(
                format!(
                    "有 {count} 个收文单位没有可用的接收端（见 errors），未发布。请先为其登记接收端；仍要发布，请在 unreachable 中填写 {count}。"
                ),
                format!(
                    "{count} addressees have no enabled endpoint (see errors); nothing was published. Record endpoints for them, or send \
                     unreachable: {count} to publish anyway."
                ),
            ),
        );
        error.0.errors = named;
        error
    }
}
