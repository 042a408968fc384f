//! The emulated Pi boots from NFS, and its agent is heard.
use std::{io::Write, time::Instant};

use picket_tests::pi::{Machine, Pi};

#[test]
fn a_pi_on_an_nfs_root_is_heard() {
    let start = Instant::now();
    let pi = Pi::builder(Machine::Virt).start();
    say(&format!(
        "virt: {:?} from power to the first tick",
        start.elapsed()
    ));
    let tick = pi.wait_for_tick_of_boot(1);
    assert_eq!(tick["device"], pi.id().to_string());
    assert!(tick["readings"]["nfs_ops"].as_u64() > Some(50), "{tick:#}");
}

/// Measurements belong into the log of a test that passes, too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
