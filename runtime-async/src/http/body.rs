//! What is sent, piece by piece; a file is read in the blocking pool.

use crate::executor::{Boxed, Executor};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use runwire_effects::http::{Exactly, Outgoing};
use std::{
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

const PIECE_BYTES: usize = 256 << 10;

/// The body of a request.
pub(super) struct Sending {
    left: u64,
    rest: Rest,
}

enum Rest {
    Bytes(Bytes),
    /// Reads the next piece.
    File(Box<dyn Fn(Exactly) -> Piece + Send>, Piece),
}

type Piece = Boxed<(Exactly, io::Result<Bytes>)>;

impl Sending {
    pub(super) fn new<E: Executor>(executor: &E, body: Outgoing) -> Self {
        match body {
            Outgoing::Nothing => Sending { left: 0, rest: Rest::Bytes(Bytes::new()) },
            Outgoing::Bytes(bytes) => Sending { left: bytes.len() as u64, rest: Rest::Bytes(bytes) },
            Outgoing::File(file, left) => {
                let executor = executor.clone();
                let more = move |mut file: Exactly| -> Piece {
                    Box::pin(executor.unblock(move || {
                        let mut piece = vec![0; PIECE_BYTES];
                        let outcome = file.read(&mut piece).map(|count| {
                            piece.truncate(count);
                            Bytes::from(piece)
                        });
                        (file, outcome)
                    }))
                };
                let first = more(file);
                Sending { left, rest: Rest::File(Box::new(more), first) }
            }
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.rest {
            Rest::Bytes(bytes) => std::mem::take(bytes),
            Rest::File(more, piece) => {
                let (file, outcome) = ready!(piece.as_mut().poll(cx));
                *piece = more(file);
                match outcome {
                    Ok(bytes) => bytes,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
        };
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
