//! Records of a run that a program makes for an engine of its own.

use prost::Message;
use runwire_core::{ClientId, Input};
use runwire_proto::wire::{self, record::RecordType, request::RequestType};
use std::path::Path;

/// The settings of an offline run with its log in `dir`.
pub fn settings(dir: &Path, run_id: &str) -> wire::Settings {
    wire::Settings {
        offline: Some(true),
        run_id: Some(run_id.into()),
        sync_dir: Some(dir.display().to_string()),
        sync_file: Some(dir.join(format!("run-{run_id}.wandb")).display().to_string()),
        x_disable_stats: Some(true),
        ..Default::default()
    }
}

/// A record as an input of the engine.
pub fn input(record: RecordType) -> Input {
    let record = wire::Record { record_type: Some(record), ..Default::default() };
    Input::Record { client: ClientId(1), ticket: None, record: record.encode_to_vec().into() }
}

/// The record that begins a run.
pub fn run(run_id: &str) -> RecordType {
    RecordType::Run(wire::RunRecord { run_id: run_id.into(), ..Default::default() })
}

/// A whole row. Values are JSON.
pub fn row(values: &[(&str, String)]) -> RecordType {
    let item = |(key, value): &(&str, String)| wire::HistoryItem {
        key: (*key).into(),
        value_json: value.clone(),
        ..Default::default()
    };
    let part = wire::PartialHistoryRequest {
        item: values.iter().map(item).collect(),
        action: Some(wire::HistoryAction { flush: true }),
        ..Default::default()
    };
    RecordType::Request(wire::Request { request_type: Some(RequestType::PartialHistory(part)) })
}

/// The record that ends a run.
pub fn exit() -> RecordType {
    RecordType::Exit(wire::RunExitRecord::default())
}
