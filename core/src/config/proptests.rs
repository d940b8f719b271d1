//! Properties of the config's text forms: what is written reads back as the same value.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A reader of the YAML that `yaml` writes, strict about what other readers would not take for text.
struct Reader {
    /// Column of the first character, and the line from there.
    lines: Vec<(usize, String)>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        let line = |line: &str| (line.len() - line.trim_start_matches(' ').len(), line.trim_start_matches(' ').into());
        Self { lines: text.split_terminator('\n').map(line).collect(), at: 0 }
    }

    fn line(&self) -> Option<(usize, String)> {
        self.lines.get(self.at).cloned()
    }

    /// Drops the first `columns` of the current line.
    fn advance(&mut self, columns: usize) {
        let line = &mut self.lines[self.at];
        *line = (line.0 + columns, line.1[columns..].into());
    }

    fn block(&mut self) -> Value {
        let (indent, text) = self.line().expect("a block has a line");
        if text.starts_with("- ") {
            return self.list(indent);
        }
        if text.starts_with("? ") || key_end(&text).is_some() { self.object(indent) } else { self.scalar() }
    }

    fn list(&mut self, indent: usize) -> Value {
        let mut list = vec![];
        while self.line().is_some_and(|(at, text)| at == indent && text.starts_with("- ")) {
            self.advance(2);
            list.push(self.block());
        }
        Value::List(list)
    }

    fn object(&mut self, indent: usize) -> Value {
        let mut object = Object::new();
        while let Some((at, text)) = self.line()
            && at == indent
            && !text.starts_with("- ")
        {
            let key = if text.starts_with("? ") {
                self.advance(2);
                let key = self.scalar();
                assert!(self.line().is_some_and(|(at, text)| at == indent && text.starts_with(':')));
                self.advance(1);
                key
            } else {
                let end = key_end(&text).expect("an entry has a key");
                self.advance(end + 1);
                scalar(&text[..end])
            };
            let Value::Text(key) = key else { panic!("{key:?} is no text") };
            if self.line().is_some_and(|(_, text)| text.is_empty()) {
                self.at += 1;
                object.insert(key, self.block());
            } else {
                self.advance(1);
                object.insert(key, self.scalar());
            }
        }
        Value::Object(object)
    }

    fn scalar(&mut self) -> Value {
        let (_, text) = self.line().expect("a scalar has a line");
        self.at += 1;
        scalar(&text)
    }
}

/// Where the colon is, if the line starts with a key.
fn key_end(text: &str) -> Option<usize> {
    let skip = match text.as_bytes()[0] {
        b'"' => {
            let mut escaped = false;
            1 + text[1..].find(|c| {
                let plain = !escaped;
                escaped = c == '\\' && plain;
                plain && c == '"'
            })? + 1
        }
        b'\'' => text.len() - text[1..].replace("''", "  ").split_once('\'')?.1.len(),
        _ => 0,
    };
    let colon =
        skip + text[skip..].find(": ").or_else(|| text[skip..].ends_with(':').then(|| text.len() - skip - 1))?;
    (skip == 0 || colon == skip).then_some(colon)
}

fn scalar(text: &str) -> Value {
    if let Some(quoted) = text.strip_prefix('\'') {
        return Value::Text(quoted.strip_suffix('\'').expect("a closing quote").replace("''", "'"));
    }
    if text.starts_with('"') {
        return unescape(text);
    }
    assert!(!text.chars().any(char::is_control) && !text.contains(" #") && text.trim_matches(' ') == text, "{text:?}");
    match text {
        "{}" => return Value::Object(Object::new()),
        "[]" => return Value::List(vec![]),
        ".nan" => return Value::Float(f64::NAN),
        ".inf" => return Value::Float(f64::INFINITY),
        "-.inf" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => return Value::Bool(true),
        "false" | "no" | "off" | "n" => return Value::Bool(false),
        "" | "~" | "null" => return Value::Null,
        _ => {}
    }
    assert!(!text.starts_with(['&', '*', '!', '|', '>', '%', '@', '`', '#', ',', ']', '}', '[', '{']), "{text:?}");
    let number = text.replace('_', "");
    if text.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_digit()) {
        if let Ok(value) = number.parse() {
            return Value::Int(value);
        }
        if let Ok(value) = number.parse::<f64>() {
            return if text.contains(['.', 'e']) { Value::Float(value) } else { Value::BigInt(text.into()) };
        }
    }
    Value::Text(text.into())
}

/// JSON escapes and those of YAML's own.
fn unescape(text: &str) -> Value {
    let mut out = String::new();
    let mut chars = text[1..text.len() - 1].chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = chars.next().unwrap();
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let code =
            u32::from_str_radix(&chars.by_ref().take(digits).collect::<String>(), 16).ok().and_then(char::from_u32);
        out.push(match escape {
            '0' => '\0',
            'e' => '\u{1b}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\\' => escape,
            _ => code.unwrap(),
        });
    }
    Value::Text(out)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-20i64..20).prop_map(Value::Int),
        Just(Value::BigInt("123456789012345678901".into())),
        any::<f64>().prop_map(Value::Float),
        (-20i32..20).prop_map(|power| Value::Float(1.25 * 10f64.powi(power))),
        text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(Value::Object),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,6}",
        1 => any::<String>(),
        1 => "[-+0-9.:eExob_yn~ ]{0,6}",
        1 => "[-?:#&*!|>'\"%@`{}\\[\\], \\\\\n\t\r\u{85}\u{a0}\u{feff}\u{2028}=<a]{0,8}",
        1 => "[a-z \\\\\n]{120,140}",
        1 => prop::sample::select(vec!["yes", "No", "null", "2001-01-01", "---", "...", ".inf", "0x1f", "1_000"]).prop_map(String::from),
    ]
}

/// Equal, where NaN equals itself and a float may have come back as the whole number it is.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Float(a), Value::Int(b)) => *a == *b as f64,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        }
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn json_reads_back(value in value()) {
        let read = Value::parse(&value.to_string()).unwrap();
        prop_assert!(same(&value, &read), "{value} {read}");
    }

    #[test]
    fn yaml_reads_back(object in prop::collection::btree_map(text(), value(), 1..6)) {
        let written = yaml::to_yaml(&object);
        let read = Reader::new(&written).block();
        prop_assert!(same(&Value::Object(object), &read), "{written}{read}");
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, likely in "[{}\\[\\]\",:0-9eE.+\\-tfnNIu\\\\ ]{0,40}") {
        for text in [text, likely] {
            if let Ok(value) = Value::parse(&text) {
                let again = Value::parse(&value.to_string()).unwrap();
                prop_assert!(same(&value, &again), "{text}");
            }
        }
    }
}
