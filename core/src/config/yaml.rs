//! Writes an object as YAML: the file `config.yaml`.
//!
//! Owns layout and quoting. Laid out as the official client does (four blanks a level, keys in natural order), but every
//! value reads back as what it was, with YAML 1.1 readers too: floats always have a point, and `=` is quoted.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::Write as _;

use super::json::{float_word, write_float};
use super::value::{Object, Value};

/// Columns a level is indented by.
const INDENT: usize = 4;
/// Longest text of a key in front of a colon; readers allow 1024 characters, quoted.
const KEY_CHARS: usize = 128;

/// The object as a YAML document.
pub(super) fn to_yaml(object: &Object) -> String {
    let mut out = String::new();
    if object.is_empty() {
        out.push_str("{}\n");
    } else {
        write_object(&mut out, object, 0, false);
    }
    out
}

/// Writes a non-empty object at column `indent`, which is already reached if `inline`.
fn write_object(out: &mut String, object: &Object, indent: usize, mut inline: bool) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_by(|a, b| natural(a.0, b.0));
    for (key, value) in entries {
        margin(out, indent, &mut inline);
        let mut text = String::new();
        write_text(&mut text, key);
        if text.chars().count() > KEY_CHARS {
            out.push_str("? ");
            out.push_str(&text);
            out.push('\n');
            margin(out, indent, &mut inline);
        } else {
            out.push_str(&text);
        }
        out.push(':');
        let inner = INDENT * (indent / INDENT + 1);
        if let Some(object) = block_object(value) {
            out.push('\n');
            write_object(out, object, inner, false);
        } else if let Some(list) = block_list(value) {
            out.push('\n');
            write_list(out, list, inner, false);
        } else {
            out.push(' ');
            write_scalar(out, value);
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, list: &[Value], indent: usize, mut inline: bool) {
    for value in list {
        margin(out, indent, &mut inline);
        out.push_str("- ");
        if let Some(object) = block_object(value) {
            write_object(out, object, indent + 2, true);
        } else if let Some(list) = block_list(value) {
            write_list(out, list, indent + 2, true);
        } else {
            write_scalar(out, value);
            out.push('\n');
        }
    }
}

fn block_object(value: &Value) -> Option<&Object> {
    value.as_object().filter(|object| !object.is_empty())
}

fn block_list(value: &Value) -> Option<&[Value]> {
    if let Value::List(list) = value
        && !list.is_empty()
    {
        Some(list)
    } else {
        None
    }
}

fn margin(out: &mut String, indent: usize, inline: &mut bool) {
    if !core::mem::take(inline) {
        out.extend(core::iter::repeat_n(' ', indent));
    }
}

fn write_scalar(out: &mut String, value: &Value) {
    let written = match value {
        Value::Null => out.write_str("null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::BigInt(text) => out.write_str(text),
        Value::Float(value) => match float_word(*value, [".nan", ".inf", "-.inf"]) {
            Some(word) => out.write_str(word),
            None => {
                out.push_str(&float(*value));
                Ok(())
            }
        },
        Value::Text(text) => {
            write_text(out, text);
            Ok(())
        }
        Value::List(_) => out.write_str("[]"),
        Value::Object(_) => out.write_str("{}"),
    };
    written.expect("writing to a String cannot fail");
}

/// `1e+20` is text to YAML 1.1 and `-0` a whole number, so both get a point. Other whole floats stay without.
fn float(value: f64) -> String {
    let mut text = String::new();
    write_float(&mut text, value).expect("writing to a String cannot fail");
    if text == "-0" {
        text.push_str(".0");
    } else if let Some(at) = text.find('e')
        && !text.contains('.')
    {
        text.insert_str(at, ".0");
    }
    text
}

fn write_text(out: &mut String, text: &str) {
    if text.chars().any(is_special) || is_ambiguous(text) {
        write_escaped(out, text);
    } else if is_broken_plain(text) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push_str(text);
    }
}

/// Characters that are written as an escape: what YAML readers refuse, take for a line break, or strip.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..)
}

fn write_escaped(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        let written = match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\0' => out.write_str("\\0"),
            '\u{1b}' => out.write_str("\\e"),
            c if !is_special(c) => out.write_char(c),
            '\0'..='\u{ff}' => write!(out, "\\x{:02X}", u32::from(c)),
            '\u{100}'..='\u{ffff}' => write!(out, "\\u{:04X}", u32::from(c)),
            _ => write!(out, "\\U{:08X}", u32::from(c)),
        };
        written.expect("writing to a String cannot fail");
    }
    out.push('"');
}

/// Would some YAML reader take the text for something else than text? Rather quotes too many than one too few.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 12] = ["", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "="];
    let Some(first) = text.chars().next() else { return true };
    let unsigned = text.trim_start_matches(['+', '-']);
    let digit_at = |at: usize| unsigned.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    if WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) || text == "<<" {
        return true;
    }
    if [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return true;
    }
    if first.is_ascii_digit() && text.len() > 4 && text.as_bytes()[4] == b'-' && (1..4).all(digit_at) {
        return true;
    }
    let starts_number = digit_at(0) || (unsigned.starts_with('.') && digit_at(1));
    if !starts_number {
        return false;
    }
    let radix = unsigned.as_bytes().get(1).is_some_and(|byte| matches!(byte | 0x20, b'x' | b'o' | b'b'));
    if unsigned.starts_with('0') && radix {
        return unsigned[2..].bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    let is_number_byte =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'_' | b':' | b'.' | b'e' | b'E' | b'+' | b'-');
    unsigned.bytes().all(is_number_byte) && unsigned.bytes().filter(|byte| *byte == b'.').count() < 2
}

/// Would the text, without quotes, be read as something of YAML's own?
fn is_broken_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let starts = match first {
        Some('-' | '?' | ':') => second.is_none_or(|c| c == ' '),
        Some(c) => ",[]{}#&*!|>'\"%@` ".contains(c),
        None => true,
    };
    starts
        || text.starts_with("---")
        || text.starts_with("...")
        || text.ends_with([' ', ':'])
        || text.contains(": ")
        || text.contains(" #")
}

/// Sorts as people do: runs of digits by their value, signs before digits before letters.
fn natural(a: &str, b: &str) -> Ordering {
    let rank = |c: char| (if c.is_alphabetic() { 2 } else { u8::from(c.is_ascii_digit()) }, c);
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let step = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (split_number(&mut left), split_number(&mut right));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            left = &left[x.len_utf8()..];
            right = &right[y.len_utf8()..];
            rank(x).cmp(&rank(y))
        };
        if step.is_ne() {
            return step;
        }
    }
}

/// Takes the digits at the start, and gives them without leading zeros.
fn split_number<'t>(text: &mut &'t str) -> &'t str {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    *text = rest;
    digits.trim_start_matches('0')
}
