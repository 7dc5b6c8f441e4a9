//! Whether the relay lets us in. A login that it refused is not tried again by each mail: some servers lock out who tries too often, and a
//! person has to mend it.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use tokio::sync::MutexGuard;

/// How long the relay is left alone after it refused our login. A worker that is started with another setting tries at once.
pub(super) const PAUSE: TimeDelta = TimeDelta::minutes(30);

/// What is known about our login.
#[derive(Default)]
pub(super) struct Login {
    state: Mutex<State>,
    /// Held by the one mail that tries, while nothing is known.
    trying: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Unknown,
    LetIn,
    Refused(Refusal),
}

/// That the relay did not let us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Nothing is tried before.
    pub until: UtcTime,
    /// What it said.
    pub said: String,
}

/// Whether a mail may try.
pub(super) enum Turn<'a> {
    /// It may. While nothing is known, the others wait for what comes of it.
    Try(Option<MutexGuard<'a, ()>>),
    /// It may not.
    Rest(Refusal),
}

impl Login {
    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Why the relay is left alone, if it is.
    pub(super) fn refusal(&self, now: UtcTime) -> Option<Refusal> {
        match self.state() {
            State::Refused(refusal) => Some(refusal).filter(|refusal| now < refusal.until),
            State::Unknown | State::LetIn => None,
        }
    }

    /// A mail's turn.
    pub(super) async fn turn(&self, now: UtcTime) -> Turn<'_> {
        if matches!(self.state(), State::LetIn) {
            return Turn::Try(None);
        }
        if let Some(refusal) = self.refusal(now) {
            return Turn::Rest(refusal);
        }
        let trying = self.trying.lock().await;
        match self.refusal(now) {
            Some(refusal) => Turn::Rest(refusal),
            None => Turn::Try((!matches!(self.state(), State::LetIn)).then_some(trying)),
        }
    }

    /// The relay let us in.
    pub(super) fn let_in(&self) {
        self.set(State::LetIn);
    }

    /// The relay did not let us in. `true` where that is news.
    pub(super) fn refused(&self, now: UtcTime, said: String) -> bool {
        let is_news = self.refusal(now).is_none();
        self.set(State::Refused(Refusal {
            until: now.plus(PAUSE),
            said,
        }));
        is_news
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_mail_tries_and_the_others_wait_for_what_comes_of_it() {
        let now: UtcTime = "2022-06-24T04:00:00Z".parse().unwrap();
        let login = Login::default();
        let Turn::Try(trying) = login.turn(now).await else {
            panic!("nothing is known")
        };
        assert!(trying.is_some());
        let mut second = Box::pin(login.turn(now));
        let waited = tokio::time::timeout(Duration::from_millis(10), &mut second).await;
        assert!(waited.is_err());
        assert!(login.refused(now, "535".to_owned()) && !login.refused(now, "535".to_owned()));
        drop(trying);
        assert!(matches!(second.await, Turn::Rest(refusal) if refusal.until == now.plus(PAUSE)));
        let later = now.plus(PAUSE);
        assert_eq!(login.refusal(later), None);
        let Turn::Try(again) = login.turn(later).await else {
            panic!("the rest is over")
        };
        login.let_in();
        drop(again);
        assert!(matches!(login.turn(later).await, Turn::Try(None)));
    }
}
