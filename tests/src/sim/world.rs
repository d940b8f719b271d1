//! A service and everything around it, in virtual time: the clock jumps exactly to whatever comes next.
//!
//! Owns the state and the step. How effects, clients and crashes go is in the files beside it; what must hold is in
//! `check`. Must not know laws.

use runwire_core::net::{HttpRequest, HttpResponse};
use runwire_core::service::{Service, ServiceConfig, ServiceInput, ServiceOutput, StopReason};
use runwire_core::trace::{describe_input, describe_output};
use runwire_core::{
    ClientId, Completion, Effect, EffectId, EffectKind, Input, InputError, Instant, Output, StreamKey, UnixNanos, Wake,
};
use runwire_local::{Backend, MemoryStore, Settings as ServerSettings};
use std::collections::BTreeMap;

mod look;

use super::agenda::Agenda;
use super::client::Player;
use super::dice::Dice;
use super::disk::Disk;
use super::effects::{Job, Place};
use super::faults::{Counts, Fault, Weights};
use super::net::{Fate, Net};
use super::plan::Plan;
use super::script::Said;
use super::trace::Trace;
use crate::check::Check;
use crate::model::Model;

/// Wall time at the start of every world.
pub(super) const START: UnixNanos = UnixNanos(1_735_689_600_000_000_000);
/// Ticks without any time passing after which it is a spin.
const SPIN: u32 = 1000;

/// What comes next.
#[derive(Debug)]
pub(super) enum Event {
    Disk(Job),
    Request { place: Place, request: Box<HttpRequest>, fate: Fate, sent: Instant },
    Outcome { place: Place, completion: Completion },
    Play(usize),
    Deliver(usize),
    Read(usize, usize),
    Fault(Fault),
    Restart,
    Heal,
}

/// What checks are shown, as it happens.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A whole message of a client has reached the service.
    Delivered {
        /// The connection.
        client: ClientId,
        /// Its run.
        run: &'a str,
        /// The client's mark.
        tag: &'a str,
        /// The message.
        said: &'a Said,
    },
    /// A client is gone without a word.
    Lost(ClientId),
    /// A client reads an answer.
    Answered {
        /// The connection.
        client: ClientId,
        /// The request's id.
        id: &'a str,
        /// Its run.
        run: &'a str,
        /// What was asked, if it is what the client waits for.
        said: Option<&'a Said>,
        /// It is an answer and not an error.
        good: bool,
    },
    /// The service was given an input.
    Given {
        /// The input, in the words of the trace.
        input: &'a Gift<'a>,
        /// What it said to that.
        outcome: &'a Result<(), InputError>,
    },
    /// The service said something.
    Output(&'a ServiceOutput),
    /// An effect was ordered.
    Ordered {
        /// Whose.
        place: Place,
        /// What.
        effect: &'a Effect,
    },
    /// The disk has done something, or not.
    Performed {
        /// Whose.
        place: Place,
        /// What.
        effect: &'a Effect,
        /// How it went.
        completion: &'a Completion,
    },
    /// A request has reached the server.
    Served {
        /// Whose.
        place: Place,
        /// What.
        request: &'a HttpRequest,
        /// The server's answer; none if it is down.
        answer: Option<&'a HttpResponse>,
    },
    /// The service is drained after an input.
    Drained(Option<Wake>),
    /// The service is gone; all of the machine with it if `power`.
    Crashed {
        /// Not only the process.
        power: bool,
    },
    /// The machine slept until now.
    Slept,
    /// Faults are over.
    Healed,
}

/// An input of the service as checks see it.
#[derive(Debug)]
pub enum Gift<'a> {
    /// An outcome.
    Completed(Place, &'a Completion),
    /// A tick.
    Tick,
    /// Anything about a connection, or the end of the service.
    Other,
}

/// Why a simulation stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the law that is broken.
    pub law: &'static str,
    /// The step in which that was seen.
    pub step: u64,
    /// What was seen.
    pub text: String,
}

