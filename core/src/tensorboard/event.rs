//! What an event says: its time, its step, and the values that can go into a row.
//!
//! Owns the few fields that are read of TensorFlow's `Event`, `Summary`, `SummaryMetadata`, `TensorProto` and
//! `HistogramProto`; all others are passed over. Nothing is known of files or rows.

use super::histogram::{self, Histogram};
use alloc::{string::String, vec::Vec};
use runwire_proto::peek::{Field, Fields, Value as Wire};

/// One event of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    /// Seconds since the epoch.
    pub(super) wall: f64,
    pub(super) step: i64,
    pub(super) values: Vec<(String, Value)>,
    /// Tags of values that can't be shown, and why.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// A value with a place in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Written with the digits that a 32-bit float has.
    Single(f32),
    Double(f64),
    Integer(i64),
    Histogram(Histogram),
}

/// The payload is not an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAnEvent;

/// Reads one payload.
pub(super) fn parse(payload: &[u8]) -> Result<Event, NotAnEvent> {
    let mut event = Event::default();
    for field in fields(payload)? {
        match (field.number, field.value) {
            (1, Wire::Fixed64(bits)) => event.wall = f64::from_bits(bits),
            (2, Wire::Varint(step)) => event.step = step as i64,
            (5, Wire::Bytes(summary)) => {
                for field in fields(summary)? {
                    if let (1, Wire::Bytes(value)) = (field.number, field.value) {
                        read_value(value, &mut event)?;
                    }
                }
            }
            (_, Wire::Varint(_) | Wire::Fixed64(_) | Wire::Bytes(_) | Wire::Fixed32(_)) => {}
        }
    }
    Ok(event)
}

fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, NotAnEvent> {
    Fields::new(message).collect::<Result<_, _>>().map_err(|_| NotAnEvent)
}

fn read_value(message: &[u8], event: &mut Event) -> Result<(), NotAnEvent> {
    let (mut tag, mut plugin) = ("", "");
    // The last of these counts, as in any message.
    let mut found = None;
    for field in fields(message)? {
        match (field.number, field.value) {
            (1, Wire::Bytes(bytes)) => tag = core::str::from_utf8(bytes).map_err(|_| NotAnEvent)?,
            (9, Wire::Bytes(metadata)) => plugin = plugin_of(metadata)?,
            (2, Wire::Fixed32(bits)) => found = Some(Raw::Simple(f32::from_bits(bits))),
            (5, Wire::Bytes(message)) => found = Some(Raw::Histogram(message)),
            (8, Wire::Bytes(message)) => found = Some(Raw::Tensor(message)),
            (_, Wire::Varint(_) | Wire::Fixed64(_) | Wire::Bytes(_) | Wire::Fixed32(_)) => {}
        }
    }
    let read = match (plugin, found) {
        ("" | "scalars", Some(Raw::Simple(value))) => Ok(Value::Single(value)),
        ("scalars", Some(Raw::Tensor(message))) => scalar(tensor(message)?),
        ("" | "histograms", Some(Raw::Histogram(message))) => histogram::of_message(&fields(message)?),
        ("histograms", Some(Raw::Tensor(message))) => histogram_of(&tensor(message)?),
        // Texts, images, graphs and whatever else has no place in a row.
        (_, Some(Raw::Simple(_) | Raw::Tensor(_) | Raw::Histogram(_)) | None) => return Ok(()),
    };
    if tag.is_empty() {
        event.left_out.push((String::new(), "it has no tag"));
        return Ok(());
    }
    match read {
        Ok(value) => event.values.push((tag.into(), value)),
        Err(why) => event.left_out.push((tag.into(), why)),
    }
    Ok(())
}

