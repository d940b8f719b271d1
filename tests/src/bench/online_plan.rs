//! Which measurements of online runs are made, and what is wanted of each. Must not know how one is made.

use std::time::Duration;

use super::error::Result;
use super::online::{self, OnlineCost};
use super::options::Options;
use super::plan::{alternate, say};
use super::report::{Better, Goal, Report, Row, Sample};

/// Runs at the same time in one service.
const MANY: u64 = 64;

/// Adds them to the report.
pub fn online(options: &Options, report: &mut Report) -> Result<()> {
    let repeat = options.repeat;
    let flood = if options.quick { 10_000 } else { 50_000 };
    report.how.push(format!("online: a fresh embedded server (in memory, in the benchmark's process) and a fresh sidecar for each value; {repeat} values a side, sides alternating; 10 metrics a step"));
    let mut rows = |what: &str, sides: [Vec<OnlineCost>; 2], wanted: &[Wanted]| {
        for (name, unit, goal, value) in wanted {
            let [official, ours] = sides.each_ref().map(|side| Sample::new(side.iter().map(value).collect()));
            let name = format!("{name}, {what}");
            report.rows.push(Row { name, unit, better: Better::Lower, official: Some(official), ours, goal: *goal });
        }
    };
    let one = |rows: u64, time: Duration, runs: u64| {
        alternate(options, repeat, |program| online::one_service(program, &options.scratch, runs, rows, time))
    };

    say("online: many rows as fast as they are taken");
    let per_step = move |cost: &OnlineCost| cost.cpu.as_secs_f64() * 1e6 / flood as f64;
    rows(
        &format!("online, {flood} steps at once"),
        one(flood, Duration::ZERO, 1)?,
        &[
            ("CPU per step", "µs", Goal::TimesBetter(15.0), Box::new(per_step)),
            ("peak RSS", "MiB", Goal::TimesBetter(5.0), Box::new(peak)),
            ("exit record to its answer", "ms", Goal::None, Box::new(finish)),
        ],
    );
    say("online: a short run");
    rows(
        "online run of 100 rows",
        one(100, Duration::ZERO, 1)?,
        &[
            ("exit record to its answer", "ms", Goal::TimesBetter(2.0), Box::new(finish)),
            ("CPU of the whole process", "ms", Goal::None, Box::new(cpu_ms)),
        ],
    );
    say("online: a run at a steady pace");
    let (paced, seconds) = if options.quick { (2000, 10) } else { (6000, 30) };
    rows(
        &format!("online, {paced} steps in {seconds} s"),
        one(paced, Duration::from_secs(seconds), 1)?,
        &[
            ("CPU of the whole process", "ms", Goal::None, Box::new(cpu_ms)),
            ("requests", "1/s", Goal::None, Box::new(rate)),
        ],
    );
    say("online: many runs in one service");
    rows(
        &format!("{MANY} online runs of 200 rows in one service"),
        one(200, Duration::from_secs(5), MANY)?,
        &[
            ("CPU of the whole process", "ms", Goal::None, Box::new(cpu_ms)),
            ("peak RSS", "MiB", Goal::TimesBetter(5.0), Box::new(peak)),
            ("exit records to the last answer", "ms", Goal::None, Box::new(finish)),
        ],
    );
    say("online: the first row");
    let [official, ours] =
        alternate(options, repeat, |program| Ok(online::first_row(program, &options.scratch)?.as_secs_f64() * 1e3))?;
    report.rows.push(Row {
        name: "log to row visible on the server, first row of a run".into(),
        unit: "ms",
        better: Better::Lower,
        official: Some(Sample::new(official)),
        ours: Sample::new(ours),
        goal: Goal::None,
    });
    Ok(())
}

type Wanted = (&'static str, &'static str, Goal, Box<dyn Fn(&OnlineCost) -> f64>);

fn peak(cost: &OnlineCost) -> f64 {
    cost.peak_kib as f64 / 1024.0
}

fn finish(cost: &OnlineCost) -> f64 {
    cost.finish.as_secs_f64() * 1e3
}

fn cpu_ms(cost: &OnlineCost) -> f64 {
    cost.cpu.as_secs_f64() * 1e3
}

fn rate(cost: &OnlineCost) -> f64 {
    cost.requests.0 as f64 / cost.requests.1.as_secs_f64()
}
