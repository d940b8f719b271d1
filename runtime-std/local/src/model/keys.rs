//! How keys of the store are laid out: one letter, the run's number, and what orders the rest.

/// The kinds of row logs of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Log {
    /// `wandb-history.jsonl`.
    History,
    /// `wandb-events.jsonl`.
    Events,
}

impl Log {
    pub(crate) const ALL: [Self; 2] = [Self::History, Self::Events];

    fn letter(self) -> u8 {
        match self {
            Self::History => b'h',
            Self::Events => b'e',
        }
    }
}

pub(crate) const SERVER: &[u8] = b"g";
pub(crate) const PROJECTS: &[u8] = b"p";
pub(crate) const RUNS: &[u8] = b"r";

pub(crate) const ARTIFACTS: &[u8] = b"a";
pub(crate) const COLLECTIONS: &[u8] = b"k";

pub(crate) fn artifact(id: u64) -> Vec<u8> {
    [ARTIFACTS, &id.to_be_bytes()].concat()
}

pub(crate) fn collection(id: u64) -> Vec<u8> {
    [COLLECTIONS, &id.to_be_bytes()].concat()
}

/// A file or manifest of artifacts of an entity.
pub(crate) fn object(entity: &str, name: &str) -> Vec<u8> {
    [b"x", entity.as_bytes(), b"\0", name.as_bytes()].concat()
}

pub(crate) fn project(entity: &str, name: &str) -> Vec<u8> {
    [PROJECTS, entity.as_bytes(), b"\0", name.as_bytes()].concat()
}

pub(crate) fn run(id: u64) -> Vec<u8> {
    [RUNS, &id.to_be_bytes()].concat()
}

pub(crate) fn config(id: u64) -> Vec<u8> {
    [b"c".as_slice(), &id.to_be_bytes()].concat()
}

pub(crate) fn summary(id: u64) -> Vec<u8> {
    [b"s".as_slice(), &id.to_be_bytes()].concat()
}

/// Rows of one log of all clients.
pub(crate) fn log(id: u64, log: Log) -> Vec<u8> {
    [[log.letter()].as_slice(), &id.to_be_bytes()].concat()
}

/// Rows of one client that were stored together, by the offset of the first.
pub(crate) fn chunk(id: u64, of: Log, client: u32, offset: u64) -> Vec<u8> {
    [log(id, of).as_slice(), &client.to_be_bytes(), &offset.to_be_bytes()].concat()
}

/// A value behind the first one of a chunk (by its key), from 1; 0 is the chunk's own.
pub(crate) fn piece(chunk: &[u8], piece: u32) -> Vec<u8> {
    if piece == 0 { chunk.to_vec() } else { [chunk, &piece.to_be_bytes()].concat() }
}

/// Which value of a chunk a key made by [`piece`] is.
pub(crate) fn piece_of(key: &[u8]) -> u32 {
    let number = key.get(21..25).and_then(|tail| tail.try_into().ok());
    number.map_or(0, u32::from_be_bytes)
}

/// What the pages of a run's columns say at a glance.
pub(crate) fn index(id: u64) -> Vec<u8> {
    [b"n".as_slice(), &id.to_be_bytes()].concat()
}

/// Pages of all columns of the history.
pub(crate) fn columns(id: u64) -> Vec<u8> {
    [b"i".as_slice(), &id.to_be_bytes()].concat()
}

/// Pages of one column.
pub(crate) fn column(id: u64, column: u32) -> Vec<u8> {
    [columns(id).as_slice(), &column.to_be_bytes()].concat()
}

pub(crate) fn page(id: u64, of: u32, page: u32) -> Vec<u8> {
    [column(id, of).as_slice(), &page.to_be_bytes()].concat()
}

/// Console lines of all clients.
pub(crate) fn console(id: u64) -> Vec<u8> {
    [b"o".as_slice(), &id.to_be_bytes()].concat()
}

pub(crate) fn console_line(id: u64, client: u32, line: u64) -> Vec<u8> {
    [console(id).as_slice(), &client.to_be_bytes(), &line.to_be_bytes()].concat()
}

/// Client and offset in a key made by [`chunk`], [`piece`] or [`console_line`].
pub(crate) fn client_and_offset(key: &[u8]) -> Option<(u32, u64)> {
    let tail = key.get(9..21)?;
    let (client, offset) = tail.split_at(4);
    Some((u32::from_be_bytes(client.try_into().ok()?), u64::from_be_bytes(offset.try_into().ok()?)))
}

/// Descriptions of the files of a run.
pub(crate) fn files(id: u64) -> Vec<u8> {
    [b"f".as_slice(), &id.to_be_bytes()].concat()
}

pub(crate) fn file(id: u64, name: &str) -> Vec<u8> {
    [files(id).as_slice(), name.as_bytes()].concat()
}

/// The bytes of one stored version of a file.
pub(crate) fn blob(number: u64) -> Vec<u8> {
    [b"b".as_slice(), &number.to_be_bytes()].concat()
}

pub(crate) fn blob_piece(number: u64, piece: u64) -> Vec<u8> {
    [blob(number).as_slice(), &piece.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_order_the_keys() {
        let low = chunk(1, Log::History, 0, 255);
        let high = chunk(1, Log::History, 0, 256);
        assert!(low < high && high < chunk(1, Log::History, 1, 0));
        assert!(high.starts_with(&log(1, Log::History)) && !high.starts_with(&log(1, Log::Events)));
        assert_eq!(client_and_offset(&high), Some((0, 256)));
        assert_eq!(client_and_offset(&console_line(9, 3, 4)), Some((3, 4)));
        assert_eq!(client_and_offset(b"short"), None);
        let more = piece(&low, 2);
        assert!(low < more && more < high);
        assert_eq!((client_and_offset(&more), piece_of(&more), piece_of(&low)), (Some((0, 255)), 2, 0));
        assert_eq!(piece(&low, 0), low);
    }
}
