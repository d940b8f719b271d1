//! Decoding: bytes in, records and damage out.
//!
//! Owns the state between two pushes. It must not know where bytes come from; how far damage reaches is judged in
//! `salvage`.
//!
//! What comes out does not depend on how the bytes were cut into pushes. To have that, a chunk is called damaged only
//! when its whole block is there, or after [`finish`](LogReader::finish); and damage is told together with the next
//! record, since until then it is the tail of the file and may be cured.
use super::block::{left_in_block, position_in_block};
use super::chunk::{CHUNK_HEADER_LEN, ChunkHeader, FIRST, FULL, LAST, MIDDLE};
use super::damage::{Damage, DamageKind};
use super::header::{self, FILE_HEADER, HeaderError};
use super::salvage::{BlockTail, Candidates, Verdict, judge};
use super::{BLOCK_LEN, crc};
use crate::peek::{Fields, Value};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};

/// What a reader has to say next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A whole record.
    Record {
        /// File offset of its first chunk; [`LogReader::at`] finds it again.
        offset: u64,
        /// The serialized [`Record`](crate::wire::Record): what was written, but not checked to be a message. It may
        /// share its memory with other records of the same push.
        bytes: Bytes,
    },
    /// Bytes before the next record, or before the end, that are lost.
    Damage(Damage),
    /// All bytes are used up. After [`LogReader::finish`], and then always [`Tail::Clean`]: this is the end.
    NeedMore(Tail),
    /// The file is no readable log. Every later call gives the same until [`LogReader::rewind`].
    Fatal(HeaderError),
}

/// What the last bytes of the file look like, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// They end a record (or the file header, or there are none).
    Clean,
    /// They are inside a record, or damaged. More bytes, or the same bytes read again later, may cure it.
    Incomplete {
        /// Where to read again from; see [`LogReader::rewind`].
        offset: u64,
    },
}

/// Reads a log from pushed bytes. The [module](super) shows how to follow a growing file.
#[derive(Debug)]
pub struct LogReader {
    /// Bytes that were not read yet.
    buffer: BytesMut,
    /// File offset of `buffer`.
    at: u64,
    header: Result<(), HeaderError>,
    finished: bool,
    /// The record that the last chunks began.
    open: Option<Open>,
    /// Damage between the last record and `at`.
    pending: Vec<Damage>,
    ready: VecDeque<LogEvent>,
    /// `num` of the last record; `None` when it has none or the record is not known.
    last_num: Option<i64>,
    /// The search result for the block that begins at this offset.
    candidates: Option<(u64, Candidates)>,
}

#[derive(Debug)]
struct Open {
    offset: u64,
    bytes: Vec<u8>,
    repairs: Vec<Damage>,
}

impl LogReader {
    /// A reader of a file from its start.
    pub fn new() -> LogReader {
        // The first record has number 1.
        LogReader { last_num: Some(0), ..LogReader::at(0) }
    }

    /// A reader that expects the bytes from `offset` on: 0, or where a record begins. The file header is not checked.
    pub fn at(offset: u64) -> LogReader {
        LogReader {
            buffer: BytesMut::new(),
            at: offset,
            header: Ok(()),
            finished: false,
            open: None,
            pending: Vec::new(),
            ready: VecDeque::new(),
            last_num: None,
            candidates: None,
        }
    }

