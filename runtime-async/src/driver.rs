//! The loop that gives a service a world: clients, clock, and tasks for its effects.
//!
//! 1. drain the outputs and do what they say, 2. wait for an outcome, the wake or a client, 3. give it in as one input,
//! 4. again. What is decided here is *when* to call.

use crate::{
    executor::{Boxed, Executor},
    notes::{Note, Notes},
};
use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_lite::{
    FutureExt,
    future::{or, pending, yield_now},
};
use runwire_core::{
    ClientId, Completion, Effect, EffectId, Failure, FailureKind, Notice, StreamKey, Summary, Wake,
    service::{Machine, ServiceInput, ServiceOutput},
};
use runwire_effects::{Clock, disk::RunFiles};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What clients have said and the service has not heard yet, in pieces; they wait when there is more.
const UNHEARD_MAX: usize = 256;
/// Inputs in a row after which others get their turn on this thread.
const TURN: u32 = 64;

/// The client's side of a connection, as the loop sees it.
pub(crate) trait Client: Send + Sync {
    /// Bytes of answers, in order. The client says [`ServiceInput::Sent`] when they are taken.
    fn receive(&self, bytes: Bytes);
    /// Whether the service wants to hear more.
    fn listen(&self, on: bool);
    /// The service has heard the last piece, and said what follows from it.
    fn heard(&self) {}
    /// The connection is over once everything is sent.
    fn close(&self);
}

pub(crate) enum Event {
    Input(ServiceInput),
    Connect(ClientId, Arc<dyn Client>),
}

/// The two ways in.
#[derive(Clone)]
pub(crate) struct Inbox {
    /// Outcomes and what else can't wait.
    pub(crate) urgent: Sender<Event>,
    /// What clients say, in the order of each.
    pub(crate) heard: Sender<Event>,
}

/// Performs an effect.
pub(crate) type Perform = dyn Fn(Arc<RunFiles>, Effect) -> Boxed<Completion> + Send + Sync;

/// A service and its world.
pub(crate) struct Driver<E, M> {
    machine: M,
    executor: E,
    clock: Clock,
    perform: Arc<Perform>,
    notes: Notes,
    inbox: Inbox,
    urgent: Receiver<Event>,
    heard: Receiver<Event>,
    clients: BTreeMap<ClientId, Arc<dyn Client>>,
    runs: BTreeMap<StreamKey, Arc<RunFiles>>,
    /// Effects under way. The task of one ends when it is taken out.
    running: BTreeMap<(StreamKey, EffectId), Sender<()>>,
    tell_end: Box<dyn FnMut(Summary) + Send>,
    /// Dropped when the service no longer listens.
    doors: Option<Box<dyn Send>>,
    wake: Option<Wake>,
    /// Whose piece was the last input.
    spoke: Option<ClientId>,
    /// After a panic the machine is given the time once, whatever its wake.
    tick_now: bool,
    finished: bool,
}

impl<E: Executor, M: Machine> Driver<E, M> {
    pub(crate) fn new(
        executor: E,
        make: impl FnOnce(&Clock) -> M,
        perform: Arc<Perform>,
        notes: Notes,
        tell_end: impl FnMut(Summary) + Send + 'static,
    ) -> Self {
        let (for_urgent, urgent) = async_channel::unbounded();
        let (for_heard, heard) = async_channel::bounded(UNHEARD_MAX);
        let clock = Clock::start();
        Driver {
            machine: make(&clock),
            executor,
            clock,
            perform,
            notes,
            inbox: Inbox { urgent: for_urgent, heard: for_heard },
            urgent,
            heard,
            clients: BTreeMap::new(),
            runs: BTreeMap::new(),
            running: BTreeMap::new(),
            tell_end: Box::new(tell_end),
            doors: None,
            wake: None,
            spoke: None,
            tick_now: false,
            finished: false,
        }
    }

    /// The ways in.
    pub(crate) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Keeps `doors` until the service no longer listens.
    pub(crate) fn keep(&mut self, doors: impl Send + 'static) {
        self.doors = Some(Box::new(doors));
    }

    /// Runs until the service has finished.
    pub(crate) async fn run(mut self) {
        for count in 1_u32.. {
            self.drain();
            if self.finished {
                break;
            }
            // Only now, so that a client that is to be quiet says nothing more.
            if let Some(client) = self.spoke.take() {
                self.with(client, |side| side.heard());
            }
            match self.next().await {
                Event::Input(input) => {
                    if let ServiceInput::Received(client, _) = &input {
                        self.spoke = Some(*client);
                    }
                    self.give(input);
                }
                Event::Connect(client, side) => {
                    self.clients.insert(client, side);
                    self.give(ServiceInput::Connected(client));
                }
            }
            if count.is_multiple_of(TURN) {
                yield_now().await;
            }
        }
        self.clients.values().for_each(|client| client.close());
        self.notes.close().await;
    }

