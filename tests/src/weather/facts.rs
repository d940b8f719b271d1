//! What a log holds and what a server holds, as the numbers of their rows.
//! Must not know how either came to be.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use prost::Message;
use runwire_local::{Counters, Server};
use runwire_proto::log::{LogEvent, LogReader};
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{HistoryRecord, Record};

use crate::bench::error::{BenchError, Doing, Result};

/// Where the runs of the measured clients are on a server.
pub const PLACE: (&str, &str) = ("e", "p");

const WINDOW: usize = 1 << 16;

/// A run as its log has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `_step` of every row.
    pub steps: BTreeSet<u64>,
    /// Rows whose step another row has as well.
    pub twice: u64,
    /// Places at which bytes are not a record.
    pub damages: u64,
}

/// A run as its server has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Served {
    /// `_step` of every row.
    pub steps: BTreeSet<u64>,
    /// Rows whose step another row has as well.
    pub twice: u64,
    /// What happened on the way.
    pub counters: Counters,
}

impl Logged {
    /// Reads a log in pieces: it may be larger than memory should be. A part of a record at the end is no damage.
    pub fn read(path: &Path) -> Result<Logged> {
        let what = || format!("reading {}", path.display());
        let mut file = File::open(path).doing(what())?;
        let mut piece = vec![0; 1 << 20];
        let (mut reader, mut logged) = (LogReader::new(), Logged::default());
        loop {
            match reader.next() {
                LogEvent::Record { bytes, .. } => {
                    let record = Record::decode(bytes)
                        .map_err(|error| BenchError::Answer { what: "the log's records", why: error.to_string() })?;
                    if let Some(RecordType::History(row)) = record.record_type
                        && !logged.steps.insert(step(&row)?)
                    {
                        logged.twice += 1;
                    }
                }
                LogEvent::Damage(_) => logged.damages += 1,
                LogEvent::Fatal(error) => {
                    return Err(BenchError::Answer { what: "the log's header", why: error.to_string() });
                }
                LogEvent::NeedMore(_) => match file.read(&mut piece).doing(what())? {
                    0 => return Ok(logged),
                    count => reader.push(&piece[..count]),
                },
            }
        }
    }
}

impl Served {
    /// What a server has of a run whose steps are below `end`; nothing if it does not know the run.
    pub fn ask(server: &Server, run: &str, end: u64) -> Served {
        server.with_backend(|backend| {
            let place = [PLACE.0, PLACE.1, run];
            let Some(counters) = backend.counters(place) else { return Served::default() };
            let mut served = Served { counters, ..Served::default() };
            // By windows as wide as the chart has columns, so that no two steps share a column.
            for from in (0..end).step_by(WINDOW) {
                let limits = (from as f64, (from + WINDOW as u64 - 1) as f64);
                for column in backend.chart(place, "_step", None, limits, WINDOW).unwrap_or_default() {
                    served.steps.insert(column.x.0 as u64);
                    served.twice += column.count - 1;
                }
            }
            served
        })
    }
}

fn step(row: &HistoryRecord) -> Result<u64> {
    let found = row.item.iter().find(|item| item.key == "_step" || item.nested_key == ["_step"]);
    found
        .and_then(|item| item.value_json.parse().ok())
        .ok_or_else(|| BenchError::Answer { what: "the log's rows", why: "a row without a _step".into() })
}