    /// Adds the bytes that follow those pushed before.
    pub fn push(&mut self, bytes: &[u8]) {
        self.finished = false;
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come: what looks incomplete is damage now. Go on with [`next`](LogReader::next)
    /// until it gives [`LogEvent::NeedMore`].
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Offset of the first byte that is not part of a record or damage that was given out: where a new reader has to
    /// start to go on after this one. Still 0 after [`finish`](LogReader::finish) if the file is empty.
    pub fn resume_offset(&self) -> u64 {
        let ready = self.ready.iter().filter_map(|event| match event {
            LogEvent::Record { offset, .. } => Some(*offset),
            LogEvent::Damage(damage) => Some(damage.offset),
            LogEvent::NeedMore(_) | LogEvent::Fatal(_) => None,
        });
        let pending = self.pending.iter().map(|damage| damage.offset);
        let open = self.open.iter().map(|open| open.offset);
        ready.chain(pending).chain(open).fold(self.at, u64::min)
    }

    /// Forgets the bytes after [`resume_offset`](LogReader::resume_offset), which it returns. Push the file's bytes from
    /// there again: what looked like damage may have been a page that had not arrived yet.
    pub fn rewind(&mut self) -> u64 {
        let offset = self.resume_offset();
        // Records that were not given out will be read again.
        let last_num = if self.ready.is_empty() { self.last_num } else { None };
        *self = LogReader { last_num, ..LogReader::at(offset) };
        offset
    }

    /// The next event.
    #[allow(clippy::should_implement_trait)] // An iterator could not go on after its end.
    pub fn next(&mut self) -> LogEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            if let Some(event) = self.step() {
                return event;
            }
        }
    }

    /// Reads one chunk, or padding, or the file header. Gives an event if nothing could be read.
    fn step(&mut self) -> Option<LogEvent> {
        if let Err(error) = self.header {
            return Some(LogEvent::Fatal(error));
        }
        let left = left_in_block(self.at);
        let available = self.buffer.len();
        if self.at == 0 {
            let Some(&bytes) = self.buffer.first_chunk::<{ FILE_HEADER.len() }>() else { return self.at_end() };
            self.header = header::check(bytes);
            if self.header.is_ok() {
                self.advance(FILE_HEADER.len());
            }
        } else if left < CHUNK_HEADER_LEN {
            if available < left {
                return self.at_end();
            }
            self.advance(left);
        } else {
            let Some(header) = ChunkHeader::read(&self.buffer) else { return self.at_end() };
            let total = header.total();
            if total <= left && !header.is_zero() {
                match self.buffer.get(CHUNK_HEADER_LEN..total) {
                    None if !self.finished => return self.at_end(),
                    Some(payload) if crc::checksum(header.kind, payload) == header.checksum => {
                        self.take_chunk(header);
                        return None;
                    }
                    None | Some(_) => {}
                }
            }
            if available < left && !self.finished {
                return self.at_end();
            }
            self.take_damage(header);
        }
        None
    }

    /// The bytes do not suffice for a step.
    fn at_end(&mut self) -> Option<LogEvent> {
        let is_padding = left_in_block(self.at) < CHUNK_HEADER_LEN && self.buffer.iter().all(|&byte| byte == 0);
        if !self.finished {
            if self.buffer.is_empty() {
                // Readers that wait for more are many, and each may have had much.
                self.buffer = BytesMut::new();
            }
            let clean = self.buffer.is_empty() && self.open.is_none() && self.pending.is_empty();
            let offset = self.resume_offset();
            return Some(LogEvent::NeedMore(if clean { Tail::Clean } else { Tail::Incomplete { offset } }));
        }
        let rest = self.buffer.len();
        if self.open.is_some() || (rest > 0 && !is_padding) {
            self.lose(rest, DamageKind::Truncated);
        } else {
            self.advance(rest);
        }
        self.ready.extend(self.pending.drain(..).map(LogEvent::Damage));
        if self.ready.is_empty() { Some(LogEvent::NeedMore(Tail::Clean)) } else { None }
    }

    fn advance(&mut self, count: usize) {
        self.buffer.advance(count);
        self.at += count as u64;
    }

    /// Reads the chunk at the front, which is whole and good.
    fn take_chunk(&mut self, header: ChunkHeader) {
        let offset = self.at;
        match (header.kind, &mut self.open) {
            (FULL | FIRST, _) => {
                if self.open.is_some() {
                    self.lose(0, DamageKind::Unfinished);
                }
                let payload = self.take_payload(header);
                if header.kind == FULL {
                    self.emit(offset, payload, Vec::new());
                } else {
                    self.open = Some(Open { offset, bytes: payload.into(), repairs: Vec::new() });
                }
            }
            (MIDDLE | LAST, Some(open)) => {
                open.bytes.extend_from_slice(&self.buffer[CHUNK_HEADER_LEN..header.total()]);
                self.advance(header.total());
                if header.kind == LAST
                    && let Some(open) = self.open.take()
                {
                    self.emit(open.offset, Bytes::from(open.bytes), open.repairs);
                }
            }
            (MIDDLE | LAST, None) => self.lose(header.total(), DamageKind::Orphan),
            (chunk_type, _) => self.lose(header.total(), DamageKind::UnknownType { chunk_type }),
        }
    }

    fn take_payload(&mut self, header: ChunkHeader) -> Bytes {
        self.at += header.total() as u64;
        let mut chunk = self.buffer.split_to(header.total());
        chunk.advance(CHUNK_HEADER_LEN);
        chunk.freeze()
    }

    /// Handles the unreadable chunk at the front, whose block is there as far as it ever will be.
    fn take_damage(&mut self, header: ChunkHeader) {
        let block = self.at - self.at % BLOCK_LEN;
        let bytes = &self.buffer[..self.buffer.len().min(left_in_block(self.at))];
        let tail = BlockTail { bytes, start: position_in_block(self.at) };
        let candidates = match self.candidates.take() {
            Some((of, candidates)) if of == block && candidates.is_for(tail) => candidates,
            _ => Candidates::search(tail),
        };
        let verdict = judge(tail, &candidates);
        self.candidates = Some((block, candidates));
        match verdict {
            Verdict::Skip { bytes, kind } => self.lose(bytes, kind),
            Verdict::Repair { length } => {
                let kind = DamageKind::LengthRepaired { stored: header.length, actual: length };
                let repair = Damage { offset: self.at, length: 0, records_lost_estimate: Some(0), kind };
                let header = ChunkHeader { length, ..header };
                let ready = self.ready.len();
                self.take_chunk(header);
                if let Some(open) = &mut self.open {
                    open.repairs.push(repair);
                } else if self.ready.len() > ready {
                    // Before the record that it belongs to.
                    self.ready.insert(self.ready.len() - 1, LogEvent::Damage(repair));
                }
            }
        }
    }

    /// Skips `count` bytes; what was read of an open record is lost with them.
    fn lose(&mut self, count: usize, kind: DamageKind) {
        let offset = self.open.take().map_or(self.at, |open| open.offset);
        self.advance(count);
        match self.pending.last_mut() {
            // One cause often has several symptoms in a row.
            Some(last) if after_padding(last.offset + last.length) == offset => last.length = self.at - last.offset,
            _ => {
                let length = self.at - offset;
                self.pending.push(Damage { offset, length, records_lost_estimate: None, kind });
            }
        }
    }

    fn emit(&mut self, offset: u64, bytes: Bytes, repairs: Vec<Damage>) {
        let num = record_num(&bytes);
        if !self.pending.is_empty() || !repairs.is_empty() {
            let lost = self.last_num.zip(num).and_then(|(last, num)| num.checked_sub(last)?.checked_sub(1));
            let lost = lost.and_then(|lost| u64::try_from(lost).ok());
            for damage in self.pending.drain(..) {
                self.ready.push_back(LogEvent::Damage(Damage { records_lost_estimate: lost, ..damage }));
            }
            self.ready.extend(repairs.into_iter().map(LogEvent::Damage));
        }
        self.last_num = num;
        self.ready.push_back(LogEvent::Record { offset, bytes });
    }
}

