//! `runwire replay FILE [--trace] [--from RECORD]`: the trace on standard output, damage on standard error. Fails if nothing
//! could be read.

use crate::fail;
use std::{ffi::OsString, io::Write, path::Path};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let mut rest: Vec<&OsString> = arguments.iter().filter(|argument| *argument != "--trace").collect();
    let mut first = 1;
    if let Some(at) = rest.iter().position(|argument| *argument == "--from") {
        let number = rest.get(at + 1).and_then(|text| text.to_str()).and_then(|text| text.parse().ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            return fail(2, "--from wants the number of a record, counted from 1");
        };
        first = number;
        rest.drain(at..at + 2);
    }
    let [file] = rest[..] else {
        return fail(2, "replay needs one file: runwire replay FILE.wandb --trace [--from RECORD]");
    };
    let replay = match runwire_std::replay::replay_from(Path::new(file), first) {
        Ok(replay) => replay,
        Err(error) => return fail(1, &format!("{}: {error}", file.to_string_lossy())),
    };
    replay.damage.iter().for_each(|damage| eprintln!("runwire: {damage}"));
    if replay.unreadable > 0 {
        eprintln!("runwire: {} records of unknown type or content were passed over", replay.unreadable);
    }
    let lines = &replay.lines;
    if trace {
        // Whoever closes the pipe has seen enough.
        drop(std::io::stdout().lock().write_all((lines.join("\n") + "\n").as_bytes()));
    } else {
        let count = |mark: &str| lines.iter().filter(|line| line.split(' ').nth(1) == Some(mark)).count();
        let (inputs, outputs, notices) = (count(">"), count("<"), count("!"));
        println!("{inputs} inputs, {outputs} effects and answers, {notices} notices; --trace shows them");
    }
    let nothing = replay.records == 0 && (!replay.damage.is_empty() || replay.unreadable > 0);
    if nothing {
        return fail(1, &format!("{}: no record could be read", file.to_string_lossy()));
    }
    0
}
