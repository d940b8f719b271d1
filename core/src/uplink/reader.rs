//! The run's log as a source of records: what was just appended straight from memory, anything older read back from the
//! file. Owns the read position; does not know what a record means.
//!
//! An outage therefore costs no memory: the reader stops, and the position is all that is kept.

use crate::completion::Failure;
use alloc::{collections::VecDeque, string::String};
use bytes::Bytes;
use runwire_proto::log::{Damage, HeaderError, LogEvent, LogReader, Tail};

/// Bytes of one read. A multiple of the log's blocks, so that a read rarely ends inside one.
const READ_BYTES: u32 = 256 << 10;
/// Appended bytes that are kept in memory for the reader; what is beyond is read back.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Where the log's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file that this run appends to: it ends where the last append ended.
    Live { path: String },
    /// The run keeps no log; appended bytes are kept until they are read, and bound the run's credit.
    Memory,
    /// A file that somebody else wrote. `follow`: they may still be writing.
    File { path: String, follow: bool },
}

/// What the reader has next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// A record and the offset after it.
    Record {
        bytes: Bytes,
        mark: u64,
    },
    Damage(Damage),
    /// Nothing until bytes are appended, or a read is answered, or, when following, some time has passed.
    Wait,
    /// Read this and answer with `on_read`.
    Read {
        path: String,
        at: u64,
        len: u32,
    },
    /// There is no more.
    End,
    /// The file is no log of this version.
    Fatal(HeaderError),
    /// The file can't be read.
    Unreadable(Failure),
}

#[derive(Debug)]
pub(crate) struct Reader {
    source: Source,
    log: LogReader,
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
    /// Offset after the last byte that the log reader has.
    pushed: u64,
    /// Offset after the last byte that is in the file.
    durable: u64,
    reading: bool,
    failed: Option<Failure>,
    finishing: bool,
    /// The end of the file was met; more may come later.
    at_end: bool,
}

impl Reader {
    pub(crate) fn new(source: Source) -> Self {
        Reader {
            source,
            log: LogReader::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            pushed: 0,
            durable: 0,
            reading: false,
            failed: None,
            finishing: false,
            at_end: false,
        }
    }

    /// Bytes were appended to the log. They are kept only if they are next.
    pub(crate) fn on_durable(&mut self, at: u64, bytes: &Bytes) {
        let next = self.pushed + self.kept_bytes as u64;
        let room = self.source == Source::Memory || self.kept_bytes < KEPT_BYTES_MAX;
        if at == next && room && !self.reading {
            self.kept_bytes += bytes.len();
            self.kept.push_back(bytes.clone());
        }
        self.durable = self.durable.max(at + bytes.len() as u64);
    }

    /// The answer to [`Next::Read`].
    pub(crate) fn on_read(&mut self, outcome: Result<Bytes, Failure>) {
        self.reading = false;
        match outcome {
            Ok(bytes) => {
                self.at_end = bytes.is_empty();
                if planted!(LoseTail) && matches!(self.source, Source::File { .. }) && bytes.len() < READ_BYTES as usize
                {
                    self.at_end = true;
                    return;
                }
                self.pushed += bytes.len() as u64;
                self.log.push(&bytes);
            }
            Err(failure) => self.failed = Some(failure),
        }
    }

    /// Time has passed: a file that had ended, or failed, is looked at again.
    pub(crate) fn retry(&mut self) {
        self.failed = None;
        if self.at_end {
            self.at_end = false;
            // The last bytes may have been pages that had not arrived yet.
            self.pushed = self.log.rewind();
        }
    }

    /// Memory that appended bytes take because they have no file to be read from.
    pub(crate) fn held_bytes(&self) -> usize {
        if self.source == Source::Memory { self.kept_bytes } else { 0 }
    }