impl Default for LogReader {
    fn default() -> LogReader {
        LogReader::new()
    }
}

/// Where the next chunk is, if one ends at `offset`.
fn after_padding(offset: u64) -> u64 {
    let left = left_in_block(offset);
    if left < CHUNK_HEADER_LEN { offset + left as u64 } else { offset }
}

/// `Record.num`, which the writer sets to 1, 2, 3, ..; `None` without one.
fn record_num(record: &[u8]) -> Option<i64> {
    let mut num = None;
    for field in Fields::new(record) {
        let field = field.ok()?;
        if let (1, Value::Varint(value)) = (field.number, field.value) {
            num = Some(value as i64);
        }
    }
    num
}

/// All events of a whole file, the last [`LogEvent::NeedMore`] left out.
pub fn read_all(file: &[u8]) -> impl Iterator<Item = LogEvent> + '_ {
    let mut reader = LogReader::new();
    let mut parts = file.chunks(4 * BLOCK_LEN as usize);
    let mut over = false;
    core::iter::from_fn(move || {
        while !over {
            match reader.next() {
                LogEvent::NeedMore(_) => match parts.next() {
                    Some(part) => reader.push(part),
                    None if !reader.finished => reader.finish(),
                    None => over = true,
                },
                LogEvent::Fatal(error) => {
                    over = true;
                    return Some(LogEvent::Fatal(error));
                }
                event @ (LogEvent::Record { .. } | LogEvent::Damage(_)) => return Some(event),
            }
        }
        None
    })
}
