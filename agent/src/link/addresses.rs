//! In which order the broker's addresses are tried: IPv6 and IPv4 in turn, the one that worked last first. Pure.
use std::net::SocketAddr;

/// At most this many addresses of a broker are tried.
const MOST: usize = 8;

/// The addresses, kept for the time when the name can't be resolved.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: Vec<SocketAddr>,
    good: Option<SocketAddr>,
}

impl Addresses {
    /// Takes what resolving found; nothing found changes nothing.
    pub(super) fn resolved(&mut self, found: Vec<SocketAddr>) {
        if !found.is_empty() {
            self.known = in_turn(found);
        }
    }

    /// This one worked.
    pub(super) fn worked(&mut self, address: SocketAddr) {
        self.good = Some(address);
    }

    /// Every address once, in the order to try them.
    pub(super) fn round(&self) -> Vec<SocketAddr> {
        let mut round = self.known.clone();
        round.sort_by_key(|address| Some(*address) != self.good);
        round
    }
}

/// IPv6, IPv4, IPv6 ..., each in the order that was given.
fn in_turn(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv6);
    let longest = six.len().max(four.len());
    (0..longest)
        .flat_map(|n| [six.get(n).copied(), four.get(n).copied()])
        .flatten()
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_good_address_leads() {
        let four: Vec<SocketAddr> = (1..=3).map(|n| ([192, 0, 2, n], 1883).into()).collect();
        let six: Vec<SocketAddr> = (1..=2)
            .map(|n| ([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 1883).into())
            .collect();
        let mut addresses = Addresses::default();
        assert!(addresses.round().is_empty());
        addresses.resolved([&four[..], &six[..]].concat());
        assert_eq!(
            addresses.round(),
            [six[0], four[0], six[1], four[1], four[2]]
        );
        addresses.worked(four[1]);
        assert_eq!(
            addresses.round(),
            [four[1], six[0], four[0], six[1], four[2]]
        );
        addresses.resolved(Vec::new());
        assert_eq!(
            addresses.round().len(),
            5,
            "a name that can't be resolved leaves the known addresses"
        );
        addresses.resolved(vec![four[2]]);
        assert_eq!(addresses.round(), [four[2]]);
    }

    #[test]
    fn a_name_with_a_hundred_addresses_costs_eight_tries() {
        let mut addresses = Addresses::default();
        addresses.resolved((0..100).map(|n| ([192, 0, 2, n], 1883).into()).collect());
        assert_eq!(addresses.round().len(), MOST);
    }
}
