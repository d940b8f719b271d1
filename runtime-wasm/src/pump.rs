//! The loop that gives a service a world. It waits for nothing: whoever owns it gives in what happened and turns it.
//!
//! 1. drain the outputs and do what they say, 2. take an outcome, else a due wake, else what the client says, 3. give it in
//!    as one input, 4. again, until there is nothing to give in. What is decided here is *when* to call.

use bytes::Bytes;
use runwire_core::{
    ClientId, Effect, EffectId, Instant, Notice, StreamKey, Summary, Wake,
    service::{Machine, ServiceInput, ServiceOutput},
};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Inputs in a row after which the page gets its turn.
const TURN: usize = 256;

/// What outputs are done with. No call may turn the pump.
pub trait World {
    /// The time.
    fn now(&mut self) -> Instant;
    /// Bytes for the client. They are answered by [`ServiceInput::Sent`] when they are taken.
    fn send(&mut self, client: ClientId, bytes: Bytes);
    /// The connection is over.
    fn close(&mut self, client: ClientId);
    /// Starts an effect; its outcome is given in later.
    fn start(&mut self, key: StreamKey, id: EffectId, effect: Effect);
    /// The outcome of this effect is wanted no more.
    fn cancel(&mut self, key: StreamKey, id: EffectId);
    /// A line for whoever looks for mistakes.
    fn note(&mut self, notice: &Notice);
    /// A run has ended.
    fn ended(&mut self, summary: Summary);
}

/// When the pump is to be turned again, if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once, after others had their turn.
    Now,
    /// At this time.
    At(Instant),
    /// When something happens.
    Event,
    /// Never: the service has finished.
    Over,
}

/// A service, what happened to it, and what its one client has said.
pub struct Pump<M> {
    machine: M,
    happened: VecDeque<ServiceInput>,
    said: VecDeque<ServiceInput>,
    said_bytes: usize,
    /// The service wants to hear nothing more for now.
    quiet: bool,
    tick_now: bool,
    over: bool,
}

impl<M: Machine> Pump<M> {
    /// A loop around this service.
    pub fn new(machine: M) -> Self {
        Pump {
            machine,
            happened: VecDeque::new(),
            said: VecDeque::new(),
            said_bytes: 0,
            quiet: false,
            tick_now: false,
            over: false,
        }
    }

    /// Takes what happened: outcomes, bytes that were taken, an order to stop.
    pub fn happened(&mut self, input: ServiceInput) {
        self.happened.push_back(input);
    }

    /// Takes what the client says; it is heard when the service wants to.
    pub fn said(&mut self, input: ServiceInput) {
        self.said_bytes += length(&input);
        self.said.push_back(input);
    }

    /// Bytes that the client has said and the service has not heard.
    pub fn unheard(&self) -> usize {
        self.said_bytes
    }

    /// Whether the service has finished.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Gives in what there is.
    pub fn turn(&mut self, world: &mut impl World) -> Next {
        for _ in 0..TURN {
            let wake = self.drain(world);
            if self.over {
                return Next::Over;
            }
            let now = world.now();
            let Some(input) = self.next(now, wake) else {
                return wake.map_or(Next::Event, |wake| Next::At(wake.at));
            };
            self.give(world, now, input);
        }
        Next::Now
    }

    /// Outcomes first, then time, then what is new.
    fn next(&mut self, now: Instant, wake: Option<Wake>) -> Option<ServiceInput> {
        if std::mem::take(&mut self.tick_now) {
            return Some(ServiceInput::Tick);
        }
        if let Some(input) = self.happened.pop_front() {
            return Some(input);
        }
        if wake.is_some_and(|wake| wake.at <= now) {
            return Some(ServiceInput::Tick);
        }
        if self.quiet {
            return None;
        }
        self.said.pop_front().inspect(|input| self.said_bytes -= length(input))
    }

    /// One input. Where panics unwind, one costs the run that it happened in, nothing else.
    fn give(&mut self, world: &mut impl World, now: Instant, input: ServiceInput) {
        let machine = &mut self.machine;
        match catch_unwind(AssertUnwindSafe(|| machine.handle_input(now, input))) {
            Ok(Ok(())) => {}
            Ok(Err(misuse)) => world.note(&Notice::error(format!("the runtime misused the core: {misuse}"))),
            Err(_) => {
                self.machine.recover_from_panic();
                self.tick_now = true;
                world.note(&Notice::error("a run was ended by a bug in this program; please report it"));
            }
        }
    }

    /// Does what the service says, until it waits.
    fn drain(&mut self, world: &mut impl World) -> Option<Wake> {
        loop {
            match self.machine.poll_output() {
                ServiceOutput::Send(client, bytes) => world.send(client, bytes),
                ServiceOutput::Close(client) => world.close(client),
                ServiceOutput::Pause(_) => self.quiet = true,
                ServiceOutput::Resume(_) => self.quiet = false,
                ServiceOutput::Effect(key, id, effect) => world.start(key, id, effect),
                ServiceOutput::Cancel(key, id) => world.cancel(key, id),
                ServiceOutput::Notice(_, notice) => world.note(&notice),
                ServiceOutput::Print(text) => world.note(&Notice::info(text)),
                ServiceOutput::Ended(_, summary) => world.ended(summary),
                // There is no debug log and no socket.
                ServiceOutput::Started(..) | ServiceOutput::StopListening => {}
                ServiceOutput::Wait(wake) => return wake,
                ServiceOutput::Finished => {
                    self.over = true;
                    return None;
                }
            }
        }
    }
}

fn length(input: &ServiceInput) -> usize {
    match input {
        ServiceInput::Received(_, bytes) => bytes.len(),
        ServiceInput::Connected(_)
        | ServiceInput::Ended(_)
        | ServiceInput::Lost(_)
        | ServiceInput::Sent(..)
        | ServiceInput::Completed(..)
        | ServiceInput::Moving(..)
        | ServiceInput::Tick
        | ServiceInput::Stop(_) => 0,
    }
}
