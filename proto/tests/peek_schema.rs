//! The field numbers that peeks know are those of the schema.
use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::DescriptorPool;
use runwire_proto::peek;
use std::path::Path;

/// A message with one length-delimited field.
fn field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(body.len() as u64, &mut out);
    out.extend_from_slice(body);
    out
}

fn members(pool: &DescriptorPool, message: &str, oneof: &str) -> Vec<u32> {
    let message = pool.get_message_by_name(&format!("wandb_internal.{message}")).expect("message");
    let oneof = message.oneofs().find(|o| o.name() == oneof).expect("oneof");
    let numbers: Vec<u32> = oneof.fields().map(|field| field.number()).collect();
    assert!(numbers.len() > 10);
    numbers
}

#[test]
fn every_oneof_member_is_found_and_nothing_else() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let set = protox::compile(["server.proto"], [schema]).expect("the schema compiles");
    let pool = DescriptorPool::from_file_descriptor_set(set).expect("a pool");
    let server = members(&pool, "ServerRequest", "server_request_type");
    let record = members(&pool, "Record", "record_type");
    let request = members(&pool, "Request", "request_type");
    for number in 1..1100 {
        let expect = |members: &[u32]| members.contains(&number).then_some(number);
        let message = Bytes::from(field(number, b""));
        assert_eq!(peek::server_request(&message).ok().and_then(|p| p.kind), expect(&server), "{number}");
        let kind = peek::record(&message).ok().and_then(|p| p.kind);
        assert_eq!(kind, expect(&record), "{number}");
        let nested = Bytes::from(field(peek::record_kind::REQUEST, &message));
        assert_eq!(peek::record(&nested).ok().and_then(|p| p.request_kind), expect(&request), "{number}");
    }
}
