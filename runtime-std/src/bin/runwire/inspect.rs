//! `runwire inspect FILE [--json]`.

use crate::fail;
use std::{ffi::OsString, io::Write, path::Path};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let json = arguments.iter().any(|argument| argument == "--json");
    let files: Vec<&OsString> = arguments.iter().filter(|argument| *argument != "--json").collect();
    let [file] = files[..] else {
        return fail(2, "inspect needs one file: runwire inspect FILE.wandb [--json]");
    };
    match runwire_std::inspect::inspect(Path::new(file)) {
        // Whoever closes the pipe has seen enough.
        Ok(report) if json => drop(writeln!(std::io::stdout().lock(), "{}", report.to_json())),
        Ok(report) => drop(write!(std::io::stdout().lock(), "{}", report.to_text())),
        Err(error) => return fail(1, &format!("{}: {error}", file.to_string_lossy())),
    }
    0
}
