//! Counts the instructions that the core spends and writes `docs/INSTRUCTIONS.md`, or compares with it (`--check`).

use std::path::Path;
use std::process::{Command, ExitCode};

use runwire_tests::bench::error::{BenchError, Doing, Result};
use runwire_tests::bench::instructions::{cases, differences, measure, table};

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(_) => {
            eprintln!("usage: bench_instructions [--check]");
            return ExitCode::FAILURE;
        }
    };
    match run(check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench_instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> Result<bool> {
    let us = std::env::current_exe().doing("looking for this program's own folder")?;
    let driver = us.with_file_name("fixed_stream");
    if !driver.exists() {
        return Err(BenchError::NoProgram {
            path: driver,
            hint: "build it with `cargo build --release -p runwire-tests --bin fixed_stream`",
        });
    }
    let mut rows = Vec::new();
    for case in cases() {
        eprintln!("counting: {}", case.name);
        rows.push((case.name, measure(&driver, &case)?));
    }
    let text = table(&rows, &compiler());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/INSTRUCTIONS.md");
    if !check {
        std::fs::write(&file, &text).doing(format!("writing {}", file.display()))?;
        print!("{text}");
        return Ok(true);
    }
    let committed = std::fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    let changed = differences(&committed, &rows);
    changed.iter().for_each(|line| println!("{line}"));
    Ok(changed.is_empty())
}

fn compiler() -> String {
    let out = Command::new("rustc").arg("--version").output();
    out.map_or("unknown".into(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
