//! Records that are only passed on: they must lie unchanged in the log (run cases 59, 60, 65, 66, 68).
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::time::Duration;

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::{
    AlertRecord, ConfigRecord, EnvironmentRecord, FilesItem, FilesRecord, ListStringValue, RunExitRecord,
    TelemetryRecord,
};
use runwire_tests::client::{Run, Scene, config_item};
use runwire_tests::sidecar::{Launch, await_that, is_official};

// official: same
#[test]
fn run_59_alert() {
    let mut scene = Scene::new();
    let alert = AlertRecord {
        title: "t".into(),
        text: "body".into(),
        level: "BOGUS".into(),
        wait_duration: 60,
        ..Default::default()
    };
    scene.send(RecordType::Alert(alert.clone()));
    let log = scene.end();
    assert!(log.types().any(|kind| *kind == RecordType::Alert(alert.clone())));
}

// official: same
#[test]
fn run_60_preempting() {
    let mut scene = Scene::new();
    scene.send(RecordType::Preempting(Default::default()));
    assert_eq!(scene.end().count("preempting"), 1);
}

// official: same
#[test]
fn run_60_config_files_telemetry() {
    let mut scene = Scene::new();
    let config = ConfigRecord {
        update: vec![config_item(&["a", "b"], "1.50"), config_item(&["c"], "NaN")],
        remove: vec![config_item(&["d"], "")],
        info: None,
    };
    let item = FilesItem { path: "../x".into(), policy: 2, r#type: 2 };
    let files = FilesRecord { files: vec![item], info: None };
    let telemetry = TelemetryRecord { python_version: "3.11.7".into(), ..Default::default() };
    let sent = [RecordType::Config(config), RecordType::Files(files), RecordType::Telemetry(telemetry)];
    for kind in &sent {
        scene.send(kind.clone());
    }
    let log = scene.end();
    for kind in &sent {
        assert!(log.types().any(|stored| stored == kind), "{kind:?} is not in the log");
    }
}

// official: same
#[test]
fn run_65_incomplete_exit() {
    let mut scene = Scene::new();
    let exit = RunExitRecord { exit_code: 1, not_complete: true, ..Default::default() };
    scene.ask_record(RecordType::Exit(exit));
    let log = scene.end_after_exit();
    assert!(log.exits()[0].not_complete);
}

// official: same
#[test]
fn run_66_exit_code_and_runtime() {
    let mut scene = Scene::new();
    std::thread::sleep(Duration::from_millis(1100));
    scene.exit(3);
    let log = scene.end();
    assert_eq!(log.exit_code(), 3);
    assert!((1..10).contains(&log.exits()[0].runtime), "{:?}", log.exits());
}

// official: same
#[test]
fn run_66_runtime_stands_still_while_paused() {
    let mut scene = Scene::new();
    scene.tell(RequestType::Pause(Default::default()));
    std::thread::sleep(Duration::from_millis(600));
    scene.tell(RequestType::Resume(Default::default()));
    scene.row(&[("x", "1")]);
    scene.exit(0);
    let log = scene.end();
    let runtime: f64 = log.rows()[0]["_runtime"].parse().expect("a number");
    assert!(runtime < 0.55, "the pause was counted: {runtime}");
}

fn samples(run: &mut Run) -> usize {
    match run.ask(RequestType::GetSystemMetrics(Default::default())) {
        Some(ResponseType::GetSystemMetricsResponse(answer)) => {
            answer.system_metrics.get("cpu").map_or(0, |buffer| buffer.record.len())
        }
        other => panic!("unexpected response {other:?}"),
    }
}

// official: same
#[test]
fn run_68_system_metrics_with_a_label() {
    let mut scene = Scene::with(|settings| {
        settings.x_disable_stats = Some(false);
        settings.x_stats_sampling_interval = Some(0.1);
        settings.x_stats_buffer_size = Some(2);
        settings.x_label = Some("nd".into());
    });
    await_that("two samples", || (samples(&mut scene) == 2).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(samples(&mut scene), 2);
    let log = scene.end();
    let labelled = log.types().any(|kind| match kind {
        RecordType::Stats(stats) => stats.item.iter().any(|item| item.key == "cpu/l:nd"),
        _ => false,
    });
    assert!(labelled, "no labelled sample in the log");
    assert_eq!(log.exit_code(), 0);
}

// official: same, if it has the time before the end
#[test]
fn run_8_facts_of_the_batch_system_are_in_the_first_environment_record() {
    let sidecar = Launch::new().env("SLURM_JOB_ID", "77").env("SLURM_NODEID", "1").env("XSLURM_A", "b").start();
    let mut scene = Scene::on(sidecar, |settings| {
        settings.x_disable_meta = Some(false);
        settings.x_stats_disk_paths = Some(ListStringValue::default());
    });
    scene.run.tell(RequestType::ProbeSystemInfo(Default::default()));
    if is_official() {
        std::thread::sleep(Duration::from_secs(2));
    }
    let log = scene.end();
    let found: Vec<&EnvironmentRecord> = log
        .types()
        .filter_map(|kind| match kind {
            RecordType::Environment(facts) => Some(facts),
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 2);
    let wanted = [("job_id", "77"), ("nodeid", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(found[0].slurm, wanted.into());
    assert!(found[1].slurm.is_empty());
    assert!(found.iter().all(|facts| facts.disk.is_empty()), "an empty list of paths asks for no disk");
}
