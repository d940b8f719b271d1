//! An answer that came compressed, piece by piece.

use flate2::write::MultiGzDecoder;
use std::io::{self, Write};

/// Makes what a server sent into what it meant.
#[derive(Debug)]
pub struct Unpack {
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
}

impl Unpack {
    /// For an answer with this `Content-Encoding`.
    pub fn new(encoding: Option<&str>) -> Self {
        let packed = encoding.is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case("gzip"));
        Unpack { gzip: packed.then(|| MultiGzDecoder::new(Vec::new())) }
    }

    /// What a piece means.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.gzip {
            None => Ok(piece.to_vec()),
            Some(decoder) => {
                decoder.write_all(piece)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.gzip {
            None => Ok(Vec::new()),
            Some(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}
