//! The weathers over the network: what they do to server and door, and when they are over.
//! Must not know the sidecar.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use runwire_local::{Fault, Options, Server};

use super::gate::{Gate, Mood};
use super::scene::{Outcome, Scene, folder};
use crate::bench::error::{BenchError, Doing, Result};

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rows of the calm run and of the long outage.
    pub many_rows: u64,
    /// How long both log, and the outage lasts.
    pub long: Duration,
    /// Rows of the other runs.
    pub rows: u64,
    /// How long they log.
    pub time: Duration,
    /// Processes that are killed.
    pub kills: u64,
}

impl Size {
    /// What the table is made with.
    pub const FULL: Size = Size {
        many_rows: 1_000_000,
        long: Duration::from_secs(60),
        rows: 200_000,
        time: Duration::from_secs(20),
        kills: 50,
    };
    /// Less than a minute in all.
    pub const QUICK: Size =
        Size { many_rows: 30_000, long: Duration::from_secs(5), rows: 10_000, time: Duration::from_secs(3), kills: 4 };
}

/// A weather over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// None.
    Calm,
    /// The server's port is closed for as long as rows are logged.
    Down,
    /// Bursts of 503 to every kind of request.
    Unavailable,
    /// 429 with `Retry-After` to nearly all pushes.
    TooMany,
    /// Pushes are applied, and the connection is closed instead of an answer.
    AppliedThenClosed,
    /// Every answer takes 5 s.
    Slow,
    /// A stand-in for a name that can't be looked up.
    NameGone,
}

/// All of them, calm first: the others are compared with it.
pub const STORMS: [Storm; 7] = [
    Storm::Calm,
    Storm::Down,
    Storm::Unavailable,
    Storm::TooMany,
    Storm::AppliedThenClosed,
    Storm::Slow,
    Storm::NameGone,
];

impl Storm {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Storm::Calm => "calm",
            Storm::Down => "backend down while all rows are logged",
            Storm::Unavailable => "bursts of 503",
            Storm::TooMany => "429 storms with Retry-After",
            Storm::AppliedThenClosed => "applied, then the connection closed",
            Storm::Slow => "answers take 5 s",
            Storm::NameGone => "name lookup gone, then back (stand-in)",
        }
    }

    /// Pushes whose rows reached the server although the client could not know: it must send them again.
    pub fn repeats(self) -> bool {
        self == Storm::AppliedThenClosed
    }

    fn size(self, size: Size) -> (u64, Duration) {
        match self {
            Storm::Calm | Storm::Down => (size.many_rows, size.long),
            Storm::Unavailable | Storm::TooMany | Storm::AppliedThenClosed | Storm::Slow | Storm::NameGone => {
                (size.rows, size.time)
            }
        }
    }

    /// Lets the weather rage for `time`.
    fn rage(self, time: Duration, server: &Server, gate: &Gate) {
        let controls = server.controls().expect("the server was started with them");
        let wait = |part: u32| thread::sleep(time * part / 100);
        match self {
            Storm::Calm => wait(100),
            Storm::Down => {
                gate.set(Mood::Closed);
                wait(100);
            }
            Storm::NameGone => {
                wait(20);
                gate.set(Mood::HangUp);
                wait(60);
            }
            Storm::Unavailable => {
                for _ in 0..5 {
                    wait(10);
                    controls.inject(Fault { status: Some(503), times: -1, ..Fault::on("any") });
                    wait(10);
                    controls.clear_faults();
                }
            }
            Storm::TooMany => {
                let headers = BTreeMap::from([("Retry-After".to_owned(), "1".to_owned())]);
                for _ in 0..5 {
                    wait(5);
                    let fault =
                        Fault { status: Some(429), times: -1, headers: headers.clone(), ..Fault::on("file_stream") };
                    controls.inject(fault);
                    wait(15);
                    controls.clear_faults();
                }
            }
            Storm::AppliedThenClosed => {
                for _ in 0..10 {
                    controls.inject(Fault { apply: Some(true), close: true, ..Fault::on("file_stream") });
                    wait(10);
                }
            }
            Storm::Slow => {
                controls.inject(Fault { delay_ms: 5000, times: -1, ..Fault::on("file_stream") });
                wait(100);
            }
        }
        controls.clear_faults();
        gate.set(Mood::Open);
    }
}

/// One run in one weather.
pub fn run(storm: Storm, program: &Path, scratch: &Path, size: Size) -> Result<Outcome> {
    let (rows, time) = storm.size(size);
    let server = server()?;
    let gate = Gate::new(server.addr()).doing("opening a door to the server")?;
    let dir = folder(scratch)?;
    let mut scene = Scene::open(program, dir.path(), &gate.url())?;
    thread::scope(|scope| {
        let raging = scope.spawn(|| {
            storm.rage(time, &server, &gate);
            Instant::now()
        });
        scene.feed(rows, time)?;
        let outcome = scene.end(&server, || raging.join().unwrap_or_else(|_| Instant::now()))?;
        let repeated = outcome.served.counters.duplicates;
        let remark =
            if repeated > 0 { format!("{repeated} rows came twice and were recognised") } else { String::new() };
        Ok(Outcome { remark, ..outcome })
    })
}

/// A server in memory with faults to be ordered.
pub fn server() -> Result<Server> {
    Server::start(Options { test_controls: true, ..Options::default() })
        .map_err(|error| BenchError::Answer { what: "the embedded server", why: error.to_string() })
}
