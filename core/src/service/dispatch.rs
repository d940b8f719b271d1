//! One request of a connection (`ServerRequest`): to whom it goes.

use super::{Service, ServiceOutput, response, stopping::Stopping, streams::Asker};
use crate::{
    id::{ClientId, StreamKey, Ticket},
    input::{CloseReason, Input},
    notice::Notice,
    settings::text,
};
use alloc::{
    format,
    string::{String, ToString},
};
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    peek::{
        self, PeekError,
        server_request_kind::{RECORD_COMMUNICATE, RECORD_PUBLISH},
    },
    wire::{self, server_request::ServerRequestType as Request},
};

const NO_TYPE: &str = "the request has no type that this version knows; this connection is closed";

impl Service {
    /// Takes one request. Gives it back if its run takes nothing now.
    pub(super) fn on_frame(&mut self, client: ClientId, frame: Bytes) -> Option<Bytes> {
        let seen = match peek::server_request(&frame) {
            Ok(seen) => seen,
            Err(PeekError::Unusual) => return self.on_unusual(client, &frame),
            Err(error) => {
                self.refuse(client, "", format!("the frame is not a request: {error}; this connection is closed"));
                return None;
            }
        };
        match seen.kind {
            Some(RECORD_PUBLISH | RECORD_COMMUNICATE) => {
                return self.on_record(client, seen.request_id, seen.body.clone()).then_some(frame);
            }
            Some(_) => {}
            None => {
                self.refuse(client, seen.request_id, NO_TYPE.into());
                return None;
            }
        }
        match wire::ServerRequest::decode(&frame[..]) {
            Ok(wire::ServerRequest { server_request_type: Some(request), request_id }) => {
                self.on_request(client, &request_id, request, frame.len());
            }
            Ok(_) => self.refuse(client, seen.request_id, NO_TYPE.into()),
            Err(error) => {
                let why = format!("the request can't be decoded: {error}; this connection is closed");
                self.refuse(client, seen.request_id, why);
            }
        }
        None
    }

    /// Legal, but written in a way that can't be scanned: decoded and written plainly, it can.
    fn on_unusual(&mut self, client: ClientId, frame: &Bytes) -> Option<Bytes> {
        match wire::ServerRequest::decode(&frame[..]) {
            Ok(request) => self.on_frame(client, Bytes::from(request.encode_to_vec())),
            Err(error) => {
                self.refuse(client, "", format!("the frame is not a request: {error}; this connection is closed"));
                None
            }
        }
    }

    /// Whether the record must be held back.
    fn on_record(&mut self, client: ClientId, request_id: &str, record: Bytes) -> bool {
        let stream_id = match peek::record(&record) {
            Ok(seen) => seen.stream_id.unwrap_or_default(),
            Err(PeekError::Unusual) => {
                return match wire::Record::decode(&record[..]) {
                    Ok(plain) => self.on_record(client, request_id, Bytes::from(plain.encode_to_vec())),
                    Err(error) => self.refuse_record(client, request_id, &error),
                };
            }
            Err(error) => return self.refuse_record(client, request_id, &error),
        };
        let Some(key) = self.find_stream(client, stream_id) else {
            self.decline(client, request_id, format!("There is no run {stream_id:?} here; it may be finished."));
            return false;
        };
        let Some(stream) = self.streams.get(&key) else { return false };
        if stream.engine.credit().bytes == 0 {
            return true;
        }
        let ticket = self.ticket(client, request_id, key);
        self.feed(key, Input::Record { client, ticket, record });
        false
    }

    fn refuse_record(&mut self, client: ClientId, request_id: &str, error: &dyn core::fmt::Display) -> bool {
        self.refuse(client, request_id, format!("the record can't be decoded: {error}; this connection is closed"));
        false
    }

    fn find_stream(&mut self, client: ClientId, stream_id: &str) -> Option<StreamKey> {
        let connection = self.connections.get_mut(&client)?;
        if let Some((id, key)) = &connection.last_stream
            && id == stream_id
            && self.streams.get(key).is_some_and(|stream| !stream.closing)
        {
            return Some(*key);
        }
        let key = *self.by_id.get(stream_id)?;
        connection.last_stream = Some((stream_id.into(), key));
        Some(key)
    }