/// One service.
struct Host {
    service: Service,
    wake: Option<Wake>,
    finished: bool,
    logs: BTreeMap<StreamKey, String>,
    /// Effects that were ordered and have not been answered.
    open: BTreeMap<(StreamKey, EffectId), EffectKind>,
}

/// The world.
pub struct World {
    pub(super) plan: Plan,
    pub(super) now: Instant,
    pub(super) skew: i64,
    pub(super) life: u64,
    pub(super) agenda: Agenda<Event>,
    pub(super) disk: Disk,
    pub(super) backend: Backend,
    pub(super) net: Net,
    pub(super) weights: Weights,
    pub(super) disk_dice: Dice,
    pub(super) dice: Dice,
    pub(super) players: Vec<Player>,
    pub(super) model: Model,
    pub(super) healed: Option<Instant>,
    pub(super) last_client: u64,
    pub(super) remote: BTreeMap<String, serde_json::Value>,
    pub(super) aims_seen: Vec<u64>,
    host: Option<Host>,
    steps: u64,
    spin: (Instant, u32),
    from_step: u64,
    trace: Trace,
    counts: Counts,
    checks: Vec<Box<dyn Check>>,
    failure: Option<Failure>,
}

impl World {
    /// The world of a plan. All lines from `from_step` on are kept if `keep`.
    pub fn new(plan: Plan, checks: Vec<Box<dyn Check>>, keep: bool, from_step: u64) -> World {
        let seed = plan.seed;
        let settings = ServerSettings { entity: "e".into(), secret: "simulated".into(), ..ServerSettings::default() };
        let mut world = World {
            now: Instant::ZERO,
            skew: 0,
            life: 0,
            agenda: Agenda::new(seed),
            disk: Disk::default(),
            backend: Backend::open(Box::<MemoryStore>::default(), settings).expect("memory opens"),
            net: Net::new(seed, plan.latency),
            weights: plan.weights.clone(),
            disk_dice: Dice::new(seed, "disk"),
            dice: Dice::new(seed, "world"),
            players: Vec::new(),
            model: Model::default(),
            healed: None,
            last_client: 0,
            remote: BTreeMap::new(),
            aims_seen: vec![0; plan.aims.len()],
            host: None,
            steps: 0,
            spin: (Instant::ZERO, 0),
            from_step,
            trace: Trace::new(keep),
            counts: Counts::default(),
            checks,
            failure: None,
            plan,
        };
        for (at, fault) in world.plan.timed.clone() {
            world.agenda.add(Instant::ZERO.after(at), Event::Fault(fault));
        }
        world.agenda.add(Instant::ZERO.after(world.plan.heal), Event::Heal);
        world.start_service();
        for client in world.plan.clients.clone() {
            world.add_client(client);
        }
        world
    }

