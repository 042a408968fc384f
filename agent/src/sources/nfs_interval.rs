//! What two captures of mountstats say together: each operation of each NFS mount, between them or since the mount.
//! Captures go in, rows come out; nothing is read or printed here.
use super::{
    mountstats::OpCounters,
    nfs_counters::{difference, is_younger},
    nfs_mounts::Mount,
};

/// Which time the rows of a mount stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// From the mount to the only capture.
    Lifetime,
    /// Between the two captures.
    Interval,
    /// From the mount to the second capture: its age or a counter went back, so it was mounted anew between the two.
    Reset,
    /// From the mount to the second capture: the first one didn't have it.
    New,
    /// From the mount to the second capture: the first one has the mount, but none of its operations.
    NothingInCommon,
}

/// The rows of one mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountRows {
    /// Which time they stand for.
    pub covers: Covers,
    /// Operations that did anything in that time, by the kernel's order.
    pub rows: Vec<(String, OpCounters)>,
    /// All of them together.
    pub total: OpCounters,
}

/// The rows of a mount since it was mounted.
#[must_use]
pub fn lifetime(mount: &Mount) -> MountRows {
    rows(Covers::Lifetime, mount.ops.clone())
}

/// The rows of a mount (`now`, of the second capture) since the first capture. Operations that the first capture lacks
/// are left out: when they were counted can't be told.
#[must_use]
pub fn between(first: &[Mount], now: &Mount) -> MountRows {
    let is_it = |mount: &&Mount| mount.mountpoint == now.mountpoint && mount.device == now.device;
    let Some(last) = first.iter().find(is_it) else {
        return rows(Covers::New, now.ops.clone());
    };
    match compare(last, now) {
        Compared::Grew(added) => rows(Covers::Interval, added),
        Compared::WentBack => rows(Covers::Reset, now.ops.clone()),
        Compared::Strangers => rows(Covers::NothingInCommon, now.ops.clone()),
    }
}

/// What a mount's later counters are to its earlier ones.
enum Compared {
    /// The same mount's, grown by so much.
    Grew(Vec<(String, OpCounters)>),
    /// Those of another mount at the same place.
    WentBack,
    /// Of other operations altogether.
    Strangers,
}

fn compare(last: &Mount, now: &Mount) -> Compared {
    let ages = last.age.zip(now.age);
    if ages.is_some_and(|(last, now)| is_younger(last, now)) {
        return Compared::WentBack;
    }
    let mut added = Vec::new();
    for (name, now) in &now.ops {
        let Some((_, last)) = last.ops.iter().find(|(last, _)| last == name) else {
            continue;
        };
        let Some(op) = op_between(last, now) else {
            return Compared::WentBack;
        };
        added.push((name.clone(), op));
    }
    if added.is_empty() && !now.ops.is_empty() {
        return Compared::Strangers;
    }
    Compared::Grew(added)
}

/// The mean of a sum in ms over operations, in ms with three decimals; none without operations.
#[must_use]
pub fn mean_ms(sum_ms: u64, ops: u64) -> Option<f64> {
    let microseconds = (u128::from(sum_ms) * 1000 + u128::from(ops) / 2).checked_div(ops.into())?;
    Some(microseconds as f64 / 1000.0)
}

fn rows(covers: Covers, mut rows: Vec<(String, OpCounters)>) -> MountRows {
    let mut total = OpCounters::default();
    rows.iter().for_each(|(_, op)| add(&mut total, op));
    rows.retain(|(_, op)| op.ops > 0 || op.transmissions > 0 || op.timeouts > 0);
    MountRows {
        covers,
        rows,
        total,
    }
}

fn op_between(last: &OpCounters, now: &OpCounters) -> Option<OpCounters> {
    Some(OpCounters {
        ops: difference(last.ops, now.ops)?,
        transmissions: difference(last.transmissions, now.transmissions)?,
        timeouts: difference(last.timeouts, now.timeouts)?,
        queue_ms: difference(last.queue_ms, now.queue_ms)?,
        rtt_ms: difference(last.rtt_ms, now.rtt_ms)?,
        execute_ms: difference(last.execute_ms, now.execute_ms)?,
        errors: match now.errors {
            Some(errors) => Some(difference(last.errors.unwrap_or(0), errors)?),
            None => None,
        },
    })
}

fn add(total: &mut OpCounters, op: &OpCounters) {
    total.ops = total.ops.wrapping_add(op.ops);
    total.transmissions = total.transmissions.wrapping_add(op.transmissions);
    total.timeouts = total.timeouts.wrapping_add(op.timeouts);
    total.queue_ms = total.queue_ms.wrapping_add(op.queue_ms);
    total.rtt_ms = total.rtt_ms.wrapping_add(op.rtt_ms);
    total.execute_ms = total.execute_ms.wrapping_add(op.execute_ms);
    if let Some(errors) = op.errors {
        total.errors = Some(total.errors.unwrap_or(0).wrapping_add(errors));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_a_remount_and_a_new_mount_are_told_apart() {
        let first = [mount("/", &[("READ", 10), ("WRITE", 5), ("NULL", 0)])];
        for (now, covers, rows, total) in [
            (
                mount("/", &[("READ", 13), ("WRITE", 5), ("NULL", 0)]),
                Covers::Interval,
                vec![("READ", 3)],
                3,
            ),
            (
                mount("/", &[("READ", 13), ("NEW", 9)]),
                Covers::Interval,
                vec![("READ", 3)],
                3,
            ),
            (
                mount("/", &[("READ", 11), ("WRITE", 2)]),
                Covers::Reset,
                vec![("READ", 11), ("WRITE", 2)],
                13,
            ),
            (
                mount("/mnt", &[("READ", 4)]),
                Covers::New,
                vec![("READ", 4)],
                4,
            ),
        ] {
            let found = between(&first, &now);
            let counts: Vec<_> = found
                .rows
                .iter()
                .map(|(name, op)| (name.as_str(), op.ops))
                .collect();
            assert_eq!(
                (found.covers, counts, found.total.ops),
                (covers, rows, total)
            );
        }
        assert_eq!(lifetime(&first[0]).total.ops, 15);
        assert_eq!(lifetime(&first[0]).rows.len(), 2);
    }

    #[test]
    fn a_mean_has_three_decimals_and_needs_an_operation() {
        for (sum, ops, mean) in [
            (0, 0, None),
            (7, 0, None),
            (0, 3, Some(0.0)),
            (10, 3, Some(3.333)),
            (20, 3, Some(6.667)),
        ] {
            assert_eq!(mean_ms(sum, ops), mean, "{sum}/{ops}");
        }
    }

    fn mount(mountpoint: &str, ops: &[(&str, u64)]) -> Mount {
        let op = |&(name, ops): &(&str, u64)| {
            let counters = OpCounters {
                ops,
                transmissions: ops,
                ..OpCounters::default()
            };
            (name.to_owned(), counters)
        };
        Mount {
            device: "127.0.0.1:/srv".to_owned(),
            mountpoint: mountpoint.to_owned(),
            ops: ops.iter().map(op).collect(),
            ..Mount::default()
        }
    }
}
