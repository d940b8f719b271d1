//! One sidecar process under test: how it is started, found, watched and stopped.
//!
//! The program is the one named by `RUNWIRE_TEST_SIDECAR`, so that the same cases can be proved on the official
//! client's sidecar; without that variable it is our own, built beside the running test.
//! Knows processes, flags and files, but nothing of what is said over the socket.
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;

/// How long a test waits for something that must happen. Long, because test machines are busy; never reached in a pass.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The environment variable that names the program under test.
pub const PROGRAM_VARIABLE: &str = "RUNWIRE_TEST_SIDECAR";

/// The program under test.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os(PROGRAM_VARIABLE).map(PathBuf::from).unwrap_or_else(build))
}

/// Whether the cases run against the official sidecar: then assertions of our own improvements are skipped.
pub fn is_official() -> bool {
    program().file_name().is_some_and(|name| name == "wandb-core")
}

/// Builds our sidecar into the target folder that this test was built into.
fn build() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its own path");
    let profile = exe.ancestors().nth(2).expect("tests run from <target>/<profile>/deps").to_path_buf();
    let target = profile.parent().expect("a profile folder lies in a target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "runwire-std", "--bin", "runwire", "--target-dir"]).arg(target);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        command.arg("--release");
    }
    assert!(command.status().expect("cargo can be started").success(), "building the sidecar failed");
    profile.join("runwire")
}

/// What a process left behind when it ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Everything it printed.
    pub stdout: String,
    /// Everything it complained about.
    pub stderr: String,
}

/// Flags and surroundings of a sidecar that is about to start.
pub struct Launch {
    dir: TempDir,
    flags: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    port_file: bool,
    pid: bool,
    shell: bool,
    umask: Option<String>,
}

impl Launch {
    /// The usual start: port file, our process id as the parent, nothing observed by anyone.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let flags = vec![OsString::from("--no-observability")];
        Self { dir, flags, env: Vec::new(), port_file: true, pid: true, shell: false, umask: None }
    }

    /// No flags at all but those that are added.
    pub fn bare() -> Self {
        let mut launch = Self::new();
        launch.flags.clear();
        launch.port_file = false;
        launch.pid = false;
        launch
    }

    /// Adds a flag.
    pub fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Leaves `--pid` out.
    pub fn no_pid(mut self) -> Self {
        self.pid = false;
        self
    }

    /// Starts it as the child of a shell that can be killed on its own.
    pub fn under_shell(mut self) -> Self {
        self.shell = true;
        self
    }

    /// Starts it with this file creation mask, given in octal.
    pub fn umask(mut self, mask: &str) -> Self {
        self.umask = Some(mask.to_owned());
        self
    }

    /// The private folder: `tmp`, `cache` and the port file lie in it, tests put their runs there.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self) -> Command {
        let dir = self.dir.path();
        for sub in ["tmp", "cache", "home"] {
            fs::create_dir_all(dir.join(sub)).expect("a fresh folder can be filled");
        }
        let mut command = match (self.shell, &self.umask) {
            (true, _) => {
                let mut shell = Command::new("sh");
                let pid = if self.pid { "--pid $$" } else { "" };
                shell.arg("-c").arg(format!("\"$0\" \"$@\" {pid} & echo $! >\"$CHILD_PID_FILE\"; wait"));
                shell.env("CHILD_PID_FILE", dir.join("child.pid")).arg(program());
                shell
            }
            (false, Some(mask)) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("umask {mask}; exec \"$0\" \"$@\"")).arg(program());
                shell
            }
            (false, None) => Command::new(program()),
        };
        command.args(&self.flags);
        if self.port_file {
            command.arg("--port-filename").arg(dir.join("port.txt"));
        }
        if self.pid && !self.shell {
            command.arg("--pid").arg(std::process::id().to_string());
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WANDB_") || name.to_string_lossy().starts_with("RUNWIRE_") {
                command.env_remove(name);
            }
        }
        command.current_dir(dir).env("TMPDIR", dir.join("tmp")).env("HOME", dir.join("home"));
        command.env("WANDB_CACHE_DIR", dir.join("cache")).envs(self.env.iter().cloned());
        command.stdin(Stdio::null());
        command.stdout(File::create(dir.join("stdout.txt")).expect("a fresh folder takes a file"));
        command.stderr(File::create(dir.join("stderr.txt")).expect("a fresh folder takes a file"));
        command
    }

    /// Starts it without waiting for anything.
    pub fn spawn(self) -> Sidecar {
        let child = self.command().spawn().expect("the program under test can be started");
        Sidecar { child, dir: self.dir, started: Instant::now(), shell: self.shell }
    }

    /// Starts it and waits for the port file.
    pub fn start(self) -> Sidecar {
        let mut sidecar = self.spawn();
        sidecar.await_port_file();
        sidecar
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Ended {
        let mut sidecar = self.spawn();
        let code = sidecar.wait(PATIENCE);
        assert!(code.is_some() || sidecar.child.try_wait().is_ok_and(|end| end.is_some()), "it did not end by itself");
        Ended { code, stdout: sidecar.stdout(), stderr: sidecar.stderr() }
    }
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the sidecar can be reached.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// Path of the Unix socket.
    pub unix: Option<PathBuf>,
    /// Port on 127.0.0.1.
    pub tcp: Option<u16>,
}

