//! Words of the GraphQL language. White space, commas and comments are left out.

use super::{GraphqlError, Place};
use alloc::{string::String, vec::Vec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Number,
    String,
    /// One of `! $ & ( ) ... : = @ [ ] { | }`.
    Mark,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// All words, the last of which is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, GraphqlError> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += bytes[at..].iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(bytes.len() - at);
                continue;
            }
            0xef if text[at..].starts_with('\u{feff}') => {
                at += '\u{feff}'.len_utf8();
                continue;
            }
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                at += 1;
                Kind::Mark
            }
            b'.' if bytes[at..].starts_with(b"...") => {
                at += 3;
                Kind::Mark
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                at += run(&bytes[at..], is_name);
                Kind::Name
            }
            b'-' | b'0'..=b'9' => {
                at = number(text, at)?;
                Kind::Number
            }
            b'"' => {
                at = string(text, at)?;
                Kind::String
            }
            _ => {
                let found = text[at..].chars().next().unwrap_or_default();
                return Err(fail(text, at, alloc::format!("{found:?} is not part of the language")));
            }
        };
        tokens.push(Token { kind, text: &text[start..at], at: start });
    }
    tokens.push(Token { kind: Kind::End, text: "", at });
    Ok(tokens)
}

pub(super) fn fail(text: &str, at: usize, what: impl Into<String>) -> GraphqlError {
    GraphqlError::Syntax { place: Place::of(text, at), what: what.into() }
}

fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn run(bytes: &[u8], of: fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !of(*byte)).unwrap_or(bytes.len())
}

/// The end of the number that begins at `start`.
fn number(text: &str, start: usize) -> Result<usize, GraphqlError> {
    let bytes = text.as_bytes();
    let digits = |at: usize| {
        let count = run(&bytes[at.min(bytes.len())..], |byte| byte.is_ascii_digit());
        if count == 0 { Err(fail(text, at, "a digit is missing")) } else { Ok(at + count) }
    };
    let mut at = start + usize::from(bytes[start] == b'-');
    let whole = at;
    at = digits(at)?;
    if at - whole > 1 && bytes[whole] == b'0' {
        return Err(fail(text, whole, "a number does not begin with 0"));
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at = digits(at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-'))))?;
    }
    match bytes.get(at) {
        Some(b'.') => Err(fail(text, at, "a number ends here")),
        Some(next) if is_name(*next) => Err(fail(text, at, "a number ends here")),
        Some(_) | None => Ok(at),
    }
}

/// The end of the string that begins at `start`.
fn string(text: &str, start: usize) -> Result<usize, GraphqlError> {
    let bytes = text.as_bytes();
    if bytes[start..].starts_with(b"\"\"\"") {
        let mut at = start + 3;
        while at < bytes.len() {
            if bytes[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if bytes[at..].starts_with(b"\"\"\"") {
                return Ok(at + 3);
            } else {
                at += 1;
            }
        }
        return Err(fail(text, start, "this text has no end"));
    }
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at)?,
            Some(b'\n' | b'\r') | None => return Err(fail(text, start, "this text has no end on its line")),
            Some(_) => at += 1,
        }
    }
}

fn escape(text: &str, at: usize) -> Result<usize, GraphqlError> {
    let bytes = text.as_bytes();
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if bytes.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => Ok(at + 6),
        Some(_) | None => Err(fail(text, at, "this escape is not part of the language")),
    }
}
