//! The client's end of a connection inside the page: answers come in from the loop, callers wait for them.

use crate::{
    host,
    page::{CLIENT, Page},
};
use bytes::Bytes;
use futures_channel::oneshot;
use runwire_core::{
    client::{Answers, Question},
    service::ServiceInput,
};
use runwire_proto::wire::{self, server_response::ServerResponseType as Answer};
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};
use wasm_bindgen_futures::JsFuture;

/// Answers are small; the largest is the summary.
const ANSWER_BYTES_MAX: u32 = 1 << 30;

/// Who waits for which answer.
pub(crate) struct Talk {
    answers: Answers,
    waiting: BTreeMap<String, oneshot::Sender<Option<Answer>>>,
    closing: Vec<oneshot::Sender<()>>,
}

impl Default for Talk {
    fn default() -> Self {
        Talk { answers: Answers::new(ANSWER_BYTES_MAX), waiting: BTreeMap::new(), closing: Vec::new() }
    }
}

impl Talk {
    /// Bytes of answers.
    pub(crate) fn take(&mut self, bytes: Bytes) {
        for wire::ServerResponse { request_id, server_response_type } in self.answers.responses(bytes) {
            if let Some(waiting) = self.waiting.remove(&request_id) {
                // Whoever asked may have gone.
                let _ = waiting.send(server_response_type);
            }
        }
    }

    /// No more answers come.
    pub(crate) fn close(&mut self) {
        self.waiting.clear();
        self.closing.clear();
    }
}

impl Page {
    /// Asks and waits. The outer `None` says that no answer comes; the answer itself may be an empty one.
    pub(crate) async fn ask(self: &Rc<Self>, question: Question) -> Option<Option<Answer>> {
        let (sender, answer) = oneshot::channel();
        self.talk.borrow_mut().waiting.insert(question.id, sender);
        self.said(ServiceInput::Received(CLIENT, question.frames));
        within(question.within, answer).await
    }

    /// Waits until the service has finished.
    pub(crate) async fn over(&self) {
        if !self.is_over() {
            let (sender, closed) = oneshot::channel();
            self.talk.borrow_mut().closing.push(sender);
            // It ends by being dropped.
            let _ = closed.await;
        }
    }
}

/// The outcome, unless it takes longer.
async fn within<T>(bound: Duration, mut answer: oneshot::Receiver<T>) -> Option<T> {
    let mut late = pin!(JsFuture::from(host::sleep(bound.as_secs_f64() * 1000.0)));
    poll_fn(|cx| match Pin::new(&mut answer).poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(outcome.ok()),
        Poll::Pending => late.as_mut().poll(cx).map(|_| None),
    })
    .await
}
