//! The loop of the browser runtime passes the conformance kit: it knows no browser, so it is tried here, in virtual time. The
//! whole runtime is tried in a browser (`wasm_browser.rs`).

use bytes::Bytes;
use runwire_core::{
    ClientId, Completion, Effect, EffectId, Failure, FailureKind, Instant, Notice, StreamKey, Summary,
    service::ServiceInput,
};
use runwire_tests::kit::{Adapter, Perform, Trial, examine};
use runwire_wasm::{Next, Pump, World};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
};

const CLIENT: ClientId = ClientId(1);
/// The client speaks in pieces of so many bytes.
const PIECE: usize = 100_000;
/// More turns than any check needs: a loop that forgets something must end too.
const TURNS: usize = 20_000;

struct VirtualPage;

struct Virtual {
    now: Instant,
    perform: Perform,
    outcomes: VecDeque<ServiceInput>,
    heard: Vec<u8>,
}

impl World for Virtual {
    fn now(&mut self) -> Instant {
        self.now
    }

    fn send(&mut self, client: ClientId, bytes: Bytes) {
        self.heard.extend_from_slice(&bytes);
        self.outcomes.push_back(ServiceInput::Sent(client, bytes.len()));
    }

    fn close(&mut self, _: ClientId) {}

    fn start(&mut self, key: StreamKey, id: EffectId, effect: Effect) {
        let lost = Failure { kind: FailureKind::Other, message: "it panicked".into() };
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.perform)(effect))).unwrap_or(Completion::Failed(lost));
        self.outcomes.push_back(ServiceInput::Completed(key, id, outcome));
    }

    fn cancel(&mut self, key: StreamKey, id: EffectId) {
        self.outcomes
            .retain(|input| !matches!(input, ServiceInput::Completed(of, id_of, _) if (*of, *id_of) == (key, id)));
    }

    fn note(&mut self, _: &Notice) {}

    fn ended(&mut self, _: Summary) {}
}

impl Adapter for VirtualPage {
    fn has_threads(&self) -> bool {
        false
    }

    fn drive(&self, trial: Trial) -> Vec<u8> {
        let Trial { make, perform, said } = trial;
        let mut world = Virtual { now: Instant::ZERO, perform, outcomes: VecDeque::new(), heard: Vec::new() };
        let mut pump = Pump::new(make(world.now));
        if let Some(said) = said {
            pump.said(ServiceInput::Connected(CLIENT));
            for piece in said.chunks(PIECE) {
                pump.said(ServiceInput::Received(CLIENT, Bytes::copy_from_slice(piece)));
            }
        }
        for _ in 0..TURNS {
            let next = pump.turn(&mut world);
            let outcomes: Vec<ServiceInput> = world.outcomes.drain(..).collect();
            let idle = outcomes.is_empty();
            outcomes.into_iter().for_each(|input| pump.happened(input));
            match next {
                Next::Over => break,
                Next::Now => {}
                Next::At(at) if idle => world.now = world.now.max(at),
                Next::Event if idle => break,
                Next::At(_) | Next::Event => {}
            }
        }
        world.heard
    }
}

#[test]
fn the_loop_of_a_page_passes() {
    let wrong = examine(&VirtualPage);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
