//! What clients ask about the upload, and the answer to each.

use alloc::{string::String, vec::Vec};
use runwire_proto::wire;

/// A request of the protocol that only the uplink can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// `NetworkStatusRequest`: which answers were no success since it was last asked.
    NetworkStatus,
    /// `PollExitRequest`: files and bytes.
    PollExit,
    /// `OperationStatsRequest`: what takes time right now.
    Operations,
}

/// The state of the upload. Empty for an offline run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Answers that were no success; handed out once.
    pub(crate) responses: Vec<wire::HttpResponse>,
    pub(crate) bytes_done: u64,
    pub(crate) bytes_total: u64,
    pub(crate) counts: wire::FileCounts,
    pub(crate) operations: Vec<wire::Operation>,
}

/// What of a run has not reached the server, in words for the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Bytes of the log that were not even looked at.
    pub(crate) log_bytes: u64,
    /// Rows that were read and not confirmed.
    pub(crate) rows: u64,
    pub(crate) files: usize,
    /// The last error.
    pub(crate) trouble: Option<String>,
}
