//! The stream of a run's files: rows, summary and console lines on their way to the server, one push at a time.
//!
//! Owns: which lines are in which push, at which offset, when a push leaves, and what becomes of it. A line is known to
//! the server by its file and its offset, so a line never changes its offset once it was sent, and a push may be sent
//! again, in halves too. Must not know: records, the log (a mark is only a number), other machines, credentials.
//!
//! - `queue`: lines that wait, and the part of them that is one push.
//! - `pace`: when a push may leave.
//! - `push`: sending and acknowledging. `trouble`: refusals, the search for a line at fault, parking.

mod answer;
#[doc(hidden)]
pub mod bench;
mod console;
mod escape;
mod lines;
mod pace;
mod push;
mod queue;
mod summary;
mod told;
mod trouble;

#[cfg(test)]
mod tests;

use crate::{
    json,
    limits::Limits,
    net::{Call, HttpRequest, Outcome, Policies, Policy},
    notice::Notice,
    time::{Instant, Timer, Wake},
    uplink::{Cx, Offsets, Place},
};
use alloc::{
    boxed::Box,
    collections::VecDeque,
    format,
    string::{String, ToString},
};
use pace::Pace;
use queue::{Queue, Window};
use runwire_proto::wire::Settings;
use told::Told;
use trouble::{Park, Refusals};

/// Bytes that a line may have, unless the user says something else.
const LINE_MAX: usize = (10 << 20) - (100 << 10);
/// Bytes of lines that may come before it is known where they go.
const UNPLACED_BYTES_MAX: usize = 32 << 20;

/// Names one attempt, so that an answer that comes too late is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u64);

/// What the stream wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Make this request; its outcome comes back by [`FileStream::on_http`].
    Http(Tag, HttpRequest),
    /// Say what the summary is now, by [`FileStream::on_summary`], before anything else is told to the stream.
    WantSummary,
    /// The server has more than before: the next offsets, and the log offset up to which all that was read is delivered.
    Acked { next: Offsets, mark: u64 },
    /// The row whose record ends here in the log has no offset and will never have one.
    LeftOut { mark: u64 },
    /// The server wants the run to stop. Said once.
    Stopped,
    /// For the user.
    TellUser(String),
    /// For the debug log.
    Notice(Notice),
    /// What [`FileStream::pending`] and [`FileStream::trouble`] say has changed.
    Progress,
    /// Everything is delivered, or will not be: the text says why. Nothing follows.
    Finished(Result<(), String>),
}

/// What is not on the server yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Rows and console lines.
    pub(crate) rows: usize,
    /// Their bytes, as they go into a push.
    pub(crate) bytes: usize,
}

/// What a request in flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    /// Data, or a heartbeat if there is none.
    Push,
    /// A heartbeat that tells whether a refusal was about the content.
    Check,
    /// Whether a parked stream is taken again.
    Probe,
    /// The end of the run, told although the server does not take the data before it.
    LastWord,
}

#[derive(Debug)]
struct Flight {
    errand: Errand,
    window: Window,
    call: Call,
    tag: Tag,
    /// Success answers that made no sense.
    garbage: u32,
    /// When a push with such an answer is sent again.
    again: Timer,
}

#[derive(Debug)]
enum State {
    /// The place of the run is not known yet.
    Unplaced,
    Idle,
    /// A push waits for the summary.
    Asking,
    Flying(Box<Flight>),
    Parked(Park),
    Over,
}

/// The end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// All data goes out at once, and after it the exit code, if there is one to tell.
    Yes(Option<i32>),
}

/// See the module.
pub(crate) struct FileStream {
    policy: Policy,
    line_max: usize,
    queue_max: usize,
    place: Place,
    gzip: bool,
    state: State,
    ending: Ending,
    queue: Queue,
    pace: Pace,
    refusals: Refusals,
    next_tag: u64,
    push_max: usize,
    /// Bytes of lines that a push may have now; smaller than usual after a push that was too large or too slow.
    cap: usize,
    /// Up to where `cap` may grow again, and pushes that went well since it was lowered.
    ceiling: usize,
    good_pushes: u32,
    /// What was left out of the last push goes out without waiting.
    urgent: bool,
    stopped: bool,
    acked: (Offsets, u64),
    told_long: Told,
    told_refused: Told,
    told_summary: Told,
}

impl FileStream {
    /// A stream with the user's wishes from `settings`; nothing is sent before [`FileStream::on_start`].
    pub(crate) fn new(settings: &Settings, policies: &Policies, limits: &Limits) -> Self {
        let size = |value: Option<i32>| value.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let push_max = size(settings.x_file_stream_max_bytes).unwrap_or(usize::MAX).min(limits.stream_push_bytes);
        FileStream {
            policy: policies.file_stream.clone(),
            line_max: size(settings.x_file_stream_max_line_bytes).unwrap_or(LINE_MAX),
            queue_max: limits.stream_queue_bytes,
            push_max,
            place: Place::default(),
            gzip: false,
            state: State::Unplaced,
            ending: Ending::No,
            queue: Queue::new(),
            pace: Pace::new(settings),
            refusals: Refusals::default(),
            next_tag: 0,
            cap: push_max,
            ceiling: push_max,
            good_pushes: 0,
            urgent: false,
            stopped: false,
            acked: (Offsets::default(), 0),
            told_long: Told::default(),
            told_refused: Told::default(),
            told_summary: Told::default(),
        }
    }

