//! Keys in a real ssh-agent.
use std::path::Path;

use picket::signer::{KeySource, Signer, Surroundings};
use picket_proto::Privilege;

use crate::openssh::{Keys, SshAgent};

const PAYLOAD: &[u8] = b"what is signed";

#[tokio::test]
async fn the_agents_key_is_found_in_every_way_and_ssh_keygen_verifies_it() {
    let (keys, agent) = (Keys::new(), SshAgent::start());
    let (one, two) = (keys.ed25519("one"), keys.ed25519("two"));
    agent.add(&[text(&one)]);
    let alone = open(&agent, "agent").await.unwrap();
    assert_eq!(alone.public().comment(), "one@test");
    let fingerprint = alone.fingerprint();
    let rsa = keys.make("three", &["-t", "rsa", "-b", "2048", "-N", ""]);
    agent.add(&[text(&rsa)]);
    assert_eq!(
        open(&agent, "agent").await.unwrap().fingerprint(),
        fingerprint
    );
    agent.add(&[text(&two)]);
    for which in [
        format!("agent:{fingerprint}"),
        "agent:one@test".to_owned(),
        format!("{}.pub", text(&one)),
    ] {
        let signer = open(&agent, &which).await.unwrap();
        assert_eq!(signer.fingerprint(), fingerprint, "{which}");
        let line = signer.public().to_openssh().unwrap();
        let blob = signer.sign(Privilege::Configure, PAYLOAD).await.unwrap();
        assert!(
            keys.verifies(&line, "picket-configure@1", PAYLOAD, &blob),
            "{which}"
        );
    }
}

#[tokio::test]
async fn what_the_agent_lacks_is_told_with_what_it_has() {
    let (keys, agent) = (Keys::new(), SshAgent::start());
    let tell = async |which: &str| format!("{:#}", open(&agent, which).await.unwrap_err());
    for words in ["holds no key, or is locked", "ssh-add FILE", "ssh-add -X"] {
        let error = tell("agent").await;
        assert!(error.contains(words), "{error}");
    }
    let rsa = keys.make("rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    agent.add(&[text(&rsa)]);
    let error = tell("agent").await;
    assert!(error.contains("only ssh-rsa (rsa@test)"), "{error}");
    let error = tell("agent:rsa@test").await;
    assert!(error.contains("of kind ssh-rsa"), "{error}");
    let (one, two) = (keys.ed25519("one"), keys.ed25519("two"));
    agent.add(&[text(&one), text(&two)]);
    let error = tell("agent").await;
    for words in [
        "several keys",
        "--key agent:",
        "one@test",
        "two@test",
        "SHA256:",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let error = tell("agent:nobody").await;
    assert!(
        error.contains("no key \"nobody\"") && error.contains("one@test"),
        "{error}"
    );
    let error = tell(&format!("{}.pub", text(&keys.ed25519("other")))).await;
    assert!(
        error.contains("ssh-add ") && error.contains("no private half of"),
        "{error}"
    );
    let same = keys.make("same", &["-t", "ed25519", "-N", "", "-C", "one@test"]);
    agent.add(&[text(&same)]);
    let error = tell("agent:one@test").await;
    assert!(error.contains("by its fingerprint"), "{error}");
    agent.add(&["-x"]);
    let error = tell("agent:one@test").await;
    assert!(error.contains("locked"), "{error}");
}

#[tokio::test]
async fn a_key_that_the_agent_lost_meanwhile_does_not_sign() {
    let (keys, agent) = (Keys::new(), SshAgent::start());
    agent.add(&[text(&keys.ed25519("one"))]);
    let signer = open(&agent, "agent").await.unwrap();
    agent.add(&["-D"]);
    let error = signer.sign(Privilege::Operate, PAYLOAD).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("refused to sign"),
        "{error:#}"
    );
    drop(agent);
    let error = signer.sign(Privilege::Operate, PAYLOAD).await.unwrap_err();
    assert!(format!("{error:#}").contains("SSH_AUTH_SOCK"), "{error:#}");
}

#[tokio::test]
async fn without_an_agent_a_public_key_is_no_key() {
    let keys = Keys::new();
    let public = format!("{}.pub", text(&keys.ed25519("one")));
    for source in ["agent", &public] {
        let source: KeySource = source.parse().unwrap();
        let error = Signer::open(&source, &Surroundings::default()).await;
        let error = format!("{:#}", error.unwrap_err());
        assert!(
            error.contains("SSH_AUTH_SOCK is not set") && error.contains("--key FILE"),
            "{error}"
        );
    }
}

async fn open(agent: &SshAgent, source: &str) -> anyhow::Result<Signer> {
    let around = Surroundings {
        agent: Some(agent.socket()),
        ..Surroundings::default()
    };
    Signer::open(&source.parse().unwrap(), &around).await
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
