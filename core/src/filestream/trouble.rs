//! What is done when the server does not take a push.
//!
//! Too large: it is halved. Else, unless the status says that it is not about the content, a heartbeat tells whether it is:
//! if that is taken, the push is halved until the thing at fault is found and left out; if not, the stream is parked.
//! A parked stream keeps everything, takes nothing more, and asks from time to time whether it is welcome again.

use super::{Action, Ending, Errand, FileStream, Flight, State, queue::Window, told};
use crate::{
    net::{CallError, graphql},
    retry::Backoff,
    time::{Duration, Instant},
    uplink::Cx,
};
use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
};

/// Waits of a parked stream.
const PARK_WAITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Waits when the run has ended: after them it is over.
const LAST_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// Refusals whose status speaks against it, with heartbeats taken between them, after which the content is suspected.
const STRIKES: u32 = 3;
/// Things that are left out one after the other before it is rather the server that is at fault.
const LOST_IN_A_ROW: u32 = 3;

/// A stream that the server does not take.
#[derive(Debug)]
pub(super) struct Park {
    /// The last reason.
    pub(super) why: String,
    /// When it is tried again.
    pub(super) at: Instant,
    /// Heartbeats are taken, data is not: only data can tell when this is over.
    pub(super) by_content: bool,
}

/// What is remembered of refusals.
#[derive(Debug)]
pub(super) struct Refusals {
    /// One thing in it is at fault.
    suspects: Option<Window>,
    /// How the server refused it.
    error: Option<CallError>,
    /// Attempts of the data to be sent next that were larger pushes.
    pub(super) attempts: u32,
    strikes: u32,
    lost_in_a_row: u32,
    /// Why the stream was parked, until data is taken again.
    parked: Option<String>,
    backoff: Backoff,
    last_tries: usize,
}

impl Default for Refusals {
    fn default() -> Self {
        Refusals {
            suspects: None,
            error: None,
            attempts: 0,
            strikes: 0,
            lost_in_a_row: 0,
            parked: None,
            backoff: Backoff::at_least(PARK_WAITS),
            last_tries: 0,
        }
    }
}

impl Refusals {
    pub(super) fn suspects(&self) -> Option<&Window> {
        self.suspects.as_ref()
    }

    pub(super) fn parked_for(&self) -> Option<&str> {
        self.parked.as_deref()
    }
}

impl FileStream {
    /// The server will not have what was sent, or all attempts are used up.
    pub(super) fn refused(&mut self, cx: &mut Cx<'_>, flight: Flight, error: CallError, out: &mut VecDeque<Action>) {
        self.refusals.attempts = 0;
        let window = flight.window;
        match flight.errand {
            Errand::Probe => return self.park(cx, &error, false, out),
            Errand::LastWord => return self.over(Err(shown(&error)), out),
            Errand::Check => {
                // Not even a heartbeat is taken: it was not the content.
                self.refusals.suspects = None;
                return self.park(cx, &error, false, out);
            }
            Errand::Push => {}
        }
        let is_about_size = error.status == 413;
        let may_be_content = is_about_size || matches!(error.status, 400 | 422);
        let is_known = self.refusals.suspects.is_some();
        if error.exhausted || error.status == 0 || (window.units() == 0 && !window.has_flags()) {
            self.refusals.suspects = None;
            return self.park(cx, &error, false, out);
        }
        if !may_be_content && !is_known && self.refusals.strikes < STRIKES {
            self.refusals.strikes += 1;
            return self.park(cx, &error, false, out);
        }
        self.refusals.error = Some(error);
        if is_about_size && !is_known && window.units() > 1 {
            self.cap = window.bytes / 2;
            self.ceiling = self.cap;
            self.good_pushes = 0;
            return self.send_push(cx, out);
        }
        let is_narrowed = is_known && window.units() > 1;
        self.refusals.suspects = Some(window);
        if is_narrowed {
            return self.send_push(cx, out);
        }
        self.launch(cx, Errand::Check, Window::default(), out);
    }

