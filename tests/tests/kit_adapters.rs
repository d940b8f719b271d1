//! Every runtime of this machine passes the conformance kit, and the kit notices one that does not.

use runwire_async::{AsyncStd, Smol};
use runwire_tests::kit::{
    Adapter, CHECKS, Trial, examine,
    native::{Futures, Threads},
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
