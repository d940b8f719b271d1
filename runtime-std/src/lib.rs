//! The threaded runtime of Runwire: a service over sockets, effects on threads, and [`Run`] for Rust programs.

pub mod demo;
mod driver;
pub mod exec;
pub mod export;
pub mod flags;
mod http;
mod inbox;
pub mod inspect;
#[doc(hidden)]
pub mod kit;
pub mod local;
mod pool;
pub mod replay;
mod run;
pub mod sidecar;
mod sockets;
pub mod sync;

pub use run::Run;
pub use runwire_effects::{FinishReport, RunError, RunOptions, system};
