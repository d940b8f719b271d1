//! The official Python package works against the embedded server, on its own sidecar: each script beside the server's tests
//! runs by itself and asserts what it finds.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_local::{Options, Server};
use runwire_tests::official::{official_python, workspace};
use std::{
    env, fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A script that takes longer is taken to hang.
const LIMIT: Duration = Duration::from_secs(240);
const KEY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn script(name: &str) {
    let scripts = workspace().join("runtime-std/local/tests/python");
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        data: Some(dir.path().join("server/data.redb")),
        keys: vec![KEY.to_owned()],
        test_controls: true,
        ..Options::default()
    };
    let server = Server::start(options).unwrap();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    let said = dir.path().join("said.txt");
    let file = fs::File::create(&said).unwrap();
    let mut child = Command::new(official_python())
        .arg(scripts.join(format!("{name}.py")))
        .current_dir(&home)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", &home)
        .env("PYTHONPATH", &scripts)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WANDB_BASE_URL", server.url())
        .env("WANDB_API_KEY", KEY)
        .env("WANDB_ERROR_REPORTING", "false")
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.is_some_and(|status| status.success()) {
        let seen = server.controls().map(|controls| controls.requests(None)).unwrap_or_default();
        let last: Vec<String> = seen.iter().filter(|one| one["status"] != 200).map(ToString::to_string).collect();
        let said = fs::read_to_string(said).unwrap_or_default();
        panic!("{name}.py: {status:?} (none: it took too long)\n{said}\n{}", last.join("\n"));
    }
}

#[test]
fn a_run_with_everything() {
    script("basic");
}

#[test]
fn resumed_runs() {
    script("resume");
}

#[test]
fn forked_and_rewound_runs() {
    script("branch");
}

#[test]
fn the_public_api() {
    script("reads");
}

#[test]
fn offline_runs() {
    script("offline");
}

#[test]
fn shared_runs() {
    script("shared");
}

#[test]
fn scripted_faults() {
    script("faults");
}

#[test]
fn wrong_keys() {
    script("keys");
}

#[test]
fn artifacts() {
    script("artifacts");
}
