//! A machine that plays a script and watches how it is driven.

use runwire_core::{
    ClientId, Completion, Effect, EffectId, InputError, Instant, StreamKey, Summary, Wake,
    service::{Machine, RunPlace, ServiceInput, ServiceOutput},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The run that every effect of a double belongs to.
pub(super) const RUN: StreamKey = StreamKey(1);

/// One input, as the double saw it.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A client came.
    Connected(ClientId),
    /// So many bytes of it.
    Received(ClientId, usize),
    /// It says no more, or is lost.
    Gone(ClientId),
    /// It took so many bytes.
    Sent(ClientId, usize),
    /// An effect has an outcome.
    Completed(EffectId, &'static str),
    /// Time has passed.
    Tick,
    /// The service is to stop.
    Stop,
    /// The machine was told that it has panicked.
    Recovered,
}

/// What a double has seen, and what was wrong with how it was driven.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Inputs with their times, in order.
    pub seen: Vec<(Instant, Seen)>,
    /// Mistakes of the adapter that need no script to be mistakes.
    pub wrong: Vec<String>,
    /// Whether `Finished` was polled.
    pub finished: bool,
    /// Bytes that clients said, in order.
    pub heard: Vec<u8>,
}

impl Transcript {
    /// How often something was seen.
    pub fn count(&self, matches: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|(_, seen)| matches(seen)).count()
    }

    /// When something was first seen.
    pub fn first(&self, matches: impl Fn(&Seen) -> bool) -> Option<Instant> {
        self.seen.iter().find(|(_, seen)| matches(seen)).map(|(at, _)| *at)
    }
}

/// What a script says next.
#[derive(Default)]
pub struct Scene {
    out: VecDeque<ServiceOutput>,
    wake: Option<Instant>,
    finished: bool,
    last_effect: u64,
}

impl Scene {
    /// Orders an effect; gives its id.
    pub fn effect(&mut self, path: &str) -> EffectId {
        self.last_effect += 1;
        let id = EffectId(self.last_effect);
        self.out.push_back(ServiceOutput::Effect(RUN, id, Effect::StatFiles { paths: vec![path.into()] }));
        id
    }

    /// Says something else.
    pub fn say(&mut self, output: ServiceOutput) {
        self.out.push_back(output);
    }

    /// Wants the time at `at`, or not at all.
    pub fn wake(&mut self, at: Option<Instant>) {
        self.wake = at;
    }

    /// Ends everything.
    pub fn finish(&mut self) {
        self.out.push_back(ServiceOutput::Ended(RUN, Summary::default()));
        self.out.push_back(ServiceOutput::StopListening);
        self.finished = true;
    }
}

/// Answers one input.
type Script = Box<dyn FnMut(Instant, &Seen, &mut Scene) + Send>;

/// The machine.
pub struct Double {
    script: Script,
    scene: Scene,
    drained: bool,
    transcript: Arc<Mutex<Transcript>>,
    open: BTreeSet<EffectId>,
    cancelled: BTreeSet<EffectId>,
    /// Clients that are to be quiet, and pieces heard of each since.
    quiet: BTreeMap<ClientId, usize>,
    /// The loop is held up for so long at the first drain.
    pub hold: Duration,
}

impl Double {
    /// A double that says what `begin` says, and answers each input by `script`.
    pub fn new(
        transcript: &Arc<Mutex<Transcript>>,
        begin: impl FnOnce(&mut Scene),
        script: impl FnMut(Instant, &Seen, &mut Scene) + Send + 'static,
    ) -> Self {
        let mut scene = Scene::default();
        let place = RunPlace { run_id: "double".into(), sync_dir: String::new(), debug_log: String::new() };
        scene.say(ServiceOutput::Started(RUN, place));
        begin(&mut scene);
        Double {
            script: Box::new(script),
            scene,
            drained: false,
            transcript: Arc::clone(transcript),
            open: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            quiet: BTreeMap::new(),
            hold: Duration::ZERO,
        }
    }

    fn note(&self, call: impl FnOnce(&mut Transcript)) {
        call(&mut self.transcript.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(|transcript| transcript.wrong.push(what));
    }

    fn look(&mut self, input: ServiceInput) -> Seen {
        match input {
            ServiceInput::Connected(client) => Seen::Connected(client),
            ServiceInput::Received(client, bytes) => {
                self.note(|transcript| transcript.heard.extend_from_slice(&bytes));
                if let Some(pieces) = self.quiet.get_mut(&client) {
                    *pieces += 1;
                    // One may have been under way.
                    if *pieces > 1 {
                        self.wrong("a client was heard that is to be quiet");
                    }
                }
                Seen::Received(client, bytes.len())
            }
            ServiceInput::Ended(client) | ServiceInput::Lost(client) => Seen::Gone(client),
            ServiceInput::Sent(client, count) => Seen::Sent(client, count),
            // How an effect gets on is told by runtimes that know it; the double asks for none that takes long.
            ServiceInput::Moving(..) => Seen::Tick,
            ServiceInput::Completed(key, id, completion) => {
                if key != RUN {
                    self.wrong(format!("an outcome of a run {key:?} that there is not"));
                }
                if !self.open.remove(&id) && !self.cancelled.remove(&id) {
                    self.wrong(format!("{id:?} was answered without being asked, or twice"));
                }
                Seen::Completed(id, completion.name())
            }
            ServiceInput::Tick => Seen::Tick,
            ServiceInput::Stop(_) => Seen::Stop,
        }
    }
}

impl Machine for Double {
    fn handle_input(&mut self, now: Instant, input: ServiceInput) -> Result<(), InputError> {
        if !std::mem::replace(&mut self.drained, false) {
            self.wrong("an input came before everything was drained");
        }
        if self.scene.finished {
            self.wrong("an input came after the end");
        }
        let seen = self.look(input);
        self.note(|transcript| transcript.seen.push((now, seen.clone())));
        (self.script)(now, &seen, &mut self.scene);
        Ok(())
    }

    fn poll_output(&mut self) -> ServiceOutput {
        let Some(output) = self.scene.out.pop_front() else {
            std::thread::sleep(std::mem::take(&mut self.hold));
            self.drained = true;
            if self.scene.finished {
                if !self.open.is_empty() {
                    self.wrong(format!("effects without an outcome: {:?}", self.open));
                }
                self.note(|transcript| transcript.finished = true);
                return ServiceOutput::Finished;
            }
            return ServiceOutput::Wait(self.scene.wake.map(|at| Wake { at, why: "double" }));
        };
        match &output {
            ServiceOutput::Effect(_, id, _) => {
                self.open.insert(*id);
            }
            ServiceOutput::Cancel(_, id) => {
                self.open.remove(id);
                self.cancelled.insert(*id);
            }
            ServiceOutput::Pause(client) => {
                self.quiet.insert(*client, 0);
            }
            ServiceOutput::Resume(client) => {
                self.quiet.remove(client);
            }
            ServiceOutput::Send(..)
            | ServiceOutput::Close(_)
            | ServiceOutput::Started(..)
            | ServiceOutput::Notice(..)
            | ServiceOutput::Ended(..)
            | ServiceOutput::StopListening
            | ServiceOutput::Print(_)
            | ServiceOutput::Wait(_)
            | ServiceOutput::Finished => {}
        }
        output
    }

    fn recover_from_panic(&mut self) {
        // A machine that was interrupted wants to be polled first, as the real one does.
        self.note(|transcript| transcript.seen.push((Instant::ZERO, Seen::Recovered)));
    }
}

/// The outcome of a double's effects.
pub(super) fn stats() -> Completion {
    Completion::Stats(vec![None])
}
