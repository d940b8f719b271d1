//! The official SDK can't tell, online: every script runs with the official sidecar and with ours, each against an embedded
//! server of its own, and what the servers have in the end is compared, with exit codes and what was printed.
//!
//! A script has many cases; how one is run, what is collected and what may differ is in `sdk/online*.py`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use runwire_local::{Options, Server};
use runwire_tests::official::{official_core, official_python, runwire_program, workspace};

/// One test a script, named like it.
macro_rules! scripts {
    ($($name:ident)*) => {
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            compare(stringify!($name));
        })*
    };
}

scripts! {
    console dies_exception dies_exit_code dies_no_finish dies_os_exit dies_sigkill dies_sigterm dies_stopped files lives
    metrics names path_prefix values
}

#[test]
fn every_script_is_a_test() {
    let files = fs::read_dir(folder().join("online")).expect("the folder of scripts can be read");
    let names =
        files.map(|file| file.expect("a folder's entry can be read").file_name().into_string().expect("a name"));
    let found: BTreeSet<String> =
        names.filter_map(|name| name.strip_suffix(".py").map(str::to_owned)).filter(|name| name != "support").collect();
    assert_eq!(found, SCRIPTS.iter().map(|&name| name.to_owned()).collect());
}

#[test]
fn the_comparison_notices() {
    let output = Command::new(official_python()).arg("-B").arg(folder().join("online_planted.py")).output();
    let output = output.expect("Python can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("found 9 of 9"), "{text}");
}

fn folder() -> PathBuf {
    workspace().join("tests").join("sdk")
}

fn compare(script: &str) {
    let other = env::var_os("RUNWIRE_SDK_SIDECAR").filter(|path| !path.is_empty());
    let ours = other.map_or_else(runwire_program, PathBuf::from);
    let server = || Server::start(Options { test_controls: true, ..Options::default() }).expect("a free port is found");
    let servers = [server(), server()];
    let argument = |name: &str, path: &Path| [name.to_owned(), path.display().to_string()];
    let output = Command::new(official_python())
        .arg("-B")
        .arg(folder().join("online_pair.py"))
        .arg(folder().join("online").join(script).with_extension("py"))
        .args(argument("--official", &official_core()))
        .args(argument("--ours", &ours))
        .args(["--official-url".to_owned(), servers[0].url(), "--ours-url".to_owned(), servers[1].url()])
        .args(argument("--cache", &workspace().join("target").join("official-cache")))
        .output()
        .expect("Python can be started");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
