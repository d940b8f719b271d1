//! Laws of what an engine holds and has outstanding, on random scripts with failing disks: L2 at the close, L8 for the
//! log, L9.
#![cfg(unix)]
use proptest::prelude::*;
use runwire_core::{EffectKind, Input};
use runwire_tests::world::script::{Op, ends, events, troubles};
use runwire_tests::world::{Disk, World};

const HARD: usize = 6000;
const APPEND: usize = 1500;
/// Length of the text in a row of the tests on bounds.
const ROW: u16 = 1000;
/// One record more than the bound may be taken, and the small ones of a run's begin are counted as if they were rows.
const RECORD: usize = 5 * ROW as usize;

fn world(disk: Disk, prompt: bool) -> World {
    let mut world = World::on(Disk::Works, prompt, |config| {
        config.settings.console = Some("wrap".into());
        config.limits.append_bytes_max = APPEND;
        config.limits.backlog_bytes_soft = 2 * APPEND;
        config.limits.backlog_bytes_hard = HARD;
    });
    world.begin();
    world.disk = disk;
    world
}

/// Law 2 for the close: whatever else the log was asked for has been answered or cancelled.
fn closes_alone(world: &World) -> bool {
    let log = [EffectKind::AppendLog, EffectKind::SyncLog];
    let kinds: Vec<EffectKind> = world.engine.outstanding().map(|(_, kind)| kind).collect();
    !kinds.contains(&EffectKind::CloseLog) || !kinds.iter().any(|kind| log.contains(kind))
}

/// Bytes of rows that are in memory only, if every record is as long as this.
fn held(world: &World, length: u64) -> u64 {
    let counts = world.engine.accounts();
    (counts.accepted - counts.stored - counts.refused()) * length
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l2_nothing_runs_beside_the_close_of_the_log(
        script in prop::collection::vec(troubles(), 0..40),
        last in prop_oneof![Just(Disk::Works), Just(Disk::Full), Just(Disk::Hangs), Just(Disk::Mute)],
        end in ends(),
        prompt in any::<bool>(),
    ) {
        let mut world = world(Disk::Works, prompt);
        for op in &script {
            world.play(op);
            prop_assert!(closes_alone(&world), "{}", world.text());
        }
        world.disk = last;
        world.play(&end);
        while world.finished.is_none() {
            prop_assert!(closes_alone(&world), "{}", world.text());
            if world.open.is_empty() || world.disk == Disk::Hangs {
                world.now = world.now.max(world.wake.expect("a run that ends waits for something").at);
                world.input(Input::Tick).expect("a tick is always taken");
            } else {
                world.perform(0);
            }
        }
    }

    #[test]
    fn l8_the_log_does_not_depend_on_when_effects_are_answered(
        script in prop::collection::vec(events(), 0..40),
        places in prop::collection::vec(any::<u8>(), 1..30),
        end in ends(),
    ) {
        // Time shows in rows and decides when checkpoints are made: it is the same for both, and so is who asks.
        let script: Vec<Op> = script.into_iter().filter(|op| !matches!(op, Op::Perform(_))).collect();
        let content = |world: World| world.read_log().rows();
        let (mut at_once, mut late) = (world(Disk::Works, true), world(Disk::Works, false));
        let mut places = places.iter().cycle().map(|place| usize::from(*place));
        for op in &script {
            at_once.play(op);
            late.play(op);
            let place = places.next().expect("a cycle goes on");
            if place % 3 == 0 && !late.open.is_empty() {
                late.perform(place % late.open.len());
            }
        }
        at_once.play(&end);
        late.play(&end);
        at_once.play_out(|_| 0);
        late.play_out(|open| places.next().expect("a cycle goes on") % open);
        prop_assert_eq!(at_once.engine.accounts().rows_behind, late.engine.accounts().rows_behind);
        prop_assert_eq!(content(at_once), content(late));
    }

    #[test]
    fn l9_memory_is_bounded_and_the_accounts_balance(
        waits in prop::collection::vec(0..3000_u16, 20..80),
        bad in prop_oneof![Just(Disk::Full), Just(Disk::Hangs), Just(Disk::Mute)],
        heals in any::<bool>(),
        end in ends(),
    ) {
        let mut world = world(Disk::Works, true);
        world.settle();
        world.disk = bad;
        for wait in waits {
            // Who honours the credit sends nothing without it.
            if world.engine.credit().bytes > 0 {
                world.play(&Op::Row(ROW));
            }
            prop_assert!(held(&world, ROW.into()) <= (HARD + RECORD) as u64, "{}", world.text());
            world.play(&Op::Wait(wait));
        }
        if heals {
            world.disk = Disk::Works;
            world.settle();
        }
        world.play(&end);
        world.play_out(|_| 0);
        let counts = world.engine.accounts();
        prop_assert_eq!(counts.accepted, counts.stored + counts.refused(), "{:?}", counts);
    }

    #[test]
    fn l9_the_exit_enters_whatever_else_is_refused(
        rows in 20..40_u16,
        bad in prop_oneof![Just(Disk::Full), Just(Disk::Hangs)],
    ) {
        let mut world = world(Disk::Works, true);
        world.disk = bad;
        for _ in 0..rows {
            world.play(&Op::Row(1500));
            world.play(&Op::Wait(1500));
        }
        prop_assert!(world.engine.accounts().refused_disk > 0, "{}", world.text());
        let exit = world.exit(3);
        // The disk heals before the end gives up.
        world.disk = Disk::Works;
        world.settle();
        world.play(&Op::Finish);
        world.play_out(|_| 0);
        prop_assert!(world.reply(exit).is_some());
        let (counts, log) = (world.engine.accounts(), world.read_log());
        prop_assert_eq!(log.exits().len(), 1, "{}", world.text());
        prop_assert_eq!(log.exit_code(), 3);
        prop_assert_eq!(counts.accepted, counts.stored + counts.refused());
    }
}
