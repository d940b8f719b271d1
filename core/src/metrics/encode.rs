//! The few protobuf primitives that rows and checkpoints are written with. Off the hot path the generated messages do
//! this; here a row of a thousand metrics must not allocate a thousand messages.

use alloc::vec::Vec;

use crate::json::Kind;

pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A string field with a field number below 16.
pub(super) fn text_field(field: u8, text: &str, out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Takes one string field, written by [`text_field`], off the front.
pub(super) fn split_text_field(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let mut len = 0_usize;
    let mut shift = 0;
    let mut at = 1;
    loop {
        let byte = *bytes.get(at)?;
        len |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    let (text, rest) = bytes[at..].split_at_checked(len)?;
    Some((core::str::from_utf8(text).expect("text fields are written from strings"), rest))
}

/// One element of the repeated field `field` (`HistoryRecord.item` 1, `SummaryRecord.update` 1 and `remove` 2): the
/// path, then what `typed` wrote, then `value_json` (16) unless it is empty.
pub(super) fn item(field: u8, nested: &[u8], typed: &[u8], value_json: &str, out: &mut Vec<u8>) {
    let json_len = value_json.len() as u64;
    let json_field = if value_json.is_empty() { 0 } else { 2 + varint_len(json_len) + value_json.len() };
    let len = nested.len() + typed.len() + json_field;
    out.reserve(len + 11);
    out.push(field << 3 | 2);
    varint(len as u64, out);
    out.extend_from_slice(nested);
    out.extend_from_slice(typed);
    if !value_json.is_empty() {
        out.extend([0x82, 0x01]);
        varint(json_len, out);
        out.extend_from_slice(value_json.as_bytes());
    }
}

/// The member of the oneof `HistoryItem.value` for a value and its JSON text. `text` is only used for strings: their
/// content without quotes and escapes.
pub(super) fn typed_value(kind: Kind, json: &str, text: &str, out: &mut Vec<u8>) {
    match kind {
        Kind::Null => out.extend([3 << 3, 0]),
        Kind::Bool(value) => out.extend([4 << 3, u8::from(value)]),
        Kind::Int(value) => {
            out.push(5 << 3);
            varint(((value << 1) ^ (value >> 63)) as u64, out);
        }
        Kind::Float(value) => {
            out.push(6 << 3 | 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Kind::String => text_field(7, text, out),
        Kind::Array | Kind::Object => text_field(8, json, out),
    }
}

/// The field `HistoryRecord.step` (2) with its `num` (1).
pub(super) fn history_step(step: i64, out: &mut Vec<u8>) {
    out.push(2 << 3 | 2);
    if step == 0 {
        out.push(0);
    } else {
        let num = step as u64;
        varint(1 + varint_len(num) as u64, out);
        out.push(1 << 3);
        varint(num, out);
    }
}
