//! The program `sim`: arguments and printing.

use std::process::ExitCode;
use std::time::Instant;

use super::many::many;
use super::outcome::{Options, run};

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    seed: Option<u64>,
    first: u64,
    seeds: u64,
    trace: bool,
    from_step: u64,
    steps: Option<u64>,
}

/// Runs the program with these arguments. `SEED` and `STEPS` in the environment stand for `--seed` and `--steps`.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match parse(arguments) {
        Ok(asked) => match asked.seed {
            Some(seed) => one(seed, &asked),
            None => swarm(&asked),
        },
        Err(why) => {
            eprintln!("{why}\nusage: sim [--seeds N] [--first N] | --seed N [--trace] [--from-step K] [--steps N]");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let number = |name: &str, text: Option<String>| {
        let text = text.ok_or_else(|| format!("{name} wants a number"))?;
        text.parse::<u64>().map_err(|_| format!("{name} wants a number, not {text:?}"))
    };
    let environment = |name: &str| std::env::var(name).ok().map(|text| number(name, Some(text))).transpose();
    let mut asked = Asked { seeds: 200, seed: environment("SEED")?, steps: environment("STEPS")?, ..Asked::default() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => asked.seed = Some(number("--seed", arguments.next())?),
            "--seeds" => asked.seeds = number("--seeds", arguments.next())?,
            "--first" => asked.first = number("--first", arguments.next())?,
            "--steps" => asked.steps = Some(number("--steps", arguments.next())?),
            "--from-step" => asked.from_step = number("--from-step", arguments.next())?,
            "--trace" => asked.trace = true,
            other => return Err(format!("{other:?} is not known")),
        }
    }
    Ok(asked)
}

fn one(seed: u64, asked: &Asked) -> ExitCode {
    let mut options = Options { trace: asked.trace, from_step: asked.from_step, ..Options::default() };
    if let Some(steps) = asked.steps {
        options.steps = steps;
    }
    let outcome = run(seed, &options);
    outcome.trace.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: {} steps, {:?} simulated, trace {:016x}", outcome.steps, outcome.time, outcome.trace_hash);
    if outcome.failure.is_some() {
        println!("{}", outcome.report());
        return ExitCode::FAILURE;
    }
    println!("{}\nfired: {}", outcome.plan, outcome.faults);
    ExitCode::SUCCESS
}

fn swarm(asked: &Asked) -> ExitCode {
    let start = Instant::now();
    let sum = many(asked.first..asked.first + asked.seeds, false);
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    println!(
        "{} seeds, {} steps, {:.0} hours simulated in {:.1} s: {:.0} seeds a minute, {:.0} simulated hours a minute",
        sum.seeds,
        sum.steps,
        sum.time.as_secs_f64() / 3600.0,
        minutes * 60.0,
        sum.seeds as f64 / minutes,
        sum.time.as_secs_f64() / 3600.0 / minutes
    );
    println!("fired: {}", sum.faults);
    for outcome in sum.failures.iter().take(3) {
        println!("\n{}", outcome.report());
    }
    if sum.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    for outcome in &sum.failures {
        let failure = outcome.failure.as_ref();
        println!("seed {}: {} {}", outcome.seed, failure.map_or("", |f| f.law), failure.map_or("", |f| &f.text));
    }
    println!("{} of {} seeds failed", sum.failures.len(), sum.seeds);
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let read = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        let wanted = Asked { seeds: 5, first: 7, ..Asked::default() };
        assert_eq!(read("--seeds 5 --first 7"), Ok(wanted));
        assert!(read("--seed x").is_err() && read("--sed 1").is_err());
    }
}
