//! Grassroots organizations: their kinds and their life cycle from preparation to closure.

mod checklist;
mod dormancy;
mod life;
mod unveiling;

use chrono::NaiveDate;

pub use checklist::{ChecklistItem, FiveHave, StandingRules};
pub use dormancy::Dormancy;
pub use life::{Life, PreciseDate, Reopening};
pub use unveiling::{Unveiled, Unveiling};

use super::access::Post;
use super::area::Level;
use super::violation::{NAME_CHARS, TEXT_CHARS, check_line, check_optional_line, check_optional_text};
use super::{StateMachine, Violation};

column_enum! {
    /// The kind of an organization. It is independent of the level, within the limits of [`Kind::may_stand_at`].
    pub enum Kind {
        /// 侨联
        Federation => "federation" / "侨联",
        /// 侨联工作站
        WorkStation => "work_station" / "侨联工作站",
        /// 侨联工作分站
        WorkSubStation => "work_sub_station" / "侨联工作分站",
        /// 侨联工作联络员. Not counted among `organizations`.
        LiaisonPost => "liaison_post" / "侨联工作联络员",
    }
}

column_enum! {
    /// The body that an organization is attached to.
    pub enum Host {
        /// The area itself, which has at most one active organization of each kind.
        Area => "area" / "地区",
        /// A park in the area.
        Park => "park" / "园区",
        /// A university in the area.
        University => "university" / "高校",
        /// An enterprise in the area.
        Enterprise => "enterprise" / "企业",
    }
}

column_enum! {
    /// The status of an organization. Unveiling (挂牌) is a date, not a status.
    pub enum Status {
        /// 筹备
        Preparing => "preparing" / "筹备",
        /// 同意设立、批复
        Approved => "approved" / "已批复",
        /// 成立
        Established => "established" / "已成立",
        /// 撤销
        Closed => "closed" / "已撤销",
        /// 合并
        Merged => "merged" / "已合并",
        /// Abandoned before it was established.
        Abandoned => "abandoned" / "已终止",
    }
}

column_enum! {
    /// How the organization was founded.
    pub enum Basis {
        /// Newly founded.
        New => "new" / "新建",
        /// 撤一建一: another institution was abolished in exchange and must be named.
        ReplaceOne => "replace_one" / "撤一建一",
        /// Founded by a congress (归侨侨眷代表大会).
        Congress => "congress" / "代表大会",
    }
}

column_enum! {
    /// Whether the area above has verified the report.
    pub enum Verification {
        /// Reported, but not yet reviewed.
        Unverified => "unverified" / "待审核",
        /// Verified.
        Verified => "verified" / "已审核",
        /// Rejected, with a reason.
        Rejected => "rejected" / "已退回",
        /// Verified, but the reporter has since asked to void the record because the organization never existed. It
        /// still counts until the area above agrees.
        VoidAsked => "void_asked" / "待作废",
    }
}

text_enum! {
    /// The decision of the area above on a report (审核).
    pub enum Judgement {
        /// 审核通过
        Verify => "verify" / "审核通过",
        /// 退回，须说明理由
        Reject => "reject" / "退回",
    }
}

/// A judgement may be changed later, but not repeated.
impl StateMachine for Verification {
    type Verb = Judgement;

    const TRANSITIONS: &'static [(Self, Judgement, Self)] = &[
        (Self::Unverified, Judgement::Verify, Self::Verified),
        (Self::Rejected, Judgement::Verify, Self::Verified),
        (Self::Unverified, Judgement::Reject, Self::Rejected),
        (Self::Verified, Judgement::Reject, Self::Rejected),
        // The request to void is refused, and the report stays confirmed. Granting it voids the report, which is no state.
        (Self::VoidAsked, Judgement::Reject, Self::Verified),
    ];
}

text_enum! {
    /// A transition of an organization, recorded with the date on which it happened.
    pub enum Verb {
        /// 批复
        Approve => "approve" / "批复",
        /// 成立
        Establish => "establish" / "成立",
        /// 挂牌
        Unveil => "unveil" / "挂牌",
        /// 撤销
        Close => "close" / "撤销",
        /// 恢复: re-established after it was closed.
        Reopen => "reopen" / "恢复",
        /// 合并: it continues as part of another organization.
        Merge => "merge" / "合并",
        /// 分设: other organizations are split off; it continues.
        Split => "split" / "分设",
        /// Abandoned before it was established.
        Abandon => "abandon" / "终止",
    }
}

