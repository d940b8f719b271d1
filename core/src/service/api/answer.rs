//! What a server's answer to a query is for the client: the data as it came, or why there is none.
//!
//! The forms of the messages are those that clients of the protocol know; what the server said is kept in them.

use crate::{
    json::{self, Kind, Members},
    net::{CallError, HttpResponse, Outcome, graphql},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{self, api_response::Response};
use serde_json::Value;

/// Bytes of a body that a message shows.
const SHOWN_BYTES: usize = 200;

/// Why a request has no answer: `wandb_internal.ApiErrorResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) message: String,
    /// Zero if no status says it.
    pub(super) status: u16,
}

impl ApiError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        ApiError { message: message.into(), status: 0 }
    }
}

/// The message for a client.
pub(super) fn message(outcome: Result<Response, ApiError>) -> wire::ApiResponse {
    let response = outcome.unwrap_or_else(|error| {
        Response::ApiErrorResponse(wire::ApiErrorResponse {
            message: error.message,
            http_status: i32::from(error.status),
            ..Default::default()
        })
    });
    wire::ApiResponse { response: Some(response) }
}

/// What the body of an answer with a success status says.
pub(super) struct Said<'a> {
    /// The text of `data` as it came; `null` if there is none.
    pub(super) data: &'a str,
    errors: Vec<Value>,
}

/// Reads the body of an answer. `bytes_max` is where it was cut.
pub(super) fn read(response: &HttpResponse, bytes_max: usize) -> Result<Said<'_>, ApiError> {
    if response.body.len() >= bytes_max {
        let why = format!("the server's answer is longer than {} MiB; ask for less at a time", bytes_max >> 20);
        return Err(ApiError::new(why));
    }
    let no_json = |why: &dyn core::fmt::Display| {
        let cut = &response.body[..response.body.len().min(SHOWN_BYTES)];
        ApiError::new(format!("the server's answer is no JSON: {why}: {}", String::from_utf8_lossy(cut).trim()))
    };
    let text = core::str::from_utf8(&response.body).map_err(|error| no_json(&error))?;
    let whole = json::parse(text).map_err(|error| no_json(&error))?;
    let mut said = Said { data: "null", errors: Vec::new() };
    if whole.kind != Kind::Object {
        return Err(no_json(&"it is no object"));
    }
    for member in Members::new(whole.text) {
        let (name, value) = member.map_err(|error| no_json(&error))?;
        match &*name.decode() {
            "data" => said.data = value.text,
            "errors" => said.errors = serde_json::from_str(value.text).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(said)
}

impl<'a> Said<'a> {
    /// The data, unless the server speaks of an error.
    pub(super) fn data(self) -> Result<&'a str, ApiError> {
        if self.errors.is_empty() { Ok(self.data) } else { Err(self.error()) }
    }

    /// Each error on a line, with the place in the query that it is about.
    pub(super) fn error(&self) -> ApiError {
        let line = |error: &Value| {
            let path = error.get("path").and_then(Value::as_array).map(|path| place(path)).unwrap_or_default();
            let space = if path.is_empty() { "" } else { " " };
            format!("input: {path}{space}{}\n", text_of(error))
        };
        ApiError::new(self.errors.iter().map(line).collect::<String>())
    }

    /// Whether the server speaks of an error.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }
}

/// The messages in a refusal's body, which is looked at before the call cuts it.
pub(super) fn messages(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Ok(response) if !response.is_success() => {
            let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            errors.iter().map(text_of).collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// Why a query failed. `messages` are those of its last answer.
pub(super) fn failed(error: &CallError, mut messages: Vec<String>, url: &str) -> ApiError {
    if error.exhausted {
        return given_up(error, "POST", url);
    }
    if error.status == 0 {
        return ApiError::new(error.text.clone());
    }
    let message = match messages.len() {
        0 => format!("returned error {}: {}", error.status, graphql::reason(error)),
        1 => messages.swap_remove(0),
        _ => format!("[{}]", messages.join("; ")),
    };
    ApiError { message, status: error.status }
}

/// All attempts are used up.
pub(super) fn given_up(error: &CallError, method: &str, url: &str) -> ApiError {
    ApiError::new(format!("{method} {url} giving up after {} attempt(s)\nwhile retrying: {error}", error.attempts))
}

/// A path like `project.runs[0].id`.
fn place(path: &[Value]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Value::String(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                out.push_str(&format!("[{step}]"));
            }
        }
    }
    out
}

fn text_of(error: &Value) -> String {
    error.get("message").and_then(Value::as_str).unwrap_or("<no message>").to_string()
}