    /// The run's place is known: lines are numbered from `base`, and those whose offset is below `delivered` were sent
    /// by an earlier life of this run and are only counted.
    pub(crate) fn on_start(
        &mut self,
        cx: &mut Cx<'_>,
        place: Place,
        base: Offsets,
        delivered: Offsets,
        out: &mut VecDeque<Action>,
    ) {
        if !matches!(self.state, State::Unplaced) {
            return;
        }
        self.place = place;
        self.queue.start(base, delivered);
        self.acked.0 = self.queue.next_offsets();
        self.pace.on_start(cx.now);
        self.state = State::Idle;
        self.pump(cx, out);
    }

    /// A row of the history, from a record that ends at `mark` in the log.
    pub(crate) fn on_history(&mut self, cx: &mut Cx<'_>, line: &str, mark: u64, out: &mut VecDeque<Action>) {
        self.queue.passed(mark);
        let shorter;
        let line = if line.len() <= self.line_max {
            line
        } else {
            shorter = self.shortened(cx, line, out);
            match &shorter {
                Some(shorter) => shorter,
                None => return out.push_back(Action::LeftOut { mark }),
            }
        };
        if self.queue.history(line) {
            self.arrived(cx, out);
        }
    }

    /// A row of measurements of the machine.
    pub(crate) fn on_event(&mut self, cx: &mut Cx<'_>, line: &str, mark: u64, out: &mut VecDeque<Action>) {
        self.queue.passed(mark);
        if line.len() > self.line_max {
            out.push_back(Action::LeftOut { mark });
            let text = format!("a row of measurements is too long to be uploaded ({} > {})", line.len(), self.line_max);
            return out.push_back(Action::Notice(Notice::warn(text)));
        }
        if self.queue.event(line) {
            self.arrived(cx, out);
        }
    }

    /// A console line, new or rewritten; `number` counts from the run's own first line.
    pub(crate) fn on_console(
        &mut self,
        cx: &mut Cx<'_>,
        number: u64,
        line: String,
        mark: u64,
        out: &mut VecDeque<Action>,
    ) {
        self.queue.passed(mark);
        if self.queue.console(number, &line) {
            self.arrived(cx, out);
        }
    }

    /// The summary is not what was sent any more.
    pub(crate) fn on_summary_changed(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.queue.summary.changed();
        self.arrived(cx, out);
    }

    /// The answer to [`Action::WantSummary`]: the whole summary as one line, or `None` if there is none to send.
    pub(crate) fn on_summary(&mut self, cx: &mut Cx<'_>, line: Option<String>, out: &mut VecDeque<Action>) {
        let State::Asking = self.state else { return };
        self.state = State::Idle;
        let limit = self.summary_limit();
        let line = line.filter(|line| {
            let fits = line.len() <= limit;
            if !fits && let Some(_others) = self.told_summary.say(cx.now) {
                out.push_back(Action::TellUser(format!(
                    "The summary was not uploaded, because it has more bytes than a line may have ({} > {} bytes). It \
                     is tried again when it changes.",
                    line.len(),
                    limit
                )));
            }
            fits
        });
        self.queue.summary.set(line.as_deref());
        self.send_push(cx, out);
    }

    /// A file of the run is in the storage.
    pub(crate) fn on_uploaded(&mut self, cx: &mut Cx<'_>, path: String, out: &mut VecDeque<Action>) {
        self.queue.uploaded(&path);
        self.arrived(cx, out);
    }

    /// The machine is about to be taken away: the server learns it at once.
    pub(crate) fn on_preempting(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.queue.preempting = true;
        self.pump(cx, out);
    }

    /// Whether the server takes compressed pushes and the user wants them.
    pub(crate) fn on_gzip(&mut self, gzip: bool) {
        self.gzip = gzip;
    }

    /// No line follows. Everything goes out at once; `exit` is told last, unless it is `None`.
    pub(crate) fn on_finish(&mut self, cx: &mut Cx<'_>, exit: Option<i32>, out: &mut VecDeque<Action>) {
        self.ending = Ending::Yes(exit.map(|code| if planted!(LoseExitCode) { 0 } else { code }));
        self.hurry_parked(cx.now);
        self.hurry(cx, out);
        self.pump(cx, out);
    }

