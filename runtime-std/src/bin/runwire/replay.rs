//! `runwire replay FILE [--trace]`.

use crate::fail;
use std::{ffi::OsString, io::Write, path::Path};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let files: Vec<&OsString> = arguments.iter().filter(|argument| *argument != "--trace").collect();
    let [file] = files[..] else {
        return fail(2, "replay needs one file: runwire replay FILE.wandb --trace");
    };
    match runwire_std::replay::replay(Path::new(file)) {
        // Whoever closes the pipe has seen enough.
        Ok(lines) if trace => drop(std::io::stdout().lock().write_all((lines.join("\n") + "\n").as_bytes())),
        Ok(lines) => {
            let count = |mark: &str| lines.iter().filter(|line| line.split(' ').nth(1) == Some(mark)).count();
            println!(
                "{} inputs, {} effects and answers, {} notices; --trace shows them",
                count(">"),
                count("<"),
                count("!")
            );
        }
        Err(error) => return fail(1, &format!("{}: {error}", file.to_string_lossy())),
    }
    0
}
