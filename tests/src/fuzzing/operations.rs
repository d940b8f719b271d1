//! Bytes that decide what a simulation consists of: the draws of its plan are read from them, one after the other.

use arbitrary::{Arbitrary, Unstructured};

use crate::check;
use crate::sim::{Options, Plan, run_plan};

/// Longer simulations are cut, so that many fit into a second.
const STEPS_MAX: u64 = 20_000;

/// Plays the scenario that the bytes mean; no law may break.
pub fn operations(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(data)) else { return };
    let outcome = run_plan(plan, check::all(), &Options { steps: STEPS_MAX, ..Options::default() });
    assert!(outcome.failure.is_none(), "{}", outcome.report());
}
