//! The operator's own command that cuts a Pi's power, run without a shell and with a deadline; what it says is kept, bounded.
use std::{process::Stdio, time::Duration};

use picket_proto::DeviceId;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

use crate::audit::PowerCycled;

/// How long the command may run.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is kept of each of its outputs, in bytes.
const KEPT: u64 = 2_048;

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
    let (result, output, is_good) = match timeout(PATIENCE, run(&argv)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => (format!("could not be run: {error}"), String::new(), false),
        Err(_) => (
            "did not end in 60 s and was killed".to_owned(),
            String::new(),
            false,
        ),
    };
    let entry = PowerCycled {
        device,
        argv,
        result,
        output,
    };
    Run { entry, is_good }
}

async fn run(argv: &[String]) -> std::io::Result<(String, String, bool)> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(std::io::ErrorKind::InvalidInput.into());
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
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err, status) = tokio::join!(kept(out), kept(err), child.wait());
    let status = status?;
    Ok((
        format!("ended with {status}"),
        format!("{out}{err}"),
        status.success(),
    ))
}

/// The beginning of what is said; the rest is read and forgotten, so that whoever speaks is not held up.
async fn kept(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // An output that breaks off is as long as it is.
    let _ = (&mut stream).take(KEPT).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
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
}
