//! The end of a run as data: the protocol's fifteen states (`DeferRequest.DeferState`) and what moves between them.

use core::fmt;

/// A stage of the end of a run, numbered as in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeferState {
    /// Nothing has ended yet, or the exit was just seen.
    Begin = 0,
    /// The run's own record reaches the server.
    FlushRun = 1,
    /// The machine is no longer measured.
    FlushStats = 2,
    /// The open row becomes a record.
    FlushPartialHistory = 3,
    /// TensorBoard files are read to their end.
    FlushTb = 4,
    /// The last summary and the exit become records.
    FlushSum = 5,
    /// Debounced updates go out.
    FlushDebouncer = 6,
    /// Console output reaches its file.
    FlushOutput = 7,
    /// The job artifact is made.
    FlushJob = 8,
    /// The run's own files are written.
    FlushDir = 9,
    /// Files are queued for upload.
    FlushFp = 10,
    /// Uploads are waited for.
    JoinFp = 11,
    /// The file stream gets its last request.
    FlushFs = 12,
    /// The log is durable.
    FlushFinal = 13,
    /// All is done and the exit can be answered.
    End = 14,
}

/// What moves the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeferEvent {
    /// The run's exit was taken.
    ExitSeen,
    /// The stage's condition holds.
    Flushed,
    /// The stage's condition can't be reached; the run ends without it.
    Failed,
    /// The stage's time is over.
    Expired,
    /// The whole end is cut short: the remaining stages are only tried once, without waiting.
    CutShort,
}

/// All states in order.
pub const STATES: [DeferState; 15] = [
    DeferState::Begin,
    DeferState::FlushRun,
    DeferState::FlushStats,
    DeferState::FlushPartialHistory,
    DeferState::FlushTb,
    DeferState::FlushSum,
    DeferState::FlushDebouncer,
    DeferState::FlushOutput,
    DeferState::FlushJob,
    DeferState::FlushDir,
    DeferState::FlushFp,
    DeferState::JoinFp,
    DeferState::FlushFs,
    DeferState::FlushFinal,
    DeferState::End,
];

/// All events.
pub const EVENTS: [DeferEvent; 5] =
    [DeferEvent::ExitSeen, DeferEvent::Flushed, DeferEvent::Failed, DeferEvent::Expired, DeferEvent::CutShort];

/// The next state, or `None` if the event means nothing in this state and is ignored.
pub fn next(state: DeferState, event: DeferEvent) -> Option<DeferState> {
    match (state, event) {
        (DeferState::Begin, DeferEvent::ExitSeen) => Some(DeferState::FlushRun),
        // A second exit, or a cut before there is anything to cut.
        (_, DeferEvent::ExitSeen) | (DeferState::Begin | DeferState::End, _) => None,
        // What is in memory must become records and reach the log even when time is short: these stages keep their
        // turn, and the rest is passed over.
        // Reading event files can take long; what was read so far becomes records in the next stage.
        (DeferState::FlushTb, DeferEvent::CutShort) => Some(DeferState::FlushSum),
        (state, DeferEvent::CutShort) if state < DeferState::FlushSum => None,
        (state, DeferEvent::CutShort) if state < DeferState::FlushFinal => Some(DeferState::FlushFinal),
        (_, DeferEvent::CutShort) => None,
        (state, DeferEvent::Flushed | DeferEvent::Failed | DeferEvent::Expired) => Some(successor(state)),
    }
}

/// Whether the stage of an online run ends with an answer of the server.
pub fn is_remote(state: DeferState) -> bool {
    matches!(state, DeferState::FlushRun | DeferState::FlushDebouncer | DeferState::JoinFp | DeferState::FlushFs)
}

/// What a stage waits for, in the words of its notice when the time is over.
pub fn condition(state: DeferState) -> &'static str {
    match state {
        DeferState::Begin => "the exit of the run",
        DeferState::FlushRun => "the run's record to be stored",
        DeferState::FlushStats => "the last measurement of the machine",
        DeferState::FlushPartialHistory => "the open row to become a record",
        DeferState::FlushTb => "TensorBoard files to be read",
        DeferState::FlushSum => "the summary and the exit to become records",
        DeferState::FlushDebouncer => "held-back updates to go out",
        DeferState::FlushOutput => "console output to be written to its file",
        DeferState::FlushJob => "the job to be saved",
        DeferState::FlushDir => "the run's files to be written",
        DeferState::FlushFp => "files to be queued",
        DeferState::JoinFp => "files to be uploaded",
        DeferState::FlushFs => "the last rows to be sent",
        DeferState::FlushFinal => "the disk to take the rest of the log",
        DeferState::End => "nothing",
    }
}

impl DeferState {
    /// The state's name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            DeferState::Begin => "BEGIN",
            DeferState::FlushRun => "FLUSH_RUN",
            DeferState::FlushStats => "FLUSH_STATS",
            DeferState::FlushPartialHistory => "FLUSH_PARTIAL_HISTORY",
            DeferState::FlushTb => "FLUSH_TB",
            DeferState::FlushSum => "FLUSH_SUM",
            DeferState::FlushDebouncer => "FLUSH_DEBOUNCER",
            DeferState::FlushOutput => "FLUSH_OUTPUT",
            DeferState::FlushJob => "FLUSH_JOB",
            DeferState::FlushDir => "FLUSH_DIR",
            DeferState::FlushFp => "FLUSH_FP",
            DeferState::JoinFp => "JOIN_FP",
            DeferState::FlushFs => "FLUSH_FS",
            DeferState::FlushFinal => "FLUSH_FINAL",
            DeferState::End => "END",
        }
    }
}

impl fmt::Display for DeferState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The table as a Graphviz drawing, for the documentation.
pub fn dot() -> alloc::string::String {
    use core::fmt::Write;
    let mut text = alloc::string::String::from("digraph defer {\n");
    for state in STATES {
        for event in EVENTS {
            if let Some(to) = next(state, event) {
                // Writing to a String can't fail.
                let _ = writeln!(text, "  {state} -> {to} [label=\"{event:?}\"];");
            }
        }
    }
    text.push_str("}\n");
    text
}

fn successor(state: DeferState) -> DeferState {
    #[cfg(planted)]
    if planted!(DeferOrder) {
        if state == DeferState::FlushFp {
            return DeferState::FlushFs;
        } else if state == DeferState::FlushFs {
            return DeferState::JoinFp;
        } else if state == DeferState::JoinFp {
            return DeferState::FlushFinal;
        }
    }
    STATES[(state as usize + 1).min(STATES.len() - 1)]
}