enum Raw<'a> {
    Simple(f32),
    Tensor(&'a [u8]),
    Histogram(&'a [u8]),
}

fn plugin_of(metadata: &[u8]) -> Result<&str, NotAnEvent> {
    let mut name = "";
    for field in fields(metadata)? {
        if let (1, Wire::Bytes(data)) = (field.number, field.value) {
            for field in fields(data)? {
                if let (1, Wire::Bytes(bytes)) = (field.number, field.value) {
                    name = core::str::from_utf8(bytes).map_err(|_| NotAnEvent)?;
                }
            }
        }
    }
    Ok(name)
}

/// The numbers of a tensor, of the types that occur in summaries.
#[derive(Debug, PartialEq)]
enum Tensor {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Integer(Vec<i64>),
    Other,
}

fn scalar(tensor: Tensor) -> Result<Value, &'static str> {
    const NOT_ONE: &str = "its tensor has not one element";
    match tensor {
        Tensor::Single(values) => <[f32; 1]>::try_from(values).map(|[value]| Value::Single(value)).map_err(|_| NOT_ONE),
        Tensor::Double(values) => <[f64; 1]>::try_from(values).map(|[value]| Value::Double(value)).map_err(|_| NOT_ONE),
        Tensor::Integer(values) => {
            <[i64; 1]>::try_from(values).map(|[value]| Value::Integer(value)).map_err(|_| NOT_ONE)
        }
        Tensor::Other => Err("its tensor is of another type than float, double, int32 and int64"),
    }
}

fn histogram_of(tensor: &Tensor) -> Result<Value, &'static str> {
    let numbers: Vec<f64> = match tensor {
        Tensor::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Tensor::Double(values) => values.clone(),
        Tensor::Integer(_) | Tensor::Other => return Err("its tensor is not of type float or double"),
    };
    histogram::of_rows(&numbers)
}

fn tensor(message: &[u8]) -> Result<Tensor, NotAnEvent> {
    let fields = fields(message)?;
    let kind = fields.iter().rev().find_map(|field| match (field.number, field.value) {
        (1, Wire::Varint(kind)) => Some(kind),
        _ => None,
    });
    let content = fields.iter().rev().find_map(|field| match (field.number, field.value) {
        (4, Wire::Bytes(content)) if !content.is_empty() => Some(content),
        _ => None,
    });
    Ok(match (kind, content) {
        (Some(1), Some(content)) => Tensor::Single(words(content, f32::from_le_bytes)),
        (Some(1), None) => Tensor::Single(repeated_fixed32(&fields, 5)),
        (Some(2), Some(content)) => Tensor::Double(words(content, f64::from_le_bytes)),
        (Some(2), None) => Tensor::Double(repeated_fixed64(&fields, 6)),
        (Some(3), Some(content)) => Tensor::Integer(words(content, |word| i64::from(i32::from_le_bytes(word)))),
        (Some(3), None) => Tensor::Integer(repeated_varint(&fields, 7)),
        (Some(9), Some(content)) => Tensor::Integer(words(content, i64::from_le_bytes)),
        (Some(9), None) => Tensor::Integer(repeated_varint(&fields, 10)),
        (Some(_) | None, _) => Tensor::Other,
    })
}

fn words<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes.chunks_exact(N).filter_map(|word| word.try_into().ok()).map(read).collect()
}

