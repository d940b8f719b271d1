//! The run record and its answer (run cases 1, 2, 4, 5, 6, 17, 72).
#![cfg(unix)]
use std::collections::BTreeMap;

use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::{
    BranchPoint, ConfigItem, ConfigRecord, Feature, RunRecord, TelemetryRecord, python_packages_request::PythonPackage,
};
use runwire_proto::wire::{PythonPackagesRequest, record::RecordType};
use runwire_tests::client::{Scene, config_item, holds};
use serde_json::{Value, json};

/// The config that the answer to a run record carries: top-level keys with the text of their values.
fn answered_config(run: RunRecord) -> BTreeMap<String, String> {
    let items = run.config.expect("the answer carries the config").update;
    let config: BTreeMap<String, String> = items.into_iter().map(|item| (item.key, item.value_json)).collect();
    assert!(!config.contains_key(""), "every item has a plain key");
    config
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a finite value is JSON")
}

fn with_config(scene: &mut Scene, update: Vec<ConfigItem>, remove: Vec<ConfigItem>) -> BTreeMap<String, String> {
    let mut record = scene.run_record();
    record.config = Some(ConfigRecord { update, remove, info: None });
    answered_config(scene.send_run(record).expect("the answer carries the run"))
}

// official: same
#[test]
fn run_01_first_run_record_offline() {
    let mut scene = Scene::without_run();
    let mut record = scene.run_record();
    record.config = None;
    let run = scene.send_run(record).expect("the answer carries the run");
    assert!(run.git.is_some());
    assert_eq!(run.storage_id, "");
    assert_eq!(run.display_name, "");
    assert_eq!((run.starting_step, run.resumed, run.forked), (0, false, false));
    let config = answered_config(run);
    assert_eq!(config.keys().collect::<Vec<_>>(), ["_wandb"]);
    let wandb = parsed(&config["_wandb"]);
    assert_eq!(wandb["value"]["m"], json!([]));
    assert!(wandb["value"]["t"]["12"].is_string(), "{wandb}");
}

// official: same
#[test]
fn run_04_config_updates_and_removals() {
    let mut scene = Scene::without_run();
    let update = vec![
        config_item(&["a"], r#"{"x":1,"y":{"z":2}}"#),
        config_item(&["broken"], "{"),
        config_item(&["a", "y", "w"], "5"),
        config_item(&["b.c"], "\"dots are letters\""),
    ];
    let remove = vec![config_item(&["a", "x"], ""), config_item(&["nothere"], "")];
    let config = with_config(&mut scene, update, remove);
    assert_eq!(parsed(&config["a"]), json!({"value": {"y": {"z": 2, "w": 5}}}));
    assert_eq!(parsed(&config["b.c"]), json!({"value": "dots are letters"}));
    assert!(!config.contains_key("broken"));
}

// official: same
#[test]
fn run_05_config_with_numbers_that_json_lacks() {
    let mut scene = Scene::without_run();
    let update =
        vec![config_item(&["bad"], "NaN"), config_item(&["big"], "Infinity"), config_item(&["neg"], "-Infinity")];
    let config = with_config(&mut scene, update, Vec::new());
    assert_eq!(config["bad"].replace(' ', ""), r#"{"value":NaN}"#);
    assert_eq!(config["big"].replace(' ', ""), r#"{"value":Infinity}"#);
    assert_eq!(config["neg"].replace(' ', ""), r#"{"value":-Infinity}"#);
}

// official: same
#[test]
fn run_06_telemetry_in_the_config() {
    let mut scene = Scene::without_run();
    let mut record = scene.run_record();
    record.telemetry = Some(TelemetryRecord {
        feature: Some(Feature { finish: true, keras: true, ..Default::default() }),
        python_version: "3.11.7".into(),
        cli_version: "0.31.0".into(),
        platform: "linux-x86_64".into(),
        ..Default::default()
    });
    let config = answered_config(scene.send_run(record).expect("the answer carries the run"));
    let wandb = parsed(&config["_wandb"])["value"].clone();
    assert_eq!(wandb["cli_version"], json!("0.31.0"));
    assert_eq!(wandb["python_version"], json!("3.11.7"));
    let mut telemetry = wandb["t"].clone();
    let version = telemetry.as_object_mut().and_then(|map| map.remove("12"));
    assert!(version.is_some_and(|version| version.is_string()));
    assert_eq!(telemetry, json!({"3": [2, 8], "4": "3.11.7", "5": "0.31.0", "13": "linux-x86_64"}));
}

// official: same
#[test]
fn run_17_no_machine_information() {
    let mut scene = Scene::with(|settings| {
        settings.x_disable_machine_info = Some(true);
        settings.x_disable_meta = Some(false);
    });
    scene.tell(RequestType::ProbeSystemInfo(Default::default()));
    packages(&mut scene, &[("a", "1")]);
    scene.settle();
    let dir = scene.dir();
    let log = scene.end();
    assert_eq!(log.count("environment"), 0);
    let files = dir.join("files");
    assert!(!holds(&files, "wandb-metadata.json") && !holds(&files, "diff.patch") && !holds(&files, "code"));
    assert_eq!(log.count("files"), 1);
}

fn packages(scene: &mut Scene, list: &[(&str, &str)]) {
    let package = list.iter().map(|(name, version)| PythonPackage { name: (*name).into(), version: (*version).into() });
    scene.tell(RequestType::PythonPackages(PythonPackagesRequest { package: package.collect() }));
}

// official: same
#[test]
fn run_58_requirements_file() {
    let mut scene = Scene::new();
    packages(&mut scene, &[("a", "1"), ("b", "")]);
    scene.exit(0);
    assert_eq!(scene.file("requirements.txt").as_deref(), Some("a==1\nb==\n"));
    let log = scene.end();
    let files: Vec<_> =
        log.types().filter_map(|kind| if let RecordType::Files(files) = kind { Some(files) } else { None }).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].files.len(), 1);
    assert_eq!(files[0].files[0].path, "requirements.txt");
    assert_eq!(files[0].files[0].r#type, 1);
}

// official: same
#[test]
fn run_67_only_the_primary_writer_stores_requirements() {
    let mut scene = Scene::with(|settings| settings.x_primary = Some(false));
    packages(&mut scene, &[("a", "1")]);
    scene.exit(0);
    assert_eq!(scene.file("requirements.txt"), None);
    assert_eq!(scene.end().count("files"), 0);
}

fn branch(run: &str, value: f64) -> Option<BranchPoint> {
    Some(BranchPoint { run: run.into(), value, metric: "_step".into() })
}

fn forked(from: &str, value: f64) -> (RunRecord, Vec<i64>) {
    let mut scene = Scene::without_run();
    let mut record = scene.run_record();
    record.branch_point = branch(from, value);
    let run = scene.send_run(record).expect("the answer carries the run");
    scene.tell(RequestType::RunStart(runwire_proto::wire::RunStartRequest { run: Some(run.clone()), info: None }));
    for value in 0..3 {
        scene.row(&[("x", &value.to_string())]);
    }
    (run, scene.end().steps())
}

// official: same
#[test]
fn run_72_offline_fork() {
    let (run, steps) = forked("base", 2.0);
    assert!(run.forked);
    assert_eq!(run.starting_step, 3);
    assert_eq!(steps, [3, 4, 5]);
}

// official: same
#[test]
fn run_72_offline_fork_at_a_fraction() {
    let (run, steps) = forked("base", 2.7);
    assert_eq!(run.starting_step, 3);
    assert_eq!(steps, [3, 4, 5]);
}
