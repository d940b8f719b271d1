//! Runwire on an executor: [`Run`] for programs made of futures, and [`serve`] for the whole service as one future.
//!
//! The same core as in the threaded runtime, in a loop of futures: the same log, the same requests, the same state of the
//! server. What this crate brings is when things are called, and nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(
    any(feature = "smol", feature = "async-std"),
    doc = "\n```no_run
use runwire_async::{Run, RunOptions};

async fn train() -> Result<(), runwire_async::RunError> {
    let run = Run::init(RunOptions::new(\"project\")).await?;
    run.log_values(&[(\"loss\", 0.5)]).await?;
    run.finish().await?;
    Ok(())
}
```"
)]

#[cfg(feature = "async-std")]
mod async_std;
mod driver;
mod executor;
mod gate;
mod http;
#[doc(hidden)]
pub mod kit;
mod notes;
mod peers;
mod run;
mod serve;
#[cfg(feature = "smol")]
mod smol;
mod world;

#[cfg(feature = "async-std")]
pub use async_std::AsyncStd;
pub use executor::{Duplex, Executor, Incoming, Socket};
pub use run::{Run, settled};
pub use runwire_effects::{FinishReport, RunError, RunOptions, rendezvous::Door};
pub use serve::{ServeOptions, serve};
#[cfg(feature = "smol")]
pub use smol::Smol;

/// The executor that is used if nothing else is said.
#[cfg(feature = "smol")]
pub type Standard = Smol;
/// The executor that is used if nothing else is said.
#[cfg(all(feature = "async-std", not(feature = "smol")))]
pub type Standard = AsyncStd;
