//! A blocking client of the sidecar's socket that speaks raw frames.
//!
//! It frames by hand and trusts nothing of the code under test but the message types.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use prost::Message;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{Control, Record, RecordInfo, Request, ServerRequest, ServerResponse};

pub use crate::client::run::{
    Run, Scene, attach_request, config_item, exit_record, finish_request, history_item, holds, info, init_request,
    nested_item, summary_item, teardown_request, warnings,
};
use crate::sidecar::PATIENCE;

mod run;
pub mod settings;

/// What came over a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// One answer.
    Answer(Box<ServerResponse>),
    /// The other side closed.
    Closed,
    /// Nothing within the given time.
    Silence,
}

impl Reply {
    /// The answer that must be there.
    pub fn answer(self) -> ServerResponse {
        match self {
            Self::Answer(answer) => *answer,
            Self::Closed => panic!("the sidecar closed the connection instead of answering"),
            Self::Silence => panic!("the sidecar did not answer in time"),
        }
    }
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// One connection.
pub struct Client {
    socket: Socket,
    received: Vec<u8>,
    early: Vec<ServerResponse>,
    ids: u64,
}

impl Client {
    /// Connects over a Unix socket.
    pub fn unix(path: &Path) -> Self {
        let socket = UnixStream::connect(path).expect("the socket accepts connections");
        socket.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { socket: Socket::Unix(socket), received: Vec::new(), early: Vec::new(), ids: 0 }
    }

    /// Connects over TCP on this machine.
    pub fn tcp(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the port accepts connections");
        socket.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        socket.set_nodelay(true).expect("a TCP socket has this option");
        Self { socket: Socket::Tcp(socket), received: Vec::new(), early: Vec::new(), ids: 0 }
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).expect("the sidecar takes bytes");
    }

