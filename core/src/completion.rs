//! How the world answered an effect.

use crate::effect::EffectKind;
use alloc::{boxed::Box, string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;
use runwire_proto::wire;

/// The outcome of one effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// The log exists, is empty and is open.
    Opened,
    /// All bytes of the append are in the file.
    Appended,
    /// The log is durable.
    Synced,
    /// The log is closed.
    Closed,
    /// The file is written.
    Written,
    /// Files below a folder, and the bytes of one of them; fewer than asked for only at its end.
    Tail {
        /// Their paths with `/` between the parts, in order, and their lengths in bytes.
        files: Vec<(String, u64)>,
        /// What was read; empty if nothing was asked for or there is no such file.
        bytes: Bytes,
    },
    /// Measurements by their keys.
    Sampled(Vec<(String, f64)>),
    /// Facts about the machine.
    Probed(Box<wire::EnvironmentRecord>),
    /// Paths, relative to the files folder, that now exist.
    CodeSaved(Vec<String>),
    /// The effect failed; any effect may be answered by this.
    Failed(Failure),
}

/// Why an effect failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure, which decides what happens next.
    pub kind: FailureKind,
    /// The runtime's own words, for the user; without secrets.
    pub message: String,
}

/// Classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The file exists already.
    Exists,
    /// No permission.
    Denied,
    /// The device is full or a quota is reached.
    NoSpace,
    /// No answer before the deadline.
    TimedOut,
    /// Anything else.
    Other,
}

impl Completion {
    /// Its name, as traces and errors show it.
    pub fn name(&self) -> &'static str {
        match self {
            Completion::Opened => "Opened",
            Completion::Appended => "Appended",
            Completion::Synced => "Synced",
            Completion::Closed => "Closed",
            Completion::Written => "Written",
            Completion::Tail { .. } => "Tail",
            Completion::Sampled(_) => "Sampled",
            Completion::Probed(_) => "Probed",
            Completion::CodeSaved(_) => "CodeSaved",
            Completion::Failed(_) => "Failed",
        }
    }

    /// Whether this may answer an effect of `kind`.
    pub fn answers(&self, kind: EffectKind) -> bool {
        matches!(self, Completion::Failed(_)) || self.name() == expected(kind)
    }
}

/// The answer of a world in which nothing fails and there is nothing to find out: for simulations and replays.
pub fn success(kind: EffectKind) -> Completion {
    match kind {
        EffectKind::OpenLog => Completion::Opened,
        EffectKind::AppendLog => Completion::Appended,
        EffectKind::SyncLog => Completion::Synced,
        EffectKind::CloseLog => Completion::Closed,
        EffectKind::WriteFile | EffectKind::PatchFile | EffectKind::LinkFile => Completion::Written,
        EffectKind::TailFiles => Completion::Tail { files: Vec::new(), bytes: Bytes::new() },
        EffectKind::SampleSystem => Completion::Sampled(Vec::new()),
        EffectKind::ProbeSystem => Completion::Probed(Box::default()),
        EffectKind::SaveCode => Completion::CodeSaved(Vec::new()),
    }
}

/// Name of the completion that answers an effect of `kind`.
pub fn expected(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::OpenLog => "Opened",
        EffectKind::AppendLog => "Appended",
        EffectKind::SyncLog => "Synced",
        EffectKind::CloseLog => "Closed",
        EffectKind::WriteFile | EffectKind::PatchFile | EffectKind::LinkFile => "Written",
        EffectKind::TailFiles => "Tail",
        EffectKind::SampleSystem => "Sampled",
        EffectKind::ProbeSystem => "Probed",
        EffectKind::SaveCode => "CodeSaved",
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Completion::Failed(failure) => write!(f, "Failed {:?}: {}", failure.kind, failure.message),
            Completion::Tail { files, bytes } => write!(f, "Tail n={} len={}", files.len(), bytes.len()),
            Completion::Sampled(items) => write!(f, "Sampled n={}", items.len()),
            Completion::CodeSaved(paths) => write!(f, "CodeSaved {paths:?}"),
            Completion::Opened
            | Completion::Appended
            | Completion::Synced
            | Completion::Closed
            | Completion::Written
            | Completion::Probed(_) => f.write_str(self.name()),
        }
    }
}

impl Failure {
    /// A failure that the core itself finds when a deadline passes.
    pub(crate) fn timed_out() -> Self {
        Failure { kind: FailureKind::TimedOut, message: "no answer before the deadline".into() }
    }
}
