//! Connections through a proxy: `http` addresses are asked of it whole, `https` addresses through a tunnel.

use super::tls::Connectors;
use crate::executor::{Executor, Socket};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http::Uri;
use runwire_effects::http::proxy::Proxy;
use std::io;

/// An answer to the wish for a tunnel is not longer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A connection to the proxy, for `https` addresses one that ends behind it.
pub(super) async fn connect<E: Executor>(
    executor: &E,
    connectors: &Connectors,
    proxy: &Proxy,
    url: &Uri,
    port: u16,
) -> io::Result<Socket> {
    let mut socket = executor.connect(proxy.host.clone(), proxy.port).await?;
    if proxy.secure {
        socket = connectors.secure(executor, false, &proxy.host, socket).await?;
    }
    if url.scheme_str() == Some("https") {
        tunnel(&mut socket, proxy, &format!("{}:{port}", url.host().unwrap_or_default())).await?;
    }
    Ok(socket)
}

async fn tunnel(socket: &mut Socket, proxy: &Proxy, place: &str) -> io::Result<()> {
    let mut wish = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(value) = &proxy.authorization {
        wish.push_str(&format!("Proxy-Authorization: {}\r\n", value.reveal()));
    }
    wish.push_str("\r\n");
    socket.write_all(wish.as_bytes()).await?;
    socket.flush().await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is not ours.
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        socket.read_exact(&mut byte).await?;
        head.extend_from_slice(&byte);
    }
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if line.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    Err(io::Error::other(format!("the proxy gives no tunnel: {line}")))
}
