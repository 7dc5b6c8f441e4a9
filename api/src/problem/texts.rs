//! The words of problems that are chosen by a code or a noun.

/// A noun in Chinese.
pub(super) fn chinese_noun(noun: &str) -> &str {
    match noun {
        "area" => "地区",
        "organization" => "组织",
        "program" => "试点项目",
        "task" => "任务",
        "assignment" => "任务分派",
        "token" => "令牌",
        "rule" => "规则",
        "schedule" => "通报计划",
        "bulletin" => "通报",
        "notice" => "通知",
        "endpoint" => "接收端",
        "delivery" => "投递",
        _ => "对象",
    }
}

/// What a conflict means and what to do, in Chinese and English.
pub(super) fn conflict_text(code: &str) -> (&'static str, &'static str) {
    match code {
        "organization_exists" => (
            "该地区已有同类的在册组织；请更新原有记录，或先撤销。",
            "The area already has an active organization of this kind. Update it, or close it first.",
        ),
        "id_taken" => (
            "此 id 已被使用，请换一个新的 UUID。",
            "The id is in use. Make a new UUID.",
        ),
        "already_unveiled" => (
            "已记录挂牌日期；如有误，请用 PATCH 更正。",
            "It has been unveiled already. Correct the date by PATCH.",
        ),
        "area_code_taken" => ("地区代码已存在。", "The area code is in use."),
        "area_above_ended" => (
            "其上级地区已撤销，请先恢复上级地区。",
            "The area above it is no more. Reopen that one first.",
        ),
        "area_has_children" => (
            "该地区仍有下级地区，请先移交、合并或撤销。",
            "Areas still stand below it. Move, merge or close them first.",
        ),
        "area_has_organizations" => (
            "该地区仍有在册组织，请先迁出或撤销。",
            "Organizations are still active in it. Move or close them first.",
        ),
        "area_has_tasks" => (
            "该地区仍有未办结的任务，请先办结或取消。",
            "It still has open tasks. Finish or cancel them first.",
        ),
        "area_has_tokens" => (
            "该地区仍有有效的令牌，请先撤销，或为接续地区另行发放。",
            "Its tokens are still valid. Revoke them first, and issue others for its successor.",
        ),
        "area_has_endpoints" => (
            "该地区仍有接收端，请先删除。",
            "It still has endpoints. Delete them first.",
        ),
        "area_has_schedules" => (
            "该地区仍有启用的通报计划，请先暂停。",
            "It still issues bulletins by a schedule. Pause it first.",
        ),
        "area_has_programs" => (
            "该地区是试点项目的主办单位，不能撤销或并入其他地区。",
            "It has issued a programme and cannot go.",
        ),
        "organizations_meet" => (
            "两地各有一个在册的同类组织，请先合并或撤销其一。",
            "Both areas have an active organization of the same kind. Merge or close one of them first.",
        ),
        "program_code_taken" => ("项目代码已存在。", "The programme code is in use."),
        "cohort_earlier" => (
            "该地区已有更晚的分组记录。",
            "A later change of this area's cohort is already recorded.",
        ),
        "token_revoked" => (
            "令牌已被撤销，不能更换密钥；请重新发放。",
            "The token is revoked. Issue a new one.",
        ),
        "token_beyond" => (
            "该令牌的权限超出本人，不能更换其密钥；请由权限更高的管理员操作。",
            "The token may do more than you. Ask an administrator who holds its scopes.",
        ),
        "request_in_progress" => (
            "同一 Idempotency-Key 的请求仍在处理，请稍后用同一 Idempotency-Key 重试。",
            "A request with this Idempotency-Key is still under way. Ask again with the same key shortly.",
        ),
        "schedule_exists" => (
            "该项目已有同类、同周期的通报计划；请用原有计划，或暂停后另行处理。",
            "There is a schedule of this programme, kind and unit of period already. Use that one.",
        ),
        "no_document" => (
            "此类通报尚无文稿样式。",
            "There is no document for bulletins of this kind yet.",
        ),
        "no_recipients" => ("该分组中没有城市。", "No city is in that cohort."),
        "task_no_taken" => ("任务编号已被使用。", "The task number is in use."),
        _ => ("与已有记录冲突。", "It conflicts with what is recorded."),
    }
}
