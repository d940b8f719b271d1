//! `runwire export FILE [--format jsonl|csv]`: rows on standard output, damage on standard error.

use crate::fail;
use runwire_std::export::{ExportError, Format, export};
use std::{ffi::OsString, io, path::Path};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let mut file = None;
    let mut format = Format::JsonLines;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        let named = match text.strip_prefix("--format") {
            Some("") => rest.next().map(|name| name.to_string_lossy().into_owned()),
            Some(inline) => inline.strip_prefix('=').map(String::from),
            None => {
                file = Some(argument);
                continue;
            }
        };
        format = match named.as_deref() {
            Some("jsonl") => Format::JsonLines,
            Some("csv") => Format::Csv,
            Some(_) | None => return fail(2, "--format is jsonl or csv"),
        };
    }
    let Some(file) = file else {
        return fail(2, "export needs a file: runwire export FILE.wandb [--format jsonl|csv]");
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match export(Path::new(file), format, &mut out) {
        Ok(damage) => damage.iter().for_each(|text| eprintln!("runwire: {text}")),
        // Whoever closes the pipe has seen enough.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return fail(1, &format!("{}: {error}", file.to_string_lossy())),
    }
    0
}
