//! The adapter conformance kit: what a runtime must do, tried with a double in place of the service.
//!
//! A runtime that passes every check of [`CHECKS`] is a supported one. The kit has no threads of its own and knows no
//! sockets: how a double is driven, and how a client speaks to it, is the [`Adapter`]'s part.

mod checks;
mod double;
#[cfg(unix)]
pub mod native;
pub mod recorder;
#[cfg(unix)]
pub mod scenarios;
pub mod simple;

pub use checks::{CHECKS, Check};
pub use double::{Double, Scene, Seen, Transcript};

use runwire_core::{Completion, Effect, Instant};
use std::sync::Arc;

/// A runtime under test.
pub trait Adapter {
    /// Drives the double of `trial` until it has finished, with effects done by `trial.perform`, and a client that says what
    /// `trial.said` holds and then listens. Gives what the client heard until its connection was closed.
    fn drive(&self, trial: Trial) -> Vec<u8>;

    /// Whether effects may block, each without holding up the others.
    fn has_threads(&self) -> bool {
        true
    }
}

/// Does an effect.
pub type Perform = Arc<dyn Fn(Effect) -> Completion + Send + Sync>;

/// One drive.
pub struct Trial {
    /// Makes the double; is told the time.
    pub make: Box<dyn FnOnce(Instant) -> Double + Send>,
    /// Does its effects. May panic.
    pub perform: Perform,
    /// What a client says at once; without any, no client comes.
    pub said: Option<Vec<u8>>,
}

/// Tries every check on an adapter. Gives what is wrong, a line each.
pub fn examine(adapter: &dyn Adapter) -> Vec<String> {
    let mut wrong = Vec::new();
    for check in CHECKS.iter().filter(|check| adapter.has_threads() || !check.blocks) {
        wrong.extend(check.try_on(adapter).into_iter().map(|what| format!("{}: {what}", check.name)));
    }
    wrong
}
