//! Sums over all operations of one mount, and what was added since the last capture of mountstats. Text in, sums out.
//!
//! Most lines are the same from one capture to the next, and parsing them would cost more than everything else that the
//! agent does in a tick. So the part with the operations is compared, and only lines that differ are parsed.
//!
//! The sums begin with the kernel's own and then only grow: what a remount set back to 0 is added on top, and a counter
//! that wrapped at 32 or 64 bits goes on.
use picket_proto::Gap;

use super::mountstats::{self, OpCounters};

/// Sums since the first capture, plus what the kernel had counted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Operations that completed.
    pub ops: u64,
    /// Transmissions beyond the first of each operation.
    pub retransmits: u64,
    /// Major timeouts.
    pub timeouts: u64,
    /// Operations that ended in an error; `None` before Linux 5.3.
    pub errors: Option<u64>,
    /// Connections that the transports made; `None` if no transport connects (UDP).
    pub connects: Option<u64>,
    queue_ms: u64,
    rtt_ms: u64,
    execute_ms: u64,
}

/// What happened between two captures. Times are sums in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Operations that completed.
    pub ops: u64,
    /// Time that they waited to be sent.
    pub queue_ms: u64,
    /// Time from sending to the answer.
    pub rtt_ms: u64,
    /// Time from their start to their end.
    pub execute_ms: u64,
}

/// The counters of one mount.
#[derive(Debug, Default)]
pub struct NfsCounters {
    /// The part with the operations, of the last capture.
    last: Vec<u8>,
    ops: Vec<Op>,
    /// Connects by transport, in the order of the lines.
    transports: Vec<Option<u64>>,
    /// What `transports` held before, kept for its memory.
    spare: Vec<Option<u64>>,
    /// Seconds since the mount.
    age: Option<u64>,
    totals: Totals,
    /// Where the search for an operation's name begins: lines keep their order.
    hint: usize,
}

#[derive(Debug)]
struct Op {
    name: Box<[u8]>,
    counters: OpCounters,
}

/// What one capture adds.
#[derive(Default)]
struct Added {
    /// To counters that the last capture had too.
    since: Totals,
    /// By lines that were not there before: these may have been counted at any time.
    first_seen: Totals,
    reset: bool,
}

impl NfsCounters {
    /// Takes a capture, `text` beginning with the first line after the mount's header; it may go on with other mounts.
    /// Malformed lines are passed over: their counters stay at what was known.
    ///
    /// # Errors
    /// [`Gap::Garbled`] if it has no operations at all. Otherwise the sums are up to date, and [`Gap::FirstInterval`] or
    /// [`Gap::Reset`] (a remount) says why there is no interval.
    pub fn update(&mut self, text: &[u8]) -> Result<Interval, Gap> {
        let first = self.ops.is_empty();
        let mut added = self.compare(text)?;
        if added.reset {
            self.ops.clear();
            self.last.clear();
            self.transports.clear();
            self.age = None;
            added = self.compare(text)?;
            added.reset = true;
        }
        self.totals.add(&added.since);
        self.totals.add(&added.first_seen);
        if first {
            return Err(Gap::FirstInterval);
        }
        if added.reset {
            return Err(Gap::Reset);
        }
        Ok(Interval {
            ops: added.since.ops,
            queue_ms: added.since.queue_ms,
            rtt_ms: added.since.rtt_ms,
            execute_ms: added.since.execute_ms,
        })
    }

    /// The sums as of the last capture.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn compare(&mut self, text: &[u8]) -> Result<Added, Gap> {
        let (head, ops) = split_at_ops(text).ok_or(Gap::Garbled)?;
        let mut added = Added::default();
        self.take_head(head, &mut added);
        self.take_ops(ops, &mut added);
        if self.ops.is_empty() {
            self.transports.clear();
            self.age = None;
            return Err(Gap::Garbled);
        }
        Ok(added)
    }

    fn take_head(&mut self, mut head: &[u8], added: &mut Added) {
        let mut transports = std::mem::take(&mut self.spare);
        transports.clear();
        while !head.is_empty() {
            let (line, rest) = split_line(head);
            head = rest;
            if let Some(transport) = mountstats::transport(line) {
                transports.push(transport.connects);
            } else if let Some(age) = mountstats::age(line) {
                added.reset |= self.age.is_some_and(|last| is_younger(last, age));
                self.age = Some(age);
            }
        }
        self.take_transports(transports, added);
    }

    /// Lines have no name, so they are matched by their order while there are as many as before. Otherwise counting
    /// begins anew: nobody can say which of them came or went, and a connection that comes is no reconnect.
    fn take_transports(&mut self, now: Vec<Option<u64>>, added: &mut Added) {
        if self.transports.is_empty() {
            let connects = now.iter().copied().fold(None, sum);
            added.first_seen.connects = sum(added.first_seen.connects, connects);
        } else if self.transports.len() == now.len() {
            for (last, now) in self.transports.iter().zip(&now) {
                added.since.connects = sum(added.since.connects, connects_since(*last, *now));
            }
        } else if now.is_empty() {
            // Every mount has a transport: its line could not be understood.
            self.spare = now;
            return;
        }
        self.spare = std::mem::replace(&mut self.transports, now);
    }

    /// Walks through this capture's operations and the last one's side by side.
    fn take_ops(&mut self, text: &[u8], added: &mut Added) {
        self.hint = 0;
        let last = std::mem::take(&mut self.last);
        let (mut now, mut before) = (text, &last[..]);
        loop {
            let same = same_lines(now, before);
            (now, before) = (&now[same..], &before[same..]);
            if !now.first().is_some_and(u8::is_ascii_whitespace) {
                break;
            }
            let (line, next) = split_line(now);
            if let Some((name, counters)) = mountstats::op(line) {
                self.take_op(name, counters, added);
            }
            (now, before) = (next, split_line(before).1);
        }
        self.last = last;
        self.last.clear();
        self.last.extend_from_slice(&text[..text.len() - now.len()]);
    }

    fn take_op(&mut self, name: &[u8], now: OpCounters, added: &mut Added) {
        let is_it = |op: &Op| *op.name == *name;
        let (before, after) = self.ops.split_at(self.hint);
        let found = after
            .iter()
            .position(is_it)
            .map(|at| at + self.hint)
            .or_else(|| before.iter().position(is_it));
        let Some(at) = found else {
            added.first_seen.count(&OpCounters::default(), &now);
            self.ops.push(Op {
                name: name.into(),
                counters: now,
            });
            return;
        };
        self.hint = at + 1;
        let last = std::mem::replace(&mut self.ops[at].counters, now);
        added.reset |= added.since.count(&last, &now).is_none();
    }
}

