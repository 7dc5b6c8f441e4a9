//! Places for tables: so many in all, and so few of one caller that it cannot keep out the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qiaojian_shared::db::Share;

/// Who may have the bytes of a table in memory.
#[derive(Debug)]
pub struct Uploads {
    held: Mutex<HashMap<Share, usize>>,
    in_all: usize,
    per_caller: usize,
}

impl Uploads {
    pub fn new(in_all: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            in_all,
            per_caller,
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Share, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a table of this caller, if there is one; it is free again when what is given is dropped.
    pub fn take(self: &Arc<Self>, caller: Share) -> Option<Upload> {
        let mut held = self.held();
        let of_caller = held.get(&caller).copied().unwrap_or(0);
        if of_caller >= self.per_caller || held.values().sum::<usize>() >= self.in_all {
            return None;
        }
        held.insert(caller, of_caller + 1);
        Some(Upload {
            uploads: Arc::clone(self),
            caller,
        })
    }
}

/// A place that is taken.
#[derive(Debug)]
pub struct Upload {
    uploads: Arc<Uploads>,
    caller: Share,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut held = self.uploads.held();
        match held.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = held.remove(&self.caller),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_leaves_places_for_others() {
        let uploads = Uploads::new(3, 2);
        let (first, second) = (uploads.take(1), uploads.take(1));
        assert!(first.is_some() && second.is_some());
        assert!(uploads.take(1).is_none(), "its share");
        let other = uploads.take(2);
        assert!(other.is_some());
        assert!(uploads.take(3).is_none(), "all there are");
        drop(first);
        assert!(uploads.take(3).is_some(), "who is done makes room");
        drop((second, other));
        assert!(uploads.held().is_empty());
    }
}
