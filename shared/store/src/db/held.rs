//! Which threads hold a connection, so that a process does not end while one is being closed: OpenSSL tidies up when a process exits, and
//! a thread that is just then closing its link reads what has gone.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

static HELD: Mutex<usize> = Mutex::new(0);
static RELEASED: Condvar = Condvar::new();

/// A thread that holds a connection. It is made before the thread, and dropped after the connection.
pub(super) struct Held(());

impl Held {
    pub(super) fn begin() -> Self {
        *HELD.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *HELD.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RELEASED.notify_all();
    }
}

/// Waits until every connection of this process is closed, or for so long: for the end of a process, when every [`super::Db`] is gone.
pub fn wait_until_closed(at_most: Duration) {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    drop(RELEASED.wait_timeout_while(held, at_most, |held| *held > 0));
}
