//! The rows of one log of one client by offset: which are there, which come again, which are missing. The texts are in
//! the store, in chunks; here are only their hashes.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

/// A chunk takes more rows up to this many bytes; a longer row is a chunk of its own. The database rounds values up to a
/// power of two, with some bytes of its own: this fits well into 64 KiB.
const CHUNK_BYTES: usize = 63 << 10;

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
}

/// What becomes of the lines of one push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Lines (by index) to be stored, with the start of the chunk and whether it is there already.
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
    /// The chunk is in the store and is to be made longer.
    pub grows: bool,
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

    /// A chunk read from the store.
    pub(crate) fn load(&mut self, start: u64, value: &[u8]) {
        let hashes: Vec<u64> = lines(value).map(hash).collect();
        self.chunks.insert(start, Chunk { rows: hashes.len() as u64, hashes, bytes: value.len() });
    }

    /// Chunks that follow one another, by their first offsets. The last one is still to be loaded.
    pub(crate) fn restore(&mut self, starts: &[u64]) {
        for pair in starts.windows(2) {
            let chunk = Chunk { hashes: Vec::new(), rows: pair[1].saturating_sub(pair[0]), bytes: CHUNK_BYTES };
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
                let (chunk, grows, taken) = self.insert(begins, &texts[from..until]);
                placed.fresh.push(Fresh { lines: from..from + taken, offset: begins, chunk, grows });
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
    fn insert(&mut self, offset: u64, texts: &[String]) -> (u64, bool, usize) {
        let before = self.chunks.range_mut(..offset).next_back();
        let (start, grows, chunk) = match before {
            Some((start, chunk)) if start + chunk.rows == offset && chunk.takes(&texts[0]) => (*start, true, chunk),
            _ => (offset, false, self.chunks.entry(offset).or_default()),
        };
        let mut taken = 0;
        while let Some(text) = texts.get(taken).filter(|text| taken == 0 || chunk.takes(text)) {
            chunk.bytes += text.len() + 4;
            chunk.hashes.push(hash(text));
            chunk.rows += 1;
            taken += 1;
        }
        (start, grows, taken)
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
        assert_eq!(placed.fresh, [Fresh { lines: 0..3, offset: 0, chunk: 0, grows: false }]);
        let placed = rows.place(5, &texts(5..6));
        assert_eq!(placed.fresh, [Fresh { lines: 0..1, offset: 5, chunk: 5, grows: false }]);
        assert_eq!((rows.end(), rows.count()), (6, 4));
        let placed = rows.place(1, &texts(1..8));
        let expected = [
            Fresh { lines: 2..4, offset: 3, chunk: 0, grows: true },
            Fresh { lines: 5..7, offset: 6, chunk: 5, grows: true },
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
        assert!(placed.fresh.len() > 2 && placed.fresh.iter().all(|fresh| !fresh.grows));
        let mut loaded = Rows::default();
        for fresh in placed.fresh {
            let mut value = Vec::new();
            append(&mut value, &many[fresh.lines]);
            loaded.load(fresh.chunk, &value);
        }
        assert_eq!(loaded.place(0, &many).same, 200);
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
