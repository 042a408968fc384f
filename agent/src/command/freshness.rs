//! What makes a command fresh without a clock: the nonce that it must carry, and how often one may ask for it. Knows no
//! signature and no action.
use picket_proto::{BootId, Nonce, Ping, Pong};

use crate::bucket::Bucket;

/// Where nonces come from: 16 random bytes, or `None` while the kernel has none to give.
pub type Entropy = Box<dyn FnMut() -> Option<[u8; 16]>>;

/// Answers to pings: eight at once, then one in a second.
const PONGS: Bucket = Bucket::new(8, 1_000);

/// The nonce that the next command must carry.
pub(super) struct Freshness {
    boot: BootId,
    nonce: Option<Nonce>,
    entropy: Entropy,
    pongs: Bucket,
}

impl Freshness {
    pub(super) fn new(boot: BootId, mut entropy: Entropy) -> Self {
        Self {
            boot,
            nonce: entropy().map(Nonce),
            entropy,
            pongs: PONGS,
        }
    }

    /// The answer to a ping; `None` when too many came, or while there is no nonce to tell.
    pub(super) fn pong(&mut self, ping: Ping, now_ms: u64) -> Option<Pong> {
        if !self.pongs.take(now_ms) {
            return None;
        }
        if self.nonce.is_none() {
            self.consume();
        }
        Some(Pong {
            token: ping.token,
            nonce: self.nonce?,
            boot: self.boot,
            boottime_ms: now_ms,
        })
    }

    /// Whether a command that carries this nonce is fresh.
    pub(super) fn is_current(&self, nonce: Nonce) -> bool {
        self.nonce == Some(nonce)
    }

    /// Takes another nonce; what carries the one before is stale from now on, even when there is no other.
    pub(super) fn consume(&mut self) {
        let before = self.nonce.take();
        self.nonce = (self.entropy)()
            .map(Nonce)
            .filter(|new| Some(*new) != before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId([1; 16]);
    const PING: Ping = Ping { token: 7 };

    fn counting() -> Freshness {
        let mut count = 0;
        let entropy = move || {
            count += 1;
            Some([count; 16])
        };
        Freshness::new(BOOT, Box::new(entropy))
    }

    #[test]
    fn a_nonce_holds_until_it_is_consumed() {
        let mut freshness = counting();
        let first = freshness.pong(PING, 5).unwrap();
        assert_eq!((first.token, first.boot, first.boottime_ms), (7, BOOT, 5));
        assert_eq!(freshness.pong(PING, 6).unwrap().nonce, first.nonce);
        assert!(freshness.is_current(first.nonce));
        freshness.consume();
        assert!(!freshness.is_current(first.nonce));
        let second = freshness.pong(PING, 7).unwrap().nonce;
        assert!(freshness.is_current(second));
    }

    #[test]
    fn without_randomness_no_nonce_is_current() {
        let mut given = [None, Some([1; 16]), Some([1; 16]), None, Some([2; 16])].into_iter();
        let entropy = move || given.next().expect("asked too often");
        let mut freshness = Freshness::new(BOOT, Box::new(entropy));
        assert!(!freshness.is_current(Nonce([0; 16])));
        let nonce = freshness.pong(PING, 0).unwrap().nonce;
        assert_eq!(nonce, Nonce([1; 16]));
        // The same bytes again would make the consumed nonce good again.
        freshness.consume();
        assert!(!freshness.is_current(nonce));
        assert_eq!(freshness.pong(PING, 1), None);
        assert_eq!(freshness.pong(PING, 2).unwrap().nonce, Nonce([2; 16]));
    }

    #[test]
    fn pings_are_answered_eight_at_once_and_then_one_a_second() {
        let mut freshness = counting();
        for (now, answers) in [
            (10_000, 8),
            (10_500, 0),
            (11_000, 1),
            (13_000, 2),
            (60_000, 8),
        ] {
            let answered = (0..20).filter(|_| freshness.pong(PING, now).is_some());
            assert_eq!(answered.count(), answers, "at {now}");
        }
    }
}
