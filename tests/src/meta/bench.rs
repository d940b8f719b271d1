//! One engine, or the upload of its log, on a disk and a server in memory. What is done when, what dies where and which
//! ticks come is the caller's choice. Must not know laws.

use std::collections::BTreeSet;

use bytes::Bytes;
use runwire_core::client::Session;
use runwire_core::net::HttpRequest;
use runwire_core::sync::{Overrides, SyncRun};
use runwire_core::time::Duration;
use runwire_core::{
    ClientId, CloseReason, Completion, Config, Effect, EffectId, Engine, Input, InputError, Instant, Limits, Output,
    Reply, Ticket, UnixNanos, Wake,
};
use runwire_local::{Backend, MemoryStore, Settings as ServerSettings};
use runwire_proto::wire::RunRecord;

use super::scenario::{Scenario, record};
use super::state::State;
use crate::sim::{self, Act, RunPlan};
use crate::weather::world::{Files, Memory, perform};

const START_MS: u64 = 1_735_689_600_000;
const CLIENT: ClientId = ClientId(1);
const RUN: &str = "r1";
/// Virtual time after which a run that should end counts as hanging: more than all its deadlines together.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What outlives a process: the disk, and the server.
pub struct Site {
    /// Files by their paths.
    pub files: Memory,
    /// The server.
    pub backend: Backend,
    /// Path of the run's log.
    pub log: String,
}

/// What a process that dies leaves of the effect that was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Nothing of it is done.
    Before,
    /// Half of its bytes are written, if it writes.
    Torn,
    /// All of it is done, and nobody hears of it.
    After,
}

/// Which ticks come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Those that are wanted, when they are wanted.
    #[default]
    Exact,
    /// More, that nobody wants.
    Eager,
    /// One at the end of each wait, however much was wanted meanwhile.
    Asleep,
}

/// How a bench behaves.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Which of the open effects is done next: numbers, used again and again. One that is out of range lets the client go
    /// on first. Empty: all at once, the oldest first.
    pub order: Vec<u8>,
    /// Which ticks come.
    pub pace: Pace,
    /// The process dies at the effect of this number.
    pub kill: Option<(usize, Kill)>,
}

enum Machine {
    Run(Box<Engine>),
    Upload(Box<SyncRun>),
}

/// What answers a request in the server's place, if it gives an answer. The second argument lets the server do what the
/// request says and gives its own answer.
pub type Between = Box<dyn FnMut(&HttpRequest, &mut dyn FnMut() -> Completion) -> Option<Completion>>;

/// See above.
pub struct Bench {
    machine: Machine,
    /// What outlives it.
    pub site: Site,
    /// All outputs but waits, in the words of the trace.
    pub lines: Vec<String>,
    /// Effects that were begun.
    pub begun: usize,
    /// Somebody between the run and the server.
    pub between: Option<Between>,
    now: Instant,
    manner: Manner,
    turn: usize,
    open: Vec<(EffectId, Effect)>,
    wake: Option<Wake>,
    finished: bool,
    dead: bool,
    answered: BTreeSet<Ticket>,
    last_ticket: u64,
}

impl Site {
    /// An empty disk and a new server.
    pub fn new() -> Site {
        let settings = ServerSettings { entity: "e".into(), secret: "simulated".into(), ..ServerSettings::default() };
        let backend = Backend::open(Box::<MemoryStore>::default(), settings).expect("memory opens");
        let log = settings_of_run().sync_file.unwrap_or_default();
        Site { files: Memory::default(), backend, log }
    }

    /// What is left of the run.
    pub fn state(&mut self) -> State {
        let log = self.files.get(&self.log).cloned().unwrap_or_default();
        State::of(&mut self.backend, RUN, &log)
    }

    /// Uploads the log until that is over.
    pub fn upload(self, manner: Manner) -> Result<Bench, String> {
        let mut bench = Bench::upload(self, manner);
        bench.to_end()?;
        Ok(bench)
    }
}

impl Default for Site {
    fn default() -> Self {
        Site::new()
    }
}

fn settings_of_run() -> runwire_proto::wire::Settings {
    sim::settings(&RunPlan { id: RUN.into(), online: true, goes_on: false }, 1, Duration::ZERO, None)
}

