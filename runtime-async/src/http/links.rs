//! Connections: made, and kept for the next request to the same place.

use super::{
    body::Sending,
    failed,
    io::{Io, Pulse, Watch},
    proxied,
    tls::Connectors,
};
use crate::executor::{Executor, Socket};
use futures_lite::future::or;
use http::{Request, Response, Uri};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use runwire_core::{Failure, net::HttpRequest};
use runwire_effects::http::{CONNECT_TIMEOUT, IDLE_MAX, proxy::Proxy, redirect};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long the end of an answer may take from the socket's task to its reader.
const SETTLE: Duration = Duration::from_millis(100);
/// Connections that are kept without use.
const IDLE_LINKS_MAX: usize = 128;

pub(super) struct Links<E> {
    executor: E,
    connectors: Connectors,
    idle: Mutex<Vec<(Link, Instant)>>,
}

/// A connection over which one request has been sent.
pub(super) struct Link {
    place: Place,
    sender: SendRequest<Sending>,
    pulse: Pulse,
}

/// What requests must have in common to share a connection: scheme, authority, whether certificates are checked, the proxy.
type Place = (String, String, bool, Option<Proxy>);

impl<E: Executor> Links<E> {
    pub(super) fn new(executor: E) -> Self {
        Links { executor, connectors: Connectors::default(), idle: Mutex::default() }
    }

    /// Sends `sent` to the host of `url`, and gives the beginning of the answer.
    pub(super) async fn send(
        &self,
        request: &HttpRequest,
        url: &Uri,
        proxy: Option<Proxy>,
        mut sent: Request<Sending>,
        watch: &Watch,
    ) -> Result<(Response<Incoming>, Link), Failure> {
        let (scheme, authority) = redirect::origin(url);
        let (names, wire) = ((scheme.unwrap_or_default(), authority.unwrap_or_default()), &request.wire);
        let place = (names.0.to_owned(), names.1.to_owned(), wire.insecure, proxy);
        while let Some(mut link) = self.known(&place) {
            watch.turn_to(&link.pulse);
            match link.sender.try_send_request(sent).await {
                Ok(response) => return Ok((response, link)),
                // The server had closed it, and nothing was sent over it.
                Err(mut refused) => match refused.take_message() {
                    Some(message) => sent = message,
                    None => return Err(failed(request, refused.error())),
                },
            }
        }
        let (secure, host) = (scheme == Some("https"), url.host().unwrap_or_default().trim_matches(['[', ']']));
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let connect = async {
            let socket = match &place.3 {
                Some(proxy) => proxied::connect(&self.executor, &self.connectors, proxy, url, port).await?,
                None => self.executor.connect(host.into(), port).await?,
            };
            if !secure {
                return Ok(socket);
            }
            self.connectors.secure(&self.executor, request.wire.insecure, host, socket).await
        };
        let late = async {
            self.executor.sleep(CONNECT_TIMEOUT).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let socket: Socket = or(connect, late).await.map_err(|error: io::Error| failed(request, &error))?;
        let pulse = Pulse::default();
        watch.turn_to(&pulse);
        let (mut sender, connection) =
            http1::handshake(Io::new(socket, pulse.clone())).await.map_err(|error| failed(request, &error))?;
        // It ends when the sender is dropped, or the server closes.
        self.executor.spawn(async move { drop(connection.await) });
        let response = sender.send_request(sent).await.map_err(|error| failed(request, &error))?;
        Ok((response, Link { place, sender, pulse }))
    }

    /// Keeps a connection whose answer was read to its end, once its task has seen that too. One whose request is still
    /// being sent is closed.
    pub(super) async fn keep(&self, mut link: Link) {
        let settled = async { link.sender.ready().await.is_ok() };
        let late = async {
            self.executor.sleep(SETTLE).await;
            false
        };
        if or(settled, late).await {
            let mut idle = self.lock();
            if idle.len() < IDLE_LINKS_MAX {
                idle.push((link, Instant::now()));
            }
        }
    }

    /// A kept connection, the last one first; those that are too old are closed.
    fn known(&self, place: &Place) -> Option<Link> {
        let mut idle = self.lock();
        idle.retain(|(link, since)| since.elapsed() < IDLE_MAX && !link.sender.is_closed());
        let at = idle.iter().rposition(|(link, _)| link.place == *place && link.sender.is_ready())?;
        Some(idle.remove(at).0)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Link, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
