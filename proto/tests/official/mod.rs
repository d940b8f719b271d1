//! The official Python package, to compare with: installed once into `target/official`, or named by `RUNWIRE_PYTHON`.
use std::fs::{File, create_dir_all};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version whose protocol this workspace speaks.
const PACKAGE: &str = "wandb==0.31.0";

/// A Python that can import the official package.
pub(crate) fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("RUNWIRE_PYTHON") {
        return python.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace around").join("target");
    create_dir_all(&target).expect("target folder");
    let home = target.join("official");
    // Tests run in parallel, and in several processes: one of them installs, the others wait.
    let lock = File::create(target.join("official.lock")).expect("lock file");
    lock.lock().expect("lock");
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let ready = home.join("ready");
    if !ready.exists() {
        let system = if cfg!(windows) { "python" } else { "python3" };
        run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&home));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]));
        File::create(ready).expect("marker file");
    }
    python
}

/// Runs a command to its end and gives its output.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let hint = "install Python 3 or set RUNWIRE_PYTHON to a Python that has the official package";
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {errors}\n{hint}");
    output.stdout
}
