//! `runwire replay FILE [--trace]`: the trace on standard output, damage on standard error. Fails if nothing could be read.

use crate::fail;
use std::{ffi::OsString, io::Write, path::Path};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let files: Vec<&OsString> = arguments.iter().filter(|argument| *argument != "--trace").collect();
    let [file] = files[..] else {
        return fail(2, "replay needs one file: runwire replay FILE.wandb --trace");
    };
    let replay = match runwire_std::replay::replay(Path::new(file)) {
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
