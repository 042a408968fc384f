//! When in a window a device flushes: at an offset that is a hash of its id, so that a shelf of 108 Pis that were powered
//! on together never speaks in one moment. Knows no batches.
use picket_proto::DeviceId;

/// A device's place in every window.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlushSlot {
    window_ms: u64,
    offset_ms: u64,
}

impl FlushSlot {
    pub(super) fn new(device: DeviceId, window_ms: u32) -> Self {
        let window_ms = u64::from(window_ms.max(1));
        Self {
            window_ms,
            offset_ms: hash(&device.0) % window_ms,
        }
    }

    /// The first flush after `now_ms`.
    pub(super) fn next(&self, now_ms: u64) -> u64 {
        let phase = (now_ms % self.window_ms + self.window_ms - self.offset_ms) % self.window_ms;
        now_ms.saturating_add(self.window_ms - phase)
    }
}

/// FNV-1a, 64 bits, and the finalizer of SplitMix64: ids of one delivery differ in few bits, and the low bits of plain
/// FNV-1a show it.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_are_one_window_apart_and_lie_ahead() {
        for window in [1, 7, 60_000, 300_000] {
            let slot = FlushSlot::new(DeviceId([7; 8]), window);
            for now in [0, 1, 59_999, 60_000, 123_456_789] {
                let next = slot.next(now);
                assert!(next > now && next <= now + u64::from(window), "{now}");
                assert_eq!(slot.next(next), next + u64::from(window), "{now}");
                assert_eq!(slot.next(next - 1), next, "{now}");
            }
        }
    }

    #[test]
    fn a_shelf_is_spread_over_the_window() {
        let serials: [fn(u64) -> u64; 3] = [
            |pi| 0x1000_0000 + pi,
            |pi| pi << 8,
            |pi| 0xa1b2_c3d4 + 16 * pi,
        ];
        for serial in serials {
            let mut tenths = [0; 10];
            let mut seconds = [0; 60];
            for pi in 0..108 {
                let device = DeviceId(serial(pi).to_be_bytes());
                let at = FlushSlot::new(device, 60_000).next(0) % 60_000;
                tenths[at as usize / 6_000] += 1;
                seconds[at as usize / 1_000] += 1;
            }
            assert!(tenths.iter().all(|n| (2..=24).contains(n)), "{tenths:?}");
            assert!(seconds.iter().all(|&n| n <= 8), "{seconds:?}");
        }
    }
}
