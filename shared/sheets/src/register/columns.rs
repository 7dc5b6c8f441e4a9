//! The columns of the register.

use qiaojian_domain::access::Post;
use qiaojian_domain::organization::{Basis, Host, Kind, Status, Verification};

use crate::{Choices, Column, Need};

/// The name of the data sheet.
pub const DATA_SHEET: &str = "组织名册";

/// Notes below the explanation of the columns on the help sheet.
pub const NOTES: &[&str] = &[
    "表头请勿改动；带 * 的列必填；不用的列可以删除。每行一个组织，最多 20000 行、8 MiB。",
    "日期可写到日（2022-03-01）、旬（2022-03下旬）或月（2022-03）；只写到旬或月的，按最后一天起计。",
    "不要合并单元格，不要写公式，不要另加工作表。",
    "编号留空的是新组织；带编号且与系统内容相同的行不作改动，内容不同的行会被退回，请改用更正或变更操作。",
    "先试导入（dry_run=true），改正后再正式导入；退回文件中的“错误信息”列在再次导入时不读取。",
];

qiaojian_domain::text_enum! {
    /// A column, named by the path of its content in the JSON of an organization, separated by dots.
    pub enum Field {
        /// 编号
        Id => "id",
        /// 地区代码
        Area => "area",
        /// For information only.
        AreaName => "area_name",
        Kind => "kind",
        Name => "name",
        Status => "status",
        ApprovalOn => "approval.on",
        ApprovalDocNo => "approval.doc_no",
        ApprovalPost => "approval.post",
        /// Includes the precision.
        EstablishedOn => "established_on",
        UnveiledOn => "unveiled_on",
        ClosedOn => "closed_on",
        Reopenings => "reopenings",
        Host => "host",
        Parent => "parent",
        Basis => "basis",
        Replaces => "replaces",
        HasOffice => "has_office",
        Affiliation => "affiliation",
        QuotaPosts => "quota_posts",
        PostsFilled => "posts_filled",
        /// Whether the organization has it, since when, and the document number.
        FiveOrganization => "five_have.organization",
        FiveTeam => "five_have.team",
        FiveFunding => "five_have.funding",
        FiveVenue => "five_have.venue",
        FiveActivity => "five_have.activity",
        Learning => "standing_rules.learning",
        Management => "standing_rules.management",
        Contact => "standing_rules.contact",
        Service => "standing_rules.service",
        TermEndsOn => "term_ends_on",
        Note => "note",
        /// For information only.
        Verification => "verification",
        /// The violations of the row. Ignored when read.
        Errors => "errors",
    }
}

pub(super) const KINDS: Choices = Kind::LABELS;
/// What kinds are called for short.
pub(super) const SHORT_KINDS: Choices = &[
    (Kind::WorkStation.as_str(), "工作站"),
    (Kind::WorkSubStation.as_str(), "工作分站"),
    (Kind::LiaisonPost.as_str(), "联络员"),
];
pub(super) const HOSTS: Choices = Host::LABELS;
pub(super) const STATUSES: Choices = Status::LABELS;
pub(super) const BASES: Choices = Basis::LABELS;
pub(super) const POSTS: Choices = Post::LABELS;
pub(super) const VERIFICATIONS: Choices = Verification::LABELS;
pub(super) const YES_NO: Choices = &[("true", "是"), ("false", "否")];
const FREE: Choices = &[];

const PRECISE: &str = "日期，可写到日、旬或月";
const DAY: &str = "日期，写到日";
const ITEM: &str = "是或否；可再写日期和文号，用分号隔开";

const fn column(
    field: Field,
    zh: &'static str,
    choices: Choices,
    (meaning, example): (&'static str, &'static str),
    width: u16,
) -> Column<Field> {
    let need = match field {
        Field::Area | Field::Kind | Field::Name => Need::Required,
        Field::AreaName | Field::Verification | Field::Errors => Need::Shown,
        _ => Need::Optional,
    };
    Column {
        field,
        zh,
        need,
        choices,
        meaning,
        example,
        width,
    }
}

