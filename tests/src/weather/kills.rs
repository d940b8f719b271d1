//! The sidecar is killed at random moments, and what its log holds is uploaded afterwards.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant as Clock};

use runwire_local::Server;

use super::facts::{Logged, Served};
use super::scene::{Outcome, RUN, Scene, folder};
use super::storms::server;
use crate::bench::error::{BenchError, Doing, Result};
use crate::client::settings::ONLINE_KEY;

/// The longest life of a process that is killed.
const LIFE: Duration = Duration::from_millis(1500);
/// Rows that such a process gets in its longest life.
const ROWS: u64 = 15_000;

/// Kills so many processes, each in a run of its own, and uploads each log. Rows are added up over all of them.
pub fn run(program: &Path, scratch: &Path, kills: u64) -> Result<Outcome> {
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
        upload(program, &log, &server)?;
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
    let remark = format!(
        "{kills} kills, {unfinished} with rows not yet on the server; uploaded by `runwire sync`; drain: the longest upload"
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

fn upload(program: &Path, log: &Path, server: &Server) -> Result<()> {
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
