//! Laws of runs on disks that fail, on random scripts: L2, L6, L7, L10, and that no record is unaccounted for.
#![cfg(unix)]
use proptest::prelude::*;
use prost::Message;
use runwire_core::time::Duration;
use runwire_core::{Config, Limits, Reply};
use runwire_proto::wire;
use runwire_proto::wire::result::ResultType;
use runwire_tests::client::exit_record;
use runwire_tests::world::script::{Op, ends, events, troubles};
use runwire_tests::world::{Disk, World};

fn limits() -> Limits {
    Limits {
        append_bytes_max: 1500,
        backlog_bytes_hard: 4000,
        // Shorter than the last stage: after one lost answer there is time for another try.
        disk_deadline: Duration::from_secs(5),
        ..Limits::default()
    }
}

fn change(config: &mut Config) {
    config.settings.console = Some("wrap".into());
    config.limits = limits();
}

fn begun(prompt: bool) -> World {
    let mut world = World::on(Disk::Works, prompt, change);
    world.begin();
    world
}

/// How long a run may take from its close to its end, whatever the world does.
fn bound() -> Duration {
    let limits = limits();
    let stages = limits.stage_deadline * 11 + limits.tensorboard_deadline + limits.final_stage_deadline;
    stages + limits.final_stage_deadline + limits.disk_deadline
}

/// The same once the world works again: one lost answer each for the console's file, the log and its close.
fn healed_bound() -> Duration {
    let limits = limits();
    limits.stage_deadline + limits.final_stage_deadline * 2 + limits.disk_deadline
}

fn exit_timed_out(reply: &Reply) -> Option<bool> {
    let Reply::Result(bytes) = reply else { return None };
    match wire::Result::decode(&bytes[..]).expect("an answer is a result").result_type {
        Some(ResultType::ExitResult(exit)) => Some(exit.timed_out),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l2_answers_in_any_order_give_the_same_log(
        script in prop::collection::vec(events(), 0..40),
        order in prop::collection::vec(any::<u8>(), 1..20),
        end in ends(),
    ) {
        let mut logs = Vec::new();
        for prompt in [true, false] {
            let mut world = begun(prompt);
            script.iter().for_each(|op| world.play(op));
            world.play(&Op::Exit);
            world.play(&end);
            let mut turn = 0;
            world.play_out(|count| {
                turn += 1;
                usize::from(order[turn % order.len()]) % count
            });
            logs.push((world.log, world.files));
        }
        prop_assert_eq!(&logs[0], &logs[1]);
    }

    #[test]
    fn l6_answers_that_never_come_delay_the_end_by_a_known_time(
        script in prop::collection::vec(troubles(), 0..40),
        disk in prop_oneof![Just(Disk::Hangs), Just(Disk::Mute), Just(Disk::Full)],
        end in ends(),
    ) {
        let mut world = begun(true);
        script.iter().for_each(|op| world.play(op));
        world.disk = disk;
        world.play(&end);
        world.to_end(bound());
        prop_assert!(world.engine.outstanding().next().is_none());
    }

    #[test]
    fn l7_the_exit_is_answered_only_when_the_log_is_complete_and_durable(
        script in prop::collection::vec(troubles(), 0..40),
        order in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut world = begun(false);
        let mut turn = 0;
        script.iter().filter(|op| !matches!(op, Op::Exit)).for_each(|op| world.play(op));
        let exit = world.ask(exit_record(0));
        let end = world.now.after(bound());
        loop {
            if let Some((_, reply)) = world.replies.iter().find(|(_, r)| exit_timed_out(r).is_some()) {
                if exit_timed_out(reply) == Some(false) {
                    // A device that refuses to sync is told to the user instead.
                    let told = world.text().contains("may not survive a power cut");
                    prop_assert!(told || world.synced == world.log.len() as u64, "{}", world.text());
                    prop_assert_eq!(world.read_log().exits().len(), 1);
                }
                break;
            }
            prop_assert!(world.reply(exit).is_none_or(|reply| matches!(reply, Reply::Error(_))));
            turn += 1;
            if world.open.is_empty() || world.disk == Disk::Hangs {
                let Some(wake) = world.wake.filter(|wake| wake.at <= end) else { break };
                world.now = world.now.max(wake.at);
                world.play(&Op::Wait(0));
            } else {
                world.perform(usize::from(order[turn % order.len()]) % world.open.len());
            }
        }
        let answered = world.replies.iter().any(|(_, reply)| exit_timed_out(reply).is_some());
        let never_asked = world.finished.is_some();
        prop_assert!(answered || never_asked, "{}", world.text());
    }

    #[test]
    fn accepted_is_stored_plus_refused_whatever_the_disk_does(
        script in prop::collection::vec(troubles(), 0..60),
        end in ends(),
    ) {
        let mut world = begun(true);
        script.iter().for_each(|op| world.play(op));
        world.play(&end);
        world.to_end(bound());
        let accounts = world.engine.accounts();
        prop_assert_eq!(accounts.accepted, accounts.stored + accounts.refused(), "{}", world.text());
        prop_assert!(world.read_log().records.len() as u64 >= accounts.stored);
    }

    #[test]
    fn l10_once_faults_stop_the_run_ends_soon_and_its_log_is_whole(
        script in prop::collection::vec(troubles(), 0..60),
        end in ends(),
    ) {
        let mut world = begun(true);
        script.iter().for_each(|op| world.play(op));
        world.disk = Disk::Works;
        world.settle();
        world.play(&Op::Exit);
        world.play(&end);
        world.to_end(healed_bound());
        let log = world.read_log();
        prop_assert!(log.ends_cleanly);
        let summary = world.finished.clone().expect("it is over");
        if !summary.timed_out {
            prop_assert_eq!(log.exits().len(), 1, "{}", world.text());
            prop_assert_eq!(summary.accounts.lost_at_close, 0);
        }
        for _ in 0..3 {
            prop_assert_eq!(world.engine.poll_output(), runwire_core::Output::Finished(summary.clone()));
        }
    }
}
