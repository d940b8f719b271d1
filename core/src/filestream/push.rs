//! Sending a push, its attempts, and what follows from its success.

use super::{Action, Ending, Errand, FileStream, Flight, State, Tag, answer::Answer, queue::Window, trouble::Park};
use crate::{
    completion::FailureKind,
    net::{Call, Class, HttpRequest, Outcome, Policy, Step},
    notice::Notice,
    time::{Duration, Instant, Timer},
    uplink::Cx,
};
use alloc::{boxed::Box, collections::VecDeque};
use bytes::Bytes;

/// What is said of a success answer that makes no sense.
pub(super) const GARBAGE: &str = "the server's answer makes no sense: something between here and it may have answered";
/// Repetitions of a push after such answers, and the wait before the first of them.
const GARBAGE_RETRIES: u32 = 3;
const GARBAGE_WAIT: Duration = Duration::from_millis(500);
/// A push of this many bytes that gets no answer in time is not too large for the line.
const SLOW_BYTES_MIN: usize = 16 << 10;
/// Good pushes after which a larger one is tried although such a size was refused.
const GOOD_PUSHES: u32 = 100;

impl FileStream {
    /// Does what is due.
    pub(super) fn pump(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if let State::Parked(Park { at, by_content, .. }) = &self.state
            && *at <= cx.now
        {
            let by_content = *by_content;
            self.state = State::Idle;
            if by_content {
                return self.send_push(cx, out);
            }
            return self.launch(cx, Errand::Probe, Window::default(), out);
        }
        let State::Idle = self.state else { return };
        if self.is_done() {
            return self.over(Ok(()), out);
        }
        if self.push_due().is_none_or(|due| due > cx.now) {
            return;
        }
        if self.refusals.suspects().is_none() && self.queue.summary.is_wanted(cx.now, self.is_ending()) {
            self.state = State::Asking;
            return out.push_back(Action::WantSummary);
        }
        self.send_push(cx, out);
    }

    /// When the next request is due, of an idle stream.
    pub(super) fn push_due(&self) -> Option<Instant> {
        let pace = &self.pace;
        if self.is_ending() || self.queue.preempting {
            return Some(pace.urgent_due());
        }
        if self.urgent || self.refusals.suspects().is_some() || self.queue.bytes() >= self.cap.min(self.queue_max) {
            return Some(pace.full_due());
        }
        let data = if self.queue.has_lines() {
            Some(pace.data_due())
        } else {
            self.queue.summary.due().map(|due| due.max(pace.data_due()))
        };
        let heartbeat = pace.heartbeat_due();
        Some(data.map_or(heartbeat, |data| data.min(heartbeat)))
    }

    /// Sends the next part of the queue.
    pub(super) fn send_push(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        let window = match self.refusals.suspects() {
            Some(suspects) => self.queue.half(suspects),
            None => {
                let mut window = self.queue.choose(self.cap);
                window.preempting = self.queue.preempting;
                if let Ending::Yes(exit) = self.ending
                    && self.queue.is_all(&window)
                {
                    window.complete = exit;
                }
                window
            }
        };
        self.urgent = self.queue.has_more(&window);
        if window.units() == 0 && !window.has_flags() && cx.now < self.pace.heartbeat_due() {
            // The summary turned out to be what the server has.
            self.pace.on_nothing();
            if self.is_done() {
                self.over(Ok(()), out);
            }
            return;
        }
        self.launch(cx, Errand::Push, window, out);
    }

    /// Begins a request.
    pub(super) fn launch(&mut self, cx: &mut Cx<'_>, errand: Errand, window: Window, out: &mut VecDeque<Action>) {
        let body = match errand {
            Errand::Push | Errand::LastWord => self.queue.body(&window),
            Errand::Check | Errand::Probe => Bytes::from_static(b"{}"),
        };
        let request = cx.link.file_stream(&self.place, body, self.gzip);
        let retries_max = match errand {
            Errand::Push | Errand::Check => self.policy.retries_max.saturating_sub(self.refusals.attempts),
            // A parked stream has its own waits.
            Errand::Probe | Errand::LastWord => 0,
        };
        let mut call = Call::new(request, Class::FileStream, &Policy { retries_max, ..self.policy.clone() });
        let request = call.start();
        let tag = self.send(request, out);
        let again = Timer::new("filestream.again");
        self.pace.on_push(cx.now, self.queue.has_more(&window));
        self.state = State::Flying(Box::new(Flight { errand, window, call, tag, garbage: 0, again }));
    }

