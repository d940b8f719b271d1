//! A discrete-event simulation that logs in its own time: a month of a queue at a counter, in a moment of ours.
//!
//! The engine has no clock. It is told the simulation's time with each input, so `_runtime` counts simulated seconds, and
//! the same seed gives the same log, byte for byte.

use runwire_core::{CloseReason, Config, Engine, Input, Instant, Output, UnixNanos, Wake};
use runwire_examples::{disk::Disk, records};
use std::{cmp::Reverse, collections::BinaryHeap, collections::VecDeque, error::Error, time::Duration};

/// What happens at the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Served,
    /// An hour is over.
    Hour,
}

const HOURS: u64 = 30 * 24;
/// 2025-01-01 00:00 UTC.
const START: UnixNanos = UnixNanos(1_735_689_600_000_000_000);

/// An engine in the simulation's time.
struct Logger {
    engine: Engine,
    disk: Disk,
    wake: Option<Wake>,
}

impl Logger {
    /// Gives it an input, and whatever follows from it at the same moment.
    fn give(&mut self, now: Instant, input: Input) -> Result<(), Box<dyn Error>> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.engine.handle_input(now, input)?;
            self.drain(&mut inputs);
        }
        Ok(())
    }

    fn drain(&mut self, inputs: &mut VecDeque<Input>) {
        loop {
            match self.engine.poll_output() {
                Output::Effect(id, effect) => inputs.push_back(Input::Completed(id, self.disk.perform(effect))),
                Output::Notice(notice) => println!("{notice}"),
                Output::Cancel(_) | Output::Reply(..) => {}
                Output::Wait(wake) => return self.wake = wake,
                Output::Finished(summary) => {
                    self.wake = None;
                    return println!("{:?}", summary.accounts);
                }
            }
        }
    }

    /// Everything that the engine wants to do before `now`, each at its own time.
    fn catch_up(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        while let Some(wake) = self.wake.filter(|wake| wake.at <= now) {
            self.give(wake.at, Input::Tick)?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("runwire-virtual-time-{}", std::process::id()));
    let settings = records::settings(&dir, "counter");
    let log = settings.sync_file.clone().unwrap_or_default();
    let engine = Engine::new(Config::new(settings), 1, Instant::ZERO, START, None);
    let mut logger = Logger { engine, disk: Disk::default(), wake: None };
    let mut first = VecDeque::new();
    logger.drain(&mut first);
    for input in first {
        logger.give(Instant::ZERO, input)?;
    }
    logger.give(Instant::ZERO, records::input(records::run("counter")))?;

    let mut seed = 7_u64;
    // Times between events are exponential: somebody comes every 40 s, and is served in 30 s on average.
    let mut after = |now: Instant, mean: f64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (seed >> 11) as f64 / (1_u64 << 53) as f64;
        now.after(Duration::from_secs_f64(-mean * f64::ln(1.0 - uniform)))
    };
    let mut agenda = BinaryHeap::new();
    agenda.push(Reverse((after(Instant::ZERO, 40.0), Event::Arrival)));
    agenda.push(Reverse((Instant::ZERO.after(Duration::from_secs(3600)), Event::Hour)));
    let (mut waiting, mut longest, mut served, mut hours, mut now) = (0_u64, 0_u64, 0_u64, 0, Instant::ZERO);
    while hours < HOURS {
        let Some(Reverse((at, event))) = agenda.pop() else { break };
        now = at;
        match event {
            Event::Arrival => {
                waiting += 1;
                longest = longest.max(waiting);
                if waiting == 1 {
                    agenda.push(Reverse((after(now, 30.0), Event::Served)));
                }
                agenda.push(Reverse((after(now, 40.0), Event::Arrival)));
            }
            Event::Served => {
                waiting -= 1;
                served += 1;
                if waiting > 0 {
                    agenda.push(Reverse((after(now, 30.0), Event::Served)));
                }
            }
            Event::Hour => {
                hours += 1;
                logger.catch_up(now)?;
                let values = [("waiting", waiting), ("longest", longest), ("served", served)];
                let values = values.map(|(key, value)| (key, value.to_string()));
                logger.give(now, records::input(records::row(&values)))?;
                (longest, served) = (waiting, 0);
                agenda.push(Reverse((now.after(Duration::from_secs(3600)), Event::Hour)));
            }
        }
    }
    logger.catch_up(now)?;
    logger.give(now, records::input(records::exit()))?;
    logger.give(now, Input::Close(CloseReason::Finish))?;
    logger.catch_up(now.after(Duration::from_secs(60)))?;
    println!("{hours} simulated hours, log: {log}");
    Ok(())
}
