//! A training made of futures: two workers share a run, and the program waits for what was let go before it ends.

use futures_lite::future::{block_on, zip};
use runwire_async::{Run, RunError, RunOptions, settled};

async fn worker(run: Run, name: &str, rate: f64) -> Result<(), RunError> {
    let (loss, key) = (&mut 1.0, format!("{name}/loss"));
    for _ in 0..100 {
        *loss *= 1.0 - rate;
        run.log_values(&[(&key, *loss)]).await?;
    }
    Ok(())
}

fn main() -> Result<(), RunError> {
    block_on(async {
        let run = Run::init(RunOptions::new("examples").name("two workers").config("rates", &[0.05, 0.02])?).await?;
        println!("the log is {}", run.log_path().display());
        let (fast, slow) = zip(worker(run.clone(), "fast", 0.05), worker(run.clone(), "slow", 0.02)).await;
        fast.and(slow)?;
        // Instead of `run.finish().await`, which would also report.
        drop(run);
        settled().await;
        Ok(())
    })
}
