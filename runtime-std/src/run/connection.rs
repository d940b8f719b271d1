//! The client's end of a connection inside the process: answers come in on the driver's thread, callers wait for them.

use crate::inbox::LocalSink;
use bytes::Bytes;
use runwire_core::client::{Answer, Answers};
use runwire_effects::RunError;
use runwire_proto::wire::result::ResultType;
use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Answers are small; the largest is the summary.
const ANSWER_BYTES_MAX: u32 = 1 << 30;
/// A disk that hangs stops the caller for at most this long; then the core counts it as failed and takes rows again.
const STALL: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    answers: Answers,
    waiting: BTreeMap<String, Answer>,
    paused: bool,
    closed: bool,
}

impl Default for Connection {
    fn default() -> Self {
        let state =
            State { answers: Answers::new(ANSWER_BYTES_MAX), waiting: BTreeMap::new(), paused: false, closed: false };
        Connection { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl Connection {
    /// Returns when the service takes frames.
    pub(super) fn wait_for_room(&self) -> Result<(), RunError> {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, STALL, |state| state.paused && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(RunError::Finished) } else { Ok(()) }
    }

    /// Waits for the answer to a request.
    pub(super) fn answer(&self, id: &str, within: Duration) -> Result<Option<ResultType>, RunError> {
        let until = Instant::now() + within;
        let mut state = self.lock();
        loop {
            if let Some(answer) = state.waiting.remove(id) {
                return answer.outcome.map_err(RunError::Refused);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed {
                return Err(RunError::Finished);
            }
            if left.is_zero() {
                return Err(RunError::NoAnswer);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalSink for Connection {
    fn receive(&self, bytes: Bytes) {
        let mut state = self.lock();
        for answer in state.answers.push(bytes) {
            state.waiting.insert(answer.request_id.clone(), answer);
        }
        self.changed.notify_all();
    }

    fn pause(&self, paused: bool) {
        self.lock().paused = paused;
        self.changed.notify_all();
    }

    fn closed(&self) {
        self.close();
    }
}