impl Bench {
    /// A new run.
    pub fn run(site: Site, manner: Manner, limits: &Limits) -> Bench {
        let mut config = Config::new(settings_of_run());
        config.limits = limits.clone();
        let wall = UnixNanos(START_MS as i64 * 1_000_000);
        let engine = Engine::new(config, 7, Instant::ZERO, wall, Some(Ticket(0)));
        Bench::around(Machine::Run(Box::new(engine)), site, manner)
    }

    /// The upload of the log that is there, an hour after the run began.
    pub fn upload(site: Site, manner: Manner) -> Bench {
        let mut settings = settings_of_run();
        settings.sync_dir = site.log.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let wall = UnixNanos((START_MS as i64 + 3_600_000) * 1_000_000);
        let config = Config::new(settings);
        let run = SyncRun::new(config, site.log.clone(), Overrides::default(), false, 9, Instant::ZERO, wall);
        Bench::around(Machine::Upload(Box::new(run)), site, manner)
    }

    fn around(machine: Machine, site: Site, manner: Manner) -> Bench {
        let mut bench = Bench {
            machine,
            site,
            lines: Vec::new(),
            begun: 0,
            between: None,
            now: Instant::ZERO,
            manner,
            turn: 0,
            open: Vec::new(),
            wake: None,
            finished: false,
            dead: false,
            answered: BTreeSet::new(),
            last_ticket: 0,
        };
        bench.drain();
        bench
    }

    /// Plays a scenario to the end of the run, or to the death of the process. The error says what hangs or is refused.
    pub fn play(&mut self, scenario: &Scenario) -> Result<(), String> {
        let run = RunRecord {
            run_id: RUN.into(),
            entity: "e".into(),
            project: "p".into(),
            host: "machine".into(),
            ..Default::default()
        };
        let folder = self.site.log.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let session = Session::new(RUN);
        self.await_answer(Ticket(0))?;
        for act in scenario.acts(&run, &folder) {
            if self.dead {
                return Ok(());
            }
            match act {
                Act::Wait(time) => self.advance(time)?,
                Act::Save(path, bytes) => drop(self.site.files.insert(path, bytes)),
                Act::Tell(said) => {
                    let Some(record) = record(&said, &session, RUN) else { continue };
                    self.give(Input::Record { client: CLIENT, ticket: None, record })?;
                    self.settle(true)?;
                }
                Act::Ask(said) => {
                    let Some(record) = record(&said, &session, RUN) else { continue };
                    self.last_ticket += 1;
                    let ticket = Ticket(self.last_ticket);
                    self.give(Input::Record { client: CLIENT, ticket: Some(ticket), record })?;
                    self.await_answer(ticket)?;
                }
                Act::Deaf(_) | Act::Noise(_) | Act::HalfClose | Act::Vanish => {}
            }
        }
        if self.dead {
            return Ok(());
        }
        self.give(Input::Close(CloseReason::Finish))?;
        self.to_end()
    }

    /// Goes on until the machine says that it is over, or is dead.
    pub fn to_end(&mut self) -> Result<(), String> {
        self.until("the end", |bench| bench.finished)
    }

