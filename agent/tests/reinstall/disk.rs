//! An export that fills up while an image is unpacked.
use std::fs;

use picket_proto::Reason;
use picketd::reinstall::wire::Event;

use crate::{
    image::Image,
    mounted::Mounted,
    rig::{Rig, Running, last},
    server::Gated,
};

#[test]
fn a_disk_that_is_full_in_the_middle_is_told_and_left_as_it_was() {
    for thousandths in [0, 100, 500, 900] {
        let rig = Rig::new(&Image::small(), "tar.zst");
        let _export = Mounted::over(rig.export(), "size=4m");
        fs::create_dir_all(rig.slot("a").join("etc")).unwrap();
        rig.mark_active();
        let before = rig.active();
        let server = Gated::start(rig.path("images"), thousandths);
        let mut order = rig.order();
        order.images = server.images();
        let mut running = Running::install(&order);
        server.wait();
        // Somebody else fills it.
        let filled = fs::write(rig.export().join("filler"), vec![7; 5 << 20]);
        assert!(filled.is_err(), "the disk isn't full");
        server.go_on();
        let events: Vec<_> = running.events().collect();
        let Event::Failed { reason, detail } = last(&events) else {
            panic!("{events:?}");
        };
        assert_eq!(*reason, Reason::NoRoom, "{detail}");
        assert!(detail.contains("full"), "{detail}");
        assert_eq!(rig.slots(), ["a"], "at {thousandths}");
        assert_eq!(rig.active(), before);
    }
}
