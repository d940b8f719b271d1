//! Feeds the same frames to the official sidecar and to ours and prints how the costs compare. See docs/BENCHMARKS.md.

use std::process::ExitCode;

use runwire_tests::bench::error::{Doing, Result};
use runwire_tests::bench::options::{Options, USAGE};
use runwire_tests::bench::plan;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    let report = plan::run(&options)?;
    print!("{}", report.markdown());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report).expect("a report is plain data");
        std::fs::write(path, text).doing(format!("writing {}", path.display()))?;
    }
    Ok(())
}
