//! A stream with a clock that a test moves and answers that a test makes up. What happens is kept as text.

use super::super::*;
use crate::{
    completion::{Failure, FailureKind},
    net::{Body, HttpResponse, Link},
    rng::Rng,
    time::{Duration, UnixNanos},
};
use alloc::vec::Vec;
use core::fmt::Write;

pub(super) struct Rig {
    pub(super) stream: FileStream,
    pub(super) limits: Limits,
    rng: Rng,
    link: Link,
    pub(super) now: Instant,
    mark: u64,
    pub(super) summary: Option<String>,
    /// Requests that are not answered.
    pub(super) asked: VecDeque<(Tag, HttpRequest)>,
    pub(super) acked: Option<(Offsets, u64)>,
    pub(super) finished: Option<Result<(), String>>,
    pub(super) stops: usize,
    pub(super) told: Vec<String>,
    /// What happened, with times.
    pub(super) story: String,
}

pub(super) fn base() -> Settings {
    Settings { base_url: Some("http://h".into()), ..Default::default() }
}

/// Settings with the waits that most cases name.
pub(super) fn eager() -> Settings {
    Settings { x_file_stream_transmit_interval: Some(1.0), x_file_stream_retry_wait_min_seconds: Some(1.0), ..base() }
}

impl Rig {
    pub(super) fn unplaced(settings: Settings, limits: Limits) -> Self {
        Rig {
            stream: FileStream::new(&settings, &Policies::new(&settings), &limits),
            limits,
            rng: Rng::new(7),
            link: Link::new(&settings),
            now: Instant::ZERO,
            mark: 0,
            summary: None,
            asked: VecDeque::new(),
            acked: None,
            finished: None,
            stops: 0,
            told: Vec::new(),
            story: String::new(),
        }
    }

    pub(super) fn started(settings: Settings) -> Self {
        let mut rig = Rig::unplaced(settings, Limits::default());
        rig.start(Offsets::default(), Offsets::default());
        rig
    }

    pub(super) fn start(&mut self, base: Offsets, delivered: Offsets) {
        let place = Place { entity: "e".into(), project: "p".into(), run_id: "r".into() };
        self.call(|s, cx, out| s.on_start(cx, place, base, delivered, out));
    }

    /// One call of the stream, and everything that it wants done except requests.
    pub(super) fn call(&mut self, f: impl FnOnce(&mut FileStream, &mut Cx<'_>, &mut VecDeque<Action>)) {
        let mut out = VecDeque::new();
        let mut cx =
            Cx { now: self.now, wall: UnixNanos(0), limits: &self.limits, rng: &mut self.rng, link: &self.link };
        f(&mut self.stream, &mut cx, &mut out);
        if out.contains(&Action::WantSummary) {
            assert_eq!(out.back(), Some(&Action::WantSummary), "nothing follows before the answer");
            out.pop_back();
            self.stream.on_summary(&mut cx, self.summary.clone(), &mut out);
        }
        for action in out {
            self.note(action);
        }
    }

    fn note(&mut self, action: Action) {
        assert!(self.finished.is_none(), "{action:?} after the end");
        let text = match action {
            Action::Http(tag, request) => {
                assert!(self.asked.is_empty(), "one request is in flight");
                let shown = alloc::format!("> {}", shorten(&body_of(&request)));
                self.asked.push_back((tag, request));
                shown
            }
            Action::WantSummary => panic!("asked twice"),
            Action::Acked { next, mark } => {
                self.acked = Some((next, mark));
                alloc::format!("  acked {} {} {} up to {mark}", next.history, next.events, next.console)
            }
            Action::LeftOut { mark } => alloc::format!("  left out {mark}"),
            Action::Stopped => {
                self.stops += 1;
                "  stopped".into()
            }
            Action::TellUser(text) => {
                self.told.push(text.clone());
                alloc::format!("  tell: {text}")
            }
            Action::Notice(notice) => alloc::format!("  {notice}"),
            Action::Progress => return,
            Action::Finished(result) => {
                self.finished = Some(result.clone());
                alloc::format!("  finished {result:?}")
            }
        };
        writeln!(self.story, "{} {text}", self.now).expect("a string takes everything");
    }

    /// Where the newest record ends.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    fn next_mark(&mut self) -> u64 {
        self.mark += 100;
        self.mark
    }

