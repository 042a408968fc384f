//! Bits in and out of bytes, the highest bit of each byte first. Knows nothing of readings.
use alloc::vec::Vec;

/// Writes bits after the bytes that are there already; what remains of the last byte is 0.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Free bits in the last byte of `out`.
    free: u32,
}

/// Reads bits; the end of the bytes is `None`.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits that were read.
    at: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, free: 0 }
    }

    /// Writes the lowest `width` (0 to 64) bits of `value`.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        let mut left = width;
        while left > 0 {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            left -= take;
            self.free -= take;
            let part = (value >> left) & low_mask(take);
            if let Some(last) = self.out.last_mut() {
                *last |= (part << self.free) as u8;
            }
        }
    }

    /// Writes `count` ones and a zero.
    pub(super) fn put_unary(&mut self, count: u32) {
        for _ in 0..count {
            self.put(1, 1);
        }
        self.put(0, 1);
    }

    /// Writes a number from 1 in Elias' gamma code: one bit for 1, three for 2 and 3, five for 4 to 7.
    pub(super) fn put_gamma(&mut self, number: u64) {
        let width = number.max(1).ilog2();
        self.put_unary(width);
        self.put(number, width);
    }
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `width` (0 to 64) bits.
    pub(super) fn take(&mut self, width: u32) -> Option<u64> {
        if width as usize > self.bytes.len() * 8 - self.at {
            return None;
        }
        let mut value = 0;
        let mut left = width;
        while left > 0 {
            let free = 8 - (self.at % 8) as u32;
            let take = left.min(free);
            let byte = u64::from(self.bytes[self.at / 8]);
            value = (value << take) | ((byte >> (free - take)) & low_mask(take));
            left -= take;
            self.at += take as usize;
        }
        Some(value)
    }

    /// Counts ones up to the next zero, or up to `limit` of them.
    pub(super) fn take_unary(&mut self, limit: u32) -> Option<u32> {
        for count in 0..limit {
            if self.take(1)? == 0 {
                return Some(count);
            }
        }
        Some(limit)
    }

    /// A number in Elias' gamma code.
    pub(super) fn take_gamma(&mut self) -> Option<u64> {
        let width = self.take_unary(u64::BITS)?;
        let high = 1u64.checked_shl(width)?;
        Some(high | self.take(width)?)
    }

    /// The length of a run from 0 to `limit`, which stands in gamma code plus one.
    pub(super) fn take_run(&mut self, limit: usize) -> Option<usize> {
        let run = usize::try_from(self.take_gamma()? - 1).ok()?;
        (run <= limit).then_some(run)
    }

    /// Whether only zero bits of the last byte are left.
    pub(super) fn is_at_end(&mut self) -> bool {
        let left = self.bytes.len() * 8 - self.at;
        left < 8 && self.take(left as u32) == Some(0)
    }
}

/// How many bits [`BitWriter::put_gamma`] takes.
pub(super) fn gamma_bits(number: u64) -> u64 {
    2 * u64::from(number.max(1).ilog2()) + 1
}

fn low_mask(width: u32) -> u64 {
    (1 << width) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_highest_first() {
        let mut out = Vec::from([0xAA]);
        let mut bits = BitWriter::new(&mut out);
        bits.put(0b101, 3);
        bits.put_unary(3);
        bits.put_gamma(5);
        bits.put(u64::MAX, 64);
        assert_eq!(out[..3], [0xAA, 0b1011_1101, 0b1001_1111]);
        let mut bits = BitReader::new(&out[1..]);
        assert_eq!(bits.take(3), Some(5));
        assert_eq!(bits.take_unary(8), Some(3));
        assert_eq!(bits.take_gamma(), Some(5));
        assert_eq!(bits.take(64), Some(u64::MAX));
        assert!(bits.is_at_end());
        assert_eq!(bits.take(8), None);
    }

    #[test]
    fn a_one_in_the_padding_is_no_end() {
        for (byte, read, end) in [
            (0b1010_0000, 3, true),
            (0b1010_0001, 3, false),
            (0, 0, false),
        ] {
            let bytes = [byte];
            let mut bits = BitReader::new(&bytes);
            bits.take(read);
            assert_eq!(bits.is_at_end(), end, "{byte:#b}");
        }
    }
}
