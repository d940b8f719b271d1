//! What an engine says: one closed list, drained after each input until `Wait` or `Finished`.

use crate::{
    effect::Effect,
    id::{EffectId, Ticket},
    notice::Notice,
    time::Wake,
    writer::Accounts,
};
use alloc::string::String;
use bytes::Bytes;

/// One output.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an ignored effect stalls the run"]
pub enum Output {
    /// Do this and report its [`crate::Completion`] under the same id.
    Effect(EffectId, Effect),
    /// The outcome of this effect is no longer wanted; it may be reported all the same.
    Cancel(EffectId),
    /// The answer that a client waits for.
    Reply(Ticket, Reply),
    /// Something worth a line in the run's own debug log.
    Notice(Notice),
    /// Nothing more to do until an input comes or the time is there. `None`: only an input matters.
    Wait(Option<Wake>),
    /// The run is over; every later poll gives this again.
    Finished(Summary),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A serialised `wandb_internal.Result`.
    Result(Bytes),
    /// The log is there and the run takes records (the answer to opening it).
    Opened,
    /// The request can't be fulfilled; for people.
    Error(String),
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The exit code in the log; `None` if the run was closed without one.
    pub exit_code: Option<i32>,
    /// Whether a stage of the end ran into its time limit.
    pub timed_out: bool,
    /// What became of the records.
    pub accounts: Accounts,
    /// Why there is no log, if the log could not be made.
    pub open_error: Option<String>,
}
