//! Any message that can be built comes back from its frame, whole and also with its columns left encoded.
use picket_proto::{
    Command, Message, Packed, Ping, Pong, Presence, SignedCommand, command::MAX_SIGNATURE, frame,
};
use proptest::{collection::vec, prelude::*};

use crate::{
    anything::{ack, batch, boot, command, nonce, operation_report, report, status},
    samples,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn batches_come_back(batch in batch()) {
        let bytes = frame::encode(&batch);
        prop_assert_eq!(frame::decode(&bytes), Ok(batch.clone()));
        let packed = Packed::new(&batch);
        prop_assert_eq!(frame::encode(&packed), bytes);
        prop_assert_eq!(packed.unpack(), Ok(batch));
    }

    #[test]
    fn event_reports_come_back(report in report()) {
        comes_back(Message::Event(report))?;
    }

    #[test]
    fn statuses_come_back(status in status()) {
        comes_back(Message::Status(status))?;
    }

    #[test]
    fn presences_come_back(boot in boot(), connection: u32, online: bool) {
        comes_back(Message::Presence(Presence { boot, connection, online }))?;
    }

    #[test]
    fn acks_come_back(ack in ack()) {
        comes_back(Message::Ack(ack))?;
    }

    #[test]
    fn pings_and_pongs_come_back(token: u64, nonce in nonce(), boot in boot(), boottime_ms: u64) {
        comes_back(Message::Ping(Ping { token }))?;
        comes_back(Message::Pong(Pong { token, nonce, boot, boottime_ms }))?;
    }

    #[test]
    fn commands_come_back(command in command(), signature in vec(any::<u8>(), 0..=MAX_SIGNATURE)) {
        let payload = command.payload();
        prop_assert_eq!(Command::operation_of(&payload), Some(command.operation));
        prop_assert_eq!(Command::parse(&payload), Ok(command));
        comes_back(Message::Command(SignedCommand { payload, signature }))?;
    }

    #[test]
    fn reports_of_operations_come_back(report in operation_report()) {
        comes_back(Message::Report(report))?;
    }
}

fn comes_back(message: Message) -> Result<(), TestCaseError> {
    prop_assert_eq!(Message::decode(&samples::encode(&message)), Ok(message));
    Ok(())
}
