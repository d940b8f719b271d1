//! JSON as W&B clients write it: bare `NaN`, `Infinity` and `-Infinity` inside otherwise ordinary text. Knows no run.

use serde_json::Value;
use std::borrow::Cow;

/// Deeper nesting is not looked into.
const DEPTH_MAX: usize = 64;

/// The text with bare non-finite numbers as strings: what a strict parser takes, and what the W&B API answers.
pub(crate) fn strict(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'N' | b'I')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b'N' | b'I' | b'-' => {
                let token = ["NaN", "Infinity", "-Infinity"].into_iter().find(|token| text[at..].starts_with(token));
                if let Some(token) = token {
                    out.push_str(&text[done..at]);
                    out.push('"');
                    out.push_str(token);
                    out.push('"');
                    at += token.len();
                    done = at;
                } else {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Parses such a text; non-finite numbers become strings.
pub(crate) fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(&strict(text)).ok()
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'"' => return next + 1,
            b'\\' => next += 2,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// Calls `found` with the path (`a.b`) and value of every number of an object; objects with `_type` (media) are left out.
/// False if the text is not an object; what was found until then has been reported.
pub(crate) fn numbers(text: &str, path: &mut String, found: &mut impl FnMut(&str, f64)) -> bool {
    let mut scan = Scan { text, bytes: text.as_bytes(), at: 0 };
    scan.blank();
    path.clear();
    scan.object(path, 0, found).is_some()
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn blank(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.blank();
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn object(&mut self, path: &mut String, depth: usize, found: &mut impl FnMut(&str, f64)) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let before = path.len();
        loop {
            self.blank();
            let start = self.at;
            if self.bytes.get(start) != Some(&b'"') {
                return None;
            }
            self.at = string_end(self.bytes, start);
            let raw = self.text.get(start + 1..self.at.checked_sub(1)?)?;
            if depth > 0 {
                path.push('.');
            }
            if raw.contains('\\') {
                path.push_str(&serde_json::from_str::<String>(self.text.get(start..self.at)?).ok()?);
            } else {
                path.push_str(raw);
            }
            self.eat(b':')?;
            self.value(path, depth, found)?;
            path.truncate(before);
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn value(&mut self, path: &mut String, depth: usize, found: &mut impl FnMut(&str, f64)) -> Option<()> {
        self.blank();
        match self.bytes.get(self.at)? {
            b'"' => self.at = string_end(self.bytes, self.at),
            b'{' => {
                let start = self.at;
                let end = self.skip_nested()?;
                let media = self.text.get(start..end)?.contains("\"_type\"");
                if !media && depth + 1 < DEPTH_MAX {
                    self.at = start;
                    self.object(path, depth + 1, found)?;
                }
            }
            b'[' => {
                self.skip_nested()?;
            }
            _ => {
                let start = self.at;
                while !matches!(self.bytes.get(self.at), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
                {
                    self.at += 1;
                }
                match self.text.get(start..self.at)? {
                    "true" | "false" | "null" => {}
                    "NaN" => found(path, f64::NAN),
                    "Infinity" => found(path, f64::INFINITY),
                    "-Infinity" => found(path, f64::NEG_INFINITY),
                    number => found(path, number.parse().ok()?),
                }
            }
        }
        Some(())
    }

    /// Passes over a list or an object, strings included; returns its end.
    fn skip_nested(&mut self) -> Option<usize> {
        let mut open = 0usize;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at = string_end(self.bytes, self.at);
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bare_numbers_outside_strings_become_strings() {
        let text = r#"{"a":NaN,"b":[-Infinity,Infinity,-1],"NaN":"x NaN \" Infinity"}"#;
        let expected = json!({"a": "NaN", "b": ["-Infinity", "Infinity", -1], "NaN": "x NaN \" Infinity"});
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("{"), None);
    }

    #[test]
    fn numbers_are_found_with_their_paths() {
        let text = r#" {"_step": 3, "a" : {"b":{"c":-1.5e3},"s":"x"}, "l":[1,{"z":2}], "t":true, "n":NaN,
            "m":{"_type":"image-file","width":3}, "q\"":1, "e":{} } "#;
        let mut found = Vec::new();
        assert!(numbers(text, &mut String::new(), &mut |path, value| found.push((path.to_owned(), value.to_string()))));
        let expected = [("_step", "3"), ("a.b.c", "-1500"), ("n", "NaN"), ("q\"", "1")];
        assert_eq!(found, expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
        for bad in ["", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":x}", "{\"a\":[", "{\"a\":\"", "{\"a\":1,}"] {
            assert!(!numbers(bad, &mut String::new(), &mut |_, _| {}), "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_passed_over() {
        let text = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
        let mut count = 0;
        assert!(numbers(&text, &mut String::new(), &mut |_, _| count += 1));
        assert_eq!(count, 0);
    }
}
