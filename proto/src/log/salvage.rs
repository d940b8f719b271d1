//! What to do about a chunk that cannot be read: how far the damage reaches.
//!
//! Owns the search for the next chunk inside one block. It must not know other blocks or records.
//!
//! A payload may hold a whole log of its own, with checksums that are right. So chunks found by searching are the last
//! resort, after two questions that a single wrong byte or a cut file always answers:
//! 1. Does another length fit the checksum? Then only the length was wrong and nothing is lost.
//! 2. Does the chunk's own length lead to a chunk or to the end? Then only this chunk is lost.
use super::block::BLOCK_LEN;
use super::chunk::{CHUNK_HEADER_LEN, ChunkHeader, FIRST, FULL};
use super::crc;
use super::damage::DamageKind;
use crate::peek::Fields;
use alloc::vec::Vec;

/// The part of a block from a position to the end of the block, or to the end of the file if that comes first.
#[derive(Clone, Copy)]
pub(super) struct BlockTail<'a> {
    pub(super) bytes: &'a [u8],
    /// Position of `bytes` in the block.
    pub(super) start: usize,
}

/// The chunks with a good checksum that a search finds in a block, real or inside of payloads.
#[derive(Debug)]
pub(super) struct Candidates {
    /// In order of `start`.
    found: Vec<Candidate>,
    /// Position in the block where its bytes end.
    end: usize,
}

#[derive(Debug)]
struct Candidate {
    start: usize,
    end: usize,
    /// The payload can be a message, or a part of one.
    plausible: bool,
    /// Chunk follows chunk from here to the end of the block.
    anchored: bool,
}

/// What to do about an unreadable chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Skip this many bytes.
    Skip { bytes: usize, kind: DamageKind },
    /// Read the chunk with this payload length.
    Repair { length: u16 },
}

impl BlockTail<'_> {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    fn is_whole_block(&self) -> bool {
        self.end() as u64 == BLOCK_LEN
    }

    /// Whether a chunk that ends at this position in the block may be the last one.
    fn may_end_at(&self, position: usize) -> bool {
        let Some(after) = position.checked_sub(self.start).and_then(|at| self.bytes.get(at..)) else { return false };
        after.is_empty()
            || (self.is_whole_block() && after.len() < CHUNK_HEADER_LEN && after.iter().all(|&byte| byte == 0))
    }
}

impl Candidates {
    /// Searches the rest of a block.
    pub(super) fn search(tail: BlockTail<'_>) -> Candidates {
        let mut found: Vec<Candidate> = (0..tail.bytes.len()).filter_map(|at| candidate(tail, at)).collect();
        for index in (0..found.len()).rev() {
            let end = found[index].end;
            let next = found.binary_search_by_key(&end, |candidate| candidate.start);
            found[index].anchored = tail.may_end_at(end) || next.is_ok_and(|next| found[next].anchored);
        }
        Candidates { found, end: tail.end() }
    }

    /// Whether this is what [`search`](Candidates::search) gave for this block and this end.
    pub(super) fn is_for(&self, tail: BlockTail<'_>) -> bool {
        self.end == tail.end()
    }

    fn starts_at(&self, position: usize) -> bool {
        self.found.binary_search_by_key(&position, |candidate| candidate.start).is_ok()
    }

    /// The best place to go on after `position`.
    fn resync(&self, position: usize) -> Option<usize> {
        let after = || self.found.iter().filter(|candidate| candidate.start > position && candidate.plausible);
        let best = after().find(|candidate| candidate.anchored).or_else(|| after().next());
        best.map(|candidate| candidate.start)
    }
}

/// The chunk at `at` in the tail, if it is good and one that may stand inside a block.
fn candidate(tail: BlockTail<'_>, at: usize) -> Option<Candidate> {
    let bytes = &tail.bytes[at..];
    let header = ChunkHeader::read(bytes)?;
    let start = tail.start + at;
    // Middle and last parts stand at the start of a block only; all but the last part reach to its end.
    let fits = match header.kind {
        FULL => true,
        FIRST => (start + header.total()) as u64 == BLOCK_LEN,
        _ => start == 0 && header.is_known(),
    };
    if !fits {
        return None;
    }
    let payload = bytes.get(CHUNK_HEADER_LEN..header.total())?;
    if crc::checksum(header.kind, payload) != header.checksum {
        return None;
    }
    let plausible = header.kind != FULL || Fields::new(payload).is_well_formed();
    Some(Candidate { start, end: start + header.total(), plausible, anchored: false })
}

