//! The program `runwire`: reads arguments, calls the library, prints.

mod arguments;
mod demo;
mod exec;
mod export;
mod inspect;
mod local;
mod replay;
mod sync;

use runwire_std::{flags, sidecar};
use std::{ffi::OsString, process::ExitCode};

const HELP: &str = "\
runwire: an engine for experiment tracking that never loses a metric

Usage:
  runwire demo [--keep] [--serve] a small training, logged to the embedded server
  runwire exec [--local] -- CMD ARGS...
                                  run a program on the official SDK with this engine as its service;
                                  with --local its runs go to the embedded server
  runwire local [--addr IP:PORT] [--data FILE] [--key KEY] [--allow-origin URL]...
                                  serve the embedded server: look at runs, send runs to it
  runwire sync PATH... [--watch] [--again] [--local] [-n N] [--base-url URL] [--api-key KEY]
               [--project P] [--entity E] [--id ID]
                                  upload logs; what is delivered already is not sent again, unless
                                  --again says that the server does not have it
  runwire inspect FILE [--json]   what is in a .wandb log, damage included
  runwire export FILE [--format jsonl|csv] [--output FILE]
                                  the rows of a log, on standard output
  runwire replay FILE --trace [--from RECORD]
                                  feed a log to an engine without I/O and print what it would do
  runwire --version               the version
  runwire [flags of a sidecar]    serve like the official sidecar; see `runwire --help`
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let code = match arguments.first().and_then(|first| first.to_str()) {
        Some("exec") => exec::run(&arguments[1..]),
        Some("local") => local::run(&arguments[1..]),
        Some("demo") => demo::run(&arguments[1..]),
        Some("sync") => sync::run(&arguments[1..]),
        Some("inspect") => inspect::run(&arguments[1..]),
        Some("export") => export::run(&arguments[1..]),
        Some("replay") => replay::run(&arguments[1..]),
        Some("help") => {
            print!("{HELP}");
            0
        }
        Some("--version" | "-version" | "-V") => {
            println!("runwire {}", env!("CARGO_PKG_VERSION"));
            0
        }
        Some("leet") => fail(2, "the terminal viewer `leet` is not part of runwire; try `runwire inspect FILE`"),
        Some(_) | None => serve(&arguments),
    };
    ExitCode::from(u8::try_from(code & 0xFF).unwrap_or(1))
}

fn serve(arguments: &[OsString]) -> i32 {
    match flags::parse(arguments.iter().cloned()) {
        Ok(flags) => sidecar::serve(&flags),
        Err(flags::FlagError::Help) => {
            eprint!("runwire {}\n\n{HELP}\n{}", env!("CARGO_PKG_VERSION"), flags::USAGE);
            0
        }
        Err(error) => {
            eprintln!("runwire: {error}\n{}", flags::USAGE);
            i32::from(error.exit_code())
        }
    }
}

pub(crate) fn fail(code: i32, why: &str) -> i32 {
    eprintln!("runwire: {why}");
    code
}
