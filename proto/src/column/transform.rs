//! From values to small unsigned residuals and back. All arithmetic wraps, so that every `i64` comes back.
use alloc::vec::Vec;

/// What is coded instead of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    /// Heights above the least value, which is the head.
    Values,
    /// Distances from the median, signed. The head is the median.
    Centred,
    /// Differences, signed. The head is the first value.
    Deltas,
    /// Differences above the least difference. The head is the first value and that difference.
    Rises,
    /// Differences of the differences, signed. The head is the first value and the first difference.
    Bends,
    /// Places in a list of at most [`MAX_LISTED`] values, the most frequent first. The head is that list, its length
    /// before it.
    Listed,
}

/// A list is worth its bytes only while it is short, and a longer one's places would need Rice code's escape.
pub(super) const MAX_LISTED: usize = 12;

/// What a transform makes of values.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Numbers from which the values start, as many as [`Transform::heads`] says.
    pub(super) head: Vec<i64>,
    /// One for each of the other values.
    pub(super) residuals: Vec<u64>,
}

impl Transform {
    /// How many numbers stand in the head; `None` if the head itself says so.
    pub(super) fn heads(self) -> Option<usize> {
        match self {
            Self::Values | Self::Centred | Self::Deltas => Some(1),
            Self::Rises | Self::Bends => Some(2),
            Self::Listed => None,
        }
    }

    /// How many residuals stand for `values` values.
    pub(super) fn residuals(self, values: usize) -> usize {
        values.saturating_sub(match self {
            Self::Values | Self::Centred | Self::Listed => 0,
            Self::Deltas | Self::Rises => 1,
            Self::Bends => 2,
        })
    }

    /// Takes at least two values apart; `None` if there are too many to list.
    pub(super) fn split(self, values: &[i64]) -> Option<Parts> {
        let first = values.first().copied().unwrap_or(0);
        let (head, residuals) = match self {
            Self::Values => {
                let (base, heights) = above(values.iter().copied());
                (Vec::from([base]), heights)
            }
            Self::Centred => {
                let median = median(values);
                let distance = |value: &i64| zigzag(value.wrapping_sub(median));
                (Vec::from([median]), values.iter().map(distance).collect())
            }
            Self::Deltas => (
                Vec::from([first]),
                differences(values).map(zigzag).collect(),
            ),
            Self::Rises => {
                let (base, heights) = above(differences(values));
                (Vec::from([first, base]), heights)
            }
            Self::Bends => {
                let slope = differences(values).next().unwrap_or(0);
                let bend = |three: &[i64]| {
                    let (before, after) = (
                        three[1].wrapping_sub(three[0]),
                        three[2].wrapping_sub(three[1]),
                    );
                    zigzag(after.wrapping_sub(before))
                };
                (
                    Vec::from([first, slope]),
                    values.windows(3).map(bend).collect(),
                )
            }
            Self::Listed => {
                let listed = by_frequency(values)?;
                let place = |value| listed.iter().position(|known| known == value);
                let mut places = Vec::with_capacity(values.len());
                places.extend(values.iter().filter_map(place).map(|place| place as u64));
                (listed, places)
            }
        };
        Some(Parts { head, residuals })
    }

    /// Puts values together again; `None` if a place is not in the list.
    pub(super) fn join(self, head: &[i64], residuals: &[u64]) -> Option<Vec<i64>> {
        let listed = |place: &u64| head.get(usize::try_from(*place).ok()?).copied();
        let head = |at: usize| head.get(at).copied().unwrap_or(0);
        let raised = |base: i64| {
            let heights = residuals.iter();
            heights.map(move |height| base.wrapping_add(*height as i64))
        };
        let signed = || residuals.iter().map(|code| unzigzag(*code));
        Some(match self {
            Self::Values => raised(head(0)).collect(),
            Self::Centred => signed().map(|far| head(0).wrapping_add(far)).collect(),
            Self::Deltas => sums(head(0), signed()),
            Self::Rises => sums(head(0), raised(head(1))),
            Self::Bends => sums(head(0), sums(head(1), signed())),
            Self::Listed => {
                let mut values = Vec::with_capacity(residuals.len());
                for place in residuals {
                    values.push(listed(place)?);
                }
                values
            }
        })
    }
}

/// A signed number as an unsigned one, small when it is near 0: 0, -1, 1, -2 become 0, 1, 2, 3.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The inverse of [`zigzag`].
fn unzigzag(code: u64) -> i64 {
    (code >> 1) as i64 ^ -((code & 1) as i64)
}

fn differences(values: &[i64]) -> impl ExactSizeIterator<Item = i64> + Clone + '_ {
    values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]))
}

/// The different values, the most frequent first, or none if there are more than [`MAX_LISTED`].
fn by_frequency(values: &[i64]) -> Option<Vec<i64>> {
    let mut counts: Vec<(usize, i64)> = Vec::new();
    for value in values {
        match counts.iter().position(|(_, known)| known == value) {
            Some(at) => counts[at].0 += 1,
            None if counts.len() == MAX_LISTED => return None,
            None => counts.push((1, *value)),
        }
    }
    counts.sort_by_key(|(count, _)| core::cmp::Reverse(*count));
    Some(counts.into_iter().map(|(_, value)| value).collect())
}

fn median(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(values.len() / 2).copied().unwrap_or(0)
}

/// The least of the values, and how far each is above it.
fn above(values: impl ExactSizeIterator<Item = i64> + Clone) -> (i64, Vec<u64>) {
    let least = values.clone().min().unwrap_or(0);
    (least, values.map(|value| value.abs_diff(least)).collect())
}

/// `first`, and what it becomes after each of the differences.
fn sums(first: i64, differences: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut sum = first;
    let rest = differences.into_iter().map(|difference| {
        sum = sum.wrapping_add(difference);
        sum
    });
    core::iter::once(first).chain(rest).collect()
}
