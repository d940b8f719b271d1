//! A process that dies at any effect of its run, and may die again while its log is uploaded: no row that the disk has is
//! lost, and none is on the server twice.
#![cfg(unix)]
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use runwire_core::Limits;
use runwire_tests::meta::bench::Manner;
use runwire_tests::meta::{Bench, Kill, Scenario, Site, cases};
use runwire_tests::model::rows::is_subsequence;

const KILLS: [Kill; 3] = [Kill::Before, Kill::Torn, Kill::After];

fn dies(at: usize, kill: Kill, order: &[u8]) -> Manner {
    Manner { kill: Some((at, kill)), order: order.to_vec(), ..Manner::default() }
}

/// Everything after the death of the first process: uploads until one ends, the first of them dying as well.
fn recover(scenario: &Scenario, first: Bench, again: (usize, Kill), order: &[u8]) -> Result<(), String> {
    let mut site = first.site;
    let had = site.state();
    if !scenario.rows().starts_with(&had.logged) {
        return Err(format!("{} rows in the log are not what was said", had.logged.len()));
    }
    if !is_subsequence(&had.served, &had.due) {
        return Err(format!("{} rows are on the server, {} in the log", had.served.len(), had.due.len()));
    }
    let second = site.upload(dies(again.0, again.1, order))?;
    let mut third = second.site.upload(Manner { order: order.to_vec(), ..Manner::default() })?;
    let state = third.site.state();
    if state.logged != had.logged {
        return Err("the upload has changed the log".into());
    }
    if had.due.is_empty() {
        return Ok(());
    }
    state.is_delivered()?;
    if state.complete != true {
        return Err("the server does not know of the end".into());
    }
    if !scenario.shapes_summary() {
        for row in &state.due {
            for key in row.as_object().into_iter().flat_map(|row| row.keys()).filter(|key| !key.starts_with('_')) {
                let last = state.due.iter().rev().find_map(|row| row.get(key));
                if !state.summary.contains_key(key) || (key != "deep" && state.summary.get(key) != last) {
                    return Err(format!("the summary has {:?} for {key:?}; {last:?} was last", state.summary.get(key)));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(10), failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_effect_loses_no_durable_row_and_repeats_none(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        order in prop::collection::vec(any::<u8>(), 0..10),
        again in prop::collection::vec((0..14_usize, 0..3_usize), 1..20),
        small in any::<bool>(),
    ) {
        let scenario = Scenario::read(&bytes);
        let limits = match small {
            true => Limits { append_bytes_max: 200, stream_push_bytes: 300, ..Limits::default() },
            false => Limits::default(),
        };
        let mut whole = Bench::run(Site::new(), Manner { order: order.clone(), ..Manner::default() }, &limits);
        whole.play(&scenario).map_err(TestCaseError::fail)?;
        for at in 0..whole.begun {
            for kill in KILLS {
                let mut bench = Bench::run(Site::new(), dies(at, kill, &order), &limits);
                bench.play(&scenario).map_err(TestCaseError::fail)?;
                prop_assert!(bench.is_dead());
                let (next, how) = again[at % again.len()];
                let recovered = recover(&scenario, bench, (next, KILLS[how]), &order);
                prop_assert!(recovered.is_ok(), "killed {kill:?} effect {at}, then {:?} {next}: {recovered:?}", KILLS[how]);
            }
        }
    }
}
