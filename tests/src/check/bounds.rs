//! L9: whatever the weather, a run has few effects under way, and they carry little.

use std::collections::BTreeMap;

use runwire_core::service::ServiceOutput;
use runwire_core::{Effect, StreamKey};

use super::{Check, Moment};
use crate::sim::{Gift, Place, Seen};

/// Effects of a run at one time: each machine has one or two, and there are only a few files in these worlds.
const EFFECTS_MAX: usize = 40;

/// See above.
#[derive(Default)]
pub(super) struct Bounds {
    life: u64,
    open: BTreeMap<(StreamKey, u64), usize>,
}

impl Check for Bounds {
    fn law(&self) -> &'static str {
        "L9-bounds"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        if at.life != self.life {
            *self = Bounds { life: at.life, ..Bounds::default() };
        }
        let close = |open: &mut BTreeMap<(StreamKey, u64), usize>, place: &Place| {
            open.remove(&(place.key, place.id.0));
        };
        match seen {
            Seen::Ordered { place, effect } => {
                self.open.insert((place.key, place.id.0), carried(effect));
                let of_run = self.open.iter().filter(|((key, _), _)| *key == place.key);
                let (count, bytes) = of_run.fold((0, 0), |(count, bytes), (_, more)| (count + 1, bytes + more));
                // A batch may hold what came before the disk moved, and each queue is let grow by one message; what a
                // client may send at once is small here.
                let limits = &at.plan.limits;
                let most = limits.backlog_bytes_soft.max(limits.backlog_bytes_hard.min(1 << 20))
                    + limits.append_bytes_max
                    + limits.stream_push_bytes
                    + limits.stream_queue_bytes
                    + (1 << 20);
                if count > EFFECTS_MAX || bytes > most {
                    return Err(format!("{}: {count} effects that carry {bytes} bytes; {most} are allowed", place.key));
                }
            }
            Seen::Given { input: Gift::Completed(place, _), .. } => close(&mut self.open, place),
            Seen::Output(ServiceOutput::Cancel(key, id)) => {
                self.open.remove(&(*key, id.0));
            }
            Seen::Output(ServiceOutput::Ended(key, _)) => self.open.retain(|(of, _), _| of != key),
            _ => {}
        }
        Ok(())
    }
}

fn carried(effect: &Effect) -> usize {
    match effect {
        Effect::AppendLog { bytes, .. } | Effect::WriteFile { bytes, .. } | Effect::PatchFile { bytes, .. } => {
            bytes.len()
        }
        Effect::Http(request) => match &request.body {
            runwire_core::net::Body::Bytes(bytes) => bytes.len(),
            runwire_core::net::Body::Empty | runwire_core::net::Body::File { .. } => 0,
        },
        Effect::OpenLog { .. }
        | Effect::SyncLog { .. }
        | Effect::CloseLog
        | Effect::WriteSecret { .. }
        | Effect::LinkFile { .. }
        | Effect::TailFiles { .. }
        | Effect::SampleSystem(_)
        | Effect::ProbeSystem(_)
        | Effect::SaveCode { .. }
        | Effect::ReadFile { .. }
        | Effect::StatFiles { .. }
        | Effect::HashFile { .. } => 0,
    }
}
