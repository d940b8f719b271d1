//! Bounds: of a line, of a push, of the memory.

use super::rig::{Rig, base, eager};
use crate::{completion::FailureKind, limits::Limits, uplink::Offsets};
use alloc::{format, string::String, vec::Vec};
use runwire_proto::wire::Settings;

fn rows_of(rig: &Rig) -> (u64, usize) {
    let history = &rig.json()["files"]["wandb-history.jsonl"];
    (history["offset"].as_u64().unwrap_or_default(), history["content"].as_array().map_or(0, Vec::len))
}

#[test]
fn a_row_that_can_t_be_made_shorter_uses_no_offset_and_is_told_once_a_minute() {
    let mut rig = Rig::started(Settings { x_file_stream_max_line_bytes: Some(2000), ..eager() });
    let long = "x".repeat(3078);
    rig.history("0");
    (0..3).for_each(|_| rig.history(&long));
    rig.event(&long);
    rig.history("1");
    rig.next_push();
    assert_eq!(rows_of(&rig), (0, 2));
    assert_eq!(rig.told.len(), 1);
    assert!(rig.told[0].contains("(3078 > 2000)"), "{:?}", rig.told);
    rig.ok();
    assert_eq!(rig.acked, Some((Offsets { history: 2, ..Offsets::default() }, 600)));
    rig.pass(61.0);
    rig.history(&long);
    assert!(rig.told[1].contains("2 more"), "{:?}", rig.told);
}

#[test]
fn a_value_that_is_too_long_costs_itself_and_not_its_row() {
    let mut rig = Rig::started(Settings { x_file_stream_max_line_bytes: Some(2000), ..eager() });
    rig.history(&format!(r#"{{"_step":0,"loss":0.5,"text":"{}","acc":1}}"#, "x".repeat(3000)));
    rig.next_push();
    let row = rig.json()["files"]["wandb-history.jsonl"]["content"][0].as_str().map(String::from);
    assert_eq!(row.as_deref(), Some(r#"{"_step":0,"loss":0.5,"acc":1}"#));
    assert!(rig.told[0].contains("The value of text") && rig.told[0].contains("> 2000"), "{:?}", rig.told);
}

#[test]
fn a_summary_that_is_too_long_is_skipped_until_it_changes() {
    let mut rig = Rig::started(Settings { x_file_stream_max_line_bytes: Some(2000), ..eager() });
    rig.summary = Some("s".repeat(11_534_450));
    rig.call(|s, cx, out| s.on_summary_changed(cx, out));
    rig.pass(5.0);
    assert!(rig.asked.is_empty());
    assert!(rig.told[0].contains("(11534450 > 10383360 bytes)"), "{:?}", rig.told);
    rig.history("{}");
    rig.summary = Some("s".repeat(3000));
    rig.call(|s, cx, out| s.on_summary_changed(cx, out));
    rig.pass(0.1);
    assert!(rig.json()["files"]["wandb-summary.json"].is_object());
    rig.finish(Some(0));
    rig.ok_all();
    assert_eq!(rig.finished, Some(Ok(())));
}

#[test]
fn a_full_queue_goes_out_at_once_push_after_push() {
    let mut rig = Rig::started(base());
    let megabyte = "x".repeat(1_000_000);
    let (mut sizes, mut next) = (Vec::new(), 0);
    while next < 25 || !rig.asked.is_empty() || rig.stream.pending().rows > 0 {
        while next < 25 && rig.stream.credit() > 0 {
            rig.history(&megabyte);
            next += 1;
        }
        rig.pass(0.001);
        if rig.asked.is_empty() {
            rig.next_push();
        }
        sizes.push(rows_of(&rig));
        rig.ok();
    }
    assert_eq!(sizes, (0..25).map(|row| (row, 1)).collect::<Vec<_>>());
    assert!(rig.now.nanos() < 3_000_000_000, "no interval between full pushes: {}", rig.now);
}

#[test]
fn a_smaller_bound_of_the_user_is_kept() {
    let mut rig = Rig::started(Settings { x_file_stream_max_bytes: Some(1000), ..eager() });
    (0..10).for_each(|_| rig.history(&"r".repeat(300)));
    let mut sizes = Vec::new();
    while !rig.asked.is_empty() {
        sizes.push(rows_of(&rig));
        rig.ok();
    }
    assert_eq!(sizes, [(0, 3), (3, 3), (6, 3), (9, 1)], "rows of 303 bytes; what is left follows at once");
}

#[test]
fn a_burst_arrives_without_gap_or_overlap() {
    let mut rig = Rig::started(base());
    let (mut sent, mut expected) = (0_u64, 0);
    while expected < 20_000 {
        while sent < 20_000 && rig.stream.credit() > 0 {
            rig.history(&format!(r#"{{"loss":{sent},"pad":"{}"}}"#, "p".repeat(200)));
            sent += 1;
        }
        if rig.asked.is_empty() {
            rig.next_push();
        }
        let (offset, rows) = rows_of(&rig);
        assert_eq!(offset, expected);
        expected += rows as u64;
        rig.ok();
    }
    assert_eq!(rig.acked.map(|(next, mark)| (next.history, mark)), Some((20_000, 2_000_000)));
}

#[test]
fn an_outage_fills_no_memory_and_what_was_read_goes_in_one_push_after_it() {
    let mut rig = Rig::started(base());
    let mut most = 0;
    let row = "r".repeat(500);
    rig.history(&row);
    rig.next_push();
    for _ in 0..200 {
        while rig.stream.credit() > 0 {
            rig.history(&row);
        }
        most = most.max(rig.stream.pending().bytes);
        rig.fail(FailureKind::Unreachable);
        rig.next_push();
    }
    let bound = rig.limits.stream_queue_bytes;
    assert!(most > bound && most < bound + 1200, "{most}");
    assert!(rig.stream.trouble().is_some());
    let (_, rows) = rows_of(&rig);
    rig.ok();
    let (offset, rest) = rows_of(&rig);
    assert_eq!((offset, rest > 2000), (rows as u64, true));
}

#[test]
fn the_queue_of_a_parked_stream_takes_nothing() {
    let mut rig = Rig::unplaced(base(), Limits { stream_queue_bytes: 100, ..Limits::default() });
    rig.history(&"r".repeat(200));
    assert!(rig.stream.credit() > 100, "rows before the run's own record do not keep it from being read");
    rig.start(Offsets::default(), Offsets::default());
    assert_eq!(rows_of(&rig), (0, 1));
    assert_eq!(rig.stream.credit(), 100, "what is on its way does not count");
    rig.status(403);
    assert_eq!(rig.stream.credit(), 0);
}
