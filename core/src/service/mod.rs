//! Many clients, many runs: [`Service`] is what stands behind the socket of the program.
//!
//! It owns the connections and the engines: it cuts bytes into frames, finds the run that a record belongs to, gives
//! answers back to the connection that asked, and tags each engine's effects with its key. It has the two verbs of an
//! engine, one level up, and keeps the same laws. It does not know what a record means.
//!
//! A connection that sends nonsense, or reads no answers, or writes to a run whose disk hangs, delays itself only.

mod api;
mod connection;
mod dispatch;
#[doc(hidden)]
pub mod fuzzing;
mod machine;
mod order;
mod response;
mod stopping;
mod streams;
mod sync;

pub use machine::Machine;

use crate::{
    completion::Completion,
    effect::Effect,
    error::InputError,
    id::{ClientId, EffectId, StreamKey, Ticket},
    limits::Limits,
    notice::Notice,
    output::Summary,
    rng::Rng,
    time::{Duration, Instant, Timer, UnixNanos, Wake},
    writer::WritePolicy,
};
use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
};
use bytes::Bytes;

/// What a service is made with.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// Bounds, also of each run.
    pub limits: Limits,
    /// When each run's log goes to disk.
    pub write_policy: WritePolicy,
    /// End by itself after this long without any connection.
    pub idle_timeout: Option<Duration>,
    /// See [`crate::Config::write_summary_files`].
    pub write_summary_files: bool,
    /// See [`crate::Config::utc_offset_seconds`].
    pub utc_offset_seconds: i32,
    /// See [`crate::Config::current_dir`].
    pub current_dir: String,
    /// See [`crate::Config::slurm`].
    pub slurm: BTreeMap<String, String>,
}

/// Why a service stops without being asked by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The program that the service works for is gone. What it had sent is still read.
    ParentGone,
    /// A signal asks for the end.
    Signal,
    /// The program has ended with this code; what it had sent is still read.
    ProgramEnded {
        /// Exit code for runs that have none.
        exit_code: i32,
    },
}

/// What may happen to a service.
#[derive(Clone, Debug)]
pub enum ServiceInput {
    /// A client connected. Ids must be new.
    Connected(ClientId),
    /// Bytes came, in order, cut anywhere.
    Received(ClientId, Bytes),
    /// The client sends no more. It may still read.
    Ended(ClientId),
    /// The connection is broken in both directions.
    Lost(ClientId),
    /// So many bytes of [`ServiceOutput::Send`] were taken by the connection.
    Sent(ClientId, usize),
    /// The outcome of an effect of a run, or of the service itself ([`StreamKey`] 0).
    Completed(StreamKey, EffectId, Completion),
    /// Time has passed.
    Tick,
    /// End all runs and stop.
    Stop(StopReason),
}

/// What a service says.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an ignored effect stalls a run"]
pub enum ServiceOutput {
    /// Write these bytes to the connection, in order; report progress as [`ServiceInput::Sent`].
    Send(ClientId, Bytes),
    /// Close the connection once what was sent is written. No input is wanted for it any more.
    Close(ClientId),
    /// Do not read from this connection until [`ServiceOutput::Resume`].
    Pause(ClientId),
    /// Read from it again.
    Resume(ClientId),
    /// A run began.
    Started(StreamKey, RunPlace),
    /// An effect of a run, or of the service itself ([`StreamKey`] 0); see [`Effect`].
    Effect(StreamKey, EffectId, Effect),
    /// See [`crate::Output::Cancel`].
    Cancel(StreamKey, EffectId),
    /// A line for the debug log of the run, or of the service.
    Notice(Option<StreamKey>, Notice),
    /// A run is over: nothing of it is outstanding.
    Ended(StreamKey, Summary),
    /// Accept no more connections and take the socket away.
    StopListening,
    /// Text for the user's terminal.
    Print(String),
    /// Nothing to do until an input or the wake.
    Wait(Option<Wake>),
    /// All runs have ended and all answers are handed over. Final.
    Finished,
}

/// Where a run keeps its things, for the adapter's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlace {
    /// Id of the run.
    pub run_id: String,
    /// Folder of the run.
    pub sync_dir: String,
    /// Path of the run's debug log; empty if it wants none.
    pub debug_log: String,
}

