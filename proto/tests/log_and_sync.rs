//! Conformance cases about the transaction log's bytes, by their page and number. Damaged logs: `log_and_sync_damaged.rs`.
mod golden;

use golden::{CANONICAL, lines, log, payloads, read, write};
use prost::Message;
use runwire_proto::log::{BLOCK_LEN, LogEvent, LogReader, LogWriter, Tail};
use runwire_proto::wire::{self, record::RecordType};

fn decoded(name: &str) -> Vec<wire::Record> {
    payloads(name).into_iter().map(|bytes| wire::Record::decode(bytes).expect("a record")).collect()
}

/// A record of exactly `size` bytes.
fn filler(size: usize) -> Vec<u8> {
    vec![b'x'; size]
}

/// A file whose next record starts with `left` bytes left in block 0.
fn file_with_left(left: usize) -> (Vec<u8>, LogWriter) {
    let mut out = Vec::new();
    let mut writer = LogWriter::create(&mut out);
    writer.push(&filler(BLOCK_LEN as usize - 7 - 7 - left), &mut out);
    assert_eq!(out.len() as u64, BLOCK_LEN - left as u64);
    (out, writer)
}

fn chunk_types(file: &[u8], mut at: usize) -> Vec<(usize, u8, usize)> {
    let mut chunks = Vec::new();
    while at < file.len() {
        let left = BLOCK_LEN as usize - at % BLOCK_LEN as usize;
        if left < 7 {
            at += left;
            continue;
        }
        let length = usize::from(u16::from_le_bytes([file[at + 4], file[at + 5]]));
        chunks.push((at, file[at + 6], length));
        at += 7 + length;
    }
    chunks
}

#[test]
fn log_and_sync_01_new_log_is_the_file_header() {
    let mut out = Vec::new();
    let writer = LogWriter::create(&mut out);
    assert_eq!(out, [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00]);
    assert_eq!(writer.position(), 7);
}

#[test]
fn log_and_sync_02_empty_record() {
    let (file, offsets) = write(&[b""]);
    assert_eq!(file[7..], [0x1b, 0xdf, 0x05, 0xa5, 0x00, 0x00, 0x01]);
    assert_eq!(offsets, [7]);
}

#[test]
fn log_and_sync_03_encoding_gives_the_official_bytes() {
    for name in CANONICAL {
        let (file, offsets) = write(&payloads(name));
        assert!(file == log(name), "{name}");
        assert!(offsets.into_iter().eq(lines(name).iter().map(|line| line.offset)), "{name}");
    }
    assert!(write(&payloads("17_boundaries")).0 == log("17_boundaries"));
}

#[test]
fn log_and_sync_04_decoding_gives_numbers_types_offsets_sizes() {
    for name in CANONICAL.into_iter().chain(["17_boundaries"]) {
        let (records, damage) = read(&log(name));
        let lines = lines(name);
        assert!(damage.is_empty(), "{name}: {damage:?}");
        assert_eq!(records.len(), lines.len(), "{name}");
        for (index, ((offset, bytes), line)) in records.iter().zip(&lines).enumerate() {
            assert_eq!((*offset, bytes.len()), (line.offset, line.size), "{name}");
            let record = wire::Record::decode(bytes.clone()).unwrap();
            assert_eq!(record.num, index as i64 + 1, "{name}");
            let peek = runwire_proto::peek::record(bytes).unwrap();
            assert_eq!((peek.num, peek.kind), (record.num, Some(kind_number(&line.kind))), "{name}");
        }
    }
}

fn kind_number(name: &str) -> u32 {
    let names = [
        (2, "history"),
        (3, "summary"),
        (5, "config"),
        (6, "files"),
        (7, "stats"),
        (8, "artifact"),
        (10, "alert"),
        (11, "telemetry"),
        (12, "metric"),
        (13, "output_raw"),
        (17, "run"),
        (18, "exit"),
        (21, "header"),
        (23, "preempting"),
        (25, "use_artifact"),
        (26, "environment"),
    ];
    names.iter().find(|(_, known)| *known == name).unwrap_or_else(|| panic!("{name}")).0
}

