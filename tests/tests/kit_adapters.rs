//! Every runtime of this machine passes the conformance kit, and the kit notices one that does not.

use runwire_async::{AsyncStd, Smol};
use runwire_tests::kit::{
    Adapter, examine,
    native::{Futures, Threads},
    simple::{Mistake, Simple},
};

fn passes(adapter: &dyn Adapter) {
    let wrong = examine(adapter);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn threads_pass() {
    passes(&Threads);
}

#[test]
fn smol_passes() {
    passes(&Futures(Smol));
}

#[test]
fn async_std_passes() {
    passes(&Futures(AsyncStd));
}

#[test]
fn the_smallest_loop_passes() {
    passes(&Simple(None));
}

#[test]
fn each_mistake_is_noticed() {
    for (mistake, check) in [
        (Mistake::DrainsOne, "drains fully"),
        (Mistake::KeepsTheWake, "reads the wake again when it is sooner"),
        (Mistake::Spins, "does nothing between"),
        (Mistake::ForgetsOutcomes, "takes outcomes while"),
        (Mistake::HearsTheQuiet, "to be quiet"),
        (Mistake::LosesWorkers, "survives a worker"),
        (Mistake::AnswersTwice, "answers each effect once"),
        (Mistake::ClosesEarly, "delivers answers"),
    ] {
        let wrong = examine(&Simple(Some(mistake)));
        assert!(wrong.iter().any(|what| what.contains(check)), "{mistake:?} is not noticed: {wrong:?}");
    }
}
