//! Peeking and decoding agree on any message, whole or damaged.
use proptest::prelude::*;
use prost::Message;
use runwire_proto::fuzzing;
use runwire_proto::wire::{self, history_item, record, request, server_request};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z/.]{1,12}", any::<String>()]
}

fn item() -> impl Strategy<Value = wire::HistoryItem> {
    let value = prop_oneof![
        any::<i32>().prop_map(history_item::Value::None),
        any::<bool>().prop_map(history_item::Value::Boolean),
        any::<i64>().prop_map(history_item::Value::Integer),
        any::<f64>().prop_map(history_item::Value::Number),
        text().prop_map(history_item::Value::Text),
        text().prop_map(history_item::Value::Json),
    ];
    (text(), prop::collection::vec(text(), 0..4), text(), prop::option::of(value))
        .prop_map(|(key, nested_key, value_json, value)| wire::HistoryItem { key, nested_key, value_json, value })
}

fn step() -> impl Strategy<Value = Option<wire::HistoryStep>> {
    prop::option::of(any::<i64>().prop_map(|num| wire::HistoryStep { num }))
}

fn partial_history() -> impl Strategy<Value = wire::PartialHistoryRequest> {
    let info = prop::option::of(text().prop_map(|stream_id| wire::RequestInfo { stream_id }));
    (prop::collection::vec(item(), 0..6), step(), prop::option::of(any::<bool>()), info).prop_map(
        |(item, step, flush, info)| wire::PartialHistoryRequest {
            item,
            step,
            action: flush.map(|flush| wire::HistoryAction { flush }),
            info,
        },
    )
}

fn record_type() -> impl Strategy<Value = record::RecordType> {
    let requests = prop_oneof![
        3 => partial_history().prop_map(|step| Some(request::RequestType::PartialHistory(step))),
        1 => Just(Some(request::RequestType::TestInject(wire::TestInjectRequest::default()))),
        1 => text().prop_map(|cancel_slot| {
            Some(request::RequestType::Cancel(wire::CancelRequest { cancel_slot, ..Default::default() }))
        }),
        1 => Just(None),
    ];
    prop_oneof![
        4 => requests.prop_map(|request_type| record::RecordType::Request(wire::Request { request_type })),
        2 => (prop::collection::vec(item(), 0..3), step()).prop_map(|(item, step)| {
            record::RecordType::History(wire::HistoryRecord { item, step, ..Default::default() })
        }),
        1 => any::<i32>().prop_map(|exit_code| {
            record::RecordType::Exit(wire::RunExitRecord { exit_code, ..Default::default() })
        }),
        1 => Just(record::RecordType::NoopLinkArtifact(())),
    ]
}

fn control() -> impl Strategy<Value = wire::Control> {
    (any::<bool>(), any::<bool>(), text(), text(), any::<i64>(), text()).prop_map(
        |(req_resp, local, relay_id, mailbox_slot, end_offset, connection_id)| wire::Control {
            req_resp,
            local,
            relay_id,
            mailbox_slot,
            flow_control: local,
            end_offset,
            connection_id,
        },
    )
}

fn record() -> impl Strategy<Value = wire::Record> {
    let info = (text(), text()).prop_map(|(stream_id, tracelog_id)| wire::RecordInfo { stream_id, tracelog_id });
    (any::<i64>(), prop::option::of(record_type()), prop::option::of(control()), text(), prop::option::of(info))
        .prop_map(|(num, record_type, control, uuid, info)| wire::Record { num, record_type, control, uuid, info })
}

fn server_request() -> impl Strategy<Value = wire::ServerRequest> {
    let kinds = prop_oneof![
        4 => record().prop_map(|record| Some(server_request::ServerRequestType::RecordPublish(record))),
        1 => record().prop_map(|record| Some(server_request::ServerRequestType::RecordCommunicate(record))),
        1 => any::<i32>().prop_map(|exit_code| {
            let teardown = wire::ServerInformTeardownRequest { exit_code, ..Default::default() };
            Some(server_request::ServerRequestType::InformTeardown(teardown))
        }),
        1 => Just(None),
    ];
    (text(), kinds)
        .prop_map(|(request_id, server_request_type)| wire::ServerRequest { request_id, server_request_type })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        server_request().prop_map(|m| m.encode_to_vec()),
        record().prop_map(|m| m.encode_to_vec()),
        partial_history().prop_map(|m| m.encode_to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn peeks_agree_with_decoding(bytes in message()) {
        fuzzing::peek(&bytes);
    }

    /// Two messages in a row are one merged message.
    #[test]
    fn peeks_agree_on_merged_messages(a in message(), b in message()) {
        fuzzing::peek(&[a, b].concat());
    }

    #[test]
    fn peeks_agree_on_damaged_messages(bytes in message(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>()) {
        let mut bytes = bytes;
        for (at, byte) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        fuzzing::peek(&bytes);
        bytes.truncate(cut.index(bytes.len() + 1));
        fuzzing::peek(&bytes);
    }

    #[test]
    fn peeks_agree_on_noise(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        fuzzing::peek(&bytes);
    }
}
