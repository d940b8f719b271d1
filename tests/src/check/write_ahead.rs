//! L7: no row is sent to the server before the append that holds it is done.

use std::collections::BTreeMap;

use runwire_core::net::{Body, Purpose};
use runwire_core::service::ServiceOutput;
use runwire_core::{Completion, Effect, StreamKey};
use runwire_proto::log::{LogEvent, LogReader};

use super::{Check, Moment};
use crate::sim::{Gift, Place, Seen};

/// Number of history rows in the appended part of a log.
struct Written {
    reader: LogReader,
    upto: u64,
    rows: u64,
    /// Offset of the first line that was sent.
    base: Option<u64>,
}

/// See above.
#[derive(Default)]
pub(super) struct WriteAhead {
    ordered: BTreeMap<Place, (u64, bytes::Bytes)>,
    written: BTreeMap<(u64, StreamKey), Written>,
}

impl Check for WriteAhead {
    fn law(&self) -> &'static str {
        "L7-write-ahead"
    }

    fn see(&mut self, moment: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Ordered { place, effect: Effect::AppendLog { at, bytes } } => {
                self.ordered.insert(*place, (*at, bytes.clone()));
            }
            Seen::Given { input: Gift::Completed(place, Completion::Appended), outcome: Ok(()) } => {
                let Some((at, bytes)) = self.ordered.remove(place) else { return Ok(()) };
                let fresh = || Written { reader: LogReader::new(), upto: 0, rows: 0, base: None };
                let written = self.written.entry((place.life, place.key)).or_insert_with(fresh);
                if at == written.upto {
                    written.upto += bytes.len() as u64;
                    written.push(&bytes);
                }
            }
            Seen::Output(ServiceOutput::Cancel(key, id)) => {
                self.ordered.remove(&Place { life: moment.life, key: *key, id: *id });
            }
            Seen::Ordered { place, effect: Effect::Http(request) } if request.purpose == Purpose::FileStream => {
                let Some(written) = self.written.get_mut(&(place.life, place.key)) else { return Ok(()) };
                let Body::Bytes(body) = &request.body else { return Ok(()) };
                let Some((offset, count)) = rows_of(body) else { return Ok(()) };
                let base = *written.base.get_or_insert(offset);
                let last = offset + count;
                if last > base + written.rows {
                    return Err(format!(
                        "{} sends rows up to {last} from {base}; the log holds {} so far",
                        place.key, written.rows
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Written {
    fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
        loop {
            match self.reader.next() {
                LogEvent::Record { bytes: record, .. } => {
                    // A history record is field 2 of a record, and records that the core makes have it first or after its number.
                    let seen = runwire_proto::peek::record(&record).ok();
                    self.rows += u64::from(seen.and_then(|seen| seen.kind) == Some(2));
                }
                LogEvent::Damage(_) => {}
                LogEvent::NeedMore(_) | LogEvent::Fatal(_) => return,
            }
        }
    }
}

/// Offset and number of the history rows of a push.
fn rows_of(body: &[u8]) -> Option<(u64, u64)> {
    let push: serde_json::Value = serde_json::from_slice(body).ok()?;
    let file = &push["files"]["wandb-history.jsonl"];
    Some((file["offset"].as_u64()?, file["content"].as_array()?.len() as u64))
}
