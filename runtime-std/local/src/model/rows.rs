//! The rows of one log of one client by offset: which are there, which come again, which are missing. The texts are in
//! the store, in chunks; here are only their hashes.

use crate::store::{Store, StoreError};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

/// A chunk takes more rows up to this many bytes; a longer row is a chunk of its own. The database rounds values up to a
/// power of two, with some bytes of its own: this fits well into 64 KiB.
const CHUNK_BYTES: usize = 63 << 10;
/// A chunk grows by values of its own behind the first, so that a small push does not write all of it again; when there
/// are so many, they become one.
const PIECES_MAX: u32 = 15;
/// Lines of that share of the chunk become one value with it at once: values of this size would leave gaps in the file.
const SHARE: usize = 4;

/// What is known of the rows of one log of one client.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    chunks: BTreeMap<u64, Chunk>,
}

#[derive(Debug, Default, Clone)]
struct Chunk {
    /// Of the rows that were read; none if only the place of the chunk is known.
    hashes: Vec<u64>,
    rows: u64,
    bytes: usize,
    /// Values behind the first.
    pieces: u32,
}

/// What becomes of the lines of one push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Lines (by index) to be stored, and where.
    pub fresh: Vec<Fresh>,
    /// Lines at offsets that are taken, with the offset; the hash differs or is not known.
    pub differing: Vec<(usize, u64)>,
    /// Lines that are there already, byte for byte.
    pub same: u64,
}

/// Consecutive lines that go into one chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub lines: Range<usize>,
    /// Offset of the first line.
    pub offset: u64,
    /// Offset of the first row of the chunk: its name in the store.
    pub chunk: u64,
    /// Which value of the chunk they become.
    pub piece: u32,
    /// They become one value with those that the chunk has, its own and so many pieces.
    pub grows: bool,
    pub merges: u32,
}

impl Rows {
    /// Offset behind the last row.
    pub(crate) fn end(&self) -> u64 {
        self.chunks.last_key_value().map_or(0, |(start, chunk)| start + chunk.rows)
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.chunks.values().map(|chunk| chunk.rows).sum()
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.values().map(|chunk| chunk.hashes.len() * size_of::<u64>() + 100).sum()
    }

    /// Offset of the first row.
    pub(crate) fn start(&self) -> u64 {
        self.chunks.first_key_value().map_or(0, |(start, _)| *start)
    }

    /// Name of the chunk that holds an offset.
    pub(crate) fn chunk_of(&self, offset: u64) -> Option<u64> {
        let (start, chunk) = self.chunks.range(..=offset).next_back()?;
        (offset - start < chunk.rows).then_some(*start)
    }

    /// A value of a chunk read from the store; the values of a chunk in their order. Gives the offset of its first row.
    pub(crate) fn load(&mut self, start: u64, piece: u32, value: &[u8]) -> u64 {
        let chunk = self.chunks.entry(start).or_default();
        let first = start + chunk.rows;
        chunk.hashes.extend(lines(value).map(hash));
        chunk.rows = chunk.hashes.len() as u64;
        chunk.bytes += value.len();
        chunk.pieces = piece;
        first
    }

    /// Chunks that follow one another, by their first offsets. The last one is still to be loaded.
    pub(crate) fn restore(&mut self, starts: &[u64]) {
        for pair in starts.windows(2) {
            let rows = pair[1].saturating_sub(pair[0]);
            let chunk = Chunk { rows, bytes: CHUNK_BYTES, ..Chunk::default() };
            self.chunks.insert(pair[0], chunk);
        }
    }

    /// The first offsets of the chunks that begin in a range.
    pub(crate) fn starts(&self, range: Range<u64>) -> Vec<u64> {
        self.chunks.range(range).map(|(start, _)| *start).collect()
    }

    /// Takes the lines of a push that begins at `offset`. What is at an offset stays.
    pub(crate) fn place(&mut self, offset: u64, texts: &[String]) -> Placed {
        let mut placed = Placed::default();
        let mut index = 0;
        while index < texts.len() {
            let at = offset.saturating_add(index as u64);
            if let Some(known) = self.hash_at(at) {
                if known == Some(hash(&texts[index])) {
                    placed.same += 1;
                } else {
                    placed.differing.push((index, at));
                }
                index += 1;
                continue;
            }
            // Up to the next row that is there.
            let free = self.chunks.range(at..).next().map_or(u64::MAX, |(start, _)| *start) - at;
            let until = texts.len().min(index.saturating_add(usize::try_from(free).unwrap_or(usize::MAX)));
            let mut from = index;
            while from < until {
                let begins = at + (from - index) as u64;
                let (one, taken) = self.insert(begins, &texts[from..until]);
                placed.fresh.push(Fresh { lines: from..from + taken, ..one });
                from += taken;
            }
            index = until;
        }
        placed
    }

    /// The hash of the row at an offset, as far as it is known; none if there is no row.
    fn hash_at(&self, offset: u64) -> Option<Option<u64>> {
        let (start, chunk) = self.chunks.range(..=offset).next_back()?;
        let at = offset - start;
        (at < chunk.rows).then(|| chunk.hashes.get(usize::try_from(at).ok()?).copied())
    }

