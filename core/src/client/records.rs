//! The records that a program's calls become, and what the answers to its questions say.

use super::{RowError, to_json};
use alloc::{string::String, vec};
use runwire_proto::wire::{
    self, files_item::PolicyType, record::RecordType, request::RequestType, response::ResponseType, result::ResultType,
};
use serde::Serialize;

/// Sets a value of the config (`ConfigRecord`).
pub fn config(key: &str, value: &impl Serialize) -> Result<RecordType, RowError> {
    let item = wire::ConfigItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
    Ok(RecordType::Config(wire::ConfigRecord { update: vec![item], ..Default::default() }))
}

/// Sets a value of the summary (`SummaryRecord`).
pub fn summary(key: &str, value: &impl Serialize) -> Result<RecordType, RowError> {
    let item = wire::SummaryItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
    Ok(RecordType::Summary(wire::SummaryRecord { update: vec![item], ..Default::default() }))
}

/// Hands over a file that lies in the folder `files` of the run (`FilesRecord`).
pub fn file(name: impl Into<String>) -> RecordType {
    let item = wire::FilesItem { path: name.into(), policy: PolicyType::Now.into(), ..Default::default() };
    RecordType::Files(wire::FilesRecord { files: vec![item], ..Default::default() })
}

/// Asks for the step of the next row (`HistoryStepRequest`).
pub fn ask_step() -> RequestType {
    RequestType::HistoryStep(wire::HistoryStepRequest::default())
}

/// The step, if the answer says it.
pub fn step(answer: Option<ResultType>) -> Option<i64> {
    let Some(ResultType::Response(wire::Response { response_type: Some(ResponseType::HistoryStepResponse(step)) })) =
        answer
    else {
        return None;
    };
    Some(step.step)
}
