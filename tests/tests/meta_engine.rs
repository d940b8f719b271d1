//! What must not matter to an online run: when outcomes come and in which order, ticks that nobody wants, and a machine that
//! sleeps through everything that was due.
#![cfg(unix)]
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use runwire_core::Limits;
use runwire_tests::meta::bench::{Manner, Pace};
use runwire_tests::meta::{Bench, Scenario, Site, State, cases};

fn scenarios() -> impl Strategy<Value = Scenario> {
    prop::collection::vec(any::<u8>(), 0..160).prop_map(|bytes| Scenario::read(&bytes))
}

/// Small batches, so that there is much to be done in another order.
fn limits() -> Limits {
    Limits { append_bytes_max: 300, stream_push_bytes: 400, ..Limits::default() }
}

fn played(scenario: &Scenario, manner: Manner) -> Result<(State, Vec<String>), TestCaseError> {
    let mut bench = Bench::run(Site::new(), manner, &limits());
    bench.play(scenario).map_err(TestCaseError::fail)?;
    let state = bench.site.state();
    state.is_delivered().map_err(TestCaseError::fail)?;
    prop_assert_eq!(state.damages, 0);
    Ok((state, bench.lines))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(48), failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn the_log_and_the_server_have_what_was_said(scenario in scenarios()) {
        let (state, _) = played(&scenario, Manner::default())?;
        prop_assert_eq!(&state.logged, &scenario.rows());
        prop_assert_eq!((&state.exit, &state.complete), (&scenario.exit.into(), &true.into()));
    }

    #[test]
    fn outcomes_in_any_order_leave_the_same_log_and_the_same_run_on_the_server(
        scenario in scenarios(),
        order in prop::collection::vec(any::<u8>(), 1..30),
    ) {
        let (prompt, _) = played(&scenario, Manner::default())?;
        let (late, _) = played(&scenario, Manner { order, ..Manner::default() })?;
        prop_assert_eq!(prompt, late);
    }

    #[test]
    fn ticks_that_nobody_wants_change_nothing(
        scenario in scenarios(),
        order in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let (state, lines) = played(&scenario, Manner { order: order.clone(), ..Manner::default() })?;
        let (eager_state, eager_lines) = played(&scenario, Manner { order, pace: Pace::Eager, ..Manner::default() })?;
        prop_assert_eq!(lines, eager_lines);
        prop_assert_eq!(state, eager_state);
    }

    #[test]
    fn a_machine_that_sleeps_through_every_wait_leaves_the_same_run(scenario in scenarios()) {
        let (awake, _) = played(&scenario, Manner::default())?;
        let (asleep, _) = played(&scenario, Manner { pace: Pace::Asleep, ..Manner::default() })?;
        prop_assert_eq!(awake, asleep);
    }
}
