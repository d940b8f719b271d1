//! A socket as the HTTP library wants it, and when it last moved.

use crate::executor::{Executor, Socket};
use futures_lite::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

const READ_BYTES: usize = 16 << 10;

/// Counts movements of a connection.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The connection that a request uses at the time.
#[derive(Default)]
pub(super) struct Watch(Mutex<Pulse>);

impl Watch {
    pub(super) fn turn_to(&self, pulse: &Pulse) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pulse.clone();
        pulse.beat();
    }

    /// Is ready when nothing has moved for so long.
    pub(super) async fn stopped<E: Executor>(&self, executor: &E, bound: Duration) {
        let mut seen = None;
        loop {
            let now = self.0.lock().unwrap_or_else(PoisonError::into_inner).0.load(Ordering::Relaxed);
            if seen.replace(now) == Some(now) {
                return;
            }
            executor.sleep(bound).await;
        }
    }
}

/// A connection under the library.
pub(super) struct Io {
    socket: Socket,
    pulse: Pulse,
    buffer: Box<[u8]>,
}

impl Io {
    pub(super) fn new(socket: Socket, pulse: Pulse) -> Self {
        Io { socket, pulse, buffer: vec![0; READ_BYTES].into() }
    }
}

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let room = into.remaining().min(this.buffer.len());
        let count = ready!(Pin::new(&mut this.socket).poll_read(cx, &mut this.buffer[..room]))?;
        into.put_slice(&this.buffer[..count]);
        this.pulse.beat();
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes));
        self.pulse.beat();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