    /// Outcomes first, then time, then what is new.
    async fn next(&mut self) -> Event {
        if std::mem::take(&mut self.tick_now) {
            return Event::Input(ServiceInput::Tick);
        }
        if let Ok(event) = self.urgent.try_recv() {
            return event;
        }
        let now = self.clock.now();
        if self.wake.is_some_and(|wake| wake.at <= now) {
            return Event::Input(ServiceInput::Tick);
        }
        if let Ok(event) = self.heard.try_recv() {
            return event;
        }
        let due = async {
            match self.wake {
                Some(wake) => self.executor.sleep(wake.at.since(now)).await,
                None => pending().await,
            }
            Event::Input(ServiceInput::Tick)
        };
        // Neither way closes: the loop holds an end of each.
        let urgent = async { self.urgent.recv().await.unwrap_or(Event::Input(ServiceInput::Tick)) };
        let heard = async { self.heard.recv().await.unwrap_or(Event::Input(ServiceInput::Tick)) };
        or(urgent, or(due, heard)).await
    }

    /// Does what the service says, until it waits.
    fn drain(&mut self) {
        loop {
            match self.machine.poll_output() {
                ServiceOutput::Send(client, bytes) => self.with(client, |side| side.receive(bytes)),
                ServiceOutput::Close(client) => {
                    if let Some(side) = self.clients.remove(&client) {
                        side.close();
                    }
                }
                ServiceOutput::Pause(client) => self.with(client, |side| side.listen(false)),
                ServiceOutput::Resume(client) => self.with(client, |side| side.listen(true)),
                ServiceOutput::Started(key, place) => {
                    self.runs.insert(key, Arc::default());
                    self.notes.write(Note::Begin(key, place));
                }
                ServiceOutput::Effect(key, id, effect) => self.start(key, id, effect),
                ServiceOutput::Cancel(key, id) => drop(self.running.remove(&(key, id))),
                ServiceOutput::Notice(key, notice) => self.notes.write(Note::Line(key, notice)),
                ServiceOutput::Ended(key, summary) => {
                    self.note(Some(key), Notice::info(format!("the run ended: {summary:?}")));
                    self.notes.write(Note::End(key));
                    self.runs.remove(&key);
                    (self.tell_end)(summary);
                }
                ServiceOutput::StopListening => drop(self.doors.take()),
                ServiceOutput::Print(text) => self.notes.write(Note::Print(text)),
                ServiceOutput::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                ServiceOutput::Finished => {
                    self.finished = true;
                    return;
                }
            }
        }
    }

    /// One input. A panic costs the run that it happened in, nothing else.
    fn give(&mut self, input: ServiceInput) {
        if let ServiceInput::Completed(key, id, _) = &input {
            self.running.remove(&(*key, *id));
        }
        let now = self.clock.now();
        let machine = &mut self.machine;
        match catch_unwind(AssertUnwindSafe(|| machine.handle_input(now, input))) {
            Ok(Ok(())) => {}
            Ok(Err(misuse)) => self.note(None, Notice::error(format!("the runtime misused the core: {misuse}"))),
            Err(_) => {
                self.machine.recover_from_panic();
                self.tick_now = true;
                self.note(None, Notice::error("a run was ended by a bug in this program; please report it"));
            }
        }
    }

    /// Starts a task for an effect. Its outcome comes back as an event, unless it is cancelled before.
    fn start(&mut self, key: StreamKey, id: EffectId, effect: Effect) {
        let files = self.runs.get(&key).map(Arc::clone).unwrap_or_default();
        let (running, cancelled) = async_channel::bounded(1);
        self.running.insert((key, id), running);
        let outcomes = self.inbox.urgent.clone();
        let work = AssertUnwindSafe((self.perform)(files, effect)).catch_unwind();
        self.executor.spawn(async move {
            let done = async { Some(work.await.unwrap_or_else(|_| broken())) };
            let gone = async {
                // Nothing is ever sent: it ends when the loop lets go.
                let _ = cancelled.recv().await;
                None
            };
            if let Some(completion) = or(done, gone).await {
                // Fails when the loop has ended, and then nobody waits for it.
                let _ = outcomes.try_send(Event::Input(ServiceInput::Completed(key, id, completion)));
            }
        });
    }

    fn with(&self, client: ClientId, call: impl FnOnce(&dyn Client)) {
        if let Some(side) = self.clients.get(&client) {
            call(&**side);
        }
    }

    fn note(&self, key: Option<StreamKey>, notice: Notice) {
        self.notes.write(Note::Line(key, notice));
    }
}

fn broken() -> Completion {
    let message = "performing the effect panicked; please report this".into();
    Completion::Failed(Failure { kind: FailureKind::Other, message })
}
