//! One program, three front ends, one result: what the server has and what the log holds is the same on threads, on smol and
//! on async-std. And a recorded drive played again without any runtime says the same, byte for byte.
#![cfg(unix)]

use runwire_async::{AsyncStd, Executor, RunOptions, Smol};
use runwire_core::{Limits, completion::success, service::ServiceConfig, writer::WritePolicy};
use runwire_tests::{
    client::{Client, Run, settings, teardown_request},
    kit::{
        native,
        recorder::{Recorder, Tape, lock},
        scenarios::{Act, Blocking, FrontEnd, OnExecutor, Outcome, SCENARIOS, Stage, outcome},
    },
    logs::Log,
    online::Backend,
    sidecar::PATIENCE,
};
use std::sync::{Arc, Mutex};

macro_rules! scenarios {
    ($($test:ident $name:literal)*) => {
        const NAMES: &[&str] = &[$($name),*];
        $(#[test]
        fn $test() {
            everywhere($name);
        })*
    };
}

scenarios! {
    scalars "scalars"
    offline "offline"
    values "values"
    steps "steps"
    resume "resume"
    outage_at_the_start "outage at the start"
    outage_in_the_middle "outage in the middle"
    answers_that_are_lost "answers that are lost"
    slow_server "slow server"
    files "files"
    finish_under_load "finish under load"
    calls_that_are_given_up "calls that are given up"
    let_go "let go"
    panic "panic"
}

#[test]
fn every_scenario_is_a_test() {
    let all: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(all, NAMES);
}

fn everywhere(name: &str) {
    let on_threads = play(&Blocking, name);
    for (front, what) in [("smol", play(&OnExecutor(Smol), name)), ("async-std", play(&OnExecutor(AsyncStd), name))] {
        assert_eq!(what, on_threads, "{name} on {front} and on threads");
    }
}

fn play(front: &dyn FrontEnd, name: &str) -> Vec<Outcome> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("the scenario is one");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let stage = Stage { backend: Backend::start(), dir: folder.path().to_path_buf() };
    front.play(&stage, scenario.acts);
    let mut outcomes = Vec::new();
    for (id, rows) in scenario.runs {
        let found = outcome(&stage, id);
        assert_eq!(found.rows(), *rows, "rows in the logs of {id}");
        let online =
            scenario.acts.iter().any(|act| matches!(act, Act::Begin { id: begun, online: true, .. } if begun == id));
        assert_eq!(found.delivered(), online.then_some(*rows), "rows of {id} on the server");
        outcomes.push(found);
    }
    outcomes
}

#[test]
fn a_recorded_drive_says_the_same_without_a_runtime() {
    for adapter in ["threads", "smol", "async-std"] {
        let tape = Arc::<Mutex<Tape>>::default();
        let own = Arc::clone(&tape);
        let make = move |clock: &runwire_effects::Clock| Recorder::new(config(), clock.now(), clock.wall(), &own);
        let perform = Arc::new(|effect: runwire_core::Effect| success(effect.kind()));
        native::with_speaker(
            |port| {
                let mut run =
                    Run::begin(Client::tcp(port), settings::offline(std::path::Path::new("/nowhere"), "run1"));
                for x in 0..200 {
                    run.row(&[("x", &x.to_string())]);
                }
                run.exit(0);
                run.finish();
                run.client.send(teardown_request(0));
            },
            move |doors| match adapter {
                "threads" => runwire_std::kit::drive(make, perform, doors),
                "smol" => smol::block_on(runwire_async::kit::drive(Smol, make, perform, doors)),
                _ => smol::block_on(runwire_async::kit::drive(AsyncStd, make, perform, doors)),
            },
        );
        let tape = lock(&tape);
        assert!(tape.len() > 10, "{adapter}: {} inputs", tape.len());
        let (again, said) = tape.replay(config());
        assert_eq!(again, said, "{adapter}");
    }
}

/// The loop of a run lives on one executor; whoever awaits it, on another.
#[test]
fn a_run_on_one_executor_is_awaited_on_another() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options = RunOptions::new("p").dir(folder.path());
    let (tell, told) = std::sync::mpsc::channel();
    AsyncStd.spawn(async move {
        let run = runwire_async::Run::init_on(Smol, options).await.expect("a run begins");
        for x in 0..100 {
            run.log_values(&[("x", f64::from(x))]).await.expect("a row is accepted");
        }
        assert_eq!(run.step().await.expect("a run knows its step"), 100);
        tell.send(run.finish().await).expect("the test waits");
    });
    let report = told.recv_timeout(PATIENCE).expect("the task ends").expect("the run ends");
    assert_eq!(Log::read(&report.log).history().len(), 100);
}

fn config() -> ServiceConfig {
    ServiceConfig {
        seed: 7,
        limits: Limits::default(),
        write_policy: WritePolicy::default(),
        idle_timeout: None,
        write_summary_files: true,
        utc_offset_seconds: 0,
        current_dir: String::new(),
        slurm: Default::default(),
    }
}
