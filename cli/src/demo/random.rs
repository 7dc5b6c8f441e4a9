//! Reproducible random numbers, so that the demo is the same campaign on every machine.

/// A SplitMix64 generator. It is short and good enough to scatter demo data, but not for secrets.
pub struct Random(u64);

impl Random {
    /// Returns the generator of one part of the plan. Each part has its own, so that a change in one does not affect
    /// the others.
    pub fn of(part: &str) -> Self {
        // FNV-1a distributes the labels.
        let seed = part.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed)
    }

    /// Returns the seed, a number derived from the part's name.
    pub fn seed(&self) -> u64 {
        self.0
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` to `high`, inclusive.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        let step = self.next() % width;
        low + u32::try_from(step).unwrap_or(0)
    }

    /// Returns `true` with a probability of `percent` percent.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }

    /// Returns one of `items`, or `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u32::try_from(items.len().checked_sub(1)?).ok()?;
        items.get(self.between(0, last) as usize)
    }

    /// Shuffles `items`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.between(0, u32::try_from(last).unwrap_or(0));
            items.swap(last, other as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_part_draws_the_same() {
        let draw = |part| {
            let mut random = Random::of(part);
            (0..8).map(|_| random.between(1, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw("villages"), draw("villages"));
        assert_ne!(draw("villages"), draw("townships"));
    }

    #[test]
    fn it_stays_within_bounds_and_loses_nothing() {
        let mut random = Random::of("bounds");
        assert!((0..1000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.pick::<u8>(&[]), None);
        let mut items: Vec<_> = (0..50).collect();
        random.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
