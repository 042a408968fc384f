//! The real picketd as a child process, with a configuration and state of its own that end with it.
use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// The id of this machine in a demonstration, which no real Pi has.
pub const THIS_MACHINE: &str = "000000000d3d0001";
/// How long an orderly stop may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running picketd. Dropping it kills it and removes its folder.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    folder: TempDir,
}

impl Agent {
    /// Starts `picketd`, which samples this machine every second and speaks to that broker and collector.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(picketd: &Path, broker: SocketAddr, collector: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("picket-demo-").context("no temporary folder")?;
        let state = folder.path().join("state");
        let run = folder.path().join("run");
        fs::create_dir(&state)?;
        fs::create_dir(&run)?;
        let config = folder.path().join("picketd.toml");
        fs::write(&config, configuration(&state, broker, collector)?)?;
        let log = fs::File::create(folder.path().join("log"))?;
        let child = Command::new(picketd)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .env("RUNTIME_DIRECTORY", &run)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C reaches only us, and we end it in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", picketd.display()))?;
        Ok(Self { child, folder })
    }

    /// Waits until it ends by itself, and says why. Cancel-safe.
    pub async fn end(&mut self) -> anyhow::Error {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(5).collect();
        let tail: Vec<_> = tail.into_iter().rev().map(crate::claim::escape).collect();
        anyhow::anyhow!("picketd ended ({status}):\n{}", tail.join("\n"))
    }

    /// Asks it to stop, and kills it if it doesn't.
    ///
    /// # Errors
    /// Its folder can't be removed.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::TERM);
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        self.folder
            .close()
            .context("the temporary folder can't be removed")
    }
}

/// The picketd to run: the one that was named, else the one beside this program.
///
/// # Errors
/// There is none.
pub fn find(named: Option<&Path>) -> Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => env::current_exe()?.with_file_name("picketd"),
    };
    if path.is_file() {
        return Ok(path);
    }
    let path = path.display();
    match named {
        Some(_) => bail!("there is no {path}"),
        None => bail!(
            "there is no {path}; build it with `cargo build -p picketd`, or name one with --picketd PATH"
        ),
    }
}

fn configuration(state: &Path, broker: SocketAddr, collector: &str) -> Result<String> {
    let state = state
        .to_str()
        .context("the temporary folder's name is no UTF-8")?;
    let keys = [
        ("broker", format!("mqtt://{broker}")),
        ("id", THIS_MACHINE.to_owned()),
        ("state_dir", state.to_owned()),
        ("ack", collector.to_owned()),
        ("sample_every", "1s".to_owned()),
        ("window", "2s".to_owned()),
        ("connect_spread", "0s".to_owned()),
    ];
    let mut text = String::new();
    for (key, value) in keys {
        // TOML quotes strings as JSON does.
        let value = serde_json::to_string(&value)?;
        text.push_str(&format!("{key} = {value}\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_picketd_is_named_with_the_way_out() {
        let error = find(None).unwrap_err().to_string();
        assert!(
            error.contains("cargo build -p picketd") && error.contains("--picketd"),
            "{error}"
        );
        let error = find(Some(Path::new("/no/picketd")))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "there is no /no/picketd");
    }

    #[test]
    fn the_configuration_is_toml_with_an_id_that_is_valid() {
        let broker = "127.0.0.1:1883".parse().unwrap();
        let text = configuration(Path::new("/tmp/a \"b\""), broker, "demo").unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["state_dir"].as_str(), Some("/tmp/a \"b\""));
        assert_eq!(table["broker"].as_str(), Some("mqtt://127.0.0.1:1883"));
        assert!(THIS_MACHINE.parse::<picket_proto::DeviceId>().is_ok());
    }
}
