//! Which Pis are begun, and whose signatures are made together.
use picket_proto::{Command, DeviceId, command::MAX_TARGETS};

use super::Roll;
use crate::operate::{
    order::Signing,
    pi::{Phase, Pi},
    turn::Action,
};

/// With [`Signing::Together`], how long the nonces of the others are waited for, in ms.
const GATHER_MS: u64 = 2_000;

impl Roll {
    pub(super) fn has_room(&self) -> bool {
        let in_flight = self.pis.iter().filter(|pi| pi.is_in_flight()).count();
        match self.pace.signing {
            Signing::Each => in_flight < self.pace.max_in_flight.max(1),
            Signing::Together => in_flight == 0,
        }
    }

    pub(super) fn begin(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        if self.is_halted {
            return;
        }
        let wave = self.pace.max_in_flight.clamp(1, MAX_TARGETS);
        let mut begun = 0;
        while let Some(at) = self.next_to_begin() {
            let is_in_this_wave =
                self.pace.signing == Signing::Together && (1..wave).contains(&begun);
            let is_its_turn = self.has_room() && self.is_time(now_ms);
            if !(is_in_this_wave || is_its_turn) {
                return;
            }
            begun += 1;
            self.begun_ms = Some(now_ms);
            let device = self.pis[at].device;
            self.one(device, now_ms, out, |pi, turn| {
                pi.begin(turn);
                pi.tick(turn);
            });
        }
    }

    fn is_time(&self, now_ms: u64) -> bool {
        self.begun_ms
            .is_none_or(|ms| now_ms >= ms.saturating_add(self.pace.stagger_ms))
    }

    fn next_to_begin(&self) -> Option<usize> {
        let mut pis = self.pis.iter();
        pis.position(|pi| *pi.phase() == Phase::Waiting)
    }

    /// Asks for the signatures that can be made now.
    pub(super) fn sign(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        let is_ready = |pi: &&Pi| matches!(pi.phase(), Phase::Ready(_));
        if !self.pis.iter().any(|pi| is_ready(&pi)) {
            self.gather_ms = None;
            return;
        }
        if self.pace.signing == Signing::Each {
            let ready: Vec<_> = self
                .pis
                .iter()
                .filter(is_ready)
                .map(|pi| pi.device)
                .collect();
            for device in ready {
                self.request(&[device], now_ms, out);
            }
            return;
        }
        let until_ms = *self.gather_ms.get_or_insert(now_ms + GATHER_MS);
        if now_ms < until_ms && self.pis.iter().any(Pi::is_expected) {
            return;
        }
        self.gather_ms = None;
        let ready = self.pis.iter().filter(is_ready).map(|pi| pi.device);
        let ready: Vec<_> = ready.take(MAX_TARGETS).collect();
        self.request(&ready, now_ms, out);
    }

    fn request(&mut self, devices: &[DeviceId], now_ms: u64, out: &mut Vec<Action>) {
        let number = self.next_number;
        self.next_number += 1;
        let mut targets = Vec::new();
        for device in devices {
            self.one(*device, now_ms, out, |pi, turn| {
                if let Some(target) = pi.target(turn) {
                    targets.push(target);
                    pi.signing(number);
                }
            });
        }
        let order = &self.order;
        let command = Command {
            operation: order.operation,
            targets,
            actor: order.actor.clone(),
            on_behalf_of: order.on_behalf_of.clone(),
            reason: order.reason.clone(),
            action: order.action.clone(),
        };
        out.push(Action::Sign { number, command });
    }
}
