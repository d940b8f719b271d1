//! Conformance cases about damaged logs, by their page and number. Where the official reader gives up the rest of a
//! block, this one goes on behind the damage: the numbers of records are at least the official ones.
mod golden;

use golden::{damaged, damaged_names, expected, log, payloads, read};
use prost::Message;
use runwire_proto::log::{Damage, DamageKind, HeaderError, LogEvent, LogReader, Tail, read_all};
use runwire_proto::wire;

/// How many records, and the damage.
fn outcome(prefix: &str) -> (usize, Vec<Damage>) {
    let (records, damage) = read(&damaged(prefix));
    (records.len(), damage)
}

/// A log with one stretch of damage: records read, kind, bytes lost, records missing by their numbers.
fn one(prefix: &str) -> (usize, DamageKind, u64, Option<u64>) {
    let (records, damage) = outcome(prefix);
    assert_eq!(damage.len(), 1, "{prefix}: {damage:?}");
    (records, damage[0].kind, damage[0].length, damage[0].records_lost_estimate)
}

/// Records until the reader wants more, and the tail then.
fn live(file: &[u8]) -> (usize, Tail) {
    let mut reader = LogReader::new();
    reader.push(file);
    let mut records = 0;
    loop {
        match reader.next() {
            LogEvent::Record { .. } => records += 1,
            LogEvent::NeedMore(tail) => return (records, tail),
            event @ (LogEvent::Damage(_) | LogEvent::Fatal(_)) => panic!("{event:?}"),
        }
    }
}

fn fatal(prefix: &str) -> HeaderError {
    match &read_all(&damaged(prefix)).collect::<Vec<_>>()[..] {
        [LogEvent::Fatal(error)] => *error,
        events => panic!("{events:?}"),
    }
}

#[test]
fn no_damaged_log_gives_fewer_records_than_the_official_reader() {
    let expected = expected();
    for name in damaged_names() {
        let events: Vec<_> = read_all(&damaged(&name[..3])).collect();
        let good = |event: &&LogEvent| matches!(event, LogEvent::Record { bytes, .. } if wire::Record::decode(bytes.clone()).is_ok());
        let ours = events.iter().filter(good).count() as u64;
        let theirs = expected[&name]["reader"]["records_printed"].as_u64().unwrap();
        assert!(ours >= theirs, "{name}: {ours} < {theirs}");
    }
}

#[test]
fn no_damaged_log_gives_a_record_that_was_not_written() {
    let mut written = payloads("01_scalars");
    written.extend(payloads("03a_steps140"));
    // The records that were put in on purpose.
    written.extend([&b"\xff\xff\xff\xff"[..], b"\x08\x63\xca\x3e\x02hi", b""].map(Into::into));
    for name in damaged_names() {
        for event in read_all(&damaged(&name[..3])) {
            if let LogEvent::Record { offset, bytes } = event {
                assert!(written.contains(&bytes), "{name} at {offset}");
            }
        }
    }
}

#[test]
fn log_and_sync_21_empty_file() {
    assert_eq!(live(&damaged("d01")), (0, Tail::Clean));
    assert_eq!(outcome("d01"), (0, vec![]));
    let mut reader = LogReader::new();
    reader.finish();
    assert_eq!(reader.next(), LogEvent::NeedMore(Tail::Clean));
    assert_eq!(reader.resume_offset(), 0);
}

#[test]
fn log_and_sync_22_part_of_a_file_header_is_incomplete() {
    assert_eq!(live(&damaged("d02")), (0, Tail::Incomplete { offset: 0 }));
    assert_eq!(one("d02"), (0, DamageKind::Truncated, 3, None));
}

#[test]
fn log_and_sync_23_header_only_is_no_complaint() {
    assert_eq!(live(&damaged("d03")), (0, Tail::Clean));
    assert_eq!(outcome("d03"), (0, vec![]));
}

