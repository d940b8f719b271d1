//! Checks that hold for all bytes: the fuzz targets and the replay of their corpora share them. Each panics when a promise
//! is broken.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use runwire_core::net::{HttpRequest, HttpResponse, Purpose};
use runwire_core::{Completion, Failure, FailureKind, Limits};
use runwire_proto::wire::RunRecord;

use super::bench::{Bench, Manner, Site};
use super::scenario::Scenario;
use crate::check;
use crate::sim::{self, Act, ClientPlan, Fault, Options, Plan, RunPlan, Said, Weights, bound, run_plan};

/// Most runs of one simulated world.
const RUNS_MAX: usize = 3;
/// Most answers that are drawn from the bytes; after them the server answers for itself.
const ANSWERS_MAX: usize = 64;
/// Steps after which a simulated world is taken to go on for ever.
const STEPS_MAX: u64 = 200_000;

/// A world made of bytes: clients with scenarios, faults and times. All laws of the simulator hold in it.
pub fn operations(data: &[u8]) {
    let outcome = run_plan(plan(&mut Unstructured::new(data)), check::all(), &options());
    assert!(outcome.failure.is_none(), "{}", outcome.report());
}

fn options() -> Options {
    Options { steps: STEPS_MAX, ..Options::default() }
}

/// The world that these bytes are.
pub fn plan(bytes: &mut Unstructured<'_>) -> Plan {
    let mut number = |most: u64| u64::from(bytes.arbitrary::<u16>().unwrap_or_default()) % (most + 1);
    let mut plan = Plan::calm(number(u64::from(u16::MAX)));
    let mut weights = Weights::none();
    for _ in 0..number(4) {
        let fault = Fault::ALL[number(Fault::ALL.len() as u64 - 1) as usize];
        weights = weights.with(fault, number(300));
    }
    plan.limits = limits(number(7));
    let timed = [Fault::Kill, Fault::PowerCut, Fault::Outage, Fault::WallStep, Fault::Sleep, Fault::Signal];
    for _ in 0..number(3) {
        let (at, fault) = (Duration::from_millis(number(60_000)), timed[number(timed.len() as u64 - 1) as usize]);
        weights = weights.with(fault, 1);
        plan.timed.push((at, fault));
    }
    plan.heal = Duration::from_millis(number(60_000));
    plan.weights = weights;
    plan.bound = bound(&plan.limits);
    let runs = 1 + number(RUNS_MAX as u64 - 1);
    let shape: Vec<(u64, u64, u64)> = (0..runs).map(|_| (number(3), number(2000), number(300))).collect();
    for (n, (kind, begins, part)) in shape.into_iter().enumerate() {
        let run = RunPlan { id: format!("r{n}"), online: kind > 0, goes_on: kind > 1 };
        let begins = Duration::from_millis(begins);
        let share = bytes.len() / (runs as usize - n);
        let own = bytes.bytes(share).unwrap_or_default();
        let part = if part == 0 { usize::MAX } else { part as usize };
        let acts = client(&Scenario::read(own), &run, begins);
        plan.clients.push(ClientPlan { run: run.id.clone(), tag: "a".into(), begins, acts, part });
        plan.runs.push(run);
    }
    plan
}

/// What a client of the service says around a scenario.
pub fn client(scenario: &Scenario, run: &RunPlan, begins: Duration) -> Vec<Act> {
    let settings = sim::settings(run, 1, begins, None);
    let folder = settings.sync_dir.clone().unwrap_or_default();
    let record = RunRecord {
        run_id: run.id.clone(),
        entity: "e".into(),
        project: "p".into(),
        host: "machine".into(),
        ..Default::default()
    };
    let mut acts = vec![Act::Ask(Said::Init(Box::new(settings)))];
    acts.extend(scenario.acts(&record, &folder));
    acts.push(Act::Tell(Said::Finish));
    acts
}

fn limits(kind: u64) -> Limits {
    let mut limits = Limits::default();
    if kind & 1 > 0 {
        (limits.append_bytes_max, limits.stream_push_bytes) = (256, 400);
    }
    if kind & 2 > 0 {
        limits.stream_queue_bytes = 256;
    }
    if kind & 4 > 0 {
        limits.backlog_bytes_soft = 512;
    }
    limits
}

/// What somebody says in the server's place.
#[derive(Arbitrary, Clone, Debug)]
enum Answer {
    /// Nothing: the server answers.
    Server,
    /// A status with headers and a body that are any bytes.
    Bytes { status: u16, headers: Vec<(Name, Vec<u8>)>, body: Vec<u8> },
    /// The server's own answer with some bytes changed.
    Changed { flips: Vec<(u16, u8)>, cut: Option<u16> },
    /// A JSON object that looks like an answer.
    Shaped { status: u16, fields: Vec<(u8, Vec<u8>)> },
    /// No answer.
    Failed(u8),
}

