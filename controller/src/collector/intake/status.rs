//! A status: a claim about the machine, cut to size and told when it changes. Knows no other kind of message.
use picket_proto::Status;

use super::{Intake, cut_text};
use crate::collector::{Refusal, Update};

impl Intake<'_> {
    pub(super) fn status(&mut self, mut status: Status) -> Result<(), Refusal> {
        cut(&mut status);
        if self.device.status.as_deref() != Some(&status) {
            self.updates.push(Update::Status {
                device: self.device.id,
                status: Box::new(status.clone()),
            });
            self.device.status = Some(Box::new(status));
        }
        Ok(())
    }
}

fn cut(status: &mut Status) {
    let texts = [
        &mut status.agent_version,
        &mut status.model,
        &mut status.kernel,
        &mut status.os,
        &mut status.architecture,
        &mut status.last_detail,
    ];
    for text in texts.into_iter().flatten() {
        cut_text(text);
    }
    if let Some(lifeboat) = &mut status.lifeboat {
        cut_text(&mut lifeboat.reason);
    }
    if let Some(features) = &mut status.features {
        features.iter_mut().for_each(cut_text);
    }
    if let Some(sensors) = &mut status.sensors {
        for sensor in sensors {
            cut_text(&mut sensor.name);
        }
    }
    status.unknown.clear();
}
