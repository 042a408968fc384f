//! From how an order ended on its Pis to an exit code.
use crate::{cmd::Exit, operate::Ending};

/// The exit code of all endings: their own when they are of one kind, else that some failed.
pub(super) fn exit(endings: &[Ending]) -> Exit {
    let mut exits: Vec<_> = endings.iter().map(|ending| exit_of(*ending)).collect();
    exits.dedup();
    match exits[..] {
        [] => Exit::Succeeded,
        [exit] => exit,
        _ => Exit::Partly,
    }
}

fn exit_of(ending: Ending) -> Exit {
    match ending {
        Ending::Succeeded | Ending::Accepted | Ending::Offered => Exit::Succeeded,
        Ending::Refused => Exit::Refused,
        Ending::Failed => Exit::Failed,
        Ending::RolledBack => Exit::RolledBack,
        Ending::TimedOut => Exit::TimedOut,
        Ending::Cancelled | Ending::NotStarted | Ending::Left => Exit::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_one_kind_have_their_exit_code_and_others_are_partly() {
        use Ending::{
            Accepted, Cancelled, Failed, Left, NotStarted, Offered, Refused, RolledBack, Succeeded,
            TimedOut,
        };
        for (endings, code) in [
            (&[Succeeded][..], 0),
            (&[Succeeded, Accepted, Offered], 0),
            (&[Refused], 10),
            (&[Failed, Failed], 11),
            (&[RolledBack], 12),
            (&[TimedOut], 13),
            (&[Cancelled, NotStarted, Left], 14),
            (&[Succeeded, Failed], 15),
            (&[Refused, NotStarted], 15),
            (&[Succeeded, Failed, Succeeded], 15),
        ] {
            assert_eq!(exit(endings) as u8, code, "{endings:?}");
        }
    }
}
