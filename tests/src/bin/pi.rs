//! An emulated Pi to play with: it boots, its console is shown and typed at here, and Ctrl-C ends it. `make pi` starts it.
use anyhow::Context;
use picket_test_keys::TestKey;
use picket_tests::{
    binaries,
    pi::{Machine, Pi},
};

fn main() -> anyhow::Result<()> {
    let machine = match std::env::args().nth(1).as_deref() {
        None | Some("virt") => Machine::Virt,
        Some("raspi3b") => Machine::Raspi3b,
        Some(other) => anyhow::bail!("{other:?} is no machine: there are virt and raspi3b"),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_io().build();
    let runtime = runtime.context("cannot wait for signals")?;
    let key = TestKey::new(1);
    let pi = Pi::builder(machine)
        .obeying(&key)
        .periods("10s", "10s")
        .switch_on();
    introduce(&pi, &key);
    pi.console().attach(std::io::stdin());
    runtime.block_on(tokio::signal::ctrl_c())?;
    println!("\nThe Pi is switched off.");
    Ok(())
}

fn introduce(pi: &Pi, key: &TestKey) {
    let operator = pi.operator(key);
    println!(
        "This terminal is the console of an emulated Pi with picketd; its root is an NFS export, here {}.\n\
         Ctrl-C switches it off. In another terminal:\n\n  \
         export PICKET_BROKER={} PICKET_ACTOR=anna\n  \
         export PICKET_KEY={} PICKET_AUDIT={}\n  \
         alias picket={}\n  \
         picket watch\n  \
         picket query {id}\n  \
         picket reboot {id}\n",
        pi.export().path().display(),
        pi.broker().url(),
        operator.key().display(),
        operator.audit().display(),
        binaries::picket().display(),
        id = pi.id(),
    );
}
