//! The measurements of online runs: each against a fresh embedded server in this process, whose own cost is not counted.
//! Must not know repetitions, ratios or tables.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use runwire_local::{Options, Server};

use super::client::Client;
use super::error::{BenchError, Doing, Result};
use super::frames::{self, Steps};
use super::measure;
use super::sidecar::Sidecar;

/// Where all runs are on the server.
const PLACE: (&str, &str) = ("e", "p");
/// A row that is not visible after this time is lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Metrics of a row.
const METRICS: usize = 10;

/// What one online run cost.
#[derive(Debug, Clone, Copy)]
pub struct OnlineCost {
    /// CPU time of the process's whole life.
    pub cpu: Duration,
    /// From the exit record to its answer: what is left is delivered then.
    pub finish: Duration,
    /// Highest resident memory, KiB.
    pub peak_kib: u64,
    /// Requests of every kind, and the time from the first row to the answer of the exit.
    pub requests: (u64, Duration),
}

/// Logs `rows` evenly over `time` (as fast as they are taken if it is zero) in each of `runs` runs of one service.
pub fn one_service(program: &Path, scratch: &Path, runs: u64, rows: u64, time: Duration) -> Result<OnlineCost> {
    let server = server(true)?;
    let dir = tempfile::tempdir_in(scratch).doing("making a scratch folder")?;
    let sidecar = Sidecar::start(program, dir.path())?;
    let mut all = Vec::new();
    for n in 0..runs {
        let id = format!("r{n}");
        let mut client = Client::connect(sidecar.socket())?;
        measure::open_run(&mut client, dir.path(), &id, Some(&server.url()))?;
        let steps = Steps::new(&id, METRICS, 1024);
        all.push((id, client, steps));
    }
    let begin = Instant::now();
    let mut sent = 0;
    while sent < rows {
        let share = begin.elapsed().as_secs_f64() / time.as_secs_f64().max(1e-9);
        let target = if time.is_zero() { rows } else { rows.min(1 + (rows as f64 * share) as u64) };
        while sent < target {
            let count = (target - sent).min(1024);
            for (_, client, steps) in &mut all {
                client.send(steps.round(sent, count))?;
            }
            sent += count;
        }
        if !time.is_zero() {
            thread::sleep(Duration::from_millis(20));
        }
    }
    let fed = Instant::now();
    for (id, client, _) in &mut all {
        client.send(&frames::exit(id))?;
    }
    for (_, client, _) in &mut all {
        measure::wait_exit(client)?;
    }
    let finish = fed.elapsed();
    let took = begin.elapsed();
    let peak_kib = sidecar.memory_kib("VmHWM")?;
    let requests = server.controls().map_or(0, |controls| controls.requests(None).len() as u64);
    for (id, client, _) in &mut all {
        client.send(&frames::finish(id))?;
    }
    all[0].1.send(&frames::teardown())?;
    let cpu = sidecar.end()?;
    for (id, ..) in &all {
        let found = delivered(&server, id);
        if found != rows {
            return Err(BenchError::Answer { what: "the rows of a run", why: format!("{rows} sent, {found} arrived") });
        }
    }
    Ok(OnlineCost { cpu, finish, peak_kib, requests: (requests, took) })
}

/// From sending the first row of a run that has just begun to its being on the server.
pub fn first_row(program: &Path, scratch: &Path) -> Result<Duration> {
    let server = server(false)?;
    let dir = tempfile::tempdir_in(scratch).doing("making a scratch folder")?;
    let sidecar = Sidecar::start(program, dir.path())?;
    let mut client = Client::connect(sidecar.socket())?;
    measure::open_run(&mut client, dir.path(), "r0", Some(&server.url()))?;
    let mut steps = Steps::new("r0", METRICS, 64);
    let begin = Instant::now();
    // The SDK ends a row when the next one begins.
    client.send(steps.round(0, 2))?;
    while delivered(&server, "r0") == 0 {
        if begin.elapsed() > PATIENCE {
            return Err(BenchError::Answer { what: "the first row", why: format!("not there after {PATIENCE:?}") });
        }
        thread::sleep(Duration::from_millis(1));
    }
    let took = begin.elapsed();
    client.send(&frames::exit("r0"))?;
    measure::wait_exit(&mut client)?;
    client.send(&frames::finish("r0"))?;
    client.send(&frames::teardown())?;
    sidecar.end()?;
    Ok(took)
}

fn server(test_controls: bool) -> Result<Server> {
    Server::start(Options { test_controls, ..Options::default() })
        .map_err(|error| BenchError::Answer { what: "the embedded server", why: error.to_string() })
}

fn delivered(server: &Server, run: &str) -> u64 {
    let counters = server.with_backend(|backend| backend.counters([PLACE.0, PLACE.1, run]));
    counters.map_or(0, |counters| counters.rows)
}