impl Verb {
    /// Returns whether the transition ends, reopens or splits an organization and therefore requires a reason.
    pub const fn needs_reason(self) -> bool {
        matches!(
            self,
            Self::Close | Self::Reopen | Self::Merge | Self::Split | Self::Abandon
        )
    }
}

column_enum! {
    /// How one organization emerges from another (an `org:ChangeEvent` of the W3C Organization Ontology).
    pub enum ChangeKind {
        /// 合并
        Merge => "merge",
        /// 分设
        Split => "split",
    }
}

column_enum! {
    /// The role of an organization in a change.
    pub enum Part {
        /// It existed before the change (`org:originalOrganization`).
        Original => "original",
        /// It exists after the change (`org:resultingOrganization`).
        Result => "result",
    }
}

impl Kind {
    /// Returns whether an organization of this kind may exist in an area of `level`: a federation at any level, a work
    /// station in a township, village or park, a sub-station or a liaison post only in a village.
    pub const fn may_stand_at(self, level: Level) -> bool {
        match self {
            Self::Federation => true,
            Self::WorkStation => matches!(level, Level::Township | Level::Village | Level::Park),
            Self::WorkSubStation | Self::LiaisonPost => matches!(level, Level::Village),
        }
    }

    /// Returns the violation for an organization of this kind in an area of `level` where it may not exist.
    pub fn not_at(self, level: Level) -> Violation {
        Violation::new(
            "/kind",
            "kind_not_at_level",
            format!("{}不能设在{}一级。", self.chinese(), level.chinese()),
            format!("A {self} cannot be established in a {level}."),
        )
    }

    /// Returns whether this kind counts among `organizations`; a liaison post does not.
    pub const fn is_organization(self) -> bool {
        !matches!(self, Self::LiaisonPost)
    }
}

impl Status {
    /// Returns whether an organization with this status occupies the place of its kind in its area.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Preparing | Self::Approved | Self::Established)
    }

    /// Returns all active statuses.
    pub fn active() -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|status| status.is_active())
            .collect()
    }
}

impl StateMachine for Status {
    type Verb = Verb;

    const TRANSITIONS: &'static [(Self, Verb, Self)] = &[
        (Self::Preparing, Verb::Approve, Self::Approved),
        (Self::Approved, Verb::Establish, Self::Established),
        (Self::Established, Verb::Unveil, Self::Established),
        (Self::Established, Verb::Close, Self::Closed),
        (Self::Closed, Verb::Reopen, Self::Established),
        (Self::Established, Verb::Merge, Self::Merged),
        (Self::Established, Verb::Split, Self::Established),
        (Self::Preparing, Verb::Abandon, Self::Abandoned),
        (Self::Approved, Verb::Abandon, Self::Abandoned),
    ];
}

text_enum! {
    /// What changes an active organization from a day on, besides the verbs of its life.
    pub enum ChangeVerb {
        /// 迁址
        Move => "move" / "迁址",
        /// 变更类别
        Rekind => "rekind" / "变更类别",
        /// 变更
        Change => "change" / "变更",
    }
}

/// Returns a violation if a new record does not begin with an initial status. Later statuses are reached by verbs.
pub fn later_status(status: Status) -> Option<Violation> {
    let may_begin = matches!(status, Status::Preparing | Status::Approved | Status::Established);
    (!may_begin).then(|| {
        Violation::new(
            "/status",
            "status_not_allowed",
            "新登记的状态只能是筹备（preparing）、已批复（approved）或已成立（established）；之后用撤销（close）等操作改变。",
            "The status of a new organization must be preparing, approved or established; it is changed later by a step such as close.",
        )
    })
}

