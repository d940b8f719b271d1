//! One connection to a sidecar: frames out, answers in. Reading has its own thread, so that writing never waits for it.
//! Must not know what is measured.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use prost::Message;
use runwire_proto::wire::{
    ServerResponse, response::ResponseType, result::ResultType, server_response::ServerResponseType,
};

use super::error::{BenchError, Doing, Result};

/// No answer of a healthy sidecar takes longer, the drain of a long run included.
const PATIENCE: Duration = Duration::from_secs(600);

/// An open connection.
pub struct Client {
    socket: UnixStream,
    answers: Receiver<std::result::Result<ServerResponse, String>>,
}

impl Client {
    /// Connects to the Unix socket at `path`.
    pub fn connect(path: &Path) -> Result<Client> {
        let socket = UnixStream::connect(path).doing("connecting to the sidecar")?;
        let reader = socket.try_clone().doing("cloning the socket")?;
        let (send, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            loop {
                let answer = read_answer(&mut reader);
                let last = answer.is_err();
                if send.send(answer).is_err() || last {
                    return;
                }
            }
        });
        Ok(Client { socket, answers })
    }

    /// Writes whole frames; blocks while the sidecar does not read.
    pub fn send(&mut self, frames: &[u8]) -> Result<()> {
        self.socket.write_all(frames).doing("writing to the sidecar (did it die?)")
    }

    /// Waits for the answer to `request_id`, passing over others.
    pub fn wait(&mut self, request_id: &'static str) -> Result<Option<ServerResponseType>> {
        let end = Instant::now() + PATIENCE;
        let failed = |why: String| BenchError::Answer { what: request_id, why };
        loop {
            let answer = match self.answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(answer) => answer.map_err(failed)?,
                Err(RecvTimeoutError::Timeout) => return Err(failed(format!("nothing within {PATIENCE:?}"))),
                Err(RecvTimeoutError::Disconnected) => return Err(failed("the connection ended".into())),
            };
            if let Some(ServerResponseType::ErrorResponse(error)) = answer.server_response_type {
                return Err(failed(error.message));
            }
            if answer.request_id == request_id {
                return Ok(answer.server_response_type);
            }
        }
    }

    /// Like [`Client::wait`], for answers that carry a `Result`.
    pub fn wait_result(&mut self, request_id: &'static str) -> Result<ResultType> {
        match self.wait(request_id)? {
            Some(ServerResponseType::ResultCommunicate(result)) => result.result_type,
            Some(_) | None => None,
        }
        .ok_or_else(|| BenchError::Answer { what: request_id, why: "an answer without a result".into() })
    }

    /// Waits for the summary asked for with `frames::get_summary` and gives its `_step`.
    pub fn last_step(&mut self) -> Result<u64> {
        let ResultType::Response(response) = self.wait_result("summary")? else {
            return Err(BenchError::Answer { what: "summary", why: "another kind of result".into() });
        };
        let Some(ResponseType::GetSummaryResponse(summary)) = response.response_type else {
            return Err(BenchError::Answer { what: "summary", why: "another kind of response".into() });
        };
        let step = summary.item.iter().find(|item| item.key == "_step" || item.nested_key == ["_step"]);
        step.and_then(|item| item.value_json.parse().ok())
            .ok_or_else(|| BenchError::Answer { what: "summary", why: "no _step in it".into() })
    }
}

fn read_answer(reader: &mut impl Read) -> std::result::Result<ServerResponse, String> {
    let mut head = [0_u8; 5];
    reader.read_exact(&mut head).map_err(|e| format!("the connection ended ({e})"))?;
    if head[0] != b'W' {
        return Err(format!("a frame that starts with byte {:#x}", head[0]));
    }
    let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut body = vec![0; len];
    reader.read_exact(&mut body).map_err(|e| format!("the connection ended within a frame ({e})"))?;
    ServerResponse::decode(&body[..]).map_err(|e| format!("an answer that is not protobuf ({e})"))
}
