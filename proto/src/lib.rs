//! The wire truth of the W&B protocol at version 0.31.0: messages, socket frames, transaction log.
//!
//! Nothing here decides anything and nothing does I/O.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
extern crate alloc;

pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod peek;

/// The protocol's messages, generated from `schema/*.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all)]
pub mod wire {
    include!("generated/wandb_internal.rs");
}
