//! Event files for tests, written by hand.

use super::framing::masked;
use alloc::vec::Vec;
use prost::encoding::{WireType, encode_key, encode_varint};

pub(super) fn field_varint(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::Varint, &mut out);
    encode_varint(value, &mut out);
    out
}

pub(super) fn field_bytes(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

pub(super) fn field_double(number: u32, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::SixtyFourBit, &mut out);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

pub(super) fn field_float(number: u32, value: f32) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::ThirtyTwoBit, &mut out);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

/// A `Summary.Value` as a field of a `Summary`; `rest` is its value's own field.
pub(super) fn value(tag: &str, plugin: &str, rest: Vec<u8>) -> Vec<u8> {
    let mut body = [field_bytes(1, tag.as_bytes()), rest].concat();
    if !plugin.is_empty() {
        body.extend(field_bytes(9, &field_bytes(1, &field_bytes(1, plugin.as_bytes()))));
    }
    field_bytes(1, &body)
}

pub(super) fn scalar(tag: &str, number: f32) -> Vec<u8> {
    value(tag, "", field_float(2, number))
}

/// An `Event`; `summary` is the body of its `Summary`.
pub(super) fn event(wall: f64, step: i64, summary: &[u8]) -> Vec<u8> {
    [field_double(1, wall), field_varint(2, step as u64), field_bytes(5, summary)].concat()
}

/// The payload as a record of a file.
pub(super) fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(&length).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend(masked(payload).to_le_bytes());
    out
}
