//! Effect traces of runs on a working disk: what goes in, what comes out, and when. Changed on purpose or not at all.
#![cfg(unix)]
use runwire_core::time::Duration;
use runwire_core::writer::SyncPolicy;
use runwire_core::{CloseReason, Input};
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::{InternalMessagesRequest, OutputRawRecord, TbRecord};
use runwire_tests::client::request;
use runwire_tests::world::{World, partial};

const SECOND: Duration = Duration::from_secs(1);

fn print(world: &mut World, line: &str) {
    world.send(RecordType::OutputRaw(OutputRawRecord {
        output_type: OutputType::Stdout.into(),
        line: line.into(),
        ..Default::default()
    }));
}

fn ended(mut world: World) -> String {
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 90);
    world.text()
}

fn poll() -> RecordType {
    request(RequestType::InternalMessages(InternalMessagesRequest { wait: true, info: None }))
}

#[test]
fn empty_run() {
    insta::assert_snapshot!(ended(World::begun(|_| {})));
}

#[test]
fn a_folder_of_event_files() {
    let mut world = World::begun(|config| config.current_dir = "/home".into());
    world.send(RecordType::Tbrecord(TbRecord { log_dir: "logs".into(), root_dir: ".".into(), ..Default::default() }));
    world.advance(SECOND * 6);
    insta::assert_snapshot!(ended(world));
}

#[test]
fn three_rows() {
    let mut world = World::begun(|_| {});
    for value in ["1", "2", "3"] {
        world.row(&[("loss", value)]);
    }
    insta::assert_snapshot!(ended(world));
}

#[test]
fn a_batch_goes_out_by_size() {
    let mut world = World::begun(|config| config.limits.append_bytes_max = 300);
    world.hush();
    for _ in 0..6 {
        world.row(&[("loss", "0.123456789")]);
    }
    insta::assert_snapshot!(world.text());
}

#[test]
fn a_batch_goes_out_by_time() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.hush();
    world.row(&[("loss", "1")]);
    world.advance(Duration::from_millis(30));
    world.row(&[("loss", "2")]);
    world.advance(SECOND * 2);
    insta::assert_snapshot!(world.text());
}

#[test]
fn explicit_steps_and_one_that_goes_back() {
    let mut world = World::begun(|_| {});
    world.hush();
    let poll = world.ask(poll());
    world.partial(&[("a", "1")], Some(5), None);
    world.partial(&[("b", "2")], Some(5), None);
    world.partial(&[("a", "3")], Some(7), None);
    world.partial(&[("a", "4")], Some(6), None);
    assert!(world.reply(poll).is_some());
    insta::assert_snapshot!(ended(world));
}

#[test]
fn commit_false_holds_the_row() {
    let mut world = World::begun(|_| {});
    world.hush();
    world.partial(&[("a", "1")], None, Some(false));
    world.partial(&[("b", "2")], None, Some(false));
    world.partial(&[("c", "3")], None, Some(true));
    world.advance(SECOND * 2);
    insta::assert_snapshot!(world.text());
}

#[test]
fn exit_with_a_pending_row() {
    let mut world = World::begun(|_| {});
    world.partial(&[("a", "1")], None, Some(false));
    world.hush();
    insta::assert_snapshot!(ended(world));
}

#[test]
fn a_second_exit_is_refused() {
    let mut world = World::begun(|_| {});
    world.advance(SECOND);
    world.hush();
    world.exit(3);
    world.exit(4);
    world.close(CloseReason::Finish);
    insta::assert_snapshot!(world.text());
}

#[test]
fn teardown_without_exit() {
    let mut world = World::begun(|_| {});
    world.partial(&[("a", "1")], None, Some(false));
    world.hush();
    world.close(CloseReason::Teardown { exit_code: 1 });
    insta::assert_snapshot!(world.text());
}

#[test]
fn finish_without_exit() {
    let mut world = World::begun(|_| {});
    world.partial(&[("a", "1")], None, Some(false));
    world.hush();
    world.close(CloseReason::Finish);
    insta::assert_snapshot!(world.text());
}

#[test]
fn every_append_is_synced() {
    let mut world = World::begun(|config| config.write_policy.sync = SyncPolicy::EachAppend);
    world.row(&[("a", "1")]);
    world.advance(Duration::from_millis(60));
    insta::assert_snapshot!(ended(world));
}

#[test]
fn console_output_follows_to_its_file() {
    let mut world = World::begun(|config| config.settings.console = Some("wrap".into()));
    world.advance(SECOND);
    world.hush();
    print(&mut world, "hello\n");
    world.advance(SECOND * 6);
    print(&mut world, "progress 1%\rprogress 99%\n");
    let text = ended(world);
    insta::assert_snapshot!(text);
}

#[test]
fn the_machine_is_sampled_until_a_pause() {
    let mut world = World::begun(|config| config.settings.x_disable_stats = Some(false));
    world.hush();
    world.advance(SECOND * 16);
    world.ask(request(RequestType::Pause(Default::default())));
    world.advance(SECOND * 60);
    world.ask(request(RequestType::Resume(Default::default())));
    world.advance(SECOND * 16);
    insta::assert_snapshot!(ended(world));
}

#[test]
fn the_machine_is_probed_once_asked() {
    let mut world = World::begun(|config| {
        config.settings.x_disable_meta = Some(false);
        config.write_summary_files = true;
    });
    world.hush();
    world.send(request(RequestType::ProbeSystemInfo(Default::default())));
    insta::assert_snapshot!(ended(world));
}

#[test]
fn a_poll_ends_with_its_client_and_the_run_goes_on() {
    let mut world = World::begun(|_| {});
    world.hush();
    world.ask(poll());
    world.client_gone();
    world.row(&[("a", "1")]);
    insta::assert_snapshot!(ended(world));
}

#[test]
fn an_answer_after_a_cancel_is_not_given() {
    let mut world = World::begun(|_| {});
    world.hush();
    let asked = world.ask(poll());
    world.cancel(asked);
    let text = {
        world.send(partial(&[("a", "1")], Some(5), None));
        world.send(partial(&[("a", "1")], Some(4), None));
        assert!(world.reply(asked).is_none());
        world.text()
    };
    insta::assert_snapshot!(text);
}

#[test]
fn a_closed_run_answers_that_it_is_closed() {
    let mut world = World::begun(|_| {});
    world.exit(0);
    world.close(CloseReason::Finish);
    world.hush();
    world.ask(request(RequestType::Status(Default::default())));
    assert_eq!(world.input(Input::Tick), Ok(()));
    insta::assert_snapshot!(world.text());
}
