//! Connections that come in: one task reads, one writes; nothing about what the bytes mean.

use crate::{
    driver::{Client, Event, Inbox},
    executor::{Executor, Socket},
    gate::Gate,
};
use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::or,
    io::{ReadHalf, WriteHalf, split},
};
use runwire_core::{ClientId, service::ServiceInput};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes taken from a socket at a time, so that no connection starves another.
const READ_BYTES: usize = 256 << 10;

/// The service's end of a connection.
struct Peer {
    outgoing: Mutex<Option<Sender<Bytes>>>,
    ear: Arc<Ear>,
}

/// When the next piece may be read.
#[derive(Default)]
struct Ear {
    /// Open when the service wants to hear more.
    wanted: Gate,
    /// Open when it has heard the last piece.
    heard: Gate,
}

/// Begins the two tasks of a connection. `writing` is dropped when the last answer is written, or can't be.
pub(crate) fn welcome<E: Executor>(executor: &E, client: ClientId, socket: Socket, inbox: Inbox, writing: Sender<()>) {
    let (incoming, outgoing) = split(socket);
    let (queue, answers) = async_channel::unbounded();
    let (open, closed) = async_channel::bounded::<()>(1);
    let ear = Arc::<Ear>::default();
    let peer = Peer { outgoing: Mutex::new(Some(queue)), ear: Arc::clone(&ear) };
    // Fails when the loop has ended; then the tasks end as well.
    let _ = inbox.urgent.try_send(Event::Connect(client, Arc::new(peer)));
    let to = inbox.clone();
    executor.spawn(async move {
        write(client, outgoing, answers, &to).await;
        drop((open, writing));
    });
    executor.spawn(async move {
        let gone = async {
            // Nothing is ever sent.
            let _ = closed.recv().await;
        };
        or(read(client, incoming, &ear, &inbox), gone).await;
    });
}

async fn read(client: ClientId, mut socket: ReadHalf<Socket>, ear: &Ear, inbox: &Inbox) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        ear.heard.passed().await;
        ear.wanted.passed().await;
        let input = match socket.read(&mut buffer).await {
            Ok(0) => ServiceInput::Ended(client),
            Ok(count) => ServiceInput::Received(client, Bytes::copy_from_slice(&buffer[..count])),
            Err(_) => ServiceInput::Lost(client),
        };
        let last = !matches!(input, ServiceInput::Received(..));
        ear.heard.set_open(false);
        if inbox.heard.send(Event::Input(input)).await.is_err() || last {
            return;
        }
    }
}

async fn write(client: ClientId, mut socket: WriteHalf<Socket>, answers: Receiver<Bytes>, inbox: &Inbox) {
    while let Ok(bytes) = answers.recv().await {
        let input = match socket.write_all(&bytes).await {
            Ok(()) => ServiceInput::Sent(client, bytes.len()),
            Err(_) => ServiceInput::Lost(client),
        };
        let lost = matches!(input, ServiceInput::Lost(_));
        if inbox.urgent.try_send(Event::Input(input)).is_err() || lost {
            break;
        }
    }
    // The other side may be gone already.
    let _ = socket.close().await;
}

impl Client for Peer {
    fn receive(&self, bytes: Bytes) {
        if let Some(queue) = &*self.outgoing.lock().unwrap_or_else(PoisonError::into_inner) {
            // Fails when the writer has told that the connection is lost.
            let _ = queue.try_send(bytes);
        }
    }

    fn listen(&self, on: bool) {
        self.ear.wanted.set_open(on);
    }

    fn heard(&self) {
        self.ear.heard.set_open(true);
    }

    fn close(&self) {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
