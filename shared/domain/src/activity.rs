//! Activities in the course of a programme: visits, meetings and documents.

column_enum! {
    /// The kind of an activity.
    pub enum ActivityKind {
        /// 督导检查
        SupervisionVisit => "supervision_visit",
        /// 走访调研
        Research => "research",
        /// 动员部署
        Mobilisation => "mobilisation",
        /// 座谈交流
        Consultation => "consultation",
        /// 对接联络
        Liaison => "liaison",
        /// 成立领导小组
        LeadingGroupFormed => "leading_group_formed",
        /// 领导小组会议
        LeadingGroupMeeting => "leading_group_meeting",
        /// 共同协商
        JointConsultation => "joint_consultation",
        /// 印发方案
        PlanIssued => "plan_issued",
        /// 印发成员单位工作职责
        DutiesIssued => "duties_issued",
        /// 批示
        Instruction => "instruction",
        /// 列入预算
        BudgetListed => "budget_listed",
        /// 增加编制
        QuotaApproved => "quota_approved",
        /// 列入考核
        AssessmentListed => "assessment_listed",
        /// 补贴和激励
        Incentive => "incentive",
        /// 纳入总体部署
        PolicyAlignment => "policy_alignment",
    }
}
