//! The log: any bytes can be read, the same way however they are pushed, and what was read can be written.
use crate::log::{BLOCK_LEN, LogEvent, LogReader, LogWriter, Tail, read_all};
use alloc::vec::Vec;
use bytes::Bytes;

/// The first byte says how the rest, a file, is cut into pushes.
pub fn log(data: &[u8]) {
    let Some((&cut, file)) = data.split_first() else { return };
    let events: Vec<_> = read_all(file).collect();
    in_order(file, &events);
    let cut = usize::from(cut) * 97 + 1;
    assert_eq!(pushed(file, cut), events, "events depend on how the file is cut");
    assert_eq!(followed(file, cut), events, "events depend on reading the tail again");
    let records: Vec<_> = events.iter().filter_map(record).collect();
    for &(offset, bytes) in records.iter().take(4) {
        let mut reader = LogReader::at(offset);
        reader.push(&file[offset as usize..]);
        assert_eq!(drain_finished(reader).iter().find_map(record), Some((offset, bytes)), "seeking");
    }
    rewritten(&records);
}

fn record(event: &LogEvent) -> Option<(u64, &Bytes)> {
    match event {
        LogEvent::Record { offset, bytes } => Some((*offset, bytes)),
        LogEvent::Damage(_) | LogEvent::NeedMore(_) | LogEvent::Fatal(_) => None,
    }
}

/// Records and lost stretches follow each other inside the file.
fn in_order(file: &[u8], events: &[LogEvent]) {
    let mut end = 0;
    for event in events {
        match event {
            LogEvent::Record { offset, bytes } => {
                assert!(*offset >= end, "records overlap");
                end = offset + bytes.len() as u64 + 7;
            }
            LogEvent::Damage(damage) if damage.length > 0 => {
                assert!(damage.offset >= end, "damage overlaps a record");
                end = damage.offset + damage.length;
            }
            LogEvent::Damage(_) | LogEvent::Fatal(_) => {}
            LogEvent::NeedMore(_) => panic!("not an event of a whole file"),
        }
    }
    assert!(end <= file.len() as u64, "more was read than there is");
}

/// Appends events to `out` until the reader wants more.
fn drain(reader: &mut LogReader, out: &mut Vec<LogEvent>) -> Option<Tail> {
    loop {
        match reader.next() {
            LogEvent::NeedMore(tail) => return Some(tail),
            LogEvent::Fatal(error) => {
                if out.last() != Some(&LogEvent::Fatal(error)) {
                    out.push(LogEvent::Fatal(error));
                }
                return None;
            }
            event @ (LogEvent::Record { .. } | LogEvent::Damage(_)) => out.push(event),
        }
    }
}

fn drain_finished(mut reader: LogReader) -> Vec<LogEvent> {
    reader.finish();
    let mut out = Vec::new();
    let tail = drain(&mut reader, &mut out);
    assert!(matches!(tail, None | Some(Tail::Clean)), "a finished reader wants more");
    out
}

fn pushed(file: &[u8], cut: usize) -> Vec<LogEvent> {
    let mut reader = LogReader::new();
    let mut out = Vec::new();
    for part in file.chunks(cut) {
        reader.push(part);
        if let Some(Tail::Incomplete { offset }) = drain(&mut reader, &mut out) {
            assert_eq!(offset, reader.resume_offset());
        }
    }
    reader.finish();
    drain(&mut reader, &mut out);
    out
}

/// Like a follower on a network file system: an unclear tail is read again.
fn followed(file: &[u8], cut: usize) -> Vec<LogEvent> {
    let mut reader = LogReader::new();
    let mut out = Vec::new();
    let mut read_from = 0;
    for end in (0..file.len()).step_by(cut.max(file.len() / 64)).skip(1).chain([file.len()]) {
        reader.push(&file[read_from..end]);
        read_from = match drain(&mut reader, &mut out) {
            Some(Tail::Incomplete { .. }) => reader.rewind() as usize,
            Some(Tail::Clean) | None => end,
        };
    }
    reader.push(&file[read_from..]);
    reader.finish();
    drain(&mut reader, &mut out);
    out
}

/// The writer's output holds these records again, and is what the layout demands.
fn rewritten(records: &[(u64, &Bytes)]) {
    let mut file = Vec::new();
    let mut writer = LogWriter::create(&mut file);
    let mut expected = Vec::new();
    for (_, bytes) in records {
        let offset = writer.push(bytes, &mut file);
        assert!(BLOCK_LEN - offset % BLOCK_LEN >= 7, "a chunk header crosses a block end");
        expected.push(LogEvent::Record { offset, bytes: (*bytes).clone() });
    }
    assert_eq!(writer.position(), file.len() as u64);
    assert!(read_all(&file).eq(expected), "what was written is not read");
}
