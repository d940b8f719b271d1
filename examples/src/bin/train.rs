//! A real small training: a network with one hidden layer learns to tell two moons apart, and a [`Run`] logs it.
//!
//! No SDK, no sidecar, no server: the rows go to a log below `./wandb`, which is then read back and shown.

use runwire_std::{
    Run, RunOptions,
    demo::{CONFIG, Training},
    inspect,
};
use std::{error::Error, io::Write};

const STEPS: u32 = 600;

fn main() -> Result<(), Box<dyn Error>> {
    let mut training = Training::new(STEPS);
    let mut options = RunOptions::new("two-moons").name("one hidden layer");
    for (key, value) in CONFIG {
        options = options.config(key, &value)?;
    }
    let run = Run::init(options)?;
    for (step, row) in training.by_ref().enumerate() {
        run.log(&row)?;
        if step % 20 == 0 {
            print!("\rstep {step:4}  loss {:.4}", row.loss);
            std::io::stdout().flush()?;
        }
    }
    println!("\rtrained {STEPS} steps          ");
    run.summary("final_accuracy", &training.accuracy())?;
    let report = run.finish()?;
    println!("{}", inspect::inspect(&report.log)?.to_text());
    println!("log: {}", report.log.display());
    Ok(())
}
