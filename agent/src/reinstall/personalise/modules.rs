//! The modules of the kernel that runs. It comes from the TFTP server and stays the same whatever the image is, so an image that lacks
//! its modules gets them from the slot that runs, if they are there.
use crate::tree::Tree;

use super::Error;

/// The kernel that will run the image.
#[derive(Debug)]
pub struct Kernel {
    /// Its release, as `uname -r` says it.
    pub release: String,
    /// Where its modules are now, if they are anywhere.
    pub modules: Option<Tree>,
}

/// depmod's index: without it a folder of modules is of no use.
const INDEX: &str = "modules.dep";

/// Copies them if the image has none for this kernel. Gives a warning if there are none at all.
///
/// # Errors
/// They can't be copied.
pub(super) fn copy(tree: &Tree, kernel: &Kernel) -> Result<Option<String>, Error> {
    let to = format!("lib/modules/{}", kernel.release);
    if tree.has_file(&format!("{to}/{INDEX}"))? {
        return Ok(None);
    }
    let Some(modules) = &kernel.modules else {
        return Ok(Some(format!(
            "the image has no modules for the running kernel ({}), and there are none here to copy",
            kernel.release
        )));
    };
    tree.copy(modules, &to)?;
    Ok(None)
}
