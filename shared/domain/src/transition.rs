//! State machines: each is a table of its transitions.

use std::fmt;

/// A word of a closed list, with what an office calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// As stored and sent.
    pub code: &'static str,
    /// In Chinese.
    pub chinese: &'static str,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// A closed list whose words have a Chinese label; see [`text_enum!`](crate::text_enum).
pub trait Labelled: Copy + PartialEq + 'static {
    /// Every word of the list, in the order of its meaning.
    const ALL: &'static [Self];

    /// The word with its label.
    fn word(self) -> Word;
}

/// A state that verbs lead to others.
pub trait StateMachine: Labelled {
    /// What leads from state to state.
    type Verb: Labelled;

    /// Every legal transition: from, by, to. What is not listed is refused.
    const TRANSITIONS: &'static [(Self, Self::Verb, Self)];

    /// Whether a person asks for it. Refusals do not suggest what only the system does.
    fn is_asked_for(_verb: Self::Verb) -> bool {
        true
    }

    /// The state after `verb`, where this state allows it.
    fn next(self, verb: Self::Verb) -> Option<Self> {
        let mut transitions = Self::TRANSITIONS.iter();
        transitions
            .find(|(from, by, _)| *from == self && *by == verb)
            .map(|(_, _, to)| *to)
    }

    /// The state after `verb`.
    ///
    /// # Errors
    /// When this state does not allow it; the error names what it allows.
    fn after(self, verb: Self::Verb) -> Result<Self, RefusedTransition> {
        self.next(verb).ok_or_else(|| self.refuse(verb.word()))
    }

    /// The refusal of `verb`, which need not be one of the machine's, in this state.
    fn refuse(self, verb: Word) -> RefusedTransition {
        RefusedTransition {
            verb,
            state: self.word(),
            allowed: Self::Verb::ALL
                .iter()
                .filter(|verb| Self::is_asked_for(**verb) && self.next(**verb).is_some())
                .map(|verb| verb.word())
                .collect(),
        }
    }

    /// The states that allow `verb`: the condition of a guarded UPDATE.
    fn allowing(verb: Self::Verb) -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|state| state.next(verb).is_some())
            .collect()
    }
}

/// A transition that a state machine does not allow. The answer is a 409 that names the state and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTransition {
    /// The verb that was asked for.
    pub verb: Word,
    /// The present state.
    pub state: Word,
    /// The verbs that this state allows.
    pub allowed: Vec<Word>,
}

impl RefusedTransition {
    /// The codes of the verbs that this state allows.
    pub fn codes(&self) -> Vec<&'static str> {
        self.allowed.iter().map(|verb| verb.code).collect()
    }

    /// The state, and what it allows, in Chinese.
    pub fn chinese(&self) -> String {
        let allowed: Vec<&str> = self.allowed.iter().map(|verb| verb.chinese).collect();
        let allowed = if allowed.is_empty() {
            "没有可以进行的操作".to_owned()
        } else {
            format!("可以进行的操作：{}", allowed.join("、"))
        };
        format!(
            "当前状态为“{}”，不能进行“{}”操作；{allowed}。",
            self.state.chinese, self.verb.chinese
        )
    }

    /// The state, and what it allows, in English.
    pub fn english(&self) -> String {
        let allowed = self.codes();
        let allowed = if allowed.is_empty() {
            "Nothing is allowed in this state.".to_owned()
        } else {
            format!("Allowed: {}.", allowed.join(", "))
        };
        format!(
            "`{}` is not allowed in state `{}`. {allowed}",
            self.verb, self.state
        )
    }
}

impl fmt::Display for RefusedTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

impl std::error::Error for RefusedTransition {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::AssignmentStatus;
    use crate::bulletin::{BulletinState, BulletinVerb};
    use crate::delivery::DeliveryState;
    use crate::organization::{ChangeVerb, Status, Verification};

    /// A table says of each state and verb one thing, and no verb is without a transition.
    fn is_sound<S: StateMachine>() {
        for (index, (from, by, _)) in S::TRANSITIONS.iter().enumerate() {
            let same = |(state, verb, _): &&(S, S::Verb, S)| state == from && verb == by;
            let first = S::TRANSITIONS.iter().position(|transition| same(&transition));
            assert_eq!(first, Some(index), "{} {}", from.word(), by.word());
        }
        for verb in S::Verb::ALL {
            assert!(!S::allowing(*verb).is_empty(), "{}", verb.word());
        }
    }

    #[test]
    fn no_table_contradicts_itself_or_leaves_a_verb_out() {
        is_sound::<Status>();
        is_sound::<Verification>();
        is_sound::<AssignmentStatus>();
        is_sound::<BulletinState>();
        is_sound::<DeliveryState>();
    }

    #[test]
    fn a_refusal_names_what_a_person_may_do() {
        let refused = DeliveryState::NeedsReview.after(crate::delivery::DeliveryVerb::Claim);
        let refused = refused.unwrap_err();
        assert_eq!(refused.codes(), ["redeliver", "cancel"]);
        assert_eq!(
            refused.chinese(),
            "当前状态为“待核实”，不能进行“领取”操作；可以进行的操作：重新发送、取消。"
        );
        let published = BulletinState::Published.after(BulletinVerb::Publish);
        assert!(published.unwrap_err().allowed.is_empty());
        assert_eq!(Status::Closed.refuse(ChangeVerb::Move.word()).codes(), ["reopen"]);
        let queued = DeliveryState::Queued.after(crate::delivery::DeliveryVerb::Succeed);
        assert_eq!(queued.unwrap_err().codes(), ["cancel"]);
        let sent = DeliveryState::Sent.after(crate::delivery::DeliveryVerb::Cancel);
        let sent = sent.unwrap_err();
        assert_eq!(
            sent.english(),
            "`cancel` is not allowed in state `sent`. Nothing is allowed in this state."
        );
        assert_eq!(
            sent.chinese(),
            "当前状态为“已送达”，不能进行“取消”操作；没有可以进行的操作。"
        );
    }
}
