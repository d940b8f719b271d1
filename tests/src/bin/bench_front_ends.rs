//! What a call of `log` costs the program that makes it: the blocking and the async front end, and, if `RUNWIRE_PYTHON` names
//! a Python that has it, the official client. 10 metrics a row, offline, at the pace of a fast training.

use runwire_async::RunOptions;
use std::{
    process::Command,
    time::{Duration, Instant},
};

const ROWS: usize = 20_000;
/// Between two rows, so that a run is not measured that waits for its disk.
const PAUSE: Duration = Duration::from_micros(50);
const KEYS: [&str; 10] = ["loss", "acc", "lr", "grad", "norm", "step_time", "tokens", "mem", "util", "epoch"];

fn row(step: usize) -> [(&'static str, f64); 10] {
    KEYS.map(|key| (key, key.len() as f64 + step as f64 / 7.0))
}

fn report(name: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{name:<24} median {:>10.2?}   p99 {:>10.2?}   worst {:>10.2?}", at(0.5), at(0.99), at(1.0));
    at(0.5)
}

fn pace(since: Instant) {
    while since.elapsed() < PAUSE {
        std::hint::spin_loop();
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options = || RunOptions::new("bench").dir(folder.path());

    let run = runwire_std::Run::init(options()).expect("a run begins");
    let mut times = Vec::with_capacity(ROWS);
    for step in 0..ROWS {
        let (values, start) = (row(step), Instant::now());
        run.log_values(&values).expect("a row is taken");
        times.push(start.elapsed());
        pace(start);
    }
    run.finish().expect("a run ends");
    let blocking = report("runwire_std::Run", times);

    let futures = smol::block_on(async {
        let run = runwire_async::Run::init(options()).await.expect("a run begins");
        let mut times = Vec::with_capacity(ROWS);
        for step in 0..ROWS {
            let (values, start) = (row(step), Instant::now());
            run.log_values(&values).await.expect("a row is taken");
            times.push(start.elapsed());
            pace(start);
        }
        run.finish().await.expect("a run ends");
        report("runwire_async::Run", times)
    });

    let Some(python) = std::env::var_os("RUNWIRE_PYTHON") else { return };
    let script = "
import time, wandb, sys
run = wandb.init(mode='offline', project='bench', dir=sys.argv[1], settings=wandb.Settings(silent=True))
keys = sys.argv[2].split(',')
times = []
for step in range(4000):
    row = {key: len(key) + step / 7 for key in keys}
    start = time.perf_counter_ns()
    run.log(row)
    times.append(time.perf_counter_ns() - start)
    while time.perf_counter_ns() - start < 500_000: pass
run.finish()
print(*times)
";
    let mut command = Command::new(python);
    command.args(["-c", script]).arg(folder.path()).arg(KEYS.join(","));
    let output = command.output().expect("Python can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let times = text.split_whitespace().filter_map(|text| text.parse().ok()).map(Duration::from_nanos).collect();
    let official = report("official run.log", times);
    for (name, ours) in [("runwire_std::Run", blocking), ("runwire_async::Run", futures)] {
        println!("{name}: {:.0} times less", official.as_secs_f64() / ours.as_secs_f64());
    }
}