    pub(super) fn history(&mut self, line: &str) {
        let mark = self.next_mark();
        self.call(|s, cx, out| s.on_history(cx, line, mark, out));
    }

    /// A row and the summary that comes with it.
    pub(super) fn log(&mut self, line: &str) {
        self.summary = Some(line.into());
        self.call(|s, cx, out| s.on_summary_changed(cx, out));
        self.history(line);
    }

    pub(super) fn event(&mut self, line: &str) {
        let mark = self.next_mark();
        self.call(|s, cx, out| s.on_event(cx, line, mark, out));
    }

    pub(super) fn console(&mut self, number: u64, line: &str) {
        let mark = self.next_mark();
        self.call(|s, cx, out| s.on_console(cx, number, line.into(), mark, out));
    }

    pub(super) fn finish(&mut self, exit: Option<i32>) {
        self.call(|s, cx, out| s.on_finish(cx, exit, out));
    }

    pub(super) fn tick(&mut self) {
        self.call(|s, cx, out| s.on_tick(cx, out));
    }

    /// Lets time pass; each deadline on the way is kept.
    pub(super) fn pass(&mut self, seconds: f64) {
        let end = self.now.after(Duration::from_secs_f64(seconds));
        let mut ticks = 0;
        while let Some(wake) = self.stream.wake().filter(|wake| wake.at <= end) {
            self.now = self.now.max(wake.at);
            self.tick();
            ticks += 1;
            assert!(ticks < 10_000, "idle spin: {}", wake.why);
        }
        self.now = end;
    }

    /// Goes to the next deadline.
    pub(super) fn next_wake(&mut self) {
        let wake = self.stream.wake().expect("a deadline");
        self.now = self.now.max(wake.at);
        self.tick();
    }

    /// Goes on to the next request.
    pub(super) fn next_push(&mut self) {
        while self.asked.is_empty() {
            self.next_wake();
        }
    }

    pub(super) fn answer(&mut self, outcome: Outcome) {
        let (tag, _) = self.asked.pop_front().expect("a request");
        let shown = match &outcome {
            Ok(response) => alloc::format!("< {}", response.status),
            Err(failure) => alloc::format!("< {:?}", failure.kind),
        };
        writeln!(self.story, "{} {shown}", self.now).expect("a string takes everything");
        self.call(|s, cx, out| s.on_http(cx, tag, outcome, out));
    }

    pub(super) fn status(&mut self, status: u16) {
        self.answer(said(status, "", &[]));
    }

    pub(super) fn ok(&mut self) {
        self.answer(said(200, "{}", &[]));
    }

    pub(super) fn fail(&mut self, kind: FailureKind) {
        self.answer(Err(Failure { kind, message: "no answer".into() }));
    }

    /// Answers everything with success until there is nothing to answer.
    pub(super) fn ok_all(&mut self) -> usize {
        let mut count = 0;
        while !self.asked.is_empty() {
            self.ok();
            count += 1;
        }
        count
    }

    /// Body of the request that waits for its answer.
    pub(super) fn body(&self) -> String {
        body_of(&self.asked.front().expect("a request").1)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body()).expect("JSON")
    }
}

pub(super) fn said(status: u16, body: &str, headers: &[(&str, &str)]) -> Outcome {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Ok(HttpResponse { status, headers, body: body.as_bytes().to_vec().into() })
}

pub(super) fn body_of(request: &HttpRequest) -> String {
    match &request.body {
        Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        Body::Empty | Body::File { .. } => panic!("a push is bytes"),
    }
}

fn shorten(text: &str) -> String {
    if text.len() <= 400 { text.into() } else { alloc::format!("{}.. {} bytes", &text[..60], text.len()) }
}
