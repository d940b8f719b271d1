//! A TCP door in front of a server: open, with its port closed, or taking connections only to end them at once.
//! Must not know HTTP.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks for new connections and at the mood.
const LOOK: Duration = Duration::from_millis(5);

/// How the door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Bytes pass both ways.
    Open,
    /// Nobody listens: connections are refused.
    Closed,
    /// Connections are taken and ended at once, as by a proxy whose own lookups fail.
    HangUp,
    /// The door goes away with its owner.
    Gone,
}

struct Inner {
    mood: Mood,
    through: Vec<TcpStream>,
}

/// A door. Closed when it is dropped.
pub struct Gate {
    addr: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    doorman: Option<JoinHandle<()>>,
}

impl Gate {
    /// An open door to `server` on a port of its own.
    pub fn new(server: SocketAddr) -> io::Result<Gate> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let inner = Arc::new(Mutex::new(Inner { mood: Mood::Open, through: Vec::new() }));
        let shared = Arc::clone(&inner);
        let doorman = thread::spawn(move || watch(&shared, addr, server, listener));
        Ok(Gate { addr, inner, doorman: Some(doorman) })
    }

    /// What a client takes as its server.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Changes how it is. Whatever is not open ends the connections that are through.
    pub fn set(&self, mood: Mood) {
        let mut inner = lock(&self.inner);
        inner.mood = mood;
        if mood != Mood::Open {
            for stream in inner.through.drain(..) {
                let _gone_already = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.set(Mood::Gone);
        if let Some(doorman) = self.doorman.take() {
            let _ended = doorman.join();
        }
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(inner: &Arc<Mutex<Inner>>, addr: SocketAddr, server: SocketAddr, first: TcpListener) {
    let mut listener = Some(first);
    loop {
        let mood = lock(inner).mood;
        match mood {
            Mood::Gone => return,
            Mood::Closed => listener = None,
            Mood::Open | Mood::HangUp => {
                if listener.is_none() {
                    listener = TcpListener::bind(addr).ok();
                }
            }
        }
        match listener.as_ref().map(accept) {
            Some(Ok(stream)) if mood == Mood::Open => pass(inner, stream, server),
            Some(Ok(stream)) => {
                let _gone_already = stream.shutdown(Shutdown::Both);
            }
            Some(Err(_)) | None => thread::sleep(LOOK),
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn pass(inner: &Arc<Mutex<Inner>>, client: TcpStream, server: SocketAddr) {
    let ends = || -> io::Result<_> {
        let server = TcpStream::connect(server)?;
        server.set_nodelay(true)?;
        Ok((client.try_clone()?, server.try_clone()?, server))
    };
    let Ok((client_too, server_too, server)) = ends() else { return };
    let mut guard = lock(inner);
    if guard.mood != Mood::Open {
        return;
    }
    guard.through.retain(|stream| stream.peer_addr().is_ok());
    guard.through.extend(client.try_clone());
    guard.through.extend(server.try_clone());
    drop(guard);
    thread::spawn(move || copy(client, server));
    thread::spawn(move || copy(server_too, client_too));
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    loop {
        match io::copy(&mut from, &mut to) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => break,
        }
    }
    let _gone_already = to.shutdown(Shutdown::Write);
    let _gone_already = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// A server that sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || copy(stream.try_clone().unwrap(), stream));
            }
        });
        addr
    }

    fn answer(gate: &Gate) -> io::Result<[u8; 2]> {
        let mut stream = TcpStream::connect(gate.addr)?;
        stream.write_all(b"hi")?;
        let mut back = [0; 2];
        stream.read_exact(&mut back)?;
        Ok(back)
    }

    #[test]
    fn a_door_opens_and_closes() {
        let gate = Gate::new(echo()).unwrap();
        assert_eq!(answer(&gate).unwrap(), *b"hi");
        let mut through = TcpStream::connect(gate.addr).unwrap();
        through.write_all(b"ho").unwrap();
        through.read_exact(&mut [0; 2]).unwrap();
        for mood in [Mood::Closed, Mood::HangUp] {
            gate.set(mood);
            thread::sleep(LOOK * 8);
            assert!(answer(&gate).is_err(), "{mood:?}");
        }
        assert!(through.read_exact(&mut [0; 2]).is_err(), "what was through is ended");
        gate.set(Mood::Open);
        thread::sleep(LOOK * 8);
        assert_eq!(answer(&gate).unwrap(), *b"hi");
    }
}
