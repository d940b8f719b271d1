//! Bad weather in virtual time: one engine, a clock that only moves when told, and the heart of the embedded server
//! without its sockets. Hours take seconds, and every run is the same.
#![cfg(unix)]
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use prost::Message;
use runwire_core::time::Duration;
use runwire_core::{
    ClientId, CloseReason, Completion, Config, Effect, EffectId, Engine, Failure, FailureKind, Input, Instant, Output,
    Summary, Ticket, UnixNanos, Wake,
};
use runwire_local::{Backend, MemoryStore, Settings as ServerSettings};
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::{RunRecord, RunStartRequest};
use runwire_tests::client::{exit_record, record, request, settings};
use runwire_tests::logs::Log;
use runwire_tests::weather::world::{Memory, perform};
use runwire_tests::world::partial;

const START_MS: u64 = 1_735_689_600_000;
const CLIENT: ClientId = ClientId(1);
/// Effects that a run has under way at one time, files included: more would be a leak.
const EFFECTS_MAX: usize = 24;
/// Bytes that all of them together carry.
const CARRIED_MAX: usize = 4 << 20;

/// What the network does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It reaches the server, and so does the answer.
    Through,
    /// It reaches nobody.
    Lost,
    /// The server does what it says; the answer is lost.
    Applied,
    /// Somebody in between answers with this status.
    Status(u16),
}

/// An engine with its world.
struct Sky {
    engine: Engine,
    now: Instant,
    backend: Backend,
    files: Memory,
    log: String,
    /// Outcomes under way by the time of their arrival.
    coming: BTreeMap<(Instant, EffectId), Completion>,
    /// Bytes that the effects under way carry.
    carried: BTreeMap<EffectId, usize>,
    wake: Option<Wake>,
    finished: Option<Summary>,
    replied: BTreeSet<Ticket>,
    way: Box<dyn Fn(Instant, u64) -> Way>,
    requests: u64,
    effects_most: usize,
    carried_most: usize,
}

impl Sky {
    fn new(way: impl Fn(Instant, u64) -> Way + 'static) -> Sky {
        let mut client = settings::paths(Path::new("/w"), "r1");
        client.offline = Some(false);
        client.mode = Some("online".into());
        client.run_mode = Some("run".into());
        client.base_url = Some("http://server.invalid".into());
        let config = Config::new(client);
        let log = config.settings.sync_file.clone().expect("these settings name a log");
        let wall = UnixNanos(START_MS as i64 * 1_000_000);
        let backend = Backend::open(Box::<MemoryStore>::default(), ServerSettings::default()).expect("memory opens");
        let mut sky = Sky {
            engine: Engine::new(config, 7, Instant::ZERO, wall, None),
            now: Instant::ZERO,
            backend,
            files: Memory::default(),
            log,
            coming: BTreeMap::new(),
            carried: BTreeMap::new(),
            wake: None,
            finished: None,
            replied: BTreeSet::new(),
            way: Box::new(way),
            requests: 0,
            effects_most: 0,
            carried_most: 0,
        };
        sky.drain();
        let run = RunRecord { run_id: "r1".into(), entity: "e".into(), project: "p".into(), ..Default::default() };
        sky.send(RecordType::Header(Default::default()), None);
        sky.send(RecordType::Run(run.clone()), Some(Ticket(1)));
        sky.until(Instant::ZERO.after(Duration::from_secs(1)));
        let start = RunStartRequest { run: Some(run), ..Default::default() };
        sky.send(request(RequestType::RunStart(start)), Some(Ticket(2)));
        sky
    }

    fn send(&mut self, kind: RecordType, ticket: Option<Ticket>) {
        let record = Bytes::from(record("r1", kind).encode_to_vec());
        self.give(Input::Record { client: CLIENT, ticket, record });
    }

    /// Rows at a steady pace from now on.
    fn log(&mut self, first: u64, rows: u64, every: Duration) {
        for row in first..first + rows {
            let (loss, other) = (format!("{}", 1.0 / (row + 1) as f64), row.to_string());
            self.send(partial(&[("loss", &loss), ("other", &other)], None, None), None);
            self.until(self.now.after(every));
            // A client is read as long as there is credit; here the disk never hangs, so there always is.
            assert!(self.engine.credit().bytes > 0, "no credit at {:?}", self.now);
        }
    }

