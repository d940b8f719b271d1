//! Effect traces of runs whose disk fails: what is told, what is tried again, and how the run ends all the same.
#![cfg(unix)]
use runwire_core::time::Duration;
use runwire_core::{CloseReason, Completion, Input};
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{OutputRawRecord, TbRecord};
use runwire_tests::world::{Disk, World};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_log_cannot_be_made() {
    let world = World::on(Disk::Full, true, |_| {});
    assert!(world.finished.is_some());
    insta::assert_snapshot!(world.text());
}

#[test]
fn the_disk_is_full_and_then_recovers() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Full;
    world.row(&[("a", "1")]);
    world.advance(SECOND);
    world.row(&[("a", "2")]);
    world.disk = Disk::Works;
    world.advance(SECOND);
    world.exit(0);
    world.close(CloseReason::Finish);
    assert_eq!(world.read_log().own_rows().len(), 2);
    insta::assert_snapshot!(world.text());
}

#[test]
fn the_disk_hangs_past_its_deadline_and_comes_back() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Hangs;
    world.row(&[("a", "1")]);
    world.advance(SECOND * 11);
    world.disk = Disk::Works;
    world.settle();
    world.advance(SECOND * 3);
    insta::assert_snapshot!(world.text());
}

#[test]
fn the_disk_hangs_for_ever_and_the_run_ends() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Hangs;
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 90);
    insta::assert_snapshot!(world.text());
}

#[test]
fn a_limit_on_finishing_ends_the_reading_of_event_files() {
    let mut world = World::begun(|config| config.settings.finish_timeout = Some(2.0));
    world.send(RecordType::Tbrecord(TbRecord { log_dir: "/tb".into(), root_dir: "/".into(), ..Default::default() }));
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Hangs;
    let exit = world.exit(0);
    world.advance(SECOND * 2);
    world.disk = Disk::Works;
    world.settle();
    assert!(world.reply(exit).is_some(), "{}", world.text());
    insta::assert_snapshot!(world.text());
}

#[test]
fn a_limit_on_finishing_cuts_the_wait_for_console_output_short() {
    let mut world = World::begun(|config| {
        config.settings.finish_timeout = Some(2.0);
        config.settings.console = Some("wrap".into());
    });
    world.advance(SECOND);
    world.send(RecordType::OutputRaw(OutputRawRecord {
        output_type: OutputType::Stdout.into(),
        line: "hello\n".into(),
        ..Default::default()
    }));
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Hangs;
    let exit = world.exit(0);
    world.advance(SECOND * 3);
    world.disk = Disk::Works;
    world.settle();
    assert!(world.reply(exit).is_some());
    insta::assert_snapshot!(world.text());
}

#[test]
fn an_answer_after_its_deadline_is_ignored_once() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.disk = Disk::Hangs;
    world.row(&[("a", "1")]);
    world.advance(Duration::from_millis(60));
    let late = world.open[0].0;
    world.advance(SECOND * 10);
    world.hush();
    assert_eq!(world.input(Input::Completed(late, Completion::Appended)), Ok(()));
    assert!(world.input(Input::Completed(late, Completion::Appended)).is_err());
    insta::assert_snapshot!(world.text());
}

#[test]
fn console_output_that_the_full_disk_refused_is_written_at_the_end() {
    let mut world = World::begun(|config| config.settings.console = Some("wrap".into()));
    world.advance(SECOND);
    world.hush();
    world.disk = Disk::Full;
    world.send(RecordType::OutputRaw(OutputRawRecord {
        output_type: OutputType::Stdout.into(),
        line: "hello\n".into(),
        ..Default::default()
    }));
    world.advance(SECOND * 6);
    world.disk = Disk::Works;
    world.advance(SECOND * 6);
    world.exit(0);
    world.close(CloseReason::Finish);
    insta::assert_snapshot!(world.text());
    let file = world.files.values().next().expect("console output has a file");
    assert!(String::from_utf8_lossy(file).contains("hello"));
}

#[test]
fn the_exit_is_stored_although_memory_for_rows_was_full() {
    let mut world = World::begun(|config| config.limits.backlog_bytes_hard = 300);
    world.advance(SECOND);
    world.disk = Disk::Full;
    for _ in 0..10 {
        world.row(&[("a", "1")]);
        world.advance(Duration::from_millis(100));
    }
    let exit = world.exit(3);
    world.advance(SECOND);
    world.disk = Disk::Works;
    world.hush();
    world.advance(SECOND * 5);
    assert!(world.reply(exit).is_some());
    assert_eq!(world.read_log().exit_code(), 3);
    assert!(world.engine.accounts().refused_disk > 0);
    insta::assert_snapshot!(world.text());
}

#[test]
fn a_run_without_exit_waits_for_a_failing_disk_as_well() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.disk = Disk::Full;
    world.row(&[("a", "1")]);
    world.advance(SECOND);
    world.hush();
    world.close(CloseReason::Finish);
    world.disk = Disk::Works;
    world.to_end(SECOND * 10);
    assert_eq!(world.read_log().own_rows().len(), 1);
    insta::assert_snapshot!(world.text());
}

#[test]
fn whoever_waits_for_a_log_that_is_never_made_is_told() {
    let mut world = World::on(Disk::Hangs, true, |config| config.limits.disk_deadline = SECOND * 60);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 30);
    assert_eq!(world.replies.len(), 1);
    insta::assert_snapshot!(world.text());
}
