//! Every decision of a run, as a pure state machine.
//!
//! [`Engine`] is one run, [`service::Service`] many runs behind many connections. Both have two verbs: `handle_input` takes
//! one event with the time at which it happened, `poll_output` gives what is to be done about it. There is no clock, no
//! thread and no I/O in this crate; whoever drives it brings them.
//!
//! # The loop
//!
//! 1. Drain: poll until `Wait` or `Finished`, and start every effect on the way.
//! 2. Wait for an outcome, an input, or the wake.
//! 3. Give it in with `handle_input`: one at a time.
//! 4. Begin again.
//!
//! ```
//! use runwire_core::{ClientId, CloseReason, Completion, Config, Effect, Engine, Input, Instant, Output, UnixNanos};
//! use runwire_proto::wire;
//!
//! let settings = wire::Settings { sync_file: Some("run-1.wandb".into()), ..Default::default() };
//! let mut engine = Engine::new(Config::new(settings), 7, Instant::ZERO, UnixNanos(0), None);
//! let record = wire::Record {
//!     record_type: Some(wire::record::RecordType::Header(wire::HeaderRecord::default())),
//!     ..Default::default()
//! };
//! // What comes next stands last.
//! let mut inputs = vec![
//!     Input::Close(CloseReason::Finish),
//!     Input::Record { client: ClientId(1), ticket: None, record: prost::Message::encode_to_vec(&record).into() },
//! ];
//! let (mut log, mut now) = (Vec::new(), Instant::ZERO);
//! let summary = 'run: loop {
//!     let wake = loop {
//!         match engine.poll_output() {
//!             // 1. A real driver gives an effect to a thread; here the disk is a vector.
//!             Output::Effect(id, effect) => {
//!                 let outcome = match effect {
//!                     Effect::OpenLog { .. } => Completion::Opened,
//!                     Effect::AppendLog { at, bytes } => {
//!                         log.truncate(at as usize);
//!                         log.extend_from_slice(&bytes);
//!                         Completion::Appended
//!                     }
//!                     Effect::SyncLog { .. } => Completion::Synced,
//!                     Effect::CloseLog => Completion::Closed,
//!                     Effect::WriteFile { .. } | Effect::PatchFile { .. } => Completion::Written,
//!                     other => panic!("this run has no use for {other}"),
//!                 };
//!                 inputs.push(Input::Completed(id, outcome));
//!             }
//!             Output::Cancel(_) | Output::Reply(..) | Output::Notice(_) => {}
//!             Output::Wait(wake) => break wake,
//!             Output::Finished(summary) => break 'run summary,
//!         }
//!     };
//!     // 2. Outcomes first, then what clients sent, then time.
//!     let input = inputs.pop().unwrap_or_else(|| {
//!         now = wake.expect("something is still to come").at;
//!         Input::Tick
//!     });
//!     // 3.
//!     engine.handle_input(now, input)?;
//! }; // 4.
//! assert_eq!(summary.accounts.stored, summary.accounts.accepted);
//! assert!(log.starts_with(b":W&B"));
//! # Ok::<(), runwire_core::InputError>(())
//! ```
//!
//! # The laws
//!
//! - **L1** After `new` and after each input, poll until `Wait` or `Finished`. An input before that is
//!   [`InputError::NotDrained`] and changes nothing.
//! - **L2** Effects that are outstanding at one time are independent: any order, any concurrency.
//! - **L3** Each effect is answered at most once. Unknown, second and wrong answers are errors without effect; answers after
//!   a deadline or a cancel are accepted and ignored.
//! - **L4** The same configuration, seed and inputs give the same outputs, byte for byte.
//! - **L5** Nothing happens between the outputs and the wake. An early tick does nothing; a due one yields output or a later
//!   wake.
//! - **L6** Time that goes back counts as standing still. Every effect has a deadline, so a lost outcome ends in a timeout.
//! - **L7** Nothing is sent to a server before the log that holds it is written, and the exit is answered after that.
//! - **L8** The final state of the server does not depend on the order of outcomes, on how inputs are batched, or on requests
//!   that were done twice.
//! - **L9** Memory is bounded by [`Limits`]; over a bound a record is refused and counted.
//! - **L10** After the exit, [`Output::Finished`] comes within a bound that the limits add up to.
//!
//! An effect's outcome is always an input, failures included; an error of `handle_input` is a mistake of the driver.
//!
//! # Words
//!
//! - **record**: one message of a client about a run; **request**: a record that asks and is not stored.
//! - **row**: the values of one step; the **open row** may still get more of them.
//! - **effect**: an order to the runtime; **completion**: its outcome. **Ticket**: an answer that somebody waits for.
//! - **wake**: when the engine next wants a [`Input::Tick`]. **Credit**: bytes that it will take before the disk has moved.
//! - **stage**: one state of the end of a run ([`defer`]). **Accounts**: accepted = stored + refused, by reason.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
extern crate alloc;

#[doc = include_str!("../ARCHITECTURE.md")]
pub mod architecture {}

/// Whether a planted bug is switched on: never, but in builds with `--cfg planted`.
#[cfg(planted)]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is_on($crate::planted::Bug::$bug)
    };
}
#[cfg(not(planted))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

pub mod client;
pub mod completion;
pub mod config;
pub mod console;
pub mod defer;
pub mod effect;
mod engine;
pub mod error;
#[doc(hidden)]
pub mod filestream;
mod handler;
pub mod id;
pub mod input;
pub mod json;
mod ledger;
pub mod limits;
pub mod metrics;
pub mod net;
pub mod notice;
pub mod output;
#[cfg(planted)]
pub mod planted;
mod retry;
pub mod rng;
mod sender;
pub mod service;
pub mod settings;
pub mod sync;
mod tensorboard;
pub mod time;
pub mod trace;
mod uplink;
mod uploader;
pub mod writer;

pub use completion::{Completion, Failure, FailureKind, FileDigest, FileStat};
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
pub use uplink::Cursor;
