//! Access control: posts, roles and scopes. The actor is a post in an area, never a named person.

use std::collections::BTreeSet;

column_enum! {
    /// The post that acts or is addressed, within an area.
    pub enum Post {
        /// 侨联
        Federation => "federation" / "侨联",
        /// 党委
        PartyCommittee => "party_committee" / "党委",
        /// 组织部
        OrganizationDept => "organization_dept" / "组织部",
        /// 统战部
        UnitedFrontDept => "united_front_dept" / "统战部",
        /// 编办
        StaffingOffice => "staffing_office" / "编办",
        /// 财政局
        FinanceBureau => "finance_bureau" / "财政局",
        /// 试点工作领导小组
        LeadingGroup => "leading_group" / "领导小组",
        /// Any other post.
        Other => "other" / "其他",
    }
}

text_enum! {
    /// A permission of a token. A token grants only the scopes that it holds.
    pub enum Scope {
        /// Read the area tree.
        AreaRead => "area:read",
        /// Change the area tree.
        AreaWrite => "area:write",
        /// Read the raw counts of persons and households.
        CountsRead => "counts:read",
        /// Record counts.
        CountsWrite => "counts:write",
        /// Read organizations and figures.
        OrgRead => "org:read",
        /// Record organizations and their transitions.
        OrgWrite => "org:write",
        /// Verify or reject reported organizations.
        OrgVerify => "org:verify",
        /// Read tasks and assignments.
        TaskRead => "task:read",
        /// Issue tasks; accept, return or cancel assignments.
        TaskIssue => "task:issue",
        /// Acknowledge, report on and submit assignments.
        TaskWork => "task:work",
        /// Read activities.
        ActivityRead => "activity:read",
        /// Record activities.
        ActivityWrite => "activity:write",
        /// Create programmes and set the cohorts of areas.
        ProgramWrite => "program:write",
        /// Read rules.
        RuleRead => "rule:read",
        /// Record rules.
        RuleWrite => "rule:write",
        /// Upload working calendars.
        CalendarWrite => "calendar:write",
        /// Read bulletins and the caller's own inbox.
        BulletinRead => "bulletin:read",
        /// Compose and publish bulletins.
        BulletinPublish => "bulletin:publish",
        /// Create and change schedules.
        ScheduleWrite => "schedule:write",
        /// Create and change endpoints.
        EndpointWrite => "endpoint:write",
        /// View and manage deliveries.
        DeliveryManage => "delivery:manage",
        /// Issue and revoke tokens.
        TokenAdmin => "token:admin",
        /// Read the audit trail.
        AuditRead => "audit:read",
    }
}

column_enum! {
    /// A preset of scopes.
    pub enum Role {
        /// The provincial office's administrator.
        ProvinceAdmin => "province_admin",
        /// A supervisor of the pilot cities.
        Supervisor => "supervisor",
        /// A city office.
        CityReporter => "city_reporter",
        /// A county office.
        CountyReporter => "county_reporter",
        /// A township office.
        TownshipReporter => "township_reporter",
        /// A village office.
        VillageReporter => "village_reporter",
        /// A member unit of a leading group.
        MemberUnit => "member_unit",
        /// Read-only access.
        Reader => "reader",
    }
}

const READ: [Scope; 6] = [
    Scope::AreaRead,
    Scope::OrgRead,
    Scope::TaskRead,
    Scope::ActivityRead,
    Scope::RuleRead,
    Scope::BulletinRead,
];

impl Role {
    /// Returns the scopes of this role.
    pub fn scopes(self) -> BTreeSet<Scope> {
        let more: &[Scope] = match self {
            Self::ProvinceAdmin => Scope::ALL,
            Self::Supervisor => &[
                Scope::OrgVerify,
                Scope::TaskIssue,
                Scope::ActivityWrite,
                Scope::BulletinPublish,
                Scope::DeliveryManage,
                Scope::AuditRead,
            ],
            Self::CityReporter => &[
                Scope::OrgWrite,
                Scope::OrgVerify,
                Scope::TaskIssue,
                Scope::TaskWork,
                Scope::ActivityWrite,
                Scope::EndpointWrite,
            ],
            Self::CountyReporter => &[
                Scope::CountsRead,
                Scope::CountsWrite,
                Scope::OrgWrite,
                Scope::OrgVerify,
                Scope::TaskIssue,
                Scope::TaskWork,
                Scope::ActivityWrite,
            ],
            Self::TownshipReporter => &[
                Scope::CountsRead,
                Scope::CountsWrite,
                Scope::OrgWrite,
                Scope::TaskWork,
                Scope::ActivityWrite,
            ],
            Self::VillageReporter => &[
                Scope::CountsRead,
                Scope::CountsWrite,
                Scope::OrgWrite,
                Scope::TaskWork,
            ],
            Self::MemberUnit => &[Scope::TaskWork],
            Self::Reader => &[],
        };
        READ.iter().chain(more).copied().collect()
    }
}

/// Formats scopes as one line, sorted and separated by spaces (RFC 6749 §3.3).
pub fn write_scopes(scopes: &BTreeSet<Scope>) -> String {
    scopes
        .iter()
        .map(|scope| scope.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Parses a line written by [`write_scopes`].
///
/// # Errors
/// Returns an error if a word is not a scope.
pub fn read_scopes(line: &str) -> Result<BTreeSet<Scope>, crate::UnknownWord> {
    line.split_ascii_whitespace().map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_writes_nothing_and_an_admin_holds_everything() {
        assert!(
            Role::Reader
                .scopes()
                .iter()
                .all(|scope| scope.as_str().ends_with(":read"))
        );
        assert_eq!(Role::ProvinceAdmin.scopes().len(), Scope::ALL.len());
        assert!(
            !Role::CityReporter.scopes().contains(&Scope::CountsRead),
            "raw counts stay at county level and below"
        );
        assert!(
            Role::ALL
                .iter()
                .filter(|role| role.scopes().contains(&Scope::TokenAdmin))
                .eq([&Role::ProvinceAdmin])
        );
    }

    #[test]
    fn scopes_survive_being_written() {
        for role in Role::ALL {
            assert_eq!(read_scopes(&write_scopes(&role.scopes())).unwrap(), role.scopes());
        }
        assert!(read_scopes("org:read org:burn").is_err());
    }
}
