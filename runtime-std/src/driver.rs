//! The loop that gives a [`Service`] a world: sockets, clock, threads for effects, and clients in this process.
//!
//! 1. drain the outputs and do what they say, 2. wait for an outcome, a client or the wake, 3. give it in as one input,
//! 4. again. Everything that is decided here is *when* to call; nothing of retry, order or batching is.

use crate::{
    inbox::{Event, Inbox, LocalSink},
    pool::{self, Job, Pool},
    sockets::{Incoming, Listener, Peer, READ_BYTES},
};
use polling::{Events, PollMode};
use runwire_core::{
    ClientId, Effect, Notice, StreamKey, Summary,
    service::{Machine, Service, ServiceConfig, ServiceInput, ServiceOutput, StopReason},
};
use runwire_effects::{
    Clock,
    debug_log::{self, CoreLog, RunLog},
    disk::RunFiles,
    rendezvous::Door,
};
use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// Poll keys below this are listeners; a connection's key is its client id above it.
const FIRST_CLIENT: u64 = 16;
/// How often the parent is looked at.
const PARENT_INTERVAL: Duration = Duration::from_millis(100);
/// How long `accept` rests after the system ran out of something.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Is told how a run ended.
type TellEnd = Box<dyn FnMut(&Summary) + Send>;

/// A service and its world.
pub(crate) struct Driver<M> {
    service: M,
    clock: Clock,
    inbox: Arc<Inbox>,
    disk: Pool,
    /// Apart from the disk: a network that hangs must not hold up a log.
    network: Pool,
    listeners: Vec<Listener>,
    /// Told how each run ended.
    on_run_ended: Option<TellEnd>,
    /// Called when the service no longer listens.
    on_stop_listening: Option<Box<dyn FnOnce() + Send>>,
    peers: BTreeMap<ClientId, Peer>,
    locals: BTreeMap<ClientId, Arc<dyn LocalSink>>,
    runs: BTreeMap<StreamKey, RunState>,
    log: CoreLog,
    log_level: debug_log::Level,
    parent: Option<u32>,
    next_client: u64,
    accept_again: Option<std::time::Instant>,
    pending: VecDeque<ServiceInput>,
    buffer: Vec<u8>,
    finished: bool,
}

struct RunState {
    files: Arc<RunFiles>,
    log: RunLog,
}

impl Driver<Service> {
    pub(crate) fn new(config: ServiceConfig, log: CoreLog, log_level: debug_log::Level, inbox: Arc<Inbox>) -> Self {
        let make = |clock: &Clock| Service::new(config, clock.now(), clock.wall());
        Driver::that(make, Arc::new(pool::perform), log, log_level, inbox)
    }
}

impl<M: Machine> Driver<M> {
    /// Drives what `make` makes, in a world that does what `perform` says.
    pub(crate) fn that(
        make: impl FnOnce(&Clock) -> M,
        perform: Arc<pool::Perform>,
        log: CoreLog,
        log_level: debug_log::Level,
        inbox: Arc<Inbox>,
    ) -> Self {
        let clock = Clock::start();
        let service = make(&clock);
        let outcomes = Arc::clone(&inbox);
        let done: Arc<pool::Done> = Arc::new(move |key, id, completion| {
            outcomes.push(Event::Input(match completion {
                Some(completion) => ServiceInput::Completed(key, id, completion),
                None => ServiceInput::Moving(key, id),
            }));
        });
        Driver {
            service,
            clock,
            inbox,
            disk: Pool::that(Arc::clone(&perform), pool::DISK_THREADS_MAX, Arc::clone(&done)),
            network: Pool::that(perform, pool::NETWORK_THREADS_MAX, done),
            listeners: Vec::new(),
            on_run_ended: None,
            on_stop_listening: None,
            peers: BTreeMap::new(),
            locals: BTreeMap::new(),
            runs: BTreeMap::new(),
            log,
            log_level,
            parent: None,
            next_client: FIRST_CLIENT,
            accept_again: None,
            pending: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            finished: false,
        }
    }

    /// Accepts connections of `listeners` until the service stops, then calls `on_stop`.
    pub(crate) fn listen(&mut self, doors: Vec<Door>, on_stop: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        self.listeners = doors.into_iter().map(Listener::from).collect();
        self.on_stop_listening = Some(on_stop);
        self.watch_listeners()
    }

    /// Calls `tell` with the outcome of each run.
    pub(crate) fn on_run_ended(&mut self, tell: TellEnd) {
        self.on_run_ended = Some(tell);
    }

    /// Stops the service when this process no longer has the parent `pid`.
    pub(crate) fn watch_parent(&mut self, pid: u32) {
        self.parent = Some(pid);
    }

