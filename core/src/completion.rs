//! How the world answered an effect.

use crate::{effect::EffectKind, net::HttpResponse, time::UnixNanos};
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
    /// Bytes of a file; fewer than asked for only at its end.
    Read(Bytes),
    /// What the files are, in the order of the paths; `None` for one that is not a readable file.
    Stats(Vec<Option<FileStat>>),
    /// A file's size and digest.
    Hashed(FileDigest),
    /// A server's answer, whatever its status.
    Http(Box<HttpResponse>),
    /// The effect failed; any effect may be answered by this.
    Failed(Failure),
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Its length in bytes.
    pub len: u64,
    /// When it was last changed.
    pub modified: UnixNanos,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// Bytes that were read.
    pub len: u64,
    /// MD5 of them, as the server compares it.
    pub md5: [u8; 16],
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
    /// There is no such file.
    NotFound,
    /// No permission.
    Denied,
    /// The device is full or a quota is reached.
    NoSpace,
    /// No answer before the deadline.
    TimedOut,
    /// The server can't be reached, or the connection broke before its answer was complete.
    Unreachable,
    /// The server's certificate is not trusted.
    Certificate,
    /// The request can't be made at all: a bad URL, a bad header.
    BadRequest,
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
            Completion::Read(_) => "Read",
            Completion::Stats(_) => "Stats",
            Completion::Hashed(_) => "Hashed",
            Completion::Http(_) => "Http",
            Completion::Failed(_) => "Failed",
        }
    }

    /// The outcome of a request; `None` if it answers something else.
    pub(crate) fn into_http(self) -> Option<Result<HttpResponse, Failure>> {
        match self {
            Completion::Http(response) => Some(Ok(*response)),
            Completion::Failed(failure) => Some(Err(failure)),
            Completion::Opened
            | Completion::Appended
            | Completion::Synced
            | Completion::Closed
            | Completion::Written
            | Completion::Sampled(_)
            | Completion::Probed(_)
            | Completion::CodeSaved(_)
            | Completion::Tail { .. }
            | Completion::Read(_)
            | Completion::Stats(_)
            | Completion::Hashed(_) => None,
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
        EffectKind::WriteFile | EffectKind::WriteSecret | EffectKind::PatchFile | EffectKind::LinkFile => {
            Completion::Written
        }
        EffectKind::TailFiles => Completion::Tail { files: Vec::new(), bytes: Bytes::new() },
        EffectKind::SampleSystem => Completion::Sampled(Vec::new()),
        EffectKind::ProbeSystem => Completion::Probed(Box::default()),
        EffectKind::SaveCode => Completion::CodeSaved(Vec::new()),
        EffectKind::ReadFile => Completion::Read(Bytes::new()),
        EffectKind::StatFiles => Completion::Stats(Vec::new()),
        EffectKind::HashFile => Completion::Hashed(FileDigest { len: 0, md5: [0; 16] }),
        EffectKind::Http => Completion::Http(Box::new(HttpResponse { status: 200, ..Default::default() })),
    }
}

/// Name of the completion that answers an effect of `kind`.
pub fn expected(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::OpenLog => "Opened",
        EffectKind::AppendLog => "Appended",
        EffectKind::SyncLog => "Synced",
        EffectKind::CloseLog => "Closed",
        EffectKind::WriteFile | EffectKind::WriteSecret | EffectKind::PatchFile | EffectKind::LinkFile => "Written",
        EffectKind::TailFiles => "Tail",
        EffectKind::SampleSystem => "Sampled",
        EffectKind::ProbeSystem => "Probed",
        EffectKind::SaveCode => "CodeSaved",
        EffectKind::ReadFile => "Read",
        EffectKind::StatFiles => "Stats",
        EffectKind::HashFile => "Hashed",
        EffectKind::Http => "Http",
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Completion::Failed(failure) => write!(f, "Failed {:?}: {}", failure.kind, failure.message),
            Completion::Tail { files, bytes } => write!(f, "Tail n={} len={}", files.len(), bytes.len()),
            Completion::Sampled(items) => write!(f, "Sampled n={}", items.len()),
            Completion::CodeSaved(paths) => write!(f, "CodeSaved {paths:?}"),
            Completion::Read(bytes) => write!(f, "Read len={}", bytes.len()),
            Completion::Stats(stats) => write!(f, "Stats n={}", stats.iter().flatten().count()),
            Completion::Hashed(digest) => write!(f, "Hashed len={}", digest.len),
            Completion::Http(response) => write!(f, "Http {} len={}", response.status, response.body.len()),
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
