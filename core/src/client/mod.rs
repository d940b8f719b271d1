//! What every front end needs: the frames that a client of the service sends, as pure functions.
//!
//! A front end wraps these thinly: it owns a connection and a counter of request ids, and knows nothing of steps.

mod json_text;
mod plan;
pub mod records;
mod row;
mod talk;
mod values;

pub use plan::{Account, Folders, Plan};
pub use row::{Row, RowError, to_json};
pub use talk::{ANSWER, Begin, Beginning, End, Ending, Outcome, Question};

use alloc::{format, string::String, vec::Vec};
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    frame,
    wire::{
        self, record::RecordType, request::RequestType, server_request::ServerRequestType,
        server_response::ServerResponseType,
    },
};

/// Builds the frames of one run. Frames with an id are answered under it.
#[derive(Clone, Debug)]
pub struct Session {
    run_id: String,
    requests: u64,
}

impl Session {
    /// Frames for the run with this id.
    pub fn new(run_id: impl Into<String>) -> Self {
        Session { run_id: run_id.into(), requests: 0 }
    }

    /// A fresh id for a request whose answer is awaited.
    pub fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("r{}", self.requests)
    }

    /// Begins the run (`ServerInformInitRequest`); answered when its log is there.
    pub fn init(&self, request_id: &str, settings: wire::Settings) -> Bytes {
        let init = wire::ServerInformInitRequest { settings: Some(settings), info: Some(self.info()) };
        framed(request_id, ServerRequestType::InformInit(init))
    }

    /// A record of the run (`Record`). An empty `request_id` wants no answer.
    pub fn record(&self, request_id: &str, record: RecordType) -> Bytes {
        let control =
            (!request_id.is_empty()).then(|| wire::Control { mailbox_slot: request_id.into(), ..Default::default() });
        let record = wire::Record { record_type: Some(record), control, info: Some(self.info()), ..Default::default() };
        framed(request_id, ServerRequestType::RecordPublish(record))
    }

    /// A request of the run (`Request`).
    pub fn request(&self, request_id: &str, request: RequestType) -> Bytes {
        self.record(request_id, RecordType::Request(wire::Request { request_type: Some(request) }))
    }

    /// A row (`PartialHistoryRequest`). With a step, the row stays open for more of the same step.
    pub fn row(&self, row: Row, step: Option<i64>) -> Bytes {
        let part = wire::PartialHistoryRequest {
            item: row.into_items(),
            step: step.map(|num| wire::HistoryStep { num }),
            ..Default::default()
        };
        self.request("", RequestType::PartialHistory(part))
    }

    /// Says that nothing more comes (`ServerInformFinishRequest`).
    pub fn finish(&self) -> Bytes {
        framed("", ServerRequestType::InformFinish(wire::ServerInformFinishRequest { info: Some(self.info()) }))
    }

    fn info(&self) -> wire::RecordInfo {
        wire::RecordInfo { stream_id: self.run_id.clone(), ..Default::default() }
    }
}

/// An answer of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request that it answers.
    pub request_id: String,
    /// Its content, or why there is none.
    pub outcome: Result<Option<wire::result::ResultType>, String>,
}

/// Reads answers from a stream of bytes (`ServerResponse`).
#[derive(Debug)]
pub struct Answers {
    decoder: frame::FrameDecoder,
}

impl Answers {
    /// A reader that refuses answers over `limit` bytes.
    pub fn new(limit: u32) -> Self {
        Answers { decoder: frame::FrameDecoder::new(limit) }
    }

    /// Takes bytes, cut anywhere, and gives the answers that are complete. An answer that can't be read ends the list.
    pub fn push(&mut self, bytes: Bytes) -> Vec<Answer> {
        self.responses(bytes).into_iter().map(Answer::from).collect()
    }

    /// The same for a client that asks for more than records: the answers as they are.
    pub fn responses(&mut self, bytes: Bytes) -> Vec<wire::ServerResponse> {
        self.decoder.push(bytes);
        let mut responses = Vec::new();
        while let Ok(Some(body)) = self.decoder.next() {
            let Ok(response) = wire::ServerResponse::decode(&body[..]) else { break };
            responses.push(response);
        }
        responses
    }
}

impl From<wire::ServerResponse> for Answer {
    fn from(response: wire::ServerResponse) -> Self {
        let outcome = match response.server_response_type {
            Some(ServerResponseType::ErrorResponse(error)) => Err(error.message),
            Some(ServerResponseType::ResultCommunicate(result)) => Ok(result.result_type),
            Some(_) | None => Ok(None),
        };
        Answer { request_id: response.request_id, outcome }
    }
}

/// Wants these logs uploaded (`ServerInitSyncRequest`); answered by the id of the upload. `settings` say where to.
pub fn want_upload(request_id: &str, logs: Vec<String>, settings: wire::Settings) -> Bytes {
    let init = wire::ServerInitSyncRequest { path: logs, settings: Some(settings), ..Default::default() };
    framed(request_id, ServerRequestType::InitSync(init))
}

/// Starts an upload (`ServerSyncRequest`), so many runs at a time; answered when it is over.
pub fn start_upload(request_id: &str, id: String, parallelism: u32) -> Bytes {
    framed(request_id, ServerRequestType::Sync(wire::ServerSyncRequest { id, parallelism }))
}

fn framed(request_id: &str, request: ServerRequestType) -> Bytes {
    let request = wire::ServerRequest { request_id: request_id.into(), server_request_type: Some(request) };
    let body = request.encode_to_vec();
    let mut out = Vec::with_capacity(body.len() + frame::HEADER_LEN);
    frame::encode(&mut out, &body);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whatever_the_cuts() {
        let response = wire::ServerResponse {
            request_id: "r1".into(),
            server_response_type: Some(ServerResponseType::ErrorResponse(wire::ServerErrorResponse {
                message: "no".into(),
            })),
        };
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, &response.encode_to_vec());
        frame::encode(
            &mut bytes,
            &wire::ServerResponse { request_id: "r2".into(), ..Default::default() }.encode_to_vec(),
        );
        let mut answers = Answers::new(1 << 20);
        let got: Vec<Answer> = bytes.iter().flat_map(|byte| answers.push(Bytes::copy_from_slice(&[*byte]))).collect();
        assert_eq!(got[0], Answer { request_id: "r1".into(), outcome: Err("no".into()) });
        assert_eq!(got[1], Answer { request_id: "r2".into(), outcome: Ok(None) });
    }

    #[test]
    fn a_row_without_a_step_is_a_whole_row() {
        let mut row = Row::new();
        row.push("loss", f64::NAN);
        let bytes = Session::new("id").row(row, None);
        let request = wire::ServerRequest::decode(&bytes[frame::HEADER_LEN..]).unwrap();
        let Some(ServerRequestType::RecordPublish(record)) = request.server_request_type else { panic!() };
        assert_eq!(record.info.unwrap().stream_id, "id");
        let Some(RecordType::Request(request)) = record.record_type else { panic!() };
        let Some(RequestType::PartialHistory(part)) = request.request_type else { panic!() };
        assert_eq!(part.item[0].value_json, "NaN");
        assert_eq!((part.step, part.action), (None, None));
    }
}