/// Headers that mean something to a client.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    RetryAfter,
    Remaining,
    Reset,
    Interval,
    ContentType,
    Location,
}

/// A run whose server, or somebody in between, answers with whatever the bytes say, and then as it should. Nothing panics
/// or hangs, and the log has every row; what the server has in the end are rows of the log.
pub fn answers(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let share = bytes.len() / 3;
    let scenario = Scenario::read(bytes.bytes(share).unwrap_or_default());
    let mut given = Vec::new();
    while given.len() < ANSWERS_MAX && !bytes.is_empty() {
        let Ok(answer) = bytes.arbitrary::<Answer>() else { break };
        given.push(answer);
    }
    let mut given = given.into_iter();
    let mut bench = Bench::run(Site::new(), Manner::default(), &Limits::default());
    bench.between = Some(Box::new(move |request, own| given.next().and_then(|answer| said(answer, request, own))));
    if let Err(why) = bench.play(&scenario) {
        panic!("{why}");
    }
    let state = bench.site.state();
    assert_eq!(state.damages, 0, "the log is whole");
    assert_eq!(state.logged, scenario.rows(), "no row is lost");
}

fn said(answer: Answer, request: &HttpRequest, own: &mut dyn FnMut() -> Completion) -> Option<Completion> {
    let response = |status: u16, headers, body: Vec<u8>| {
        let mut body = body;
        body.truncate(request.answer_bytes_max);
        Some(Completion::Http(Box::new(HttpResponse { status: 100 + status % 500, headers, body: body.into() })))
    };
    match answer {
        Answer::Server => None,
        Answer::Bytes { status, headers, body } => {
            let text = |(name, value): (Name, Vec<u8>)| (name.text(), String::from_utf8_lossy(&value).into_owned());
            response(status, headers.into_iter().map(text).collect(), body)
        }
        Answer::Changed { flips, cut } => match own() {
            Completion::Http(mut answer) => {
                let mut body = answer.body.to_vec();
                for (at, value) in flips {
                    let len = body.len().max(1);
                    if let Some(byte) = body.get_mut(usize::from(at) % len) {
                        *byte = value;
                    }
                }
                body.truncate(cut.map_or(usize::MAX, usize::from));
                answer.body = Bytes::from(body);
                Some(Completion::Http(answer))
            }
            other => Some(other),
        },
        Answer::Shaped { status, fields } => response(status, Vec::new(), shaped(&fields, request.purpose)),
        Answer::Failed(kind) => {
            let kinds = [
                FailureKind::TimedOut,
                FailureKind::Unreachable,
                FailureKind::Certificate,
                FailureKind::BadRequest,
                FailureKind::Denied,
                FailureKind::NotFound,
                FailureKind::Other,
            ];
            let kind = kinds[usize::from(kind) % kinds.len()];
            Some(Completion::Failed(Failure { kind, message: "by the fuzzer".into() }))
        }
    }
}

/// Fields that answers have, with values of any kind.
fn shaped(fields: &[(u8, Vec<u8>)], purpose: Purpose) -> Vec<u8> {
    const NAMES: [&str; 14] = [
        "limits", "exitcode", "stop", "error", "errors", "message", "id", "name", "historyLineCount", "config", "runID",
        "uploadUrl", "files", "edges",
    ];
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        let text = String::from_utf8_lossy(value).into_owned();
        let value = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        object.insert(NAMES[usize::from(*name) % NAMES.len()].to_owned(), value);
    }
    let object = serde_json::Value::Object(object);
    let answer = match purpose {
        Purpose::UpsertRun => serde_json::json!({ "data": { "upsertBucket": { "bucket": object, "inserted": true } } }),
        Purpose::CreateRunFiles => serde_json::json!({ "data": { "createRunFiles": object } }),
        Purpose::ResumeStatus => serde_json::json!({ "data": { "model": { "bucket": object } } }),
        Purpose::Viewer
        | Purpose::Features
        | Purpose::Rewind
        | Purpose::FileStream
        | Purpose::PutFile
        | Purpose::GetFile
        | Purpose::Alert
        | Purpose::Graphql
        | Purpose::Token => object,
    };
    answer.to_string().into_bytes()
}

impl Name {
    fn text(self) -> String {
        match self {
            Name::RetryAfter => "retry-after",
            Name::Remaining => "ratelimit-remaining",
            Name::Reset => "ratelimit-reset",
            Name::Interval => "runwire-interval",
            Name::ContentType => "content-type",
            Name::Location => "location",
        }
        .to_owned()
    }
}
