//! Frames of answers (`ServerResponse`).

use alloc::vec::Vec;
use bytes::Bytes;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use runwire_proto::{
    frame,
    wire::{self, server_response::ServerResponseType},
};

const RESULT_COMMUNICATE: u32 = 2;
const REQUEST_ID: u32 = 10;

/// An answer with this member.
pub(super) fn of(request_id: &[u8], member: ServerResponseType) -> Bytes {
    let response = wire::ServerResponse { server_response_type: Some(member), ..Default::default() };
    framed(request_id, &response.encode_to_vec())
}

/// An answer with no member set.
pub(super) fn empty(request_id: &[u8]) -> Bytes {
    framed(request_id, &[])
}

/// An answer that carries a serialised `Result`.
pub(super) fn result(request_id: &[u8], result: &[u8]) -> Bytes {
    let mut member = Vec::with_capacity(result.len() + 8);
    encode_key(RESULT_COMMUNICATE, WireType::LengthDelimited, &mut member);
    encode_varint(result.len() as u64, &mut member);
    member.extend_from_slice(result);
    framed(request_id, &member)
}

/// An answer that says why there is none.
pub(super) fn error(request_id: &[u8], message: &str) -> Bytes {
    of(request_id, ServerResponseType::ErrorResponse(wire::ServerErrorResponse { message: message.into() }))
}

fn framed(request_id: &[u8], member: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(member.len() + request_id.len() + 4);
    if !request_id.is_empty() {
        encode_key(REQUEST_ID, WireType::LengthDelimited, &mut body);
        encode_varint(request_id.len() as u64, &mut body);
        body.extend_from_slice(request_id);
    }
    body.extend_from_slice(member);
    let mut out = Vec::with_capacity(body.len() + 5);
    frame::encode(&mut out, &body);
    Bytes::from(out)
}
