//! A report: a transition of an operation, told as it comes. Nothing is kept of it: whoever ordered the operation follows it.
use picket_proto::Report;

use super::{Intake, cut_text, within};
use crate::collector::{Refusal, Update};

/// A report has room for this many warnings here.
const WARNINGS: usize = 16;

impl Intake<'_> {
    pub(super) fn report(&mut self, mut report: Report) -> Result<(), Refusal> {
        // Agents never let the broker keep one, so it isn't theirs.
        if self.arrival.retained {
            return Ok(());
        }
        within(report.boottime_ms.unwrap_or_default(), "boottime")?;
        let texts = [&mut report.detail, &mut report.actor];
        texts.into_iter().flatten().for_each(cut_text);
        if let Some(warnings) = &mut report.warnings {
            warnings.truncate(WARNINGS);
            warnings.iter_mut().for_each(cut_text);
        }
        report.unknown.clear();
        self.updates.push(Update::Report {
            device: self.device.id,
            report: Box::new(report),
        });
        Ok(())
    }
}
