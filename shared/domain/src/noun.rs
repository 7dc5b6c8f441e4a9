//! The nouns of the service: what is recorded in the audit trail, and what a request may not find.

text_enum! {
    /// A kind of thing that is recorded. The audit trail keeps the word.
    pub enum Noun {
        /// An area.
        Area => "area" / "地区",
        /// What was counted in an area.
        Counts => "counts" / "统计",
        /// A programme, or the cohort of an area in it.
        Program => "program" / "试点项目",
        /// A rule.
        Rule => "rule" / "规则",
        /// An organization.
        Organization => "organization" / "组织",
        /// A merge or a split of organizations.
        OrganizationChange => "organization_change" / "组织变更",
        /// A milestone of an area.
        Milestone => "milestone" / "里程碑",
        /// A task, with the assignments it is given as.
        Task => "task" / "任务",
        /// A task as given to one area and post.
        Assignment => "assignment" / "任务分派",
        /// An activity.
        Activity => "activity" / "活动",
        /// A bulletin, with its notices.
        Bulletin => "bulletin" / "通报",
        /// A bulletin as addressed to one area and post.
        Notice => "notice" / "通知",
        /// When bulletins are composed.
        Schedule => "schedule" / "通报计划",
        /// Where a post of an area receives notices.
        Endpoint => "endpoint" / "接收端",
        /// A notice on its way to one endpoint.
        Delivery => "delivery" / "投递",
        /// A token.
        Token => "token" / "令牌",
        /// The service itself.
        Service => "service" / "系统",
    }
}

impl Noun {
    /// The word in an English sentence.
    pub const fn english(self) -> &'static str {
        match self {
            Self::OrganizationChange => "organization change",
            other => other.as_str(),
        }
    }
}
