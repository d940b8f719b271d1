//! What the core asks of the world. Each variant names the [`crate::Completion`] that answers it.

use crate::{
    limits::Limits,
    net::{HttpRequest, Secret},
    time::Duration,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;
use runwire_proto::wire;

/// An order to the runtime. Effects that are outstanding at one time are independent (law L2).
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create the transaction log at `path`, which must not exist, with its parent folders and the folder `files_dir`.
    /// Answered by [`Opened`](crate::Completion::Opened).
    OpenLog {
        /// Path of the `.wandb` file.
        path: String,
        /// Folder of the run's files.
        files_dir: String,
    },
    /// Write `bytes` at offset `at` of the log. Writing the same range again is harmless.
    /// Answered by [`Appended`](crate::Completion::Appended).
    AppendLog {
        /// Offset in the file, in bytes.
        at: u64,
        /// What to write.
        bytes: Bytes,
    },
    /// Make everything up to `upto` durable on the device. Answered by [`Synced`](crate::Completion::Synced).
    SyncLog {
        /// Offset in the file, in bytes.
        upto: u64,
    },
    /// Close the log. Answered by [`Closed`](crate::Completion::Closed).
    CloseLog,
    /// Replace the whole file at `path`. Answered by [`Written`](crate::Completion::Written).
    WriteFile {
        /// Path of the file; its folder is made if it is missing.
        path: String,
        /// Its new content.
        bytes: Bytes,
    },
    /// Replace the whole file at `path` by one that only its owner may read. Answered by
    /// [`Written`](crate::Completion::Written).
    WriteSecret {
        /// Path of the file; its folder is made if it is missing.
        path: String,
        /// Its new content.
        content: Secret,
    },
    /// Write `bytes` at `at` and cut the file after them. Answered by [`Written`](crate::Completion::Written).
    PatchFile {
        /// Path of the file; it and its folder are made if missing.
        path: String,
        /// Offset in the file, in bytes.
        at: u64,
        /// The file's content from `at` to its end.
        bytes: Bytes,
    },
    /// Show the file at `source` at `path` as well, by a link or else a copy. Answered by
    /// [`Written`](crate::Completion::Written), also if something stands at `path` already.
    LinkFile {
        /// Path of the file that is there.
        source: String,
        /// Path of the link; its folder is made if it is missing.
        path: String,
    },
    /// List the TensorBoard files (those with `tfevents` in their names) in `folder` and all folders below it, and read
    /// a piece of one. Answered by [`Tail`](crate::Completion::Tail).
    TailFiles {
        /// The folder.
        folder: String,
        /// What to read: the file's path below `folder`, the offset, and most bytes that are wanted.
        read: Option<(String, u64, u32)>,
    },
    /// Measure the machine once. Answered by [`Sampled`](crate::Completion::Sampled).
    SampleSystem(Box<wire::Settings>),
    /// Find out the facts of the machine: processors, memory, disks, accelerators. Answered by [`Probed`](crate::Completion::Probed).
    ProbeSystem(Box<wire::Settings>),
    /// Copy the program and the working tree's differences into `files_dir`.
    /// Answered by [`CodeSaved`](crate::Completion::CodeSaved).
    SaveCode {
        /// The run's settings, without secrets.
        settings: Box<wire::Settings>,
        /// Folder of the run's files.
        files_dir: String,
    },
    /// Read up to `len` bytes at `at`. Answered by [`Read`](crate::Completion::Read); at or after the end with no bytes.
    ReadFile {
        /// Path of the file.
        path: String,
        /// Offset in the file, in bytes.
        at: u64,
        /// Most bytes that are wanted.
        len: u32,
    },
    /// Look at files. Answered by [`Stats`](crate::Completion::Stats).
    StatFiles {
        /// Their paths.
        paths: Vec<String>,
    },
    /// Read a whole file and digest it. Answered by [`Hashed`](crate::Completion::Hashed).
    HashFile {
        /// Its path.
        path: String,
    },
    /// One attempt of a request. Answered by [`Http`](crate::Completion::Http) with whatever the server says, or by a
    /// failure if it said nothing.
    Http(Box<HttpRequest>),
}