    /// Runs until the service has finished.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::new();
        loop {
            let wake = self.drain();
            if self.finished {
                return self.flush_peers();
            }
            // Outcomes and answers that were written come before the wake, and that before anything new.
            if self.inbox.has_more() {
                self.take_inbox();
            }
            if let Some(input) = self.pending.pop_front() {
                self.give(input);
                continue;
            }
            let now = self.clock.now();
            if wake.is_some_and(|wake| wake.at <= now) {
                self.give(ServiceInput::Tick);
                continue;
            }
            let timeout = [
                wake.map(|wake| wake.at.since(now)),
                self.parent.map(|_| PARENT_INTERVAL),
                self.accept_again.map(|at| at.saturating_duration_since(std::time::Instant::now())),
            ];
            events.clear();
            self.inbox.poller().wait(&mut events, timeout.into_iter().flatten().min())?;
            self.take_inbox();
            self.look_at_parent();
            if self.accept_again.is_some_and(|at| at <= std::time::Instant::now()) {
                self.accept_again = None;
                self.watch_listeners()?;
            }
            for event in events.iter() {
                match event.key as u64 {
                    key if key < FIRST_CLIENT => self.accept(key as usize)?,
                    key => {
                        let client = ClientId(key);
                        if event.writable {
                            self.write(client);
                        }
                        if event.readable {
                            self.read(client);
                        }
                    }
                }
            }
        }
    }

    /// Does what the service says, until it waits.
    fn drain(&mut self) -> Option<runwire_core::Wake> {
        loop {
            match self.service.poll_output() {
                ServiceOutput::Send(client, bytes) => self.send(client, bytes),
                ServiceOutput::Close(client) => self.close(client),
                ServiceOutput::Pause(client) => self.pause(client, true),
                ServiceOutput::Resume(client) => self.pause(client, false),
                ServiceOutput::Started(key, place) => {
                    let log = RunLog::of_run(&place.debug_log, &self.log, self.log_level);
                    self.runs.insert(key, RunState { files: Arc::default(), log });
                }
                ServiceOutput::Effect(key, id, effect) => {
                    let files = self.runs.get(&key).map(|run| Arc::clone(&run.files)).unwrap_or_default();
                    let pool = if matches!(effect, Effect::Http(_)) { &self.network } else { &self.disk };
                    pool.submit(Job { key, id, effect, files });
                }
                // Blocking calls can't be interrupted; the late outcome is ignored by the core.
                ServiceOutput::Cancel(..) => {}
                ServiceOutput::Notice(key, notice) => self.note(key, &notice),
                ServiceOutput::Ended(key, summary) => {
                    self.note(Some(key), &Notice::info(format!("the run ended: {summary:?}")));
                    self.runs.remove(&key);
                    if let Some(tell) = &mut self.on_run_ended {
                        tell(&summary);
                    }
                }
                ServiceOutput::StopListening => {
                    self.listeners.iter().for_each(|listener| drop(self.inbox.poller().delete(listener)));
                    self.listeners.clear();
                    if let Some(stop) = self.on_stop_listening.take() {
                        stop();
                    }
                }
                ServiceOutput::Print(text) => {
                    // A closed terminal is no reason to stop.
                    let _ = io::stdout().lock().write_all(text.as_bytes());
                }
                ServiceOutput::Wait(wake) => return wake,
                ServiceOutput::Finished => {
                    self.finished = true;
                    return None;
                }
            }
        }
    }

    /// One input. A panic costs the run that it happened in, nothing else.
    fn give(&mut self, input: ServiceInput) {
        let now = self.clock.now();
        let service = &mut self.service;
        match catch_unwind(AssertUnwindSafe(|| service.handle_input(now, input))) {
            Ok(Ok(())) => {}
            Ok(Err(misuse)) => self.note(None, &Notice::error(format!("the runtime misused the core: {misuse}"))),
            Err(_) => {
                self.service.recover_from_panic();
                self.pending.push_front(ServiceInput::Tick);
                self.note(None, &Notice::error("a run was ended by a bug in this program; please report it"));
            }
        }
    }

    fn take_inbox(&mut self) {
        for event in self.inbox.take() {
            match event {
                Event::Input(input) => self.pending.push_back(input),
                Event::Connect(client, sink) => {
                    self.locals.insert(client, sink);
                    self.pending.push_back(ServiceInput::Connected(client));
                }
                Event::Stop(reason) => {
                    if reason == StopReason::Signal {
                        // What has reached the sockets was accepted as far as its senders know.
                        let clients: Vec<ClientId> = self.peers.keys().copied().collect();
                        clients.into_iter().for_each(|client| self.read(client));
                    }
                    self.pending.push_back(ServiceInput::Stop(reason));
                }
            }
        }
    }

    #[cfg(unix)]
    fn look_at_parent(&mut self) {
        if self.parent.is_some_and(|pid| std::os::unix::process::parent_id() != pid) {
            self.parent = None;
            self.pending.push_back(ServiceInput::Stop(StopReason::ParentGone));
        }
    }

    #[cfg(not(unix))]
    fn look_at_parent(&mut self) {}

    fn accept(&mut self, index: usize) -> io::Result<()> {
        while let Some(listener) = self.listeners.get(index) {
            match listener.accept() {
                Ok(socket) => {
                    let client = ClientId(self.next_client);
                    self.next_client += 1;
                    self.peers.insert(client, Peer::new(socket));
                    self.pending.push_back(ServiceInput::Connected(client));
                    self.watch(client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.note(None, &Notice::warn(format!("a connection could not be accepted: {error}")));
                    self.listeners.iter().for_each(|listener| drop(self.inbox.poller().delete(listener)));
                    self.accept_again = Some(std::time::Instant::now() + ACCEPT_PAUSE);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn watch_listeners(&mut self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            self.inbox.add(listener, polling::Event::readable(index))?;
        }
        Ok(())
    }

    fn read(&mut self, client: ClientId) {
        let Some(peer) = self.peers.get_mut(&client) else { return };
        if peer.paused || peer.ended {
            return;
        }
        let input = match peer.read(&mut self.buffer) {
            Incoming::Nothing => return,
            Incoming::Bytes(bytes) => ServiceInput::Received(client, bytes),
            Incoming::Ended => {
                peer.ended = true;
                ServiceInput::Ended(client)
            }
            Incoming::Lost => {
                peer.ended = true;
                self.pending.push_back(ServiceInput::Lost(client));
                self.drop_peer(client);
                return;
            }
        };
        self.pending.push_back(input);
        self.watch(client);
    }

    fn send(&mut self, client: ClientId, bytes: bytes::Bytes) {
        if let Some(sink) = self.locals.get(&client) {
            let length = bytes.len();
            sink.receive(bytes);
            self.pending.push_back(ServiceInput::Sent(client, length));
        } else if let Some(peer) = self.peers.get_mut(&client) {
            peer.queue(bytes);
            self.write(client);
        }
    }

    fn write(&mut self, client: ClientId) {
        let Some(peer) = self.peers.get_mut(&client) else { return };
        match peer.write() {
            Ok(written) => {
                if written > 0 {
                    self.pending.push_back(ServiceInput::Sent(client, written));
                }
                if peer.closing && !peer.wants_write() {
                    return self.drop_peer(client);
                }
            }
            Err(_) => {
                self.pending.push_back(ServiceInput::Lost(client));
                return self.drop_peer(client);
            }
        }
        self.watch(client);
    }

    fn close(&mut self, client: ClientId) {
        if let Some(sink) = self.locals.remove(&client) {
            sink.closed();
        }
        if let Some(peer) = self.peers.get_mut(&client) {
            peer.closing = true;
            self.write(client);
        }
    }

    fn pause(&mut self, client: ClientId, paused: bool) {
        if let Some(sink) = self.locals.get(&client) {
            sink.pause(paused);
        } else if let Some(peer) = self.peers.get_mut(&client) {
            peer.paused = paused;
            self.watch(client);
        }
    }

    /// Tells the poller what is wanted of a connection now.
    fn watch(&mut self, client: ClientId) {
        let Some(peer) = self.peers.get_mut(&client) else { return };
        let mut interest = polling::Event::none(client.0 as usize);
        interest.readable = !peer.paused && !peer.ended;
        interest.writable = peer.wants_write();
        let poller = self.inbox.poller();
        let done = match (peer.watched, interest.readable || interest.writable) {
            (true, true) => poller.modify_with_mode(&peer.socket, interest, PollMode::Level),
            // A hung-up socket is reported whatever is asked for: one that nothing is wanted of is not watched at all.
            (true, false) => poller.delete(&peer.socket),
            (false, true) => self.inbox.add(&peer.socket, interest),
            (false, false) => Ok(()),
        };
        peer.watched = interest.readable || interest.writable;
        if done.is_err() {
            self.pending.push_back(ServiceInput::Lost(client));
            self.drop_peer(client);
        }
    }

    fn drop_peer(&mut self, client: ClientId) {
        if let Some(peer) = self.peers.remove(&client)
            && peer.watched
        {
            // Fails only if the system has taken it out by itself.
            let _ = self.inbox.poller().delete(&peer.socket);
        }
    }

    /// The last answers, before the process ends: as much as the clients take in a short time.
    fn flush_peers(&mut self) -> io::Result<()> {
        let until = std::time::Instant::now() + Duration::from_millis(500);
        let mut events = Events::new();
        while !self.peers.is_empty() && std::time::Instant::now() < until {
            events.clear();
            self.inbox.poller().wait(&mut events, Some(Duration::from_millis(50)))?;
            let clients: Vec<ClientId> = self.peers.keys().copied().collect();
            clients.into_iter().for_each(|client| self.write(client));
        }
        Ok(())
    }

    fn note(&mut self, key: Option<StreamKey>, notice: &Notice) {
        let level = notice.level.into();
        match key.and_then(|key| self.runs.get(&key)) {
            Some(run) => run.log.write(level, &notice.message, &[]),
            None => self.log.write(level, &notice.message, &[]),
        }
    }
}
