//! Records of an event file: a length, the length's checksum, the payload, the payload's checksum.
//!
//! Owns the framing and nothing of what a payload means. It keeps no bytes: what is not complete is read again later, from
//! the start of its record, so a block of zeros that a network file system shows for a moment does no harm.

/// Bytes before the payload.
const HEAD: usize = 12;
/// Bytes around the payload.
pub(super) const AROUND: u64 = 16;

/// What stands at a place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A record with its payload; the next one begins after it.
    Whole { payload: &'a [u8], size: u64 },
    /// The record is longer than the bytes at hand: so many bytes it has in all. A head that is cut counts as a record
    /// without a payload.
    Cut { size: u64 },
    /// The length is not what was written: where the next record begins is unknown.
    BadLength,
    /// The payload is not what was written; the next record begins after it.
    BadPayload { size: u64 },
}

/// Looks at the record at the start of `bytes`.
pub(super) fn frame(bytes: &[u8]) -> Frame<'_> {
    let Some((length, sum)) = word64(bytes).zip(word32(bytes.get(8..).unwrap_or_default())) else {
        return Frame::Cut { size: AROUND };
    };
    if masked(&bytes[..8]) != sum {
        return Frame::BadLength;
    }
    let Some(size) = length.checked_add(AROUND) else { return Frame::BadLength };
    let whole = usize::try_from(size).ok().and_then(|size| bytes.get(HEAD..size));
    let Some((payload, sum)) = whole.and_then(|rest| rest.split_last_chunk::<4>()) else { return Frame::Cut { size } };
    if masked(payload) != u32::from_le_bytes(*sum) {
        return Frame::BadPayload { size };
    }
    Frame::Whole { payload, size }
}

fn word64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
}

fn word32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// CRC-32C, turned and shifted so that a checksum of checksums is not a constant.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(!0u32, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)]);
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

const TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::support::record;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_the_documented_one() {
        // CRC-32C of "123456789" is e3069283.
        assert_eq!(masked(b"123456789").wrapping_sub(0xa282_ead8).rotate_left(15), 0xe306_9283);
    }

    #[test]
    fn damage_is_told_from_a_cut() {
        let good = record(b"payload");
        assert_eq!(frame(&good), Frame::Whole { payload: b"payload", size: 23 });
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let wanted = if at < 12 { Frame::BadLength } else { Frame::BadPayload { size: 23 } };
            assert_eq!(frame(&bad), wanted, "{at}");
            let size = if at < 12 { 16 } else { 23 };
            assert_eq!(frame(&good[..at]), Frame::Cut { size }, "{at}");
        }
        assert_eq!(frame(&[0; 64]), Frame::BadLength, "a block of zeros is not an empty record");
        assert_eq!(frame(b""), Frame::Cut { size: 16 });
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = frame(&bytes);
        }
    }
}
