//! The scripts of one seed: how many runs and clients, what they log, and how they end. Draws; decides no fault's place.

use std::time::Duration;

use runwire_core::Instant;
use runwire_proto::wire::{RunRecord, Settings};

use super::dice::Dice;
use super::faults::Fault;
use super::plan::{ClientPlan, Plan, RunPlan};
use super::script::{Act, Reduction, Said, config};

/// Fills a plan with runs, clients and faults that have a time.
pub(super) fn fill(plan: &mut Plan, dice: &mut Dice) {
    let runs = *dice.pick(&[1, 1, 2, 3]);
    let mut longest = Duration::from_secs(1);
    for n in 0..runs {
        let run = RunPlan { id: format!("r{n}"), online: dice.chance(750), goes_on: dice.coin() };
        let begins = dice.ms(0, 500);
        let helped = dice.chance(250);
        let counts = !helped && dice.chance(300);
        let mut acts = life(dice, &run, (1, "a"), begins, None, counts);
        spoil(plan, dice, &mut acts);
        longest = longest.max(begins + length(&acts));
        plan.clients.push(ClientPlan { run: run.id.clone(), tag: "a".into(), begins, acts, part: part(dice) });
        if helped {
            let begins = begins + dice.ms(0, 3000);
            plan.clients.push(ClientPlan {
                run: run.id.clone(),
                tag: "b".into(),
                begins,
                acts: helper(dice),
                part: part(dice),
            });
        }
        plan.runs.push(run);
    }
    if dice.chance(plan.weights.of(Fault::Malformed) * 10) {
        let acts = vec![Act::Wait(dice.ms(0, 2000)), Act::Noise(noise(dice)), Act::Wait(dice.ms(0, 100))];
        plan.clients.push(ClientPlan {
            run: "r0".into(),
            tag: "x".into(),
            begins: dice.ms(0, 1000),
            acts,
            part: part(dice),
        });
    }
    for fault in
        [Fault::Kill, Fault::PowerCut, Fault::Outage, Fault::WallStep, Fault::Sleep, Fault::EarlyTick, Fault::Signal]
    {
        if plan.weights.of(fault) > 0 {
            let times = if fault == Fault::EarlyTick { 20 } else { dice.between(1, 2) };
            for _ in 0..times {
                plan.timed.push((dice.time(Duration::ZERO, longest), fault));
            }
        }
    }
    plan.heal = longest + dice.ms(0, 30_000);
}

fn part(dice: &mut Dice) -> usize {
    *dice.pick(&[usize::MAX, usize::MAX, 4096, 100])
}

/// Adds to a script what a client may do wrong.
fn spoil(plan: &Plan, dice: &mut Dice, acts: &mut Vec<Act>) {
    let at = |dice: &mut Dice, fault: Fault| {
        dice.chance(plan.weights.of(fault) * 3).then(|| 4.min(acts.len()) + dice.index(acts.len().saturating_sub(4)))
    };
    let vanish = at(dice, Fault::ClientGone);
    let deaf = at(dice, Fault::SlowReader);
    let half = dice.chance(plan.weights.of(Fault::HalfClose) * 3);
    if half {
        // The last thing that is said.
        acts.push(Act::HalfClose);
    }
    if let Some(at) = deaf {
        acts.insert(at, Act::Deaf(dice.ms(10, 60_000)));
    }
    if let Some(at) = vanish {
        acts.truncate(at);
        acts.push(Act::Vanish);
    }
}

/// The time that a script waits by itself.
pub(super) fn length(acts: &[Act]) -> Duration {
    acts.iter().map(|act| if let Act::Wait(time) = act { *time } else { Duration::ZERO }).sum()
}

/// One life of a run, from its init to its end. `resume`: the setting of that name.
pub(super) fn life(
    dice: &mut Dice,
    run: &RunPlan,
    (life, tag): (u64, &str),
    begins: Duration,
    resume: Option<&str>,
    counts_steps: bool,
) -> Vec<Act> {
    let mut settings = settings(run, life, begins, resume);
    if dice.chance(200) {
        settings.x_disable_stats = Some(false);
        settings.x_stats_sampling_interval = Some(*dice.pick(&[0.5, 2.0, 15.0]));
    }
    let folder = settings.sync_dir.clone().unwrap_or_default();
    let record = RunRecord {
        run_id: run.id.clone(),
        entity: "e".into(),
        project: "p".into(),
        host: "machine".into(),
        start_time: Some(prost_types::Timestamp { seconds: 1_735_689_600, nanos: 500_000_000 }),
        config: Some(config(&[("lr".into(), Some("0.1".into()))])),
        ..Default::default()
    };
    let mut acts = vec![
        Act::Ask(Said::Init(Box::new(settings))),
        Act::Tell(Said::Header),
        Act::Ask(Said::Run(Box::new(record.clone()))),
        Act::Ask(Said::Start(Box::new(record))),
    ];
    let count = *dice.pick(&[3, 20, 60, 150, 400]);
    let pace = *dice.pick(&[0, 5, 100, 2000, 20_000]);
    let mut step = 0;
    for n in 0..count {
        let wait = dice.ms(0, pace * 2);
        if !wait.is_zero() {
            acts.push(Act::Wait(wait));
        }
        match dice.below(20) {
            0 => acts.push(Act::Tell(Said::Summary(vec![(vec!["best".into()], Some(format!("{n}")))]))),
            1 => acts.push(Act::Tell(Said::Config(vec![(format!("c{}", dice.below(3)), Some(format!("{n}")))]))),
            2 => acts.push(Act::Tell(Said::Console(format!("line {n}\n")))),
            3 => acts.push(Act::Ask(Said::Status)),
            4 => acts.push(Act::Ask(Said::GetSummary)),
            5 if n > 0 && dice.chance(300) => {
                acts.push(Act::Tell(Said::Metric(
                    "acc".into(),
                    *dice.pick(&[Reduction::Min, Reduction::Max, Reduction::Mean, Reduction::None]),
                )));
            }
            6 if dice.coin() => {
                let name = format!("f{}.txt", dice.below(3));
                let bytes = vec![b'a'; dice.index(5000)];
                acts.push(Act::Save(format!("{folder}/files/{name}"), bytes));
                acts.push(Act::Tell(Said::File(name, dice.coin())));
            }
            _ => acts.push(Act::Tell(row(dice, tag, n, counts_steps.then_some(&mut step)))),
        }
    }
    acts.push(Act::Ask(Said::Exit(if dice.chance(800) { 0 } else { 3 })));
    acts.push(Act::Tell(Said::Finish));
    acts
}

