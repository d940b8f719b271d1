//! Scenarios by hand: the public face of the simulator, its example, and what it found in the core, each named by what it
//! shows.
#![cfg(unix)]

use std::process::ExitCode;
use std::time::Duration;

use runwire_core::writer::SyncPolicy;
use runwire_tests::check::{Check, Moment};
use runwire_tests::sim::{Act, Fault, Outcome, Said, Scenario, Seen};

#[path = "../../examples/examples/sim_in_50_lines.rs"]
mod example;

const ALWAYS: u64 = 1_000_000;

fn rows(outcome: &Outcome, run: &str) -> usize {
    outcome.remote.get(run).and_then(|state| state["history"].as_array()).map_or(0, Vec::len)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn the_example_has_fifty_lines_and_succeeds() {
    let text = include_str!("../../examples/examples/sim_in_50_lines.rs");
    assert!(text.lines().count() <= 50);
    assert_eq!(format!("{:?}", example::main()), format!("{:?}", ExitCode::SUCCESS));
}

#[test]
fn a_calm_scenario_loses_nothing_and_a_law_of_its_own_is_asked() {
    struct NoRequests;
    impl Check for NoRequests {
        fn law(&self) -> &'static str {
            "offline-is-offline"
        }
        fn see(&mut self, _: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
            if let Seen::Served { request, .. } = seen { Err(format!("{request}")) } else { Ok(()) }
        }
    }
    let calm = Scenario::new(1).run("r1", true, |script| script.rows("loss", 40).exit(0)).play();
    assert!(calm.failure.is_none(), "{}", calm.report());
    assert_eq!((rows(&calm, "r1"), &calm.remote["r1"]["exit_code"]), (40, &0.into()));
    let broken = Scenario::new(1).run("r1", true, |script| script.rows("loss", 4).exit(0)).check(NoRequests).play();
    assert_eq!(broken.failure.map(|failure| failure.law), Some("offline-is-offline"));
}

#[test]
fn a_first_note_that_cannot_be_written_lets_no_row_go_and_come_twice() {
    for seed in 0..5 {
        let outcome = Scenario::new(seed)
            .run("r1", true, |script| script.rows("loss", 100).exit(0))
            .aim(Fault::WriteError, "WriteFile /sim/wandb/run-20250101_000001-r1/run-r1.wandb.delivered", 0, 30)
            .at(seconds(6), Fault::Kill)
            .play();
        assert!(outcome.failure.is_none(), "{}", outcome.report());
        assert!((1..100).contains(&rows(&outcome, "r1")), "{} rows", rows(&outcome, "r1"));
    }
}

#[test]
fn a_note_that_cannot_be_read_for_a_moment_is_read_later() {
    for seed in 0..5 {
        let outcome = Scenario::new(seed)
            .run("r1", true, |script| script.rows("loss", 100).exit(0))
            .at(seconds(6), Fault::Kill)
            .aim(Fault::ReadError, "ReadFile /sim/wandb/run-20250101_000001-r1/run-r1.wandb.delivered", 0, 3)
            .play();
        assert!(outcome.failure.is_none(), "{}", outcome.report());
    }
}

#[test]
fn an_upload_that_gives_up_says_so_with_an_error() {
    let outcome = Scenario::new(1)
        .run("r1", false, |script| script.rows("loss", 10).exit(0))
        .aim(Fault::Refused, "FileStream", 0, ALWAYS)
        .play();
    let failure = outcome.failure.expect("nothing reaches the server");
    assert!(failure.text.contains("the upload of the logs ends as Refused"), "{failure:?}");
}

#[test]
fn a_file_that_is_gone_does_not_fail_an_upload() {
    let outcome = Scenario::new(1)
        .run("r1", false, |script| script.rows("loss", 3).tell(Said::File("gone.txt".into(), false)).exit(0))
        .play();
    assert!(outcome.failure.is_none(), "{}", outcome.report());
    assert_eq!(rows(&outcome, "r1"), 3);
}

#[test]
fn a_file_that_could_not_be_read_in_a_run_that_ended_well_goes_up_later() {
    let outcome = Scenario::new(1)
        .run("r1", true, |script| {
            let path = "/sim/wandb/run-20250101_000001-r1/files/model.txt";
            let script = script.rows("loss", 3).act(Act::Save(path.into(), vec![b'm'; 700]));
            script.tell(Said::File("model.txt".into(), false)).exit(0)
        })
        .aim(Fault::ReadError, "HashFile /sim/wandb/run-20250101_000001-r1/files/model.txt", 0, 1)
        .play();
    assert!(outcome.failure.is_none(), "{}", outcome.report());
    assert_eq!(outcome.remote["r1"]["files"]["model.txt"]["uploaded"], true);
}

#[test]
fn a_file_that_arrived_is_told_to_the_server_by_a_later_life() {
    let outcome = Scenario::new(1)
        .run("r1", true, |script| {
            let path = "/sim/wandb/run-20250101_000001-r1/files/model.txt";
            let script = script.rows("loss", 3).act(Act::Save(path.into(), vec![b'm'; 700]));
            script.tell(Said::File("model.txt".into(), true)).wait(seconds(60)).exit(0)
        })
        // The file goes up; of the stream nothing more gets through before the end.
        .aim(Fault::Refused, "FileStream", 1, 8)
        .at(seconds(20), Fault::Kill)
        .play();
    assert!(outcome.failure.is_none(), "{}", outcome.report());
    assert_eq!(outcome.remote["r1"]["files"]["model.txt"]["uploaded"], true);
}

#[test]
fn rows_before_the_runs_own_record_do_not_keep_it_from_being_read() {
    let outcome = Scenario::new(1)
        .limits(|limits| limits.stream_queue_bytes = 128)
        .run("r1", true, |script| script.before_the_run(20).rows("loss", 3).exit(0))
        .play();
    assert!(outcome.failure.is_none(), "{}", outcome.report());
    assert_eq!(rows(&outcome, "r1"), 23);
}

#[test]
fn an_exit_is_answered_after_its_append_even_if_the_sync_of_an_earlier_one_fails() {
    for seed in 0..10 {
        let outcome = Scenario::new(seed)
            .run("r1", false, |script| script.rows("loss", 10).exit(0))
            .policy(SyncPolicy::EachAppend)
            .fault(Fault::SyncError, 500)
            .fault(Fault::DiskSlow, 500)
            .play();
        assert!(outcome.failure.is_none(), "{}", outcome.report());
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_not_cut_short_by_the_end_of_the_run() {
    for seed in 0..10 {
        let outcome = Scenario::new(seed)
            .run("r1", true, |script| {
                let change = Said::Config(vec![("lr".into(), Some("0.2".into()))]);
                script.rows("loss", 3).tell(change).wait(Duration::from_millis(5300)).exit(0)
            })
            .aim(Fault::TooMany, "UpsertRun", 1, 1)
            .play();
        assert!(outcome.failure.is_none(), "{}", outcome.report());
        assert_eq!(outcome.remote["r1"]["config"]["lr"]["value"], 0.2);
    }
}

#[test]
fn a_connection_of_noise_disturbs_no_run() {
    let outcome = Scenario::new(1)
        .run("r1", true, |script| script.rows("loss", 20).exit(0))
        .run("noise", false, |script| script.act(Act::Noise(vec![0xff; 100])).wait(seconds(1)))
        .play();
    assert!(outcome.failure.is_none(), "{}", outcome.report());
    assert_eq!(rows(&outcome, "r1"), 20);
}