    /// Sends bytes as they are, and says if that failed.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.socket {
            Socket::Unix(socket) => socket.write_all(bytes),
            Socket::Tcp(socket) => socket.write_all(bytes),
        }
    }

    /// Limits how long one write may take.
    pub fn set_write_timeout(&mut self, limit: Duration) {
        let set = match &self.socket {
            Socket::Unix(socket) => socket.set_write_timeout(Some(limit)),
            Socket::Tcp(socket) => socket.set_write_timeout(Some(limit)),
        };
        set.expect("a timeout can be set");
    }

    /// Says that no more will be sent, and keeps reading.
    pub fn half_close(&mut self) {
        let closed = match &self.socket {
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
        };
        closed.expect("an open socket can be closed");
    }

    /// Sends a request that wants no answer.
    pub fn send(&mut self, kind: ServerRequestType) {
        self.send_as("", kind);
    }

    /// Sends a request under an id of the caller's choice.
    pub fn send_as(&mut self, id: &str, kind: ServerRequestType) {
        self.send_bytes(&request_frame(id, kind));
    }

    /// Sends a request that wants an answer; gives its id for [`Client::answer`].
    pub fn post(&mut self, kind: ServerRequestType) -> String {
        let id = self.fresh_id();
        self.send_as(&id, kind);
        id
    }

    /// A request id that was not used on this connection.
    pub fn fresh_id(&mut self) -> String {
        self.ids += 1;
        format!("request{:05}", self.ids)
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, kind: ServerRequestType) -> ServerResponse {
        let id = self.post(kind);
        self.answer(&id)
    }

    /// Sends a record of a run as a client does that wants an answer.
    pub fn post_record(&mut self, stream: &str, kind: RecordType) -> String {
        let id = self.fresh_id();
        let control = Control { mailbox_slot: id.clone(), ..Control::default() };
        let record = Record { control: Some(control), ..record(stream, kind) };
        self.send_as(&id, ServerRequestType::RecordPublish(record));
        id
    }

    /// Sends a record of a run and waits for the answer.
    pub fn ask_record(&mut self, stream: &str, kind: RecordType) -> ServerResponse {
        let id = self.post_record(stream, kind);
        self.answer(&id)
    }

    /// Sends a record of a run.
    pub fn send_record(&mut self, stream: &str, kind: RecordType) {
        self.send(ServerRequestType::RecordPublish(record(stream, kind)));
    }

    /// Waits for the answer to a request; other answers are kept for later.
    pub fn answer(&mut self, id: &str) -> ServerResponse {
        self.answer_within(id, PATIENCE).answer()
    }

    /// Waits for the answer to a request for a limited time.
    pub fn answer_within(&mut self, id: &str, limit: Duration) -> Reply {
        if let Some(at) = self.early.iter().position(|answer| answer.request_id == id) {
            return Reply::Answer(Box::new(self.early.remove(at)));
        }
        let end = Instant::now() + limit;
        loop {
            match self.read_frame(end) {
                Reply::Answer(answer) if answer.request_id != id => self.early.push(*answer),
                reply => return reply,
            }
        }
    }

    /// The next answer in order of arrival.
    pub fn next(&mut self, limit: Duration) -> Reply {
        if !self.early.is_empty() {
            return Reply::Answer(Box::new(self.early.remove(0)));
        }
        self.read_frame(Instant::now() + limit)
    }

    /// Answers that arrived while something else was waited for.
    pub fn early(&self) -> &[ServerResponse] {
        &self.early
    }

    /// All answers until the other side closes, which it must.
    pub fn rest(&mut self) -> Vec<ServerResponse> {
        let mut answers = Vec::new();
        loop {
            match self.next(PATIENCE) {
                Reply::Answer(answer) => answers.push(*answer),
                Reply::Closed => return answers,
                Reply::Silence => panic!("the sidecar kept the connection open"),
            }
        }
    }

    /// Checks that the connection is served, after all that was sent before.
    pub fn ping(&mut self) {
        let answer = self.ask(ServerRequestType::SyncStatus(Default::default()));
        assert!(
            matches!(answer.server_response_type, Some(ServerResponseType::SyncStatusResponse(_))),
            "unexpected answer {answer:?}"
        );
    }

    fn read_frame(&mut self, end: Instant) -> Reply {
        let mut chunk = [0; 65536];
        loop {
            if let Some(payload) = self.take_payload() {
                let answer = ServerResponse::decode(payload.as_slice()).expect("answers are messages");
                return Reply::Answer(Box::new(answer));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Reply::Silence;
            }
            let read = match &mut self.socket {
                Socket::Unix(socket) => {
                    socket.set_read_timeout(Some(left)).expect("a timeout can be set");
                    socket.read(&mut chunk)
                }
                Socket::Tcp(socket) => {
                    socket.set_read_timeout(Some(left)).expect("a timeout can be set");
                    socket.read(&mut chunk)
                }
            };
            match read {
                Ok(0) => return Reply::Closed,
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Reply::Silence,
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Reply::Closed,
                    _ => panic!("reading failed: {error}"),
                },
            }
        }
    }

    fn take_payload(&mut self) -> Option<Vec<u8>> {
        let header = self.received.get(..5)?;
        assert_eq!(header[0], b'W', "an answer starts with the magic byte");
        let length = u32::from_le_bytes(header[1..5].try_into().expect("four bytes")) as usize;
        if self.received.len() < 5 + length {
            return None;
        }
        let payload = self.received[5..5 + length].to_vec();
        self.received.drain(..5 + length);
        Some(payload)
    }
}

/// A frame around a payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(u32::try_from(payload.len()).expect("a frame is below 4 GiB"));
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame's first five bytes.
pub fn header(length: u32) -> Vec<u8> {
    let mut bytes = vec![b'W'];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes
}

/// A whole frame with a request.
pub fn request_frame(id: &str, kind: ServerRequestType) -> Vec<u8> {
    frame(&ServerRequest { request_id: id.to_owned(), server_request_type: Some(kind) }.encode_to_vec())
}

/// A record of a run.
pub fn record(stream: &str, kind: RecordType) -> Record {
    let info = RecordInfo { stream_id: stream.to_owned(), ..RecordInfo::default() };
    Record { info: Some(info), record_type: Some(kind), ..Record::default() }
}

/// A request to a run, as the record that carries it.
pub fn request(kind: RequestType) -> RecordType {
    RecordType::Request(Request { request_type: Some(kind) })
}

/// The text of an error answer.
pub fn error_text(answer: &ServerResponse) -> Option<&str> {
    match &answer.server_response_type {
        Some(ServerResponseType::ErrorResponse(error)) => Some(&error.message),
        _ => None,
    }
}

/// The result that an answer carries.
pub fn result(answer: ServerResponse) -> ResultType {
    match answer.server_response_type {
        Some(ServerResponseType::ResultCommunicate(result)) => result.result_type.expect("a result has a type"),
        other => panic!("expected a result, got {other:?}"),
    }
}

/// The response that an answer carries, which may have no member set.
pub fn response(answer: ServerResponse) -> Option<ResponseType> {
    match result(answer) {
        ResultType::Response(response) => response.response_type,
        other => panic!("expected a response, got {other:?}"),
    }
}
