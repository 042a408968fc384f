//! A guest's console: what it printed in all of its boots, and a shell that answers there. It knows no machine.
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::eventually;

/// A machine that was just reset has its console again within this.
const CONNECT: Duration = Duration::from_secs(30);

/// The console of one machine.
pub struct Console {
    log: PathBuf,
    keyboard: Arc<Keyboard>,
    questions: AtomicUsize,
}

/// A line to the QEMU that runs; each QEMU wants a new one.
struct Keyboard {
    socket: PathBuf,
    line: Mutex<Option<UnixStream>>,
}

impl Console {
    pub(super) fn new(log: PathBuf, socket: PathBuf) -> Self {
        let line = Mutex::new(None);
        Self {
            log,
            keyboard: Arc::new(Keyboard { socket, line }),
            questions: AtomicUsize::new(0),
        }
    }

    /// Everything that was printed so far.
    pub fn text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// How often something was printed.
    pub fn count(&self, what: &str) -> usize {
        self.text().matches(what).count()
    }

    /// Waits until something was printed.
    pub fn wait_for(&self, what: &str, deadline: Duration) {
        let why = format!("the guest's console says {what:?}");
        eventually(&why, deadline, || self.text().contains(what).then_some(()));
    }

    /// Lets the guest's shell run a command line; what it printed, with what others print meanwhile. It needs no NFS server
    /// but for the programs that it starts. [`super::Pi::script`] tells a script's output from everything else.
    pub fn run(&self, command: &str, deadline: Duration) -> String {
        let number = self.questions.fetch_add(1, Ordering::SeqCst);
        // The shell's echo of the line has the quotes in it, its output has not.
        let (begin, end) = (format!("begin-{number}-"), format!("end-{number}-"));
        self.type_line(&format!(
            "echo 'begin-''{number}-'; {command}; echo 'end-''{number}-'"
        ));
        let why = format!("the guest's shell has run {command:?}");
        eventually(&why, deadline, || {
            let text = self.text();
            let (_, after) = text.split_once(&begin)?;
            let (output, _) = after.split_once(&end)?;
            Some(output.trim_start_matches('\n').to_owned())
        })
    }

    /// Types a line.
    pub fn type_line(&self, line: &str) {
        eventually("the console can be typed at", CONNECT, || {
            self.keyboard.type_line(line).ok()
        });
    }

    /// Shows everything on stdout, and types what comes from `keys`, line by line, for as long as this process lives.
    pub fn attach(&self, keys: impl Read + Send + 'static) {
        let (log, keyboard) = (self.log.clone(), self.keyboard.clone());
        thread::spawn(move || show(&log));
        thread::spawn(move || {
            for line in BufReader::new(keys).lines().map_while(Result::ok) {
                // While the machine is off, nobody reads.
                let _ = keyboard.type_line(&line);
            }
        });
    }
}

impl Keyboard {
    fn type_line(&self, line: &str) -> io::Result<()> {
        let mut kept = self.line.lock().expect("no holder panics");
        let line = format!("{line}\n");
        if let Some(old) = kept.as_mut() {
            if old.write_all(line.as_bytes()).is_ok() {
                return Ok(());
            }
        }
        let mut new = UnixStream::connect(&self.socket)?;
        // QEMU says everything here too, and stops the machine while nobody listens.
        let mut said = new.try_clone()?;
        thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        new.write_all(line.as_bytes())?;
        *kept = Some(new);
        Ok(())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(line) = &*self.line.lock().expect("no holder panics") {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
}

fn show(log: &Path) {
    let mut log = eventually("QEMU makes a log of the console", CONNECT, || {
        File::open(log).ok()
    });
    while io::copy(&mut log, &mut io::stdout()).is_ok() {
        let _ = io::stdout().flush();
        thread::sleep(Duration::from_millis(50));
    }
}
