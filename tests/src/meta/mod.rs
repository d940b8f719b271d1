//! Whole runs made of bytes, and what must stay the same when the world around them changes.
//!
//! - `scenario`: what a client does, read from any bytes: one generator for the laws, the simulator and the fuzzer.
//! - `bench`: one engine, or the upload of its log, on a disk and a server in memory; the caller decides what is done when.
//! - `state`: what is left in the end, for comparisons.

pub mod bench;
pub mod scenario;
pub mod state;

pub use bench::{Bench, Kill, Site};
pub use scenario::{Op, Scenario};
pub use state::State;
