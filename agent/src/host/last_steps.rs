//! The steps of the way down that need nothing but the kernel: the ladder without its first one. For whoever sees a machine hang that
//! systemd was asked to bring down.
use super::{ladder::kernel_alone, real::Machine};
use crate::world::World;

/// The steps, got hold of while everything still works.
#[derive(Debug)]
pub struct LastSteps(Machine);

impl LastSteps {
    /// Gets hold of them.
    ///
    /// # Errors
    /// Why this process must not bring this machine down.
    pub fn open(world: &World) -> Result<Self, String> {
        Machine::open(world).map(Self)
    }

    /// Takes them, and tells each before. It comes back only if the machine is still up: why each failed.
    pub fn take(&self, tell: impl FnMut(String)) -> String {
        kernel_alone(&mut *self.0.ladder(), tell)
    }
}
