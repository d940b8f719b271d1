//! Writes values as compact extended JSON.

use alloc::string::String;
use core::fmt::{self, Write as _};

use super::value::Value;

impl fmt::Display for Value {
    /// Compact extended JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::BigInt(text) => f.write_str(text),
            Value::Float(value) => match float_word(*value, ["NaN", "Infinity", "-Infinity"]) {
                Some(word) => f.write_str(word),
                None => write_float(f, *value),
            },
            Value::Text(text) => write_string(f, text),
            Value::List(list) => {
                let mut open = "[";
                for value in list {
                    write!(f, "{open}{value}")?;
                    open = ",";
                }
                f.write_str(if list.is_empty() { "[]" } else { "]" })
            }
            Value::Object(object) => {
                let mut open = "{";
                for (key, value) in object {
                    f.write_str(open)?;
                    write_string(f, key)?;
                    write!(f, ":{value}")?;
                    open = ",";
                }
                f.write_str(if object.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

/// A JSON string, quotes included.
pub(super) fn write_string(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        out.write_str(&text[plain..at])?;
        plain = at + 1;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.write_str(&text[plain..])?;
    out.write_char('"')
}

/// The word for a float that is not finite: NaN, infinity, negative infinity.
pub(super) fn float_word(value: f64, [nan, infinity, negative]: [&'static str; 3]) -> Option<&'static str> {
    match () {
        () if value.is_nan() => Some(nan),
        () if value == f64::INFINITY => Some(infinity),
        () if value == f64::NEG_INFINITY => Some(negative),
        () => None,
    }
}

/// A finite float in the fewest digits that read back as the same value; with an exponent from 1e6 on and below 1e-4.
/// This is how the official client writes numbers, whole ones without a point.
pub(super) fn write_float(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    let mut short = String::new();
    write!(short, "{value:e}")?;
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return write!(out, "{value}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", power.abs())
}
