//! Logs online in all kinds of bad weather and prints what arrived. See docs/WEATHER.md.

#[cfg(unix)]
use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    weather::main()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("weather: this program needs Unix");
}

#[cfg(unix)]
mod weather {
    use std::path::PathBuf;
    use std::process::ExitCode;

    use runwire_tests::bench::error::{BenchError, Doing, Result};
    use runwire_tests::weather::storms::{STORMS, Size};
    use runwire_tests::weather::table::{self, Line};
    use runwire_tests::weather::{disk, kills, storms};

    const USAGE: &str = "\
usage: weather [--quick] [--only WORD] [--ours PATH] [--scratch DIR]

  --quick        fewer rows and shorter storms: less than a minute
  --only WORD    calm weather and those whose name holds this word
  --ours PATH    the sidecar (default: `runwire` beside this program)
  --scratch DIR  where logs are written (default: the system's temporary folder)";

    struct Options {
        size: Size,
        only: Option<String>,
        ours: PathBuf,
        scratch: PathBuf,
    }

    pub(super) fn main() -> ExitCode {
        match run() {
            Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
            Ok(faults) => {
                faults.iter().for_each(|fault| eprintln!("weather: {fault}"));
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("weather: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn run() -> Result<Vec<String>> {
        let Some(options) = options(std::env::args().skip(1))? else {
            println!("{USAGE}");
            return Ok(Vec::new());
        };
        let Options { size, only, ours, scratch } = &options;
        let wanted = |name: &str| only.as_ref().is_none_or(|word| name.contains(word.as_str()));
        let mut lines = Vec::new();
        for storm in STORMS {
            if storm == storms::Storm::Calm || wanted(storm.name()) {
                eprintln!("weather: {}", storm.name());
                let outcome = storms::run(storm, ours, scratch, *size)?;
                lines.push(Line { name: storm.name().into(), outcome, repeats: storm.repeats() });
            }
        }
        const FULL: &str = "disk full midway";
        const KILLED: &str = "SIGKILL of the sidecar, then an upload";
        if wanted(FULL) {
            eprintln!("weather: {FULL}");
            let outcome = disk::run(ours, scratch, *size)?;
            lines.push(Line { name: FULL.into(), outcome, repeats: false });
        }
        if wanted(KILLED) {
            eprintln!("weather: {KILLED}");
            // What was under way when the process died may have been taken.
            let outcome = kills::run(ours, scratch, size.kills)?;
            lines.push(Line { name: KILLED.into(), outcome, repeats: true });
        }
        let calm_kib = lines.first().map_or(0, |calm| calm.outcome.peak_kib);
        print!("{}", table::markdown(&lines, calm_kib));
        Ok(lines.iter().flat_map(|line| line.faults(calm_kib)).collect())
    }

    fn options(mut args: impl Iterator<Item = String>) -> Result<Option<Options>> {
        let usage = |why: String| BenchError::Usage(format!("{why}\n\n{USAGE}"));
        let us = std::env::current_exe().doing("looking for this program's own folder")?;
        let mut options =
            Options { size: Size::FULL, only: None, ours: us.with_file_name("runwire"), scratch: std::env::temp_dir() };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| usage(format!("{arg} needs a value")));
            match arg.as_str() {
                "--quick" => options.size = Size::QUICK,
                "--only" => options.only = Some(value()?),
                "--ours" => options.ours = value()?.into(),
                "--scratch" => options.scratch = value()?.into(),
                "-h" | "--help" => return Ok(None),
                _ => return Err(usage(format!("unknown argument {arg}"))),
            }
        }
        if !options.ours.exists() {
            let hint = "build it (cargo build --release -p runwire-std) or give it with --ours";
            return Err(BenchError::NoProgram { path: options.ours, hint });
        }
        Ok(Some(options))
    }
}
