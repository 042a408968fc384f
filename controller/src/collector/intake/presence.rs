//! A presence: whether a connection is up, unless a later one is known. Knows no other kind of message.
use picket_proto::Presence;

use super::Intake;
use crate::collector::{Refusal, Update};

impl Intake<'_> {
    pub(super) fn presence(&mut self, presence: Presence) -> Result<(), Refusal> {
        let other_boot_is_up = self
            .device
            .presence
            .is_some_and(|known| known.online && known.boot != presence.boot);
        let frame = self.arrival.frame;
        let boot = self
            .device
            .boot_mut(presence.boot, frame, self.settings, self.updates);
        let said = (presence.connection, presence.online);
        // Within a connection it is first up and then gone, never up again.
        let is_stale = boot.connection.is_some_and(|(number, up)| {
            said.0 < number || said == (number, up) || (said.0 == number && !up)
        });
        if is_stale {
            return Ok(());
        }
        boot.connection = Some(said);
        if !presence.online && other_boot_is_up {
            return Ok(());
        }
        self.device.presence = Some(presence);
        self.updates.push(Update::Presence {
            device: self.device.id,
            presence,
        });
        if presence.online && !self.arrival.retained {
            let clash = self
                .device
                .identity
                .heard(presence.boot, self.arrival.now_ms);
            self.clash(clash);
        }
        Ok(())
    }
}
