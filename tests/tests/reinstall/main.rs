//! A reinstall from the operator's command line to the slot that runs: the real picket, a real Mosquitto, the real picketd with its
//! child, images from a real HTTP server, keys and signatures of ssh-keygen's. Only the boot is none. These tests need root.
mod bed;
mod contained;
mod faults;
mod full;
mod hostile;
mod keep_old;
mod recovery;
mod way;
