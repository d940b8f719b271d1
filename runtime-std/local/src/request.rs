//! A request and a response as plain values: what the heart takes and gives. Knows no socket.

use serde_json::Value;
use std::borrow::Cow;

/// One HTTP request, complete with its body.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Upper case: `GET`, `POST`, `PUT`.
    pub method: String,
    /// Path and query as sent, percent-encoded: `/files/e/p/r/file_stream`.
    pub target: String,
    /// Header names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body as sent: still compressed if `content-encoding` says so.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with a JSON body.
    pub fn json(method: &str, target: &str, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { method: method.to_owned(), target: target.to_owned(), headers, body: body.to_string().into_bytes() }
    }

    /// Adds a header; the name must be lower case.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of that (lower case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// A value of the query string, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        form_value(query, name)
    }

    /// The segments of the path, decoded one by one: an encoded slash stays inside its segment.
    pub fn segments(&self) -> Vec<String> {
        self.path().split('/').skip(1).map(|part| decode(part).into_owned()).collect()
    }
}

/// A value of `a=1&b=2`, decoded; `+` is a blank.
pub(crate) fn form_value(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == name).then(|| decode(&value.replace('+', " ")).into_owned())
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// One segment of a path, encoded.
pub(crate) fn encode(text: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEEP).to_string()
}

/// One HTTP answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers without `content-length`, which the HTTP layer adds.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", body.to_string().into_bytes())
    }

    /// An error in the two shapes that clients read: `error` and `errors`.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": message, "errors": [{ "message": message }] }))
    }

    /// An answer of any content type.
    pub fn of(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), content_type.to_owned())], body }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_before_it_is_decoded() {
        let request = Request { target: "/files/e%20t/a%2Fb/r?x=1&y=a+b%21".into(), ..Request::default() };
        assert_eq!(request.segments(), ["files", "e t", "a/b", "r"]);
        assert_eq!(request.query("y").as_deref(), Some("a b!"));
        assert_eq!(request.query("z"), None);
        assert_eq!(encode("a/b ü"), "a%2Fb%20%C3%BC");
    }
}
