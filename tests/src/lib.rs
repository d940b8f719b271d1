//! Shared parts of the conformance tests and of the benchmarks.

pub mod bench;
pub mod browser;
#[cfg(unix)]
pub mod check;
#[cfg(unix)]
pub mod client;
#[cfg(unix)]
pub mod fuzzing;
pub mod kit;
#[cfg(unix)]
pub mod logs;
#[cfg(unix)]
pub mod meta;
#[cfg(unix)]
pub mod model;
pub mod official;
#[cfg(unix)]
pub mod online;
#[cfg(all(unix, planted))]
pub mod planted;
#[cfg(unix)]
pub mod sidecar;
#[cfg(unix)]
pub mod sim;
pub mod stub;
#[cfg(unix)]
pub mod uploads;
#[cfg(unix)]
pub mod weather;
#[cfg(unix)]
pub mod world;

#[cfg(unix)]
#[doc = include_str!("../../docs/RUNTIMES.md")]
pub mod runtimes {}
