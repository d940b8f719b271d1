//! Telemetry of a run: merging records, and the form it has in the config.
//!
//! Owns which parts are flags and which are texts. Field numbers are the protocol's; new flags need no change here,
//! since messages are walked on the wire.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use runwire_proto::wire;

use super::value::{Object, Value};

/// The version of the official sidecar whose behaviour this one has; clients and servers compare it.
pub const CORE_VERSION: &str = "0.31.0";

/// `TelemetryRecord.label`: texts, where all other parts are flags.
const LABEL: u32 = 9;
/// `TelemetryRecord.core_version`.
const CORE: u32 = 12;
/// `TelemetryRecord._info`: addressing of the record, not telemetry.
const INFO: u32 = 200;

/// Merges `record` into `into`: flags are or-ed, texts that are set replace.
pub(super) fn merge(into: &mut wire::TelemetryRecord, record: &wire::TelemetryRecord) {
    into.merge(record.encode_to_vec().as_slice()).expect("a message reads what it wrote");
}

/// The value of `_wandb.t`: field numbers to texts, or to the sorted numbers of the flags that are on.
pub(super) fn to_value(record: &wire::TelemetryRecord) -> Value {
    let mut object = Object::new();
    for (number, field) in fields(&record.encode_to_vec()) {
        let value = match (number, field) {
            (INFO, _) | (_, Field::Other) => continue,
            (1..=3 | 8..=10, Field::Bytes(message)) => part(number, message),
            (_, Field::Bytes(text)) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            (_, Field::Number(value)) => Value::Int(value as i64),
        };
        object.insert(number.to_string(), value);
    }
    object.insert(CORE.to_string(), CORE_VERSION.into());
    Value::Object(object)
}

fn part(number: u32, message: &[u8]) -> Value {
    if number == LABEL {
        let texts = fields(message).filter_map(|(number, field)| match field {
            Field::Bytes(text) => Some((number.to_string(), Value::Text(String::from_utf8_lossy(text).into_owned()))),
            Field::Number(_) | Field::Other => None,
        });
        return Value::Object(texts.collect());
    }
    let flags: BTreeSet<u32> =
        fields(message).filter_map(|(number, field)| matches!(field, Field::Number(1)).then_some(number)).collect();
    Value::List(flags.into_iter().map(|number| Value::Int(i64::from(number))).collect::<Vec<_>>())
}

/// What a field holds on the wire.
enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
    Other,
}

/// The fields of an encoded message, as long as it can be read.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u32, Field<'_>)> {
    core::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let (number, wire_type) = decode_key(&mut message).ok()?;
        let field = match wire_type {
            WireType::Varint => Field::Number(decode_varint(&mut message).ok()?),
            WireType::LengthDelimited => {
                let len = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
                let (bytes, rest) = message.split_at_checked(len)?;
                message = rest;
                Field::Bytes(bytes)
            }
            WireType::ThirtyTwoBit => {
                message = message.get(4..)?;
                Field::Other
            }
            WireType::SixtyFourBit => {
                message = message.get(8..)?;
                Field::Other
            }
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        Some((number, field))
    })
}