#[test]
fn log_and_sync_24_bad_headers() {
    assert_eq!(fatal("d04"), HeaderError::BadIdentifier { found: *b":X&B" });
    assert_eq!(fatal("d05"), HeaderError::BadMagic { found: 0xbee2 });
    assert_eq!(fatal("d07"), HeaderError::BadIdentifier { found: *b"this" });
    assert_eq!(fatal("d22"), HeaderError::BadIdentifier { found: [0; 4] });
}

#[test]
fn log_and_sync_25_newer_version() {
    assert_eq!(fatal("d06"), HeaderError::NewerVersion { found: 1 });
}

#[test]
fn log_and_sync_26_cut_inside_a_record() {
    for (prefix, length) in [("d08", 3), ("d09", 7), ("d10", 40)] {
        assert_eq!(live(&damaged(prefix)), (6, Tail::Incomplete { offset: 531 }));
        assert_eq!(one(prefix), (6, DamageKind::Truncated, length, None));
    }
}

#[test]
fn log_and_sync_27_cut_at_a_record_end() {
    assert_eq!(live(&damaged("d11")), (7, Tail::Clean));
    assert_eq!(outcome("d11"), (7, vec![]));
}

#[test]
fn log_and_sync_28_a_flipped_bit_costs_one_record_or_none() {
    assert_eq!(one("d12"), (21, DamageKind::Checksum, 151, Some(1)));
    assert_eq!(one("d13"), (22, DamageKind::LengthRepaired { stored: 128, actual: 144 }, 0, Some(0)));
    // Nothing is judged while the file may still change.
    assert_eq!(live(&damaged("d12")), (6, Tail::Incomplete { offset: 531 }));
}

#[test]
fn log_and_sync_29_unknown_and_orphan_chunks_are_reported() {
    assert_eq!(one("d14"), (21, DamageKind::UnknownType { chunk_type: 9 }, 151, Some(1)));
    assert_eq!(one("d34"), (22, DamageKind::Orphan, 10, Some(0)));
}

#[test]
fn log_and_sync_30_garbage_tail() {
    assert_eq!(live(&damaged("d15")), (22, Tail::Incomplete { offset: 2290 }));
    assert_eq!(one("d15"), (22, DamageKind::UnknownType { chunk_type: 7 }, 100, None));
    assert_eq!(live(&damaged("d17")), (22, Tail::Incomplete { offset: 2290 }));
    assert_eq!(one("d17"), (22, DamageKind::Truncated, 3, None));
}

#[test]
fn log_and_sync_31_zero_tail_may_be_cured_and_is_reported_at_the_end() {
    for (prefix, length) in [("d16", 500), ("d18", 30_478)] {
        assert_eq!(live(&damaged(prefix)), (22, Tail::Incomplete { offset: 2290 }));
        assert_eq!(one(prefix), (22, DamageKind::Zeroed, length, None));
    }
}

#[test]
fn log_and_sync_32_zeros_to_the_block_end() {
    assert_eq!(one("d19"), (13, DamageKind::Zeroed, 31_730, Some(9)));
}

#[test]
fn log_and_sync_33_zeros_over_one_record() {
    assert_eq!(one("d20"), (21, DamageKind::Zeroed, 151, Some(1)));
}

#[test]
fn log_and_sync_34_damage_inside_a_block_leaves_its_rest() {
    assert_eq!(one("d21"), (426, DamageKind::Checksum, 97, Some(1)));
    assert_eq!(one("d27"), (424, DamageKind::UnknownType { chunk_type: 66 }, 248, Some(3)));
    assert_eq!(one("d42"), (427, DamageKind::LengthRepaired { stored: 65_535, actual: 90 }, 0, Some(0)));
}

#[test]
fn log_and_sync_35_a_bad_part_costs_its_record() {
    assert_eq!(one("d24"), (426, DamageKind::Checksum, 113, Some(1)));
    assert_eq!(one("d25"), (426, DamageKind::Checksum, 113, Some(1)));
}

#[test]
fn log_and_sync_36_cut_at_a_block_end() {
    assert_eq!(live(&damaged("d26")), (384, Tail::Incomplete { offset: 32_712 }));
    assert_eq!(one("d26"), (384, DamageKind::Truncated, 56, None));
}

