//! The log on the disk only grows: what an append was reported done for is there ever after, byte for byte, until a power cut.
//! Before the exit is answered, all of it is on the device, if the policy says so.

use std::collections::BTreeMap;

use runwire_core::service::ServiceOutput;
use runwire_core::writer::SyncPolicy;
use runwire_core::{Completion, Effect, StreamKey};

use super::{Check, Moment};
use crate::sim::{Fault, Gift, Place, Said, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Durable {
    ordered: BTreeMap<Place, (u64, bytes::Bytes)>,
    /// Bytes of each log that were reported as written, and how many of them were seen in the file.
    written: BTreeMap<(u64, StreamKey), Vec<u8>>,
}

impl Check for Durable {
    fn law(&self) -> &'static str {
        "durable-prefix"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Ordered { place, effect: Effect::AppendLog { at: offset, bytes } } => {
                let so_far = self.written.entry((place.life, place.key)).or_default().len() as u64;
                if *offset != so_far {
                    return Err(format!("{} appends at {offset}; {so_far} bytes are written", place.key));
                }
                self.ordered.insert(*place, (*offset, bytes.clone()));
            }
            Seen::Given { input: Gift::Completed(place, Completion::Appended), outcome: Ok(()) } => {
                if let Some((offset, bytes)) = self.ordered.remove(place) {
                    let log = self.written.entry((place.life, place.key)).or_default();
                    // An answer that came too late for the core is followed by the same append again.
                    if offset as usize == log.len() {
                        log.extend_from_slice(&bytes);
                    }
                }
            }
            Seen::Answered { said: Some(Said::Exit(_)), client, good: true, .. } => {
                let Some(life) = at.model.lives.iter().rev().find(|life| {
                    life.service == at.life
                        && life.exited.is_none()
                        && life.said.iter().any(|(_, said)| matches!(said, Said::Exit(_)))
                }) else {
                    return Ok(());
                };
                let faulty = [
                    Fault::SyncError,
                    Fault::LostSync,
                    Fault::AppendError,
                    Fault::AppendFull,
                    Fault::AppendTorn,
                    Fault::DiskHang,
                    Fault::OutcomeLost,
                ];
                let may_fail = faulty.iter().any(|fault| at.counts.of(*fault) > 0);
                if at.plan.policy.sync == SyncPolicy::Never || may_fail || at.plan.runs.len() > 1 {
                    return Ok(());
                }
                let Some(file) = at.disk.file(&life.log) else { return Ok(()) };
                if file.durable < file.data.len() {
                    return Err(format!(
                        "{client}: the exit is answered, and only {} of {} bytes are on the device",
                        file.durable,
                        file.data.len()
                    ));
                }
            }
            Seen::Output(ServiceOutput::Cancel(key, id)) => {
                drop(self.ordered.remove(&Place { life: at.life, key: *key, id: *id }))
            }
            Seen::Drained(_) => return self.compare(at),
            Seen::Crashed { power: true } => self.written.clear(),
            _ => {}
        }
        Ok(())
    }
}

impl Durable {
    fn compare(&self, at: &Moment<'_>) -> Result<(), String> {
        for ((life, key), written) in &self.written {
            if *life != at.life {
                continue;
            }
            let Some(path) = at.logs.and_then(|logs| logs.get(key)) else { continue };
            let data = at.disk.file(path).map_or(&[][..], |file| &file.data);
            // The end is what changes; the rest was compared when it was the end.
            let from = written.len().saturating_sub(256);
            if data.get(from..written.len()) != Some(&written[from..]) {
                return Err(format!("{path}: {} bytes were written, and are not in the file any more", written.len()));
            }
        }
        Ok(())
    }
}
