//! Whole runs made of bytes, and what must stay the same when the world around them changes.
//!
//! - `scenario`: what a client does, read from any bytes: one generator for the laws, the simulator and the fuzzer.
//! - `bench`: one engine, or the upload of its log, on a disk and a server in memory; the caller decides what is done when.
//! - `state`: what is left in the end, for comparisons.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is asked for here is named, all else is nothing to it")]

pub mod bench;
pub mod scenario;
pub mod state;

pub use bench::{Bench, Kill, Site};
pub use scenario::{Op, Scenario};
pub use state::State;

/// A law is tried on so many cases, or on as many as `PROPTEST_CASES` says.
pub fn cases(few: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}
