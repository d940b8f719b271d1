//! Which measurements are made, how often, in which order, and what is wanted of each. Must not know how one is made.

use std::path::Path;

use super::error::Result;
use super::first_look::first_look;
use super::frames::Steps;
use super::machine::{self, Machine};
use super::measure::{self, RunCost};
use super::online_plan;
use super::options::{Group, Options};
use super::report::{Better, Goal, Report, Row, Sample};

/// Starts whose port file is timed.
const STARTS: usize = 20;
/// Bytes of different step frames kept in memory (at least 64 frames).
const BUFFER: usize = 16 << 20;

/// One size of the per-step measurements.
struct Size {
    metrics: usize,
    steps: u64,
    cpu_goal: Goal,
}

/// Makes all wanted measurements; progress goes to stderr.
pub fn run(options: &Options) -> Result<Report> {
    let mut report =
        Report { machine: Machine::read(&options.official, &options.ours), how: Vec::new(), rows: Vec::new() };
    if options.wants(Group::Start) {
        startup(options, &mut report)?;
    }
    if options.wants(Group::Look) {
        look(options, &mut report)?;
    }
    if options.wants(Group::Steps) {
        steps(options, &mut report)?;
    }
    if options.wants(Group::Growth) {
        growth(options, &mut report)?;
    }
    if options.wants(Group::Runs) {
        runs(options, &mut report)?;
    }
    if options.wants(Group::Online) {
        online_plan::online(options, &mut report)?;
    }
    report.machine.load_after = machine::load();
    Ok(report)
}

fn startup(options: &Options, report: &mut Report) -> Result<()> {
    say("start-up");
    let [official, ours] =
        alternate(options, STARTS, |program| Ok(measure::startup(program, &options.scratch)?.as_secs_f64() * 1e3))?;
    report.how.push(format!("start-up: spawn to readable port file, tight polling, {STARTS} starts a side"));
    report.rows.push(Row {
        name: "start-up".into(),
        unit: "ms",
        better: Better::Lower,
        official: Some(Sample::new(official)),
        ours: Sample::new(ours),
        goal: Goal::TimesBetter(4.0),
    });
    Ok(())
}

fn look(options: &Options, report: &mut Report) -> Result<()> {
    let count = if options.quick { 20 } else { 100 };
    say("first look");
    let official = first_look(&options.python, &options.official, count)?;
    let ours = first_look(&options.python, &options.ours, count)?;
    report.how.push(format!("first look, launch: the SDK's own launching code, {count} starts a side"));
    let share = |look: &super::first_look::FirstLook| f64::from(look.first) / f64::from(look.looks) * 100.0;
    report.rows.push(Row {
        name: "port file there at the SDK's first look".into(),
        unit: "% of starts",
        better: Better::Higher,
        official: Some(Sample::new(vec![share(&official)])),
        ours: Sample::new(vec![share(&ours)]),
        goal: Goal::None,
    });
    report.rows.push(Row {
        name: "launch as the SDK sees it".into(),
        unit: "ms",
        better: Better::Lower,
        official: Some(Sample::new(official.launch_ms)),
        ours: Sample::new(ours.launch_ms),
        goal: Goal::None,
    });
    Ok(())
}

