//! Shared parts of the conformance tests and of the benchmarks.

pub mod bench;
#[cfg(unix)]
pub mod browser;
#[cfg(unix)]
pub mod client;
pub mod kit;
#[cfg(unix)]
pub mod logs;
pub mod official;
#[cfg(unix)]
pub mod online;
#[cfg(unix)]
pub mod sidecar;
pub mod stub;
#[cfg(unix)]
pub mod uploads;
#[cfg(unix)]
pub mod weather;
#[cfg(unix)]
pub mod world;
