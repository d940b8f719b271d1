//! What is in a transaction log, damage included: [`inspect`].
//!
//! The log is read once, piece by piece; memory holds one entry a metric, not the rows. The summary is what the engine
//! itself would have: rows are folded through the same aggregation, and checkpoints only fill what is missing.

mod delivery;
mod facts;
mod series;
mod show;

pub use delivery::Delivery;
pub use facts::Facts;
use prost::Message;
use runwire_core::{metrics::Metrics, writer::Accounts};
use runwire_proto::{
    log::{Damage, DamageKind, HeaderError, LogEvent, LogReader},
    wire::{self, record::RecordType},
};
use series::Series;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Why a file can't be inspected at all. Damage inside a log is no error: it is in the report.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It can't be read.
    #[error("the file can't be read: {0}")]
    Read(#[from] io::Error),
    /// It is not a log, or one of a newer format.
    #[error("this is not a log that can be read: {0}")]
    Header(HeaderError),
}

/// What was found.
#[derive(Default)]
pub struct Report {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Records by type.
    pub records: BTreeMap<&'static str, u64>,
    /// Records that are no protobuf, or of a type that this version does not know.
    pub unreadable: u64,
    /// Highest number of a record.
    pub last_num: i64,
    /// What is damaged, in the order of the file.
    pub damage: Vec<Damage>,
    /// The file ends inside a record: it is still being written, or its writer died.
    pub incomplete: bool,
    /// The run, as the client last described it.
    pub run: Option<wire::RunRecord>,
    /// What the records say of the run's circumstances.
    pub facts: Facts,
    /// How the run ended; `None` if it has not.
    pub exit: Option<wire::RunExitRecord>,
    /// What the writer counted; `None` if the run has not ended or another program wrote the log.
    pub accounts: Option<Accounts>,
    /// What a server has of it.
    pub delivery: Delivery,
    /// Numbers of each metric, in the order of their first row.
    series: Vec<(String, Series)>,
    index: BTreeMap<String, usize>,
    rows: u64,
    metrics: Option<Metrics>,
}

/// Reads the log at `path`.
pub fn inspect(path: &Path) -> Result<Report, InspectError> {
    let mut report = Report { metrics: Some(Metrics::new(0)), delivery: Delivery::of(path), ..Report::default() };
    for_each_record(path, |event| match event {
        Found::Record(record) => report.take(*record),
        Found::Unreadable => report.unreadable += 1,
        Found::Damage(damage) => report.damage.push(damage),
        Found::Incomplete => report.incomplete = true,
        Found::Bytes(bytes) => report.bytes += bytes,
    })?;
    Ok(report)
}

/// One thing found in a log.
pub(crate) enum Found {
    Record(Box<(wire::Record, bytes::Bytes)>),
    Unreadable,
    Damage(Damage),
    /// The damage that follows is a cut at the end of the file.
    Incomplete,
    Bytes(u64),
}

/// Reads a log piece by piece and hands out what is in it.
pub(crate) fn for_each_record(path: &Path, mut found: impl FnMut(Found)) -> Result<(), InspectError> {
    let mut file = File::open(path)?;
    let mut reader = LogReader::new();
    let mut piece = vec![0; 256 << 10];
    let mut ended = false;
    loop {
        match reader.next() {
            LogEvent::Record { bytes, .. } => match wire::Record::decode(&bytes[..]) {
                Ok(record) if record.record_type.is_some() => found(Found::Record(Box::new((record, bytes)))),
                Ok(_) | Err(_) => found(Found::Unreadable),
            },
            LogEvent::Damage(damage) => {
                if damage.kind == DamageKind::Truncated {
                    found(Found::Incomplete);
                }
                found(Found::Damage(damage));
            }
            LogEvent::Fatal(error) => return Err(InspectError::Header(error)),
            LogEvent::NeedMore(_) if ended => return Ok(()),
            LogEvent::NeedMore(_) => match file.read(&mut piece)? {
                0 => {
                    reader.finish();
                    ended = true;
                }
                n => {
                    found(Found::Bytes(n as u64));
                    reader.push(&piece[..n]);
                }
            },
        }
    }
}

