//! The official readers take our logs: the dumper `wandb leet inspect`, and `wandb sync` against a server that accepts.
//!
//! What they read is compared with what was logged, not with what our own reader finds.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use runwire_tests::client::Scene;
use runwire_tests::official::official_python;
use runwire_tests::stub::Stub;
use serde_json::{Value, json};
use tempfile::TempDir;

const ROWS: usize = 300;

/// A log of ours in a folder of the official layout.
struct Logged {
    folder: TempDir,
    path: PathBuf,
}

/// Rows with names and values of every kind; the text is long enough for several blocks.
fn logged(end: impl FnOnce(&mut Scene)) -> Logged {
    let mut scene = Scene::new();
    for step in 0..ROWS {
        let text = format!("\"{}\"", "x".repeat(200));
        scene.row(&[("train/loss", &loss(step)), ("epoch", &step.to_string()), ("note", &text), ("bad", "NaN")]);
    }
    scene.settle();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let name = scene.dir().file_name().expect("a run has a folder").to_owned();
    let to = folder.path().join(name);
    fs::create_dir_all(to.join("files")).expect("a test's folder can be filled");
    end(&mut scene);
    // The scene's own folder goes away with it.
    let path = to.join("run-run1.wandb");
    fs::copy(scene.log_path(), &path).expect("the log can be copied");
    Logged { folder, path }
}

fn loss(step: usize) -> String {
    format!("{}", 1.0 / (step + 1) as f64)
}

fn finished() -> Logged {
    logged(|scene| {
        scene.exit(3);
        scene.run.finish();
        scene.teardown(0);
    })
}

fn wandb(arguments: &[&str], path: &Path, home: &Path, server: &str) -> Output {
    let program = official_python().with_file_name("wandb");
    Command::new(program)
        .args(arguments)
        .arg(path)
        .env_remove("WANDB_MODE")
        .env("WANDB_BASE_URL", server)
        .env("WANDB_API_KEY", "0123456789012345678901234567890123456789")
        .env("WANDB_ERROR_REPORTING", "false")
        .env("HOME", home)
        .env("WANDB_CONFIG_DIR", home)
        .env("WANDB_CACHE_DIR", home)
        .current_dir(home)
        .output()
        .expect("the official command can be started")
}

/// What a row must be for a reader, but for its time.
fn expected(step: usize) -> Value {
    // Read as the readers' output is, so that both are rounded alike.
    let loss: f64 = serde_json::from_str(&loss(step)).expect("a number");
    let step = step as f64;
    json!({"train/loss": loss, "epoch": step, "note": "x".repeat(200), "_step": step, "bad": "NaN"})
}

fn own(mut row: Value) -> Value {
    let object = row.as_object_mut().expect("a row is an object");
    assert!(object.remove("_runtime").is_some_and(|value| value.is_number()), "every row has its time");
    // 1 and 1.0 are the same number.
    for value in object.values_mut() {
        if let Some(number) = value.as_f64() {
            *value = json!(number);
        }
    }
    row
}

/// A reader's row. The three bare numbers are not JSON; a string stands for them.
fn parsed(line: &str) -> Value {
    serde_json::from_str(&line.replace(":NaN", ":\"NaN\"")).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn the_official_dumper_reads_every_record() {
    let logged = finished();
    let output = wandb(&["leet", "inspect", "--json"], &logged.path, logged.folder.path(), "http://127.0.0.1:1");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8(output.stdout).expect("the dumper prints text");
    let records: Vec<Value> = text.lines().map(parsed).collect();
    let kind = |record: &Value| record["type"].as_str().expect("each line names its type").to_owned();
    assert!(records.iter().all(|record| kind(record) != "unknown"), "{text}");
    let rows: Vec<Value> =
        records.iter().filter(|r| kind(r) == "history").map(|r| own(r["history"]["item"].clone())).collect();
    assert_eq!(rows, (0..ROWS).map(expected).collect::<Vec<_>>());
    let last = records.last().expect("a log has records");
    assert_eq!((kind(last).as_str(), &last["exit"]["exit_code"]), ("exit", &json!(3)));
}

#[test]
fn the_official_uploader_sends_every_row() {
    let (stub, logged) = (Stub::start(), finished());
    let output = wandb(&["sync"], &logged.path, logged.folder.path(), &stub.url());
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Finished syncing"), "{said}");
    let rows: Vec<Value> = stub.taken().history.iter().map(|line| own(parsed(line))).collect();
    assert_eq!(rows, (0..ROWS).map(expected).collect::<Vec<_>>(), "{said}");
    assert_eq!(stub.taken().exit_code, Some(3));
    assert!(logged.path.with_extension("wandb.synced").exists(), "{said}");
}

#[test]
fn the_official_uploader_sends_the_rows_of_a_killed_writer() {
    let logged = logged(|scene| {
        runwire_tests::sidecar::await_that("all rows in the file", || {
            (scene.log().steps().len() == ROWS).then_some(())
        });
        scene.sidecar.sigkill();
    });
    let stub = Stub::start();
    let output = wandb(&["sync"], &logged.path, logged.folder.path(), &stub.url());
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Value> = stub.taken().history.iter().map(|line| own(parsed(line))).collect();
    assert_eq!(rows, (0..ROWS).map(expected).collect::<Vec<_>>(), "{said}");
    // The uploader's own rule for a log without an exit.
    assert_eq!(stub.taken().exit_code, Some(1), "{said}");
}
