//! Frames of the client socket: the byte `W`, a little-endian `u32` length, then that many bytes of one message.
//!
//! Owns the split of a byte stream into frames and the header of outgoing ones. It must not know what a payload means,
//! nor where the bytes come from. Both directions use the same frame, with no handshake and no version.
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// First byte of every frame, `W`.
pub const MAGIC: u8 = b'W';

/// Bytes before the payload: the magic byte and the length.
pub const HEADER_LEN: usize = 5;

/// Why a stream of frames cannot be read any further. The connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame does not begin with [`MAGIC`]: the peer speaks another protocol or bytes were lost.
    #[error("a frame must begin with 0x57 ('W') but this one begins with {byte:#04x}: close the connection")]
    BadMagic {
        /// The byte that stood in its place.
        byte: u8,
    },
    /// The header announces more than the decoder was told to accept. Nothing of the payload was kept.
    #[error("a frame of {length} bytes is over the limit of {limit}: send less at once or raise the limit")]
    TooLong {
        /// Payload bytes that the header announces.
        length: u32,
        /// Payload bytes that are allowed.
        limit: u32,
    },
}

/// Splits a stream of byte chunks into frame payloads.
///
/// A frame that lies wholly within one pushed chunk comes out as a slice of that chunk, without a copy; it keeps the
/// whole chunk alive, so whoever stores payloads for long should copy small ones. A frame that arrives in parts is
/// collected in one allocation of exactly its length.
///
/// ```
/// use bytes::Bytes;
/// use runwire_proto::frame::{FrameDecoder, encode};
/// let mut wire = Vec::new();
/// encode(&mut wire, b"hello");
/// let mut decoder = FrameDecoder::new(1024);
/// decoder.push(Bytes::from(wire));
/// assert_eq!(decoder.next().unwrap().unwrap(), "hello");
/// assert_eq!(decoder.next().unwrap(), None);
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    limit: u32,
    chunks: VecDeque<Bytes>,
    /// Sum of the lengths in `chunks`.
    queued: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Collecting a header; `have` bytes of it are there. Whole headers never pass through `bytes`.
    Header {
        bytes: [u8; HEADER_LEN],
        have: usize,
    },
    /// The header said `length`; nothing of the payload has been copied.
    Payload {
        length: usize,
    },
    /// The payload is spread over chunks; `body` has the capacity for all of it.
    Partial {
        length: usize,
        body: Vec<u8>,
    },
    Failed(FrameError),
}

const EMPTY_HEADER: State = State::Header { bytes: [0; HEADER_LEN], have: 0 };

impl FrameDecoder {
    /// A decoder that refuses frames with more than `limit` payload bytes.
    pub fn new(limit: u32) -> FrameDecoder {
        FrameDecoder { limit, chunks: VecDeque::new(), queued: 0, state: EMPTY_HEADER }
    }

    /// Adds the next bytes of the stream. They are ignored once the decoder has failed.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() && !matches!(self.state, State::Failed(_)) {
            self.queued += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// The payload of the next whole frame, `None` when more bytes are needed.
    ///
    /// # Errors
    /// See [`FrameError`]. Every later call gives the same error.
    #[allow(clippy::should_implement_trait)] // An iterator could not tell "not yet" from "over".
    pub fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Header { bytes, have } => {
                    let Some(front) = self.chunks.front_mut() else { return Ok(None) };
                    let header = if *have == 0 && front.len() >= HEADER_LEN {
                        let header = [front[0], front[1], front[2], front[3], front[4]];
                        front.advance(HEADER_LEN);
                        self.queued -= HEADER_LEN;
                        header
                    } else {
                        let take = front.len().min(HEADER_LEN - *have);
                        bytes[*have..*have + take].copy_from_slice(&front[..take]);
                        front.advance(take);
                        self.queued -= take;
                        *have += take;
                        *bytes
                    };
                    if front.is_empty() {
                        self.chunks.pop_front();
                    }
                    let complete = *have == 0 || *have == HEADER_LEN;
                    self.check_header(header, complete);
                }
                State::Payload { length } => {
                    let length = *length;
                    let ready = self.chunks.front().map_or(0, Bytes::len);
                    if ready >= length {
                        self.state = EMPTY_HEADER;
                        return Ok(Some(self.take_front(length)));
                    }
                    if ready == 0 {
                        return Ok(None);
                    }
                    self.state = State::Partial { length, body: Vec::with_capacity(length) };
                }
                State::Partial { length, body } => {
                    let Some(front) = self.chunks.front_mut() else { return Ok(None) };
                    let take = front.len().min(*length - body.len());
                    body.extend_from_slice(&front[..take]);
                    front.advance(take);
                    self.queued -= take;
                    if front.is_empty() {
                        self.chunks.pop_front();
                    }
                    if body.len() == *length {
                        let whole = core::mem::take(body);
                        self.state = EMPTY_HEADER;
                        return Ok(Some(Bytes::from(whole)));
                    }
                }
            }
        }
    }

    /// Bytes that were pushed and have not come out as part of a frame: what is held in memory for this stream, the
    /// header of a frame whose payload is still missing included. Zero at the end of a stream means that it did not
    /// end inside a frame.
    pub fn buffered(&self) -> usize {
        let held = match &self.state {
            State::Header { have, .. } => *have,
            State::Payload { .. } => HEADER_LEN,
            State::Partial { body, .. } => HEADER_LEN + body.len(),
            State::Failed(_) => 0,
        };
        self.queued + held
    }

    fn check_header(&mut self, header: [u8; HEADER_LEN], complete: bool) {
        let [magic, length @ ..] = header;
        let length = u32::from_le_bytes(length);
        if magic != MAGIC {
            self.fail(FrameError::BadMagic { byte: magic });
        } else if complete {
            if length > self.limit {
                self.fail(FrameError::TooLong { length, limit: self.limit });
            } else {
                self.state = State::Payload { length: length as usize };
            }
        }
    }

    fn fail(&mut self, error: FrameError) {
        self.state = State::Failed(error);
        self.chunks.clear();
        self.queued = 0;
    }

    /// The first `length` bytes of the front chunk, which has them.
    fn take_front(&mut self, length: usize) -> Bytes {
        let Some(front) = self.chunks.front_mut() else { return Bytes::new() };
        let payload = front.split_to(length);
        self.queued -= length;
        if front.is_empty() {
            self.chunks.pop_front();
        }
        payload
    }
}

