//! The two envelopes of the client socket: a server request and the record inside it.
//!
//! Owns which fields of them the hot path needs. It must not know what the bodies mean.
use super::{Fields, PeekError, Value, non_empty, record_kind, text};
use bytes::Bytes;

/// What a [`ServerRequest`](crate::wire::ServerRequest) carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRequestPeek<'a> {
    /// Field number of the oneof member; `None` for an empty or unknown one.
    pub kind: Option<u32>,
    /// The serialized member, a slice of the peeked message; empty without one.
    pub body: Bytes,
    /// `request_id`, empty when the client expects no answer by id.
    pub request_id: &'a str,
}

/// What a [`Record`](crate::wire::Record) carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPeek<'a> {
    /// Field number of the oneof member; `None` for an empty or unknown one.
    pub kind: Option<u32>,
    /// The serialized member, a slice of the peeked message; empty without one.
    pub body: Bytes,
    /// `num`, 0 when absent.
    pub num: i64,
    /// Whether `num` stands on the wire at all, be it 0.
    pub num_present: bool,
    /// `control.local`: the record is not to be stored.
    pub local: bool,
    /// `control.req_resp`: the client waits for a result.
    pub req_resp: bool,
    /// `control.mailbox_slot`; `None` when absent or empty.
    pub mailbox_slot: Option<&'a str>,
    /// `control.connection_id`; `None` when absent or empty.
    pub connection_id: Option<&'a str>,
    /// `_info.stream_id`; `None` when absent or empty.
    pub stream_id: Option<&'a str>,
    /// For a `request` record, the field number of its own oneof member.
    pub request_kind: Option<u32>,
    /// The serialized request member, a slice of the peeked message; empty without one.
    pub request_body: Bytes,
}

/// The member of a oneof, as far as it was scanned.
#[derive(Default)]
struct Member<'a> {
    kind: Option<u32>,
    body: &'a [u8],
}

impl<'a> Member<'a> {
    fn set(&mut self, number: u32, value: Value<'a>) -> Result<(), PeekError> {
        let Value::Bytes(body) = value else { return Err(PeekError::WrongType { number }) };
        // Decoding merges a member into an equal one before it.
        if self.kind == Some(number) {
            return Err(PeekError::Unusual);
        }
        *self = Member { kind: Some(number), body };
        Ok(())
    }
}

/// Reads kind, body and id of a server request.
///
/// # Errors
/// See [`PeekError`].
pub fn server_request(message: &Bytes) -> Result<ServerRequestPeek<'_>, PeekError> {
    let mut member = Member::default();
    let mut request_id = "";
    for field in Fields::new(message) {
        let field = field?;
        match (field.number, field.value) {
            (10, Value::Bytes(id)) => request_id = text(10, id)?,
            (1..=7 | 9 | 11..=20, value) => member.set(field.number, value)?,
            (10, _) => return Err(PeekError::WrongType { number: 10 }),
            _ => {}
        }
    }
    Ok(ServerRequestPeek { kind: member.kind, body: slice(message, member.body), request_id })
}

/// Reads kind, body and routing fields of a record, and of the request inside a request record.
///
/// # Errors
/// See [`PeekError`].
pub fn record(message: &Bytes) -> Result<RecordPeek<'_>, PeekError> {
    let mut member = Member::default();
    let mut peek = RecordPeek {
        kind: None,
        body: Bytes::new(),
        num: 0,
        num_present: false,
        local: false,
        req_resp: false,
        mailbox_slot: None,
        connection_id: None,
        stream_id: None,
        request_kind: None,
        request_body: Bytes::new(),
    };
    for field in Fields::new(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Varint(num)) => {
                peek.num = num as i64;
                peek.num_present = true;
            }
            (16, Value::Bytes(control)) => read_control(control, &mut peek)?,
            (19, Value::Bytes(uuid)) => _ = text(19, uuid)?,
            (200, Value::Bytes(info)) => read_info(info, &mut peek)?,
            (2..=13 | 17 | 18 | 20..=27 | 100, value) => member.set(field.number, value)?,
            (1 | 16 | 19 | 200, _) => return Err(PeekError::WrongType { number: field.number }),
            _ => {}
        }
    }
    peek.kind = member.kind;
    peek.body = slice(message, member.body);
    if member.kind == Some(record_kind::REQUEST) {
        let mut request = Member::default();
        for field in Fields::new(member.body) {
            let field = field?;
            if is_request_member(field.number) {
                request.set(field.number, field.value)?;
            }
        }
        peek.request_kind = request.kind;
        peek.request_body = slice(message, request.body);
    }
    Ok(peek)
}

