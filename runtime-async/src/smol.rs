//! The executor of the smol crates: its global one, whose threads begin with the first task.

use crate::executor::{Executor, Incoming, Socket};
use futures_lite::stream;
use runwire_effects::rendezvous::Door;
use std::{future::Future, io, time::Duration};

/// The global executor of `smol`. As many threads as `SMOL_THREADS` says, otherwise one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Executor for Smol {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn sleep(&self, time: Duration) {
        smol::Timer::after(time).await;
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        smol::unblock(work)
    }

    async fn connect(&self, host: String, port: u16) -> io::Result<Socket> {
        let socket = smol::net::TcpStream::connect((host, port)).await?;
        socket.set_nodelay(true)?;
        Ok(Box::new(socket) as Socket)
    }

    fn incoming(&self, door: Door) -> io::Result<Incoming> {
        Ok(match door {
            #[cfg(unix)]
            Door::Unix(listener) => {
                let listener = smol::net::unix::UnixListener::try_from(listener)?;
                Box::pin(stream::unfold(listener, async |listener| {
                    let accepted = listener.accept().await.map(|(socket, _)| Box::new(socket) as Socket);
                    Some((accepted, listener))
                }))
            }
            Door::Tcp(listener) => {
                let listener = smol::net::TcpListener::try_from(listener)?;
                Box::pin(stream::unfold(listener, async |listener| {
                    let accepted = listener.accept().await.and_then(|(socket, _)| {
                        socket.set_nodelay(true)?;
                        Ok(Box::new(socket) as Socket)
                    });
                    Some((accepted, listener))
                }))
            }
        })
    }
}
