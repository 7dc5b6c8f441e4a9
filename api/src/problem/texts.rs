//! The words in problems that are selected by a code or a noun.

/// Returns a noun in Chinese.
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

/// Returns the Chinese word for a state or a transition, or `None` for a transition that only the system makes.
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
