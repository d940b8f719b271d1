//! The frame of a row of numbers, written without any message in between: this is what `log` costs.

use super::Session;
use crate::json;
use alloc::vec::Vec;
use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use runwire_proto::frame;

// Fields of the messages on the way from a frame to a value.
const SERVER_REQUEST_RECORD_PUBLISH: u32 = 1;
const RECORD_REQUEST: u32 = 100;
const RECORD_INFO: u32 = 200;
const INFO_STREAM_ID: u32 = 1;
const REQUEST_PARTIAL_HISTORY: u32 = 10;
const HISTORY_ITEM: u32 = 1;
const ITEM_KEY: u32 = 1;
const ITEM_VALUE_JSON: u32 = 16;

/// Most text of a number.
const NUMBER_BYTES: usize = 32;

impl Session {
    /// A whole row of numbers: the frame that [`Session::row`] makes of them, for less.
    pub fn values(&self, values: &[(&str, f64)]) -> Bytes {
        let mut items = Vec::with_capacity(values.iter().map(|(key, _)| key.len() + NUMBER_BYTES).sum());
        let mut number = Vec::with_capacity(NUMBER_BYTES);
        for (key, value) in values {
            number.clear();
            json::write_f64(*value, &mut number);
            encode_length(
                HISTORY_ITEM,
                field_len(ITEM_KEY, key.len()) + field_len(ITEM_VALUE_JSON, number.len()),
                &mut items,
            );
            encode_field(ITEM_KEY, key.as_bytes(), &mut items);
            encode_field(ITEM_VALUE_JSON, &number, &mut items);
        }
        let run_id = self.run_id.as_bytes();
        let request = field_len(REQUEST_PARTIAL_HISTORY, items.len());
        let info = field_len(INFO_STREAM_ID, run_id.len());
        let record = field_len(RECORD_REQUEST, request) + field_len(RECORD_INFO, info);
        let body = field_len(SERVER_REQUEST_RECORD_PUBLISH, record);
        let mut out = Vec::with_capacity(frame::HEADER_LEN + body);
        let len = u32::try_from(body).expect("a row is less than 4 GiB");
        out.extend_from_slice(&frame::header(len));
        encode_length(SERVER_REQUEST_RECORD_PUBLISH, record, &mut out);
        encode_length(RECORD_REQUEST, request, &mut out);
        encode_length(REQUEST_PARTIAL_HISTORY, items.len(), &mut out);
        out.extend_from_slice(&items);
        encode_length(RECORD_INFO, info, &mut out);
        encode_field(INFO_STREAM_ID, run_id, &mut out);
        out.into()
    }
}

/// Bytes of a field with `len` bytes of content.
fn field_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn encode_length(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

fn encode_field(tag: u32, content: &[u8], out: &mut Vec<u8>) {
    encode_length(tag, content.len(), out);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Row;
    use alloc::string::String;
    use proptest::prelude::*;

    fn by_messages(session: &Session, values: &[(&str, f64)]) -> Bytes {
        let mut row = Row::new();
        values.iter().for_each(|(key, value)| row.push(key, *value));
        session.row(row, None)
    }

    #[test]
    fn it_is_the_frame_that_messages_make() {
        let session = Session::new("run-1");
        let long = "k".repeat(300);
        for values in
            [&[("loss", 0.5), ("acc", f64::NAN), ("big", -1.5e300), ("n", 12.0)][..], &[(long.as_str(), 0.1)], &[]]
        {
            assert_eq!(session.values(values), by_messages(&session, values), "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_row(rows in prop::collection::vec((".{1,40}", any::<f64>()), 0..40), id in "[a-z0-9]{1,200}") {
            let session = Session::new(id);
            let values: Vec<(&str, f64)> = rows.iter().map(|(key, value): &(String, f64)| (key.as_str(), *value)).collect();
            prop_assert_eq!(session.values(&values), by_messages(&session, &values));
        }
    }
}
