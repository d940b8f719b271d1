//! Frames, peeks and the log: run with `cargo bench -p runwire-proto`.
use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use prost::Message;
use runwire_proto::frame::{self, FrameDecoder};
use runwire_proto::log::{LogEvent, LogReader, LogWriter, read_all};
use runwire_proto::peek::{self, PartialHistory};
use runwire_proto::wire::{self, record, request, server_request};

fn main() {
    divan::main();
}

/// A published step with `items` values, as the Python client sends it.
fn step(items: usize) -> Bytes {
    let item = |index: usize| wire::HistoryItem {
        key: format!("train/metric_{index}"),
        value_json: format!("{}", 0.123_456 + index as f64),
        ..Default::default()
    };
    let history = wire::PartialHistoryRequest {
        item: (0..items).map(item).collect(),
        action: Some(wire::HistoryAction { flush: true }),
        ..Default::default()
    };
    let request = wire::Request { request_type: Some(request::RequestType::PartialHistory(history)) };
    let record = wire::Record {
        record_type: Some(record::RecordType::Request(request)),
        info: Some(wire::RecordInfo { stream_id: "abcd1234".to_string(), ..Default::default() }),
        ..Default::default()
    };
    let kind = server_request::ServerRequestType::RecordPublish(record);
    wire::ServerRequest { server_request_type: Some(kind), ..Default::default() }.encode_to_vec().into()
}

fn walk(message: &Bytes) -> usize {
    let outer = peek::server_request(message).expect("a request");
    let inner = peek::record(&outer.body).expect("a record");
    let history = PartialHistory::new(&inner.request_body).expect("a step");
    history.map(|item| item.expect("an item")).map(|item| item.key.len() + item.value_json.len()).sum()
}

#[divan::bench(args = [1, 10, 1000])]
fn peek_step(bencher: Bencher<'_, '_>, items: usize) {
    let message = step(items);
    bencher.counter(ItemsCount::new(items)).bench(|| walk(black_box(&message)));
}

/// What peeking saves.
#[divan::bench(args = [1, 10, 1000])]
fn decode_step(bencher: Bencher<'_, '_>, items: usize) {
    let message = step(items);
    bencher.counter(ItemsCount::new(items)).bench(|| wire::ServerRequest::decode(black_box(message.clone())));
}

/// 64 KiB reads full of small frames.
#[divan::bench]
fn frames(bencher: Bencher<'_, '_>) {
    let payload = step(3);
    let count = 64 * 1024 / (payload.len() + frame::HEADER_LEN);
    let mut wire = Vec::new();
    for _ in 0..count {
        frame::encode(&mut wire, &payload);
    }
    let wire = Bytes::from(wire);
    bencher.counter(ItemsCount::new(count)).bench(|| {
        let mut decoder = FrameDecoder::new(1 << 20);
        decoder.push(wire.clone());
        let mut bytes = 0;
        while let Ok(Some(frame)) = decoder.next() {
            bytes += frame.len();
        }
        bytes
    });
}

/// 1000 records of this size.
fn records(size: usize) -> Vec<Vec<u8>> {
    (1u64..=1000).map(|num| [&[8, num as u8 & 0x7f, 0x0a, 0][..], &vec![0x2a; size]].concat()).collect()
}

fn file(size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = LogWriter::create(&mut out);
    for record in records(size) {
        writer.push(&record, &mut out);
    }
    out
}

#[divan::bench(args = [100, 1000, 100_000])]
fn log_write(bencher: Bencher<'_, '_>, size: usize) {
    let records = records(size);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(records.len())).counter(BytesCount::new(records.len() * size)).bench_local(|| {
        out.clear();
        let mut writer = LogWriter::create(&mut out);
        for record in &records {
            writer.push(record, &mut out);
        }
        writer.position()
    });
}

fn count(events: impl Iterator<Item = LogEvent>) -> usize {
    events.filter(|event| matches!(event, LogEvent::Record { .. })).count()
}

#[divan::bench(args = [100, 1000, 100_000])]
fn log_read(bencher: Bencher<'_, '_>, size: usize) {
    let file = file(size);
    bencher
        .counter(ItemsCount::new(1000usize))
        .counter(BytesCount::new(file.len()))
        .bench_local(|| count(read_all(black_box(&file))));
}

/// A wrong byte in each block: the search for the next chunk.
#[divan::bench]
fn log_read_damaged(bencher: Bencher<'_, '_>) {
    let mut file = file(1000);
    for at in (1000..file.len()).step_by(32 * 1024) {
        file[at] ^= 1;
    }
    bencher.counter(BytesCount::new(file.len())).bench_local(|| count(read_all(black_box(&file))));
}

/// Pushes as small as a busy follower sees them.
#[divan::bench]
fn log_read_in_small_pushes(bencher: Bencher<'_, '_>) {
    let file = file(100);
    bencher.counter(BytesCount::new(file.len())).bench_local(|| {
        let mut reader = LogReader::new();
        let mut records = 0;
        for part in file.chunks(300) {
            reader.push(part);
            while let LogEvent::Record { .. } = reader.next() {
                records += 1;
            }
        }
        records
    });
}
