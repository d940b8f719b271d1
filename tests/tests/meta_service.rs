//! What must not matter to the runs of a service: how their clients' bytes are cut or put together, how much is said at
//! once, and who else is there.
#![cfg(unix)]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use runwire_tests::check::{self, Check, Moment};
use runwire_tests::meta::{Scenario, State, cases};
use runwire_tests::sim::{ClientPlan, Options, Plan, RunPlan, Seen, run_plan};

/// One run with its client.
struct Guest<'a> {
    run: &'a str,
    scenario: &'a Scenario,
    /// Bytes that arrive at once, at most.
    part: usize,
    begins: Duration,
}

/// Keeps what is left in the end.
struct Keep(Arc<Mutex<BTreeMap<String, State>>>);

impl Check for Keep {
    fn law(&self) -> &'static str {
        "keep"
    }

    fn see(&mut self, _at: &Moment<'_>, _seen: &Seen<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, at: &Moment<'_>) -> Result<(), String> {
        let mut kept = self.0.lock().map_err(|error| error.to_string())?;
        for life in &at.model.lives {
            let log = at.disk.file(&life.log).map(|file| file.data.as_slice()).unwrap_or_default();
            let state = State::read(&at.remote[&life.run], log).timeless();
            state.is_delivered()?;
            kept.insert(life.run.clone(), state);
        }
        Ok(())
    }
}

/// What a service without faults leaves of these runs; all laws of the simulator hold on the way.
fn served(seed: u64, guests: &[Guest<'_>]) -> Result<BTreeMap<String, State>, TestCaseError> {
    let mut plan = Plan::calm(seed);
    plan.heal = Duration::from_millis(1);
    for Guest { run, scenario, part, begins } in guests {
        let run = RunPlan { id: (*run).to_owned(), online: true, goes_on: false };
        plan.clients.push(ClientPlan {
            run: run.id.clone(),
            tag: "a".into(),
            begins: *begins,
            acts: scenario.client(&run, *begins),
            part: *part,
        });
        plan.runs.push(run);
    }
    let kept = Arc::new(Mutex::new(BTreeMap::new()));
    // What a client says of the summary and of metrics, mixed with texts in rows, is compared by `meta_engine`.
    let shapes = guests.iter().any(|guest| guest.scenario.shapes_summary());
    let mut checks = check::all();
    checks.retain(|check| !shapes || check.law() != "state-is-what-was-logged");
    checks.push(Box::new(Keep(kept.clone())));
    let outcome = run_plan(plan, checks, &Options::default());
    prop_assert!(outcome.failure.is_none(), "{}", outcome.report());
    let kept = kept.lock().map(|kept| kept.clone());
    Ok(kept.unwrap_or_default())
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    prop::collection::vec(any::<u8>(), 0..160).prop_map(|bytes| Scenario::read(&bytes))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(24), failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn bytes_may_come_in_any_parts(scenario in scenarios(), part in 1..200_usize, seed in 0..1000_u64) {
        let guest = |part| Guest { run: "r0", scenario: &scenario, part, begins: Duration::ZERO };
        let whole = served(seed, &[guest(usize::MAX)])?;
        prop_assert_eq!(&whole["r0"].logged, &scenario.rows());
        prop_assert_eq!(whole, served(seed, &[guest(part)])?);
    }

    #[test]
    fn what_is_said_at_once_is_what_is_said_one_by_one(scenario in scenarios(), seed in 0..1000_u64) {
        let at_once = scenario.at_once();
        let guest = |scenario| Guest { run: "r0", scenario, part: usize::MAX, begins: Duration::ZERO };
        prop_assert_eq!(served(seed, &[guest(&scenario)])?, served(seed, &[guest(&at_once)])?);
    }

    #[test]
    fn who_else_is_there_does_not_matter(
        (mine, other) in (scenarios(), scenarios()),
        later in 0..2000_u64,
        part in prop_oneof![Just(usize::MAX), 20..200_usize],
        seed in 0..1000_u64,
    ) {
        let own = || Guest { run: "r0", scenario: &mine, part: usize::MAX, begins: Duration::ZERO };
        let beside = Guest { run: "r1", scenario: &other, part, begins: Duration::from_millis(later) };
        let alone = served(seed, &[own()])?;
        prop_assert_eq!(&alone["r0"], &served(seed, &[own(), beside])?["r0"]);
    }
}
