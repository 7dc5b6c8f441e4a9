//! Upload slots for tables, limited in total and per caller. When no slot is free, a slow upload is cancelled, so that
//! nobody can block others by sending slowly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use qiaojian_sheets::MOST_BYTES;
use qiaojian_store::db::Share;
use tokio_util::sync::CancellationToken;

use crate::under_way::{Counts, One, UnderWay};

/// Maximum time for a table to arrive. For 8 MiB this requires about half a megabit per second.
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(120);
/// Time after which the transfer rate of an upload is assessed.
const JUDGED_AFTER: Duration = Duration::from_secs(10);

/// Limits how many uploaded table files are held in memory.
#[derive(Debug)]
pub struct Uploads {
    held: Arc<UnderWay<Share>>,
    arriving: Mutex<Vec<Arc<Arrival>>>,
    in_all: usize,
    per_caller: usize,
}

/// An occupied slot.
pub type Upload = One<Share>;

/// The progress of an upload.
#[derive(Debug)]
struct Arrival {
    caller: Share,
    begun: Instant,
    bytes: AtomicUsize,
    /// `None` once the upload was cancelled in favour of another.
    place: Mutex<Option<Upload>>,
    gave_way: CancellationToken,
}

impl Arrival {
    /// Returns the transfer rate in bytes per second.
    fn rate(&self, now: Instant) -> u128 {
        let bytes = u128::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(u128::MAX);
        let millis = now.saturating_duration_since(self.begun).as_millis().max(1);
        bytes.saturating_mul(1000) / millis
    }

    /// Whether the upload is so slow that a table of the maximum size would not arrive in time.
    fn is_slow(&self, now: Instant) -> bool {
        let slowest = u128::try_from(MOST_BYTES).unwrap_or(u128::MAX) / u128::from(ARRIVES_WITHIN.as_secs());
        now.saturating_duration_since(self.begun) >= JUDGED_AFTER && self.rate(now) < slowest
    }

    fn place(&self) -> MutexGuard<'_, Option<Upload>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uploads {
    pub fn new(in_all: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Self {
            held: Arc::default(),
            arriving: Mutex::default(),
            in_all,
            per_caller,
        })
    }

    fn arriving(&self) -> MutexGuard<'_, Vec<Arc<Arrival>>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a slot for a new upload of this caller if one is free or another upload can be cancelled.
    pub fn begin(self: &Arc<Self>, caller: Share, now: Instant) -> Option<Arriving> {
        let mut arriving = self.arriving();
        let mut counts = Counts::new();
        let place = self
            .held
            .begin_if(caller, |held| {
                let fits = self.fits(held, caller);
                counts.clone_from(held);
                fits
            })
            .or_else(|| {
                let index = self.which_gives_way(&arriving, &counts, caller, now)?;
                let slowest = arriving.swap_remove(index);
                slowest.place().take();
                slowest.gave_way.cancel();
                self.held.begin_if(caller, |held| self.fits(held, caller))
            })?;
        let arrival = Arc::new(Arrival {
            caller,
            begun: now,
            bytes: AtomicUsize::new(0),
            place: Mutex::new(Some(place)),
            gave_way: CancellationToken::new(),
        });
        arriving.push(Arc::clone(&arrival));
        Some(Arriving {
            uploads: Arc::clone(self),
            arrival,
        })
    }

    fn fits(&self, held: &Counts<Share>, caller: Share) -> bool {
        let of_caller = held.get(&caller).copied().unwrap_or(0);
        of_caller < self.per_caller && held.values().sum::<usize>() < self.in_all
    }

    /// Returns the index of the slowest upload that can be cancelled in favour of `caller`. Candidates are uploads of
    /// callers who would still have at least as many slots as `caller`, and uploads that are too slow.
    fn which_gives_way(
        &self,
        arriving: &[Arc<Arrival>],
        held: &Counts<Share>,
        caller: Share,
        now: Instant,
    ) -> Option<usize> {
        let places = |caller: Share| held.get(&caller).copied().unwrap_or(0);
        if places(caller) >= self.per_caller {
            return None;
        }
        let gives_way = |one: &Arrival| places(one.caller) > places(caller) + 1 || one.is_slow(now);
        let slowest = arriving
            .iter()
            .enumerate()
            .filter(|(_, one)| gives_way(one))
            .min_by_key(|(_, one)| one.rate(now));
        slowest.map(|(index, _)| index)
    }
}

/// An upload in progress.
#[derive(Debug)]
pub struct Arriving {
    uploads: Arc<Uploads>,
    arrival: Arc<Arrival>,
}

impl Arriving {
    /// Records that `bytes` more bytes have arrived.
    pub fn received(&self, bytes: usize) {
        self.arrival.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Waits until this upload is cancelled in favour of another.
    pub async fn gave_way(&self) {
        self.arrival.gave_way.cancelled().await;
    }

    /// Marks the upload as complete. It keeps its slot until the returned value is dropped. Returns `None` if the
    /// upload was just cancelled.
    pub fn arrived(self) -> Option<Upload> {
        let _arriving = self.uploads.arriving();
        self.arrival.place().take()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.uploads
            .arriving()
            .retain(|one| !Arc::ptr_eq(one, &self.arrival));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gave_way(arriving: &Arriving) -> bool {
        arriving.arrival.gave_way.is_cancelled()
    }

    #[test]
    fn one_caller_leaves_places_for_others() {
        let (uploads, now) = (Uploads::new(3, 2), Instant::now());
        let (first, second) = (uploads.begin(1, now), uploads.begin(1, now));
        assert!(first.is_some() && second.is_some());
        assert!(uploads.begin(1, now).is_none(), "its share");
        let other = uploads.begin(2, now);
        assert!(other.is_some());
        assert!(uploads.begin(2, now).is_none(), "all there are");
        drop(first);
        assert!(uploads.begin(2, now).is_some(), "who is done makes room");
    }

    #[test]
    fn who_has_most_gives_way_to_who_has_none() {
        let (uploads, now) = (Uploads::new(3, 2), Instant::now());
        let (fast, slow) = (uploads.begin(1, now).unwrap(), uploads.begin(1, now).unwrap());
        let other = uploads.begin(2, now).unwrap();
        fast.received(10);
        let third = uploads.begin(3, now).unwrap();
        assert!(gave_way(&slow) && !gave_way(&fast) && !gave_way(&other));
        assert!(slow.arrived().is_none());
        assert!(
            uploads.begin(4, now).is_none(),
            "each has one, and it is too early to judge"
        );
        drop((fast, other, third));
        assert!(uploads.arriving().is_empty());
    }

    #[test]
    fn what_comes_too_slowly_gives_way_but_not_what_is_there() {
        let (uploads, begun) = (Uploads::new(2, 1), Instant::now());
        let (one, other) = (uploads.begin(1, begun).unwrap(), uploads.begin(2, begun).unwrap());
        other.received(MOST_BYTES);
        let later = begun + JUDGED_AFTER;
        let third = uploads.begin(3, later).unwrap();
        assert!(gave_way(&one) && !gave_way(&other));
        let (there, also) = (other.arrived(), third.arrived());
        assert!(there.is_some() && also.is_some());
        assert!(uploads.begin(4, later + ARRIVES_WITHIN).is_none());
        drop(there);
        assert!(uploads.begin(4, later).is_some());
    }
}
