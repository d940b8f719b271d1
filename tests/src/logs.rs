//! A plain reader of transaction logs (`.wandb` files), independent of the code under test.
//!
//! It follows the canonical layout strictly: whatever a writer may not write makes the reading test fail.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prost::Message;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{HistoryItem, HistoryRecord, Record, RunExitRecord, SummaryItem, SummaryRecord};

/// First bytes of every log.
pub const FILE_HEADER: [u8; 7] = [0x3A, 0x57, 0x26, 0x42, 0xE1, 0xBE, 0x00];

const BLOCK: usize = 32768;
const CHUNK_HEADER: usize = 7;

/// What a log holds.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The records in order.
    pub records: Vec<Record>,
    /// Whether the file ends at the end of a record.
    pub ends_cleanly: bool,
}

impl Log {
    /// Reads a log file.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        Self::parse(&bytes)
    }

    /// Reads a log's bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        assert!(bytes.starts_with(&FILE_HEADER), "a log starts with its header");
        let mut log = Self { records: Vec::new(), ends_cleanly: true };
        let mut at = FILE_HEADER.len();
        let mut payload: Option<Vec<u8>> = None;
        while at < bytes.len() {
            let left = BLOCK - at % BLOCK;
            if left < CHUNK_HEADER {
                let end = bytes.len().min(at + left);
                assert!(bytes[at..end].iter().all(|byte| *byte == 0), "the end of a block is filled with zeros");
                at = end;
                continue;
            }
            let Some(chunk) = chunk(&bytes[at..], left) else {
                log.ends_cleanly = false;
                return log;
            };
            at += CHUNK_HEADER + chunk.data.len();
            match (chunk.kind, payload.take()) {
                (1, None) => log.records.push(decode(chunk.data)),
                (2, None) => payload = Some(chunk.data.to_vec()),
                (3, Some(start)) => payload = Some([&start, chunk.data].concat()),
                (4, Some(start)) => log.records.push(decode(&[&start, chunk.data].concat())),
                (kind, open) => panic!("chunk type {kind} at {at}, inside a record: {}", open.is_some()),
            }
        }
        log.ends_cleanly = payload.is_none();
        log
    }

    /// Reads a log that may be damaged in places: keeps every whole record that can be found by its checksums.
    pub fn salvage(path: &Path) -> Self {
        let bytes = fs::read(path).expect("the log can be read");
        let mut log = Self::default();
        let mut at = FILE_HEADER.len().min(bytes.len());
        let mut open: Option<Vec<u8>> = None;
        while at + CHUNK_HEADER <= bytes.len() {
            let left = BLOCK - at % BLOCK;
            if left < CHUNK_HEADER {
                at += left;
                continue;
            }
            // Without a type it is the zeros of a hole, whatever its checksum says.
            let Some(chunk) = try_chunk(&bytes[at..], left).filter(|chunk| (1..=4).contains(&chunk.kind)) else {
                open = None;
                at += 1;
                continue;
            };
            at += CHUNK_HEADER + chunk.data.len();
            let start = open.take();
            let whole = match (chunk.kind, start) {
                (1, _) => Some(chunk.data.to_vec()),
                (2, _) => {
                    open = Some(chunk.data.to_vec());
                    None
                }
                (kind, Some(start)) => {
                    let joined = [&start, chunk.data].concat();
                    if kind == 3 {
                        open = Some(joined);
                        None
                    } else {
                        Some(joined)
                    }
                }
                (_, None) => None,
            };
            log.records.extend(whole.and_then(|payload| Record::decode(payload.as_slice()).ok()));
        }
        log
    }

    /// Names of the record types in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.types().map(kind_name).collect()
    }

    /// How many records of a type there are.
    pub fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|name| **name == kind).count()
    }

    /// The records' types in order.
    pub fn types(&self) -> impl Iterator<Item = &RecordType> {
        self.records.iter().map(|record| record.record_type.as_ref().expect("a stored record has a type"))
    }

    /// The history records in order.
    pub fn history(&self) -> Vec<&HistoryRecord> {
        self.types().filter_map(|kind| if let RecordType::History(row) = kind { Some(row) } else { None }).collect()
    }

    /// Every history row: paths joined with `/`, values as JSON text.
    pub fn rows(&self) -> Vec<BTreeMap<String, String>> {
        self.history().into_iter().map(row).collect()
    }

    /// Every history row without the keys that start with `_`.
    pub fn own_rows(&self) -> Vec<BTreeMap<String, String>> {
        let mut rows = self.rows();
        rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with('_')));
        rows
    }

    /// The `_step` of every row.
    pub fn steps(&self) -> Vec<i64> {
        self.rows().iter().map(|row| row["_step"].parse().expect("a step is a number")).collect()
    }

    /// Values of one key in all rows that have it.
    pub fn column(&self, key: &str) -> Vec<String> {
        self.rows().iter().filter_map(|row| row.get(key).cloned()).collect()
    }

    /// What the summary records amount to: later values replace earlier ones.
    pub fn folded_summary(&self) -> BTreeMap<String, String> {
        let mut summary = BTreeMap::new();
        for kind in self.types() {
            if let RecordType::Summary(record) = kind {
                fold(&mut summary, record);
            }
        }
        summary
    }

    /// The exit records in order.
    pub fn exits(&self) -> Vec<&RunExitRecord> {
        self.types().filter_map(|kind| if let RecordType::Exit(exit) = kind { Some(exit) } else { None }).collect()
    }

    /// The exit code of the only exit record, which is the last record.
    pub fn exit_code(&self) -> i32 {
        assert_eq!(self.kinds().last(), Some(&"exit"), "the log ends with the exit record: {:?}", self.kinds());
        assert_eq!(self.exits().len(), 1, "a run exits once");
        self.exits()[0].exit_code
    }
}

