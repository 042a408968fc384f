//! Reinstall, from the image that is staged to the one that runs and stays: arming, the way down, trial, commit, and what a start makes of
//! it.
//!
//! Safety-order: the journal says that it will be armed before the boot record does; the boot record is committed before the journal says
//! so, for the boot record alone decides what boots.
use picket_proto::{OperationId, Reason, State};

use super::{
    Action, Machine, Step, Turn,
    keep_old::other,
    reinstall::{AGAIN_MS, Found, Stage},
};
use crate::command::{BootRecordSaid, Slots};

impl Machine {
    /// What became of the boot record.
    pub(super) fn boot_record(&mut self, said: BootRecordSaid, now_ms: u64) {
        let Some(one) = &self.reinstall else {
            return;
        };
        let operation = one.operation;
        match (&one.stage, said) {
            (Stage::Armed, BootRecordSaid::Written) => self.armed(operation, now_ms),
            (Stage::Armed, BootRecordSaid::Failed(words)) => {
                let detail = format!(
                    "the boot record can't be written, and the next boot is as before: {words}"
                );
                self.end_reinstall(Turn::failed(Reason::BootRecord, detail));
            }
            (Stage::Committing, BootRecordSaid::Written) => {
                if let Slots::Are(standing) = &mut self.slots {
                    standing.trial = None;
                }
                self.go_to(Stage::Committed, State::Committed);
            }
            (Stage::Committing, BootRecordSaid::Failed(words)) => self.not_committed(words, now_ms),
            (Stage::Armed | Stage::Committing, BootRecordSaid::Silent) => {
                let detail =
                    "the boot record's disk doesn't answer; nothing else is begun until it does";
                let turn = Turn::to(State::Unknown).saying(detail.to_owned());
                self.turn(operation, turn, now_ms);
            }
            _ => {}
        }
    }

    /// The boot record is to be written.
    pub(super) fn arm(&mut self) {
        if let Some(one) = &mut self.reinstall {
            one.stage = Stage::Armed;
            let (slot, operation) = (one.kept.slot, one.operation);
            self.steps.push(Step::Do(Action::Arm { slot, operation }));
        }
    }

    /// The broker has the report that the image runs: so the link works both ways, and the image is good.
    pub(super) fn trial_is_told(&mut self, operation: OperationId) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        if one.operation == operation && matches!(one.stage, Stage::Trial) {
            one.stage = Stage::Committing;
            one.until_ms = None;
            self.steps.push(Step::Do(Action::Commit));
        }
    }

    /// The machine was to go down and is still up: the next boot is into the image, whoever brings it about.
    pub(super) fn reinstall_stays_up(&mut self, operation: OperationId, words: &str, now_ms: u64) {
        self.reboot.take_if(|one| one.operation == operation);
        let detail = format!(
            "the machine stays up: {words}; the next boot is into the image: switch its port off and on"
        );
        self.turn(operation, Turn::to(State::Rebooting).saying(detail), now_ms);
    }

    /// The image stays: what ran before is removed, unless it is to be kept.
    pub(super) fn clean(&mut self, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let (operation, kept) = (one.operation, one.kept.clone());
        if kept.keep_old {
            let words = self.how_long_kept(operation);
            self.warn(operation, &words);
            return self.end_reinstall(Turn::to(State::Succeeded));
        }
        one.stage = Stage::Cleaning;
        self.turn(operation, Turn::to(State::Cleaning), now_ms);
        let old = other(kept.slot);
        self.steps.push(Step::Do(Action::Remove(Some(old))));
    }

    pub(super) fn reinstall_is_late(&mut self, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        if let Stage::Found(found) = &one.stage {
            let found = found.clone();
            return self.go_on(found, now_ms);
        }
        if one.until_ms.is_some_and(|until| until <= now_ms) && matches!(one.stage, Stage::Trial) {
            one.until_ms = None;
            one.stage = Stage::Committing;
            self.steps.push(Step::Do(Action::Commit));
        }
        self.pay();
    }

    fn armed(&mut self, operation: OperationId, now_ms: u64) {
        if let Some(one) = &mut self.reinstall {
            one.stage = Stage::GoingDown;
        }
        self.turn(operation, Turn::to(State::Armed), now_ms);
        self.go_down_for(operation, now_ms);
    }

    fn not_committed(&mut self, words: String, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        one.stage = Stage::Trial;
        one.until_ms = Some(now_ms.saturating_add(AGAIN_MS));
        let operation = one.operation;
        let detail =
            format!("it can't be committed, which is tried again until the trial is over: {words}");
        self.turn(operation, Turn::to(State::Trial).saying(detail), now_ms);
    }

    /// What a process before this one had begun.
    fn go_on(&mut self, found: Found, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let operation = one.operation;
        match found {
            Found::Interrupted => {
                let detail = "picketd or the machine ended while the image was installed; nothing of it is left: order it again under another id";
                self.sweep(Turn::failed(Reason::Worker, detail.to_owned()));
            }
            Found::Hold => one.stage = Stage::Held,
            Found::Arm => self.go_to(Stage::Arming, State::Armed),
            Found::Trial => {
                one.stage = Stage::Trial;
                self.turn(operation, Turn::to(State::Trial), now_ms);
            }
            Found::Clean => self.go_to(Stage::Committed, State::Committed),
            Found::RolledBack(why) => {
                let detail =
                    format!("the image was not found good, and the slot before runs again: {why}");
                let turn = Turn {
                    state: State::RolledBack,
                    ..Turn::failed(Reason::Trial, detail)
                };
                self.end_reinstall(turn);
            }
            Found::Capped => {
                let detail = "it lasted more boots than it may, and the slot before runs; look at the Pi's boot record".to_owned();
                self.end_reinstall(Turn::failed(Reason::Cap, detail));
            }
        }
    }
}
