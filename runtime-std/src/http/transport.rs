//! How connections are made, where it differs from the library's own way: a proxy for `http` is asked as RFC 9112 says,
//! with the whole address and not for a tunnel; an answer that comes before the body was taken is not lost; what a
//! connection needs for TLS is made once, not for each one.

use std::io::ErrorKind;
use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, SocksConnector,
            TcpConnector, Transport,
        },
    },
};

/// A proxy, and what it is told by us and not by the library: for `http` addresses, that are asked for by their whole
/// address, everything; for a tunnel only who asks.
#[derive(Clone)]
pub(super) struct Forward {
    /// Address of the proxy.
    pub(super) proxy: Uri,
    /// Value of `Proxy-Authorization`.
    pub(super) authorization: Option<String>,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forward")
    }
}

/// Names are resolved here, unless a proxy does it.
#[derive(Debug)]
pub(super) struct Resolve {
    pub(super) system: DefaultResolver,
    pub(super) forward: Option<Forward>,
}

impl Resolver for Resolve {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let asked = self.forward.as_ref().map_or(uri, |forward| &forward.proxy);
        self.system.resolve(asked, config, timeout)
    }
}

/// All steps to a connection.
pub(super) fn connector(forward: Option<Forward>, tunnel: Option<Forward>) -> impl Connector {
    let socket = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default());
    let chain = socket.chain(TcpConnector::default()).chain(Patient).chain(RustlsConnector::default());
    Connect { chain, forward, tunnel }
}

#[derive(Debug)]
struct Connect<C> {
    chain: C,
    forward: Option<Forward>,
    tunnel: Option<Forward>,
}

impl<C: Connector> Connector for Connect<C> {
    type Out = Box<dyn Transport>;

    fn connect(&self, original: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        let mut addrs = original.resolver.empty();
        original.addrs.iter().for_each(|addr| addrs.push(*addr));
        let details = ConnectionDetails {
            uri: self.forward.as_ref().map_or(original.uri, |forward| &forward.proxy),
            addrs,
            config: original.config,
            // Requests differ in their timeouts only, so the TLS configuration of the agent is the right one.
            request_level: false,
            resolver: original.resolver,
            now: original.now,
            timeout: original.timeout,
            current_time: original.current_time.clone(),
            run_connector: original.run_connector.clone(),
            register_shutdown: original.register_shutdown.clone(),
        };
        let Some(inner) = self.chain.connect(&details, chained)? else { return Ok(None) };
        if let Some(tunnel) = self.tunnel.as_ref().filter(|tunnel| tunnel.proxy.authority() == original.uri.authority())
        {
            let authorization = tunnel.authorization.clone().unwrap_or_default();
            return Ok(Some(Box::new(Introduced { inner, authorization, head: Some(Vec::new()) })));
        }
        let Some(forward) = &self.forward else { return Ok(Some(Box::new(inner))) };
        let target = original.uri.authority().map_or("", |authority| bare(authority.as_str()));
        let authorization = forward.authorization.clone();
        Ok(Some(Box::new(Absolute { inner, start: format!("http://{target}"), authorization, between: true })))
    }
}

/// An authority without user and password.
fn bare(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

/// A connection to a proxy, on which requests name their whole address.
#[derive(Debug)]
struct Absolute<T> {
    inner: T,
    /// What comes before the path.
    start: String,
    authorization: Option<String>,
    /// No request is being sent: what is sent next is the beginning of one.
    between: bool,
}

impl<T: Transport> Transport for Absolute<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::take(&mut self.between) {
            return self.inner.transmit_output(amount, timeout);
        }
        let head = completed(&self.inner.buffers().output()[..amount], &self.start, self.authorization.as_deref());
        transmit(&mut self.inner, &head, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Requests are not sent ahead of answers.
        self.between = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

/// The beginning of a request with what a proxy must know.
fn completed(head: &[u8], start: &str, authorization: Option<&str>) -> Vec<u8> {
    let path = head.iter().position(|byte| *byte == b' ').map_or(head.len(), |space| space + 1);
    let line = head.windows(2).position(|pair| pair == b"\r\n").map_or(head.len(), |end| end + 2);
    let mut out = [&head[..path], start.as_bytes(), &head[path..line]].concat();
    if let Some(value) = authorization {
        out.extend_from_slice(format!("Proxy-Authorization: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(&head[line..]);
    out
}

/// Sends bytes that are not in the transport's own buffer.
fn transmit(to: &mut impl Transport, mut rest: &[u8], timeout: NextTimeout) -> Result<(), Error> {
    while !rest.is_empty() {
        let output = to.buffers().output();
        let (now, later) = rest.split_at(rest.len().min(output.len()));
        output[..now.len()].copy_from_slice(now);
        to.transmit_output(now.len(), timeout)?;
        rest = later;
    }
    Ok(())
}

/// A connection to a proxy that is asked for a tunnel, by somebody who has to say who they are.
#[derive(Debug)]
struct Introduced<T> {
    inner: T,
    authorization: String,
    /// The request for the tunnel as far as it was written; `None` once it was sent.
    head: Option<Vec<u8>>,
}

impl<T: Transport> Transport for Introduced<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let Some(head) = &mut self.head else { return self.inner.transmit_output(amount, timeout) };
        head.extend_from_slice(&self.inner.buffers().output()[..amount]);
        if !head.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let mut whole = self.head.take().unwrap_or_default();
        whole.truncate(whole.len() - 2);
        whole.extend_from_slice(format!("Proxy-Authorization: {}\r\n\r\n", self.authorization).as_bytes());
        transmit(&mut self.inner, &whole, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Puts a [`Listening`] around each socket.
#[derive(Debug)]
struct Patient;

impl<In: Transport> Connector<In> for Patient {
    type Out = Listening<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Listening { inner, deaf: false }))
    }
}

/// A connection whose other side may close it while a body is sent: its answer, which says why, can still be read.
#[derive(Debug)]
struct Listening<T> {
    inner: T,
    /// The other side takes nothing more.
    deaf: bool,
}

impl<T: Transport> Transport for Listening<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.deaf {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            // What reading brings is the outcome: the answer, or why there is none.
            Err(Error::Io(error)) if is_closed(error.kind()) => {
                self.deaf = true;
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        !self.deaf && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}