#[test]
fn log_and_sync_05_big_records_span_three_chunks() {
    let big: Vec<_> = lines("04_bigstring").into_iter().filter(|line| line.chunks >= 3).collect();
    assert_eq!(big.len(), 2);
    let file = log("04_bigstring");
    for line in big {
        let types: Vec<_> = chunk_types(&file, line.offset as usize).iter().map(|chunk| chunk.1).take(3).collect();
        assert_eq!(types, [2, 3, 4]);
        assert!(line.size > 70_000);
    }
}

#[test]
fn log_and_sync_06_padding_when_six_bytes_left() {
    for left in 1..=6 {
        let (mut file, mut writer) = file_with_left(left);
        assert_eq!(writer.push(b"next", &mut file), BLOCK_LEN);
        assert!(file[BLOCK_LEN as usize - left..BLOCK_LEN as usize].iter().all(|&byte| byte == 0));
        assert_eq!(chunk_types(&file, 7)[1], (BLOCK_LEN as usize, 1, 4));
        assert_eq!(read(&file).0[1].1, "next");
    }
}

#[test]
fn log_and_sync_07_empty_first_chunk_when_seven_bytes_left() {
    let (mut file, mut writer) = file_with_left(7);
    let offset = writer.push(b"next", &mut file);
    assert_eq!(offset, BLOCK_LEN - 7);
    assert_eq!(chunk_types(&file, 7)[1..], [(offset as usize, 2, 0), (BLOCK_LEN as usize, 4, 4)]);
    assert_eq!(read(&file).0[1].1, "next");
    // A long one goes on with a middle chunk.
    let (mut file, mut writer) = file_with_left(7);
    writer.push(&filler(40_000), &mut file);
    assert_eq!(chunk_types(&file, 7)[1..].iter().map(|chunk| chunk.1).collect::<Vec<_>>(), [2, 3, 4]);
    let chunks = chunk_types(&log("17_boundaries"), 7);
    assert!(chunks.contains(&(262_137, 2, 0)));
}

#[test]
fn log_and_sync_08_no_padding_at_a_block_end() {
    let (mut file, mut writer) = file_with_left(0);
    assert_eq!(writer.push(b"next", &mut file), BLOCK_LEN);
    assert_eq!(chunk_types(&file, 7)[1], (BLOCK_LEN as usize, 1, 4));
    // Nothing is left for a record without bytes either.
    let (mut file, mut writer) = file_with_left(0);
    assert_eq!(writer.push(b"", &mut file), BLOCK_LEN);
    let (mut file, mut writer) = file_with_left(7);
    assert_eq!(writer.push(b"", &mut file), BLOCK_LEN - 7);
    assert_eq!(file.len() as u64, BLOCK_LEN);
}

#[test]
fn log_and_sync_19_numbers_that_json_lacks() {
    let records = decoded("06_nan");
    let values: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.record_type {
            Some(RecordType::History(history)) => Some(history.item.iter().map(|item| item.value_json.clone())),
            _ => None,
        })
        .flatten()
        .collect();
    for token in ["NaN", "Infinity", "-Infinity", "-0", "1e+22"] {
        assert!(values.iter().any(|value| value == token), "{token}");
    }
}