/// Members of `Request.request_type`.
fn is_request_member(number: u32) -> bool {
    matches!(number, 1..=14 | 17 | 20 | 21 | 23 | 24 | 64..=74 | 77 | 78 | 81..=84 | 1000)
}

/// `Control`: all members are scalars, so that reading one after the other is what merging them gives.
fn read_control<'a>(control: &'a [u8], peek: &mut RecordPeek<'a>) -> Result<(), PeekError> {
    for field in Fields::new(control) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Varint(value)) => peek.req_resp = value != 0,
            (2, Value::Varint(value)) => peek.local = value != 0,
            (4, Value::Bytes(slot)) => peek.mailbox_slot = non_empty(text(4, slot)?),
            (8, Value::Bytes(id)) => peek.connection_id = non_empty(text(8, id)?),
            (3, Value::Bytes(id)) => _ = text(3, id)?,
            (6 | 7, Value::Varint(_)) => {}
            (1..=4 | 6..=8, _) => return Err(PeekError::WrongType { number: field.number }),
            _ => {}
        }
    }
    Ok(())
}

/// `_RecordInfo`
fn read_info<'a>(info: &'a [u8], peek: &mut RecordPeek<'a>) -> Result<(), PeekError> {
    for field in Fields::new(info) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Bytes(id)) => peek.stream_id = non_empty(text(1, id)?),
            (100, Value::Bytes(id)) => _ = text(100, id)?,
            (1 | 100, _) => return Err(PeekError::WrongType { number: field.number }),
            _ => {}
        }
    }
    Ok(())
}

/// `part` lies within `whole`, or is empty.
fn slice(whole: &Bytes, part: &[u8]) -> Bytes {
    if part.is_empty() { Bytes::new() } else { whole.slice_ref(part) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;
    use alloc::string::ToString;
    use prost::Message;

    fn sample() -> wire::Record {
        let step = wire::PartialHistoryRequest { step: Some(wire::HistoryStep { num: 3 }), ..Default::default() };
        let request = wire::Request { request_type: Some(wire::request::RequestType::PartialHistory(step)) };
        wire::Record {
            num: 7,
            record_type: Some(wire::record::RecordType::Request(request)),
            control: Some(wire::Control { mailbox_slot: "slot".to_string(), local: true, ..Default::default() }),
            info: Some(wire::RecordInfo { stream_id: "run".to_string(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_published_step_is_found_without_decoding() {
        let request = wire::ServerRequest {
            request_id: "id".to_string(),
            server_request_type: Some(wire::server_request::ServerRequestType::RecordPublish(sample())),
        };
        let bytes = Bytes::from(request.encode_to_vec());
        let outer = server_request(&bytes).unwrap();
        assert_eq!((outer.kind, outer.request_id), (Some(super::super::server_request_kind::RECORD_PUBLISH), "id"));
        let inner = record(&outer.body).unwrap();
        assert_eq!((inner.kind, inner.num, inner.num_present, inner.local), (Some(100), 7, true, true));
        assert_eq!((inner.mailbox_slot, inner.stream_id), (Some("slot"), Some("run")));
        assert_eq!(inner.request_kind, Some(super::super::request_kind::PARTIAL_HISTORY));
        assert_eq!(inner.request_body, [0x12, 2, 8, 3][..]);
        assert!(bytes.as_ptr_range().contains(&inner.request_body.as_ptr()), "no copy");
    }

    #[test]
    fn empty_messages_have_no_kind() {
        assert_eq!(server_request(&Bytes::new()).unwrap().kind, None);
        let empty = Bytes::new();
        let peek = record(&empty).unwrap();
        assert_eq!((peek.kind, peek.num_present, peek.stream_id), (None, false, None));
    }

    #[test]
    fn the_last_member_wins_and_merging_is_left_to_decoding() {
        // history {}, exit {}, then history again: the first is forgotten.
        let bytes = Bytes::from_static(&[0x12, 0, 0x92, 0x01, 0, 0x12, 2, 0x12, 0]);
        let peek = record(&bytes).unwrap();
        assert_eq!((peek.kind, peek.body.len()), (Some(2), 2));
        let twice = Bytes::from_static(&[0x12, 0, 0x12, 2, 0x12, 0]);
        assert_eq!(record(&twice), Err(PeekError::Unusual));
    }

    #[test]
    fn wrong_wire_types_and_bad_text_are_refused() {
        assert_eq!(record(&Bytes::from_static(&[0x10, 1])), Err(PeekError::WrongType { number: 2 }));
        assert_eq!(server_request(&Bytes::from_static(&[0x52, 1, 0xff])), Err(PeekError::NotUtf8 { number: 10 }));
        assert_eq!(record(&Bytes::from_static(&[0x82, 0x01, 3, 0x22, 1, 0xff])), Err(PeekError::NotUtf8 { number: 4 }));
    }
}
