//! What users of trackers have reported, as cases in virtual time: docs/REPORTS.md says which report each is about.
#![cfg(unix)]
use runwire_core::net::Purpose;
use runwire_core::time::Duration;
use runwire_core::{CloseReason, Config, Output};
use runwire_proto::wire::files_item::PolicyType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{
    AlertRecord, FilesItem, FilesRecord, OutputLoggerRecord, RunPreemptingRecord, TelemetryRecord,
};
use runwire_tests::world::{World, net::Fate};

const SECOND: Duration = Duration::from_secs(1);

fn online(config: &mut Config) {
    config.settings.offline = Some(false);
    config.settings.x_disable_stats = Some(true);
}

#[test]
fn report_919_an_offline_run_has_no_network_whatever_it_logs() {
    let mut world = World::begun(|_| {});
    world.row(&[("a", "1")]);
    let item = FilesItem { path: "a.txt".into(), policy: PolicyType::Live.into(), ..Default::default() };
    world.send(RecordType::Files(FilesRecord { files: vec![item], ..Default::default() }));
    world.send(RecordType::Alert(AlertRecord { title: "t".into(), ..Default::default() }));
    world.send(RecordType::Preempting(RunPreemptingRecord::default()));
    world.send(RecordType::Telemetry(TelemetryRecord::default()));
    world.send(RecordType::Artifact(Default::default()));
    world.send(RecordType::OutputLogger(OutputLoggerRecord { line: "a line\n".into() }));
    // Four hours, after which one of them once began to try.
    world.advance(SECOND * 4 * 3600);
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 60);
    assert_eq!(world.net.asked, []);
    let is_http = |output: &&Output| matches!(output, Output::Effect(_, runwire_core::Effect::Http(_)));
    assert_eq!(world.outputs.iter().filter(is_http).count(), 0);
}

#[test]
fn report_2100_one_lost_connection_costs_less_than_a_second() {
    let mut world = World::begun(online);
    world.advance(SECOND * 5);
    world.net.only = Some(Purpose::FileStream);
    for fate in [Fate::Dropped, Fate::Refused(500), Fate::Unanswered] {
        world.net.fates.push_back(fate);
        let before = world.net.column(world.now, "a").len();
        world.row(&[("a", "1")]);
        world.advance(SECOND);
        let after = world.net.column(world.now, "a").len();
        assert_eq!(after, before + 1, "{fate:?}");
        world.advance(SECOND * 5);
    }
}

#[test]
fn report_5440_nothing_optional_is_asked_before_the_run_is_there() {
    let world = World::begun(online);
    assert_eq!(world.net.asked, [Purpose::UpsertRun]);
}
