//! Frames: any cut of a stream gives the same frames, and what comes out is what went in.
use crate::frame::{FrameDecoder, FrameError, HEADER_LEN, encode};
use alloc::vec::Vec;
use bytes::Bytes;

const LIMIT: u32 = 1 << 16;

/// The first byte says how the rest, a stream, is cut.
pub fn frame(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let whole = decode(stream, stream.len().max(1));
    let cut = decode(stream, usize::from(cut) + 1);
    assert_eq!(whole, cut, "frames depend on how the stream is cut");
    let (frames, error) = whole;
    let mut again = Vec::new();
    for frame in &frames {
        assert!(frame.len() <= LIMIT as usize);
        encode(&mut again, frame);
    }
    assert!(stream.starts_with(&again), "frames are not what the stream holds");
    if error.is_none() {
        assert!(stream.len() - again.len() < HEADER_LEN + LIMIT as usize);
    }
}

fn decode(stream: &[u8], cut: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(LIMIT);
    let mut frames = Vec::new();
    let mut pushed = 0;
    let mut taken = 0;
    for part in stream.chunks(cut) {
        decoder.push(Bytes::copy_from_slice(part));
        pushed += part.len();
        loop {
            match decoder.next() {
                Ok(Some(frame)) => {
                    taken += HEADER_LEN + frame.len();
                    frames.push(frame);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error), "an error must last");
                    assert_eq!(decoder.buffered(), 0);
                    return (frames, Some(error));
                }
            }
        }
        assert_eq!(decoder.buffered(), pushed - taken, "bytes are lost or counted twice");
    }
    (frames, None)
}
