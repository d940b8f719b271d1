//! `runwire demo [--steps N] [--data FILE] [--keep] [--serve]`: a real training, logged to the embedded server.

use crate::{arguments::Arguments, fail};
use indicatif::{ProgressBar, ProgressStyle};
use runwire_std::{
    Run, RunOptions,
    demo::{CONFIG, Training},
    inspect,
    local::{self, Shared, Wanted},
};
use std::{error::Error, ffi::OsString, path::PathBuf};

const USAGE: &str = "runwire demo [--steps N] [--data FILE] [--keep] [--serve]";

struct Asked {
    steps: u32,
    wanted: Wanted,
    keep: bool,
    serve: bool,
}

pub(crate) fn run(words: &[OsString]) -> i32 {
    let mut asked = Asked { steps: 600, wanted: Wanted::default(), keep: false, serve: false };
    let mut rest = Arguments::new(words);
    while let Some(word) = rest.next() {
        let taken = match word.name.as_str() {
            "--steps" => rest.parsed(&word).map(|steps| asked.steps = steps),
            "--data" => rest.value(&word).map(|data| asked.wanted.data = Some(data.into())),
            "--keep" => {
                asked.keep = true;
                Ok(())
            }
            "--serve" => {
                asked.serve = true;
                Ok(())
            }
            _ => Err(format!("{} is not known: {USAGE}", word.name)),
        };
        if let Err(why) = taken {
            return fail(2, &why);
        }
    }
    match train(&asked) {
        Ok(()) => 0,
        Err(error) => fail(1, &error.to_string()),
    }
}

fn train(asked: &Asked) -> Result<(), Box<dyn Error>> {
    let shared = Shared::start(&asked.wanted)?;
    // The run's own folder: beside the user's other runs if it is to stay.
    let scratch = std::env::temp_dir().join(format!("runwire-demo-{}", std::process::id()));
    let root = if asked.keep { PathBuf::from(".") } else { scratch.clone() };
    let mut options = RunOptions::new("demo")
        .name("two moons")
        .dir(root)
        .system_metrics(true)
        .server(&shared.address.url, &shared.address.key);
    for (key, value) in CONFIG {
        options = options.config(key, &value)?;
    }
    let run = Run::init(options)?;
    println!(
        "A network learns to tell two half circles apart. Watch it at {}",
        run.url().unwrap_or(&shared.address.url)
    );
    let bar = ProgressBar::new(u64::from(asked.steps));
    bar.set_style(ProgressStyle::with_template("step {pos:>5} of {len} [{bar:40}] {msg}")?.progress_chars("=> "));
    let mut training = Training::new(asked.steps);
    for row in training.by_ref() {
        run.log(&row)?;
        bar.inc(1);
        bar.set_message(format!("loss {:.4}, accuracy {:.3}", row.loss, row.accuracy));
    }
    bar.finish();
    run.summary("final_accuracy", &training.accuracy())?;
    let report = run.finish()?;
    report.messages.iter().for_each(|message| eprintln!("runwire: {message}"));
    println!("\n{}", inspect::inspect(&report.log)?.to_text());
    if asked.keep {
        println!("log: {}", report.log.display());
    } else {
        // What it held is on the server.
        let _ = std::fs::remove_dir_all(&scratch);
    }
    let url = report.url.as_deref().unwrap_or(&shared.address.url);
    if asked.serve {
        let interrupted = local::interrupted()?;
        println!("The run: {url} (Ctrl-C ends this)");
        local::wait_for(&interrupted);
    } else {
        let data = asked.wanted.data.as_ref().map_or_else(String::new, |data| format!(" --data {}", data.display()));
        println!("`runwire local{data}` shows the run at {url}");
    }
    Ok(())
}
