//! What a run needs of an executor: five verbs. Everything else here is written on them and on channels, which any executor
//! can poll.

use futures_lite::{AsyncRead, AsyncWrite, Stream};
use runwire_effects::rendezvous::Door;
use std::{future::Future, io, pin::Pin, time::Duration};

/// An executor, or a handle of one. Runs keep a clone of it for as long as they last.
///
/// Futures of [`Run`](crate::Run) may be awaited on any executor: only the run's own loop and its effects live on this one.
pub trait Executor: Clone + Send + Sync + 'static {
    /// Runs a task to its end, whoever lets go of it. The tasks of this crate end by themselves when their run does.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Is ready after this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Runs `work`, which may block for long, where it holds up nobody, and gives what it returns. Several must be able to
    /// run at a time: a disk that hangs may not keep another run from its own.
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;

    /// Connects to a port of a host, given by name or address.
    fn connect(&self, host: String, port: u16) -> impl Future<Output = io::Result<Socket>> + Send;

    /// The connections that come in through a door.
    fn incoming(&self, door: Door) -> io::Result<Incoming>;
}

/// A connection.
pub type Socket = Box<dyn Duplex>;

/// Connections as they come. An error is of one connection; the next may be good.
pub type Incoming = Pin<Box<dyn Stream<Item = io::Result<Socket>> + Send>>;

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A future of unknown type.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The verbs that a run needs itself, for an executor of unknown type.
pub(crate) trait Host: Send + Sync {
    fn spawn_boxed(&self, task: Boxed<()>);
    fn sleep_boxed(&self, time: Duration) -> Boxed<()>;
}

impl<E: Executor> Host for E {
    fn spawn_boxed(&self, task: Boxed<()>) {
        self.spawn(task);
    }

    fn sleep_boxed(&self, time: Duration) -> Boxed<()> {
        let executor = self.clone();
        Box::pin(async move { executor.sleep(time).await })
    }
}
