//! Where the official SDK, its sidecar and our program are; makes what is missing, once.
//!
//! `RUNWIRE_PYTHON` names a Python that has the SDK; without it a virtual environment is made below `target/official`.
//! Knows nothing of what the tests do with them.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The SDK that the tests hold us against.
pub const SDK_VERSION: &str = "0.31.0";

/// Packages that scripts on the SDK use besides it.
const COMPANIONS: [&str; 2] = ["numpy", "pillow"];

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the workspace").to_owned()
}

/// A Python with the official SDK of [`SDK_VERSION`].
///
/// Panics, and says what to do, if there is none and none can be made.
pub fn official_python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let python = match env::var_os("RUNWIRE_PYTHON") {
                Some(path) => PathBuf::from(path),
                None => made_python(),
            };
            let version = ask(&python, "import importlib.metadata as m; print(m.version('wandb'))");
            assert_eq!(version, SDK_VERSION, "{} has another version of the SDK", python.display());
            python
        })
        .clone()
}

/// The official sidecar that belongs to [`official_python`].
pub fn official_core() -> PathBuf {
    static CORE: OnceLock<PathBuf> = OnceLock::new();
    CORE.get_or_init(|| {
        let init = ask(&official_python(), "import importlib.util as u; print(u.find_spec('wandb').origin)");
        let core = Path::new(&init).with_file_name("bin").join("wandb-core").with_extension(env::consts::EXE_EXTENSION);
        assert!(core.exists(), "the SDK has no sidecar at {}", core.display());
        core
    })
    .clone()
}

/// Our program `runwire`, built in the same profile and target folder as the test that asks.
pub fn runwire_program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let test = env::current_exe().expect("a test knows its own path");
            // .../target/<profile>/deps/<test>
            let built = test.ancestors().nth(2).expect("tests lie two folders below the target folder").to_owned();
            let target = built.parent().expect("a profile's folder lies in the target folder");
            let profile = match built.file_name().and_then(OsStr::to_str) {
                Some("debug") | None => "dev",
                Some(name) => name,
            };
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "-p", "runwire-std", "--bin", "runwire", "--profile", profile]);
            run(build.arg("--target-dir").arg(target).current_dir(workspace()));
            built.join("runwire").with_extension(env::consts::EXE_EXTENSION)
        })
        .clone()
}

/// The virtual environment below `target/official`; tests of several programs may ask at once.
fn made_python() -> PathBuf {
    let home = workspace().join("target").join("official");
    fs::create_dir_all(&home).expect("the target folder can be written");
    // Let go when it is closed, at the end of this function or of the process.
    let lock = File::create(home.join("lock")).expect("the target folder can be written");
    lock.lock().expect("a lock file can be locked");
    let ready = home.join(format!("ready-{SDK_VERSION}"));
    if !ready.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home.join("venv")));
        run(Command::new(venv_python(&home))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("wandb=={SDK_VERSION}"))
            .args(COMPANIONS));
        File::create(&ready).expect("the target folder can be written");
    }
    venv_python(&home)
}

fn venv_python(home: &Path) -> PathBuf {
    let inside = if cfg!(windows) { Path::new("Scripts/python.exe") } else { Path::new("bin/python") };
    home.join("venv").join(inside)
}

/// What a line of Python prints.
fn ask(python: &Path, line: &str) -> String {
    let output = Command::new(python).args(["-c", line]).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
    assert!(
        output.status.success(),
        "{} has no official SDK {SDK_VERSION}; unset RUNWIRE_PYTHON to have one made:\n{}",
        python.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs a command that must succeed.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}); with an official SDK at hand, name its Python in RUNWIRE_PYTHON\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
