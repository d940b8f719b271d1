//! A stream whose every push goes well at once, for the benchmark. Not part of the API.

use super::{Action, FileStream};
use crate::{
    limits::Limits,
    net::{HttpResponse, Link, Policies},
    rng::Rng,
    time::{Duration, Instant, UnixNanos},
    uplink::{Cx, Offsets, Place},
};
use alloc::collections::VecDeque;
use runwire_proto::wire::Settings;

/// A stream and its surroundings.
pub struct Bench {
    stream: FileStream,
    limits: Limits,
    rng: Rng,
    link: Link,
    now: Instant,
    mark: u64,
    out: VecDeque<Action>,
}

impl Default for Bench {
    fn default() -> Self {
        Bench::new()
    }
}

impl Bench {
    /// A stream that may send.
    pub fn new() -> Self {
        let settings = Settings { base_url: Some("http://h".into()), ..Default::default() };
        let limits = Limits::default();
        let mut bench = Bench {
            stream: FileStream::new(&settings, &Policies::new(&settings), &limits),
            limits,
            rng: Rng::new(1),
            link: Link::new(&settings),
            now: Instant::ZERO,
            mark: 0,
            out: VecDeque::new(),
        };
        bench.call(|s, cx, out| s.on_start(cx, Place::default(), Offsets::default(), Offsets::default(), out));
        bench
    }

    /// One row; 100 microseconds pass. Returns how many rows the server has.
    pub fn row(&mut self, line: &str) -> u64 {
        self.mark += line.len() as u64;
        let mark = self.mark;
        self.now = self.now.after(Duration::from_micros(100));
        self.call(|s, cx, out| s.on_history(cx, line, mark, out));
        self.call(|s, cx, out| s.on_tick(cx, out));
        self.settle()
    }

    fn settle(&mut self) -> u64 {
        let mut known = 0;
        while let Some(action) = self.out.pop_front() {
            match action {
                Action::Http(tag, _) => {
                    let answer = HttpResponse { status: 200, body: "{}".into(), ..Default::default() };
                    self.call(|s, cx, out| s.on_http(cx, tag, Ok(answer), out));
                }
                Action::WantSummary => self.call(|s, cx, out| s.on_summary(cx, None, out)),
                Action::Acked { next, .. } => known = next.history,
                Action::LeftOut { .. }
                | Action::Stopped
                | Action::TellUser(_)
                | Action::Notice(_)
                | Action::Progress
                | Action::Finished(_) => {}
            }
        }
        known
    }

    fn call(&mut self, f: impl FnOnce(&mut FileStream, &mut Cx<'_>, &mut VecDeque<Action>)) {
        let mut cx =
            Cx { now: self.now, wall: UnixNanos(0), limits: &self.limits, rng: &mut self.rng, link: &self.link };
        f(&mut self.stream, &mut cx, &mut self.out);
    }
}
