//! Counters of what is in progress in this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qiaojian_domain::ids::TokenId;

/// The number of items in progress, by key.
pub type Counts<K> = HashMap<K, usize>;

/// The requests with an idempotency key that are in progress in this process, by client and digest of the key.
pub type KeyedRequests = UnderWay<(TokenId, String)>;

/// Counts the items in progress of each key.
#[derive(Debug)]
pub struct UnderWay<K: Eq + Hash>(Mutex<Counts<K>>);

impl<K: Eq + Hash> Default for UnderWay<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> UnderWay<K> {
    fn counts(&self) -> MutexGuard<'_, Counts<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item of this key, which is counted until the returned value is dropped.
    pub fn begin(self: &Arc<Self>, of: K) -> One<K> {
        *self.counts().entry(of.clone()).or_insert(0) += 1;
        One {
            all: Arc::clone(self),
            of,
        }
    }

    /// Adds an item if `admits` accepts the current counts. Check and addition are atomic.
    pub fn begin_if(self: &Arc<Self>, of: K, admits: impl FnOnce(&Counts<K>) -> bool) -> Option<One<K>> {
        let mut counts = self.counts();
        if !admits(&counts) {
            return None;
        }
        *counts.entry(of.clone()).or_insert(0) += 1;
        Some(One {
            all: Arc::clone(self),
            of,
        })
    }
}

/// An item in progress, until it is dropped.
#[derive(Debug)]
pub struct One<K: Eq + Hash> {
    all: Arc<UnderWay<K>>,
    of: K,
}

impl<K: Eq + Hash + Clone> One<K> {
    /// Whether another item of the same key is in progress.
    pub fn has_twin(&self) -> bool {
        self.all.counts().get(&self.of).is_some_and(|count| *count > 1)
    }
}

impl<K: Eq + Hash> Drop for One<K> {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = counts.remove(&self.of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_twin_while_another_of_its_key_is_under_way() {
        let under_way = Arc::new(UnderWay::default());
        let one = under_way.begin("a");
        let other = under_way.begin("b");
        assert!(!one.has_twin() && !other.has_twin());
        let twin = under_way.begin("a");
        assert!(one.has_twin() && twin.has_twin() && !other.has_twin());
        drop(one);
        assert!(!twin.has_twin());
        drop((twin, other));
        assert!(under_way.counts().is_empty());
    }

    #[test]
    fn what_is_not_admitted_is_not_counted() {
        let under_way = Arc::new(UnderWay::default());
        let one = under_way.begin_if(1, |counts| counts.is_empty());
        assert!(one.is_some());
        assert!(under_way.begin_if(2, |counts| counts.is_empty()).is_none());
        drop(one);
        assert!(under_way.begin_if(2, |counts| counts.is_empty()).is_some());
    }
}
