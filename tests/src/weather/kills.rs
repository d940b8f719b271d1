//! The sidecar is killed at random moments, and what its log holds is uploaded afterwards.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use runwire_core::sync::{Overrides, SyncRun};
use runwire_core::{Config, Input, Instant, Output, UnixNanos};
use runwire_local::Server;
use runwire_proto::wire::Settings;

use super::facts::{Logged, Served};
use super::scene::{Outcome, RUN, Scene, folder};
use super::storms::server;
use super::world::{Disk, perform};
use crate::bench::error::{BenchError, Doing, Result};
use crate::client::settings::ONLINE_KEY;

/// The longest life of a process that is killed.
const LIFE: Duration = Duration::from_millis(1500);
/// Rows that such a process gets in its longest life.
const ROWS: u64 = 15_000;

/// Kills so many processes, each in a run of its own, and uploads each log. Rows are added up over all of them.
pub fn run(program: &Path, scratch: &Path, kills: u64) -> Result<Outcome> {
    let own_command = knows_sync(program);
    let mut total: Option<Outcome> = None;
    let mut unfinished = 0;
    for kill in 0..kills {
        // Spread over the whole life, the rest of it by chance of the machine.
        let life = LIFE * u32::try_from(kill * 7 % kills + 1).unwrap_or(1) / u32::try_from(kills).unwrap_or(1);
        let server = server()?;
        let dir = folder(scratch)?;
        let mut scene = Scene::open(program, dir.path(), &server.url())?;
        let share = life.as_secs_f64() / LIFE.as_secs_f64();
        scene.feed((ROWS as f64 * share) as u64, life)?;
        let sent = scene.sent();
        let (log, peak_kib) = scene.kill()?;
        let before = Served::ask(&server, RUN, sent);
        let logged = Logged::read(&log)?;
        unfinished += u64::from(before.steps.len() < logged.steps.len());
        let begin = Clock::now();
        if own_command {
            upload_by_command(program, &log, &server)?;
        } else {
            upload(&log, &server)?;
        }
        let one = Outcome {
            sent,
            served: Served::ask(&server, RUN, sent),
            logged,
            peak_kib,
            drain: Some(begin.elapsed()),
            remark: String::new(),
        };
        total = Some(match total {
            None => one,
            Some(sum) => add(sum, one),
        });
    }
    let total = total.ok_or_else(|| BenchError::Usage("no process was killed".into()))?;
    let by = if own_command { "`runwire sync`" } else { "the core's upload of a log, in process" };
    let remark = format!(
        "{kills} kills, {unfinished} with rows not yet on the server; uploaded by {by}; drain: the longest upload"
    );
    Ok(Outcome { remark, ..total })
}

/// Runs one after the other as one: steps of the second begin behind those of the first.
fn add(sum: Outcome, one: Outcome) -> Outcome {
    let shift = sum.sent;
    let all = |a: &std::collections::BTreeSet<u64>, b: &std::collections::BTreeSet<u64>| {
        a.iter().copied().chain(b.iter().map(|step| step + shift)).collect()
    };
    let mut counters = sum.served.counters.clone();
    counters.rows += one.served.counters.rows;
    counters.duplicates += one.served.counters.duplicates;
    counters.conflicts += one.served.counters.conflicts;
    Outcome {
        sent: sum.sent + one.sent,
        logged: Logged {
            steps: all(&sum.logged.steps, &one.logged.steps),
            twice: sum.logged.twice + one.logged.twice,
            damages: sum.logged.damages + one.logged.damages,
        },
        served: Served {
            steps: all(&sum.served.steps, &one.served.steps),
            twice: sum.served.twice + one.served.twice,
            counters,
        },
        peak_kib: sum.peak_kib.max(one.peak_kib),
        drain: sum.drain.max(one.drain),
        remark: sum.remark,
    }
}

fn knows_sync(program: &Path) -> bool {
    let help = Command::new(program).arg("help").output();
    help.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("runwire sync"))
}

fn upload_by_command(program: &Path, log: &Path, server: &Server) -> Result<()> {
    let out = Command::new(program)
        .arg("sync")
        .arg(log)
        .env("WANDB_BASE_URL", server.url())
        .env("WANDB_API_KEY", ONLINE_KEY)
        .output()
        .doing("starting the upload")?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    Err(BenchError::Answer { what: "the upload of the log", why: said })
}

/// Uploads a log by the core itself, with effects done one at a time and waits left out.
pub fn upload(log: &Path, server: &Server) -> Result<()> {
    let failed = |why: String| BenchError::Answer { what: "the upload of the log", why };
    let path = log.to_string_lossy().into_owned();
    let settings = Settings {
        base_url: Some(server.url()),
        api_key: Some(ONLINE_KEY.into()),
        sync_dir: log.parent().map(|dir| dir.to_string_lossy().into_owned()),
        ..Settings::default()
    };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as u64);
    let wall = UnixNanos(i64::try_from(now_ms * 1_000_000).unwrap_or(i64::MAX));
    let mut now = Instant::ZERO;
    let mut run = SyncRun::new(Config::new(settings), path.clone(), Overrides::default(), false, 7, now, wall);
    let mut done = std::collections::VecDeque::new();
    loop {
        let wake = loop {
            match run.poll_output() {
                Output::Effect(id, effect) => {
                    let outcome = server.with_backend(|backend| perform(effect, &path, now_ms, backend, &mut Disk));
                    done.push_back((id, outcome));
                }
                Output::Cancel(id) => done.retain(|(known, _)| *known != id),
                Output::Reply(..) | Output::Notice(_) => {}
                Output::Wait(wake) => break wake,
                Output::Finished(_) => {
                    return run.outcome().error.map_or(Ok(()), |why| Err(failed(why)));
                }
            }
        };
        let input = match done.pop_front() {
            Some((id, outcome)) => Input::Completed(id, outcome),
            None => {
                now = now.max(wake.ok_or_else(|| failed("it waits for nothing".into()))?.at);
                Input::Tick
            }
        };
        run.handle_input(now, input).map_err(|error| failed(error.to_string()))?;
    }
}