    /// Lets the next thing happen. False if there is nothing to come, or a law is broken.
    pub fn step(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let wake = self.host.as_ref().filter(|host| !host.finished).and_then(|host| host.wake).map(|wake| wake.at);
        let next = self.agenda.next();
        let tick = match (wake, next) {
            (None, None) => return false,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(wake), Some(next)) if wake == next => self.agenda.coin(),
            (Some(wake), Some(next)) => wake < next,
        };
        self.steps += 1;
        if tick {
            let at = wake.unwrap_or(self.now).max(self.now);
            self.spin = if self.spin.0 == at { (at, self.spin.1 + 1) } else { (at, 0) };
            if self.spin.1 > SPIN {
                let why = self.host.as_ref().and_then(|host| host.wake).map_or("", |wake| wake.why);
                self.broken("no-spin", format!("{SPIN} ticks at {at}, wanted by {why}"));
                return false;
            }
            self.now = at;
            self.give(ServiceInput::Tick);
        } else if let Some((at, event)) = self.agenda.take() {
            self.now = self.now.max(at);
            self.happen(event);
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Disk(job) if job.place.life == self.life && self.host.is_some() => self.perform(job),
            Event::Disk(_) => {}
            Event::Request { place, request, fate, sent } => self.arrive(place, &request, &fate, sent),
            Event::Outcome { place, completion } if place.life == self.life => self.complete(place, completion),
            Event::Outcome { .. } => {}
            Event::Play(index) => self.play(index),
            Event::Deliver(index) => self.deliver(index),
            Event::Read(index, count) => self.read(index, count),
            Event::Fault(fault) => self.strike(fault),
            Event::Restart => self.restart(),
            Event::Heal => self.heal(),
        }
    }

    /// Gives the outcome of an effect, and now and then one that must be refused.
    pub(super) fn complete(&mut self, place: Place, completion: Completion) {
        let misuse = self.dice.chance(self.weights.of(Fault::Misuse));
        let copy = misuse.then(|| completion.clone());
        self.give_outcome(place, completion);
        if let Some(copy) = copy {
            self.fired(Fault::Misuse);
            let id = if self.dice.coin() { place.id } else { EffectId(place.id.0 + 1_000_000) };
            self.give_outcome(Place { id, ..place }, copy);
        }
    }

    fn give_outcome(&mut self, place: Place, completion: Completion) {
        if let Some(host) = &mut self.host {
            host.open.remove(&(place.key, place.id));
        }
        self.give(ServiceInput::Completed(place.key, place.id, completion));
    }

    /// Gives an input and does what the service says to it.
    pub(super) fn give(&mut self, input: ServiceInput) {
        let Some(host) = &mut self.host else { return };
        if host.finished {
            return;
        }
        let mut at = self.now;
        if !matches!(input, ServiceInput::Tick)
            && self.weights.of(Fault::ClockBack) > 0
            && self.dice.chance(self.weights.of(Fault::ClockBack))
        {
            at = Instant::from_nanos(at.nanos().saturating_sub(self.dice.below(3_000_000_000)));
            self.counts.fired(Fault::ClockBack);
        }
        let line = match &input {
            ServiceInput::Completed(key, id, completion) => {
                Some(format!("{key} > {}", describe_input(&Input::Completed(*id, completion.clone()))))
            }
            ServiceInput::Tick => Some("> Tick".into()),
            ServiceInput::Connected(client) => Some(format!("{client} > Connected")),
            ServiceInput::Ended(client) => Some(format!("{client} > Ended")),
            ServiceInput::Lost(client) => Some(format!("{client} > Lost")),
            ServiceInput::Received(client, bytes) => Some(format!("{client} > Received len={}", bytes.len())),
            ServiceInput::Moving(key, id) => Some(format!("{key} > Moving {id}")),
            ServiceInput::Sent(..) => None,
            ServiceInput::Stop(reason) => Some(format!("> Stop {reason:?}")),
        };
        let shown = match &input {
            ServiceInput::Completed(key, id, completion) => {
                Some((Place { life: self.life, key: *key, id: *id }, completion.clone()))
            }
            _ => None,
        };
        let is_tick = matches!(input, ServiceInput::Tick);
        let outcome = host.service.handle_input(at, input);
        if let Some(line) = line {
            self.say(&line);
        }
        let gift = match &shown {
            Some((place, completion)) => Gift::Completed(*place, completion),
            None if is_tick => Gift::Tick,
            None => Gift::Other,
        };
        if let Err(error) = &outcome {
            self.say(&format!("! refused: {error}"));
        }
        self.see(Seen::Given { input: &gift, outcome: &outcome });
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let Some(host) = &mut self.host else { return };
            let output = host.service.poll_output();
            self.see(Seen::Output(&output));
            match output {
                ServiceOutput::Send(client, bytes) => self.on_send(client, bytes),
                ServiceOutput::Close(client) => {
                    self.say(&format!("{client} < Close"));
                    self.on_close(client);
                }
                ServiceOutput::Pause(client) => self.on_pause(client, true),
                ServiceOutput::Resume(client) => self.on_pause(client, false),
                ServiceOutput::Started(key, place) => self.say(&format!("{key} . Started {}", place.run_id)),
                ServiceOutput::Effect(key, id, effect) => self.begin(key, id, effect),
                ServiceOutput::Cancel(key, id) => {
                    if let Some(host) = &mut self.host {
                        host.open.remove(&(key, id));
                    }
                    self.line(key, &describe_output(&Output::Cancel(id)));
                }
                ServiceOutput::Notice(key, notice) => match key {
                    Some(key) => self.line(key, &format!("! {notice}")),
                    None => self.say(&format!("! {notice}")),
                },
                ServiceOutput::Ended(key, summary) => {
                    self.line(key, &describe_output(&Output::Finished(summary.clone())));
                    let log = self.log_of(key);
                    self.model.ended(log.as_deref(), &summary);
                }
                ServiceOutput::StopListening => self.say(". StopListening"),
                ServiceOutput::Print(text) => self.say(&format!(". Print len={}", text.len())),
                ServiceOutput::Wait(wake) => {
                    if let Some(host) = &mut self.host {
                        host.wake = wake;
                    }
                    match wake {
                        Some(wake) => self.say(&format!(". Wait {} {}", wake.at, wake.why)),
                        None => self.say(". Wait"),
                    }
                    self.see(Seen::Drained(wake));
                    return;
                }
                ServiceOutput::Finished => {
                    if let Some(host) = &mut self.host {
                        host.finished = true;
                        host.wake = None;
                    }
                    self.say(". Finished");
                    self.see(Seen::Drained(None));
                    return;
                }
            }
        }
    }

    /// Starts a service on what the disk has.
    pub(super) fn start_service(&mut self) {
        self.life += 1;
        let config = ServiceConfig {
            seed: self.plan.seed ^ self.life << 32,
            limits: self.plan.limits.clone(),
            write_policy: self.plan.policy,
            idle_timeout: None,
            write_summary_files: false,
            utc_offset_seconds: 0,
            current_dir: "/sim".into(),
            slurm: BTreeMap::new(),
        };
        let service = Service::new(config, self.now, self.wall());
        self.host = Some(Host { service, wake: None, finished: false, logs: BTreeMap::new(), open: BTreeMap::new() });
        self.say(&format!("* service {}", self.life));
        self.drain();
    }

    /// The service is gone, with all that it had in memory.
    pub(super) fn stop_service(&mut self) {
        self.host = None;
    }

    /// Whether there is a service, and it has ended.
    pub fn is_finished(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.finished)
    }

    /// Whether there is a service.
    pub fn is_up(&self) -> bool {
        self.host.is_some()
    }

    pub(super) fn host_open(&mut self, place: Place, kind: EffectKind) {
        if let Some(host) = &mut self.host {
            host.open.insert((place.key, place.id), kind);
        }
    }

    pub(super) fn note_log(&mut self, key: StreamKey, path: &str) {
        if let Some(host) = &mut self.host {
            host.logs.insert(key, path.to_owned());
        }
    }

    /// Path of the log of a run of this life.
    pub(super) fn log_of(&self, key: StreamKey) -> Option<String> {
        self.host.as_ref()?.logs.get(&key).cloned()
    }

    pub(super) fn note_stop(&mut self) {
        let held = self.players.iter().filter(|player| player.is_held_back());
        let held: Vec<String> = held.map(|player| format!("{}/{}", player.plan.run, player.plan.tag)).collect();
        self.model.stopping(self.life, &held);
    }

    pub(super) fn stop(&mut self, reason: StopReason) {
        self.note_stop();
        self.give(ServiceInput::Stop(reason));
    }
}
