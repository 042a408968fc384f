//! The operator's own command that cuts a Pi's power, run without a shell and with a deadline; what it says is kept, bounded.
use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use picket_proto::DeviceId;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use crate::audit::PowerCycled;

/// How long the command may run.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What is kept of each of its outputs, in bytes.
const KEPT: u64 = 2_048;
/// Its last words come this soon after its end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a run of the command came to.
#[derive(Debug)]
pub(super) struct Run {
    /// For the audit log.
    pub(super) entry: PowerCycled,
    /// Whether it did it.
    pub(super) is_good: bool,
}

impl Run {
    /// Its words for people.
    pub(super) fn words(&self) -> String {
        let entry = &self.entry;
        let said = entry.output.trim();
        let colon = if said.is_empty() { "" } else { ": " };
        format!("`{}` {}{colon}{said}", entry.argv.join(" "), entry.result)
    }
}

/// Runs the command.
pub(super) async fn cycle(device: DeviceId, argv: Vec<String>) -> Run {
    cycle_within(PATIENCE, device, argv).await
}

async fn cycle_within(patience: Duration, device: DeviceId, argv: Vec<String>) -> Run {
    let mut said = Said::default();
    let (result, is_good) = match run(&argv, patience, &mut said).await {
        Ok(Some(status)) => (format!("ended with {status}"), status.success()),
        Ok(None) => {
            let s = patience.as_secs();
            (format!("did not end in {s} s and was killed"), false)
        }
        Err(error) => (format!("could not be run: {error}"), false),
    };
    let entry = PowerCycled {
        device,
        argv,
        result,
        output: said.text(),
    };
    Run { entry, is_good }
}

/// What the command said until now.
#[derive(Debug, Default)]
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Said {
    fn text(&self) -> String {
        [&self.out, &self.err]
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .concat()
    }
}

/// How it ended; `None` when it was killed, with all that it started.
async fn run(
    argv: &[String],
    patience: Duration,
    said: &mut Said,
) -> io::Result<Option<ExitStatus>> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for us.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let reading = async { tokio::join!(keep(out, &mut said.out), keep(err, &mut said.err)) };
    match timeout(patience, end(&mut child, reading)).await {
        Ok(status) => status.map(Some),
        Err(_) => {
            if let Some(group) = group.and_then(Pid::from_raw) {
                // It may have ended in this moment.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait().await.map(|_| None)
        }
    }
}

/// Waits for the command, and for its last words: whoever it leaves behind, such as ssh with ControlPersist, may hold its
/// outputs for ever.
async fn end(child: &mut Child, reading: impl Future<Output = ((), ())>) -> io::Result<ExitStatus> {
    tokio::pin!(reading);
    tokio::select! {
        // Cancel-safe: what was read is kept, and a child can be waited for again.
        status = child.wait() => {
            let _ = timeout(LAST_WORDS, reading).await;
            status
        }
        _ = &mut reading => child.wait().await,
    }
}

/// Keeps the beginning of what is said; the rest is read and forgotten, so that whoever speaks is not held up.
async fn keep(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else {
        return;
    };
    // An output that breaks off is as long as it is.
    let _ = (&mut stream).take(KEPT).read_to_end(kept).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

#[cfg(test)]
mod tests {
    use tokio::net::unix::pipe;

    use super::*;

    #[tokio::test]
    async fn a_command_is_kept_with_its_result_and_its_bounded_words() {
        let script = "head -c 9000 /dev/zero | tr '\\0' x; echo on >&2; exit ";
        for (argv, result, is_good) in [
            (
                vec!["sh", "-c", "exit 0"],
                "ended with exit status: 0",
                true,
            ),
            (
                vec!["sh", "-c", "exit 3"],
                "ended with exit status: 3",
                false,
            ),
            (
                vec!["/no/such/program"],
                "could not be run: No such file",
                false,
            ),
            (vec![], "could not be run: invalid", false),
        ] {
            let argv = argv.into_iter().map(str::to_owned).collect();
            let run = cycle(DeviceId([1; 8]), argv).await;
            assert!(run.entry.result.starts_with(result), "{run:?}");
            assert_eq!(run.is_good, is_good);
        }
        let argv = ["sh", "-c", &format!("{script} 0")]
            .map(str::to_owned)
            .to_vec();
        let run = cycle(DeviceId([1; 8]), argv).await;
        assert_eq!(run.entry.output.len(), 2_048 + "on\n".len());
        assert!(run.words().ends_with("xon"), "{}", run.words());
    }

    #[tokio::test]
    async fn what_it_leaves_behind_is_not_waited_for_and_what_hangs_is_killed_with_all_it_started()
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().await.unwrap();
        assert!(made.success());
        let name = path.display();
        for (script, seconds, result) in [
            (
                format!("echo $$; sleep 999 3>{name} & exit 0"),
                60,
                "ended with exit status: 0",
            ),
            (
                format!("echo $$; sleep 999 3>{name}; true"),
                5,
                "did not end in 5 s and was killed",
            ),
        ] {
            let mut alive = pipe::OpenOptions::new().open_receiver(&path).unwrap();
            let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
            let patience = Duration::from_secs(seconds);
            let run = cycle_within(patience, DeviceId([1; 8]), argv).await;
            assert_eq!(run.entry.result, result);
            let group = run.entry.output.trim().parse().ok().and_then(Pid::from_raw);
            if run.is_good {
                kill_process_group(group.unwrap(), Signal::KILL).expect("it lives on");
            }
            let is_gone = timeout(Duration::from_secs(20), alive.read(&mut [0])).await;
            assert_eq!(is_gone.expect("nobody holds the pipe").unwrap(), 0);
        }
    }
}
