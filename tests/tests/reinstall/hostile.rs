//! Orders and catalogues that must come to nothing, each refused for its own reason, and the machine as it was.
use std::fs;

use picket_proto::{
    Action, Channel, Command, OperationId, Reason, Reinstall, Report, State,
    image::{Catalogue, Digest},
};
use picket_tests::{
    image_server::Place,
    images::ssh_keygen,
    raw_operator::{Retain, operation},
};

use crate::bed::Bed;

/// The digest of an image of the catalogue.
fn digest(bed: &Bed, name: &str) -> [u8; 32] {
    let text = bed.pi.images.catalogue()[0].1.clone();
    let catalogue: Result<Catalogue, _> = picketd::reinstall::catalogue::parse(&text);
    let images = catalogue.expect("picket wrote it").images;
    let image = images.iter().find(|image| image.name == name);
    let Digest(digest) = image.expect("it was added").sha256;
    digest
}

fn wish(image: &str, digest: [u8; 32]) -> Reinstall {
    Reinstall {
        image: image.to_owned(),
        digest,
        hostname: None,
        ssh_keys: Vec::new(),
        hold: true,
        discard_old: false,
        keep_old_days: 0,
    }
}

/// How an order of that ends.
fn end_of(bed: &Bed, wish: Reinstall) -> Report {
    let raw = &bed.pi.raw;
    let command = raw.command(bed.pi.device(), Action::Reinstall(wish));
    raw.offer(&command);
    raw.wait_for_end(bed.pi.device(), command.operation)
}

fn comes_to_nothing(bed: &Bed, why: &str, wish: Reinstall, reason: Reason, words: &str) {
    let end = end_of(bed, wish);
    let detail = end.detail.unwrap_or_default();
    println!("{why}: {detail}");
    assert_eq!(
        (end.state, end.reason),
        (Some(State::Failed), Some(reason)),
        "{why}: {detail}"
    );
    assert!(detail.contains(words), "{why}: no {words:?} in {detail}");
    bed.is_as_before();
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a list of attempts, each on what the one before left"
)]
fn catalogues_and_images_that_nobody_vouches_for_are_refused() {
    let bed = Bed::start();
    let images = &bed.pi.images;
    let debian = digest(&bed, "debian");
    let good = || wish("debian", debian);
    let first = images.catalogue();
    let put_back = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        for (path, bytes) in files {
            fs::write(path, bytes).expect("the folder is writable");
        }
    };
    let [_, (signature, _)] = &first;
    // Without programs, which would show for which machines they are.
    let texts = bed.pi.folder.path().join("texts");
    fs::create_dir_all(texts.join("etc")).expect("the folder is writable");
    let foreign = match picket_tests::images::architecture() {
        "amd64" => "arm64",
        _ => "amd64",
    };
    images.pack_for(foreign, "foreign", &texts);
    images.publish("foreign");
    let newest = images.catalogue();
    let foreign = wish("foreign", digest(&bed, "foreign"));
    comes_to_nothing(
        &bed,
        "another machine's",
        foreign,
        Reason::Architecture,
        "can't run",
    );
    // From here on the Pi has seen the newest one.
    put_back(&first);
    comes_to_nothing(
        &bed,
        "an older catalogue",
        good(),
        Reason::CatalogueOld,
        "version 1",
    );
    put_back(&newest);
    comes_to_nothing(
        &bed,
        "a digest that isn't in it",
        wish("debian", [7; 32]),
        Reason::UnknownImage,
        "order it again",
    );
    comes_to_nothing(
        &bed,
        "a name that isn't in it",
        wish("windows", debian),
        Reason::UnknownImage,
        "no image of that name",
    );
    fs::write(signature, "").expect("the folder is writable");
    comes_to_nothing(
        &bed,
        "an unsigned catalogue",
        good(),
        Reason::Catalogue,
        "sign",
    );
    fs::remove_file(signature).expect("the folder is writable");
    comes_to_nothing(
        &bed,
        "one without a signature",
        good(),
        Reason::Fetch,
        "404",
    );
    let stranger = ssh_keygen(bed.pi.folder.path(), "stranger");
    images.sign_by_hand(&stranger, "picket-image@1");
    comes_to_nothing(
        &bed,
        "a stranger's catalogue",
        good(),
        Reason::Catalogue,
        "SHA256:",
    );
    // A key that may order can't bring an image of its own.
    images.sign_by_hand(&bed.pi.operator.key(), "picket-image@1");
    comes_to_nothing(
        &bed,
        "an operator's catalogue",
        good(),
        Reason::Catalogue,
        "picket-image@1",
    );
    images.sign_by_hand(images.key(), "file");
    comes_to_nothing(
        &bed,
        "one signed for else",
        good(),
        Reason::Catalogue,
        "namespace",
    );
    images.sign_by_hand(images.key(), "picket-image@1");
    let mut changed = newest[0].1.clone();
    changed.extend_from_slice(b"# a word more\n");
    fs::write(&newest[0].0, changed).expect("the folder is writable");
    comes_to_nothing(
        &bed,
        "one that was changed",
        good(),
        Reason::Catalogue,
        "sign",
    );
    put_back(&newest);
    bed.holds(good());
}

/// Each is refused, as said, and nothing happens.
fn is_refused(bed: &Bed, why: &str, command: &Command, reason: Reason) {
    let raw = &bed.pi.raw;
    raw.offer(command);
    let said = raw.wait_for_report(bed.pi.device(), why, |report| {
        (report.operation, report.state, report.reason)
            == (Some(command.operation), Some(State::Refused), Some(reason))
    });
    println!("{why}: {}", said.detail.unwrap_or_default());
}

