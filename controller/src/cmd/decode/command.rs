//! A signed command as JSON: what it wants, and whose signature it bears. Whether that key may command a Pi only its
//! `allowed_signers` says.
use picket_proto::{Command, SignedCommand};
use serde_json::{Value, json};
use ssh_encoding::Decode as _;
use ssh_key::{HashAlg, PublicKey, SshSig};

/// The JSON of a command.
pub(super) fn describe(signed: &SignedCommand) -> Value {
    let hex = |bytes: &[u8]| {
        let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digits = halves.filter_map(|half| char::from_digit(half.into(), 16));
        digits.collect::<String>()
    };
    let payload = match Command::parse(&signed.payload) {
        Ok(command) => json!(command),
        Err(why) => {
            json!({ "error": why.to_string(), "operation": Command::operation_of(&signed.payload) })
        }
    };
    let signature = match signature(&signed.signature) {
        Ok(signature) => describe_signature(&signature, &signed.payload),
        Err(why) => json!({ "error": why }),
    };
    json!({
        "kind": "command",
        "command": payload,
        "signature": signature,
        "payload_hex": hex(&signed.payload),
        "signature_hex": hex(&signed.signature),
    })
}

/// The whole blob, or it is none.
fn signature(mut blob: &[u8]) -> Result<SshSig, String> {
    let signature = SshSig::decode(&mut blob).map_err(|why| why.to_string())?;
    match blob.is_empty() {
        true => Ok(signature),
        false => Err(format!("{} bytes follow the signature", blob.len())),
    }
}

fn describe_signature(signature: &SshSig, payload: &[u8]) -> Value {
    let key = PublicKey::from(signature.public_key().clone());
    let verified = key.verify(signature.namespace(), payload, signature);
    json!({
        "namespace": signature.namespace(),
        "key": key.fingerprint(HashAlg::Sha256).to_string(),
        "algorithm": signature.algorithm().to_string(),
        "is_of_payload": verified.is_ok(),
    })
}

#[cfg(test)]
mod tests {
    use picket_proto::frame;

    use super::*;

    #[test]
    fn a_command_is_told_with_its_signature_and_whether_that_is_of_it() {
        let golden = include_str!("../../../../proto/tests/golden/command.hex");
        let bytes: Vec<_> = golden
            .split_ascii_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let mut signed: SignedCommand = frame::decode(&bytes).unwrap();
        let told = describe(&signed);
        assert_eq!(told["command"]["actor"], "anna@example.org");
        assert_eq!(told["command"]["targets"].as_array().unwrap().len(), 2);
        assert_eq!(told["command"]["action"]["action"], "reboot");
        assert_eq!(told["signature"]["namespace"], "picket-operate@1");
        assert_eq!(told["signature"]["algorithm"], "ssh-ed25519");
        let key = told["signature"]["key"].as_str().unwrap();
        assert!(key.starts_with("SHA256:") && key.len() == 50, "{key}");
        assert_eq!(told["signature"]["is_of_payload"], true);
        signed.payload[40] ^= 1;
        assert_eq!(describe(&signed)["signature"]["is_of_payload"], false);
        signed.signature.push(0);
        let told = describe(&signed);
        assert!(
            told["signature"]["error"]
                .as_str()
                .unwrap()
                .starts_with("1 bytes follow"),
            "{told}"
        );
        signed.payload.truncate(20);
        let told = describe(&signed);
        assert!(told["command"]["error"].is_string(), "{told}");
        assert_eq!(
            told["command"]["operation"],
            "4f1c9a07d25e43b88e610bf7c32a9510"
        );
    }
}