    fn exit(&mut self) {
        self.send(exit_record(0), Some(Ticket(3)));
    }

    /// Lets time pass until the exit is answered; gives how long that took.
    fn await_answer(&mut self, at_most: Duration) -> Duration {
        let start = self.now;
        while !self.replied.contains(&Ticket(3)) {
            assert!(self.now.since(start) < at_most, "no answer to the exit after {at_most:?}");
            self.until(self.now.after(Duration::from_millis(100)));
        }
        let took = self.now.since(start);
        self.give(Input::Close(CloseReason::Finish));
        self.until(self.now.after(Duration::from_secs(60)));
        assert!(self.finished.is_some(), "a closed run ends");
        took
    }

    fn until(&mut self, end: Instant) {
        loop {
            let next = self.coming.keys().next().copied().filter(|(at, _)| *at <= end);
            let wake = self.wake.map(|wake| wake.at).filter(|at| *at <= end && self.finished.is_none());
            match (next, wake) {
                (Some(key), wake) if wake.is_none_or(|at| key.0 <= at) => {
                    self.now = self.now.max(key.0);
                    let outcome = self.coming.remove(&key).expect("the key is from the map");
                    self.give(Input::Completed(key.1, outcome));
                }
                (_, Some(at)) => {
                    self.now = self.now.max(at);
                    self.give(Input::Tick);
                }
                (_, None) => break,
            }
        }
        self.now = self.now.max(end);
    }

    fn give(&mut self, input: Input) {
        if let Input::Completed(id, _) = &input {
            self.carried.remove(id);
        }
        self.engine.handle_input(self.now, input).expect("the world keeps the laws of inputs");
        self.drain();
        self.effects_most = self.effects_most.max(self.engine.outstanding().count());
        self.carried_most = self.carried_most.max(self.carried.values().sum());
    }

    fn drain(&mut self) {
        loop {
            match self.engine.poll_output() {
                Output::Effect(id, effect) => self.begin(id, effect),
                Output::Cancel(id) => {
                    self.coming.retain(|(_, known), _| *known != id);
                    self.carried.remove(&id);
                }
                Output::Reply(ticket, _) => assert!(self.replied.insert(ticket), "{ticket} is answered twice"),
                Output::Notice(_) => {}
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                Output::Finished(summary) => {
                    self.wake = None;
                    self.finished = Some(summary);
                    return;
                }
            }
        }
    }

    fn begin(&mut self, id: EffectId, effect: Effect) {
        let (carried, takes, way) = match &effect {
            Effect::Http(request) => {
                self.requests += 1;
                let way = (self.way)(self.now, self.requests);
                (request.body.len() as usize, Duration::from_millis(20), way)
            }
            Effect::AppendLog { bytes, .. } | Effect::WriteFile { bytes, .. } | Effect::PatchFile { bytes, .. } => {
                (bytes.len(), Duration::from_millis(1), Way::Through)
            }
            Effect::OpenLog { .. }
            | Effect::SyncLog { .. }
            | Effect::WriteSecret { .. }
            | Effect::CloseLog
            | Effect::LinkFile { .. }
            | Effect::TailFiles { .. }
            | Effect::SampleSystem(_)
            | Effect::ProbeSystem(_)
            | Effect::SaveCode { .. }
            | Effect::ReadFile { .. }
            | Effect::StatFiles { .. }
            | Effect::HashFile { .. } => (0, Duration::from_millis(1), Way::Through),
        };
        let outcome = match way {
            Way::Through => self.perform(effect),
            Way::Lost => lost(),
            Way::Applied => {
                self.perform(effect);
                lost()
            }
            Way::Status(status) => Completion::Http(Box::new(runwire_core::net::HttpResponse {
                status,
                headers: vec![("retry-after".into(), "2".into())],
                body: Bytes::new(),
            })),
        };
        self.carried.insert(id, carried);
        self.coming.insert((self.now.after(takes), id), outcome);
    }

