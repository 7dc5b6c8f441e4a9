//! The lifetime of a token, which never exceeds that of its issuer.

use chrono::TimeDelta;
use qiaojian_domain::Violation;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::TokenId;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::tokens;

use crate::problem::ApiError;

/// The default and the maximum lifetime of a token, in days.
const DAYS: (i64, i64) = (90, 730);

/// A requested lifetime in days from now; `None` if none was given.
#[derive(Debug, Clone, Copy)]
pub struct Life(Option<i64>);

impl Life {
    /// Checks that the lifetime is within the general limits.
    pub fn asked(days: Option<i64>) -> Result<Self, ApiError> {
        if days.is_none_or(|days| (1..=DAYS.1).contains(&days)) {
            return Ok(Self(days));
        }
        Err(ApiError::invalid(vec![Violation::new(
            "/expires_in_days",
            "out_of_range",
            format!("应在 1 与 {} 之间。", DAYS.1),
            format!("Must be between 1 and {}.", DAYS.1),
        )]))
    }

    /// Returns the expiry of a token granted by `granter`, which is not after the granter's own.
    pub fn ends(self, conn: &mut AnyConnection, granter: TokenId, now: UtcTime) -> Result<UtcTime, ApiError> {
        let own = tokens::by_id(conn, granter)?.map(|found| found.token.expires_at);
        let own = own.ok_or_else(ApiError::token_unknown)?;
        let ends = now.plus(TimeDelta::days(self.0.unwrap_or(DAYS.0)));
        if ends <= own {
            return Ok(ends);
        }
        if self.0.is_none() {
            return Ok(own);
        }
        Err(ApiError::invalid(vec![Violation::new(
            "/expires_in_days",
            "beyond_own",
            format!("不能晚于您本人令牌的到期时间（{own}），请缩短天数，或先续期本人令牌。"),
            format!(
                "It must not expire later than your own token ({own}). Request fewer days, or have your own token renewed first."
            ),
        )]))
    }
}