/// Another process that logs to the run while it is there.
fn helper(dice: &mut Dice) -> Vec<Act> {
    let mut acts = vec![Act::Ask(Said::Attach)];
    for n in 0..dice.below(30) {
        acts.push(Act::Wait(dice.ms(0, 50)));
        acts.push(Act::Tell(row(dice, "b", n, None)));
    }
    acts
}

fn row(dice: &mut Dice, tag: &str, n: u64, step: Option<&mut i64>) -> Said {
    let mut items = vec![(vec![tag.to_owned()], n.to_string())];
    if dice.coin() {
        items.push((vec!["acc".into()], format!("{:.3}", dice.below(1000) as f64 / 1000.0)));
    }
    if dice.chance(100) {
        items.push((vec!["deep".into(), "er".into()], format!("\"text {n} \\u00e9\"")));
    }
    if dice.chance(50) {
        items.push((
            vec!["odd".into()],
            (*dice.pick(&["NaN", "Infinity", "null", "[1, 2]", "{\"k\": 1e300}"])).to_owned(),
        ));
    }
    if dice.chance(20) {
        items.push((vec!["long".into()], format!("\"{}\"", "x".repeat(dice.index(40_000)))));
    }
    let step = step.map(|step| {
        *step += i64::try_from(dice.below(3)).unwrap_or(0);
        *step
    });
    Said::Row { items, step, flush: None }
}

fn noise(dice: &mut Dice) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..dice.between(1, 40)).map(|_| dice.bits().to_le_bytes()[0]).collect();
    if dice.coin() {
        // A frame by its header.
        let length = u8::try_from(bytes.len().saturating_sub(5)).unwrap_or(0);
        let head = [b'W', length, 0, 0, 0];
        let count = head.len().min(bytes.len());
        bytes[..count].copy_from_slice(&head[..count]);
    }
    bytes
}

/// The next life of a run whose service died: what the logs hold is uploaded, then the run goes on behind it.
pub(super) fn next_life(dice: &mut Dice, run: &RunPlan, logs: Vec<String>, number: u64, now: Instant) -> ClientPlan {
    let begins = now.since(Instant::ZERO);
    let mut acts = upload(logs);
    let tag = format!("a{number}");
    acts.extend(life(dice, run, (number, &tag), begins, Some("allow"), false));
    ClientPlan { run: run.id.clone(), tag, begins, acts, part: usize::MAX }
}

/// Asks for the upload of logs.
pub(super) fn upload(logs: Vec<String>) -> Vec<Act> {
    let settings = Settings {
        base_url: Some("http://server.sim".into()),
        api_key: Some("local-0123456789012345678901234567890123456789".into()),
        ..Settings::default()
    };
    vec![Act::Ask(Said::InitSync(Box::new(settings), logs)), Act::Ask(Said::Sync(String::new()))]
}

/// What an official client sends of settings, as far as it matters here.
pub fn settings(run: &RunPlan, life: u64, begins: Duration, resume: Option<&str>) -> Settings {
    let text = |text: &str| Some(text.to_owned());
    let kind = if run.online { "run" } else { "offline-run" };
    let dir = format!("/sim/wandb/{kind}-20250101_{life:06}-{}", run.id);
    Settings {
        offline: Some(!run.online),
        mode: text(if run.online { "online" } else { "offline" }),
        run_mode: text(kind),
        run_id: text(&run.id),
        entity: text("e"),
        project: text("p"),
        root_dir: text("/sim"),
        wandb_dir: text("/sim/wandb"),
        sync_dir: text(&dir),
        sync_file: Some(format!("{dir}/run-{}.wandb", run.id)),
        api_key: text("local-0123456789012345678901234567890123456789"),
        base_url: text("http://server.sim"),
        app_url: text("http://server.sim"),
        username: text("someone"),
        host: text("machine"),
        x_start_time: Some(1_735_689_600.5 + begins.as_secs_f64()),
        console: text("wrap"),
        disable_git: Some(true),
        save_code: Some(false),
        silent: Some(true),
        x_disable_meta: Some(true),
        x_disable_stats: Some(true),
        x_save_requirements: Some(false),
        x_history_value_encoding: text("json"),
        x_primary: Some(true),
        x_update_finish_state: Some(true),
        resume: resume.map(str::to_owned),
        ..Settings::default()
    }
}
