//! Published documents with frozen figures, and the posts they are addressed to.

use super::StateMachine;

column_enum! {
    /// What a bulletin is for.
    pub enum BulletinKind {
        /// 进展情况通报
        Progress => "progress",
        /// 督导通知
        Supervision => "supervision",
        /// 催办
        Chase => "chase",
        /// 敦促函
        Nudge => "nudge",
        /// 考核
        Assessment => "assessment",
    }
}

column_enum! {
    /// Where a bulletin stands. Published is immutable.
    pub enum BulletinState {
        /// Composed; composing again reuses the row.
        Draft => "draft" / "草稿",
        /// Released for publication.
        Approved => "approved" / "已核准",
        /// Out, with a serial.
        Published => "published" / "已发布",
        /// A later revision corrects it.
        Superseded => "superseded" / "已被替代",
        /// Not to be published; composing again reuses the row.
        Withdrawn => "withdrawn" / "已撤回",
    }
}

text_enum! {
    /// What may be done with a bulletin.
    pub enum BulletinVerb {
        /// Release it.
        Approve => "approve" / "核准",
        /// Put it out.
        Publish => "publish" / "发布",
        /// Take it back before it is out.
        Withdraw => "withdraw" / "撤回",
        /// Put a corrected revision in its place.
        Supersede => "supersede" / "替代",
    }
}

impl BulletinKind {
    /// Whether it is known what a bulletin of this kind looks like; one of another kind cannot be composed yet.
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
                _ => assert_eq!(outcome.unwrap_err().codes(), ["supersede"]),
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
