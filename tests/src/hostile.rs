//! Commands that no agent may carry out, each with the one reason why not. All but that one thing about them is right.
mod contents;
mod signatures;

use picket_proto::{Action, Command, DeviceId, OperationId, Pong, Reason, SignedCommand, frame};
use picket_test_keys::{TOUCHED, TestKey};

use crate::raw_operator::RawOperator;

const OPERATE: &str = "picket-operate@1";
const CONFIGURE: &str = "picket-configure@1";
/// The largest MQTT packet that an agent takes, without its first bytes.
pub const PACKET_LIMIT: usize = 32 * 1024;
/// Seeds of keys.
const CLERK: u8 = 102;
const VETERAN: u8 = 103;
const TOKEN: u8 = 104;

/// A command, as bytes to publish.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is wrong with it.
    pub why: &'static str,
    /// What the agent must say.
    pub reason: Reason,
    /// The operation that the report must name.
    pub operation: Option<OperationId>,
    /// The bytes.
    pub frame: Vec<u8>,
}

/// Makes commands for one agent.
pub struct Forge<'a> {
    /// Whose key and name are good for everything.
    operator: &'a RawOperator,
    /// Whose key may only reboot and the like, as `clerk`.
    clerk: TestKey,
    /// Whose key isn't valid any more, as `veteran`.
    veteran: TestKey,
    /// Whose token was not touched, as `token`.
    untouched: TestKey,
    device: DeviceId,
    pong: Pong,
    /// The reason for a key whose time is over.
    over: Reason,
}

/// The lines of `allowed_signers` that the cases count on; `operator` is the key of `anna`, who may everything.
pub fn signers(operator: &TestKey) -> String {
    let [clerk, veteran] = [CLERK, VETERAN].map(|seed| TestKey::new(seed).public());
    let token = TestKey::of_token(TOKEN, TOUCHED);
    [
        operator.line("anna"),
        format!("clerk namespaces=\"{OPERATE}\" {clerk}\n"),
        format!("veteran valid-before=\"20250101Z\" {veteran}\n"),
        token.line("token"),
    ]
    .concat()
}

impl<'a> Forge<'a> {
    /// For that agent, as it is now. `over` is the reason for a key whose time is over: whether that can be judged depends on
    /// the clock of this machine.
    pub fn new(operator: &'a RawOperator, device: DeviceId, over: Reason) -> Self {
        Self {
            operator,
            clerk: TestKey::new(CLERK),
            veteran: TestKey::new(VETERAN),
            untouched: TestKey::of_token(TOKEN, 0),
            device,
            pong: operator.ping(device),
            over,
        }
    }

    /// A reboot that would be carried out.
    pub fn good(&self) -> Command {
        self.of(Action::Reboot { force: true })
    }

    fn case(&self, why: &'static str, reason: Reason, action: Action) -> Case {
        let command = self.of(action);
        let signed = self.operator.key().command(&command);
        Case {
            why,
            reason,
            operation: Some(command.operation),
            frame: frame::encode(&signed),
        }
    }

    fn signed(&self, why: &'static str, reason: Reason, payload: Vec<u8>) -> Case {
        let signature = self.operator.key().sign(OPERATE, &payload);
        Case {
            why,
            reason,
            operation: Command::operation_of(&payload),
            frame: frame::encode(&SignedCommand { payload, signature }),
        }
    }

    fn of(&self, action: Action) -> Command {
        self.operator.command_after(self.device, &self.pong, action)
    }
}

fn case(why: &'static str, reason: Reason, command: &Command, signature: Vec<u8>) -> Case {
    let payload = command.payload();
    Case {
        why,
        reason,
        operation: Some(command.operation),
        frame: frame::encode(&SignedCommand { payload, signature }),
    }
}
