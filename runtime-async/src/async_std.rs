//! The executor of async-std, for programs that have it. It is no longer developed upstream.

use crate::executor::{Executor, Incoming, Socket};
use async_std::{net, task};
use futures_lite::stream;
use runwire_effects::rendezvous::Door;
use std::{future::Future, io, time::Duration};

/// The global executor of `async-std`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl Executor for AsyncStd {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Its handle does not cancel when it is dropped.
        drop(task::spawn(task));
    }

    async fn sleep(&self, time: Duration) {
        task::sleep(time).await;
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        task::spawn_blocking(work)
    }

    async fn connect(&self, host: String, port: u16) -> io::Result<Socket> {
        let socket = net::TcpStream::connect((host.as_str(), port)).await?;
        socket.set_nodelay(true)?;
        Ok(Box::new(socket) as Socket)
    }

    fn incoming(&self, door: Door) -> io::Result<Incoming> {
        Ok(match door {
            #[cfg(unix)]
            Door::Unix(listener) => {
                let listener = async_std::os::unix::net::UnixListener::from(listener);
                Box::pin(stream::unfold(listener, async |listener| {
                    let accepted = listener.accept().await.map(|(socket, _)| Box::new(socket) as Socket);
                    Some((accepted, listener))
                }))
            }
            Door::Tcp(listener) => {
                let listener = net::TcpListener::from(listener);
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
