//! The recorded logs and what is known about them.
#![allow(dead_code, clippy::unwrap_used)] // Each test program uses its part; the data is checked in.
use bytes::Bytes;
use runwire_proto::log::{Damage, LogEvent, LogWriter, read_all};
use std::io::Read;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/log")
}

/// Logs whose bytes the canonical encoder gives back.
pub(crate) const CANONICAL: [&str; 19] = [
    "01_scalars",
    "02_nested",
    "03a_steps140",
    "03b_steps450",
    "04_bigstring",
    "05_unicode",
    "06_nan",
    "07_config_summary",
    "08_console",
    "08b_console_raw",
    "09_define_metric",
    "10_artifact",
    "11_media",
    "12a_resume_part1",
    "12b_resume_part2",
    "13a_killed_after_flush",
    "14_meta",
    "15_exit3",
    "16_empty",
];

/// Needed again and again: the records of a file without damage.
pub(crate) fn payloads(name: &str) -> Vec<Bytes> {
    let (records, damage) = read(&log(name));
    assert!(damage.is_empty(), "{damage:?}");
    records.into_iter().map(|(_, bytes)| bytes).collect()
}

/// A log by its name, without `.wandb`.
pub(crate) fn log(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wandb"));
    if path.exists() {
        return std::fs::read(path).unwrap();
    }
    let packed = std::fs::File::open(folder().join(format!("{name}.wandb.gz"))).unwrap();
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut out).unwrap();
    out
}

/// A damaged log by the start of its name.
pub(crate) fn damaged(prefix: &str) -> Vec<u8> {
    let name = damaged_names().into_iter().find(|name| name.starts_with(&format!("{prefix}_"))).unwrap();
    std::fs::read(folder().join(format!("damaged/{name}.wandb"))).unwrap()
}

/// What the official programs made of the damaged logs.
pub(crate) fn expected() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder().join("damaged/expected.json")).unwrap()).unwrap()
}

pub(crate) fn damaged_names() -> Vec<String> {
    expected().as_object().unwrap().keys().cloned().collect()
}

/// One line of a `.jsonl`.
pub(crate) struct Line {
    pub(crate) kind: String,
    pub(crate) offset: u64,
    pub(crate) chunks: u64,
    pub(crate) size: usize,
    pub(crate) record: serde_json::Value,
}

pub(crate) fn lines(name: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.jsonl"))).unwrap();
    let line = |text| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        Line {
            kind: json["type"].as_str().unwrap().to_string(),
            offset: json["offset"].as_u64().unwrap(),
            chunks: json["chunks"].as_u64().unwrap(),
            size: json["size"].as_u64().unwrap() as usize,
            record: json["record"].clone(),
        }
    };
    text.lines().map(line).collect()
}

/// Records and damage of a whole file without a header error.
pub(crate) fn read(file: &[u8]) -> (Vec<(u64, Bytes)>, Vec<Damage>) {
    let mut records = Vec::new();
    let mut damage = Vec::new();
    for event in read_all(file) {
        match event {
            LogEvent::Record { offset, bytes } => records.push((offset, bytes)),
            LogEvent::Damage(found) => damage.push(found),
            LogEvent::NeedMore(_) | LogEvent::Fatal(_) => panic!("{event:?}"),
        }
    }
    (records, damage)
}

/// A file with these records, and the offset of each.
pub(crate) fn write<R: AsRef<[u8]>>(records: &[R]) -> (Vec<u8>, Vec<u64>) {
    let mut out = Vec::new();
    let mut writer = LogWriter::create(&mut out);
    let offsets = records.iter().map(|record| writer.push(record.as_ref(), &mut out)).collect();
    assert_eq!(writer.position(), out.len() as u64);
    (out, offsets)
}