impl Report {
    /// Rows of history.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Records that are in the log.
    pub fn stored(&self) -> u64 {
        self.records.values().sum::<u64>() + self.unreadable
    }

    /// Numbers that were given to a record which is not in the log, be it refused or lost afterwards.
    pub fn missing(&self) -> u64 {
        u64::try_from(self.last_num).unwrap_or(0).saturating_sub(self.stored())
    }

    /// The summary of the run as JSON.
    pub fn summary_json(&self) -> String {
        self.metrics.as_ref().map(|metrics| metrics.summary_json(None)).unwrap_or_default()
    }

    // Most kinds of records are only counted.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn take(&mut self, (record, raw): (wire::Record, bytes::Bytes)) {
        self.last_num = self.last_num.max(record.num);
        // The client's own records carry the run's id; what the engine derived does not.
        let from_client = record.info.is_some();
        let Some(kind) = record.record_type else { return };
        *self.records.entry(name_of(&kind)).or_default() += 1;
        self.facts.take(&kind);
        let Some(metrics) = &mut self.metrics else { return };
        match kind {
            RecordType::History(history) => {
                metrics.fold(&history);
                self.rows += 1;
                history.item.iter().for_each(|item| self.note(item));
            }
            RecordType::Summary(summary) if from_client => drop(metrics.update_summary(&summary)),
            RecordType::Summary(summary) => metrics.fold_checkpoint(&summary),
            // What it can't take, the engine had refused as well.
            RecordType::Metric(metric) => drop(metrics.define(&metric)),
            RecordType::Run(run) => self.run = Some(run),
            RecordType::Exit(exit) => {
                self.exit = Some(exit);
                self.accounts = exit_body(&raw).and_then(Accounts::decode);
            }
            _ => {}
        }
    }

    fn note(&mut self, item: &wire::HistoryItem) {
        let key = if item.nested_key.is_empty() { item.key.clone() } else { item.nested_key.join(".") };
        let number = match &item.value {
            Some(wire::history_item::Value::Integer(value)) => Some(*value as f64),
            Some(wire::history_item::Value::Number(value)) => Some(*value),
            Some(_) => None,
            None => series::number(&item.value_json),
        };
        let at = *self.index.entry(key.clone()).or_insert_with(|| {
            self.series.push((key, Series::default()));
            self.series.len() - 1
        });
        self.series[at].1.push(number);
    }
}

/// The body of the exit record, with the fields that only this program knows.
#[allow(clippy::wildcard_enum_match_arm)]
fn exit_body(record: &bytes::Bytes) -> Option<&[u8]> {
    use runwire_proto::peek::{Fields, Value, record_kind};
    Fields::new(record).filter_map(Result::ok).find_map(|field| match field.value {
        Value::Bytes(body) if field.number == record_kind::EXIT => Some(body),
        _ => None,
    })
}

/// The name of a record's type in the protocol.
pub(crate) fn name_of(kind: &RecordType) -> &'static str {
    match kind {
        RecordType::History(_) => "history",
        RecordType::Summary(_) => "summary",
        RecordType::Output(_) => "output",
        RecordType::Config(_) => "config",
        RecordType::Files(_) => "files",
        RecordType::Stats(_) => "stats",
        RecordType::Artifact(_) => "artifact",
        RecordType::Tbrecord(_) => "tbrecord",
        RecordType::Alert(_) => "alert",
        RecordType::Telemetry(_) => "telemetry",
        RecordType::Metric(_) => "metric",
        RecordType::OutputRaw(_) => "output_raw",
        RecordType::Run(_) => "run",
        RecordType::Exit(_) => "exit",
        RecordType::Final(_) => "final",
        RecordType::Header(_) => "header",
        RecordType::Footer(_) => "footer",
        RecordType::Preempting(_) => "preempting",
        RecordType::NoopLinkArtifact(()) => "noop_link_artifact",
        RecordType::UseArtifact(_) => "use_artifact",
        RecordType::Environment(_) => "environment",
        RecordType::OutputLogger(_) => "output_logger",
        RecordType::Request(_) => "request",
    }
}
