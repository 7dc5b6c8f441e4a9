//! A fair queue: each share has its own FIFO queue, and the shares are served round-robin, so that no caller waits for
//! all the work of another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Identifies whose work it is: a caller's, or the system's own.
pub type Share = u128;

/// The share of work that belongs to no caller.
const SYSTEM: Share = 0;

tokio::task_local! {
    static SHARE: Share;
}

/// Runs `work` so that its requests to the slow lane count towards this share.
pub async fn as_share<F: Future>(share: Share, work: F) -> F::Output {
    SHARE.scope(share, work).await
}

/// Returns the share of the current task.
pub fn current_share() -> Share {
    SHARE.try_with(|share| *share).unwrap_or(SYSTEM)
}

/// The queue is full, for this share or in total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// First in, first out within a share; round-robin between shares. Any number of threads may put and take.
pub struct FairQueue<T> {
    state: Mutex<State<T>>,
    /// Signals that an item was added or the queue was closed.
    changed: Condvar,
    max_in_all: usize,
    max_per_share: usize,
}

struct State<T> {
    waiting: HashMap<Share, VecDeque<T>>,
    /// The shares that have pending items, the next one first.
    turns: VecDeque<Share>,
    count: usize,
    closed: bool,
}

impl<T> FairQueue<T> {
    pub fn new(max_in_all: usize, max_per_share: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: HashMap::new(),
                turns: VecDeque::new(),
                count: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            max_in_all,
            max_per_share,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item to its share's queue.
    pub fn put(&self, share: Share, item: T) -> Result<(), Full> {
        let mut state = self.state();
        if state.count >= self.max_in_all {
            return Err(Full);
        }
        let queue = state.waiting.entry(share).or_default();
        if queue.len() >= self.max_per_share {
            return Err(Full);
        }
        queue.push_back(item);
        if queue.len() == 1 {
            state.turns.push_back(share);
        }
        state.count += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next item; returns `None` once the queue is closed and empty.
    pub fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(item) = state.next() {
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes the queue: takers return once the pending items have been taken.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

impl<T> State<T> {
    fn next(&mut self) -> Option<T> {
        let share = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&share)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&share);
        } else {
            self.turns.push_back(share);
        }
        self.count -= usize::from(item.is_some());
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_take_turns_and_each_keeps_its_order() {
        let queue = FairQueue::new(100, 50);
        for number in 0..40 {
            queue.put(1, (1, number)).unwrap();
        }
        queue.put(2, (2, 0)).unwrap();
        queue.put(3, (3, 0)).unwrap();
        queue.put(2, (2, 1)).unwrap();
        let taken: Vec<_> = (0..7).map(|_| queue.take().unwrap()).collect();
        assert_eq!(taken, [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2), (1, 3)]);
    }

    #[test]
    fn a_share_that_is_full_leaves_room_for_others() {
        let queue = FairQueue::new(4, 2);
        for (share, fits) in [(1, true), (1, true), (1, false), (2, true), (3, true), (4, false)] {
            assert_eq!(queue.put(share, ()).is_ok(), fits, "{share}");
        }
        queue.take().unwrap();
        queue.put(1, ()).unwrap();
    }

    #[test]
    fn what_waits_when_it_is_closed_is_still_taken() {
        let queue = FairQueue::new(4, 4);
        queue.put(1, 7).unwrap();
        queue.close();
        assert_eq!((queue.take(), queue.take()), (Some(7), None));
    }

    #[tokio::test]
    async fn work_belongs_to_the_share_it_is_run_as() {
        assert_eq!(current_share(), SYSTEM);
        let inner = as_share(7, async {
            (current_share(), as_share(8, async { current_share() }).await)
        });
        assert_eq!(inner.await, (7, 8));
    }
}
