//! An order over many Pis, pure: who is asked for a nonce, who is signed for, what is offered again, what is believed, and when
//! it is over. It is given messages, signatures and the time, and returns what to do. Knows no MQTT, no key, no clock, no file.
//!
//! One Pi goes this way (every arrow to *over* is told, and with which word):
//!
//! ```text
//!             begun              pong                 signed              report, final
//!   Waiting ─────────▶ Pinging ────────▶ Ready ▶ Signing ────▶ Offered ─────────────────────────▶ Over
//!      ▲                │ ▲  ▲                     │            │ │ ▲ │ every 10 s: offered again    ▲
//!      │ halted, and    │ │  │ every 3 s: ping     │            │ │ └─┘                              │
//!      │ nothing signed │ │  └──                   │            │ │                                  │
//!      └────────────────┘ └────────────────────────┼────────────┘ │ timeout                          │
//!                           stale nonce, expired:  │              ├─────────────────────────────────▶│
//!                           ping and sign again    │ can't sign   │ and a reboot, silent, power can  │
//!                                                  └──────────────┼─ be cut ▶ Cycling ─▶ Offered,    │
//!                                                                 │           once more until timeout│
//!                                                                 └──────────────────────────────────┘
//! ```
//!
//! Invariant: all commands of a reboot that are signed for a Pi name the same boot, the first one seen. A Pi in another boot
//! answers that it succeeded, and never acts; so however often a command is offered, it reboots once.
mod advice;
mod input;
mod judge;
mod news;
mod order;
mod pi;
mod roll;
mod turn;

pub use input::Input;
pub use news::{News, Word};
pub use order::{Aim, AtFailure, Before, Ending, Order, Pace, Power, Signing, Wait};
pub use pi::{Phase, Pi};
pub use roll::Roll;
pub use turn::Action;

/// A command may be accepted this long after the pong that it answers, in ms: time enough to touch a key.
pub const VALIDITY_MS: u64 = 120_000;
/// With [`Wait::FirstWord`], how long a Pi may be silent after the broker confirmed the command, in ms.
pub const WORD_PATIENCE_MS: u64 = 10_000;
/// The value of [`Pace::silence_ms`] for everybody: a shorter silence doesn't tell a healthy Pi from a dead one.
pub const SILENCE_MS: u64 = 60_000;
/// For one Pi at most this many commands are signed.
pub const MAX_SIGNATURES: u32 = 8;

#[cfg(test)]
mod tests;
