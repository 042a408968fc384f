//! Any bytes are a message or an error; a message survives the wire, also with its columns left encoded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use picket_proto::{Command, Message, Packed, frame};

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::decode(bytes) else {
        return;
    };
    let again = match &message {
        Message::Batch(batch) => frame::encode(batch),
        Message::Event(report) => frame::encode(report),
        Message::Status(status) => frame::encode(status),
        Message::Presence(presence) => frame::encode(presence),
        Message::Ack(ack) => frame::encode(ack),
        Message::Ping(ping) => frame::encode(ping),
        Message::Pong(pong) => frame::encode(pong),
        Message::Command(command) => frame::encode(command),
        Message::Report(report) => frame::encode(report),
    };
    assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
    if let Message::Command(signed) = &message {
        if let Ok(command) = Command::parse(&signed.payload) {
            assert_eq!(Command::parse(&command.payload()), Ok(command));
        }
    }
    if let Message::Batch(batch) = &message {
        let packed: Packed = frame::decode(bytes).expect("a batch can stay encoded");
        assert_eq!(packed.unpack().as_ref(), Ok(batch));
    }
});
