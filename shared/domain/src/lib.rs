//! The domain rules as pure functions: given plain values and the current date, they return plain values. No function
//! reads a database or a file, and only [`clock`] reads the time or randomness.

#[macro_use]
mod text_enum;

pub mod access;
pub mod activity;
pub mod area;
pub mod assignment;
pub mod bulletin;
pub mod change;
pub mod clock;
pub mod conflict;
pub mod dates;
pub mod delivery;
pub mod digest;
pub mod doubt;
pub mod establishment;
pub mod history;
pub mod ids;
pub mod mail_address;
pub mod mask;
pub mod milestone;
pub mod noun;
pub mod organization;
pub mod period;
pub mod program;
pub mod rule;
pub mod schedule;
#[cfg(feature = "diesel")]
pub mod sql;
pub mod task;
pub mod token;
pub mod transition;
pub mod unseen;
pub mod violation;

pub use conflict::Conflict;
pub use noun::Noun;
#[doc(hidden)]
pub use serde;
pub use transition::{Labelled, RefusedTransition, StateMachine};
#[cfg(feature = "utoipa")]
#[doc(hidden)]
pub use utoipa;
pub use violation::Violation;

/// The error returned when a word is not in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// The rejected word.
    pub word: String,
    /// The allowed words.
    pub allowed: &'static [&'static str],
}

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "unknown value `{}`, expected one of: {}",
            self.word,
            self.allowed.join(", ")
        )
    }
}

impl std::error::Error for UnknownWord {}