impl Totals {
    /// Adds what one operation's counters grew by. None, with half of it added, if one of them went back.
    fn count(&mut self, last: &OpCounters, now: &OpCounters) -> Option<()> {
        let ops = difference(last.ops, now.ops)?;
        let transmissions = difference(last.transmissions, now.transmissions)?;
        self.ops = self.ops.wrapping_add(ops);
        self.retransmits = self
            .retransmits
            .wrapping_add(transmissions.saturating_sub(ops));
        let timeouts = difference(last.timeouts, now.timeouts)?;
        self.timeouts = self.timeouts.wrapping_add(timeouts);
        let queue = difference(last.queue_ms, now.queue_ms)?;
        self.queue_ms = self.queue_ms.wrapping_add(queue);
        let rtt = difference(last.rtt_ms, now.rtt_ms)?;
        self.rtt_ms = self.rtt_ms.wrapping_add(rtt);
        let execute = difference(last.execute_ms, now.execute_ms)?;
        self.execute_ms = self.execute_ms.wrapping_add(execute);
        if let Some(errors) = now.errors {
            let since = difference(last.errors.unwrap_or(0), errors)?;
            self.errors = sum(self.errors, Some(since));
        }
        Some(())
    }

    fn add(&mut self, more: &Self) {
        self.ops = self.ops.wrapping_add(more.ops);
        self.retransmits = self.retransmits.wrapping_add(more.retransmits);
        self.timeouts = self.timeouts.wrapping_add(more.timeouts);
        self.errors = sum(self.errors, more.errors);
        self.connects = sum(self.connects, more.connects);
    }
}

/// A count that went back is that of a new connection, which made all of its connects since.
fn connects_since(last: Option<u64>, now: Option<u64>) -> Option<u64> {
    let (last, now) = (last.unwrap_or(0), now?);
    Some(difference(last, now).unwrap_or(now))
}

/// True if a mount of age `now` can't be the one that had age `last` before, both in seconds. The kernel counts its age in
/// jiffies; where these have 32 bits, the age begins again at 0, after 49 days at 1000 Hz and 497 at 100 Hz.
pub(crate) fn is_younger(last: u64, now: u64) -> bool {
    const HOUR: u64 = 3600;
    let wrapped = |hz| {
        let most = u64::from(u32::MAX) / hz;
        (most - HOUR..=most).contains(&last) && now < HOUR
    };
    now < last && ![100, 250, 300, 1000].into_iter().any(wrapped)
}

/// How much a counter grew. One that stood in the last quarter of 32 or 64 bits and stands in the first quarter now has
/// wrapped; every other way back is none.
pub(crate) fn difference(last: u64, now: u64) -> Option<u64> {
    if now >= last {
        return Some(now - last);
    }
    let wrapped = |max: u64| last <= max && last > max / 4 * 3 && now < max / 4;
    if wrapped(u32::MAX.into()) {
        return Some(now + (u64::from(u32::MAX) - last) + 1);
    }
    wrapped(u64::MAX).then(|| now.wrapping_sub(last))
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.wrapping_add(b)),
        (one, None) | (None, one) => one,
    }
}

/// The first line without its end, and what follows it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

/// A mount's lines before `per-op statistics`, and what follows that line. None if the mount ends before.
fn split_at_ops(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    while rest.first().is_some_and(u8::is_ascii_whitespace) {
        let (line, next) = split_line(rest);
        if line.trim_ascii_start().starts_with(b"per-op statistics") {
            return Some((&text[..text.len() - rest.len()], next));
        }
        rest = next;
    }
    None
}

/// How many leading bytes are the same in both and end with a line.
fn same_lines(now: &[u8], before: &[u8]) -> usize {
    let same = common_prefix(now, before);
    memchr::memrchr(b'\n', &now[..same]).map_or(0, |end| end + 1)
}

/// How many leading bytes are the same in both, in blocks first: here an agent spends most of its instructions.
fn common_prefix(mut a: &[u8], mut b: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let whole = a.len();
    while let (Some((x, rest_a)), Some((y, rest_b))) =
        (a.split_first_chunk::<BLOCK>(), b.split_first_chunk())
    {
        if x != y {
            break;
        }
        (a, b) = (rest_a, rest_b);
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    whole - a.len() + same
}

#[cfg(test)]
mod tests;
