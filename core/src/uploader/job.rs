//! A file that is not settled: what is known of it and what comes next.

use super::Kind;
use crate::{
    completion::{FileDigest, FileStat},
    net::Header,
};
use alloc::{string::String, sync::Arc};

/// The name of a file in the run's folder.
pub(super) type Path = Arc<str>;

/// Where a file goes.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: String,
    /// Shared by all files of an answer.
    pub(super) headers: Arc<[Header]>,
}

/// What comes next for a file. Queues hold the files of a stage in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for the batch to be cut.
    Batch,
    /// Waits to be looked at.
    ToLook,
    Looking,
    ToHash,
    Hashing,
    /// Waits to be asked for.
    Ready,
    Asking,
    ToSend,
    Sending,
    /// Sent; a last look tells whether it was what was hashed.
    Verifying,
}

/// A file that is not settled.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) stage: Stage,
    /// It was asked for while it was under way: one more job follows.
    pub(super) again: bool,
    /// There is no other try if this one fails.
    pub(super) last: bool,
    /// How it looked before it was hashed.
    pub(super) stat: Option<FileStat>,
    pub(super) digest: Option<FileDigest>,
    pub(super) address: Option<Address>,
    /// Looks that failed.
    pub(super) blind: u8,
    /// Answers that did not have it.
    pub(super) unlisted: u8,
    /// Addresses that were refused.
    pub(super) renewed: u8,
    /// Jobs in a row at whose end it had changed.
    pub(super) changed: u8,
    /// Times it changed between two attempts.
    pub(super) restarts: u8,
}

impl Job {
    pub(super) fn new(kind: Kind) -> Self {
        Job {
            kind,
            stage: Stage::Batch,
            again: false,
            last: false,
            stat: None,
            digest: None,
            address: None,
            blind: 0,
            unlisted: 0,
            renewed: 0,
            changed: 0,
            restarts: 0,
        }
    }
}
