//! Counts the threads that hold a connection, so that the process does not exit while one is being closed: OpenSSL
//! frees its state at process exit, and a thread that is closing its connection at that moment would use freed memory.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

static HELD: Mutex<usize> = Mutex::new(0);
static RELEASED: Condvar = Condvar::new();

/// Represents a thread that holds a connection. Created before the thread, and dropped after the connection.
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

/// Waits until every connection of this process is closed, or until the timeout expires. Call it at process exit, when
/// every [`super::Db`] has been dropped.
pub fn wait_until_closed(at_most: Duration) {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    drop(RELEASED.wait_timeout_while(held, at_most, |held| *held > 0));
}
