//! The network of a world: the pure heart of the embedded server at its other end, and weather in between.

use crate::weather::world::ask;
use runwire_core::net::{Body, HttpRequest, HttpResponse, Purpose};
use runwire_core::{Completion, Failure, FailureKind, Instant};
use runwire_local::{Backend, MemoryStore, Settings};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Milliseconds since the epoch at the start of every world.
const START_MS: u64 = 1_735_689_600_000;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server does it and answers.
    Served,
    /// The server does nothing and answers with this status.
    Refused(u16),
    /// The server does nothing and closes the connection.
    Dropped,
    /// The server does it, and its answer is lost.
    Unanswered,
}

/// A server and the way to it.
pub struct Net {
    backend: Backend,
    /// What becomes of the next requests; when there is nothing left, [`Net::otherwise`].
    pub fates: VecDeque<Fate>,
    /// What becomes of all others.
    pub otherwise: Fate,
    /// Answers that the next requests get instead of the server's own, with whether it does its work all the same.
    pub made: VecDeque<(bool, HttpResponse)>,
    /// Only requests for this meet their fate; others are served.
    pub only: Option<Purpose>,
    /// Requests so far, by what they are for.
    pub asked: Vec<Purpose>,
    /// Bodies of pushes that the server got.
    pub pushes: Vec<Value>,
}

impl Default for Net {
    fn default() -> Self {
        let backend = Backend::open(Box::new(MemoryStore::default()), Settings::default());
        Self {
            backend: backend.expect("memory can be opened"),
            fates: VecDeque::new(),
            made: VecDeque::new(),
            otherwise: Fate::Served,
            only: None,
            asked: Vec::new(),
            pushes: Vec::new(),
        }
    }
}

impl Net {
    /// The state of the run `e/p/r1`.
    pub fn state(&mut self, now: Instant) -> Value {
        self.backend.snapshot(millis(now), "e", "p", "r1").expect("memory can be read")
    }

    /// The values of `key` in the server's rows, in their order.
    pub fn column(&mut self, now: Instant, key: &str) -> Vec<Value> {
        let state = self.state(now);
        let rows = state.get("history").and_then(Value::as_array).cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row.get(key).cloned()).collect()
    }

    /// How many lines the server got at an offset that it had already.
    pub fn repeated(&mut self, now: Instant) -> Value {
        self.state(now).get("counters").cloned().unwrap_or_default()
    }

    pub(super) fn perform(
        &mut self,
        now: Instant,
        request: &HttpRequest,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Completion {
        self.asked.push(request.purpose);
        if let Some((applied, response)) = self.made.pop_front() {
            if applied {
                self.serve(now, request, files);
            }
            return Completion::Http(Box::new(response));
        }
        let fate = if self.only.is_none_or(|only| only == request.purpose) {
            self.fates.pop_front().unwrap_or(self.otherwise)
        } else {
            Fate::Served
        };
        let gone =
            |message: &str| Completion::Failed(Failure { kind: FailureKind::Unreachable, message: message.into() });
        match fate {
            Fate::Served => Completion::Http(Box::new(self.serve(now, request, files))),
            Fate::Refused(status) => Completion::Http(Box::new(HttpResponse {
                status,
                body: format!("{{\"error\":\"status {status} by the test\"}}").into(),
                ..Default::default()
            })),
            Fate::Dropped => gone("connection closed"),
            Fate::Unanswered => {
                self.serve(now, request, files);
                gone("connection closed before the answer")
            }
        }
    }

    fn serve(&mut self, now: Instant, request: &HttpRequest, files: &BTreeMap<String, Vec<u8>>) -> HttpResponse {
        if let (Purpose::FileStream, Body::Bytes(body)) = (request.purpose, &request.body) {
            self.pushes.push(serde_json::from_slice(body).expect("a push is JSON"));
        }
        ask(request, millis(now), &mut self.backend, files)
    }
}

fn millis(now: Instant) -> u64 {
    START_MS + now.nanos() / 1_000_000
}
