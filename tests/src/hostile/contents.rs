//! Commands that are signed as they should be, and say what they should not.
use picket_proto::{
    Action, BootId, Channel, Command, DeviceId, Ping, Reason, Reinstall, SignedCommand, Target,
    Topic, frame,
};

use super::{Case, Forge, PACKET_LIMIT};
use crate::raw_operator::{foreign_nonce, operation};

impl Forge<'_> {
    /// Commands that are signed as they should be, and say what they should not.
    pub fn contents(&self) -> Vec<Case> {
        let mut cases = self.wrong_bytes();
        cases.extend(self.wrong_targets());
        cases.extend(self.wrong_times());
        cases.extend(self.wrong_actions());
        cases
    }

    /// Frames that are no command.
    fn wrong_bytes(&self) -> Vec<Case> {
        let good = self.operator.key().frame(&self.good());
        let half = good[..good.len() / 2].to_vec();
        let long = [&good[..], &[0]].concat();
        let huge = [1, 8, 0xff, 0xff, 0xff, 0xff, 0x0f, 1].to_vec();
        let frames = [
            ("one byte is there", vec![1]),
            ("half of it is there", half),
            ("a byte follows", long),
            ("its payload claims 4 GiB", huge),
            ("it is a ping", frame::encode(&Ping { token: 1 })),
        ];
        frames
            .map(|(why, frame)| Case {
                why,
                reason: Reason::Malformed,
                operation: None,
                frame,
            })
            .into()
    }

    /// Payloads that are signed, and are none.
    fn wrong_targets(&self) -> Vec<Case> {
        let of_many = |count: u64| {
            let mut command = self.good();
            let target = command.targets[0];
            let others = (1..count).map(|id| Target {
                device: DeviceId(id.to_be_bytes()),
                ..target
            });
            command.targets.extend(others);
            command.payload()
        };
        let twice = Command {
            targets: vec![self.good().targets[0]; 2],
            ..self.good()
        };
        let nobody = Command {
            targets: Vec::new(),
            ..self.good()
        };
        // 5000 as a varint in place of the one target that there is.
        let mut thousands = self.good().payload();
        thousands.splice(17..18, [0x88, 0x27]);
        let mut newer = self.good().payload();
        newer[0] = 2;
        let loquacious = Command {
            reason: "a".repeat(513),
            ..self.good()
        };
        let trailing = [self.good().payload(), vec![0]].concat();
        [
            ("it has no target", Reason::Targets, nobody.payload()),
            ("it has 129 targets", Reason::Targets, of_many(129)),
            ("it has 700 targets", Reason::Targets, of_many(700)),
            ("it claims thousands of targets", Reason::Targets, thousands),
            (
                "it names the target twice",
                Reason::Targets,
                twice.payload(),
            ),
            ("its payload is of a newer format", Reason::Format, newer),
            (
                "its reason is too long",
                Reason::Malformed,
                loquacious.payload(),
            ),
            ("a byte follows in the payload", Reason::Malformed, trailing),
        ]
        .map(|(why, reason, payload)| self.signed(why, reason, payload))
        .into()
    }

    /// Commands for another Pi, or another time.
    fn wrong_times(&self) -> Vec<Case> {
        let mut foreign = self.good();
        foreign.targets[0].device = DeviceId([0xff; 8]);
        let mut stale = self.good();
        stale.targets[0].nonce = foreign_nonce();
        let mut expired = self.good();
        expired.targets[0].not_after_ms = self.pong.boottime_ms - 1;
        let mut elsewhere = self.of(Action::Identify { seconds: 60 });
        elsewhere.targets[0].boot = BootId([0x55; 16]);
        [
            ("it is for another Pi", Reason::WrongTarget, foreign),
            ("its nonce was never given", Reason::StaleNonce, stale),
            ("its time is over", Reason::Expired, expired),
            ("it is for another boot", Reason::WrongBoot, elsewhere),
        ]
        .map(|(why, reason, command)| self.signed(why, reason, command.payload()))
        .into()
    }

    /// Actions that can't be done.
    fn wrong_actions(&self) -> Vec<Case> {
        let unknown = |body| Action::Unknown { id: 999, body };
        let absurd = Action::Configure {
            sample_every_ms: Some(0),
            window_ms: Some(u32::MAX),
        };
        let nobodys = Action::Cancel {
            operation: operation(),
        };
        let mut cases = vec![
            self.case(
                "its action is unknown",
                Reason::Unsupported,
                unknown(Vec::new()),
            ),
            self.case("its periods are absurd", Reason::OutOfRange, absurd),
            self.case(
                "it cancels what never was",
                Reason::UnknownOperation,
                nobodys,
            ),
        ];
        cases.extend(self.wrong_reinstalls());
        cases.push(self.largest());
        // The last, for it is taken on before it is refused, and takes the nonce with it.
        let nothing_holds = Action::Activate {
            operation: operation(),
        };
        cases.push(self.case("nothing holds", Reason::UnknownOperation, nothing_holds));
        cases
    }

    /// Reinstalls of a machine without slots, and by somebody who may not.
    fn wrong_reinstalls(&self) -> Vec<Case> {
        let reinstall = |image: &str, hostname: &str| {
            Action::Reinstall(Reinstall {
                image: image.to_owned(),
                digest: [0xd1; 32],
                hostname: Some(hostname.to_owned()),
                ssh_keys: vec!["ssh-ed25519 AAAA anna".to_owned()],
                hold: false,
                discard_old: true,
                keep_old_days: 0,
            })
        };
        let activate = Action::Activate {
            operation: operation(),
        };
        let long = self.of(reinstall(&"i".repeat(65), "pi")).payload();
        let operating = self.of(reinstall("debian", "pi")).payload();
        let activating = self.of(activate).payload();
        vec![
            self.case(
                "there are no slots",
                Reason::NoSlots,
                reinstall("debian", "pi"),
            ),
            self.case(
                "it names a path",
                Reason::NoSlots,
                reinstall("../../etc", "pi"),
            ),
            self.reinstalling("its image's name is too long", Reason::Malformed, long),
            self.signed(
                "it is signed for operating",
                Reason::WrongPrivilege,
                operating,
            ),
            self.signed(
                "it too is signed for operating",
                Reason::WrongPrivilege,
                activating,
            ),
        ]
    }

    fn reinstalling(&self, why: &'static str, reason: Reason, payload: Vec<u8>) -> Case {
        let signature = self.operator.key().sign("picket-reinstall@1", &payload);
        Case {
            why,
            reason,
            operation: Command::operation_of(&payload),
            frame: frame::encode(&SignedCommand { payload, signature }),
        }
    }

    /// A command that fills a packet to the last byte.
    fn largest(&self) -> Case {
        let topic = Topic {
            channel: Channel::Command,
            device: self.device,
        };
        // What else a PUBLISH holds: the topic with its length, and the packet id.
        let room = PACKET_LIMIT - (2 + topic.name("picket").len() + 2);
        let of_body = |length| {
            let action = Action::Unknown {
                id: 999,
                body: vec![0; length],
            };
            self.case("it fills a packet", Reason::Unsupported, action)
        };
        let guess = room - 500;
        let around = room - of_body(guess).frame.len() + guess;
        let largest = of_body(around);
        assert_eq!(largest.frame.len(), room);
        largest
    }
}
