//! The probe against a scripted server on loopback: each connection it accepts plays the next script.
use tokio::net::TcpListener;

use super::*;

/// What the server does with one call.
#[derive(Clone, Copy)]
enum Answer {
    Success,
    /// The answer, one byte at a time.
    Dribble,
    WrongXid,
    Denied,
    Garbage,
    /// More bytes than any answer has.
    Flood,
    /// Half an answer, then the end.
    Cut,
    Close,
    Silence,
}
use Answer::{Close, Cut, Denied, Dribble, Flood, Garbage, Silence, Success, WrongXid};

#[tokio::test]
async fn each_answer_is_a_round_trip_or_a_gap() {
    for (answer, expected) in [
        (Success, Ok(())),
        (Dribble, Ok(())),
        (WrongXid, Err(Gap::Garbled)),
        (Denied, Err(Gap::Failed)),
        (Garbage, Err(Gap::Garbled)),
        (Flood, Err(Gap::Garbled)),
        (Cut, Err(Gap::Unreachable)),
        (Close, Err(Gap::Unreachable)),
    ] {
        let mut caller = Caller::new(serve(vec![vec![answer], vec![Success]]).await);
        let reading = caller.call().await;
        assert_eq!(reading.map(|_| ()), expected);
        assert!(reading.is_err() || reading.is_ok_and(|rtt| (0..2_000_000).contains(&rtt)));
        assert_eq!(caller.connection.is_some(), expected.is_ok());
    }
}

#[tokio::test]
async fn a_connection_is_kept_and_after_a_broken_one_a_new_one_is_made() {
    let script = vec![
        vec![Success, Success, Close],
        vec![Success, WrongXid],
        vec![Success],
    ];
    let mut caller = Caller::new(serve(script).await);
    for expected in [Ok(()), Ok(()), Ok(()), Err(Gap::Garbled), Ok(())] {
        assert_eq!(caller.call().await.map(|_| ()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_two_seconds_and_then_a_new_connection() {
    let mut caller = Caller::new(serve(vec![vec![Silence], vec![Success]]).await);
    let begin = Instant::now();
    assert_eq!(caller.call().await, Err(Gap::TimedOut));
    assert_eq!(begin.elapsed().as_secs(), 2);
    assert!(caller.connection.is_none());
}

#[tokio::test]
async fn a_refusing_server_is_asked_less_and_less() {
    let mut caller = Caller::new(refusing().await);
    let mut asked = Vec::new();
    for call in 0..100 {
        let passed_over = caller.pass_over > 0;
        assert_eq!(caller.call().await, Err(Gap::Unreachable));
        if !passed_over {
            asked.push(call);
        }
    }
    assert_eq!(asked, [0, 2, 6, 14, 30, 62, 94]);
}

#[tokio::test]
async fn a_tick_takes_what_the_last_call_found_and_never_waits() {
    let mut probe = Probe::spawn(serve(vec![vec![Success, Silence]]).await);
    assert_eq!(probe.take(), Err(Gap::FirstInterval));
    probe.start();
    assert_eq!(probe.take(), Err(Gap::TimedOut));
    probe.ended().await;
    assert!(probe.take().is_ok());
    probe.start();
    probe.start();
    tokio::task::yield_now().await;
    assert_eq!(probe.take(), Err(Gap::TimedOut));
}

/// A server that plays one script for each connection, then stops listening.
async fn serve(connections: Vec<Vec<Answer>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for script in connections {
            let (stream, _) = listener.accept().await.unwrap();
            play(stream, script).await;
        }
    });
    Server {
        address,
        version: 3,
    }
}

async fn refusing() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Server {
        address,
        version: 3,
    }
}

async fn play(mut stream: TcpStream, script: Vec<Answer>) {
    for answer in script {
        let mut call = [0; 44];
        if stream.read_exact(&mut call).await.is_err() {
            return;
        }
        let xid = u32::from_be_bytes([call[4], call[5], call[6], call[7]]);
        let words = |xid, denied| {
            [0x8000_0018, xid, 1, denied, 0, 0, 0]
                .map(u32::to_be_bytes)
                .concat()
        };
        let bytes = match answer {
            Success | Dribble => words(xid, 0),
            WrongXid => words(xid.wrapping_add(1), 0),
            Denied => words(xid, 1),
            Garbage => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            Flood => [&[0, 0, 4, 0][..], &[0; 4096]].concat(),
            Cut => words(xid, 0)[..20].to_vec(),
            Close => return,
            Silence => std::future::pending().await,
        };
        let size = if matches!(answer, Dribble) {
            1
        } else {
            bytes.len()
        };
        for piece in bytes.chunks(size) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if matches!(answer, Cut) {
            return;
        }
    }
}