    fn on_request(&mut self, client: ClientId, request_id: &str, request: Request, bytes: usize) {
        match request {
            // Seen before decoding.
            Request::RecordPublish(_) | Request::RecordCommunicate(_) => {}
            Request::InformInit(init) => self.on_init(client, request_id, init),
            Request::InformAttach(attach) => self.on_attach(client, request_id, attach),
            Request::InformFinish(finish) => {
                let id = finish.info.unwrap_or_default().stream_id;
                match self.by_id.remove(&id) {
                    Some(key) => {
                        self.feed(key, Input::Close(CloseReason::Finish));
                        self.answer_if_asked(client, request_id);
                    }
                    None => self.decline(client, request_id, format!("There is no run {id:?} to finish.")),
                }
            }
            Request::InformDetach(_) => {
                self.refuse(client, request_id, "detaching is not supported; this connection is closed".into());
            }
            Request::InformTeardown(teardown) => {
                self.answer_if_asked(client, request_id);
                self.on_teardown(client, teardown.exit_code);
            }
            Request::Cancel(cancel) => self.on_cancel(client, &cancel.request_id),
            Request::InitSync(init) => self.on_init_sync(client, request_id, init),
            Request::Sync(sync) => self.on_sync(client, request_id, &sync),
            Request::SyncStatus(status) => self.on_sync_status(client, request_id, &status.id),
            Request::Authenticate(_)
            | Request::ApiInitRequest(_)
            | Request::ApiCleanupRequest(_)
            | Request::ApiRequest(_)
            | Request::SweepSchedulerInit(_)
            | Request::SweepSchedulerNextTask(_)
            | Request::SweepSchedulerStop(_) => self.on_api(client, request_id, request, bytes),
        }
    }

    fn on_attach(&mut self, client: ClientId, request_id: &str, attach: wire::ServerInformAttachRequest) {
        let id = attach.info.clone().unwrap_or_default().stream_id;
        let Some(stream) = self.by_id.get(&id).and_then(|key| self.streams.get(key)) else {
            return self.decline(client, request_id, format!("There is no run {id:?} to attach to."));
        };
        let attached = wire::ServerInformAttachResponse {
            settings: wire::Settings::decode(&stream.settings[..]).ok(),
            info: attach.info,
        };
        let member = wire::server_response::ServerResponseType::InformAttachResponse(attached);
        self.send(client, response::of(request_id, member));
    }

    /// Nobody waits for that answer any more. It may come all the same; clients take both.
    fn on_cancel(&mut self, client: ClientId, request_id: &str) {
        if self.cancel_sync(client, request_id) || self.cancel_api(client, request_id) {
            return;
        }
        let Some(connection) = self.connections.get_mut(&client) else { return };
        let Some(ticket) = connection.waits.remove(request_id) else { return };
        if let Some(asker) = self.tickets.remove(&ticket) {
            self.feed(asker.stream, Input::Cancelled(ticket));
        }
    }

    /// Notes that `client` waits for an answer; `None` if it does not.
    pub(super) fn ticket(&mut self, client: ClientId, request_id: &str, stream: StreamKey) -> Option<Ticket> {
        if request_id.is_empty() {
            return None;
        }
        let connection = self.connections.get_mut(&client)?;
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let request_id = String::from(request_id);
        if connection.waits.insert(request_id.clone(), ticket).is_some() {
            self.outbox.push_back(ServiceOutput::Notice(
                None,
                Notice::warn(format!("{client} uses the id of a request that is not answered yet")),
            ));
        }
        self.tickets.insert(ticket, Asker { client, request_id, stream });
        Some(ticket)
    }

    /// An answer with nothing in it, for a client that wants one where the protocol has none.
    fn answer_if_asked(&mut self, client: ClientId, request_id: &str) {
        if !request_id.is_empty() {
            self.send(client, response::empty(request_id));
        }
    }

    /// The request can't be served; the connection goes on.
    pub(super) fn decline(&mut self, client: ClientId, request_id: &str, why: String) {
        self.notice(Notice::warn(format!("{client}: {why}")));
        if !request_id.is_empty() {
            self.send(client, response::error(request_id, &why));
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.outbox.push_back(ServiceOutput::Notice(None, notice));
    }

    fn on_init(&mut self, client: ClientId, request_id: &str, init: wire::ServerInformInitRequest) {
        let Some(settings) = init.settings else {
            return self.decline(client, request_id, "The init request carries no settings.".into());
        };
        let asked = init.info.unwrap_or_default().stream_id;
        let id = if asked.is_empty() { settings.run_id.clone().unwrap_or_default() } else { asked };
        let problem = if matches!(self.stopping, Stopping::Ending | Stopping::Done) {
            // Nobody would end it.
            Some("The service is stopping and takes no new run.".to_string())
        } else if id.is_empty() {
            Some("The init request names no run.".to_string())
        } else if self.by_id.contains_key(&id) {
            Some(format!("run ID {id} is in use"))
        } else if !settings.offline.unwrap_or(false) && text(&settings.base_url).is_empty() {
            Some(
                "The run is to be online and its settings name no server (base_url); or set WANDB_MODE=offline.".into(),
            )
        } else {
            None
        };
        match problem {
            Some(why) => self.decline(client, request_id, why),
            None => self.start_stream(client, request_id, id, settings),
        }
    }
}
