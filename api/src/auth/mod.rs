//! Who is calling. A signature is checked once and remembered until the token expires; a revocation is seen by every process
//! within a second.

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

/// How long an access token is good for.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

/// A caller whose token was verified.
#[derive(Debug, Clone)]
pub struct Principal {
    pub token: TokenId,
    pub area: AreaId,
    pub area_code: String,
    /// What the caller sees: its area and all below.
    pub visible: Subtree,
    pub post: Post,
    pub scopes: std::collections::BTreeSet<Scope>,
    pub expires_at: UtcTime,
}

impl Principal {
    /// How a report about the areas of these paths stands when this caller makes it: verified at once by an area above all of them
    /// that may verify, and for the province itself, above which nobody is; else unverified.
    pub fn report_on(&self, paths: &[&str]) -> Verification {
        let is_its_to_judge = paths.iter().all(|path| self.judges(path));
        if is_its_to_judge && self.scopes.contains(&Scope::OrgVerify) {
            Verification::Verified
        } else {
            Verification::Unverified
        }
    }

    /// Raw counts stay at county level and below; above that only the rule's outcome is told.
    pub fn sees_raw_counts(&self) -> bool {
        !matches!(
            Level::of_code(&self.area_code),
            Some(Level::Province | Level::City)
        )
    }

    /// Whether reports about the area of this path are this caller's to verify: it stands above, or is the province itself.
    pub fn judges(&self, path: &str) -> bool {
        let is_own = self.visible.lower() == path;
        self.visible.contains(path) && (!is_own || path.matches('/').count() == 1)
    }
}