    /// Puts as many lines as fit into the chunk before, or into a new one.
    fn insert(&mut self, offset: u64, texts: &[String]) -> (Fresh, usize) {
        let bytes: usize = texts.iter().map(|text| text.len() + 4).sum();
        let before = self.chunks.range_mut(..offset).next_back();
        let mut fresh = Fresh { lines: 0..0, offset, chunk: offset, piece: 0, grows: false, merges: 0 };
        let chunk = match before {
            Some((start, chunk)) if start + chunk.rows == offset && chunk.takes(&texts[0]) => {
                fresh.chunk = *start;
                let room = CHUNK_BYTES - chunk.bytes;
                if chunk.pieces >= PIECES_MAX || bytes.min(room) * SHARE > chunk.bytes {
                    fresh.grows = true;
                    fresh.merges = std::mem::take(&mut chunk.pieces);
                } else {
                    chunk.pieces += 1;
                    fresh.piece = chunk.pieces;
                }
                chunk
            }
            _ => self.chunks.entry(offset).or_default(),
        };
        let mut taken = 0;
        while let Some(text) = texts.get(taken).filter(|text| taken == 0 || chunk.takes(text)) {
            chunk.bytes += text.len() + 4;
            chunk.hashes.push(hash(text));
            chunk.rows += 1;
            taken += 1;
        }
        (fresh, taken)
    }
}

impl Chunk {
    fn takes(&self, text: &str) -> bool {
        self.bytes + text.len() + 4 <= CHUNK_BYTES
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// All lines of a chunk, as one value.
pub(crate) fn chunk(store: &dyn Store, key: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut whole = Vec::new();
    store.scan(key, &[], &mut |_, value| {
        whole.extend_from_slice(value);
        true
    })?;
    Ok(whole)
}

/// Appends lines to the value of a chunk: each with its length in front, since a line may hold any character.
pub(crate) fn append(value: &mut Vec<u8>, texts: &[String]) {
    value.reserve(texts.iter().map(|text| text.len() + 4).sum());
    for text in texts {
        value.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        value.extend_from_slice(text.as_bytes());
    }
}

/// The lines in the value of a chunk. Ends early if the value is damaged.
pub(crate) fn lines(mut value: &[u8]) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (length, rest) = value.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let text = rest.get(..length)?;
        value = &rest[length..];
        std::str::from_utf8(text).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(range: Range<u32>) -> Vec<String> {
        range.map(|n| n.to_string()).collect()
    }

    #[test]
    fn rows_fill_gaps_and_come_again() {
        let mut rows = Rows::default();
        assert_eq!((rows.start(), rows.end()), (0, 0));
        let placed = rows.place(0, &texts(0..3));
        assert_eq!(placed.fresh, [Fresh { lines: 0..3, offset: 0, chunk: 0, piece: 0, grows: false, merges: 0 }]);
        let placed = rows.place(5, &texts(5..6));
        assert_eq!(placed.fresh, [Fresh { lines: 0..1, offset: 5, chunk: 5, piece: 0, grows: false, merges: 0 }]);
        assert_eq!((rows.end(), rows.count()), (6, 4));
        let placed = rows.place(1, &texts(1..8));
        let expected = [
            Fresh { lines: 2..4, offset: 3, chunk: 0, piece: 0, grows: true, merges: 0 },
            Fresh { lines: 5..7, offset: 6, chunk: 5, piece: 0, grows: true, merges: 0 },
        ];
        assert_eq!((placed.fresh.as_slice(), placed.same), (expected.as_slice(), 3));
        assert_eq!(rows.place(4, &["x".to_owned()]).differing, [(0, 4)]);
        assert_eq!((rows.end(), rows.count(), rows.chunk_of(6), rows.chunk_of(8)), (8, 8, Some(5), None));
    }

    #[test]
    fn long_pushes_are_cut_into_chunks() {
        let mut rows = Rows::default();
        let many = vec!["y".repeat(1000); 200];
        let placed = rows.place(0, &many);
        assert!(placed.fresh.len() > 2 && placed.fresh.iter().all(|fresh| fresh.piece == 0 && !fresh.grows));
        let mut loaded = Rows::default();
        for fresh in placed.fresh {
            let mut value = Vec::new();
            append(&mut value, &many[fresh.lines]);
            loaded.load(fresh.chunk, fresh.piece, &value);
        }
        assert_eq!(loaded.place(0, &many).same, 200);
    }

    #[test]
    fn small_pushes_do_not_write_the_chunk_again_each() {
        let (mut rows, mut written) = (Rows::default(), 0);
        let text = "z".repeat(96);
        for offset in 0..600 {
            let placed = rows.place(offset, std::slice::from_ref(&text));
            let [fresh] = placed.fresh.as_slice() else { panic!("one line, {} places", placed.fresh.len()) };
            written += if fresh.grows { 100 * offset } else { 100 };
        }
        assert_eq!(rows.chunk_of(599), Some(0));
        assert!(written < 600 * 100 * 600 / 2 / 10, "{written}");
    }

    #[test]
    fn a_damaged_chunk_ends_early() {
        let mut value = Vec::new();
        append(&mut value, &["a".to_owned(), "bü".to_owned()]);
        assert_eq!(lines(&value).collect::<Vec<_>>(), ["a", "bü"]);
        value.truncate(7);
        assert_eq!(lines(&value).collect::<Vec<_>>(), ["a"]);
    }
}
