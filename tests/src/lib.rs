//! Shared parts of the conformance tests.
#[cfg(unix)]
pub mod client;
#[cfg(unix)]
pub mod logs;
#[cfg(unix)]
pub mod sidecar;
