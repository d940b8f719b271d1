//! What programs do with a run, as data: played on every front end against the embedded server, with the same result.

mod play;
mod result;

pub use play::{Blocking, FrontEnd, OnExecutor, Stage};
pub use result::{Outcome, outcome};

use serde::Serialize;

/// One thing that a program does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Act {
    /// Begins a run of this id.
    Begin {
        /// Its id.
        id: &'static str,
        /// Whether it goes on with what the server has.
        resume: bool,
        /// Whether it has a server.
        online: bool,
    },
    /// Logs so many rows: `x` counts on, `loss` falls.
    Rows(u32),
    /// Logs a value at a step.
    RowAt(i64, &'static str, f64),
    /// Logs a row given as JSON text.
    Json(&'static str),
    /// Sets a config value, as JSON text.
    Config(&'static str, &'static str),
    /// Sets a summary value, as JSON text.
    Summary(&'static str, &'static str),
    /// The summary of this metric is its minimum.
    DefineMin(&'static str),
    /// Writes a file of the run and hands it over.
    File(&'static str, &'static str),
    /// The server fails as this JSON text says.
    Fault(&'static str),
    /// The server fails no more.
    Heal,
    /// Calls `log` so many times and gives up before the call was begun.
    GiveUpLogging(u32),
    /// Begins to finish, gives up waiting at once.
    GiveUpFinishing,
    /// Lets some time pass, in milliseconds.
    Wait(u64),
    /// Ends the run with this exit code.
    Finish(i32),
    /// Lets go of the run, and waits until it has ended by itself.
    LetGo,
    /// The program panics in the scope of the run.
    Panic,
}

/// A program.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub acts: &'static [Act],
    /// Its runs, and how many rows each has in the end.
    pub runs: &'static [(&'static str, usize)],
}

const ONLINE: Act = Act::Begin { id: "one", resume: false, online: true };
const OFFLINE: Act = Act::Begin { id: "one", resume: false, online: false };

/// All programs.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "scalars", acts: &[ONLINE, Act::Rows(100), Act::Finish(0)], runs: &[("one", 100)] },
    Scenario { name: "offline", acts: &[OFFLINE, Act::Rows(100), Act::Finish(3)], runs: &[("one", 100)] },
    Scenario {
        name: "values",
        acts: &[
            ONLINE,
            Act::DefineMin("loss"),
            Act::Config("lr", "0.1"),
            Act::Config("model", r#"{"layers":[1,2],"name":"ä"}"#),
            Act::Rows(20),
            Act::Json(r#"{"deep":{"a":1,"b":[true,null,"x"]},"text":"ü"}"#),
            Act::Summary("best", r#"{"epoch":3}"#),
            Act::Finish(0),
        ],
        runs: &[("one", 21)],
    },
    Scenario {
        name: "steps",
        acts: &[
            ONLINE,
            Act::RowAt(0, "a", 1.0),
            Act::RowAt(0, "b", 2.0),
            Act::RowAt(5, "a", 3.0),
            Act::RowAt(2, "a", 4.0),
            Act::Rows(3),
            Act::Finish(0),
        ],
        runs: &[("one", 4)],
    },
    Scenario {
        name: "resume",
        acts: &[
            ONLINE,
            Act::Rows(30),
            Act::Summary("kept", "1"),
            Act::Finish(0),
            Act::Begin { id: "one", resume: true, online: true },
            Act::Rows(12),
            Act::Finish(0),
        ],
        runs: &[("one", 42)],
    },
    Scenario {
        name: "outage at the start",
        acts: &[
            Act::Fault(r#"{"on":"graphql:UpsertBucket","times":1,"close":true}"#),
            ONLINE,
            Act::Rows(50),
            Act::Finish(0),
        ],
        runs: &[("one", 50)],
    },
    Scenario {
        name: "outage in the middle",
        acts: &[
            ONLINE,
            Act::Rows(50),
            Act::Wait(300),
            Act::Fault(r#"{"on":"any","times":-1,"status":503}"#),
            Act::Rows(500),
            Act::Wait(700),
            Act::Heal,
            Act::Finish(0),
        ],
        runs: &[("one", 550)],
    },
    Scenario {
        name: "answers that are lost",
        acts: &[
            Act::Fault(r#"{"on":"file_stream","times":2,"apply":true,"close":true}"#),
            ONLINE,
            Act::Rows(200),
            Act::Finish(0),
        ],
        runs: &[("one", 200)],
    },
    Scenario {
        name: "slow server",
        acts: &[Act::Fault(r#"{"on":"any","times":-1,"delay_ms":150}"#), ONLINE, Act::Rows(300), Act::Finish(0)],
        runs: &[("one", 300)],
    },
    Scenario {
        name: "files",
        acts: &[
            ONLINE,
            Act::File("model.txt", "weights"),
            Act::File("deep/er/notes.md", "# notes"),
            Act::Rows(5),
            Act::File("empty", ""),
            Act::Finish(0),
        ],
        runs: &[("one", 5)],
    },
    Scenario {
        name: "finish under load",
        acts: &[ONLINE, Act::Rows(20_000), Act::Finish(0)],
        runs: &[("one", 20_000)],
    },
    Scenario {
        name: "calls that are given up",
        acts: &[ONLINE, Act::Rows(10), Act::GiveUpLogging(10), Act::Rows(10), Act::GiveUpFinishing, Act::Finish(0)],
        runs: &[("one", 20)],
    },
    Scenario {
        name: "let go",
        acts: &[
            ONLINE,
            Act::Rows(40),
            Act::LetGo,
            Act::Begin { id: "two", resume: false, online: true },
            Act::Rows(7),
            Act::LetGo,
        ],
        runs: &[("one", 40), ("two", 7)],
    },
    Scenario { name: "panic", acts: &[ONLINE, Act::Rows(25), Act::Panic], runs: &[("one", 25)] },
];
