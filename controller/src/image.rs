//! Images of operating systems, as an operator makes them: packed in one order, from folders, archives and disks' images, and surveyed as a Pi will read them. Knows no
//! catalogue and no key.
pub mod disk;
mod elf;
mod encode;
mod folder;
mod pack;
mod root;
mod survey;

pub use pack::{Left, pack_disk, pack_folder, pack_tar};
pub use survey::{Survey, survey};
