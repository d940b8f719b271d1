//! The smallest loop there is: one thread, effects done at once, the client in memory. It passes every check that needs no
//! threads, and with a mistake in it it fails one.

#![allow(clippy::wildcard_enum_match_arm, reason = "outputs that need no handling of their own")]

use super::{Adapter, Double, Trial};
use bytes::Bytes;
use runwire_core::{
    ClientId, Completion, Failure, FailureKind, Instant, Wake,
    service::{Machine, ServiceInput, ServiceOutput},
};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

const CLIENT: ClientId = ClientId(1);
/// The client speaks in pieces of so many bytes.
const PIECE: usize = 100_000;

/// What may be wrong with a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It gives an input after the first output.
    DrainsOne,
    /// It keeps the first wake that it was told.
    KeepsTheWake,
    /// It asks for the time all the time.
    Spins,
    /// It waits for a client that may not speak before it takes outcomes.
    ForgetsOutcomes,
    /// It hears a client that is to be quiet.
    HearsTheQuiet,
    /// A worker that panics has no outcome.
    LosesWorkers,
    /// It answers an effect again.
    AnswersTwice,
    /// It closes a connection before everything is sent.
    ClosesEarly,
}

/// The loop, in virtual time, with or without a mistake.
pub struct Simple(pub Option<Mistake>);

struct World {
    now: Instant,
    outcomes: VecDeque<ServiceInput>,
    sent: VecDeque<ServiceInput>,
    said: VecDeque<Bytes>,
    heard: Vec<u8>,
    quiet: bool,
    closed: bool,
}

impl Adapter for Simple {
    fn has_threads(&self) -> bool {
        false
    }

    fn drive(&self, trial: Trial) -> Vec<u8> {
        let is = |mistake| self.0 == Some(mistake);
        let said = trial.said.clone().unwrap_or_default();
        let mut world = World {
            now: Instant::ZERO,
            outcomes: VecDeque::new(),
            sent: VecDeque::new(),
            said: said.chunks(PIECE).map(Bytes::copy_from_slice).collect(),
            heard: Vec::new(),
            quiet: false,
            closed: false,
        };
        let mut double = (trial.make)(world.now);
        if trial.said.is_some() {
            world.outcomes.push_back(ServiceInput::Connected(CLIENT));
        }
        let mut first_wake = None;
        // More than any check needs: a loop that forgets something must end too.
        for _ in 0..20_000 {
            let mut drained = None;
            while drained.is_none() {
                match double.poll_output() {
                    ServiceOutput::Finished => return world.heard,
                    ServiceOutput::Wait(wake) => drained = Some(wake),
                    other => {
                        world.obey(other, &trial.perform, self.0);
                        if is(Mistake::DrainsOne) {
                            drained = Some(None);
                        }
                    }
                }
            }
            let mut wake = drained.flatten();
            if is(Mistake::KeepsTheWake) {
                first_wake = first_wake.or(wake);
                wake = first_wake;
            }
            let Some(input) = world.next(wake, self.0) else { return world.heard };
            let now = world.now;
            if catch_unwind(AssertUnwindSafe(|| double.handle_input(now, input).expect("a double takes all"))).is_err()
            {
                recover(&mut double, &mut world);
            }
        }
        world.heard
    }
}

fn recover(double: &mut Double, world: &mut World) {
    double.recover_from_panic();
    world.outcomes.push_front(ServiceInput::Tick);
}

impl World {
    fn obey(&mut self, output: ServiceOutput, perform: &super::Perform, mistake: Option<Mistake>) {
        match output {
            ServiceOutput::Effect(key, id, effect) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| perform(effect)));
                if outcome.is_err() && mistake == Some(Mistake::LosesWorkers) {
                    return;
                }
                let lost = Failure { kind: FailureKind::Other, message: "it panicked".into() };
                let outcome = outcome.unwrap_or(Completion::Failed(lost));
                if mistake == Some(Mistake::AnswersTwice) {
                    self.outcomes.push_back(ServiceInput::Completed(key, id, outcome.clone()));
                }
                self.outcomes.push_back(ServiceInput::Completed(key, id, outcome));
            }
            ServiceOutput::Cancel(key, id) => {
                let gone = |input: &ServiceInput| matches!(input, ServiceInput::Completed(of, id_of, _) if (*of, *id_of) == (key, id));
                self.outcomes.retain(|input| !gone(input));
            }
            ServiceOutput::Pause(_) => self.quiet = mistake != Some(Mistake::HearsTheQuiet),
            ServiceOutput::Resume(_) => self.quiet = false,
            ServiceOutput::Send(client, bytes) if !self.closed => {
                self.sent.push_back(ServiceInput::Sent(client, bytes.len()));
                if mistake != Some(Mistake::ClosesEarly) || self.heard.len() < PIECE {
                    self.heard.extend_from_slice(&bytes);
                }
            }
            ServiceOutput::Close(_) => self.closed = true,
            ServiceOutput::Send(..)
            | ServiceOutput::Started(..)
            | ServiceOutput::Notice(..)
            | ServiceOutput::Ended(..)
            | ServiceOutput::StopListening
            | ServiceOutput::Print(_)
            | ServiceOutput::Wait(_)
            | ServiceOutput::Finished => {}
        }
    }

    /// Outcomes, then the wake, then the client; then time passes until the wake.
    fn next(&mut self, wake: Option<Wake>, mistake: Option<Mistake>) -> Option<ServiceInput> {
        if mistake == Some(Mistake::Spins) && self.outcomes.is_empty() {
            self.now = self.now.after(Duration::from_millis(20));
            return Some(ServiceInput::Tick);
        }
        let starved = mistake == Some(Mistake::ForgetsOutcomes) && self.quiet;
        if let Some(outcome) = self.outcomes.pop_front().filter(|_| !starved) {
            return Some(outcome);
        }
        if wake.is_some_and(|wake| wake.at <= self.now) {
            return Some(ServiceInput::Tick);
        }
        if let Some(sent) = self.sent.pop_front() {
            return Some(sent);
        }
        if !self.quiet
            && let Some(piece) = self.said.pop_front()
        {
            return Some(ServiceInput::Received(CLIENT, piece));
        }
        self.now = self.now.max(wake?.at);
        Some(ServiceInput::Tick)
    }
}