    /// A heartbeat was taken after a push was refused: something in the push is at fault.
    pub(super) fn content_refused(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        let (Some(suspects), Some(error)) = (&mut self.refusals.suspects, &self.refusals.error) else { return };
        if suspects.units() > 1 || (suspects.units() == 1 && suspects.has_flags()) {
            suspects.preempting = false;
            suspects.complete = None;
            return;
        }
        let reason = shown(error);
        if suspects.complete.is_some() && suspects.units() == 0 {
            let why = format!("the server does not take the end of the run ({reason})");
            self.refusals.suspects = None;
            return self.over(Err(why), out);
        }
        if self.refusals.lost_in_a_row >= LOST_IN_A_ROW && error.status != 413 {
            let error = error.clone();
            return self.park(cx, &error, true, out);
        }
        let window = suspects.clone();
        self.refusals.lost_in_a_row += 1;
        self.refusals.suspects = None;
        if window.units() > 0
            && let Some(others) = self.told_refused.say(cx.now)
        {
            out.push_back(Action::TellUser(format!(
                "The server does not take {} of {} bytes ({reason}), so it was left out.{} It is kept in the run's log.",
                window.shown(),
                window.bytes,
                told::more(others)
            )));
        }
        let left_out = self.queue.leave_out(&window);
        out.extend(left_out.into_iter().map(|mark| Action::LeftOut { mark }));
        self.tell_acked(out);
    }

    /// Data of `window` was taken.
    pub(super) fn push_accepted(&mut self, window: &Window, out: &mut VecDeque<Action>) {
        let refusals = &mut self.refusals;
        refusals.attempts = 0;
        refusals.suspects = refusals.suspects.take().map(|all| all.without(window)).filter(|rest| rest.units() > 0);
        if window.units() > 0 || window.has_flags() {
            refusals.strikes = 0;
            refusals.lost_in_a_row = 0;
            refusals.backoff.reset();
            refusals.last_tries = 0;
            self.welcome(out);
        }
    }

    /// A parked stream may go on.
    pub(super) fn probe_accepted(&mut self, out: &mut VecDeque<Action>) {
        self.urgent = self.queue.has_lines();
        if !self.urgent {
            self.welcome(out);
        }
        out.push_back(Action::Progress);
    }

    /// The run has ended: a parked stream does not wait any longer.
    pub(super) fn hurry_parked(&mut self, now: Instant) {
        self.refusals.last_tries = 0;
        if let State::Parked(park) = &mut self.state {
            park.at = now;
        }
    }

    fn park(&mut self, cx: &mut Cx<'_>, error: &CallError, by_content: bool, out: &mut VecDeque<Action>) {
        let why = shown(error);
        if self.refusals.parked.is_none() {
            let what = if error.exhausted {
                format!("The server could not be reached in {} attempts ({why}).", error.attempts)
            } else if error.certificate {
                format!("The server's certificate is not trusted ({why}).")
            } else {
                format!("The server does not take this run's data ({why}).")
            };
            out.push_back(Action::TellUser(format!(
                "{what} The run goes on and everything stays in its log; it is uploaded as soon as the server takes it, \
                 or later by `runwire sync`."
            )));
        }
        self.refusals.parked = Some(why.clone());
        out.push_back(Action::Progress);
        let nominal = self.refusals.backoff.next(cx.rng.next_u64());
        let wait = if self.is_ending() {
            let Some(wait) = LAST_WAITS.get(self.refusals.last_tries) else {
                return self.last_word(cx, why, by_content, out);
            };
            self.refusals.last_tries += 1;
            *wait
        } else {
            nominal
        };
        self.state = State::Parked(Park { why, at: cx.now.after(wait), by_content });
    }

    /// Nothing more is tried. Heartbeats were taken, so that the end may be as well: a run is not to look as if it still
    /// went on because its data is not welcome.
    fn last_word(&mut self, cx: &mut Cx<'_>, why: String, by_content: bool, out: &mut VecDeque<Action>) {
        match self.ending {
            Ending::Yes(Some(exit)) if by_content => {
                let window = Window { complete: Some(exit), ..Window::default() };
                self.launch(cx, Errand::LastWord, window, out);
            }
            Ending::Yes(_) | Ending::No => self.over(Err(why), out),
        }
    }

    fn welcome(&mut self, out: &mut VecDeque<Action>) {
        if self.refusals.parked.take().is_some() {
            out.push_back(Action::TellUser(
                "The server takes this run's data again; what was kept is uploaded.".into(),
            ));
        }
    }
}

/// Status and the server's own reason.
fn shown(error: &CallError) -> String {
    match error.status {
        0 => error.to_string(),
        status if error.text.is_empty() => format!("HTTP {status}"),
        status => format!("HTTP {status}: {}", graphql::reason(error)),
    }
}
