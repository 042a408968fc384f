//! Repeatable randomness: the same seed gives the same numbers on every machine (whole numbers, and sums and products of
//! doubles, which IEEE 754 fixes; no library function of `f64` is used).

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True once in `1 / probability` times.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped about 0 with standard deviation 1: the sum of twelve even numbers.
    pub(super) fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// How many of many rare things happen, `mean` on average: geometric gaps added up, as arrivals come in small
    /// clumps.
    pub(super) fn arrivals(&mut self, mean: f64) -> u32 {
        let spread = mean + self.bell() * square_root(mean);
        let floor = spread.max(0.0);
        floor as u32 + u32::from(self.chance(floor - floor as u32 as f64))
    }

    /// A waiting time with that mean and a long tail, as queues have: a product of two even numbers' sums.
    pub(super) fn tailed(&mut self, mean: f64) -> f64 {
        let stretch = self.unit() + self.unit();
        let mut time = mean * stretch;
        // Each time a waiter finds another before it: half of the rest waits on.
        while self.chance(0.12) {
            time += mean * 2.0 * self.unit();
        }
        time * 0.85
    }
}

/// Newton's method: the same digits everywhere.
pub(super) fn square_root(number: f64) -> f64 {
    let mut root = number.max(1e-9);
    for _ in 0..40 {
        root = 0.5 * (root + number / root);
    }
    if number <= 0.0 { 0.0 } else { root }
}
