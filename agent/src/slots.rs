//! The two root filesystems of a Pi's export, `slots/a` and `slots/b`, and what says which one is booted. What decides is pure
//! (`choice`); everything that touches the export goes through [`beneath`], since all of it is the tenant's to forge.
pub mod beneath;
pub mod boot_record;
pub mod change;
pub mod choice;
pub mod export_word;
pub mod layout;
pub mod mount;
mod slot;
pub mod trial_guard;

pub use slot::{ParseSlotError, Slot};
