//! A set of tick or event numbers, kept as ranges: what a collector has, what an agent may forget. Knows no boot.
use alloc::vec::Vec;

use crate::TickRange;

/// A set of numbers as ascending ranges that do not touch: `3-5, 7-7`, never `3-5, 6-7`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickRanges {
    ranges: Vec<TickRange>,
}

impl TickRanges {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Adds every number of `range` and returns how many of them are new. A range whose last number lies below its
    /// first holds nothing.
    pub fn insert(&mut self, range: TickRange) -> u64 {
        if range.last < range.first {
            return 0;
        }
        let before = self.count();
        let from = self
            .ranges
            .partition_point(|known| known.last.saturating_add(1) < range.first);
        let to = self
            .ranges
            .partition_point(|known| known.first <= range.last.saturating_add(1));
        let mut merged = range;
        if let [first, ..] = &self.ranges[from..to] {
            merged.first = merged.first.min(first.first);
        }
        if let [.., last] = &self.ranges[from..to] {
            merged.last = merged.last.max(last.last);
        }
        self.ranges.splice(from..to, [merged]);
        self.count() - before
    }

    /// Takes every number of `range` out and returns how many of them were there.
    pub fn remove(&mut self, range: TickRange) -> u64 {
        if range.last < range.first {
            return 0;
        }
        let before = self.count();
        let from = self
            .ranges
            .partition_point(|known| known.last < range.first);
        let to = self
            .ranges
            .partition_point(|known| known.first <= range.last);
        let mut kept = Vec::with_capacity(2);
        if let Some(known) = self.ranges[from..to].first() {
            if known.first < range.first {
                kept.push(TickRange {
                    first: known.first,
                    last: range.first - 1,
                });
            }
        }
        if let Some(known) = self.ranges[from..to].last() {
            if known.last > range.last {
                kept.push(TickRange {
                    first: range.last + 1,
                    last: known.last,
                });
            }
        }
        self.ranges.splice(from..to, kept);
        before - self.count()
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.covers(TickRange {
            first: number,
            last: number,
        })
    }

    /// Whether every number of `range` is in the set.
    #[must_use]
    pub fn covers(&self, range: TickRange) -> bool {
        let at = self
            .ranges
            .partition_point(|known| known.last < range.first);
        range.last < range.first
            || self
                .ranges
                .get(at)
                .is_some_and(|known| known.first <= range.first && range.last <= known.last)
    }

    /// The numbers of `within` that are not in the set.
    #[must_use]
    pub fn missing(&self, within: TickRange) -> Self {
        let mut missing: Self = [within].into_iter().collect();
        for &known in &self.ranges {
            missing.remove(known);
        }
        missing
    }

    /// How many numbers are in the set (`u64::MAX` for all of them, too).
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges.iter().fold(0, |sum: u64, range| {
            sum.saturating_add((range.last - range.first).saturating_add(1))
        })
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[TickRange] {
        &self.ranges
    }

    /// The ranges, ascending, as they stand in an ack.
    #[must_use]
    pub fn into_vec(self) -> Vec<TickRange> {
        self.ranges
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TickRange> + '_ {
        self.ranges.iter().copied()
    }
}

impl Extend<TickRange> for TickRanges {
    fn extend<I: IntoIterator<Item = TickRange>>(&mut self, ranges: I) {
        for range in ranges {
            self.insert(range);
        }
    }
}

impl FromIterator<TickRange> for TickRanges {
    fn from_iter<I: IntoIterator<Item = TickRange>>(ranges: I) -> Self {
        let mut set = Self::new();
        set.extend(ranges);
        set
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut set = set(&[(3, 5), (9, 9)]);
        for (insert, new, expect) in [
            ((6, 6), 1, vec![(3, 6), (9, 9)]),
            ((4, 5), 0, vec![(3, 6), (9, 9)]),
            ((0, 1), 2, vec![(0, 1), (3, 6), (9, 9)]),
            ((8, 4), 0, vec![(0, 1), (3, 6), (9, 9)]),
            ((2, 8), 3, vec![(0, 9)]),
            ((12, 12), 1, vec![(0, 9), (12, 12)]),
        ] {
            assert_eq!(set.insert(range(insert)), new, "{insert:?}");
            assert_eq!(pairs(&set), expect, "{insert:?}");
        }
    }

    #[test]
    fn removing_the_middle_leaves_both_ends() {
        let mut set = set(&[(0, 9), (12, 20)]);
        for (remove, gone, expect) in [
            ((4, 6), 3, vec![(0, 3), (7, 9), (12, 20)]),
            ((10, 11), 0, vec![(0, 3), (7, 9), (12, 20)]),
            ((3, 13), 6, vec![(0, 2), (14, 20)]),
            ((5, 4), 0, vec![(0, 2), (14, 20)]),
            ((0, u64::MAX), 10, vec![]),
        ] {
            assert_eq!(set.remove(range(remove)), gone, "{remove:?}");
            assert_eq!(pairs(&set), expect, "{remove:?}");
        }
    }

    #[test]
    fn the_largest_numbers_are_numbers_too() {
        let mut set = set(&[(u64::MAX, u64::MAX), (0, 0)]);
        assert_eq!(set.insert(range((1, u64::MAX - 1))), u64::MAX - 2);
        assert_eq!(pairs(&set), [(0, u64::MAX)]);
        assert_eq!(set.count(), u64::MAX);
        set.remove(range((u64::MAX, u64::MAX)));
        assert_eq!(pairs(&set), [(0, u64::MAX - 1)]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let set = set(&[(2, 3), (5, 6)]);
        assert_eq!(pairs(&set.missing(range((0, 8)))), [(0, 1), (4, 4), (7, 8)]);
        assert!(set.missing(range((5, 6))).is_empty());
        assert!(set.covers(range((2, 3))) && !set.covers(range((3, 5))));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_of_single_numbers_holds(
            steps in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..12), 0..60),
        ) {
            let mut set = TickRanges::new();
            let mut model = BTreeSet::new();
            for (insert, first, length) in steps {
                let before = model.len();
                let last = first + length;
                if insert {
                    model.extend(first..=last);
                    prop_assert_eq!(set.insert(TickRange { first, last }) as usize, model.len() - before);
                } else {
                    model.retain(|number| !(first..=last).contains(number));
                    prop_assert_eq!(set.remove(TickRange { first, last }) as usize, before - model.len());
                }
                prop_assert_eq!(set.count() as usize, model.len());
                prop_assert!((0..80).all(|number| set.contains(number) == model.contains(&number)));
                prop_assert!(set.as_slice().windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
            }
        }
    }

    fn range((first, last): (u64, u64)) -> TickRange {
        TickRange { first, last }
    }

    fn set(ranges: &[(u64, u64)]) -> TickRanges {
        ranges.iter().map(|&pair| range(pair)).collect()
    }

    fn pairs(set: &TickRanges) -> Vec<(u64, u64)> {
        set.iter().map(|range| (range.first, range.last)).collect()
    }
}