    /// Sends what is due of a request that failed before.
    pub(super) fn resend_due(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        let State::Flying(flight) = &mut self.state else { return };
        let request = match flight.call.on_tick(now) {
            Some(request) => request,
            None if flight.again.take_due(now) => {
                flight.call = Call::new(flight.call.request().clone(), Class::FileStream, &self.policy);
                flight.call.start()
            }
            None => return,
        };
        let tag = self.send(request, out);
        if let State::Flying(flight) = &mut self.state {
            flight.tag = tag;
        }
        out.push_back(Action::Progress);
    }

    /// What came of the request in flight.
    pub(super) fn landed(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut VecDeque<Action>) {
        let State::Flying(mut flight) = core::mem::replace(&mut self.state, State::Idle) else { return };
        let too_slow = matches!(&outcome, Err(failure) if failure.kind == FailureKind::TimedOut)
            && flight.errand == Errand::Push
            && self.refusals.suspects().is_none()
            && flight.window.units() > 1
            && flight.window.bytes > SLOW_BYTES_MIN
            && self.refusals.attempts < self.policy.retries_max;
        if too_slow {
            self.refusals.attempts += 1;
            self.cap = flight.window.bytes / 2;
            self.urgent = true;
            let text = alloc::format!(
                "{} bytes got no answer in time; the next push has at most {}",
                flight.window.bytes,
                self.cap
            );
            out.extend([Action::Notice(Notice::warn(text)), Action::Progress]);
            return self.send_push(cx, out);
        }
        match flight.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting if planted!(DropResend) => self.accepted(cx, &flight, &Answer::default(), out),
            Step::Waiting => {
                self.state = State::Flying(flight);
                out.push_back(Action::Progress);
            }
            Step::Failed(error) => self.refused(cx, *flight, error, out),
            Step::Done(response) => match Answer::read(&response) {
                Some(answer) => self.accepted(cx, &flight, &answer, out),
                None if flight.garbage < GARBAGE_RETRIES => {
                    flight.again.set(cx.now.after(GARBAGE_WAIT * (1 << flight.garbage)));
                    flight.garbage += 1;
                    self.state = State::Flying(flight);
                    out.push_back(Action::Progress);
                }
                None => {
                    let text = alloc::format!("{GARBAGE}; taken as success after {} attempts", GARBAGE_RETRIES + 1);
                    out.push_back(Action::Notice(Notice::warn(text)));
                    self.accepted(cx, &flight, &Answer::default(), out);
                }
            },
        }
    }

    /// Says what the server has, if it is something else than before.
    pub(super) fn tell_acked(&mut self, out: &mut VecDeque<Action>) {
        let acked = (self.queue.next_offsets(), self.queue.delivered_mark());
        if acked != self.acked {
            self.acked = acked;
            out.push_back(Action::Acked { next: acked.0, mark: acked.1 });
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending != Ending::No
    }

    fn accepted(&mut self, cx: &mut Cx<'_>, flight: &Flight, answer: &Answer, out: &mut VecDeque<Action>) {
        self.pace.on_answer(cx.now, answer);
        if answer.stopped && !self.stopped {
            self.stopped = true;
            out.push_back(Action::Stopped);
        }
        let window = &flight.window;
        match flight.errand {
            Errand::Push => {
                if !planted!(RepeatPush) || window.units().is_multiple_of(2) {
                    self.queue.take(window, cx.now);
                }
                self.grow(window.bytes);
                self.push_accepted(window, out);
                self.tell_acked(out);
                out.push_back(Action::Progress);
                if window.complete.is_some() {
                    return self.over(Ok(()), out);
                }
            }
            Errand::Check => self.content_refused(cx, out),
            Errand::Probe => self.probe_accepted(out),
            Errand::LastWord => {
                let why = self.refusals.parked_for().unwrap_or_default().into();
                return self.over(Err(why), out);
            }
        }
        self.pump(cx, out);
    }

    /// A push of `bytes` went well: the next one may be larger.
    fn grow(&mut self, bytes: usize) {
        if bytes * 2 < self.cap {
            return;
        }
        self.good_pushes += 1;
        if self.good_pushes >= GOOD_PUSHES {
            self.good_pushes = 0;
            self.ceiling = self.ceiling.saturating_mul(2).min(self.push_max);
        }
        self.cap = self.cap.saturating_mul(2).min(self.ceiling);
    }

    /// Whether the stream has come to its end and no exit code is to be told.
    fn is_done(&self) -> bool {
        self.ending == Ending::Yes(None) && self.queue.is_all(&Window::default())
    }

    fn send(&mut self, request: HttpRequest, out: &mut VecDeque<Action>) -> Tag {
        let tag = Tag(self.next_tag);
        self.next_tag += 1;
        out.push_back(Action::Http(tag, request));
        tag
    }
}
