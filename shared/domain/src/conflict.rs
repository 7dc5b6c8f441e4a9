//! Conflicts: reasons why a valid request cannot be carried out in the present state of the register.

use std::borrow::Cow;

use super::Violation;

macro_rules! conflicts {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $chinese:literal, $english:literal;)+) => {
        /// The reason why the present state does not allow a write.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Conflict {
            $($(#[$doc])* $name,)+
        }

        impl Conflict {
            /// Returns the conflict as a violation of the field at `pointer`.
            pub fn violation(self, pointer: impl Into<Cow<'static, str>>) -> Violation {
                Violation::new(pointer, self.code(), self.chinese(), self.english())
            }

            /// All conflicts.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the stable code for clients.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Returns the meaning and the remedy, in Chinese.
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$name => $chinese,)+ }
            }

            /// Returns the meaning and the remedy, in English.
            pub const fn english(self) -> &'static str {
                match self { $(Self::$name => $english,)+ }
            }
        }
    };
}

conflicts! {
    OrganizationExists = "organization_exists",
        "该地区已有同类的在册组织；请更新原有记录，或先撤销。",
        "The area already has an active organization of this kind. Update it, or close it first.";
    IdTaken = "id_taken",
        "此 id 已被使用，请换一个新的 UUID。",
        "The id is already in use. Use a new UUID.";
    AlreadyUnveiled = "already_unveiled",
        "已记录挂牌日期；如有误，请用 PATCH 更正。",
        "An unveiling date is already recorded. To correct it, use PATCH.";
    AreaCodeTaken = "area_code_taken",
        "地区代码已存在。",
        "The area code is already in use.";
    AreaAboveEnded = "area_above_ended",
        "其上级地区已撤销，请先恢复上级地区。",
        "The area above it was closed or merged. Reopen that area first.";
    AreaHasChildren = "area_has_children",
        "该地区仍有下级地区，请先移交、合并或撤销。",
        "The area still has areas below it. Move, merge or close them first.";
    AreaHasOrganizations = "area_has_organizations",
        "该地区仍有在册组织，请先迁出或撤销。",
        "The area still has active organizations. Move or close them first.";
    AreaHasTasks = "area_has_tasks",
        "该地区仍有未办结的任务，请先办结或取消。",
        "The area still has open tasks. Finish or cancel them first.";
    AreaHasTokens = "area_has_tokens",
        "该地区仍有有效的令牌，请先撤销，或为接续地区另行发放。",
        "The area still has valid tokens. Revoke them first, and issue new ones for its successor.";
    AreaHasEndpoints = "area_has_endpoints",
        "该地区仍有接收端，请先删除。",
        "The area still has endpoints. Delete them first.";
    AreaHasSchedules = "area_has_schedules",
        "该地区仍有启用的通报计划，请先暂停或结束。",
        "The area still has an active bulletin schedule. Pause or end it first.";
    AreaHasPrograms = "area_has_programs",
        "该地区是试点项目的主办单位，不能撤销或并入其他地区。",
        "This area issues a programme and cannot be closed or merged.";
    OrganizationsMeet = "organizations_meet",
        "两地各有一个在册的同类组织，请先合并或撤销其一。",
        "Both areas have an active organization of the same kind. Merge or close one of them first.";
    ProgramCodeTaken = "program_code_taken",
        "项目代码已存在。",
        "The programme code is already in use.";
    CohortEarlier = "cohort_earlier",
        "该地区已有更晚的分组记录。",
        "A later change of this area's cohort is already recorded.";
    TokenRevoked = "token_revoked",
        "令牌已被撤销，不能更换密钥；请重新发放。",
        "The token is revoked. Issue a new one.";
    TokenBeyond = "token_beyond",
        "该令牌的权限超出本人，不能更换密钥、续期或撤销；请由权限更高的管理员操作。",
        "This token has permissions that you do not have. Ask an administrator who has them.";
    RequestInProgress = "request_in_progress",
        "同一 Idempotency-Key 的请求仍在处理，请稍后用同一 Idempotency-Key 重试。",
        "A request with this Idempotency-Key is still in progress. Retry shortly with the same key.";
    ScheduleExists = "schedule_exists",
        "该项目已有同类、周期重叠的通报计划；请修改原有计划（PATCH），或先将其结束（ends_period）、删除（DELETE）。",
        "The programme already has a schedule of this kind for some of these periods. Change that schedule (PATCH), or first end it \
         (ends_period) or delete it (DELETE).";
    ScheduleInUse = "schedule_in_use",
        "已有通报由该计划编发，不能删除；请用 PATCH 设置结束周期（ends_period），或暂停。",
        "Bulletins were composed by this schedule, so it cannot be deleted. End it with PATCH (ends_period), or pause it.";
    EndpointExists = "endpoint_exists",
        "该单位在此渠道已有使用中的同一接收端，同一通知不会发两次；请使用原有接收端，或先删除它。",
        "The post already has this endpoint in use on this channel, and no notice is sent twice. Use the existing endpoint, or delete it \
         first.";
    EarlierPeriodWaits = "earlier_period_waits",
        "同一系列中有更早一期的通报尚未发布；请先发布或撤回那一期。",
        "A bulletin of an earlier period of this series is not yet published. Publish or withdraw it first.";
    NoEndpoint = "no_endpoint",
        "收文单位没有可用的接收端，请先登记或恢复一个。",
        "The addressee has no enabled endpoint. Record or resume one first.";
    EndpointGone = "endpoint_gone",
        "该投递的接收端已停用，此渠道也没有其他接收端；请先恢复它，或登记新的接收端。",
        "The endpoint of the delivery is disabled, and the post has no other endpoint on this channel. Resume it or record another first.";
    SentToOtherEndpoint = "sent_to_other_endpoint",
        "该通知已另有投递发往该单位现在的接收端，请查看那一条投递。",
        "The notice already has another delivery to the current endpoint of the post. See that delivery.";
    NoDocument = "no_document",
        "此类通报尚无文稿样式。",
        "There is no document template for bulletins of this kind yet.";
    VoidAsked = "void_asked",
        "已提请上级作废，请等待上级审核。",
        "Voiding has already been requested. Wait for the decision of the area above.";
    RuleChangedToday = "rule_changed_today",
        "该地区的建立规则今天已有新版本，每天只能发布一个，请明天再发布。",
        "The area's establishment rule already has a new version today, and only one is allowed per day. Record the next one tomorrow.";
    NoRecipients = "no_recipients",
        "该分组中没有城市。",
        "The cohort contains no city.";
    TaskNoTaken = "task_no_taken",
        "任务编号已被使用。",
        "The task number is already in use.";
    AssignedTwice = "assigned_twice",
        "同一单位在一项任务中只能分派一次。",
        "A task can be assigned to the same post of an area only once.";
    LaterFormat = "later_format",
        "该通报由更新版本的程序编发，请升级后再发布。",
        "The bulletin was composed by a newer version of the program. Upgrade, then publish it.";
    ScheduleChanged = "schedule_changed",
        "通报计划已被他人修改，请重新读取后再试。",
        "The schedule was changed by someone else. Read it again and retry.";
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_conflict_has_a_code_of_its_own_and_says_what_to_do_in_two_languages() {
        let codes: BTreeSet<&str> = Conflict::ALL.iter().map(|conflict| conflict.code()).collect();
        assert_eq!(codes.len(), Conflict::ALL.len());
        for conflict in Conflict::ALL {
            assert!(conflict.chinese().ends_with('。'), "{conflict}");
            assert!(conflict.english().ends_with('.'), "{conflict}");
        }
    }
}
