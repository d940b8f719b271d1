//! One connection: its unread bytes, the answers it waits for, and when it may go on.

use super::{Service, ServiceOutput, response};
use crate::{
    id::{ClientId, StreamKey, Ticket},
    limits::Limits,
    notice::Notice,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use bytes::Bytes;
use runwire_proto::frame::FrameDecoder;

pub(super) struct Connection {
    decoder: FrameDecoder,
    /// A request that could not be given to its run yet.
    pub(super) held: Option<Bytes>,
    /// Answers that this connection waits for, by its own request ids.
    pub(super) waits: BTreeMap<String, Ticket>,
    unsent: usize,
    paused: bool,
    /// The client sends no more.
    ended: bool,
    /// It is broken: answers have nowhere to go.
    pub(super) lost: bool,
    /// It broke the protocol, or the service ends: nothing more is read.
    refused: bool,
    /// The run that its last record was for: nearly always that of the next one too.
    pub(super) last_stream: Option<(String, StreamKey)>,
    pub(super) apis: u64,
}

impl Connection {
    fn new(limits: &Limits) -> Self {
        Connection {
            decoder: FrameDecoder::new(limits.frame_bytes_max),
            held: None,
            waits: BTreeMap::new(),
            unsent: 0,
            paused: false,
            ended: false,
            lost: false,
            refused: false,
            last_stream: None,
            apis: 0,
        }
    }

    /// Whether more may be made for it to read.
    pub(super) fn takes_answers(&self, limits: &Limits) -> bool {
        self.unsent <= limits.unsent_bytes_max
    }

    /// Whether no request of it can come any more.
    pub(super) fn is_silent(&self) -> bool {
        (self.ended && self.held.is_none()) || self.refused
    }
}

impl Service {
    pub(super) fn on_connected(&mut self, client: ClientId) {
        self.idle_timer.cancel();
        self.connections.insert(client, Connection::new(&self.config.limits));
    }

    pub(super) fn on_received(&mut self, client: ClientId, bytes: Bytes) {
        let Some(connection) = self.connections.get_mut(&client) else { return };
        if !connection.refused {
            connection.decoder.push(bytes);
            self.go_on(client);
        }
    }

    pub(super) fn on_ended(&mut self, client: ClientId) {
        let Some(connection) = self.connections.get_mut(&client) else { return };
        connection.ended = true;
        self.go_on(client);
        self.end_polls(client);
        self.end_apis(client);
        self.close_if_over(client);
    }

    pub(super) fn on_lost(&mut self, client: ClientId) {
        // What it had sent still counts, also what its run can't take yet; only the answers have nowhere to go.
        if let Some(connection) = self.connections.get_mut(&client) {
            connection.ended = true;
            connection.lost = true;
            connection.unsent = 0;
        }
        self.go_on(client);
        self.end_polls(client);
        self.end_apis(client);
        self.close_if_over(client);
    }

    pub(super) fn on_sent(&mut self, client: ClientId, count: usize) {
        let Some(connection) = self.connections.get_mut(&client) else { return };
        connection.unsent = connection.unsent.saturating_sub(count);
        self.resume_apis(client);
        self.close_if_over(client);
    }

    /// Lets connections go on whose obstacle may be gone: their answers were read, or a run has credit again.
    pub(super) fn retry_stalled(&mut self) {
        let stalled: Vec<ClientId> = self.stalled.iter().copied().collect();
        for client in stalled {
            self.go_on(client);
            self.close_if_over(client);
        }
    }

    /// Takes requests of a connection until there is none, or it may not go on.
    fn go_on(&mut self, client: ClientId) {
        loop {
            let unsent_max = self.config.limits.unsent_bytes_max;
            let Some(connection) = self.connections.get_mut(&client) else { return };
            if connection.refused {
                return self.set_stalled(client, false);
            }
            if connection.unsent > unsent_max {
                return self.set_stalled(client, true);
            }
            let frame = match connection.held.take() {
                Some(frame) => Ok(Some(frame)),
                None => connection.decoder.next(),
            };
            match frame {
                Ok(None) => return self.set_stalled(client, false),
                Ok(Some(frame)) => {
                    if let Some(frame) = self.on_frame(client, frame) {
                        // Its run takes nothing now.
                        if let Some(connection) = self.connections.get_mut(&client) {
                            connection.held = Some(frame);
                        }
                        return self.set_stalled(client, true);
                    }
                }
                Err(error) => self.refuse(client, "", format!("{error}; this connection is closed")),
            }
        }
    }

    /// The client broke the protocol: it is told why, and nothing more is read from it.
    pub(super) fn refuse(&mut self, client: ClientId, request_id: &str, why: String) {
        self.notice(Notice::error(format!("{client}: {why}")));
        self.send(client, response::error(request_id, &why));
        if let Some(connection) = self.connections.get_mut(&client) {
            connection.refused = true;
            connection.decoder = FrameDecoder::new(0);
        }
        self.end_polls(client);
        self.end_apis(client);
        self.close_if_over(client);
    }

    pub(super) fn send(&mut self, client: ClientId, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(&client) else { return };
        if connection.lost {
            return;
        }
        connection.unsent += frame.len();
        self.outbox.push_back(ServiceOutput::Send(client, frame));
    }

    /// A connection that sends no more is closed when it has every answer that it waits for.
    pub(super) fn close_if_over(&mut self, client: ClientId) {
        let Some(connection) = self.connections.get(&client) else { return };
        if !connection.is_silent() || self.stalled.contains(&client) {
            return;
        }
        if connection.lost {
            self.forget(client);
        } else if connection.waits.is_empty() {
            self.end_apis(client);
            self.outbox.push_back(ServiceOutput::Close(client));
            self.forget(client);
        }
    }

    /// Drops what is known of a connection; its runs go on without it.
    pub(super) fn forget(&mut self, client: ClientId) {
        let Some(connection) = self.connections.remove(&client) else { return };
        self.stalled.remove(&client);
        self.end_apis(client);
        self.end_syncs_of(client);
        for ticket in connection.waits.values() {
            self.tickets.remove(ticket);
        }
        if self.connections.is_empty()
            && let Some(timeout) = self.config.idle_timeout
        {
            self.idle_timer.set(self.last_now.after(timeout));
        }
    }

    fn set_stalled(&mut self, client: ClientId, stalled: bool) {
        let Some(connection) = self.connections.get_mut(&client) else { return };
        if stalled {
            self.stalled.insert(client);
        } else {
            self.stalled.remove(&client);
        }
        if connection.paused != stalled {
            connection.paused = stalled;
            if connection.lost {
                return;
            }
            self.outbox.push_back(match stalled {
                true => ServiceOutput::Pause(client),
                false => ServiceOutput::Resume(client),
            });
        }
    }
}
