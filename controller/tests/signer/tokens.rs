//! Keys on a hardware token. There is no token here: an agent of the test's own speaks the agent's protocol on a socket and signs
//! as a token would, with its flags, or does what no agent should.
use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread,
};

use picket::signer::{Signer, Surroundings};
use picket_proto::Privilege;
use picket_test_keys::{TOUCHED, TestKey, string};
use ssh_key::{
    LineEnding, PrivateKey, PublicKey,
    private::{KeypairData, SkEd25519},
};
use tempfile::TempDir;

use crate::openssh::Keys;

const PAYLOAD: &[u8] = b"what is signed";
/// Of a token's flags: the person was recognised (PROTOCOL.u2f).
const VERIFIED: u8 = 4;

#[tokio::test]
async fn ssh_keygen_verifies_what_a_token_signs() {
    let keys = Keys::new();
    for flags in [TOUCHED, TOUCHED | VERIFIED] {
        let key = TestKey::of_token(3, flags);
        let agent = FakeAgent::start(Behaviour::Signs(key.clone()), &key);
        let signer = open(&agent, "agent").await.unwrap();
        assert!(signer.needs_touch());
        let blob = signer.sign(Privilege::Operate, PAYLOAD).await.unwrap();
        assert_eq!(blob, key.sign("picket-operate@1", PAYLOAD));
        assert!(keys.verifies(&key.public(), "picket-operate@1", PAYLOAD, &blob));
    }
}

#[tokio::test]
async fn what_an_agent_should_not_do_is_an_error() {
    let key = TestKey::of_token(3, TOUCHED);
    for (behaviour, words) in [
        (
            Behaviour::Signs(TestKey::of_token(3, 0)),
            "without being touched",
        ),
        (
            Behaviour::Signs(TestKey::of_token(4, TOUCHED)),
            "not one of this payload",
        ),
        (Behaviour::Signs(TestKey::new(3)), "without being touched"),
        (Behaviour::Says(vec![5]), "nobody touched the token"),
        (Behaviour::Says(vec![6]), "another answer than a signature"),
        (Behaviour::Says(vec![]), "another answer than a signature"),
        (Behaviour::Says(vec![14, 0, 0, 0, 9, 1]), "length"),
        (Behaviour::Boasts, "an answer of 4294967295 bytes"),
        (Behaviour::HangsUp, "can't be asked"),
    ] {
        let name = format!("{behaviour:?}");
        let agent = FakeAgent::start(behaviour, &key);
        let signer = open(&agent, "agent").await.unwrap();
        let error = signer.sign(Privilege::Operate, PAYLOAD).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_agent_that_hangs_is_given_up() {
    let key = TestKey::of_token(3, TOUCHED);
    let agent = FakeAgent::start(Behaviour::Hangs, &key);
    let signer = open(&agent, "agent").await.unwrap();
    // The clock stands still, and jumps to the next deadline once there is nothing left to do.
    tokio::time::pause();
    let error = signer.sign(Privilege::Operate, PAYLOAD).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("did not answer in 120s"), "{error}");
}

#[tokio::test]
async fn a_list_of_keys_that_is_none_is_an_error() {
    let count = |count: u32| [&[12][..], &count.to_be_bytes()].concat();
    for list in [
        vec![5],
        vec![11],
        vec![],
        vec![12, 0],
        count(u32::MAX),
        [count(1), string(b"xx")].concat(),
    ] {
        let agent = FakeAgent::saying(list.clone());
        let error = format!("{:#}", open(&agent, "agent").await.unwrap_err());
        assert!(
            error.contains("list of keys can't be read"),
            "{list:?}: {error}"
        );
    }
}

#[tokio::test]
async fn the_file_of_a_tokens_key_sends_to_the_agent() {
    let keys = Keys::new();
    let path = keys.path("id_ed25519_sk");
    let key = TestKey::of_token(3, TOUCHED);
    fs::write(&path, token_file(&key)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let source = path.to_str().unwrap();
    let agent = FakeAgent::start(Behaviour::Signs(key.clone()), &key);
    assert!(open(&agent, source).await.unwrap().needs_touch());
    let other = TestKey::of_token(9, TOUCHED);
    let agent = FakeAgent::start(Behaviour::Signs(other.clone()), &other);
    let error = format!("{:#}", open(&agent, source).await.unwrap_err());
    assert!(error.contains(&format!("ssh-add {source}`")), "{error}");
}

/// The file that `ssh-keygen -t ed25519-sk` would write for that token.
fn token_file(key: &TestKey) -> String {
    let public = PublicKey::from_openssh(&key.public()).unwrap();
    let public = public.key_data().sk_ed25519().unwrap().clone();
    let private = SkEd25519::new(public, TOUCHED, vec![7; 64]).unwrap();
    let private = PrivateKey::new(KeypairData::SkEd25519(private), "token").unwrap();
    private.to_openssh(LineEnding::LF).unwrap().to_string()
}

#[derive(Debug)]
enum Behaviour {
    Signs(TestKey),
    Says(Vec<u8>),
    Hangs,
    /// Announces more than it will say.
    Boasts,
    HangsUp,
}

struct FakeAgent {
    folder: TempDir,
}

impl FakeAgent {
    /// Holds `key`, and does that when it shall sign.
    fn start(behaviour: Behaviour, key: &TestKey) -> Self {
        let key = [string(&key.key()), string(b"token@desk")].concat();
        let list = [&[12, 0, 0, 0, 1], key.as_slice()].concat();
        Self::serve(list, behaviour)
    }

    fn saying(list: Vec<u8>) -> Self {
        Self::serve(list, Behaviour::HangsUp)
    }

    /// The thread ends with the process.
    fn serve(list: Vec<u8>, behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("agent")).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who hangs up early is tested too.
                let _ = answer(stream.unwrap(), &list, &behaviour);
            }
        });
        Self { folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }
}

fn answer(mut stream: UnixStream, list: &[u8], behaviour: &Behaviour) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut question = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut question)?;
    if question == [11] {
        return stream.write_all(&string(list));
    }
    assert_eq!(question[0], 13);
    match behaviour {
        Behaviour::Signs(key) => {
            let (_, rest) = take(&question[1..]);
            let (data, flags) = take(rest);
            assert_eq!(flags, [0; 4]);
            let signed = [vec![14], string(&key.sign_data(data))].concat();
            stream.write_all(&string(&signed))
        }
        Behaviour::Says(words) => stream.write_all(&string(words)),
        Behaviour::Hangs => stream.read_exact(&mut [0]),
        Behaviour::Boasts => stream.write_all(&[0xff; 4]),
        Behaviour::HangsUp => Ok(()),
    }
}

/// A string as SSH writes it, and what follows.
fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = u32::from_be_bytes(bytes[..4].try_into().unwrap());
    bytes[4..].split_at(length as usize)
}

async fn open(agent: &FakeAgent, source: &str) -> anyhow::Result<Signer> {
    let around = Surroundings {
        agent: Some(agent.socket()),
        ..Surroundings::default()
    };
    Signer::open(&source.parse().unwrap(), &around).await
}
