//! A run that is alive is heard of: between two pushes that the server takes lies no longer time than a heartbeat, as long as
//! nothing goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use runwire_core::net::Purpose;
use runwire_core::service::ServiceOutput;
use runwire_core::{Completion, Effect, Instant, StreamKey};

use super::{Check, Moment};
use crate::sim::{Gift, Place, Seen};

/// Half a minute, as the server wants it, and some time for the way.
const LONGEST: Duration = Duration::from_secs(33);

/// See above.
#[derive(Default)]
pub(super) struct Heartbeats {
    life: u64,
    pushes: BTreeMap<Place, bool>,
    /// The last push of each run that was taken; none once a push went wrong or the end was told.
    last: BTreeMap<StreamKey, Instant>,
    started: BTreeMap<StreamKey, bool>,
}

impl Check for Heartbeats {
    fn law(&self) -> &'static str {
        "heartbeats"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        if at.life != self.life {
            *self = Heartbeats { life: at.life, ..Heartbeats::default() };
        }
        match seen {
            Seen::Output(ServiceOutput::Started(key, _)) => drop(self.started.insert(*key, true)),
            Seen::Output(ServiceOutput::Ended(key, _)) => {
                self.last.remove(key);
                self.started.remove(key);
            }
            Seen::Ordered { place, effect: Effect::Http(request) } if request.purpose == Purpose::FileStream => {
                let ends = matches!(&request.body, runwire_core::net::Body::Bytes(body) if is_end(body));
                self.look(at, place.key)?;
                self.last.remove(&place.key);
                self.pushes.insert(*place, ends);
            }
            Seen::Given { input: Gift::Completed(place, completion), outcome: Ok(()) } => {
                let Some(ends) = self.pushes.remove(place) else { return Ok(()) };
                let taken = matches!(completion, Completion::Http(response) if response.is_success());
                if taken && !ends && self.started.contains_key(&place.key) {
                    self.last.insert(place.key, at.now);
                }
            }
            // Who has given up says nothing.
            Seen::Output(ServiceOutput::Notice(Some(key), notice)) if notice.message.starts_with("Not everything") => {
                self.last.remove(key);
                self.started.remove(key);
            }
            // Time jumps, and nobody could have said anything.
            Seen::Slept => self.last.clear(),
            Seen::Drained(_) => {
                let keys: Vec<StreamKey> = self.last.keys().copied().collect();
                return keys.into_iter().try_for_each(|key| self.look(at, key));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Heartbeats {
    fn look(&self, at: &Moment<'_>, key: StreamKey) -> Result<(), String> {
        match self.last.get(&key).map(|last| at.now.since(*last)) {
            Some(silence) if silence > LONGEST => {
                Err(format!("{key} has said nothing for {silence:?}, and nothing was wrong"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The push that says how the run ended.
fn is_end(body: &[u8]) -> bool {
    body.windows(b"\"complete\":true".len()).any(|part| part == b"\"complete\":true")
}
