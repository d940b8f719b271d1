//! `sim --seeds N` simulates many seeds and prints how fast; `sim --seed N [--trace] [--from-step K]` replays one.
use std::process::ExitCode;

use runwire_tests::sim::command;

fn main() -> ExitCode {
    command::main(std::env::args().skip(1))
}
