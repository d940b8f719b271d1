//! The machine this program runs on: what it is, how busy it is, and the source code of the run on it.
//!
//! When anything here is asked for, and what becomes of the answer, is the core's business.

pub mod code;
mod disk_space;
pub mod environment;
mod git;
mod gpu;
mod host;
#[cfg(target_os = "linux")]
mod kernel;
pub mod metrics;
mod usage;