/// A list of floats, packed or not.
fn repeated_fixed32(fields: &[Field<'_>], number: u32) -> Vec<f32> {
    let mut found = Vec::new();
    for field in fields.iter().filter(|field| field.number == number) {
        match field.value {
            Wire::Bytes(packed) => found.extend(words(packed, f32::from_le_bytes)),
            Wire::Fixed32(bits) => found.push(f32::from_bits(bits)),
            Wire::Varint(_) | Wire::Fixed64(_) => {}
        }
    }
    found
}

/// A list of doubles, packed or not.
pub(super) fn repeated_fixed64(fields: &[Field<'_>], number: u32) -> Vec<f64> {
    let mut found = Vec::new();
    for field in fields.iter().filter(|field| field.number == number) {
        match field.value {
            Wire::Bytes(packed) => found.extend(words(packed, f64::from_le_bytes)),
            Wire::Fixed64(bits) => found.push(f64::from_bits(bits)),
            Wire::Varint(_) | Wire::Fixed32(_) => {}
        }
    }
    found
}

/// A list of integers, packed or not.
fn repeated_varint(fields: &[Field<'_>], number: u32) -> Vec<i64> {
    let mut found = Vec::new();
    for field in fields.iter().filter(|field| field.number == number) {
        match field.value {
            Wire::Bytes(mut packed) => {
                while let Ok(value) = prost::encoding::decode_varint(&mut packed) {
                    found.push(value as i64);
                }
            }
            Wire::Varint(value) => found.push(value as i64),
            Wire::Fixed32(_) | Wire::Fixed64(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::support::{self, field_bytes, field_double, field_float, field_varint};
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn tensor_value(tag: &str, plugin: &str, tensor: &[&[u8]]) -> Vec<u8> {
        support::value(tag, plugin, field_bytes(8, &tensor.concat()))
    }

    fn values(value: Vec<u8>) -> Vec<(String, Value)> {
        parse(&support::event(1.0, 1, &value)).unwrap().values
    }

    #[test]
    fn scalars_of_all_kinds() {
        let one = |value| vec![(String::from("t"), value)];
        let float = |kind: u64, list: Vec<u8>| tensor_value("t", "scalars", &[&field_varint(1, kind), &list]);
        assert_eq!(values(support::scalar("t", 0.5)), one(Value::Single(0.5)));
        assert_eq!(values(float(1, field_bytes(5, &2.0f32.to_le_bytes()))), one(Value::Single(2.0)));
        assert_eq!(values(float(1, field_float(5, 2.5))), one(Value::Single(2.5)));
        assert_eq!(values(float(1, field_bytes(4, &3.0f32.to_le_bytes()))), one(Value::Single(3.0)));
        assert_eq!(values(float(2, field_double(6, 1.1))), one(Value::Double(1.1)));
        assert_eq!(values(float(3, field_varint(7, 7))), one(Value::Integer(7)));
        assert_eq!(values(float(3, field_bytes(4, &(-5i32).to_le_bytes()))), one(Value::Integer(-5)));
        assert_eq!(values(float(9, field_varint(10, (-7i64) as u64))), one(Value::Integer(-7)));
        let event = parse(&support::event(1.5, -1, &support::scalar("t", 0.5))).unwrap();
        assert_eq!((event.wall, event.step), (1.5, -1));
    }

    #[test]
    fn what_has_no_place_in_a_row() {
        let left = |value: Vec<u8>| {
            let event = parse(&support::event(1.0, 1, &value)).unwrap();
            assert_eq!(event.values, []);
            event.left_out.len()
        };
        let half = tensor_value("t", "scalars", &[&field_varint(1, 19), &field_varint(13, 0x3c00)]);
        assert_eq!(left(half), 1);
        let two = [1.0f32.to_le_bytes(), 2.0f32.to_le_bytes()].concat();
        assert_eq!(left(tensor_value("t", "scalars", &[&field_varint(1, 1), &field_bytes(4, &two)])), 1);
        assert_eq!(left(support::scalar("", 0.5)), 1);
        assert_eq!(left(tensor_value("t", "", &[&field_varint(1, 1), &field_float(5, 2.5)])), 0);
        assert_eq!(left(tensor_value("t", "text", &[&field_varint(1, 7), &field_bytes(8, b"x")])), 0);
        assert_eq!(left(support::value("t", "foo", field_float(2, 1.0))), 0);
        assert_eq!(parse(&[0xff, 0xff]), Err(NotAnEvent));
        assert_eq!(parse(&[]), Ok(Event::default()));
    }

    #[test]
    fn histograms_as_message_and_as_tensor() {
        let list = |numbers: &[f64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let message = [
            field_double(1, 0.5),
            field_double(2, 2.5),
            field_bytes(6, &list(&[1.0, 2.0, 3.0])),
            field_bytes(7, &list(&[1.0, 2.0, 1.0])),
        ];
        let found = values(support::value("h", "", field_bytes(5, &message.concat())));
        let wanted = Histogram { edges: vec![0.5, 1.0, 2.0, 3.0], counts: vec![1.0, 2.0, 1.0] };
        assert_eq!(found, [(String::from("h"), Value::Histogram(wanted))]);
        let content = field_bytes(4, &list(&[0.0, 1.0, 5.0, 1.5, 2.0, 7.0]));
        let found = values(tensor_value("h", "histograms", &[&field_varint(1, 2), &content]));
        let wanted = Histogram { edges: vec![0.0, 1.5, 2.0], counts: vec![5.0, 7.0] };
        assert_eq!(found, [(String::from("h"), Value::Histogram(wanted))]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_changed_event_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let content = field_bytes(4, &[0; 48]);
            let histogram = tensor_value("h", "histograms", &[&field_varint(1, 2), &content]);
            let mut bytes = support::event(1.0, 3, &[support::scalar("a", 1.0), histogram].concat());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = parse(&bytes);
            let _ = parse(&bytes[..at]);
        }
    }
}
