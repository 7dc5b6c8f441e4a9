//! Authentication of callers. A signature is checked once and cached until the token expires. Every process honours a
//! revocation within a second.

mod caller;
mod keys;
mod verified;

pub use caller::{AnyCaller, Caller, caller_of, needs};
pub use verified::Authority;

use qiaojian_domain::access::{Post, Scope};
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, TokenId};
use qiaojian_domain::organization::Verification;
use qiaojian_store::Subtree;

/// Lifetime of an access token, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

/// A caller whose token was verified.
#[derive(Debug, Clone)]
pub struct Principal {
    pub token: TokenId,
    pub area: AreaId,
    pub area_code: String,
    /// The subtree that the caller sees: its area and everything below.
    pub visible: Subtree,
    pub post: Post,
    pub scopes: std::collections::BTreeSet<Scope>,
    pub expires_at: UtcTime,
}

impl Principal {
    /// Returns the verification status of a report that this caller makes about the areas of these paths. It is
    /// verified immediately if the caller holds `org:verify` and its area is above all of them, or is the province
    /// itself, which has no area above it; otherwise it is unverified.
    pub fn report_on(&self, paths: &[&str]) -> Verification {
        let is_its_to_judge = paths.iter().all(|path| self.judges(path));
        if is_its_to_judge && self.scopes.contains(&Scope::OrgVerify) {
            Verification::Verified
        } else {
            Verification::Unverified
        }
    }

    /// Whether the caller sees raw counts. They are visible at county level and below; higher levels see only the
    /// outcome of the rule.
    pub fn sees_raw_counts(&self) -> bool {
        !matches!(
            Level::of_code(&self.area_code),
            Some(Level::Province | Level::City)
        )
    }

    /// Whether this caller may verify reports about the area of this path: its area is above that area, or is the
    /// province itself.
    pub fn judges(&self, path: &str) -> bool {
        let is_own = self.visible.lower() == path;
        self.visible.contains(path) && (!is_own || path.matches('/').count() == 1)
    }
}