/// A started sidecar. Dropping it kills it and removes its folder.
pub struct Sidecar {
    child: Child,
    dir: TempDir,
    started: Instant,
    shell: bool,
}

impl Sidecar {
    /// The usual start, see [`Launch::new`].
    pub fn start() -> Self {
        Launch::new().start()
    }

    fn await_port_file(&mut self) {
        while !self.port_text().is_some_and(|text| text.ends_with("EOF")) {
            if let Some(end) = self.child.try_wait().expect("a child can be looked at") {
                panic!("it ended ({end}) before it wrote its port file: {}{}", self.stdout(), self.stderr());
            }
            assert!(self.started.elapsed() < PATIENCE, "no port file after {PATIENCE:?}");
            sleep(Duration::from_millis(1));
        }
    }

    /// Text of the port file, if it is there.
    pub fn port_text(&self) -> Option<String> {
        fs::read_to_string(self.dir().join("port.txt")).ok()
    }

    /// What the port file says.
    pub fn ports(&self) -> Ports {
        let mut ports = Ports::default();
        for line in self.port_text().expect("it was started with a port file").lines() {
            match line.split_once('=') {
                Some(("unix", path)) => ports.unix = Some(PathBuf::from(path)),
                Some(("sock", port)) => ports.tcp = Some(port.parse().expect("a port is a number")),
                _ => assert_eq!(line, "EOF", "unknown line of the port file"),
            }
        }
        ports
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.ports().unix.expect("a Unix socket is always offered here")
    }

    /// A new connection over the Unix socket.
    pub fn connect(&self) -> Client {
        Client::unix(&self.socket())
    }

    /// Its private folder, see [`Launch::dir`].
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// When it was spawned.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Process id of the sidecar itself, also when a shell is its parent.
    pub fn pid(&self) -> u32 {
        if !self.shell {
            return self.child.id();
        }
        let file = self.dir().join("child.pid");
        await_that("the shell to say the process id", || {
            fs::read_to_string(&file).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok())
        })
    }

    /// Kills the parent shell, see [`Launch::under_shell`].
    pub fn kill_parent(&mut self) {
        assert!(self.shell, "its parent is this test");
        self.pid();
        self.child.kill().expect("a shell can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Sends a signal, by name without `SIG`.
    pub fn signal(&self, name: &str) {
        send_signal(self.pid(), name);
    }

    /// Whether the process still runs.
    pub fn is_alive(&self) -> bool {
        is_running(self.pid())
    }

    /// Waits for the end of the child; `None` if it was killed by a signal or still runs at the limit.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(end) = self.child.try_wait().expect("a child can be waited for") {
                return end.code();
            }
            if start.elapsed() > limit {
                return None;
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// Kills it at once and waits until it is gone.
    pub fn sigkill(&mut self) {
        if self.shell {
            send_signal(self.pid(), "KILL");
        }
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child can be waited for");
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.dir().join("stdout.txt")).unwrap_or_default()
    }

    /// What it has complained about so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.dir().join("stderr.txt")).unwrap_or_default()
    }

    /// Open file handles of the process.
    pub fn open_handles(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the process runs").count()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel counts memory");
        line.trim().trim_end_matches(" kB").parse().expect("memory is a number")
    }

    /// Folders of sockets that lie in its temporary folder.
    pub fn socket_dirs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir().join("tmp")).expect("the temporary folder is there");
        let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("wandb-"))).collect()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if self.shell
            && let Ok(text) = fs::read_to_string(self.dir().join("child.pid"))
            && let Ok(pid) = text.trim().parse()
            && is_running(pid)
        {
            send_signal(pid, "KILL");
        }
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs: a dead one that nobody waited for does not.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Sends a signal to a process that may be gone already.
pub fn send_signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
    assert!(status.is_ok(), "kill can be started");
}

/// Looks again and again until there is something to see.
///
/// # Panics
/// After [`PATIENCE`], naming what was waited for.
pub fn await_that<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(Duration::from_millis(2));
    }
}