/// The columns, in the order in which they are written. The last one only occurs in files that are returned to the
/// user.
pub const COLUMNS: &[Column<Field>] = &[
    column(Field::Id, "编号", FREE, ("系统编号（UUID）；新组织留空", ""), 12),
    column(
        Field::Area,
        "地区代码",
        FREE,
        (
            "所在地区的代码：县级及以上 6 位，乡镇 9 位，村 12 位，园区如 340304-P01",
            "340304001",
        ),
        16,
    ),
    column(
        Field::AreaName,
        "地区名称",
        FREE,
        ("仅供查看，导入时不读取", "大庆街道"),
        18,
    ),
    column(
        Field::Kind,
        "类别",
        KINDS,
        ("组织类别；联络员不计入组织数", "侨联"),
        16,
    ),
    column(Field::Name, "名称", FREE, ("最多 100 字", "大庆街道侨联"), 28),
    column(
        Field::Status,
        "状态",
        STATUSES,
        ("留空为筹备；新登记只能是筹备、已批复或已成立", "已成立"),
        10,
    ),
    column(Field::ApprovalOn, "批复日期", FREE, (PRECISE, "2022-03-01"), 13),
    column(
        Field::ApprovalDocNo,
        "批复文号",
        FREE,
        ("最多 100 字", "皖侨〔2022〕7号"),
        18,
    ),
    column(
        Field::ApprovalPost,
        "批复单位",
        POSTS,
        ("由哪个部门批复", "党委"),
        10,
    ),
    column(
        Field::EstablishedOn,
        "成立日期",
        FREE,
        (PRECISE, "2022-03下旬"),
        13,
    ),
    column(Field::UnveiledOn, "挂牌日期", FREE, (PRECISE, "2022-03"), 13),
    column(Field::ClosedOn, "撤销日期", FREE, (PRECISE, ""), 13),
    column(
        Field::Reopenings,
        "恢复记录",
        FREE,
        ("每次“撤销日期~恢复日期”，多次用分号隔开", "2020-05~2021-03-01"),
        22,
    ),
    column(
        Field::Host,
        "依托",
        HOSTS,
        ("留空为地区；依托地区的同类组织每地只能有一个", "地区"),
        8,
    ),
    column(
        Field::Parent,
        "上级组织编号",
        FREE,
        ("上级组织的系统编号，可以是本表中的编号", ""),
        12,
    ),
    column(Field::Basis, "成立方式", BASES, ("留空为新建", "新建"), 11),
    column(
        Field::Replaces,
        "被撤销机构",
        FREE,
        ("撤一建一时必填，其他方式不填", ""),
        18,
    ),
    column(Field::HasOffice, "设机关", YES_NO, ("留空为否", "否"), 8),
    column(Field::Affiliation, "机构隶属", FREE, ("最多 100 字", ""), 18),
    column(Field::QuotaPosts, "编制数", FREE, ("0 至 10000 的整数", "3"), 8),
    column(Field::PostsFilled, "实有人数", FREE, ("不超过编制数", "2"), 9),
    column(Field::FiveOrganization, "有组织", FREE, (ITEM, "是"), 10),
    column(Field::FiveTeam, "有队伍", FREE, (ITEM, "是；2022-03-01"), 10),
    column(
        Field::FiveFunding,
        "有经费",
        FREE,
        (ITEM, "是；2022-03-01；皖侨〔2022〕7号"),
        10,
    ),
    column(Field::FiveVenue, "有阵地", FREE, (ITEM, "否"), 10),
    column(Field::FiveActivity, "有活动", FREE, (ITEM, "是"), 10),
    column(Field::Learning, "学习制度", FREE, (DAY, "2022-03-01"), 13),
    column(Field::Management, "管理制度", FREE, (DAY, "2022-03-01"), 13),
    column(Field::Contact, "联系制度", FREE, (DAY, "2022-03-01"), 13),
    column(Field::Service, "服务制度", FREE, (DAY, "2022-03-01"), 13),
    column(Field::TermEndsOn, "任期届满日期", FREE, (DAY, "2027-03-01"), 13),
    column(Field::Note, "备注", FREE, ("最多 2000 字", ""), 28),
    column(
        Field::Verification,
        "审核状态",
        VERIFICATIONS,
        ("仅供查看，导入时不读取", "已审核"),
        10,
    ),
    column(
        Field::Errors,
        "错误信息",
        FREE,
        ("退回文件中的说明，导入时不读取", ""),
        40,
    ),
];

/// Returns the column of the content at this JSON pointer of an organization. "" is the whole row.
pub fn field_of(pointer: &str) -> String {
    let dotted = pointer.trim_start_matches('/').replace('/', ".");
    let holds = |field: &Field| {
        let rest = dotted.strip_prefix(field.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match Field::ALL.iter().find(|field| holds(field)) {
        Some(field) => field.as_str().to_owned(),
        None => dotted,
    }
}
