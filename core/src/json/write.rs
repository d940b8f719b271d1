//! Writing JSON text: strings, numbers, and values copied without their white space.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Kind, Value};

/// Where text goes: a [`String`], or the bytes of a message that is being built.
pub trait Out {
    /// Appends `text`.
    fn put(&mut self, text: &str);
}

impl Out for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Out for Vec<u8> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Writes `text` as a JSON string with its quotes, escaping no more than JSON demands.
pub fn write_string(text: &str, out: &mut impl Out) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.put("\"");
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let unicode;
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => {
                let digits = [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                unicode = digits;
                core::str::from_utf8(&unicode).expect("escapes are ASCII")
            }
            0x20..=0xff => continue,
        };
        out.put(&text[from..at]);
        out.put(escape);
        from = at + 1;
    }
    out.put(&text[from..]);
    out.put("\"");
}

/// Resolves the escapes in `raw`, the text between the quotes of a checked JSON string. Half of a surrogate pair, which
/// no Rust string can hold, becomes U+FFFD.
pub fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied();
        rest = rest.get(at + 2..).unwrap_or("");
        match escape {
            Some(b'n') => out.push('\n'),
            Some(b'r') => out.push('\r'),
            Some(b't') => out.push('\t'),
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'u') => {
                let (unit, after) = hex4(rest);
                rest = after;
                let mut found = char::from_u32(unit);
                if let (0xd800..=0xdbff, Some(low)) = (unit, rest.strip_prefix("\\u")) {
                    let (low, after) = hex4(low);
                    if (0xdc00..=0xdfff).contains(&low) {
                        rest = after;
                        found = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                    }
                }
                out.push(found.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(char::from(other)),
            None => {}
        }
    }
    out.push_str(rest);
}

fn hex4(text: &str) -> (u32, &str) {
    let unit = text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (unit.unwrap_or(0xd800), text.get(4..).unwrap_or(""))
}

/// Writes an integer.
pub fn write_i64(value: i64, out: &mut impl Out) {
    out.put(itoa::Buffer::new().format(value));
}

/// Writes a float so that reading it gives the same bits: whole numbers without a fraction, large ones with an exponent
/// such as `e+21`, and the tokens `NaN`, `Infinity`, `-Infinity`.
pub fn write_f64(value: f64, out: &mut impl Out) {
    /// Up to here every whole float is an integer with all its digits.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        return out.put("NaN");
    }
    if value.is_infinite() {
        return out.put(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if value == 0.0 {
        return out.put(if value.is_sign_negative() { "-0" } else { "0" });
    }
    if value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked; a fraction is seen just below")]
        let whole = value as i64;
        #[expect(clippy::cast_precision_loss, reason = "below the range where floats skip integers")]
        if whole as f64 == value {
            return write_i64(whole, out);
        }
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.bytes().position(|byte| byte == b'e') {
        // `1.5e21`: the sign of the exponent is always written.
        Some(at) if !text[at + 1..].starts_with(['-', '+']) => {
            out.put(text[..at].strip_suffix(".0").unwrap_or(&text[..at]));
            out.put("e+");
            out.put(&text[at + 1..]);
        }
        Some(_) => out.put(text),
        None => out.put(text.strip_suffix(".0").unwrap_or(text)),
    }
}

/// Writes a checked number in the form that records use: `3.0` becomes `3` and `-0.0` becomes `-0`; integers that do
/// not fit 64 bits become floats (`1.1805916207174113e+21`); every other text stays as the client wrote it.
pub fn write_number(value: Value<'_>, out: &mut impl Out) {
    let Kind::Float(float) = value.kind else { return out.put(value.text) };
    if !float.is_finite() {
        return write_f64(float, out);
    }
    let Some(point) = value.text.find(['.', 'e', 'E']) else {
        return write_f64(float, out);
    };
    let (whole, rest) = value.text.split_at(point);
    if rest.starts_with('.') && rest[1..].bytes().all(|digit| digit == b'0') {
        // 18 digits always fit 64 bits; more of them get an exponent, since the float is at least 10^16.
        if whole.len() <= 18 { out.put(whole) } else { write_f64(float, out) }
    } else {
        out.put(value.text);
    }
}

/// Copies a checked value without the white space between its tokens, so that it stays on one line.
pub fn write_compact(value: Value<'_>, out: &mut impl Out) {
    if value.compact {
        return out.put(value.text);
    }
    let (mut from, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in value.text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_whitespace() {
            out.put(&value.text[from..at]);
            from = at + 1;
        }
    }
    out.put(&value.text[from..]);
}
