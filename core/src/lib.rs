//! Every decision of a run, as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
extern crate alloc;

pub mod client;
pub mod completion;
pub mod config;
pub mod console;
pub mod defer;
pub mod effect;
mod engine;
pub mod error;
mod handler;
pub mod id;
pub mod input;
pub mod json;
pub mod limits;
pub mod metrics;
pub mod notice;
pub mod output;
mod retry;
pub mod rng;
pub mod service;
pub mod settings;
pub mod time;
pub mod trace;
pub mod writer;

pub use completion::{Completion, Failure, FailureKind};
pub use effect::{Effect, EffectKind};
pub use engine::{Credit, Engine, Phase};
pub use error::InputError;
pub use id::{ClientId, EffectId, StreamKey, Ticket};
pub use input::{CloseReason, Input};
pub use limits::Limits;
pub use notice::{Level, Notice};
pub use output::{Output, Reply, Summary};
pub use settings::Config;
pub use time::{Instant, UnixNanos, Wake};
