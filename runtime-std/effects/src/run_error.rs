//! What can go wrong with a run in a program, and what a finished one leaves: the same for every front end on an operating
//! system.

use runwire_core::{client::RowError, writer::Accounts};
use std::{io, path::PathBuf};

/// What can go wrong. A run that has begun goes on after any of them.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder of the run can't be made.
    #[error("the run's folder {path} can't be made: {source}; choose another with RunOptions::dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The service refused; its own words.
    #[error("{0}")]
    Refused(String),
    /// No answer within the bound.
    #[error("the run's service gave no answer in time")]
    NoAnswer,
    /// The run is finished.
    #[error("the run is finished already: nothing more can be logged to it")]
    Finished,
    /// The id can't be a part of a file's name, or is longer than servers take.
    #[error(
        "the run's id {id:?} can't be used: an id has 1 to 128 characters, none of them / \\ # ? % : or a control \
         character, since it is a part of file names and addresses; choose another with RunOptions::id"
    )]
    Id {
        /// The id that was asked for.
        id: String,
    },
    /// The value is not a row, or not JSON.
    #[error(transparent)]
    Row(#[from] RowError),
    /// No thread or poller for the service.
    #[error("the run's service can't start: {0}")]
    Start(#[source] io::Error),
}

/// What a finished run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishReport {
    /// The folder of the run.
    pub dir: PathBuf,
    /// Its transaction log.
    pub log: PathBuf,
    /// Whether a part of the end ran into its time limit; see the run's debug log.
    pub timed_out: bool,
    /// Where the run is shown, if a server has it.
    pub url: Option<String>,
    /// Messages that the run had for its user.
    pub messages: Vec<String>,
    /// Records that the run took, those that are in the log, and those that are not, by reason.
    pub accounts: Accounts,
}
