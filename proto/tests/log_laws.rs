//! Laws of the transaction log: for any records, any cut of the file, any wrong byte.
mod golden;

use golden::{log, payloads, read, write};
use proptest::prelude::*;
use runwire_proto::fuzzing;
use runwire_proto::log::{BLOCK_LEN, FILE_HEADER, LogEvent, read_all};

/// Records of all kinds of size and content, logs inside of records among them.
fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let content = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..120),
        2 => (0u8..6, 0usize..3000).prop_map(|(byte, size)| vec![byte; size]),
        1 => (any::<u8>(), 30_000usize..70_000).prop_map(|(byte, size)| vec![byte; size]),
        // Ends close to a block end.
        1 => (32_700usize..32_768).prop_map(|size| vec![0x0a; size]),
        2 => prop::collection::vec(prop::collection::vec(0u8..9, 0..20), 1..6).prop_map(|inner| {
            let inner = write(&inner).0;
            [&[0x0a, inner.len() as u8][..], &inner].concat()
        }),
        1 => prop::collection::vec(prop::collection::vec(0u8..9, 0..20), 1..6).prop_map(|inner| write(&inner).0[7..].to_vec()),
    ];
    prop::collection::vec(content, 0..12)
}

/// The canonical layout, said in the plainest way.
fn canonical(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = FILE_HEADER.to_vec();
    for record in records {
        let mut rest = &record[..];
        let mut first = true;
        loop {
            let mut left = 32_768 - out.len() % 32_768;
            if left < 7 {
                out.resize(out.len() + left, 0);
                left = 32_768;
            }
            let (part, after) = rest.split_at(rest.len().min(left - 7));
            let last = after.is_empty();
            let kind = if first && last {
                1
            } else if first {
                2
            } else if last {
                4
            } else {
                3
            };
            let checked = [&[kind], part].concat();
            out.extend_from_slice(&crc32fast::hash(&checked).to_le_bytes());
            out.extend_from_slice(&(part.len() as u16).to_le_bytes());
            out.extend_from_slice(&checked);
            rest = after;
            first = false;
            if last {
                break;
            }
        }
    }
    out
}

/// Where each record's bytes end in the file.
fn ends(file: &[u8], offsets: &[u64]) -> Vec<u64> {
    let mut ends: Vec<u64> = offsets.iter().skip(1).copied().collect();
    if !offsets.is_empty() {
        ends.push(file.len() as u64);
    }
    ends
}

/// A file with one wrong byte: all records that do not hold the byte are there, and nothing that was not written.
fn check_flip(file: &mut [u8], offsets: &[u64], records: &[impl AsRef<[u8]>], at: usize, mask: u8) {
    file[at] ^= mask;
    let ends = ends(file, offsets);
    let (found, damage) = read(file);
    let mut found = found.into_iter().peekable();
    for ((record, &offset), &end) in records.iter().zip(offsets).zip(&ends) {
        if let Some((_, bytes)) = found.next_if(|(found, _)| *found == offset) {
            assert!(bytes == record.as_ref(), "the record at {offset} is not the one written; byte {at} ^ {mask}");
        } else {
            // The padding after a record counts to it here, but cannot cost it.
            assert!((offset..end).contains(&(at as u64)), "the record at {offset} is lost by byte {at} ^ {mask}");
            assert!(!damage.is_empty(), "a silent loss by byte {at} ^ {mask}");
        }
    }
    assert!(found.next().is_none(), "a record that was not written; byte {at} ^ {mask}");
    file[at] ^= mask;
}

#[test]
fn any_wrong_byte_of_a_recorded_log_costs_at_most_its_record() {
    let mut file = log("01_scalars");
    let records = payloads("01_scalars");
    let offsets: Vec<_> = read(&file).0.into_iter().map(|(offset, _)| offset).collect();
    for at in FILE_HEADER.len()..file.len() {
        for mask in [0x01, 0x10, 0x80, 0xff, file[at]] {
            if mask != 0 {
                check_flip(&mut file, &offsets, &records, at, mask);
            }
        }
    }
}

#[test]
fn any_wrong_byte_in_the_file_header_is_fatal() {
    let mut file = log("01_scalars");
    for at in 0..FILE_HEADER.len() {
        file[at] ^= 0x20;
        assert!(matches!(read_all(&file).collect::<Vec<_>>()[..], [LogEvent::Fatal(_)]));
        file[at] ^= 0x20;
    }
}

#[test]
fn any_wrong_byte_around_a_block_end_costs_at_most_its_record() {
    let mut file = log("17_boundaries");
    let records = payloads("17_boundaries");
    let offsets: Vec<_> = read(&file).0.into_iter().map(|(offset, _)| offset).collect();
    for block in 1..9 {
        let end = block * BLOCK_LEN as usize;
        for at in end - 16..end + 16 {
            check_flip(&mut file, &offsets, &records, at, 0x55);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn encoder_is_canonical(records in records()) {
        let (file, _) = write(&records);
        prop_assert!(file == canonical(&records));
        let (found, damage) = read(&file);
        prop_assert!(damage.is_empty());
        prop_assert!(found.into_iter().map(|(_, bytes)| bytes).eq(records));
    }

    #[test]
    fn any_truncation_gives_the_records_before_it(records in records(), cut in any::<prop::sample::Index>(), near in 0usize..12) {
        let (mut file, offsets) = write(&records);
        let ends = ends(&file, &offsets);
        // Half of the cuts close to a record's start, where headers are.
        let mut cut = cut.index(file.len() + 1);
        if near < 6 && let Some(offset) = offsets.iter().rfind(|&&offset| offset as usize <= cut) {
            cut = file.len().min(*offset as usize + near * 2);
        }
        file.truncate(cut.max(FILE_HEADER.len()));
        let (found, damage) = read(&file);
        let whole = read(&write(&records).0).0;
        prop_assert!(found[..] == whole[..found.len()]);
        for (index, end) in ends.iter().enumerate() {
            let padding = BLOCK_LEN - (end - 1) % BLOCK_LEN;
            prop_assert!(index < found.len() || end + 1 > file.len() as u64 || padding < 7, "record {index} is lost");
        }
        // Told only when something was cut.
        prop_assert!(damage.len() <= 1);
        let lost: u64 = damage.iter().map(|damage| damage.length).sum();
        let open = offsets.get(found.len()).map_or(0, |&offset| (file.len() as u64).saturating_sub(offset));
        prop_assert_eq!(lost, open);
    }

    #[test]
    fn any_wrong_byte_costs_at_most_its_record(records in records(), at in any::<prop::sample::Index>(), mask in 1u8.., near in prop::option::of(0usize..9)) {
        let (mut file, offsets) = write(&records);
        if file.len() > FILE_HEADER.len() {
            let mut at = FILE_HEADER.len() + at.index(file.len() - FILE_HEADER.len());
            // Half of them in or close to a chunk header.
            if let Some(near) = near && let Some(offset) = offsets.iter().rfind(|&&offset| offset as usize <= at) {
                at = (*offset as usize + near).min(file.len() - 1);
            }
            check_flip(&mut file, &offsets, &records, at, mask);
        }
    }

    #[test]
    fn events_do_not_depend_on_pushes(records in records(), cut in any::<u8>(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..80, any::<u8>()), 0..4), keep in any::<prop::sample::Index>()) {
        let mut data = vec![cut];
        data.extend(write(&records).0);
        for (at, length, byte) in edits {
            let at = at.index(data.len());
            let end = data.len().min(at + length);
            data[at..end].fill(byte);
        }
        data.truncate(data.len().min(keep.index(2 * data.len()) + 1));
        fuzzing::log(&data);
    }
}