#[test]
fn log_and_sync_37_a_record_that_is_no_message_is_given_out_as_written() {
    let (records, damage) = read(&damaged("d28"));
    assert!(damage.is_empty());
    let bad: Vec<_> = records.iter().filter(|(_, bytes)| wire::Record::decode(bytes.clone()).is_err()).collect();
    assert_eq!((records.len(), bad.len()), (23, 1));
    assert_eq!(bad[0].1[..], [0xff; 4]);
}

#[test]
fn log_and_sync_38_unknown_and_empty_records() {
    assert_eq!(outcome("d29"), (23, vec![]));
    assert_eq!(outcome("d30"), (23, vec![]));
}

#[test]
fn log_and_sync_39_zeroed_block_and_missing_run() {
    assert_eq!(outcome("d31"), (21, vec![]));
    assert_eq!(one("d23"), (42, DamageKind::Zeroed, 32_818, Some(385)));
}

#[test]
fn log_and_sync_40_41_missing_and_shuffled_records_are_no_damage() {
    assert_eq!(outcome("d32"), (21, vec![]));
    assert_eq!(outcome("d33"), (21, vec![]));
    assert_eq!(outcome("d39"), (22, vec![]));
}

#[test]
fn log_and_sync_42_a_record_inside_a_record_is_kept() {
    assert_eq!(one("d35"), (22, DamageKind::Unfinished, 27, Some(0)));
}

#[test]
fn log_and_sync_43_all_checksums_wrong() {
    assert_eq!(one("d36"), (0, DamageKind::Checksum, 2283, None));
}

#[test]
fn log_and_sync_44_45_records_after_exit_are_read() {
    assert_eq!(outcome("d37"), (23, vec![]));
    assert_eq!(outcome("d38"), (24, vec![]));
}

#[test]
fn log_and_sync_46_wrong_lengths_are_repaired() {
    assert_eq!(one("d40"), (22, DamageKind::LengthRepaired { stored: 65_535, actual: 144 }, 0, Some(0)));
    assert_eq!(live(&damaged("d41")), (6, Tail::Incomplete { offset: 531 }));
    assert_eq!(one("d41"), (22, DamageKind::LengthRepaired { stored: 5000, actual: 144 }, 0, Some(0)));
}

#[test]
fn log_and_sync_47_killed_runs() {
    assert_eq!(live(&log("13b_killed_before_flush")), (0, Tail::Clean));
    assert_eq!(live(&log("13a_killed_after_flush")), (22, Tail::Clean));
    let (records, tail) = live(&log("13c_killed_block_boundary"));
    assert!(matches!(tail, Tail::Incomplete { .. }));
    assert_eq!(records, 207);
    let (records, damage) = read(&log("13c_killed_block_boundary"));
    assert_eq!((records.len(), damage.len(), damage[0].kind), (207, 1, DamageKind::Truncated));
}

#[test]
fn a_page_that_arrives_late_is_no_damage() {
    let whole = log("03b_steps450");
    // Two pages read as zeros at first, one of them over a block end, and the file ends there for now.
    let mut early = whole[..40_000].to_vec();
    early[30_000..].fill(0);
    let mut reader = LogReader::new();
    reader.push(&early);
    let mut records = Vec::new();
    let offset = loop {
        match reader.next() {
            LogEvent::Record { bytes, .. } => records.push(bytes),
            LogEvent::NeedMore(Tail::Incomplete { offset }) => break offset,
            event @ (LogEvent::NeedMore(Tail::Clean) | LogEvent::Damage(_) | LogEvent::Fatal(_)) => panic!("{event:?}"),
        }
    };
    assert!(offset < 30_000);
    assert_eq!(reader.rewind(), offset);
    reader.push(&whole[offset as usize..]);
    loop {
        match reader.next() {
            LogEvent::Record { bytes, .. } => records.push(bytes),
            LogEvent::NeedMore(tail) => break assert_eq!(tail, Tail::Clean),
            event @ (LogEvent::Damage(_) | LogEvent::Fatal(_)) => panic!("{event:?}"),
        }
    }
    assert!(records == payloads("03b_steps450"));
}
