//! Whether the relay accepts our login. A refused login is not retried with each mail, because some servers lock out
//! clients that try too often, and a person has to fix the settings.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use tokio::sync::MutexGuard;

/// How long the relay is not contacted after it refused our login. A worker started with other settings tries
/// immediately.
pub(super) const PAUSE: TimeDelta = TimeDelta::minutes(30);

/// The known state of our login.
#[derive(Default)]
pub(super) struct Login {
    state: Mutex<State>,
    /// Held by the one mail that tries to log in while the state is unknown.
    trying: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Unknown,
    LetIn,
    Refused(Refusal),
}

/// A login refused by the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// No attempt is made before this time.
    pub until: UtcTime,
    /// The relay's reply.
    pub said: String,
}

/// Whether a mail may be sent.
pub(super) enum Turn<'a> {
    /// It may. While the state is unknown, the others wait for the result.
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

    /// Returns the refusal during whose pause the relay is not contacted, if there is one.
    pub(super) fn refusal(&self, now: UtcTime) -> Option<Refusal> {
        match self.state() {
            State::Refused(refusal) => Some(refusal).filter(|refusal| now < refusal.until),
            State::Unknown | State::LetIn => None,
        }
    }

    /// Waits for permission to send a mail.
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

    /// Records that the relay accepted the login.
    pub(super) fn let_in(&self) {
        self.set(State::LetIn);
    }

    /// Records that the relay refused the login. Returns `true` if this was not already known.
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
