//! What the sender is told and what it wants: the words between it and whoever routes them.

use crate::{
    net::HttpRequest,
    notice::Notice,
    time::Instant,
    uplink::{Offsets, Place},
};
use alloc::{
    boxed::Box,
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{self, files_item};

/// Which wish an HTTP request belongs to. Each has at most one attempt outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    /// Setting up the run: its first upsert, and the query or rewind before it.
    Setup,
    /// A later upsert.
    Update,
    /// What the server can do.
    Features,
    /// An alert, by its number.
    Alert(u64),
}

/// Whose log it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    /// The log of a run that is still being written.
    Live,
    /// The log of a run that was not uploaded, or not all of it.
    Sync(Overrides),
}

pub(crate) use crate::sync::Overrides;

/// What an upload has to remember about itself so that it can be taken up again: the facts that were true before its
/// first line was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Restored {
    /// Lines that the server had before this upload.
    pub(crate) base: Offsets,
    pub(crate) starting_step: i64,
    pub(crate) starting_runtime_ms: u64,
    /// The server's own id of the run.
    pub(crate) storage_id: String,
    pub(crate) place: Place,
    /// The config that the server had of a resumed run, as JSON; empty if there was none.
    pub(crate) stored_config: String,
    /// Log offset up to which everything is delivered: alerts before it are not sent again. Zero in what
    /// [`Action::Remember`] gives; whoever stores it fills it in.
    pub(crate) mark: u64,
}

/// What the server made of the run: the values that `run_result` has beyond the request's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UpsertedRun {
    pub(crate) storage_id: String,
    pub(crate) place: Place,
    pub(crate) display_name: String,
    pub(crate) sweep_id: String,
    pub(crate) resumed: bool,
    pub(crate) forked: bool,
    pub(crate) starting_step: i64,
    pub(crate) runtime_ms: u64,
    pub(crate) tags: Vec<String>,
    pub(crate) notes: String,
    /// The old summary of a resumed run, an item per top-level key.
    pub(crate) summary: Vec<wire::SummaryItem>,
    /// The whole config, each value wrapped as in the upload.
    pub(crate) config: Vec<wire::ConfigItem>,
    /// The config that the server had, as JSON; for [`crate::config::Config::merge_stored`]. Empty if none.
    pub(crate) stored_config: String,
}

/// What the sender wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Make this request; its outcome comes back by [`super::Sender::on_http`].
    Http(Tag, HttpRequest),
    /// Store this before anything that follows is done.
    Remember(Box<Restored>),
    /// The run is set up: fill the client's answer.
    Upserted(Box<UpsertedRun>),
    /// The run can't be set up. Nothing follows but the exit.
    InitFailed(wire::ErrorInfo),
    /// The stream may start: where it goes, and the offsets of its first lines.
    Start { place: Place, base: Offsets },
    /// Whether pushes are to be compressed.
    Gzip(bool),
    /// [`super::Sender::line`] is a row of the history.
    History,
    /// [`super::Sender::line`] is a row of measurements.
    Event,
    /// A console line, new or rewritten, by its number in this run.
    Console { number: u64, line: String },
    /// [`super::Sender::summary_line`] is not what it was. Said once until it is asked for.
    SummaryChanged,
    /// A file of the run is to be uploaded.
    File { path: String, policy: files_item::PolicyType, kind: files_item::FileType },
    /// The machine is about to be taken away.
    Preempting,
    /// The exit record was read: the code to tell the server, or `None` if the run's state is not to be touched.
    Exit { code: Option<i32> },
    /// For the user.
    TellUser(String),
    /// For the debug log.
    Notice(Notice),
    /// What [`super::Sender::on_flush`] asked for is done.
    FlushDone,
}

pub(crate) type Out = VecDeque<Action>;

/// Something that is under way, as shown to the user.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) desc: String,
    pub(crate) since: Instant,
    /// Why it is being tried again; empty if all is well.
    pub(crate) error_status: String,
}

/// What keeps something from the server, and when the next attempt is made; `None` there if one is under way.
pub(crate) type Trouble = (String, Option<Instant>);

/// The error form of clients: what is wrong with a call that is tried again.
pub(super) fn retrying(error: &impl ToString) -> String {
    alloc::format!("retrying {}", error.to_string())
}