    /// Whether it died.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    fn await_answer(&mut self, ticket: Ticket) -> Result<(), String> {
        self.until("an answer", |bench| bench.answered.contains(&ticket) || bench.finished)
    }

    fn until(&mut self, what: &str, done: impl Fn(&Bench) -> bool) -> Result<(), String> {
        let end = self.now.after(PATIENCE);
        loop {
            self.settle(false)?;
            if self.dead || done(self) {
                return Ok(());
            }
            let wake = self.wake.map(|wake| wake.at).filter(|at| *at <= end);
            let Some(at) = wake else { return Err(format!("{what} does not come:\n{}", self.last_lines())) };
            self.early(at)?;
            self.now = self.now.max(at);
            self.give(Input::Tick)?;
        }
    }

    fn advance(&mut self, by: Duration) -> Result<(), String> {
        let end = self.now.after(by);
        if self.manner.pace == Pace::Asleep {
            self.now = end;
            self.give(Input::Tick)?;
            return self.settle(true);
        }
        while let Some(wake) = self.wake.filter(|wake| wake.at <= end && !self.finished && !self.dead) {
            self.early(wake.at)?;
            self.now = self.now.max(wake.at);
            self.give(Input::Tick)?;
            self.settle(true)?;
        }
        self.early(end)?;
        self.now = end.max(self.now);
        Ok(())
    }

    /// Ticks on the way to `end`, before anything is due.
    fn early(&mut self, end: Instant) -> Result<(), String> {
        if self.manner.pace != Pace::Eager {
            return Ok(());
        }
        let way = end.since(self.now);
        for part in 1..4 {
            let at = self.now.after(way * part / 4);
            if self.wake.is_none_or(|wake| at < wake.at) && at < end {
                let before = (self.lines.len(), self.wake);
                self.handle(at, Input::Tick)?;
                if before != (self.lines.len(), self.wake) {
                    return Err(format!("a tick before its time does something:\n{}", self.last_lines()));
                }
            }
        }
        Ok(())
    }

    /// Does what is open: all of it, or as much as the manner says if the client may go on first.
    fn settle(&mut self, may_leave: bool) -> Result<(), String> {
        while !self.dead && !self.open.is_empty() {
            let place = match self.manner.order.as_slice() {
                [] => 0,
                order => {
                    self.turn += 1;
                    usize::from(order[self.turn % order.len()]) % (self.open.len() + usize::from(may_leave))
                }
            };
            if place == self.open.len() {
                return Ok(());
            }
            let (id, effect) = self.open.remove(place);
            if let Some(completion) = self.perform(effect) {
                self.give(Input::Completed(id, completion))?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Option<Completion> {
        let number = self.begun;
        self.begun += 1;
        let kill = self.manner.kill.filter(|(at, _)| *at == number).map(|(_, kill)| kill);
        self.dead = kill.is_some();
        match kill {
            Some(Kill::Before) => return None,
            Some(Kill::Torn) => {
                match effect {
                    Effect::AppendLog { at, bytes } => {
                        let half = &bytes[..bytes.len() / 2];
                        self.site.files.write(&self.site.log, at, half, false).ok()?;
                    }
                    Effect::PatchFile { path, at, bytes } => {
                        self.site.files.write(&path, at, &bytes[..bytes.len() / 2], true).ok()?;
                    }
                    _ => {}
                }
                return None;
            }
            Some(Kill::After) | None => {}
        }
        let now_ms = START_MS + self.now.nanos() / 1_000_000;
        let Site { files, backend, log } = &mut self.site;
        let asked = match (&effect, &mut self.between) {
            (Effect::Http(request), Some(between)) => {
                between(request, &mut || perform(effect.clone(), log, now_ms, backend, files))
            }
            _ => None,
        };
        let completion = match asked {
            Some(completion) => completion,
            None => perform(effect, log, now_ms, backend, files),
        };
        (kill.is_none()).then_some(completion)
    }

    fn give(&mut self, input: Input) -> Result<(), String> {
        self.handle(self.now, input)
    }

    fn handle(&mut self, now: Instant, input: Input) -> Result<(), String> {
        let taken = match &mut self.machine {
            Machine::Run(engine) => engine.handle_input(now, input),
            Machine::Upload(run) => run.handle_input(now, input),
        };
        taken.map_err(|error: InputError| format!("an input is refused: {error}\n{}", self.last_lines()))?;
        self.drain();
        Ok(())
    }

    fn drain(&mut self) {
        loop {
            let output = match &mut self.machine {
                Machine::Run(engine) => engine.poll_output(),
                Machine::Upload(run) => run.poll_output(),
            };
            match output {
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                Output::Finished(_) => {
                    self.finished = true;
                    return;
                }
                Output::Effect(id, effect) => {
                    self.lines.push(format!("{} < {id} {effect}", self.now));
                    self.open.push((id, effect));
                }
                Output::Cancel(id) => {
                    self.lines.push(format!("{} < {id} cancelled", self.now));
                    self.open.retain(|(open, _)| *open != id);
                }
                Output::Reply(ticket, reply) => {
                    self.lines.push(format!("{} < {ticket} {}", self.now, length(&reply)));
                    self.answered.insert(ticket);
                }
                Output::Notice(notice) => self.lines.push(format!("{} < {notice}", self.now)),
            }
        }
    }

    fn last_lines(&self) -> String {
        let from = self.lines.len().saturating_sub(12);
        let wake = self.wake.map_or("nothing", |wake| wake.why);
        format!("{}\n{} waits for {wake}; open: {}", self.lines[from..].join("\n"), self.now, self.open.len())
    }
}

fn length(reply: &Reply) -> String {
    match reply {
        Reply::Opened => "opened".into(),
        Reply::Error(why) => format!("error {why}"),
        Reply::Result(bytes) => format!("len={}", Bytes::len(bytes)),
    }
}