#[test]
fn orders_that_may_not_or_can_not_be_carried_out_are_refused() {
    let bed = Bed::start();
    let (raw, device) = (&bed.pi.raw, bed.pi.device());
    let good = || Action::Reinstall(wish("debian", digest(&bed, "debian")));
    let activate = |operation| Action::Activate { operation };
    // The clerk has anna's key, and may only operate.
    let clerk = bed.pi.operator.renamed("clerk");
    let catalogue = bed.pi.images.folder().display().to_string();
    let order = ["reinstall", "pi-01", "--image", "debian", "--json"];
    let nobodys = operation().to_string();
    let activation = ["activate", &nobodys, "pi-01", "--json"];
    for order in [
        &[&order[..], &["--catalogue", &catalogue]].concat()[..],
        &activation,
    ] {
        let outcome = clerk.run(order);
        assert_eq!(outcome.code, Some(10), "{outcome:#?}");
        let end = outcome.end_of(&device.to_string());
        assert_eq!(end["reason"], "wrong_namespace", "{end:#}");
    }
    let identified = raw.command(device, Action::Identify { seconds: 0 });
    raw.offer(&identified);
    raw.wait_for_end(device, identified.operation);
    let failed = raw.command(device, Action::Reinstall(wish("debian", [7; 32])));
    raw.offer(&failed);
    raw.wait_for_end(device, failed.operation);
    for (why, action, reason) in [
        (
            "activates nothing",
            activate(operation()),
            Reason::UnknownOperation,
        ),
        (
            "activates what blinks",
            activate(identified.operation),
            Reason::TooLate,
        ),
        (
            "activates what failed",
            activate(failed.operation),
            Reason::TooLate,
        ),
        (
            "names a path",
            Action::Reinstall(wish("../../etc", [7; 32])),
            Reason::OutOfRange,
        ),
    ] {
        is_refused(&bed, why, &raw.command(device, action), reason);
    }
    bed.is_as_before();
    // Beside one that is under way, and of one that doesn't hold yet.
    bed.pi.server.hold(Place::Archive);
    let running = raw.command(device, good());
    raw.offer(&running);
    bed.pi.server.wait_for_held();
    is_refused(
        &bed,
        "a second one",
        &raw.command(device, good()),
        Reason::Busy,
    );
    let early = raw.command(device, activate(running.operation));
    is_refused(&bed, "activates what is unpacked", &early, Reason::TooLate);
    let reboot = raw.command(device, Action::Reboot { force: true });
    is_refused(&bed, "reboots meanwhile", &reboot, Reason::Busy);
    // The same id for something else.
    let reused = Command {
        operation: running.operation,
        ..raw.command(device, Action::Reinstall(wish("debian", [7; 32])))
    };
    is_refused(&bed, "an id again", &reused, Reason::OperationReused);
    let cancel = raw.command(
        device,
        Action::Cancel {
            operation: running.operation,
        },
    );
    raw.offer(&cancel);
    raw.wait_for_report(device, "it is given up", is(&running, State::Cancelled));
    bed.pi.server.go_on();
    bed.is_as_before();
}

#[test]
fn an_order_that_comes_again_or_that_the_broker_kept_does_nothing() {
    let bed = Bed::start();
    let (raw, device) = (&bed.pi.raw, bed.pi.device());
    let reinstall = Action::Reinstall(wish("debian", digest(&bed, "debian")));
    let kept = raw.command(device, reinstall.clone());
    // The agent hears it only from what the broker kept.
    bed.pi.init.with_agent(|agent| {
        agent.process().terminate();
        raw.publish(
            device,
            Channel::Command,
            raw.key().frame(&kept),
            Retain::Yes,
        );
        raw.settle();
        agent.restart();
    });
    raw.wait_for_report(device, "it was kept", |report| {
        (report.operation, report.reason) == (Some(kept.operation), Some(Reason::Retained))
    });
    raw.publish(device, Channel::Command, Vec::new(), Retain::Yes);
    bed.is_as_before();
    // One that was given up comes again, as it was, and for whoever asks it is what it was.
    let held = raw.command(device, reinstall);
    raw.offer(&held);
    raw.wait_for_report(device, "it holds", is(&held, State::Staged));
    let operation = held.operation;
    raw.offer(&raw.command(device, Action::Cancel { operation }));
    raw.wait_for_report(device, "it is given up", is(&held, State::Cancelled));
    bed.wait_until_empty();
    let told = raw.reports(device).len();
    for _ in 0..3 {
        raw.offer(&held);
    }
    raw.settle();
    raw.ping(device);
    let later = raw.reports(device).split_off(told);
    assert!(
        !later.is_empty() && later.iter().all(is(&held, State::Cancelled)),
        "{later:?}"
    );
    assert_eq!(bed.pi.child(), None);
    let activation = raw.command(device, Action::Activate { operation });
    is_refused(
        &bed,
        "activates what was given up",
        &activation,
        Reason::TooLate,
    );
    // So does an activation, after a boot too: nothing is armed by it.
    bed.pi.cut_power();
    // It hears nothing before it answers.
    let boot = raw.ping(device).boot;
    raw.offer(&held);
    raw.offer(&activation);
    raw.wait_for_report(device, "it is known in the new boot", |report| {
        (report.operation, report.boot, report.state)
            == (Some(operation), Some(boot), Some(State::Cancelled))
    });
    let record = bed.pi.boot_record();
    assert_eq!((record.trial, bed.pi.slots()), (None, vec!["a".to_owned()]));
}

/// Whether a report says that of it.
fn is(command: &Command, state: State) -> impl Fn(&Report) -> bool {
    let operation: OperationId = command.operation;
    move |report| (report.operation, report.state) == (Some(operation), Some(state))
}
