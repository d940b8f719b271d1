//! The end of a run goes in the protocol's order: files before the last push, rows before the word that the run is over, the
//! log written before it is forced to the device, and that before it is closed.

use std::collections::BTreeMap;

use runwire_core::net::{Body, Purpose};
use runwire_core::service::ServiceOutput;
use runwire_core::{Effect, EffectKind, StreamKey};

use super::{Check, Moment};
use crate::sim::{Fault, Gift, Place, Seen};

/// What is known of a run's end.
#[derive(Default)]
struct End {
    open: BTreeMap<Place, EffectKind>,
    transfers: BTreeMap<Place, Purpose>,
    told: bool,
    /// Somebody's patience is over, or the end was cut short: then the rest is left out.
    cut_short: bool,
}

/// See above.
#[derive(Default)]
pub(super) struct Order {
    life: u64,
    ends: BTreeMap<StreamKey, End>,
}

impl Check for Order {
    fn law(&self) -> &'static str {
        "order-of-the-end"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        if at.life != self.life {
            *self = Order { life: at.life, ..Order::default() };
        }
        match seen {
            Seen::Output(ServiceOutput::Notice(Some(key), notice))
                if notice.message.contains("waited") || notice.message.contains("after the exit") =>
            {
                self.ends.entry(*key).or_default().cut_short = true;
            }
            Seen::Ordered { place, effect } => {
                let end = self.ends.entry(place.key).or_default();
                end.ordered(at, *place, effect)?;
                end.open.insert(*place, effect.kind());
            }
            Seen::Given { input: Gift::Completed(place, _), outcome: Ok(()) } => self.close(place),
            Seen::Output(ServiceOutput::Cancel(key, id)) => self.close(&Place { life: at.life, key: *key, id: *id }),
            _ => {}
        }
        Ok(())
    }
}

impl Order {
    fn close(&mut self, place: &Place) {
        if let Some(end) = self.ends.get_mut(&place.key) {
            end.open.remove(place);
            end.transfers.remove(place);
        }
    }
}

impl End {
    fn ordered(&mut self, at: &Moment<'_>, place: Place, effect: &Effect) -> Result<(), String> {
        let key = place.key;
        match effect {
            Effect::SyncLog { .. } | Effect::CloseLog
                if self.open.values().any(|kind| *kind == EffectKind::AppendLog) =>
            {
                // One sync after each append may overlap the next append.
                let overlaps = matches!(effect, Effect::SyncLog { .. })
                    && at.plan.policy.sync == runwire_core::writer::SyncPolicy::EachAppend;
                let slow =
                    [Fault::DiskHang, Fault::OutcomeLost, Fault::DiskSlow].iter().any(|fault| at.counts.of(*fault) > 0);
                if !overlaps && !slow {
                    return Err(format!("{key}: {effect} while an append is under way"));
                }
            }
            Effect::Http(request) if matches!(request.purpose, Purpose::PutFile | Purpose::CreateRunFiles) => {
                if self.told && !self.cut_short {
                    return Err(format!("{key}: {:?} after the server was told that the run is over", request.purpose));
                }
                self.transfers.insert(place, request.purpose);
            }
            Effect::Http(request) if request.purpose == Purpose::FileStream => {
                let Body::Bytes(body) = &request.body else { return Ok(()) };
                let Ok(push) = serde_json::from_slice::<serde_json::Value>(body) else { return Ok(()) };
                let rows = push["files"]["wandb-history.jsonl"]["content"].as_array().map_or(0, Vec::len);
                if push["complete"] == true {
                    self.told = true;
                    if let Some(purpose) = self.transfers.values().next().filter(|_| !self.cut_short) {
                        return Err(format!("{key}: the run is over for the server, and {purpose:?} is under way"));
                    }
                } else if self.told && rows > 0 && at.counts.of(Fault::ServerError) == 0 {
                    return Err(format!("{key}: {rows} rows after the server was told that the run is over"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
