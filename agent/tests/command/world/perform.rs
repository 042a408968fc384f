//! What the model does when the core asks for something, and what the core must never ask for.
use picket_proto::{Channel, frame};
use picketd::{command::Action, telemetry::DeliveryId};

use super::{BootRecord, Did, World};

impl World {
    pub(super) fn perform(&mut self, action: Action) {
        let did = match action {
            Action::Publish {
                delivery,
                channel,
                payload,
            } => self.publish(delivery, channel, payload),
            Action::Note(report) => Did::Note(report),
            Action::Preflight => Did::Preflight,
            Action::Reboot => {
                self.going_down = true;
                Did::Reboot
            }
            Action::Identify { seconds } => Did::Identify(seconds),
            Action::Record(record) => {
                assert_eq!(self.writing, None, "two writes at once");
                self.writing = Some(record.clone());
                Did::Record(record)
            }
            Action::Configure(periods) => Did::Configure(periods),
            Action::Install(install) => {
                assert!(self.filling.is_none() && !self.removing, "two children");
                assert_ne!(
                    install.slot, self.boot_record.mounted,
                    "the slot that runs is filled"
                );
                self.filling = Some(install.slot);
                Did::Install(install)
            }
            Action::Remove(slot) => {
                assert!(self.filling.is_none() && !self.removing, "two children");
                assert_ne!(
                    slot,
                    Some(self.boot_record.mounted),
                    "the slot that runs is removed"
                );
                self.removing = true;
                Did::Remove(slot)
            }
            Action::GiveUp => Did::GiveUp,
            Action::Arm { slot, operation } => {
                assert_ne!(
                    slot, self.boot_record.mounted,
                    "the slot that runs is armed"
                );
                self.changing = Some(BootRecord {
                    trial: Some((slot, operation, 3)),
                    ..self.boot_record.clone()
                });
                Did::Arm(slot)
            }
            Action::Commit => {
                self.changing = Some(BootRecord {
                    active: self.boot_record.mounted,
                    trial: None,
                    fallback: None,
                    ..self.boot_record.clone()
                });
                Did::Commit
            }
            Action::LookAt(slot) => {
                assert_ne!(
                    slot, self.boot_record.mounted,
                    "the slot that runs is looked at"
                );
                Did::LookAt(slot)
            }
            Action::Warn(words) => Did::Warn(words),
            Action::Flush => Did::Flush,
            Action::Status(last) => Did::Status(last),
        };
        self.did.push(did);
    }

    fn publish(&mut self, delivery: DeliveryId, channel: Channel, payload: Vec<u8>) -> Did {
        assert!(self.connected, "it publishes without a connection");
        if channel == Channel::Pong {
            return Did::Pong(frame::decode(&payload).unwrap());
        }
        assert_eq!(channel, Channel::Report);
        let report = frame::decode(&payload).unwrap();
        self.in_flight.push((delivery, payload));
        Did::Report(report)
    }
}
