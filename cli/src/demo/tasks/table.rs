//! The rows of the table.

use chrono::NaiveDate;
use qiaojian_domain::access::Post::{
    self, Federation, FinanceBureau, LeadingGroup, OrganizationDept, PartyCommittee, StaffingOffice,
    UnitedFrontDept,
};
use qiaojian_domain::task::Theme::{
    self, LeadInnovation, LeadOrganization, LeadPolitics, ServeDevelopment, ServeOverall, ServePeople,
};

use super::super::days::ymd;
use super::progress::Outcome::{self, Early, Late, Returned, Seen, Unseen, Waiting, Working};

/// A row.
pub struct Row {
    pub theme: Theme,
    pub content: &'static str,
    pub lead: Post,
    pub supporting: &'static [Post],
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
    /// The outcome in 蚌埠, 阜阳, 马鞍山, 安庆; `None` if it was not assigned to the city.
    pub outcomes: [Option<Outcome>; 4],
}

const fn all(outcomes: [Outcome; 4]) -> [Option<Outcome>; 4] {
    let [bengbu, fuyang, maanshan, anqing] = outcomes;
    [Some(bengbu), Some(fuyang), Some(maanshan), Some(anqing)]
}

/// The rows, by day of issue.
pub const ROWS: &[Row] = &[
    Row {
        theme: LeadOrganization,
        content: "成立试点工作领导小组，由分管领导任组长，组织、统战、编办、财政和侨联等单位为成员。",
        lead: PartyCommittee,
        supporting: &[
            OrganizationDept,
            UnitedFrontDept,
            StaffingOffice,
            FinanceBureau,
            Federation,
        ],
        issued_on: ymd(2021, 11, 15),
        due_on: ymd(2021, 12, 17),
        outcomes: all([Early(3), Late(2), Early(5), Early(1)]),
    },
    Row {
        theme: LeadPolitics,
        content: "学习贯彻党的十九届六中全会精神和《中国共产党统一战线工作条例》，将试点工作纳入基层党建工作总体部署。",
        lead: PartyCommittee,
        supporting: &[OrganizationDept, UnitedFrontDept],
        issued_on: ymd(2021, 11, 15),
        due_on: ymd(2021, 12, 24),
        outcomes: all([Early(4), Early(2), Early(3), Early(2)]),
    },
    Row {
        theme: LeadOrganization,
        content: "制定印发“党建带侨建、侨建促党建”试点工作实施方案，明确目标、时间表和路线图。",
        lead: Federation,
        supporting: &[OrganizationDept, UnitedFrontDept, StaffingOffice, FinanceBureau],
        issued_on: ymd(2021, 11, 22),
        due_on: ymd(2021, 12, 31),
        outcomes: all([Early(2), Late(9), Early(6), Returned(3)]),
    },
    Row {
        theme: LeadOrganization,
        content: "制订试点工作任务分解表，细分明确工作内容、责任部门、完成时限。",
        lead: Federation,
        supporting: &[LeadingGroup],
        issued_on: ymd(2021, 12, 1),
        due_on: ymd(2022, 1, 14),
        outcomes: all([Early(3), Early(1), Early(4), Early(5)]),
    },
    Row {
        theme: LeadOrganization,
        content: "以领导小组名义印发成员单位工作职责，各成员单位按职责各负其责、共同推进。",
        lead: LeadingGroup,
        supporting: &[
            OrganizationDept,
            UnitedFrontDept,
            StaffingOffice,
            FinanceBureau,
            Federation,
        ],
        issued_on: ymd(2021, 12, 1),
        due_on: ymd(2022, 1, 21),
        outcomes: all([Late(5), Early(2), Early(7), Late(4)]),
    },
    Row {
        theme: ServePeople,
        content: "开展侨情摸底，按村（社区）核清涉侨人员和涉侨家庭数量，只报数量，不报个人信息。",
        lead: Federation,
        supporting: &[UnitedFrontDept],
        issued_on: ymd(2021, 12, 6),
        due_on: ymd(2022, 2, 25),
        outcomes: all([Early(5), Late(12), Early(3), Returned(6)]),
    },
    Row {
        theme: ServeOverall,
        content: "将试点工作经费列入2022年度同级财政预算。",
        lead: FinanceBureau,
        supporting: &[Federation],
        issued_on: ymd(2021, 12, 15),
        due_on: ymd(2022, 1, 28),
        outcomes: all([Early(1), Late(6), Early(6), Early(2)]),
    },
    Row {
        theme: LeadPolitics,
        content: "召开试点工作动员会，统一思想认识，部署年度任务。",
        lead: LeadingGroup,
        supporting: &[OrganizationDept, UnitedFrontDept, Federation],
        issued_on: ymd(2021, 12, 15),
        due_on: ymd(2022, 2, 28),
        outcomes: all([Early(6), Early(3), Early(1), Early(4)]),
    },
    Row {
        theme: LeadOrganization,
        content: "商机构编制部门研究县（市、区）侨联机构设置和人员编制，提出意见报市委。",
        lead: StaffingOffice,
        supporting: &[UnitedFrontDept, Federation],
        issued_on: ymd(2022, 1, 10),
        due_on: ymd(2022, 3, 31),
        outcomes: all([Early(4), Late(15), Early(2), Late(20)]),
    },
    Row {
        theme: LeadOrganization,
        content: "推动尚未成立侨联的县（市、区）年内成立侨联，应建尽建。",
        lead: Federation,
        supporting: &[PartyCommittee, OrganizationDept, StaffingOffice],
        issued_on: ymd(2022, 1, 10),
        due_on: ymd(2022, 12, 30),
        // All counties of 马鞍山 had one by June.
        outcomes: all([Working, Working, Early(141), Working]),
    },
    Row {
        theme: LeadOrganization,
        content: "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站），实现应建尽建。",
        lead: Federation,
        supporting: &[OrganizationDept, UnitedFrontDept],
        issued_on: ymd(2022, 2, 14),
        due_on: ymd(2022, 12, 30),
        outcomes: all([Working, Seen, Working, Working]),
    },
    Row {
        theme: LeadOrganization,
        content: "有10名及以上涉侨人员或者3户及以上涉侨家庭的村（社区）建立侨联工作分站；不具备条件的，由分管负责人兼任侨联工作联络员。",
        lead: Federation,
        supporting: &[OrganizationDept, UnitedFrontDept],
        issued_on: ymd(2022, 2, 28),
        due_on: ymd(2022, 6, 30),
        // The thresholds apply only in 马鞍山.
        outcomes: [None, None, Some(Working), None],
    },
    Row {
        theme: LeadInnovation,
        content: "按照“有组织、有队伍、有经费、有阵地、有活动”的“五有”标准，选树基层侨联示范点，每市不少于3个。",
        lead: Federation,
        supporting: &[OrganizationDept],
        issued_on: ymd(2022, 3, 1),
        due_on: ymd(2022, 5, 31),
        outcomes: all([Early(8), Working, Early(3), Late(7)]),
    },
    Row {
        theme: ServePeople,
        content: "新成立的侨联和侨联工作站建立学习、管理、联系和服务侨界群众等制度。",
        lead: Federation,
        supporting: &[],
        issued_on: ymd(2022, 3, 15),
        due_on: ymd(2022, 5, 20),
        outcomes: all([Early(2), Late(10), Early(5), Early(6)]),
    },
    Row {
        theme: ServeDevelopment,
        content: "走访侨商侨企，梳理需求清单，协调解决发展难题。",
        lead: Federation,
        supporting: &[UnitedFrontDept],
        issued_on: ymd(2022, 3, 21),
        due_on: ymd(2022, 4, 22),
        outcomes: all([Early(2), Early(1), Late(4), Early(3)]),
    },
    Row {
        theme: LeadOrganization,
        content: "做好迎江、大观、宜秀三区侨联成立筹备工作，落实新增人员编制。",
        lead: StaffingOffice,
        supporting: &[PartyCommittee, Federation],
        issued_on: ymd(2022, 3, 28),
        due_on: ymd(2022, 6, 10),
        outcomes: [None, None, None, Some(Working)],
    },
    Row {
        theme: LeadInnovation,
        content: "依托党群服务中心共建“侨胞之家”，推动阵地共建、资源共享。",
        lead: OrganizationDept,
        supporting: &[Federation],
        issued_on: ymd(2022, 4, 6),
        due_on: ymd(2022, 6, 17),
        outcomes: all([Early(3), Seen, Waiting(2), Working]),
    },
    Row {
        theme: ServeOverall,
        content: "将试点工作成效纳入年度综合考核“群团工作”内容。",
        lead: OrganizationDept,
        supporting: &[Federation],
        issued_on: ymd(2022, 4, 6),
        due_on: ymd(2022, 6, 15),
        outcomes: all([Early(10), Working, Early(12), Unseen]),
    },
    Row {
        theme: ServePeople,
        content: "结合“我为侨界群众办实事”实践活动，每市为侨界群众办成实事不少于5件。",
        lead: Federation,
        supporting: &[UnitedFrontDept],
        issued_on: ymd(2022, 4, 11),
        due_on: ymd(2022, 6, 30),
        outcomes: all([Waiting(6), Working, Early(9), Working]),
    },
    Row {
        theme: ServeDevelopment,
        content: "组织侨界专家人才服务乡村振兴和招才引智，每市不少于1次。",
        lead: Federation,
        supporting: &[UnitedFrontDept, OrganizationDept],
        issued_on: ymd(2022, 5, 9),
        due_on: ymd(2022, 7, 29),
        outcomes: all([Working, Seen, Working, Unseen]),
    },
    Row {
        theme: ServeOverall,
        content: "报送试点工作半年总结和典型案例。",
        lead: Federation,
        supporting: &[LeadingGroup],
        issued_on: ymd(2022, 5, 16),
        due_on: ymd(2022, 6, 20),
        outcomes: all([Early(1), Late(2), Early(3), Waiting(0)]),
    },
];
