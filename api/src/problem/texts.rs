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

/// A state, or what is done with something in it, in Chinese; none for what only the system does.
pub(super) fn chinese_word(word: &str) -> Option<&'static str> {
    Some(match word {
        // Organizations and reports.
        "preparing" => "筹备中",
        "approved" => "已批复",
        "established" => "已成立",
        "closed" => "已撤销",
        "merged" => "已合并",
        "abandoned" => "已放弃",
        "unverified" => "待审核",
        "verified" => "已审核",
        "rejected" => "已退回",
        "void_asked" => "待作废",
        "approve" => "批复",
        "establish" => "成立",
        "unveil" => "挂牌",
        "close" => "撤销",
        "reopen" => "恢复",
        "merge" => "合并",
        "split" => "拆分",
        "abandon" => "放弃",
        "move" => "迁址",
        "rekind" => "变更类别",
        "change" => "变更",
        "verify" => "审核通过",
        "reject" | "return" => "退回",
        // Assignments.
        "issued" => "已下达",
        "acknowledged" => "已签收",
        "in_progress" => "办理中",
        "submitted" => "已提交",
        "accepted" => "已办结",
        "returned" => "已退回",
        "cancelled" => "已取消",
        "acknowledge" => "签收",
        "report" => "报送进展",
        "submit" => "提交",
        "accept" => "办结",
        "cancel" => "取消",
        // Bulletins and deliveries.
        "draft" => "草稿",
        "published" => "已发布",
        "superseded" => "已被替代",
        "withdrawn" => "已撤回",
        "publish" => "发布",
        "withdraw" => "撤回",
        "supersede" => "替代",
        "queued" => "待发送",
        "leased" | "sending" => "发送中",
        "sent" => "已送达",
        "uncertain" => "送达存疑",
        "needs_review" => "待核实",
        "dead" => "已停止发送",
        "expired" => "已过期",
        "redeliver" => "重新发送",
        _ => return None,
    })
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
            "该地区仍有启用的通报计划，请先暂停或结束。",
            "It still issues bulletins by a schedule. Pause or end it first.",
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
            "该令牌的权限超出本人，不能更换密钥、续期或撤销；请由权限更高的管理员操作。",
            "The token may do more than you. Ask an administrator who holds its scopes.",
        ),
        "request_in_progress" => (
            "同一 Idempotency-Key 的请求仍在处理，请稍后用同一 Idempotency-Key 重试。",
            "A request with this Idempotency-Key is still under way. Ask again with the same key shortly.",
        ),
        "schedule_exists" => (
            "该项目已有同类、周期重叠的通报计划；请修改原有计划（PATCH），或先将其结束（ends_period）、删除（DELETE）。",
            "There is a schedule of this programme and kind for these periods. Change it (PATCH), or end it (ends_period) or delete it first.",
        ),
        "schedule_in_use" => (
            "已有通报由该计划编发，不能删除；请用 PATCH 设置结束周期（ends_period），或暂停。",
            "Bulletins were composed by it, so it stays. End it by PATCH (ends_period), or pause it.",
        ),
        "endpoint_exists" => (
            "该单位在此渠道已有使用中的同一接收端，同一通知不会发两次；请使用原有接收端，或先删除它。",
            "This post has an endpoint in use at this channel and address, and gets a notice there once. Use that one, or delete it first.",
        ),
        "earlier_period_waits" => (
            "同一系列中有更早一期的通报尚未发布；请先发布或撤回那一期。",
            "A bulletin of an earlier period of this series is not out yet. Publish or withdraw that one first.",
        ),
        "no_endpoint" => (
            "收文单位没有可用的接收端，请先登记或恢复一个。",
            "The addressee has no endpoint in use. Record one, or put one in use again, first.",
        ),
        "endpoint_gone" => (
            "该投递的接收端已停用，此渠道也没有其他接收端；请先恢复它，或登记新的接收端。",
            "Its endpoint was given up, and the post has no other in this channel. Put it in use again, or record another, first.",
        ),
        "sent_to_other_endpoint" => (
            "该通知已另有投递发往该单位现在的接收端，请查看那一条投递。",
            "The notice has another delivery to the endpoint that the post has now. See that one.",
        ),
        "no_document" => (
            "此类通报尚无文稿样式。",
            "There is no document for bulletins of this kind yet.",
        ),
        "void_asked" => (
            "已提请上级作废，请等待上级审核。",
            "The area above is asked to void it already. Wait for its answer.",
        ),
        "rule_changed_today" => (
            "该地区的建立规则今天已有新版本，每天只能发布一个，请明天再发布。",
            "This area's establishment rule has a new version today already, and takes one a day. Record the next tomorrow.",
        ),
        "no_recipients" => ("该分组中没有城市。", "No city is in that cohort."),
        "task_no_taken" => ("任务编号已被使用。", "The task number is in use."),
        _ => ("与已有记录冲突。", "It conflicts with what is recorded."),
    }
}
