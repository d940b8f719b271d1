//! Encoding records: the one way to cut them into chunks, so that equal records give equal bytes.
//!
//! Owns the position in the file. It must not know when bytes reach a disk.
use super::block::left_in_block;
use super::chunk::{CHUNK_HEADER_LEN, ChunkHeader, FIRST, FULL, LAST, MIDDLE};
use super::header::FILE_HEADER;
use alloc::vec::Vec;

/// Appends records to a log. What it appends to `out` belongs at the position that it had before the call.
#[derive(Clone, Debug)]
pub struct LogWriter {
    position: u64,
}

impl LogWriter {
    /// A writer for a new file; appends the file header.
    pub fn create(out: &mut Vec<u8>) -> LogWriter {
        out.extend_from_slice(&FILE_HEADER);
        LogWriter { position: FILE_HEADER.len() as u64 }
    }

    /// A writer that goes on at `position`, where the last whole record ends.
    ///
    /// If there may be bytes of a torn record after that and they cannot be cut off, pass the file's length and call
    /// [`pad_to_block`](LogWriter::pad_to_block) first: readers find the next block, whatever is before it.
    pub fn resume(position: u64) -> LogWriter {
        LogWriter { position }
    }

    /// Where the next byte goes: the file's length once all that was encoded is written.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Appends one record, a serialized [`Record`](crate::wire::Record); gives the offset of its first chunk.
    pub fn push(&mut self, record: &[u8], out: &mut Vec<u8>) -> u64 {
        let left = left_in_block(self.position);
        let total = CHUNK_HEADER_LEN + record.len();
        if total <= left {
            let offset = self.position;
            out.reserve(total);
            out.extend_from_slice(&ChunkHeader::of(FULL, record).to_bytes());
            out.extend_from_slice(record);
            self.position += total as u64;
            return offset;
        }
        self.push_parts(record, out)
    }

    /// Fills the rest of the current block with zeros, which readers skip (and report). Does nothing at a block start.
    pub fn pad_to_block(&mut self, out: &mut Vec<u8>) {
        let left = left_in_block(self.position);
        if left as u64 != super::BLOCK_LEN {
            self.pad(left, out);
        }
    }

    fn push_parts(&mut self, record: &[u8], out: &mut Vec<u8>) -> u64 {
        let mut left = left_in_block(self.position);
        if left < CHUNK_HEADER_LEN {
            self.pad(left, out);
            left = left_in_block(self.position);
        }
        let offset = self.position;
        let mut rest = record;
        let mut first = true;
        loop {
            let (payload, after) = rest.split_at(rest.len().min(left - CHUNK_HEADER_LEN));
            let last = after.is_empty();
            let kind = match (first, last) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            out.extend_from_slice(&ChunkHeader::of(kind, payload).to_bytes());
            out.extend_from_slice(payload);
            self.position += (CHUNK_HEADER_LEN + payload.len()) as u64;
            if last {
                return offset;
            }
            // A part that is not the last one fills its block.
            left = left_in_block(self.position);
            rest = after;
            first = false;
        }
    }

    fn pad(&mut self, count: usize, out: &mut Vec<u8>) {
        out.resize(out.len() + count, 0);
        self.position += count as u64;
    }
}
