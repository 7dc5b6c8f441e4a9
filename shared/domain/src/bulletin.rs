//! Bulletins: published documents with frozen figures, addressed to posts.

use super::StateMachine;

column_enum! {
    /// The purpose of a bulletin.
    pub enum BulletinKind {
        /// 进展情况通报
        Progress => "progress" / "进展情况通报",
        /// 督导通知
        Supervision => "supervision" / "督导通知",
        /// 催办
        Chase => "chase" / "催办",
        /// 敦促函
        Nudge => "nudge" / "敦促函",
        /// 考核
        Assessment => "assessment" / "考核",
    }
}

column_enum! {
    /// The state of a bulletin. A published bulletin is immutable.
    pub enum BulletinState {
        /// Composed. Composing again reuses the row.
        Draft => "draft" / "草稿",
        /// Approved for publication.
        Approved => "approved" / "已核准",
        /// Published, with a serial number.
        Published => "published" / "已发布",
        /// Replaced by a later, corrected revision.
        Superseded => "superseded" / "已被替代",
        /// Withdrawn from publication. Composing again reuses the row.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

text_enum! {
    /// An action on a bulletin.
    pub enum BulletinVerb {
        /// Approve it for publication.
        Approve => "approve" / "核准",
        /// Publish it.
        Publish => "publish" / "发布",
        /// Withdraw it before publication.
        Withdraw => "withdraw" / "撤回",
        /// Replace it with a corrected revision.
        Supersede => "supersede" / "替代",
    }
}

impl BulletinKind {
    /// Returns whether a document template exists for this kind. A bulletin of any other kind cannot be composed yet.
    pub const fn has_document(self) -> bool {
        matches!(self, Self::Progress)
    }
}

impl StateMachine for BulletinState {
    type Verb = BulletinVerb;

    const TRANSITIONS: &'static [(Self, BulletinVerb, Self)] = &[
        (Self::Draft, BulletinVerb::Approve, Self::Approved),
        (Self::Approved, BulletinVerb::Publish, Self::Published),
        (Self::Draft, BulletinVerb::Withdraw, Self::Withdrawn),
        (Self::Approved, BulletinVerb::Withdraw, Self::Withdrawn),
        (Self::Published, BulletinVerb::Supersede, Self::Superseded),
    ];

    /// No route supersedes a bulletin.
    fn is_asked_for(verb: BulletinVerb) -> bool {
        !matches!(verb, BulletinVerb::Supersede)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_bulletin_can_only_be_superseded() {
        for verb in BulletinVerb::ALL {
            let outcome = BulletinState::Published.after(*verb);
            match verb {
                BulletinVerb::Supersede => assert_eq!(outcome, Ok(BulletinState::Superseded)),
                _ => assert_eq!(outcome.unwrap_err().codes(), [""; 0]),
            }
        }
        assert_eq!(
            BulletinState::Draft.after(BulletinVerb::Approve),
            Ok(BulletinState::Approved)
        );
        assert!(BulletinState::Draft.after(BulletinVerb::Publish).is_err());
        assert!(BulletinState::Withdrawn.after(BulletinVerb::Publish).is_err());
    }
}
