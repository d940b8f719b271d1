//! Lines on their way to the upload stream, and the text form they have there.
//!
//! Owns lines that settled before they were taken. Does not know offsets at the server or the requests.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::Stream;
use super::lines::{Line, Lines};
use super::stamp::Stamp;

/// One line as it reads now. A line that changes later comes again under the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedLine {
    /// Counted from 0 over both streams; with the run's earlier line count it is the line's upload offset.
    pub number: u64,
    /// The stream that started the line.
    pub stream: Stream,
    /// Unix microseconds at which the line was started.
    pub created: i64,
    /// The text, without line end.
    pub text: String,
}

impl ChangedLine {
    /// The line as servers without structured console lines take it: `[ERROR ]<time> [<label>] <text>`.
    pub fn to_plain(&self, label: Option<&str>) -> String {
        let mut out = String::with_capacity(self.text.len() + 40);
        if self.stream == Stream::Stderr {
            out.push_str("ERROR ");
        }
        let stamp = Stamp::from_unix_micros(self.created).line();
        let written = match label.filter(|label| !label.is_empty()) {
            Some(label) => write!(out, "{stamp} [{label}] {}", self.text),
            None => write!(out, "{stamp} {}", self.text),
        };
        written.expect("writing to a String cannot fail");
        out
    }

    /// The line as servers with the feature `STRUCTURED_CONSOLE_LOGS` take it: one JSON object.
    pub fn to_structured(&self, label: Option<&str>) -> String {
        let mut out = String::with_capacity(self.text.len() + 80);
        out.push('{');
        if self.stream == Stream::Stderr {
            out.push_str("\"level\":\"error\",");
        }
        write!(out, "\"ts\":\"{}\"", Stamp::from_unix_micros(self.created).line())
            .expect("writing to a String cannot fail");
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            out.push_str(",\"label\":");
            push_json(&mut out, label);
        }
        out.push_str(",\"content\":");
        push_json(&mut out, &self.text);
        out.push('}');
        out
    }
}

/// A JSON string in which `<`, `>`, `&` and the two line separators are escaped, as the server has always got them.
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        if short.is_empty() {
            write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Settled lines that wait to be taken.
#[derive(Debug)]
pub(super) struct Changed {
    settled: VecDeque<ChangedLine>,
    bytes: usize,
    max_bytes: usize,
    dropped: u64,
}

impl Changed {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { settled: VecDeque::new(), bytes: 0, max_bytes, dropped: 0 }
    }

    /// Takes over a line that left the window. Beyond the bound the oldest waiting lines are given up.
    pub(super) fn on_settled(&mut self, number: u64, line: Line) {
        if !line.fresh {
            return;
        }
        let line = ChangedLine { number, stream: line.stream, created: line.created, text: line.text.into_string() };
        self.bytes += cost(&line);
        self.settled.push_back(line);
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.settled.pop_front()
        {
            self.bytes -= cost(&oldest);
            self.dropped += 1;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn is_dirty(&self, lines: &Lines) -> bool {
        !self.settled.is_empty() || lines.has_fresh()
    }

    pub(super) fn take(&mut self, lines: &mut Lines) -> Vec<ChangedLine> {
        self.bytes = 0;
        let mut taken = Vec::from(core::mem::take(&mut self.settled));
        lines.take_fresh(|number, line, text| {
            taken.push(ChangedLine { number, stream: line.stream, created: line.created, text });
        });
        taken
    }
}

fn cost(line: &ChangedLine) -> usize {
    line.text.len() + size_of::<ChangedLine>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stream: Stream, text: &str) -> ChangedLine {
        ChangedLine { number: 0, stream, created: 0, text: text.into() }
    }

    #[test]
    fn run_53_a_label_stands_between_time_and_text() {
        let bad = line(Stream::Stderr, "bad");
        assert_eq!(bad.to_plain(Some("lab/el 1")), "ERROR 1970-01-01T00:00:00.000000 [lab/el 1] bad");
        assert_eq!(line(Stream::Stdout, "").to_plain(Some("")), "1970-01-01T00:00:00.000000 ");
    }

    #[test]
    fn run_54_structured_lines_are_json_without_level_for_stdout() {
        assert_eq!(
            line(Stream::Stdout, "x <&> é\t\u{1b}").to_structured(None),
            r#"{"ts":"1970-01-01T00:00:00.000000","content":"x \u003c\u0026\u003e é\t\u001b"}"#
        );
        assert_eq!(
            line(Stream::Stderr, "a\"b").to_structured(Some("w0")),
            r#"{"level":"error","ts":"1970-01-01T00:00:00.000000","label":"w0","content":"a\"b"}"#
        );
    }
}