    /// Whether everything that is in the log was given out.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.kept.is_empty() && self.pushed >= self.durable && !self.reading
    }

    /// Whether only time can bring more.
    pub(crate) fn is_waiting_for_time(&self) -> bool {
        self.at_end && !self.reading
    }

    /// Whether a log that somebody else writes has nothing new at the moment.
    pub(crate) fn is_following(&self) -> bool {
        matches!(self.source, Source::File { follow: true, .. }) && self.at_end
    }

    /// Offset of what was not given out yet.
    pub(crate) fn position(&self) -> u64 {
        self.log.resume_offset()
    }

    /// Bytes of the log that were not given out yet.
    pub(crate) fn behind(&self) -> u64 {
        self.durable.saturating_sub(self.position())
    }

    pub(crate) fn next(&mut self) -> Next {
        loop {
            match self.log.next() {
                LogEvent::Record { bytes, .. } => return Next::Record { bytes, mark: self.log.resume_offset() },
                LogEvent::Damage(damage) => return Next::Damage(damage),
                LogEvent::Fatal(error) => return Next::Fatal(error),
                LogEvent::NeedMore(tail) => {
                    if let Some(next) = self.more(tail) {
                        return next;
                    }
                }
            }
        }
    }

    /// Gets more bytes. `None`: there are some now.
    fn more(&mut self, tail: Tail) -> Option<Next> {
        if let Some(bytes) = self.kept.pop_front() {
            self.kept_bytes -= bytes.len();
            self.pushed += bytes.len() as u64;
            self.log.push(&bytes);
            return None;
        }
        if self.finishing {
            return Some(Next::End);
        }
        if self.reading {
            return Some(Next::Wait);
        }
        if let Some(failure) = &self.failed {
            return Some(Next::Unreadable(failure.clone()));
        }
        let (path, len) = match &self.source {
            Source::Memory => return Some(Next::Wait),
            Source::Live { .. } if self.pushed >= self.durable || self.at_end => return Some(Next::Wait),
            Source::Live { path } => {
                (path, u32::try_from(self.durable - self.pushed).unwrap_or(READ_BYTES).min(READ_BYTES))
            }
            Source::File { follow: true, .. } if self.at_end => return Some(Next::Wait),
            Source::File { .. } if self.at_end => {
                // What looks incomplete is damage now.
                self.finishing = true;
                if tail != Tail::Clean || self.pushed == 0 {
                    self.log.finish();
                }
                return None;
            }
            Source::File { path, .. } => (path, READ_BYTES),
        };
        self.reading = true;
        Some(Next::Read { path: path.clone(), at: self.pushed, len })
    }
}

#[cfg(test)]
#[allow(clippy::wildcard_enum_match_arm)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use runwire_proto::log::LogWriter;

    /// A log of `count` records of one byte each, and where each append ended.
    fn log(count: u8) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = Vec::new();
        let mut writer = LogWriter::create(&mut bytes);
        let mut ends = vec![bytes.len() as u64];
        for value in 0..count {
            writer.push(&[value; 1000], &mut bytes);
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    fn live() -> Reader {
        Reader::new(Source::Live { path: "l".into() })
    }

    /// Everything that comes without waiting; reads are answered from `file`.
    fn drain(reader: &mut Reader, file: &[u8]) -> Vec<u8> {
        let mut values = Vec::new();
        loop {
            match reader.next() {
                Next::Record { bytes, .. } => values.push(bytes[0]),
                Next::Read { at, len, .. } => {
                    let from = file.len().min(at as usize);
                    let to = file.len().min(from + len as usize);
                    reader.on_read(Ok(Bytes::copy_from_slice(&file[from..to])));
                }
                Next::Wait | Next::End => return values,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_appended_comes_from_memory_while_the_reader_keeps_up() {
        let (file, ends) = log(10);
        let mut reader = live();
        let mut from = 0;
        for (n, end) in ends.iter().enumerate() {
            reader.on_durable(from, &Bytes::copy_from_slice(&file[from as usize..*end as usize]));
            from = *end;
            match reader.next() {
                Next::Record { bytes, mark } => assert_eq!((usize::from(bytes[0]) + 1, mark), (n, *end)),
                Next::Wait => assert_eq!(n, 0),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(reader.next(), Next::Wait);
        assert!(reader.is_caught_up());
    }

    #[test]
    fn a_backlog_is_read_back_and_takes_no_memory() {
        let (file, ends) = log(200);
        let file: Vec<u8> = file.repeat(1);
        let mut reader = live();
        let mut from = 0;
        for round in 0..2 {
            for end in &ends {
                if *end > from {
                    reader.on_durable(from, &Bytes::copy_from_slice(&file[from as usize..*end as usize]));
                    from = *end;
                }
            }
            assert!(reader.kept_bytes <= KEPT_BYTES_MAX + 1100, "round {round}");
        }
        assert_eq!(drain(&mut reader, &file), (0..200).collect::<Vec<u8>>());
        assert!(reader.is_caught_up());
    }

    #[test]
    fn a_read_under_way_is_not_overtaken_by_an_append() {
        let (file, ends) = log(3);
        let mut reader = live();
        // The first bytes were not kept: they must come by reading.
        reader.durable = ends[1];
        assert!(matches!(reader.next(), Next::Read { at: 0, .. }));
        reader.on_durable(ends[1], &Bytes::copy_from_slice(&file[ends[1] as usize..ends[2] as usize]));
        reader.on_read(Ok(Bytes::copy_from_slice(&file[..ends[1] as usize])));
        assert_eq!(drain(&mut reader, &file), [0, 1]);
    }

    #[test]
    fn a_foreign_file_ends_at_its_end_unless_it_is_followed() {
        let (file, ends) = log(3);
        let source = |follow| Source::File { path: "f".into(), follow };
        let mut once = Reader::new(source(false));
        assert_eq!(drain(&mut once, &file), [0, 1, 2]);
        assert_eq!(once.next(), Next::End);
        let mut following = Reader::new(source(true));
        assert_eq!(drain(&mut following, &file[..ends[2] as usize + 5]), [0, 1]);
        assert_eq!(following.next(), Next::Wait);
        following.retry();
        assert_eq!(drain(&mut following, &file), [2]);
    }
}
