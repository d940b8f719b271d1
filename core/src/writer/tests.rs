//! The writer alone: batches, failures and bounds.
use super::*;
use alloc::{vec, vec::Vec};

fn limits() -> Limits {
    Limits { append_bytes_max: 1000, backlog_bytes_hard: 5000, ..Limits::default() }
}

fn failure() -> Failure {
    Failure { kind: FailureKind::NoSpace, message: "full".into() }
}

fn opened() -> (Writer, VecDeque<Action>) {
    let (mut writer, mut out) = (Writer::new(WritePolicy::default(), &limits(), true, false), VecDeque::new());
    writer.on_opened(&limits(), &mut out);
    writer.on_appended(&limits(), &mut out);
    out.clear();
    (writer, out)
}

fn offsets(out: &VecDeque<Action>) -> Vec<(u64, usize)> {
    let append = |action: &Action| match action {
        Action::Append { at, bytes } => Some((*at, bytes.len())),
        Action::Sync { .. }
        | Action::Close
        | Action::Durable { .. }
        | Action::FlushDone(_)
        | Action::Failing(_)
        | Action::Recovered { .. }
        | Action::Closed => None,
    };
    out.iter().filter_map(append).collect()
}

#[test]
fn a_failing_disk_never_makes_the_backlog_grow_above_its_bound_and_one_record() {
    let (mut writer, mut out) = opened();
    let record = vec![0x52; 300];
    for round in 0..200_u64 {
        writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&record), &mut out);
        if writer.in_flight.is_some() {
            writer.on_append_failed(Instant::from_nanos(round), 0, failure(), &mut out);
        }
        writer.on_tick(Instant::from_nanos(u64::MAX), &limits(), &mut out);
        assert!(writer.backlog_bytes() <= limits().backlog_bytes_hard + 400, "{}", writer.backlog_bytes());
    }
    assert!(writer.accounts().refused_disk > 100);
    writer.on_persist(Instant::ZERO, &limits(), Entry::Exit(&record), &mut out);
    let refused = writer.accounts().refused_disk;
    assert_eq!(writer.accounts().accepted, 201);
    writer.on_close(&mut out);
    assert_eq!(writer.accounts().lost_at_close, 201 - refused, "all but the refused were kept to the end");
}

#[test]
fn a_failed_append_is_tried_again_at_its_offset_and_the_next_one_follows_it() {
    let (mut writer, mut out) = opened();
    let record = vec![0x52; 1100];
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&record), &mut out);
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&record), &mut out);
    let first = offsets(&out);
    assert_eq!(first.len(), 1, "one append is outstanding at a time");
    writer.on_append_failed(Instant::ZERO, 0, failure(), &mut out);
    writer.on_tick(Instant::from_nanos(1_000_000_000), &limits(), &mut out);
    writer.on_appended(&limits(), &mut out);
    let all = offsets(&out);
    assert_eq!(all[..2], [first[0], first[0]]);
    assert_eq!(all[2].0, first[0].0 + first[0].1 as u64);
    assert!(out.contains(&Action::Recovered { refused: 0 }));
}

#[test]
fn a_flush_is_done_only_when_all_is_appended_and_synced() {
    let (mut writer, mut out) = opened();
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&[0x52, 0]), &mut out);
    writer.on_flush(&limits(), &mut out);
    assert!(!out.contains(&Action::FlushDone(Ok(()))));
    writer.on_appended(&limits(), &mut out);
    let upto = offsets(&out).iter().map(|(at, length)| at + *length as u64).max().unwrap();
    assert_eq!(out.back(), Some(&Action::Sync { upto }));
    writer.on_synced(upto, &mut out);
    assert_eq!(out.back(), Some(&Action::FlushDone(Ok(()))));
}

#[test]
fn an_append_that_ends_while_a_sync_runs_is_synced_after_it() {
    let policy = WritePolicy { sync: SyncPolicy::EachAppend, ..WritePolicy::default() };
    let (mut writer, mut out) = (Writer::new(policy, &limits(), true, false), VecDeque::new());
    writer.on_opened(&limits(), &mut out);
    writer.on_appended(&limits(), &mut out);
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&[0x52; 2000]), &mut out);
    writer.on_appended(&limits(), &mut out);
    out.clear();
    writer.on_synced(7, &mut out);
    assert_eq!(out, [Action::Sync { upto: writer.layout.position() }]);
    out.clear();
    writer.on_synced(writer.layout.position(), &mut out);
    assert!(out.is_empty(), "everything is synced: {out:?}");
}

#[test]
fn who_is_in_a_hurry_does_not_wait_for_the_interval_behind_an_outstanding_append() {
    let (mut writer, mut out) = opened();
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&[0x52, 0]), &mut out);
    writer.hurry(&limits(), &mut out);
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&[0x52, 0]), &mut out);
    writer.hurry(&limits(), &mut out);
    assert_eq!(offsets(&out).len(), 1, "one append is outstanding at a time");
    writer.on_appended(&limits(), &mut out);
    assert_eq!(offsets(&out).len(), 2, "the second one follows at once: {out:?}");
}

#[test]
fn an_early_sync_leaves_nothing_to_wait_for_at_the_end() {
    let (mut writer, mut out) = opened();
    writer.on_persist(Instant::ZERO, &limits(), Entry::Raw(&[0x52, 0]), &mut out);
    writer.begin_flush(&limits(), &mut out);
    writer.on_appended(&limits(), &mut out);
    let upto = writer.layout.position();
    assert_eq!(out.back(), Some(&Action::Sync { upto }));
    writer.on_synced(upto, &mut out);
    assert_eq!(out.back(), Some(&Action::Sync { upto }), "nobody asked to be told");
    writer.on_flush(&limits(), &mut out);
    assert_eq!(out.back(), Some(&Action::FlushDone(Ok(()))));
}
