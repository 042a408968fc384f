//! Who is measured, how each is configured as an operator would, started on the stage and stopped.
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    broker::Broker, notify::Notifications, proxy::Proxy, stage::Stage, usage::Usage, view,
};

/// Ticks in a window: what a Pi collects before it speaks.
pub const WINDOW: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The agent.
    Picketd,
    /// The bare loop of `src/floor`.
    Floor,
    /// Debian's collectd.
    Collectd,
}

/// All of them, in the order of the table.
pub const KINDS: [Kind; 3] = [Kind::Picketd, Kind::Floor, Kind::Collectd];

impl Kind {
    /// What the table calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Picketd => "picketd",
            Self::Floor => "floor",
            Self::Collectd => "collectd",
        }
    }

    /// The contender that the table calls so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }
}

/// A contender at work, with its own broker and the proxy between them.
#[derive(Debug)]
pub struct Contender {
    /// Who it is.
    pub kind: Kind,
    /// What it and its broker say.
    pub proxy: Proxy,
    /// Its own broker.
    pub broker: Broker,
    notifications: Notifications,
    log: PathBuf,
    child: Child,
}

/// From exec until something happened.
#[derive(Debug, Clone, Copy)]
pub struct StartUp {
    /// Until `READY=1` on the service manager's socket.
    pub ready: Duration,
    /// Until the first `PUBLISH` was whole.
    pub publish: Duration,
    /// The most resident memory until then, in KiB: [`Usage::peak_kib`].
    pub peak_kib: u64,
}

impl Contender {
    /// Starts it on that stage with that tick.
    ///
    /// # Errors
    /// A program is missing, or the machine's view can't be mounted.
    pub fn start(kind: Kind, stage: &Stage, tick: Duration) -> Result<Self> {
        let home = tempfile::Builder::new()
            .prefix(kind.name())
            .tempdir_in(stage.path())?
            .keep();
        let broker = Broker::start(&home, kind.name())?;
        let proxy = Proxy::start(broker.address())?;
        let notifications = Notifications::listen(&home.join("notify"))?;
        let log = home.join("log");
        let mut command = view::command(stage.path())?;
        for argument in command_line(kind, &proxy, &home, tick)? {
            command.arg(argument);
        }
        let child = command
            .env("NOTIFY_SOCKET", notifications.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("run unshare (package util-linux)")?;
        Ok(Self {
            kind,
            proxy,
            broker,
            notifications,
            log,
            child,
        })
    }

    /// Its process id: that of the launcher, which became it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is ready and has published.
    ///
    /// # Errors
    /// It ended, or took longer than 20 s; what it wrote to stderr is in the message.
    pub fn wait_until_it_publishes(&self) -> Result<StartUp> {
        self.start_up().with_context(|| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            format!("{} did not come up; it said:\n{log}", self.kind.name())
        })
    }

    fn start_up(&self) -> Result<StartUp> {
        let exec = self.notifications.wait_for(view::EXEC, PATIENCE)?;
        let ready = self.notifications.wait_for("READY=1", PATIENCE)?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(publish) = self.proxy.tally().first_publish {
                return Ok(StartUp {
                    peak_kib: Usage::of(self.pid())?.peak_kib,
                    ready: ready - exec,
                    publish: publish - exec,
                });
            }
            ensure!(Instant::now() < until, "nothing published in {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Contender {
    /// An orderly stop, and after five seconds the other kind.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command_line(kind: Kind, proxy: &Proxy, home: &Path, tick: Duration) -> Result<Vec<String>> {
    let port = proxy.address().port();
    let home_text = home.display();
    let config = home.join("config");
    let config_text = config.display().to_string();
    match kind {
        Kind::Picketd => {
            let text = picketd_config(port, &home_text.to_string(), tick);
            std::fs::write(&config, text)?;
            Ok(vec![
                picketd()?,
                "run".into(),
                "--config".into(),
                config_text,
            ])
        }
        Kind::Floor => Ok(vec![
            beside("picket-floor")?,
            proxy.address().to_string(),
            tick.as_millis().to_string(),
            WINDOW.to_string(),
        ]),
        Kind::Collectd => {
            let text = collectd_config(port, &home_text.to_string(), tick);
            std::fs::write(&config, text)?;
            Ok(vec!["collectd".into(), "-C".into(), config_text])
        }
    }
}

/// Without its lifeboat, as collectd has none: it is a copy of the program in memory, whose pages are locked as they are used.
fn picketd_config(port: u16, home: &str, tick: Duration) -> String {
    let window = (tick * WINDOW).as_millis();
    let tick = tick.as_millis();
    format!(
        "broker = \"mqtt://127.0.0.1:{port}\"\nid = \"00000000be7c0001\"\nstate_dir = \"{home}\"\nack = \"puback\"\n\
         sample_every = \"{tick}ms\"\nwindow = \"{window}ms\"\nconnect_spread = \"0s\"\n\
         lifeboat = \"off\"\n"
    )
}

/// Values as an operator would want them: the CPU as one percentage for each state, memory in bytes, the NFS client's
/// calls, each published with QoS 1 as Picket does.
fn collectd_config(port: u16, home: &str, tick: Duration) -> String {
    let interval = tick.as_secs_f64();
    format!(
        "BaseDir \"{home}\"\nPIDFile \"{home}/pid\"\nPluginDir \"/usr/lib/collectd\"\n\
         TypesDB \"/usr/share/collectd/types.db\"\nHostname \"pi-17\"\nFQDNLookup false\nInterval {interval}\n\
         LoadPlugin load\nLoadPlugin thermal\nLoadPlugin memory\nLoadPlugin cpu\nLoadPlugin cpufreq\nLoadPlugin nfs\n\
         LoadPlugin mqtt\n\
         <Plugin cpu>\n  ReportByCpu false\n  ReportByState true\n  ValuesPercentage true\n</Plugin>\n\
         <Plugin memory>\n  ValuesAbsolute true\n  ValuesPercentage false\n</Plugin>\n\
         <Plugin nfs>\n  ReportV2 false\n  ReportV3 true\n  ReportV4 false\n</Plugin>\n\
         <Plugin mqtt>\n  <Publish \"bench\">\n    Host \"127.0.0.1\"\n    Port {port}\n    QoS 1\n    StoreRates true\n\
         \x20   ClientId \"pi-17\"\n  </Publish>\n</Plugin>\n"
    )
}

/// The one that PICKETD names, which scripts/bench builds as packages have it, or the one of this build.
fn picketd() -> Result<String> {
    match std::env::var("PICKETD") {
        Ok(path) if Path::new(&path).is_file() => Ok(path),
        Ok(path) => bail!(
            "PICKETD={path} is no file: name a picketd, or unset it and let scripts/bench build one"
        ),
        Err(_) => beside("picketd"),
    }
}

/// A program of this workspace: it lies beside this one.
fn beside(program: &str) -> Result<String> {
    let own = std::env::current_exe().context("path of this program")?;
    let path = own.with_file_name(program);
    if !path.exists() {
        bail!("{} is missing: scripts/bench builds it", path.display());
    }
    Ok(path.display().to_string())
}