fn steps(options: &Options, report: &mut Report) -> Result<()> {
    let scale = if options.quick { 5 } else { 1 };
    let sizes = [
        Size { metrics: 10, steps: 100_000 / scale, cpu_goal: Goal::TimesBetter(20.0) },
        Size { metrics: 100, steps: 20_000 / scale, cpu_goal: Goal::None },
        Size { metrics: 1000, steps: 2_500 / scale, cpu_goal: Goal::TimesBetter(15.0) },
    ];
    let repeat = options.repeat;
    report.how.push(format!("per step: {repeat} runs a side and size, sides alternating, a fresh process each"));
    for size in sizes {
        let mut buffer = step_buffer(size.metrics);
        let what = format!("{} metrics a step", size.metrics);
        report.how.push(format!("{what}: {} steps of {:.0} bytes", size.steps, buffer.bytes_per_step()));
        say(&what);
        let [official, ours] =
            alternate(options, repeat, |program| measure::one_run(program, &options.scratch, &mut buffer, size.steps))?;
        let n = size.steps as f64;
        let mut row = |name: &str, unit, better, goal, value: &dyn Fn(&RunCost) -> f64| {
            report.rows.push(Row {
                name: format!("{name}, {what}"),
                unit,
                better,
                official: Some(Sample::new(official.iter().map(value).collect())),
                ours: Sample::new(ours.iter().map(value).collect()),
                goal,
            });
        };
        let (lower, higher) = (Better::Lower, Better::Higher);
        row("CPU per step", "µs", lower, size.cpu_goal, &|cost| cost.cpu.as_secs_f64() * 1e6 / n);
        row("throughput", "steps/s", higher, Goal::TimesBetter(10.0), &|cost| n / cost.wall.as_secs_f64());
        row("peak RSS", "MiB", lower, Goal::TimesBetter(4.0), &|cost| cost.peak_kib as f64 / 1024.0);
        row("log per step", "bytes", lower, Goal::TimesBetter(1.0 / 0.45), &|cost| cost.log_bytes as f64 / n);
    }
    Ok(())
}

fn growth(options: &Options, report: &mut Report) -> Result<()> {
    let (short, long) = if options.quick { (10_000, 100_000) } else { (10_000, 1_000_000) };
    let mut buffer = step_buffer(10);
    let mut sample = |program: &Path| -> Result<Sample> {
        let short = measure::one_run(program, &options.scratch, &mut buffer, short)?;
        let long = measure::one_run(program, &options.scratch, &mut buffer, long)?;
        Ok(Sample::new(vec![long.peak_kib as f64 / short.peak_kib as f64]))
    };
    say("growth with the number of steps");
    let official = Some(sample(&options.official)?);
    let ours = sample(&options.ours)?;
    report.rows.push(Row {
        name: format!("peak RSS after {long} steps / after {short}, 10 metrics"),
        unit: "ratio",
        better: Better::Lower,
        official,
        ours,
        goal: Goal::AtMost(1.10),
    });
    Ok(())
}

fn runs(options: &Options, report: &mut Report) -> Result<()> {
    let (few, many) = if options.quick { (10, 200) } else { (10, 1000) };
    let measure = |program| measure::many_runs(program, &options.scratch, few, many, 10, 20);
    say("many runs in one service");
    let official = measure(&options.official)?;
    let ours = measure(&options.ours)?;
    let one = |kib: u64| Sample::new(vec![kib as f64 / 1024.0]);
    let mut row = |after, official, ours| {
        let name = format!("RSS after {after} finished runs in one service");
        report.rows.push(Row {
            name,
            unit: "MiB",
            better: Better::Lower,
            official: Some(official),
            ours,
            goal: Goal::None,
        });
    };
    row(few, one(official.after_few_kib), one(ours.after_few_kib));
    row(many, one(official.after_many_kib), one(ours.after_many_kib));
    Ok(())
}

/// Measures both sides in turn, the first side changing each time, so that drift of the machine hits both alike.
/// Gives the official side's values, then ours.
pub(super) fn alternate<T>(
    options: &Options,
    times: usize,
    mut one: impl FnMut(&Path) -> Result<T>,
) -> Result<[Vec<T>; 2]> {
    let programs = [&options.official, &options.ours];
    let mut values = [Vec::new(), Vec::new()];
    for turn in 0..times {
        for side in [turn % 2, 1 - turn % 2] {
            values[side].push(one(programs[side])?);
        }
    }
    Ok(values)
}

fn step_buffer(metrics: usize) -> Steps {
    // About 45 bytes a metric on the socket.
    Steps::new("r1", metrics, (BUFFER / (45 * metrics)).clamp(64, 4096))
}

pub(super) fn say(what: &str) {
    eprintln!("measuring: {what}");
}
