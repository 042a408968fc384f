//! Acting on the machine: going down, looking whether anything speaks against it, and blinking. It doesn't know who wants it.

/// What the host has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// The preflight is over.
    Preflighted(Preflight),
    /// The way down takes this step now.
    Rung(String),
    /// A tree's machine is down: the process must end, with exit code 0.
    Down,
    /// Every step was tried, and the machine is still up; why each failed.
    Stayed(String),
    /// It blinks for the time that was asked for, or has ended; or why it can't.
    Identified(Result<(), String>),
}

/// What speaks against a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preflight {
    /// The reason that a user of the machine gave for not rebooting it (`run/picket/inhibit`), at most 256 bytes, without
    /// control characters.
    pub inhibited: Option<String>,
    /// What an operator should know, and is no obstacle.
    pub warnings: Vec<String>,
}

/// The machine, as the owner loop sees it. Nothing here blocks; answers come as events.
pub trait Host {
    /// Looks whether anything speaks against a reboot. [`HostEvent::Preflighted`] follows within 2 s.
    fn preflight(&mut self);
    /// Goes down. [`HostEvent::Rung`]s follow, and [`HostEvent::Down`] or [`HostEvent::Stayed`], unless the machine is down
    /// before. A second call while the first is under way is ignored.
    fn reboot(&mut self);
    /// Blinks for so many seconds from now; 0 ends it. [`HostEvent::Identified`] follows at once.
    fn identify(&mut self, seconds: u16);
    /// Ends the blinking: for the orderly stop.
    fn stop(&mut self);
    /// The next event; it also makes the LED blink, so it must be waited for. Cancel-safe.
    fn event(&mut self) -> impl Future<Output = HostEvent>;
}