/// The kind of an effect, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum EffectKind {
    OpenLog,
    AppendLog,
    SyncLog,
    CloseLog,
    WriteFile,
    WriteSecret,
    PatchFile,
    LinkFile,
    TailFiles,
    SampleSystem,
    ProbeSystem,
    SaveCode,
    ReadFile,
    StatFiles,
    HashFile,
    Http,
}

impl Effect {
    /// Bound of its outcome, after which it counts as lost.
    pub(crate) fn deadline(&self, limits: &Limits) -> Duration {
        match self {
            Effect::SampleSystem(_) | Effect::ProbeSystem(_) | Effect::SaveCode { .. } => limits.probe_deadline,
            Effect::OpenLog { .. }
            | Effect::AppendLog { .. }
            | Effect::SyncLog { .. }
            | Effect::CloseLog
            | Effect::WriteFile { .. }
            | Effect::WriteSecret { .. }
            | Effect::PatchFile { .. }
            | Effect::LinkFile { .. }
            | Effect::TailFiles { .. }
            | Effect::ReadFile { .. }
            | Effect::StatFiles { .. } => limits.disk_deadline,
            // A whole file, however large.
            Effect::HashFile { .. } => limits.transfer_deadline,
            // The runtime ends an attempt at its own bound; this one is for an outcome that got lost.
            Effect::Http(request) => request.timeout.unwrap_or(limits.transfer_deadline) + limits.disk_deadline,
        }
    }

    /// The kind of this effect.
    pub fn kind(&self) -> EffectKind {
        match self {
            Effect::OpenLog { .. } => EffectKind::OpenLog,
            Effect::AppendLog { .. } => EffectKind::AppendLog,
            Effect::SyncLog { .. } => EffectKind::SyncLog,
            Effect::CloseLog => EffectKind::CloseLog,
            Effect::WriteFile { .. } => EffectKind::WriteFile,
            Effect::WriteSecret { .. } => EffectKind::WriteSecret,
            Effect::PatchFile { .. } => EffectKind::PatchFile,
            Effect::LinkFile { .. } => EffectKind::LinkFile,
            Effect::TailFiles { .. } => EffectKind::TailFiles,
            Effect::SampleSystem(_) => EffectKind::SampleSystem,
            Effect::ProbeSystem(_) => EffectKind::ProbeSystem,
            Effect::SaveCode { .. } => EffectKind::SaveCode,
            Effect::ReadFile { .. } => EffectKind::ReadFile,
            Effect::StatFiles { .. } => EffectKind::StatFiles,
            Effect::HashFile { .. } => EffectKind::HashFile,
            Effect::Http(_) => EffectKind::Http,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::OpenLog { path, .. } => write!(f, "OpenLog {path}"),
            Effect::AppendLog { at, bytes } => write!(f, "AppendLog at={at} len={}", bytes.len()),
            Effect::SyncLog { upto } => write!(f, "SyncLog upto={upto}"),
            Effect::CloseLog => f.write_str("CloseLog"),
            Effect::WriteFile { path, bytes } => write!(f, "WriteFile {path} len={}", bytes.len()),
            Effect::WriteSecret { path, .. } => write!(f, "WriteSecret {path}"),
            Effect::PatchFile { path, at, bytes } => write!(f, "PatchFile {path} at={at} len={}", bytes.len()),
            Effect::LinkFile { source, path } => write!(f, "LinkFile {path} -> {source}"),
            Effect::TailFiles { folder, read: None } => write!(f, "TailFiles {folder}"),
            Effect::TailFiles { folder, read: Some((path, at, len)) } => {
                write!(f, "TailFiles {folder} {path} at={at} len={len}")
            }
            Effect::SampleSystem(_) => f.write_str("SampleSystem"),
            Effect::ProbeSystem(_) => f.write_str("ProbeSystem"),
            Effect::SaveCode { files_dir, .. } => write!(f, "SaveCode {files_dir}"),
            Effect::ReadFile { path, at, len } => write!(f, "ReadFile {path} at={at} len={len}"),
            Effect::StatFiles { paths } => write!(f, "StatFiles n={}", paths.len()),
            Effect::HashFile { path } => write!(f, "HashFile {path}"),
            Effect::Http(request) => write!(f, "Http {request}"),
        }
    }
}
