//! The single measurements: one process each, raw numbers out. Must not know repetitions, ratios or tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runwire_proto::wire::result::ResultType;

use super::client::Client;
use super::error::{BenchError, Doing, Result};
use super::frames::{self, Steps};
use super::sidecar::Sidecar;

/// What one run of many steps cost.
#[derive(Debug, Clone, Copy)]
pub struct RunCost {
    /// CPU time of the process's whole life.
    pub cpu: Duration,
    /// From the first byte of the first step to the answer to `exit`.
    pub wall: Duration,
    /// Highest resident memory, KiB.
    pub peak_kib: u64,
    /// Size of the transaction log after the process ended.
    pub log_bytes: u64,
}

/// Resident memory of one service after few and after many finished runs, KiB.
#[derive(Debug, Clone, Copy)]
pub struct ManyRuns {
    /// After `few` runs.
    pub after_few_kib: u64,
    /// After `many` runs.
    pub after_many_kib: u64,
}

/// Feeds `count` steps to a fresh sidecar as one run.
pub fn one_run(program: &Path, scratch: &Path, steps: &mut Steps, count: u64) -> Result<RunCost> {
    let dir = tempfile::tempdir_in(scratch).doing("making a scratch folder")?;
    let sidecar = Sidecar::start(program, dir.path())?;
    let mut client = Client::connect(sidecar.socket())?;
    let log = open_run(&mut client, dir.path(), "r1", None)?;
    let begin = Instant::now();
    send_steps(&mut client, steps, count)?;
    client.send(&frames::exit("r1"))?;
    wait_exit(&mut client)?;
    let wall = begin.elapsed();
    client.send(&frames::get_summary("r1"))?;
    let last = client.last_step()?;
    if last + 1 != count {
        return Err(BenchError::Answer { what: "summary", why: format!("{count} steps sent, the last is {last}") });
    }
    let peak_kib = sidecar.memory_kib("VmHWM")?;
    client.send(&frames::finish("r1"))?;
    client.send(&frames::teardown())?;
    let cpu = sidecar.end()?;
    let log_bytes = fs::metadata(&log).doing("looking at the log")?.len();
    Ok(RunCost { cpu, wall, peak_kib, log_bytes })
}

/// Spawn to readable port file.
pub fn startup(program: &Path, scratch: &Path) -> Result<Duration> {
    let dir = tempfile::tempdir_in(scratch).doing("making a scratch folder")?;
    let sidecar = Sidecar::start(program, dir.path())?;
    let took = sidecar.startup;
    Client::connect(sidecar.socket())?.send(&frames::teardown())?;
    sidecar.end()?;
    Ok(took)
}

/// Many short runs (`count` steps each) one after the other in one service.
pub fn many_runs(program: &Path, scratch: &Path, few: u64, many: u64, metrics: usize, count: u64) -> Result<ManyRuns> {
    let dir = tempfile::tempdir_in(scratch).doing("making a scratch folder")?;
    let sidecar = Sidecar::start(program, dir.path())?;
    let mut client = Client::connect(sidecar.socket())?;
    let mut after_few_kib = 0;
    for i in 1..=many {
        let run_id = format!("r{i}");
        open_run(&mut client, dir.path(), &run_id, None)?;
        send_steps(&mut client, &mut Steps::new(&run_id, metrics, count as usize), count)?;
        client.send(&frames::exit(&run_id))?;
        wait_exit(&mut client)?;
        client.send(&frames::finish(&run_id))?;
        if i == few {
            after_few_kib = sidecar.memory_kib("VmRSS")?;
        }
    }
    let after_many_kib = sidecar.memory_kib("VmRSS")?;
    client.send(&frames::teardown())?;
    sidecar.end()?;
    Ok(ManyRuns { after_few_kib, after_many_kib })
}

/// From `inform_init` to the answer of `run_start`, offline or with the server at this address; gives the path of the
/// run's log.
pub fn open_run(client: &mut Client, dir: &Path, run_id: &str, server: Option<&str>) -> Result<PathBuf> {
    let kind = if server.is_some() { "run" } else { "offline-run" };
    let run_dir = dir.join(format!("{kind}-20261125_023818-{run_id}"));
    for sub in ["files", "logs"] {
        fs::create_dir_all(run_dir.join(sub)).doing("making the run's folder")?;
    }
    client.send(&frames::init(run_id, &run_dir, server))?;
    client.wait("init")?;
    client.send(&frames::header(run_id))?;
    client.send(&frames::run(run_id))?;
    let ResultType::RunResult(result) = client.wait_result("run")? else {
        return Err(BenchError::Answer { what: "run", why: "another kind of result".into() });
    };
    if let Some(error) = result.error {
        return Err(BenchError::Answer { what: "run", why: error.message });
    }
    client.send(&frames::run_start(run_id))?;
    client.wait("run_start")?;
    Ok(run_dir.join(format!("run-{run_id}.wandb")))
}

/// Sends the first `count` steps as fast as they are taken.
pub fn send_steps(client: &mut Client, steps: &mut Steps, count: u64) -> Result<()> {
    let mut sent = 0;
    while sent < count {
        client.send(steps.round(sent, count - sent))?;
        sent = (sent + steps.distinct()).min(count);
    }
    Ok(())
}

/// Waits for the answer to the exit record.
pub fn wait_exit(client: &mut Client) -> Result<()> {
    let ResultType::ExitResult(_) = client.wait_result("exit")? else {
        return Err(BenchError::Answer { what: "exit", why: "another kind of result".into() });
    };
    Ok(())
}