struct Chunk<'a> {
    kind: u8,
    data: &'a [u8],
}

fn try_chunk(bytes: &[u8], left: usize) -> Option<Chunk<'_>> {
    let header = bytes.get(..CHUNK_HEADER)?;
    let checksum = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    let data = bytes.get(CHUNK_HEADER..CHUNK_HEADER + length)?;
    (CHUNK_HEADER + length <= left && checksum == crc32(header[6], data)).then_some(Chunk { kind: header[6], data })
}

fn chunk(bytes: &[u8], left: usize) -> Option<Chunk<'_>> {
    let header = bytes.get(..CHUNK_HEADER)?;
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    assert!(CHUNK_HEADER + length <= left, "a chunk ends in its block");
    bytes.get(..CHUNK_HEADER + length)?;
    Some(try_chunk(bytes, left).expect("a chunk's checksum is right"))
}

fn crc32(kind: u8, data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in std::iter::once(&kind).chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn decode(payload: &[u8]) -> Record {
    Record::decode(payload).expect("a stored record is a message")
}

fn row(record: &HistoryRecord) -> BTreeMap<String, String> {
    record.item.iter().map(|item| (history_path(item), item.value_json.clone())).collect()
}

fn history_path(item: &HistoryItem) -> String {
    path(&item.key, &item.nested_key)
}

fn fold(summary: &mut BTreeMap<String, String>, record: &SummaryRecord) {
    let of = |item: &SummaryItem| path(&item.key, &item.nested_key);
    for item in &record.update {
        summary.insert(of(item), item.value_json.clone());
    }
    for item in &record.remove {
        summary.remove(&of(item));
    }
}

/// A key or path as one text, parts joined with `/`.
pub fn path(key: &str, nested: &[String]) -> String {
    if nested.is_empty() { key.to_owned() } else { nested.join("/") }
}

/// The name of a record type, as the protocol spells it.
pub fn kind_name(kind: &RecordType) -> &'static str {
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
