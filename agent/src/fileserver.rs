//! Picket on the file server, while a Pi is off: its slots are filled and wiped there, so that nothing that its last tenant could touch
//! takes part in what the next one gets. Everything is done beneath the export, through [`crate::slots::beneath`]: all in it is the
//! tenant's to forge. What was done is recorded where he can't.
mod content;
pub mod record;
pub mod signs;
pub mod wipe;

pub use content::Content;
