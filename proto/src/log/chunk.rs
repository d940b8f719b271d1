//! A chunk: its header and its types. It must not know blocks or records.
use super::crc;

/// Bytes before a chunk's payload: checksum, length, type.
pub const CHUNK_HEADER_LEN: usize = 7;

/// A whole record.
pub(super) const FULL: u8 = 1;
/// The first part of a record.
pub(super) const FIRST: u8 = 2;
/// A part between the first and the last one.
pub(super) const MIDDLE: u8 = 3;
/// The last part of a record.
pub(super) const LAST: u8 = 4;

/// A chunk's header as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkHeader {
    pub(super) checksum: u32,
    pub(super) length: u16,
    pub(super) kind: u8,
}

impl ChunkHeader {
    /// The header at the start of `bytes`; `None` when they are too short.
    pub(super) fn read(bytes: &[u8]) -> Option<ChunkHeader> {
        let &[a, b, c, d, low, high, kind] = bytes.first_chunk()?;
        Some(ChunkHeader { checksum: u32::from_le_bytes([a, b, c, d]), length: u16::from_le_bytes([low, high]), kind })
    }

    /// The header for a payload.
    pub(super) fn of(kind: u8, payload: &[u8]) -> ChunkHeader {
        let length = u16::try_from(payload.len()).expect("a chunk fits into a block");
        ChunkHeader { checksum: crc::checksum(kind, payload), length, kind }
    }

    pub(super) fn to_bytes(self) -> [u8; CHUNK_HEADER_LEN] {
        let [a, b, c, d] = self.checksum.to_le_bytes();
        let [low, high] = self.length.to_le_bytes();
        [a, b, c, d, low, high, self.kind]
    }

    /// Bytes of header and payload.
    pub(super) fn total(self) -> usize {
        CHUNK_HEADER_LEN + usize::from(self.length)
    }

    /// What never was written looks like this.
    pub(super) fn is_zero(self) -> bool {
        self.checksum == 0 && self.length == 0 && self.kind == 0
    }

    /// Whether the type is one that this version of the format has.
    pub(super) fn is_known(self) -> bool {
        matches!(self.kind, FULL..=LAST)
    }
}