    fn perform(&mut self, effect: Effect) -> Completion {
        let now_ms = START_MS + self.now.nanos() / 1_000_000;
        perform(effect, &self.log, now_ms, &mut self.backend, &mut self.files)
    }

    /// Everything that was logged is on the server, once and in order, and memory was bounded. `repeats`: the server may
    /// have got rows twice, which it recognises.
    fn check(&mut self, rows: u64, repeats: bool) {
        let log = Log::parse(&self.files[&self.log]);
        assert_eq!(log.steps(), (0..rows as i64).collect::<Vec<_>>(), "the log");
        let state = self.backend.snapshot(START_MS, "e", "p", "r1").expect("memory does not fail");
        let served: Vec<u64> = state["history"]
            .as_array()
            .expect("a list of rows")
            .iter()
            .map(|row| row["_step"].as_u64().expect("a step"))
            .collect();
        assert_eq!(served, (0..rows).collect::<Vec<_>>(), "the server");
        let counters = &state["counters"];
        assert_eq!((counters["conflicts"].as_u64(), counters["gaps"].as_u64()), (Some(0), Some(0)), "{counters}");
        assert!(repeats || counters["duplicates"] == 0, "{counters}");
        assert_eq!((&state["state"], &state["exit_code"]), (&"finished".into(), &0.into()));
        assert!(self.effects_most <= EFFECTS_MAX, "{} effects at one time", self.effects_most);
        assert!(self.carried_most <= CARRIED_MAX, "{} bytes under way at one time", self.carried_most);
    }
}

fn lost() -> Completion {
    Completion::Failed(Failure { kind: FailureKind::Unreachable, message: "connection refused".into() })
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO.after(Duration::from_secs(seconds))
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_backend_that_is_down_for_ten_minutes_costs_nothing_but_time() {
    let mut sky = Sky::new(|now, _| if now >= at(30) && now < at(630) { Way::Lost } else { Way::Through });
    // Eleven minutes of rows.
    sky.log(0, 33_000, ms(20));
    let asked = sky.requests;
    assert!(asked < 300, "{asked} requests: a server that is down is not asked without a rest");
    sky.exit();
    let took = sky.await_answer(Duration::from_secs(90));
    assert!(took <= Duration::from_secs(75), "the rest took {took:?}");
    sky.check(33_000, false);
}

#[test]
fn an_exit_during_an_outage_waits_for_its_end() {
    let mut sky = Sky::new(|now, _| if now >= at(5) && now < at(50) { Way::Lost } else { Way::Through });
    sky.log(0, 1000, ms(20));
    sky.exit();
    sky.await_answer(Duration::from_secs(120));
    sky.check(1000, false);
}

#[test]
fn answers_that_are_lost_after_the_work_was_done_repeat_nothing() {
    let mut sky = Sky::new(|_, n| if n % 3 == 0 && n > 8 { Way::Applied } else { Way::Through });
    sky.log(0, 6000, ms(20));
    sky.exit();
    sky.await_answer(Duration::from_secs(120));
    sky.check(6000, true);
}

#[test]
fn storms_of_503_and_429_are_sat_out() {
    for status in [503, 429] {
        let mut sky = Sky::new(move |now, _| match now.nanos() / 10_000_000_000 % 3 {
            1 => Way::Status(status),
            _ => Way::Through,
        });
        sky.log(0, 6000, ms(20));
        sky.exit();
        sky.await_answer(Duration::from_secs(120));
        sky.check(6000, false);
    }
}

#[test]
fn the_tests_that_the_document_names_exist() {
    let root = runwire_tests::official::workspace();
    let text = std::fs::read_to_string(root.join("docs/WEATHER.md")).expect("the document is there");
    let (_, table) = text.split_once("## What survives what").expect("it has the table");
    let names: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.trim_end_matches([' ', '|']).rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| *name != "weather")
        .collect();
    assert!(names.len() > 15, "only {} names in the table", names.len());
    let mut sources = String::new();
    let mut folders = vec![root.join("core/src"), root.join("tests/tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let path = entry.expect("a folder of the repository can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                sources += &std::fs::read_to_string(&path).expect("a source can be read");
            }
        }
    }
    let missing: Vec<&&str> = names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
