//! Places for tables: so many in all, and so few of one caller that it cannot keep out the others.

use std::sync::Arc;

use qiaojian_shared::db::Share;

use crate::under_way::{One, UnderWay};

/// Who may have the bytes of a table in memory.
#[derive(Debug)]
pub struct Uploads {
    held: Arc<UnderWay<Share>>,
    in_all: usize,
    per_caller: usize,
}

/// A place that is taken.
pub type Upload = One<Share>;

impl Uploads {
    pub fn new(in_all: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Self {
            held: Arc::default(),
            in_all,
            per_caller,
        })
    }

    /// A place for a table of this caller, if there is one; it is free again when what is given is dropped.
    pub fn take(&self, caller: Share) -> Option<Upload> {
        self.held.begin_if(caller, |held| {
            let of_caller = held.get(&caller).copied().unwrap_or(0);
            of_caller < self.per_caller && held.values().sum::<usize>() < self.in_all
        })
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
    }
}
