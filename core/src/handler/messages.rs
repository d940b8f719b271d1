//! Messages to the user, and the long polls that fetch them (`internal_messages`).

use crate::id::{ClientId, Ticket};
use alloc::{string::String, vec::Vec};
use runwire_proto::wire;

/// A bounded buffer of texts and whoever waits for one.
#[derive(Debug, Default)]
pub(super) struct Messages {
    texts: Vec<String>,
    overflowed: bool,
    waiting: Vec<(ClientId, Ticket)>,
    over: bool,
}

impl Messages {
    /// Adds a text; over the bound it is replaced by one notice of the loss.
    pub(super) fn push(&mut self, text: String, max: usize) {
        if self.texts.len() < max {
            self.texts.push(text);
        } else if !self.overflowed {
            self.overflowed = true;
            self.texts
                .push("More messages came than fit in the buffer; the rest is in debug-internal.log only.".into());
        }
    }

    /// A poll. Returns whether it can be answered now; else it is kept until something comes.
    pub(super) fn poll(&mut self, client: ClientId, ticket: Ticket, wait: bool) -> bool {
        if wait && self.texts.is_empty() && !self.over {
            self.waiting.push((client, ticket));
            return false;
        }
        true
    }

    /// Everything buffered, as an answer.
    pub(super) fn take(&mut self) -> wire::InternalMessagesResponse {
        self.overflowed = false;
        let warning = core::mem::take(&mut self.texts);
        wire::InternalMessagesResponse { messages: Some(wire::InternalMessages { warning }) }
    }

    /// A waiting poll that can be answered now. Messages go to one poll only.
    pub(super) fn next_ready(&mut self) -> Option<Ticket> {
        let ready = self.over || !self.texts.is_empty();
        (ready && !self.waiting.is_empty()).then(|| self.waiting.remove(0).1)
    }

    /// No message can come any more: every poll is answered at once.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.waiting.retain(|(_, t)| *t != ticket);
    }

    /// Forgets the polls of a client and returns them, so that they can be answered as empty.
    pub(super) fn client_gone(&mut self, client: ClientId) -> Vec<Ticket> {
        let gone = self.waiting.iter().filter(|(c, _)| *c == client).map(|(_, t)| *t).collect();
        self.waiting.retain(|(c, _)| *c != client);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_waits_for_a_message_and_only_one_poll_gets_it() {
        let mut messages = Messages::default();
        assert!(!messages.poll(ClientId(1), Ticket(1), true));
        assert!(!messages.poll(ClientId(1), Ticket(2), true));
        assert_eq!(messages.next_ready(), None);
        messages.push("hello".into(), 8);
        assert_eq!(messages.next_ready(), Some(Ticket(1)));
        assert_eq!(messages.take().messages.unwrap().warning, ["hello"]);
        assert_eq!(messages.next_ready(), None);
        messages.end();
        assert_eq!(messages.next_ready(), Some(Ticket(2)));
        assert!(messages.poll(ClientId(1), Ticket(3), true));
    }

    #[test]
    fn the_buffer_is_bounded_and_says_so() {
        let mut messages = Messages::default();
        (0..10).for_each(|n| messages.push(alloc::format!("{n}"), 3));
        assert_eq!(messages.take().messages.unwrap().warning.len(), 4);
    }
}