/// Judges the unreadable chunk at the start of `tail`, whose block is there to its end or to the end of the file.
pub(super) fn judge(tail: BlockTail<'_>, candidates: &Candidates) -> Verdict {
    let skip = |end: usize, kind| Verdict::Skip { bytes: end - tail.start, kind };
    let Some(header) = ChunkHeader::read(tail.bytes) else { return skip(tail.end(), DamageKind::Truncated) };
    let resync = || candidates.resync(tail.start).unwrap_or(tail.end());
    if header.is_zero() {
        return skip(resync(), DamageKind::Zeroed);
    }
    if header.is_known()
        && let Some(length) = repair(tail, header, candidates)
    {
        return Verdict::Repair { length };
    }
    let declared_end = tail.start + header.total();
    let past_block = declared_end as u64 > BLOCK_LEN;
    let kind = if past_block {
        DamageKind::BadLength { length: header.length }
    } else if header.is_known() {
        DamageKind::Checksum
    } else {
        DamageKind::UnknownType { chunk_type: header.kind }
    };
    if tail.may_end_at(declared_end) || candidates.starts_at(declared_end) {
        return skip(declared_end, kind);
    }
    // A file cut in a payload looks like this; what a search finds now may lie inside that payload.
    if declared_end > tail.end() && !past_block && header.is_known() {
        return skip(tail.end(), DamageKind::Truncated);
    }
    skip(resync(), kind)
}

/// A payload length that fits the checksum and leads to the next chunk or to the end.
fn repair(tail: BlockTail<'_>, header: ChunkHeader, candidates: &Candidates) -> Option<u16> {
    let payload = &tail.bytes[CHUNK_HEADER_LEN..];
    let payload_start = tail.start + CHUNK_HEADER_LEN;
    let ends = (tail.end().saturating_sub(CHUNK_HEADER_LEN - 1)..=tail.end()).filter(|&end| tail.may_end_at(end));
    let starts = candidates.found.iter().map(|candidate| candidate.start);
    let mut hasher = crc::begin(header.kind);
    let mut hashed = 0;
    // In rising order, so that every byte is hashed once: padding is shorter than any chunk.
    for end in starts.chain(ends) {
        let Some(length) = end.checked_sub(payload_start) else { continue };
        hasher.update(payload.get(hashed..length)?);
        hashed = length;
        if hasher.clone().finalize() == header.checksum {
            return u16::try_from(length).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogWriter;
    use alloc::vec;

    /// The rest of a block, from offset `start` of a file.
    fn judge_file(file: &[u8], start: usize) -> Verdict {
        let tail = BlockTail { bytes: &file[start..file.len().min(BLOCK_LEN as usize)], start };
        judge(tail, &Candidates::search(tail))
    }

    fn file(records: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
        let mut out = Vec::new();
        let mut writer = LogWriter::create(&mut out);
        let mut offsets: Vec<_> = records.iter().map(|record| writer.push(record, &mut out) as usize).collect();
        offsets.push(out.len());
        (out, offsets)
    }

    #[test]
    fn a_wrong_length_is_repaired() {
        let (mut file, at) = file(&[&[8, 1], &[8, 2, 8, 2], &[8, 3]]);
        for bit in 0..16 {
            file[at[1] + 4 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(judge_file(&file, at[1]), Verdict::Repair { length: 4 }, "bit {bit}");
            file[at[1] + 4 + bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn one_bad_payload_costs_one_chunk_even_with_a_log_inside() {
        let (mut inner, _) = file(&[&[8, 7], &[8, 8]]);
        let mut payload = vec![0x9a, 0x06, inner.len() as u8];
        payload.append(&mut inner);
        let (mut file, at) = file(&[&[8, 1], &payload, &[8, 3]]);
        file[at[1] + 8] ^= 0x40;
        let expected = Verdict::Skip { bytes: at[2] - at[1], kind: DamageKind::Checksum };
        assert_eq!(judge_file(&file, at[1]), expected);
        // Cut exactly behind a chunk of the inner log.
        let cut = at[1] + CHUNK_HEADER_LEN + 3 + 7 + 9;
        let expected = Verdict::Skip { bytes: cut - at[1], kind: DamageKind::Truncated };
        assert_eq!(judge_file(&file[..cut], at[1]), expected);
    }

    #[test]
    fn garbage_is_skipped_to_the_next_chunk() {
        let (mut file, at) = file(&[&[8, 1], &[8, 2, 8, 2], &[8, 3]]);
        file[at[1]..at[2]].fill(0xaa);
        let expected = Verdict::Skip { bytes: at[2] - at[1], kind: DamageKind::BadLength { length: 0xaaaa } };
        assert_eq!(judge_file(&file, at[1]), expected);
        file[at[1]..at[2]].fill(0);
        assert_eq!(judge_file(&file, at[1]), Verdict::Skip { bytes: at[2] - at[1], kind: DamageKind::Zeroed });
        file.truncate(at[2]);
        assert_eq!(judge_file(&file, at[1]), Verdict::Skip { bytes: at[2] - at[1], kind: DamageKind::Zeroed });
    }
}
