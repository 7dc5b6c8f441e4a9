//! Published documents with frozen figures, and the posts they are addressed to.

use super::RefusedTransition;

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
        Draft => "draft",
        /// Released for publication.
        Approved => "approved",
        /// Out, with a serial.
        Published => "published",
        /// A later revision corrects it.
        Superseded => "superseded",
        /// Not to be published; composing again reuses the row.
        Withdrawn => "withdrawn",
    }
}

text_enum! {
    /// What may be done with a bulletin.
    pub enum BulletinVerb {
        /// Release it.
        Approve => "approve",
        /// Put it out.
        Publish => "publish",
        /// Take it back before it is out.
        Withdraw => "withdraw",
        /// Put a corrected revision in its place.
        Supersede => "supersede",
    }
}

impl BulletinKind {
    /// Whether it is known what a bulletin of this kind looks like; one of another kind cannot be composed yet.
    pub const fn has_document(self) -> bool {
        matches!(self, Self::Progress)
    }
}

impl BulletinState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// When this state does not allow it.
    pub fn after(self, verb: BulletinVerb) -> Result<Self, RefusedTransition> {
        self.step(verb).ok_or_else(|| RefusedTransition {
            verb: verb.as_str(),
            state: self.as_str(),
            allowed: BulletinVerb::ALL
                .iter()
                .filter(|verb| self.step(**verb).is_some())
                .map(|verb| verb.as_str())
                .collect(),
        })
    }

    fn step(self, verb: BulletinVerb) -> Option<Self> {
        match (self, verb) {
            (Self::Draft, BulletinVerb::Approve) => Some(Self::Approved),
            (Self::Approved, BulletinVerb::Publish) => Some(Self::Published),
            (Self::Draft | Self::Approved, BulletinVerb::Withdraw) => Some(Self::Withdrawn),
            (Self::Published, BulletinVerb::Supersede) => Some(Self::Superseded),
            _ => None,
        }
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
                _ => assert_eq!(outcome.unwrap_err().allowed, ["supersede"]),
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
