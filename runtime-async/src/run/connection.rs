//! The client's end of a connection inside the process: answers come in from the loop, callers wait for them.

use crate::{
    driver::{Client, Event, Inbox},
    gate::Gate,
};
use bytes::Bytes;
use runwire_core::{
    ClientId,
    client::{Answer, Answers},
    service::ServiceInput,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Answers are small; the largest is the summary.
const ANSWER_BYTES_MAX: u32 = 1 << 30;

pub(super) struct Connection {
    client: ClientId,
    inbox: Inbox,
    state: Mutex<State>,
    changed: event_listener::Event,
    /// Open when the service takes frames.
    pub(super) room: Gate,
}

struct State {
    answers: Answers,
    waiting: BTreeMap<String, Answer>,
    closed: bool,
}

impl Connection {
    pub(super) fn new(client: ClientId, inbox: Inbox) -> Self {
        let state = State { answers: Answers::new(ANSWER_BYTES_MAX), waiting: BTreeMap::new(), closed: false };
        Connection {
            client,
            inbox,
            state: Mutex::new(state),
            changed: event_listener::Event::new(),
            room: Gate::default(),
        }
    }

    /// The answer to a request; `None` if the connection ends without it.
    pub(super) async fn answer(&self, id: &str) -> Option<Answer> {
        loop {
            let changed = self.changed.listen();
            {
                let mut state = self.lock();
                if let Some(answer) = state.waiting.remove(id) {
                    return Some(answer);
                }
                if state.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client for Connection {
    fn receive(&self, bytes: Bytes) {
        let count = bytes.len();
        let mut state = self.lock();
        for answer in state.answers.push(bytes) {
            state.waiting.insert(answer.request_id.clone(), answer);
        }
        drop(state);
        self.changed.notify(usize::MAX);
        // Fails when the loop has ended, and then it counts no more.
        let _ = self.inbox.urgent.try_send(Event::Input(ServiceInput::Sent(self.client, count)));
    }

    fn listen(&self, on: bool) {
        self.room.set_open(on);
    }

    fn close(&self) {
        self.lock().closed = true;
        self.room.set_open(true);
        self.changed.notify(usize::MAX);
    }
}
