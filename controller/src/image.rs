//! Images of operating systems, as an operator makes them: packed in one order, and surveyed as a Pi will read them. Knows no
//! catalogue and no key.
mod elf;
mod encode;
mod pack;
mod survey;

pub use pack::{Left, pack_folder, pack_tar};
pub use survey::{Survey, survey};
