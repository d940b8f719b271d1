//! The runtimes of this machine as adapters: their clients come over a port, from threads.

use super::{Adapter, Trial};
use runwire_async::{Door, Executor};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A drive that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The threaded runtime.
pub struct Threads;

/// A runtime of futures on this executor.
pub struct Futures<E>(pub E);

impl Adapter for Threads {
    fn drive(&self, trial: Trial) -> Vec<u8> {
        let Trial { make, perform, said } = trial;
        with_client(said, move |doors| runwire_std::kit::drive(|clock| make(clock.now()), perform, doors))
    }
}

impl<E: Executor> Adapter for Futures<E> {
    fn drive(&self, trial: Trial) -> Vec<u8> {
        let Trial { make, perform, said } = trial;
        let executor = self.0.clone();
        with_client(said, move |doors| {
            smol::block_on(runwire_async::kit::drive(executor, |clock| make(clock.now()), perform, doors))
        })
    }
}

/// Drives with a client that says something and listens until the connection is closed. Gives what it heard.
fn with_client(said: Option<Vec<u8>>, drive: impl FnOnce(Vec<Door>) -> io::Result<()> + Send + 'static) -> Vec<u8> {
    with_speaker(move |port| said.map(|said| speak(port, said)).unwrap_or_default(), drive)
}

/// Drives while `speaker` does what it wants with the port, on a thread of its own.
pub fn with_speaker<T: Send + 'static>(
    speaker: impl FnOnce(u16) -> T + Send + 'static,
    drive: impl FnOnce(Vec<Door>) -> io::Result<()> + Send + 'static,
) -> T {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
    listener.set_nonblocking(true).expect("a listener need not block");
    let port = listener.local_addr().expect("a listener has an address").port();
    let client = thread::spawn(move || speaker(port));
    let (done, driven) = mpsc::channel();
    let driver = thread::spawn(move || {
        let outcome = drive(vec![Door::Tcp(listener)]);
        // Fails if nobody waits any more.
        let _ = done.send(());
        outcome
    });
    driven.recv_timeout(PATIENCE).expect("the adapter hangs, or has panicked");
    driver.join().expect("it has not panicked").expect("the loop has all that it needs");
    client.join().expect("a client does not panic")
}

fn speak(port: u16, said: Vec<u8>) -> Vec<u8> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the door is open");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let mut writer = socket.try_clone().expect("a socket has two ends");
    let speaker = thread::spawn(move || {
        // Not all of it need be wanted.
        let _ = writer.write_all(&said);
        writer
    });
    let mut heard = Vec::new();
    // A reset is an end too: what came before it was heard.
    let _ = socket.read_to_end(&mut heard);
    let _ = socket.shutdown(Shutdown::Both);
    drop(speaker.join());
    heard
}
