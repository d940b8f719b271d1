//! A disk that is full for a while in the middle of a run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::scene::{Outcome, RUN, Scene, folder};
use super::storms::{Size, server};
use crate::bench::error::{BenchError, Doing, Result};

/// Bytes of the log that a row takes, at least.
const ROW_BYTES: u64 = 450;

/// How space is taken away.
enum Kind {
    /// A disk in memory of its own; it can be made larger.
    Mounted,
    /// No file of the process may become larger than a limit; it can be lifted.
    Limited,
}

/// A disk with room for about half of the rows, until it gets more.
struct SmallDisk {
    kind: Kind,
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn new(scratch: &Path, bytes: u64) -> Result<SmallDisk> {
        let dir = folder(scratch)?;
        let at = dir.path().to_string_lossy().into_owned();
        let mounted = tool("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "runwire-weather", &at]);
        Ok(SmallDisk { kind: if mounted { Kind::Mounted } else { Kind::Limited }, dir })
    }

    /// The program to start: the sidecar, or a script that starts it under the limit.
    fn program(&self, sidecar: &Path, bytes: u64) -> Result<PathBuf> {
        match self.kind {
            Kind::Mounted => Ok(sidecar.to_owned()),
            Kind::Limited => {
                let script = self.dir.path().join("limited");
                // Who ignores the signal gets an error from the write instead. `ulimit` counts in blocks of 512 bytes.
                let text = format!(
                    "#!/bin/sh\ntrap '' XFSZ\nulimit -S -f {}\nexec '{}' \"$@\"\n",
                    bytes / 512,
                    sidecar.display()
                );
                fs::write(&script, text).doing("writing a script")?;
                fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).doing("making a script a program")?;
                Ok(script)
            }
        }
    }

    fn enlarge(&self, process: u32) -> bool {
        match self.kind {
            Kind::Mounted => tool("mount", &["-o", "remount,size=8g", &self.dir.path().to_string_lossy()]),
            Kind::Limited => tool("prlimit", &["--pid", &process.to_string(), "--fsize=unlimited:"]),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if matches!(self.kind, Kind::Mounted) {
            tool("umount", &["--lazy", &self.dir.path().to_string_lossy()]);
        }
    }
}

/// Logs on a disk that is full from the middle of the run to shortly before its end.
pub fn run(program: &Path, scratch: &Path, size: Size) -> Result<Outcome> {
    let bytes = size.rows * ROW_BYTES / 2;
    let disk = SmallDisk::new(scratch, bytes)?;
    let server = server()?;
    let mut scene = Scene::open(&disk.program(program, bytes)?, disk.dir.path(), &server.url())?;
    let process = scene.process();
    let outcome = thread::scope(|scope| {
        let relief = scope.spawn(|| {
            thread::sleep(size.time * 4 / 5);
            (disk.enlarge(process), Instant::now())
        });
        scene.feed(size.rows, size.time)?;
        let (enlarged, over) = relief.join().map_err(|_| BenchError::Usage("the disk's thread died".into()))?;
        if !enlarged {
            return Err(BenchError::Usage("the disk could not be made larger again".into()));
        }
        // What waited has time to be written, as in a program that goes on.
        thread::sleep(Duration::from_secs(3));
        scene.feed(size.rows / 20, Duration::from_secs(1))?;
        scene.end(&server, || over)
    })?;
    let how = match disk.kind {
        Kind::Mounted => "a small tmpfs, enlarged later",
        Kind::Limited => "a limit on the size of files (RLIMIT_FSIZE), lifted later",
    };
    let refused = outcome.sent.saturating_sub(outcome.logged.steps.len() as u64);
    Ok(Outcome { remark: format!("{how}; {refused} rows refused while it was full (run {RUN})"), ..outcome })
}

fn tool(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
