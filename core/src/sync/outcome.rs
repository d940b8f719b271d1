//! What an upload is asked to change, and what came of it.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// What is uploaded in place of what was recorded. Empty texts change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Another entity.
    pub entity: String,
    /// Another project.
    pub project: String,
    /// Another run id.
    pub run_id: String,
    /// Another job type.
    pub job_type: String,
    /// Tags by what they are replaced with; an empty text removes the tag.
    pub tag_replacements: BTreeMap<String, String>,
}

/// How much of a log the server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Rows.
    pub rows: u64,
    /// Samples of the machine.
    pub events: u64,
    /// Console lines.
    pub console: u64,
    /// Files.
    pub files: usize,
    /// Bytes of the log before which everything is delivered.
    pub log_bytes: u64,
}

/// How an upload ended, or how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Why not everything is delivered; `None` if it is, or may still be.
    pub error: Option<String>,
    /// What of the log can't be delivered by any later try either: damage, and records that can't be read.
    pub losses: Vec<String>,
    /// The exit code that the server was told.
    pub exit_code: Option<i32>,
    /// What the server has.
    pub delivered: Delivered,
}
