//! Peeks: where prost decodes a message, peeking tells the same or asks for a decode.
use crate::peek::{Fields, Item, PartialHistory, PeekError, RecordPeek, Typed, record, server_request};
use crate::wire;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

/// Reads the bytes as each message that can be peeked.
pub fn peek(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let peeked = server_request(&data);
    if let Ok(peeked) = &peeked
        && let Ok(inner) = record(&peeked.body)
    {
        _ = PartialHistory::new(&inner.request_body).map(Iterator::count);
    }
    if let Some((message, peeked)) = both(wire::ServerRequest::decode(data.clone()), peeked) {
        assert_eq!(message.request_id, peeked.request_id);
        same_member(&wire::ServerRequest { request_id: String::new(), ..message }, peeked.kind, &peeked.body);
    }
    if let Some((message, peeked)) = both(wire::Record::decode(data.clone()), record(&data)) {
        same_record(message, &peeked);
    }
    let peeked = PartialHistory::new(&data).and_then(|history| {
        let items: Result<Vec<_>, _> = history.clone().collect();
        Ok((history, items?))
    });
    if let Some((message, (history, items))) = both(wire::PartialHistoryRequest::decode(data.clone()), peeked) {
        assert_eq!(history.step, message.step.map(|step| step.num));
        assert_eq!(history.flush, message.action.map(|action| action.flush));
        assert_eq!(items.len(), message.item.len());
        for (item, expected) in items.iter().zip(&message.item) {
            same_item(item, expected);
        }
    }
}

/// Both readings, where prost accepts the bytes and the peek did not pass the question on.
fn both<M, P>(decoded: Result<M, prost::DecodeError>, peeked: Result<P, PeekError>) -> Option<(M, P)> {
    match (decoded, peeked) {
        (Ok(message), Ok(peeked)) => Some((message, peeked)),
        (Ok(_), Err(PeekError::Unusual)) | (Err(_), _) => None,
        (Ok(_), Err(error)) => panic!("prost decodes what a peek refuses: {error}"),
    }
}

fn same_record(message: wire::Record, peeked: &RecordPeek<'_>) {
    let control = message.control.clone().unwrap_or_default();
    assert_eq!(peeked.num, message.num);
    assert!(peeked.num_present || message.num == 0);
    assert_eq!((peeked.local, peeked.req_resp), (control.local, control.req_resp));
    assert_eq!(peeked.mailbox_slot.unwrap_or_default(), control.mailbox_slot);
    assert_eq!(peeked.connection_id.unwrap_or_default(), control.connection_id);
    assert_eq!(peeked.stream_id.unwrap_or_default(), message.info.clone().unwrap_or_default().stream_id);
    if let Some(wire::record::RecordType::Request(request)) = &message.record_type {
        same_member(request, peeked.request_kind, &peeked.request_body);
    } else {
        assert_eq!((peeked.request_kind, peeked.request_body.len()), (None, 0));
    }
    let member = wire::Record { record_type: message.record_type, ..wire::Record::default() };
    same_member(&member, peeked.kind, &peeked.body);
}

/// `message` has nothing but its oneof: writing kind and body as its only field gives the same message.
fn same_member<M: Message + Default>(message: &M, kind: Option<u32>, body: &[u8]) {
    let canonical = message.encode_to_vec();
    let number = Fields::new(&canonical).next().map(|field| field.expect("prost encodes well").number);
    assert_eq!(number, kind);
    let mut only = Vec::new();
    if let Some(kind) = kind {
        encode_key(kind, WireType::LengthDelimited, &mut only);
        encode_varint(body.len() as u64, &mut only);
        only.extend_from_slice(body);
    }
    let again = M::decode(&only[..]).expect("a part of what prost decoded");
    assert_eq!(again.encode_to_vec(), canonical);
}

fn same_item(item: &Item<'_>, expected: &wire::HistoryItem) {
    use wire::history_item::Value as Wire;
    assert_eq!((item.key, item.value_json), (&expected.key[..], &expected.value_json[..]));
    assert_eq!(item.nested.len(), expected.nested_key.len());
    assert!(item.nested.clone().eq(expected.nested_key.iter().map(String::as_str)));
    match (item.typed, &expected.value) {
        (None, None) | (Some(Typed::Null), Some(Wire::None(_))) => {}
        (Some(Typed::Boolean(a)), Some(Wire::Boolean(b))) => assert_eq!(a, *b),
        (Some(Typed::Integer(a)), Some(Wire::Integer(b))) => assert_eq!(a, *b),
        (Some(Typed::Number(a)), Some(Wire::Number(b))) => assert_eq!(a.to_bits(), b.to_bits()),
        (Some(Typed::Text(a)), Some(Wire::Text(b))) | (Some(Typed::Json(a)), Some(Wire::Json(b))) => assert_eq!(a, b),
        (typed, value) => panic!("{typed:?} is not {value:?}"),
    }
}
