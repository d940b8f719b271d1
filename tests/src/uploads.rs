//! An embedded server, a folder of logs, and the program `runwire` that uploads them: what the tests of uploads share.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use runwire_local::{Controls, Options, Server};
use serde_json::Value;
use tempfile::TempDir;

use crate::official::{runwire_program, workspace};
use crate::sidecar::{Ended, PATIENCE};

/// The key that the server takes.
pub const KEY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A server and a folder.
pub struct Bench {
    /// The folder; runs lie in its `wandb`.
    pub dir: TempDir,
    /// The server.
    pub server: Server,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A server without runs, and an empty folder.
    pub fn new() -> Self {
        let options = Options { keys: vec![KEY.into()], test_controls: true, ..Options::default() };
        let server = Server::start(options).expect("a loopback server can be started");
        Self { dir: tempfile::tempdir().expect("a temporary folder can be made"), server }
    }

    /// Faults and records of the server.
    pub fn controls(&self) -> &Controls {
        self.server.controls().expect("it was started with them")
    }

    /// Puts a log where a client would have, under the id in its records.
    pub fn place(&self, name: &str, id: &str, log: &[u8]) -> PathBuf {
        let folder = self.dir.path().join("wandb").join(format!("offline-run-{name}-{id}"));
        fs::create_dir_all(folder.join("files")).expect("a fresh folder can be filled");
        let path = folder.join(format!("run-{id}.wandb"));
        fs::write(&path, log).expect("a fresh folder takes a file");
        path
    }

    /// A recorded log of the official client, placed; `golden/01_scalars` without its extension.
    pub fn golden(&self, name: &str) -> PathBuf {
        let log = golden(name);
        let stem = name.rsplit('/').next().unwrap_or(name);
        self.place(stem, stem, &log)
    }

    /// `runwire sync` with these arguments, about to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(runwire_program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WANDB_") || name.to_string_lossy().starts_with("RUNWIRE_") {
                command.env_remove(name);
            }
        }
        command.arg("sync").args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("HOME", self.dir.path()).env("WANDB_BASE_URL", self.server.url()).env("WANDB_API_KEY", KEY);
        command
    }

    /// Starts `runwire sync` and waits for its end.
    pub fn sync(&self, arguments: &[&str]) -> Ended {
        wait(self.command(arguments).spawn().expect("the program can be started"))
    }

    /// Syncs one log.
    pub fn sync_log(&self, log: &Path) -> Ended {
        self.sync(&[log.to_str().expect("test paths are UTF-8")])
    }

    /// The server's state of the run that this log was uploaded to.
    pub fn state_of(&self, log: &Path) -> Value {
        let place = place_of(log);
        self.state(place["project"].as_str().expect("a project"), place["run_id"].as_str().expect("an id"))
    }

    /// The server's state of a run of its only entity, or of the entity of the recorded logs.
    pub fn state(&self, project: &str, run: &str) -> Value {
        let entities = ["local", "stub-entity", "e"];
        let found =
            entities.iter().map(|entity| self.server.snapshot(entity, project, run).expect("memory can be read"));
        found.into_iter().find(|state| !state.is_null()).unwrap_or(Value::Null)
    }
}

/// A recorded log's bytes.
pub fn golden(name: &str) -> Vec<u8> {
    let path = workspace().join("proto/tests/data/log").join(format!("{name}.wandb"));
    if let Ok(bytes) = fs::read(&path) {
        return bytes;
    }
    let packed = fs::File::open(path.with_extension("wandb.gz")).unwrap_or_else(|_| panic!("no golden log {name}"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("golden logs can be unpacked");
    bytes
}

/// The note beside a log of where it went.
pub fn place_of(log: &Path) -> Value {
    let note = beside(log, ".delivered");
    let text = fs::read_to_string(&note).unwrap_or_else(|error| panic!("{}: {error}", note.display()));
    serde_json::from_str(&text).expect("the note is JSON")
}

/// The file beside a log with this added to its name.
pub fn beside(log: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", log.display()))
}

/// The values of a column in a run's history on the server.
pub fn column(state: &Value, key: &str) -> Vec<Value> {
    let rows = state["history"].as_array().cloned().unwrap_or_default();
    rows.into_iter().filter_map(|row| row.get(key).cloned()).collect()
}

/// Waits for the end of a process.
pub fn wait(child: Child) -> Ended {
    let output = child.wait_with_output().expect("a child can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Looks again and again until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(Duration::from_millis(5));
    }
}
