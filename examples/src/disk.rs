//! Files of one run as plain calls: what a program does that has no runtime. A failure is an outcome like any other.

use runwire_core::{Completion, Effect, Failure, FailureKind, completion};
use std::{
    fs,
    io::{self, Seek, SeekFrom, Write},
};

/// The log of a run, once it is open.
#[derive(Debug, Default)]
pub struct Disk {
    log: Option<fs::File>,
}

impl Disk {
    /// Does what the core asks for and says what came of it.
    pub fn perform(&mut self, effect: Effect) -> Completion {
        let done = match effect {
            Effect::OpenLog { path, files_dir } => fs::create_dir_all(files_dir)
                .and_then(|()| fs::File::create_new(path))
                .map(|file| self.log = Some(file))
                .map(|()| Completion::Opened),
            Effect::AppendLog { at, bytes } => self.append(at, &bytes).map(|()| Completion::Appended),
            Effect::SyncLog { .. } => {
                self.log.as_ref().map_or(Ok(()), fs::File::sync_data).map(|()| Completion::Synced)
            }
            Effect::CloseLog => {
                self.log = None;
                Ok(Completion::Closed)
            }
            Effect::WriteFile { path, bytes } => fs::write(path, bytes).map(|()| Completion::Written),
            Effect::PatchFile { path, bytes, .. } => fs::write(path, bytes).map(|()| Completion::Written),
            // These programs' runs have no event files.
            Effect::LinkFile { .. } => Ok(Completion::Written),
            Effect::TailFiles { .. } => Ok(Completion::Tail { files: Vec::new(), bytes: Default::default() }),
            Effect::SampleSystem(_) => Ok(Completion::Sampled(Vec::new())),
            Effect::ProbeSystem(_) => Ok(Completion::Probed(Box::default())),
            // They neither save their code nor talk to a server.
            other @ (Effect::SaveCode { .. }
            | Effect::WriteSecret { .. }
            | Effect::ReadFile { .. }
            | Effect::StatFiles { .. }
            | Effect::HashFile { .. }
            | Effect::Http(_)) => Ok(completion::success(other.kind())),
        };
        done.unwrap_or_else(|error| {
            Completion::Failed(Failure { kind: FailureKind::Other, message: error.to_string() })
        })
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.log else { return Ok(()) };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }
}
