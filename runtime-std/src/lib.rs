//! The threaded runtime of Runwire: a service over sockets, effects on threads, and [`Run`] for Rust programs.

mod clock;
mod debug_log;
pub mod demo;
mod disk;
mod driver;
pub mod exec;
pub mod export;
pub mod flags;
mod http;
mod inbox;
pub mod inspect;
pub mod local;
mod options;
mod pool;
mod rendezvous;
pub mod replay;
mod run;
pub mod sidecar;
mod sockets;
pub mod sync;
pub mod system;
mod tail;

pub use run::{FinishReport, Run, RunError, RunOptions};