/// The recorded facts of an organization, except its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub host: Host,
    pub kind: Kind,
    pub name: String,
    pub life: Life,
    pub approval_post: Option<Post>,
    pub approval_doc_no: Option<String>,
    pub basis: Basis,
    /// The institution that was abolished in exchange.
    pub replaces: Option<String>,
    pub has_office: bool,
    /// 机构隶属
    pub affiliation: Option<String>,
    /// 编制
    pub quota_posts: Option<i32>,
    /// 实有
    pub posts_filled: Option<i32>,
    pub five_have: FiveHave,
    pub standing_rules: StandingRules,
    /// 换届
    pub term_ends_on: Option<NaiveDate>,
    pub note: Option<String>,
}

impl Facts {
    /// Returns all violations for recording these facts in an area of `level` today (Asia/Shanghai).
    pub fn violations(&self, level: Level, today: NaiveDate) -> Vec<Violation> {
        let mut found = self.life.violations(today);
        check_line(&mut found, "/name", &self.name, NAME_CHARS);
        check_optional_line(
            &mut found,
            "/approval/doc_no",
            self.approval_doc_no.as_deref(),
            NAME_CHARS,
        );
        check_optional_line(&mut found, "/replaces", self.replaces.as_deref(), NAME_CHARS);
        check_optional_line(
            &mut found,
            "/affiliation",
            self.affiliation.as_deref(),
            NAME_CHARS,
        );
        check_optional_text(&mut found, "/note", self.note.as_deref(), TEXT_CHARS);
        for (pointer, item) in self.five_have.items() {
            let doc_no = item.and_then(|item| item.doc_no.as_deref());
            check_optional_line(&mut found, pointer, doc_no, NAME_CHARS);
        }
        if !self.kind.may_stand_at(level) {
            found.push(self.kind.not_at(level));
        }
        if (self.basis == Basis::ReplaceOne) != self.replaces.is_some() {
            found.push(Violation::new(
                "/replaces",
                "replaces_mismatch",
                "撤一建一必须写明被撤销的机构；其他方式不写。",
                "With the basis replace_one, the abolished institution must be given; with other bases it must not.",
            ));
        }
        for (pointer, count) in [
            ("/quota_posts", self.quota_posts),
            ("/posts_filled", self.posts_filled),
        ] {
            if count.is_some_and(|count| !(0..=10_000).contains(&count)) {
                found.push(Violation::new(
                    pointer,
                    "out_of_range",
                    "应在 0 与 10000 之间。",
                    "Must be between 0 and 10000.",
                ));
            }
        }
        if let (Some(quota), Some(filled)) = (self.quota_posts, self.posts_filled)
            && filled > quota
        {
            found.push(Violation::new(
                "/posts_filled",
                "over_quota",
                format!("实有 {filled} 人超过编制 {quota} 人。"),
                format!("{filled} posts are filled, more than the quota of {quota}."),
            ));
        }
        self.check_dates(&mut found, today);
        found
    }

    /// Checks the dates that are not transitions.
    fn check_dates(&self, found: &mut Vec<Violation>, today: NaiveDate) {
        let five_have = self.five_have.items().into_iter();
        let in_force = five_have
            .map(|(pointer, item)| (pointer.replace("/doc_no", "/on"), item.and_then(|item| item.on)))
            .chain(
                self.standing_rules
                    .dates()
                    .map(|(pointer, on)| (pointer.to_owned(), on)),
            );
        for (pointer, _) in in_force.filter(|(_, on)| on.is_some_and(|on| on > today)) {
            found.push(Violation::in_future(pointer, today));
        }
        let founded = self.life.established.map(PreciseDate::earliest);
        if founded
            .zip(self.term_ends_on)
            .is_some_and(|(founded, ends)| ends < founded)
        {
            found.push(Violation::new(
                "/term_ends_on",
                "dates_out_of_order",
                "任期届满日期早于成立日期。",
                "The term ends before the organization was established.",
            ));
        }
    }

    /// Returns whether the change from `self` to `other` affects fields that only a verb or a correction with a reason
    /// may change.
    pub fn needs_reason(&self, other: &Self) -> bool {
        self.life != other.life || self.kind != other.kind || self.host != other.host
    }
}

#[cfg(test)]
mod tests;
