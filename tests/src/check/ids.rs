//! L3: effects' ids only grow; each is answered at most once; second, unknown and wrong answers are refused.

use std::collections::{BTreeMap, BTreeSet};

use runwire_core::service::ServiceOutput;
use runwire_core::{EffectId, InputError, StreamKey};

use super::{Check, Moment};
use crate::sim::{Gift, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Ids {
    last: BTreeMap<StreamKey, EffectId>,
    open: BTreeSet<(StreamKey, EffectId)>,
    /// Runs that have begun and not ended: of uploads nobody says so.
    going: BTreeSet<StreamKey>,
    ended: BTreeSet<StreamKey>,
    life: u64,
    /// Answers that the core can know to be wrong: it was never asked, or was answered.
    closed: BTreeSet<(StreamKey, EffectId)>,
}

impl Check for Ids {
    fn law(&self) -> &'static str {
        "L3-ids"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        if at.life != self.life {
            *self = Ids { life: at.life, ..Ids::default() };
        }
        match seen {
            Seen::Ordered { place, .. } => {
                let last = self.last.insert(place.key, place.id);
                if last.is_some_and(|last| last >= place.id) {
                    return Err(format!("{} {} comes after {}", place.key, place.id, last.map_or(0, |id| id.0)));
                }
                if self.ended.contains(&place.key) {
                    return Err(format!("{} has ended and orders {}", place.key, place.id));
                }
                self.open.insert((place.key, place.id));
            }
            Seen::Output(ServiceOutput::Cancel(key, id)) => {
                if !self.open.remove(&(*key, *id)) {
                    return Err(format!("{key} {id} is cancelled and was not open"));
                }
            }
            Seen::Output(ServiceOutput::Started(key, _)) => drop(self.going.insert(*key)),
            Seen::Output(ServiceOutput::Ended(key, _)) => {
                self.going.remove(key);
                self.ended.insert(*key);
                if let Some((_, id)) = self.open.iter().find(|(of, _)| of == key) {
                    return Err(format!("{key} has ended and still waits for {id}"));
                }
            }
            Seen::Given { input: Gift::Completed(place, completion), outcome } => {
                let known = (place.key, place.id);
                let was_open = self.open.remove(&known);
                match outcome {
                    Ok(()) if was_open => drop(self.closed.insert(known)),
                    Ok(()) if self.closed.contains(&known) && self.going.contains(&place.key) => {
                        return Err(format!(
                            "{} {} was answered twice, by {completion}, and that was taken",
                            place.key, place.id
                        ));
                    }
                    Ok(()) => {}
                    Err(InputError::NotDrained) => {
                        return Err("the world has drained, and the core says it has not".into());
                    }
                    Err(error) if was_open => return Err(format!("{completion} answers an open effect, and {error}")),
                    Err(_) => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}
