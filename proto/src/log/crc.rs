//! The checksum of a chunk: CRC-32 (the one of zlib, no mask) over the type byte and the payload.
use crc32fast::Hasher;

/// Checksums of the single bytes 0..=255: where a chunk's checksum continues after its type.
const AFTER_TYPE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = 0xffff_ffffu32 ^ byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc ^ 0xffff_ffff;
        byte += 1;
    }
    table
};

/// The checksum of a chunk whose payload follows.
pub(super) fn begin(kind: u8) -> Hasher {
    Hasher::new_with_initial(AFTER_TYPE[usize::from(kind)])
}

/// The checksum of a chunk.
pub(super) fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = begin(kind);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn type_and_payload_are_one_message() {
        for kind in [0u8, 1, 2, 3, 4, 9, 255] {
            let mut bytes = Vec::from([kind]);
            assert_eq!(checksum(kind, b""), crc32fast::hash(&bytes));
            bytes.extend_from_slice(b"payload");
            assert_eq!(checksum(kind, b"payload"), crc32fast::hash(&bytes));
        }
        assert_eq!(checksum(1, b""), 0xa505_df1b);
    }
}