    /// The outcome of a request.
    pub(crate) fn on_http(&mut self, cx: &mut Cx<'_>, tag: Tag, outcome: Outcome, out: &mut VecDeque<Action>) {
        let State::Flying(flight) = &self.state else { return };
        if flight.tag != tag {
            return;
        }
        self.landed(cx, outcome, out);
    }

    /// A deadline of [`FileStream::wake`] has come.
    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.resend_due(cx.now, out);
        self.pump(cx, out);
    }

    /// The time to finish is over. An outstanding request is the owner's to cancel.
    pub(crate) fn give_up(&mut self, out: &mut VecDeque<Action>) {
        if matches!(self.state, State::Over) {
            return;
        }
        let why = match self.trouble() {
            Some((why, _)) => why,
            None => "the time to finish was over".to_string(),
        };
        self.over(Err(why), out);
    }

    /// When [`FileStream::on_tick`] is next wanted.
    pub(crate) fn wake(&self) -> Option<Wake> {
        match &self.state {
            State::Unplaced | State::Asking | State::Over => None,
            State::Idle => self.push_due().map(|at| Wake { at, why: "filestream.push" }),
            State::Flying(flight) => Wake::soonest(flight.call.wake(), flight.again.wake()),
            State::Parked(park) => Some(Wake { at: park.at, why: "filestream.probe" }),
        }
    }

    /// Bytes of lines that are taken before the next push is through. Whoever reads stops at zero; what comes anyway is
    /// taken.
    pub(crate) fn credit(&self) -> usize {
        let on_the_way = match &self.state {
            State::Parked(_) | State::Over => return 0,
            // Who logs to a run before its own record is there must not keep that record from being read.
            State::Unplaced => return UNPLACED_BYTES_MAX.saturating_sub(self.queue.bytes()),
            State::Flying(flight) => {
                let summary = if flight.window.summary { self.queue.summary.len() } else { 0 };
                flight.window.bytes.saturating_sub(summary)
            }
            State::Idle | State::Asking => 0,
        };
        self.queue_max.saturating_sub(self.queue.bytes().saturating_sub(on_the_way))
    }

    /// Bytes that the summary may have: it is the whole of many values, so a smaller bound of rows is none of it.
    pub(crate) fn summary_limit(&self) -> usize {
        self.line_max.max(LINE_MAX)
    }

    /// What is not on the server yet, as far as the stream was told of it.
    pub(crate) fn pending(&self) -> Pending {
        Pending { rows: self.queue.rows(), bytes: self.queue.bytes() }
    }

    /// Why data does not arrive, and when the next attempt is made; `None` there if one is under way.
    pub(crate) fn trouble(&self) -> Option<(String, Option<Instant>)> {
        match &self.state {
            State::Parked(park) => Some((park.why.clone(), Some(park.at))),
            State::Flying(flight) => match (flight.call.trouble(), self.refusals.parked_for()) {
                (Some(error), _) => Some((error.to_string(), flight.call.next_try())),
                (None, Some(why)) => Some((why.to_string(), None)),
                (None, None) if flight.garbage > 0 => {
                    Some((push::GARBAGE.to_string(), flight.again.wake().map(|wake| wake.at)))
                }
                (None, None) => None,
            },
            State::Unplaced | State::Idle | State::Asking | State::Over => None,
        }
    }

    /// A row that is too long without its longest values; `None` if that does not help.
    fn shortened(&mut self, cx: &mut Cx<'_>, line: &str, out: &mut VecDeque<Action>) -> Option<String> {
        let (shorter, left_out) = json::shorten(line, self.line_max);
        let fits = !left_out.is_empty() && shorter.len() <= self.line_max;
        if let Some(others) = self.told_long.say(cx.now) {
            let what = match left_out.first() {
                Some((key, _)) if fits && left_out.len() == 1 => format!("The value of {key} in a row"),
                Some((key, _)) if fits => format!("The value of {key} in a row, and {} more,", left_out.len() - 1),
                Some(_) | None => "A row of the history".into(),
            };
            out.push_back(Action::TellUser(format!(
                "{what} was not uploaded, because the row has more bytes than a line may have ({} > {}).{} It is kept in \
                 the run's log; x_file_stream_max_line_bytes sets the bound. Log large values as files or tables.",
                line.len(),
                self.line_max,
                told::more(others)
            )));
        }
        fits.then_some(shorter)
    }

    /// Somebody waits for the end of the run: an attempt that was to come after a long wait comes now, unless the server
    /// asked for the wait.
    fn hurry(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if let State::Flying(flight) = &mut self.state {
            flight.call.hurry(cx.now);
        }
        self.resend_due(cx.now, out);
    }

    /// Something was queued.
    fn arrived(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.pace.on_data(cx.now);
        if let State::Idle = self.state {
            self.pump(cx, out);
        }
    }

    fn over(&mut self, result: Result<(), String>, out: &mut VecDeque<Action>) {
        self.state = State::Over;
        out.push_back(Action::Finished(result));
    }
}
