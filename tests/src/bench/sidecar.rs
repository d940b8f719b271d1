//! One running sidecar process: start, rendezvous, memory, CPU time over its whole life.
//! Must not know what is sent to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::error::{BenchError, Doing, Result};

/// A sidecar that does not show its port file in this time is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A started sidecar. Killed if it is dropped before [`Sidecar::end`].
pub struct Sidecar {
    program: PathBuf,
    child: Option<Child>,
    stderr: PathBuf,
    cpu_before: Duration,
    socket: PathBuf,
    /// From just before the spawn to the first time the whole port file could be read.
    pub startup: Duration,
}

impl Sidecar {
    /// Starts `program` as the SDK does, with its port file and stderr in `dir`, and waits (tightly) for the port file.
    pub fn start(program: &Path, dir: &Path) -> Result<Sidecar> {
        let port_file = dir.join("port.txt");
        let stderr = dir.join("stderr.txt");
        let errors = fs::File::create(&stderr).doing("creating the file for the sidecar's stderr")?;
        let mut command = Command::new(program);
        command
            .args(["--no-observability", "--port-filename"])
            .arg(&port_file)
            .args(["--pid", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        let cpu_before = children_cpu()?;
        let begin = Instant::now();
        let child = command.spawn().doing(format!("starting {}", program.display()))?;
        let mut sidecar = Sidecar {
            program: program.to_owned(),
            child: Some(child),
            stderr,
            cpu_before,
            socket: PathBuf::new(),
            startup: Duration::ZERO,
        };
        sidecar.socket = sidecar.wait_for_port(&port_file, begin)?;
        Ok(sidecar)
    }

    /// The Unix socket it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("only `end`, which consumes self, takes the child").id()
    }

    /// A line such as `VmHWM` (peak) or `VmRSS` (now) of the process's status, in KiB.
    pub fn memory_kib(&self, line: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process());
        let status = fs::read_to_string(path).doing("reading the sidecar's status")?;
        status
            .lines()
            .find_map(|l| l.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse().ok())
            .ok_or_else(|| self.broken(format!("no {line} in its status")))
    }

    /// Waits for the process, which must have been told to end, and gives the CPU time of its whole life:
    /// user and system, all threads, its own children included, as the kernel accounts it at `wait`.
    pub fn end(mut self) -> Result<Duration> {
        let mut child = self.child.take().expect("taken only here");
        let status = child.wait().doing("waiting for the sidecar")?;
        if !status.success() {
            return Err(self.broken(format!("ended with {status}")));
        }
        Ok(children_cpu()?.saturating_sub(self.cpu_before))
    }

    fn wait_for_port(&mut self, port_file: &Path, begin: Instant) -> Result<PathBuf> {
        loop {
            if let Ok(text) = fs::read_to_string(port_file)
                && text.ends_with("EOF")
            {
                self.startup = begin.elapsed();
                let socket = text.lines().find_map(|line| line.strip_prefix("unix="));
                return socket.map(PathBuf::from).ok_or_else(|| self.broken("no unix= line in its port file".into()));
            }
            if begin.elapsed() > PATIENCE {
                return Err(self.broken(format!("no port file within {PATIENCE:?}")));
            }
            let child = self.child.as_mut().expect("set at the start");
            if let Some(status) = child.try_wait().doing("looking at the sidecar")? {
                return Err(self.broken(format!("ended at once with {status}")));
            }
        }
    }

    fn broken(&self, what: String) -> BenchError {
        let said = fs::read_to_string(&self.stderr).unwrap_or_default();
        let tail: Vec<&str> = said.lines().rev().take(5).collect();
        let what = tail.iter().rev().fold(what, |text, line| text + "\n  " + line);
        BenchError::Sidecar { program: self.program.display().to_string(), what }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Best effort: an error here means that it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// CPU time of all children waited for so far. The benchmark has one child at a time, so differences are that child's.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(std::io::Error::from).doing("reading CPU times")?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}
