//! What a start does with a reinstall that the journal says is under way: by the recorded state, by whether the machine was booted since,
//! and by what runs now. What this agent can't have left behind is told, and never guessed about.
use picket_proto::{OperationId, RootSlot, State};

use super::{
    MOST_BOOTS, Machine, Operation,
    recovery::{Boot, Then},
    reinstall::{Found, Reinstalling, Stage},
    reinstall_record::REINSTALL,
};
use crate::{
    command::{Slots, Standing},
    journal::Reinstalled,
};

/// What runs, as the reinstall sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// The slot that was there before.
    Before,
    /// The image, on trial.
    OnTrial,
    /// The image, committed.
    Image,
    /// Neither: the rescue system.
    Rescue,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Interrupted,
    Hold,
    /// Arm it; but roll it back where the boot record says that its trial is over.
    Arm,
    Trial,
    Clean,
    Impossible,
}

#[rustfmt::skip]
fn row(state: State, boot: Boot, runs: Runs) -> Row {
    use Runs::{Before, Image, OnTrial, Rescue};
    match (state,         boot,          runs) {
        // The child was at work.
        (State::Preflight, _,             Before | Rescue)  => Row::Interrupted,
        (State::Staged,    _,             Before | Rescue)  => Row::Hold,
        // The boot record may not have been written yet, or the trial is over.
        (State::Armed,     _,             Before | Rescue)  => Row::Arm,
        (State::Armed,     Boot::Changed, OnTrial)          => Row::Trial,
        // The commit is the boot record's; the journal was to hear of it.
        (State::Armed,     Boot::Changed, Image)            => Row::Clean,
        (State::Committed, _,             Image)            => Row::Clean,
        _                                                   => Row::Impossible,
    }
}

impl Machine {
    /// What becomes of the reinstall that is recorded there.
    pub(super) fn go_on_with(&mut self, at: usize, boot: Boot) -> Then {
        let recorded = self.record.operations[at];
        let kept = self.record.reinstall.clone();
        let kept = kept.filter(|kept| kept.operation == recorded.operation);
        let standing = match &self.slots {
            Slots::Missing(_) => return Then::Leave,
            Slots::Are(standing) => standing.clone(),
        };
        let (Some(kept), None) = (kept, &self.reinstall) else {
            return Then::Impossible;
        };
        let fallback = standing.fallback.clone();
        let why = fallback.filter(|(operation, _)| *operation == recorded.operation);
        let found = match (row(recorded.state, boot, runs(&standing, &kept)), why) {
            (Row::Interrupted, _) => Found::Interrupted,
            (Row::Hold, _) => Found::Hold,
            (Row::Arm, Some((_, why))) => Found::RolledBack(why),
            (Row::Arm, None) => Found::Arm,
            (Row::Trial, _) => Found::Trial,
            (Row::Clean, _) => Found::Clean,
            (Row::Impossible, _) => return Then::Impossible,
        };
        let boots = recorded
            .boots
            .saturating_add(u8::from(boot == Boot::Changed));
        let found = match found {
            Found::Arm if boots > MOST_BOOTS => Found::Capped,
            found => found,
        };
        let entry = &mut self.record.operations[at];
        (entry.boots, entry.boot) = (boots, self.boot);
        self.reinstall = Some(Reinstalling::new(*kept, Stage::Found(found)));
        Then::GoOn
    }

    /// A slot on trial of which the journal knows nothing, as when it was filled on the file server: it is judged like any other.
    pub(super) fn recover_trial(&mut self) {
        let Slots::Are(Standing {
            mounted,
            trial: Some(operation),
            ..
        }) = &self.slots
        else {
            return;
        };
        let (slot, operation) = (*mounted, *operation);
        if self.reinstall.is_some() || self.known.get(operation).is_some() {
            return;
        }
        let kept = Reinstalled {
            operation,
            slot,
            keep_old: true,
            digest: [0; 32],
            image: String::new(),
            host_keys: Vec::new(),
        };
        let active = self.active();
        self.known.push(found(operation), &active);
        self.reinstall = Some(Reinstalling::new(kept, Stage::Found(Found::Trial)));
    }

    /// The image that runs, if the journal knows it.
    pub(in crate::command) fn image(&self) -> Option<&str> {
        let kept = self.record.reinstall.as_ref()?;
        let Slots::Are(standing) = &self.slots else {
            return None;
        };
        let known = self.known.get(kept.operation)?;
        let runs = standing.mounted == kept.slot && known.state != State::Failed;
        (runs && !kept.image.is_empty()).then_some(&kept.image)
    }

    pub(in crate::command) fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(super) fn host_keys_of(&self, operation: OperationId) -> Vec<String> {
        let kept = self.record.reinstall.as_ref();
        kept.filter(|kept| kept.operation == operation)
            .map_or(Vec::new(), |kept| kept.host_keys.clone())
    }
}

fn runs(standing: &Standing, kept: &Reinstalled) -> Runs {
    match standing.mounted {
        RootSlot::Rescue | RootSlot::Other(_) => Runs::Rescue,
        mounted if mounted != kept.slot => Runs::Before,
        _ if standing.trial == Some(kept.operation) => Runs::OnTrial,
        _ => Runs::Image,
    }
}

fn found(operation: OperationId) -> Operation {
    Operation {
        id: operation,
        action: REINSTALL,
        fingerprint: 0,
        actor: None,
        state: State::Trial,
        reason: None,
        detail: None,
        warnings: Vec::new(),
        host_keys: Vec::new(),
        hold: false,
        since_ms: None,
        transitions: 0,
    }
}
