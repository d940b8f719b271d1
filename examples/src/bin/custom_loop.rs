//! The core without any runtime: a loop of your own, files written by hand, time that you choose.

use runwire_core::{CloseReason, Completion, Config, Engine, Input, Instant, Output, UnixNanos, id::EffectId};
use runwire_examples::{disk::Disk, records};
use std::{collections::VecDeque, error::Error, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("runwire-custom-loop-{}", std::process::id()));
    let settings = records::settings(&dir, "custom");
    let log = settings.sync_file.clone().unwrap_or_default();
    let mut engine = Engine::new(Config::new(settings), 1, Instant::ZERO, UnixNanos(0), None);
    let mut script: VecDeque<Input> = VecDeque::from([records::input(records::run("custom"))]);
    script.extend((0..100).map(|n| records::input(records::row(&[("n", n.to_string())]))));
    script.push_back(records::input(records::exit()));
    script.push_back(Input::Close(CloseReason::Finish));
    let mut disk = Disk::default();
    let (mut now, mut effects) = (Instant::ZERO, 0);
    loop {
        // 1. Drain the outputs, and do what they say.
        let mut outcomes: VecDeque<(EffectId, Completion)> = VecDeque::new();
        let finished = loop {
            match engine.poll_output() {
                Output::Effect(id, effect) => {
                    effects += 1;
                    outcomes.push_back((id, disk.perform(effect)));
                }
                Output::Notice(notice) => println!("{notice}"),
                Output::Cancel(_) | Output::Reply(..) => {}
                // 2. Nothing more to do until something happens.
                Output::Wait(_) => break None,
                Output::Finished(summary) => break Some(summary),
            }
        };
        if let Some(summary) = finished {
            println!("{effects} effects, {:?}", summary.accounts);
            println!("log: {log}");
            return Ok(());
        }
        // 3. Choose what happens next: an outcome, an input of your own, or time.
        now = now.after(Duration::from_millis(1));
        let mut inputs: VecDeque<Input> = outcomes.into_iter().map(|(id, done)| Input::Completed(id, done)).collect();
        inputs.extend(if inputs.is_empty() { script.pop_front().or(Some(Input::Tick)) } else { None });
        // 4. One input at a time, each followed by a drain (here the others wait in front of the script).
        if let Some(input) = inputs.pop_front() {
            engine.handle_input(now, input)?;
        }
        inputs.into_iter().rev().for_each(|input| script.push_front(input));
    }
}
