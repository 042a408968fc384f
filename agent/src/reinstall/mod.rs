//! Installing an image into the idle slot, in a child process of its own with limits of its own: nothing of it is in the agent that
//! samples. The agent knows [`wire`] alone.

pub mod catalogue;
pub mod wire;
