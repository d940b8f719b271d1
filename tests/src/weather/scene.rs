//! One sidecar process that is fed a run at a pace, and the comparison at its end.
//! Must not know what the weather is.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use runwire_local::Server;

use super::facts::{Logged, Served};
use crate::bench::client::Client;
use crate::bench::error::{Doing, Result};
use crate::bench::frames::{self, Steps};
use crate::bench::measure;
use crate::bench::sidecar::Sidecar;

/// The run's id in every scene.
pub const RUN: &str = "r1";
/// Metrics of a row.
pub const METRICS: usize = 10;
/// Between two bundles of rows.
const BUNDLE: Duration = Duration::from_millis(20);

/// What came of a scene.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Rows that the client sent.
    pub sent: u64,
    /// What the log holds.
    pub logged: Logged,
    /// What the server holds.
    pub served: Served,
    /// Highest resident memory of the sidecar, KiB; the highest of several.
    pub peak_kib: u64,
    /// From the end of the weather, or of the rows if that was later, to the answer to the run's exit.
    pub drain: Option<Duration>,
    /// What must be known to judge the scene.
    pub remark: String,
}

impl Outcome {
    /// Rows of the log that the server does not have.
    pub fn lost(&self) -> u64 {
        self.logged.steps.difference(&self.served.steps).count() as u64
    }

    /// Rows that the server has more than once, or other ones than the log.
    pub fn strange(&self) -> u64 {
        self.served.twice
            + self.served.counters.conflicts
            + self.served.steps.difference(&self.logged.steps).count() as u64
    }
}

/// A sidecar with an open run.
pub struct Scene {
    sidecar: Sidecar,
    client: Client,
    steps: Steps,
    sent: u64,
    log: PathBuf,
}

impl Scene {
    /// Starts `program` in `dir` and opens a run on the server at `url`.
    pub fn open(program: &Path, dir: &Path, url: &str) -> Result<Scene> {
        let sidecar = Sidecar::start(program, dir)?;
        let mut client = Client::connect(sidecar.socket())?;
        let log = measure::open_run(&mut client, dir, RUN, Some(url))?;
        Ok(Scene { sidecar, client, steps: Steps::new(RUN, METRICS, 4096), sent: 0, log })
    }

    /// The path of the run's log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends rows evenly over `time`.
    pub fn feed(&mut self, rows: u64, time: Duration) -> Result<()> {
        let (begin, first) = (Instant::now(), self.sent);
        while self.sent < first + rows {
            let share = (begin.elapsed() + BUNDLE).as_secs_f64() / time.as_secs_f64().max(1e-3);
            let target = first + ((rows as f64 * share) as u64).min(rows);
            while self.sent < target {
                let count = (target - self.sent).min(self.steps.distinct());
                let frames = self.steps.round(self.sent, count);
                self.client.send(frames)?;
                self.sent += count;
            }
            thread::sleep(BUNDLE);
        }
        Ok(())
    }

    /// The number of the sidecar's process.
    pub fn process(&self) -> u32 {
        self.sidecar.process()
    }

    /// Rows sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Ends the run and the process in good order, and looks at log and server. `over`: when the weather was over.
    pub fn end(mut self, server: &Server, over: impl FnOnce() -> Instant) -> Result<Outcome> {
        let fed = Instant::now();
        self.client.send(&frames::exit(RUN))?;
        measure::wait_exit(&mut self.client)?;
        let answered = Instant::now();
        let drain = answered.saturating_duration_since(over().max(fed));
        let peak_kib = self.sidecar.memory_kib("VmHWM")?;
        self.client.send(&frames::finish(RUN))?;
        self.client.send(&frames::teardown())?;
        self.sidecar.end()?;
        Ok(Outcome {
            sent: self.sent,
            logged: Logged::read(&self.log)?,
            served: Served::ask(server, RUN, self.sent),
            peak_kib,
            drain: Some(drain),
            remark: String::new(),
        })
    }

    /// Kills the process in the middle of whatever it does. Gives the log and the process's highest memory, KiB.
    pub fn kill(self) -> Result<(PathBuf, u64)> {
        let peak_kib = self.sidecar.memory_kib("VmHWM")?;
        // Dropping a sidecar kills it.
        drop(self.sidecar);
        Ok((self.log, peak_kib))
    }
}

/// A fresh folder below `scratch`, gone with its handle.
pub fn folder(scratch: &Path) -> Result<tempfile::TempDir> {
    tempfile::tempdir_in(scratch).doing("making a scratch folder")
}