#[test]
fn log_and_sync_20_console_writes_are_kept_in_order() {
    let outputs: Vec<_> = decoded("08_console")
        .into_iter()
        .filter_map(|record| match record.record_type {
            Some(RecordType::OutputRaw(output)) => Some(output),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = lines("08_console")
        .iter()
        .filter(|line| line.kind == "output_raw")
        .map(|line| line.record["output_raw"]["line"].as_str().unwrap_or_default().to_string())
        .collect();
    assert!(outputs.iter().map(|output| &output.line).eq(&expected));
    assert!(expected.iter().any(String::is_empty), "flushes leave empty records");
    let kinds = [wire::output_raw_record::OutputType::Stderr, wire::output_raw_record::OutputType::Stdout];
    for kind in kinds {
        assert!(outputs.iter().any(|output| output.output_type() == kind));
    }
}

#[test]
fn log_and_sync_48_seek_to_every_offset() {
    for name in ["01_scalars", "04_bigstring", "17_boundaries"] {
        let file = log(name);
        for (line, payload) in lines(name).iter().zip(payloads(name)) {
            let mut reader = LogReader::at(line.offset);
            reader.push(&file[line.offset as usize..]);
            assert_eq!(reader.next(), LogEvent::Record { offset: line.offset, bytes: payload });
        }
    }
}

#[test]
fn log_and_sync_49_a_file_that_grows_by_a_record() {
    let mut out = Vec::new();
    let mut writer = LogWriter::create(&mut out);
    writer.push(b"one", &mut out);
    let mut reader = LogReader::new();
    reader.push(&out);
    assert!(matches!(reader.next(), LogEvent::Record { offset: 7, .. }));
    assert_eq!(reader.next(), LogEvent::NeedMore(Tail::Clean));
    let saved = reader.resume_offset();
    assert_eq!(saved, writer.position());
    writer.push(b"two", &mut out);
    for mut reader in [reader, LogReader::at(saved)] {
        reader.push(&out[saved as usize..]);
        assert_eq!(reader.next(), LogEvent::Record { offset: saved, bytes: "two".into() });
        assert_eq!(reader.next(), LogEvent::NeedMore(Tail::Clean));
    }
}

#[test]
fn log_and_sync_50_the_rest_of_a_spanning_record_arrives() {
    let record = filler(80_000);
    let (file, offsets) = write(&[b"one".to_vec(), record.clone()]);
    let mut reader = LogReader::new();
    reader.push(&file[..40_000]);
    assert!(matches!(reader.next(), LogEvent::Record { offset: 7, .. }));
    let tail = LogEvent::NeedMore(Tail::Incomplete { offset: offsets[1] });
    assert_eq!(reader.next(), tail);
    assert_eq!(reader.next(), tail, "asking again changes nothing");
    // Either go on, or read again from the record's start.
    let mut again = LogReader::at(reader.resume_offset());
    again.push(&file[offsets[1] as usize..]);
    reader.push(&file[40_000..]);
    for mut reader in [reader, again] {
        assert_eq!(reader.next(), LogEvent::Record { offset: offsets[1], bytes: record.clone().into() });
        assert_eq!(reader.next(), LogEvent::NeedMore(Tail::Clean));
    }
}

#[test]
fn resumed_writer_goes_on_byte_for_byte() {
    let payloads = payloads("03b_steps450");
    let (whole, offsets) = write(&payloads);
    for split in [0, 1, 700, payloads.len() - 1] {
        let mut out = whole[..offsets[split] as usize].to_vec();
        let mut writer = LogWriter::resume(offsets[split]);
        for payload in &payloads[split..] {
            writer.push(payload, &mut out);
        }
        assert!(out == whole, "{split}");
    }
}

#[test]
fn writing_goes_on_in_the_next_block_after_a_torn_record() {
    let (mut file, _) = write(&[&b"\x08\x01"[..], &filler(500)]);
    file.truncate(file.len() - 100);
    let mut writer = LogWriter::resume(file.len() as u64);
    writer.pad_to_block(&mut file);
    assert_eq!(writer.position(), BLOCK_LEN);
    writer.pad_to_block(&mut file);
    let offset = writer.push(b"\x08\x03", &mut file);
    assert_eq!(offset, BLOCK_LEN);
    let (records, damage) = read(&file);
    assert_eq!(records.iter().map(|(_, bytes)| &bytes[..]).collect::<Vec<_>>(), [b"\x08\x01", b"\x08\x03"]);
    assert_eq!((damage.len(), damage[0].records_lost_estimate), (1, Some(1)));
}
