//! Random numbers that come again with their seed, and the numbers that the environment may set. It knows no test.
use std::env;

/// SplitMix64.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What gives the same numbers again from here.
    pub fn seed(&self) -> u64 {
        self.0
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from((z >> 32) as u32) / f64::from(u32::MAX)
    }
}

/// The number that an environment variable holds, else this one.
pub fn setting(name: &str, default: u64) -> u64 {
    let value = env::var(name).ok();
    value.map_or(default, |value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number"))
    })
}
