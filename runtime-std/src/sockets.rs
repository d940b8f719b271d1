//! Listening and connected sockets without blocking; bytes in and out, nothing about what they mean.

use bytes::{Buf, Bytes};
use runwire_effects::rendezvous::Door;
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
};

#[cfg(unix)]
use std::os::{
    fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    unix::net::UnixStream,
};

#[cfg(windows)]
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

/// Bytes taken from a socket in one turn, so that no connection starves another.
pub(crate) const READ_BYTES: usize = 256 << 10;

pub(crate) struct Listener(Door);

pub(crate) enum Socket {
    #[cfg(unix)]
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl From<Door> for Listener {
    fn from(door: Door) -> Self {
        Listener(door)
    }
}

impl Listener {
    /// The next waiting connection, if there is one.
    pub(crate) fn accept(&self) -> io::Result<Socket> {
        let socket = match &self.0 {
            #[cfg(unix)]
            Door::Unix(listener) => Socket::Unix(listener.accept()?.0),
            Door::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
        };
        match &socket {
            #[cfg(unix)]
            Socket::Unix(stream) => stream.set_nonblocking(true)?,
            Socket::Tcp(stream) => stream.set_nonblocking(true)?,
        }
        Ok(socket)
    }
}

#[cfg(unix)]
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Door::Unix(listener) => listener.as_fd(),
            Door::Tcp(listener) => listener.as_fd(),
        }
    }
}

#[cfg(unix)]
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Unix(stream) => stream.as_fd(),
            Socket::Tcp(stream) => stream.as_fd(),
        }
    }
}

#[cfg(unix)]
impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(unix)]
impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(windows)]
impl AsSocket for Listener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        match &self.0 {
            Door::Tcp(listener) => listener.as_socket(),
        }
    }
}

#[cfg(windows)]
impl AsSocket for Socket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_socket(),
        }
    }
}

#[cfg(windows)]
impl AsRawSocket for Listener {
    fn as_raw_socket(&self) -> RawSocket {
        self.as_socket().as_raw_socket()
    }
}

#[cfg(windows)]
impl AsRawSocket for Socket {
    fn as_raw_socket(&self) -> RawSocket {
        self.as_socket().as_raw_socket()
    }
}

/// What one read brought.
pub(crate) enum Incoming {
    Bytes(Bytes),
    Nothing,
    Ended,
    Lost,
}

/// A connection and what waits to be written to it.
pub(crate) struct Peer {
    pub(crate) socket: Socket,
    outgoing: VecDeque<Bytes>,
    pub(crate) paused: bool,
    pub(crate) ended: bool,
    /// To be closed when everything is written.
    pub(crate) closing: bool,
    /// Whether the poller knows of it.
    pub(crate) watched: bool,
}

impl Peer {
    pub(crate) fn new(socket: Socket) -> Self {
        Peer { socket, outgoing: VecDeque::new(), paused: false, ended: false, closing: false, watched: false }
    }

    /// One read through `buffer`, which every connection shares.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Incoming {
        loop {
            let read = match &mut self.socket {
                #[cfg(unix)]
                Socket::Unix(stream) => stream.read(buffer),
                Socket::Tcp(stream) => stream.read(buffer),
            };
            return match read {
                Ok(0) => Incoming::Ended,
                Ok(n) => Incoming::Bytes(Bytes::copy_from_slice(&buffer[..n])),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Incoming::Nothing,
                Err(_) => Incoming::Lost,
            };
        }
    }

    pub(crate) fn queue(&mut self, bytes: Bytes) {
        self.outgoing.push_back(bytes);
    }

    pub(crate) fn wants_write(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Writes what the socket takes; returns how many bytes that were.
    pub(crate) fn write(&mut self) -> io::Result<usize> {
        let mut total = 0;
        while let Some(front) = self.outgoing.front_mut() {
            let written = match &mut self.socket {
                #[cfg(unix)]
                Socket::Unix(stream) => stream.write(front),
                Socket::Tcp(stream) => stream.write(front),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    total += n;
                    front.advance(n);
                    if front.is_empty() {
                        self.outgoing.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(total),
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }
}
