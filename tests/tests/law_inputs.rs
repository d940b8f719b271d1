//! Laws of what an engine does with its inputs, on random scripts: L1, L3, L4, L5 and the clock part of L6.
#![cfg(unix)]
use proptest::prelude::*;
use runwire_core::{Completion, EffectId, Input, InputError, Instant, Output};
use runwire_tests::world::script::{Op, ends, events, troubles};
use runwire_tests::world::{Disk, World};

fn world(prompt: bool) -> World {
    let mut world = World::on(Disk::Works, prompt, |config| {
        config.settings.console = Some("wrap".into());
        config.limits.append_bytes_max = 1500;
    });
    world.begin();
    world
}

fn played(prompt: bool, script: &[Op]) -> World {
    let mut world = world(prompt);
    script.iter().for_each(|op| world.play(op));
    world
}

/// What a run is, as far as anybody outside can see.
fn seen(world: &World) -> (&[Output], &[u8], Option<Instant>) {
    (&world.outputs, &world.log, world.wake.map(|wake| wake.at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l1_an_input_before_the_outputs_are_drained_changes_nothing(
        script in prop::collection::vec(troubles(), 0..30),
    ) {
        let (mut plain, mut pushed) = (played(true, &script), played(true, &script));
        // A tick is taken; its outputs are not read before the next inputs come.
        for world in [&mut plain, &mut pushed] {
            prop_assert_eq!(world.engine.handle_input(world.now, Input::Tick), Ok(()));
        }
        let later = Instant::from_nanos(pushed.now.nanos() + 60_000_000_000);
        for input in [
            Input::Tick,
            Input::Completed(EffectId(1), Completion::Appended),
            Input::Close(runwire_core::CloseReason::Finish),
        ] {
            prop_assert_eq!(pushed.engine.handle_input(later, input), Err(InputError::NotDrained));
        }
        for _ in 0..50 {
            prop_assert_eq!(plain.engine.poll_output(), pushed.engine.poll_output());
        }
        prop_assert_eq!(plain.engine.accounts(), pushed.engine.accounts());
    }

    #[test]
    fn l3_an_unknown_a_second_and_a_wrong_answer_are_errors_without_effect(
        script in prop::collection::vec(events(), 0..30),
    ) {
        let mut world = played(false, &script);
        let before = (world.outputs.len(), world.wake, world.open.len(), world.engine.accounts());
        let unknown = world.input(Input::Completed(EffectId(1_000_000), Completion::Appended));
        prop_assert_eq!(unknown, Err(InputError::UnknownEffect(EffectId(1_000_000))));
        prop_assert_eq!(
            world.input(Input::Completed(EffectId(0), Completion::Appended)),
            Err(InputError::UnknownEffect(EffectId(0)))
        );
        for (id, _) in world.open.clone() {
            let wrong = world.input(Input::Completed(id, Completion::CodeSaved(Vec::new())));
            let refused = matches!(wrong, Err(InputError::WrongCompletion { .. }));
            prop_assert!(refused, "{:?}", wrong);
        }
        prop_assert_eq!(before, (world.outputs.len(), world.wake, world.open.len(), world.engine.accounts()));
        world.disk = Disk::Echoes;
        while !world.open.is_empty() {
            world.perform(0);
            let twice = matches!(world.echo, Some(Err(InputError::CompletedTwice(_))));
            prop_assert!(twice, "{:?}", world.echo);
        }
    }

    #[test]
    fn l4_the_same_inputs_give_the_same_outputs(
        script in prop::collection::vec(troubles(), 0..40),
        end in ends(),
    ) {
        let run = || {
            let mut world = played(true, &script);
            world.disk = Disk::Works;
            world.play(&end);
            world.play_out(|_| 0);
            world
        };
        let (first, second) = (run(), run());
        prop_assert_eq!(first.text(), second.text());
        prop_assert_eq!(seen(&first), seen(&second));
        prop_assert_eq!(first.finished, second.finished);
    }

    #[test]
    fn l5_an_early_tick_does_nothing_and_a_due_one_moves_on(
        script in prop::collection::vec(troubles(), 0..30),
        prompt in any::<bool>(),
    ) {
        let mut world = world(prompt);
        for op in &script {
            world.play(op);
            let Some(wake) = world.wake else { continue };
            let before = (world.outputs.len(), world.wake);
            if wake.at > world.now {
                world.input(Input::Tick).expect("a tick is always taken");
                prop_assert_eq!(before, (world.outputs.len(), world.wake));
            }
            world.now = world.now.max(wake.at);
            world.input(Input::Tick).expect("a tick is always taken");
            let later = world.wake.is_none_or(|next| next.at > wake.at);
            prop_assert!(world.outputs.len() > before.0 || later, "{}", world.text());
        }
    }

    #[test]
    fn l6_a_clock_that_goes_back_counts_as_standing_still(
        script in prop::collection::vec((troubles(), 0..5_000_000_000_u64), 0..30),
    ) {
        let (mut steady, mut shaken) = (world(true), world(true));
        for (op, back) in &script {
            let steady_op = matches!(op, Op::Wait(_));
            let now = shaken.now;
            if !steady_op {
                // The engine has seen this time.
                steady.input(Input::Tick).expect("a tick is always taken");
                shaken.input(Input::Tick).expect("a tick is always taken");
                shaken.now = Instant::from_nanos(now.nanos().saturating_sub(*back));
            }
            steady.play(op);
            shaken.play(op);
            shaken.now = shaken.now.max(now);
            steady.settle();
            shaken.settle();
        }
        prop_assert_eq!(seen(&steady), seen(&shaken));
    }
}