/// The state of a service. See the crate's documentation for the laws that it keeps.
pub struct Service {
    config: ServiceConfig,
    rng: Rng,
    start: Instant,
    start_wall: UnixNanos,
    last_now: Instant,
    drained: bool,
    outbox: VecDeque<ServiceOutput>,
    connections: BTreeMap<ClientId, connection::Connection>,
    /// Connections that have unread requests but may not go on.
    stalled: BTreeSet<ClientId>,
    streams: BTreeMap<StreamKey, streams::Stream>,
    by_id: BTreeMap<String, StreamKey>,
    tickets: BTreeMap<Ticket, streams::Asker>,
    last_stream: u64,
    last_ticket: u64,
    uploads: sync::Uploads,
    apis: api::Apis,
    idle_timer: Timer,
    drain_timer: Timer,
    stopping: stopping::Stopping,
    /// The run that is being given an input: where a panic comes from.
    feeding: Option<StreamKey>,
}

impl Service {
    /// A service without connections or runs. `now` and `wall` are the same moment on two clocks.
    pub fn new(config: ServiceConfig, now: Instant, wall: UnixNanos) -> Service {
        let mut idle_timer = Timer::new("service.idle");
        if let Some(timeout) = config.idle_timeout {
            idle_timer.set(now.after(timeout));
        }
        Service {
            rng: Rng::new(config.seed),
            config,
            start: now,
            start_wall: wall,
            last_now: now,
            drained: false,
            outbox: VecDeque::new(),
            connections: BTreeMap::new(),
            stalled: BTreeSet::new(),
            streams: BTreeMap::new(),
            by_id: BTreeMap::new(),
            tickets: BTreeMap::new(),
            last_stream: 0,
            last_ticket: 0,
            uploads: sync::Uploads::default(),
            apis: api::Apis::default(),
            idle_timer,
            drain_timer: Timer::new("service.drain"),
            stopping: stopping::Stopping::No,
            feeding: None,
        }
    }

    /// Takes one input. Inputs for a connection or run that is gone are late, and ignored.
    pub fn handle_input(&mut self, now: Instant, input: ServiceInput) -> Result<(), InputError> {
        if !self.drained {
            return Err(InputError::NotDrained);
        }
        self.last_now = self.last_now.max(now);
        self.drained = false;
        match input {
            ServiceInput::Connected(client) => self.on_connected(client),
            ServiceInput::Received(client, bytes) => self.on_received(client, bytes),
            ServiceInput::Ended(client) => self.on_ended(client),
            ServiceInput::Lost(client) => self.on_lost(client),
            ServiceInput::Sent(client, count) => self.on_sent(client, count),
            ServiceInput::Completed(key, id, completion) => {
                let outcome = self.on_completed(key, id, completion);
                if outcome.is_err() {
                    self.drained = true;
                    return outcome;
                }
            }
            ServiceInput::Tick => self.on_tick(),
            ServiceInput::Stop(reason) => self.on_stop(reason),
        }
        self.retry_stalled();
        self.advance_stop();
        Ok(())
    }

    /// The next output. Ends with [`ServiceOutput::Wait`] or [`ServiceOutput::Finished`].
    pub fn poll_output(&mut self) -> ServiceOutput {
        if let Some(output) = self.outbox.pop_front() {
            return output;
        }
        self.drained = true;
        if self.stopping == stopping::Stopping::Done {
            return ServiceOutput::Finished;
        }
        ServiceOutput::Wait(self.wake())
    }

    /// Number of runs that have not ended.
    pub fn runs(&self) -> usize {
        self.streams.len()
    }

    fn wake(&self) -> Option<Wake> {
        let streams = self.streams.values().filter_map(|stream| stream.wake).min_by_key(|wake| wake.at);
        let work = Wake::soonest(Wake::soonest(streams, self.uploads.wake()), self.api_wake());
        Wake::soonest(Wake::soonest(self.idle_timer.wake(), self.drain_timer.wake()), work)
    }

    fn wall(&self) -> UnixNanos {
        self.start_wall.after(self.last_now.since(self.start))
    }

    fn on_tick(&mut self) {
        if self.idle_timer.take_due(self.last_now) {
            self.on_idle();
        }
        self.tick_streams();
        self.tick_uploads();
        self.tick_apis();
    }
}

#[cfg(test)]
mod tests;
