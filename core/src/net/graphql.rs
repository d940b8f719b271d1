//! What the server's answers to queries and mutations say.

use super::{call::CallError, request::HttpResponse};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// The `data` of an answer with a success status, or what is wrong with it, in the form that clients know.
pub(crate) fn data(response: &HttpResponse) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
    let errors = messages(&answer);
    if !errors.is_empty() {
        return Err(errors.iter().map(|message| format!("input: {message}\n")).collect());
    }
    Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
}

/// The server's own reason in a refusal: the messages of `errors`, else of `error`, else the text, else a placeholder,
/// because clients take an empty reason for none.
pub(crate) fn reason(error: &CallError) -> String {
    let body: Value = serde_json::from_str(&error.text).unwrap_or_default();
    let mut found = messages(&body);
    match found.len() {
        0 => {}
        1 => return found.swap_remove(0),
        _ => return format!("[{}]", found.join("; ")),
    }
    let single = body.get("error").and_then(|e| e.as_str().or_else(|| e.get("message")?.as_str()));
    match single {
        Some(message) => message.to_string(),
        None if error.text.is_empty() => "<no message>".into(),
        None => error.text.clone(),
    }
}

fn messages(answer: &Value) -> Vec<String> {
    let errors = answer.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    errors
        .iter()
        .map(|error| error.get("message").and_then(Value::as_str).unwrap_or("<no message>").to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> CallError {
        CallError { status: 403, text: text.into(), attempts: 1, exhausted: false, certificate: false }
    }

    #[test]
    fn a_reason_is_found_in_every_shape() {
        assert_eq!(reason(&refusal(r#"{"errors":[{"message":"M"}]}"#)), "M");
        assert_eq!(reason(&refusal(r#"{"errors":[{"message":"a"},{"message":"b"}]}"#)), "[a; b]");
        assert_eq!(reason(&refusal(r#"{"error":"no"}"#)), "no");
        assert_eq!(reason(&refusal(r#"{"error":{"message":"no"}}"#)), "no");
        assert_eq!(reason(&refusal("<html>")), "<html>");
        assert_eq!(reason(&refusal("")), "<no message>");
    }

    #[test]
    fn errors_in_a_success_are_errors() {
        let answer = |body: &'static str| HttpResponse { status: 200, body: body.into(), ..Default::default() };
        assert_eq!(data(&answer(r#"{"data":{"a":1},"errors":[{"message":"M"}]}"#)), Err("input: M\n".into()));
        assert_eq!(data(&answer(r#"{"data":{"a":1}}"#)), Ok(serde_json::json!({"a":1})));
        assert_eq!(data(&answer("{}")), Ok(Value::Null));
        assert!(data(&answer("<html>")).is_err());
    }
}