/// The header of a frame with `len` payload bytes.
pub const fn header(len: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = len.to_le_bytes();
    [MAGIC, a, b, c, d]
}

/// Appends a whole frame to `out`.
///
/// # Panics
/// If the payload has 4 GiB or more, which no frame can carry.
pub fn encode(out: &mut Vec<u8>, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("a frame carries less than 4 GiB");
    out.reserve(HEADER_LEN + payload.len());
    out.extend_from_slice(&header(len));
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn wire(payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            encode(&mut out, payload);
        }
        out
    }

    #[test]
    fn header_is_w_and_little_endian_length() {
        assert_eq!(header(0x0102_0304), [0x57, 4, 3, 2, 1]);
        assert_eq!(wire(&[b"ab"]), [0x57, 2, 0, 0, 0, b'a', b'b']);
    }

    #[test]
    fn whole_frames_are_slices_of_the_chunk() {
        let chunk = Bytes::from(wire(&[b"one", b"", b"three"]));
        let range = chunk.as_ptr_range();
        let mut decoder = FrameDecoder::new(10);
        decoder.push(chunk.clone());
        let one = decoder.next().unwrap().unwrap();
        assert_eq!(one, "one");
        assert!(range.contains(&one.as_ptr()));
        assert_eq!(decoder.next().unwrap().unwrap(), "");
        assert_eq!(decoder.buffered(), 10);
        assert_eq!(decoder.next().unwrap().unwrap(), "three");
        assert_eq!(decoder.next().unwrap(), None);
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn only_the_partial_tail_is_copied() {
        let bytes = wire(&[b"first", b"second"]);
        let mut decoder = FrameDecoder::new(10);
        let head = Bytes::copy_from_slice(&bytes[..17]);
        let range = head.as_ptr_range();
        decoder.push(head);
        assert!(range.contains(&decoder.next().unwrap().unwrap().as_ptr()));
        assert_eq!(decoder.next().unwrap(), None);
        assert_eq!(decoder.buffered(), 7);
        decoder.push(Bytes::copy_from_slice(&bytes[17..]));
        assert_eq!(decoder.next().unwrap().unwrap(), "second");
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn partial_big_frame_is_allocated_once_and_exactly() {
        let mut decoder = FrameDecoder::new(u32::MAX);
        let payload = vec![7u8; 100_000];
        for part in wire(&[&payload]).chunks(4096) {
            assert_eq!(decoder.next().unwrap(), None);
            if let State::Partial { body, .. } = &decoder.state {
                assert_eq!(body.capacity(), payload.len());
            }
            decoder.push(Bytes::copy_from_slice(part));
        }
        assert_eq!(decoder.next().unwrap().unwrap(), payload);
    }

    #[test]
    fn wrong_magic_is_refused_at_its_byte_and_for_ever() {
        let mut decoder = FrameDecoder::new(10);
        decoder.push(Bytes::from_static(b"X"));
        assert_eq!(decoder.next(), Err(FrameError::BadMagic { byte: b'X' }));
        decoder.push(Bytes::from(wire(&[b"ok"])));
        assert_eq!(decoder.next(), Err(FrameError::BadMagic { byte: b'X' }));
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn too_long_is_refused_at_the_header() {
        let mut decoder = FrameDecoder::new(4);
        decoder.push(Bytes::from(wire(&[b"four"])));
        assert_eq!(decoder.next().unwrap().unwrap(), "four");
        decoder.push(Bytes::copy_from_slice(&header(5)));
        assert_eq!(decoder.next(), Err(FrameError::TooLong { length: 5, limit: 4 }));
        assert_eq!(decoder.next(), Err(FrameError::TooLong { length: 5, limit: 4 }));
    }
}
