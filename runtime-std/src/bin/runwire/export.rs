//! `runwire export FILE [--format jsonl|csv] [--output FILE]`: rows on standard output or in a file, damage on standard
//! error.

use crate::fail;
use runwire_std::export::{ExportError, Format, export};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let (mut file, mut output) = (None, None);
    let mut format = Format::JsonLines;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--output" {
            output = rest.next();
            if output.is_none() {
                return fail(2, "--output needs the name of a file");
            }
            continue;
        }
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
        return fail(2, "export needs a file: runwire export FILE.wandb [--format jsonl|csv] [--output FILE]");
    };
    let sink: Box<dyn Write> = match output {
        Some(path) if is_same(path, file) => return fail(2, "--output would replace the log itself"),
        Some(path) => match File::create(path) {
            Ok(file) => Box::new(file),
            Err(error) => return fail(1, &format!("{}: {error}", path.to_string_lossy())),
        },
        None => Box::new(io::stdout().lock()),
    };
    let mut out = io::BufWriter::new(sink);
    let exported = export(Path::new(file), format, &mut out).and_then(|damage| {
        // A full disk may show only now.
        out.flush()?;
        Ok(damage)
    });
    match exported {
        Ok(damage) => damage.iter().for_each(|text| eprintln!("runwire: {text}")),
        // Whoever closes the pipe has seen enough.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return fail(1, &format!("{}: {error}", file.to_string_lossy())),
    }
    0
}

/// Whether both names lead to one file. A log that is missing is told by whoever reads it.
fn is_same(output: &OsString, log: &OsString) -> bool {
    matches!((fs::canonicalize(output), fs::canonicalize(log)), (Ok(output), Ok(log)) if output == log)
}
