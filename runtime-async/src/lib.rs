//! The future-based runtime of Runwire.
//!
//! There is nothing here yet but the crate's place in the house: the async driver and `Run` are a later step.
//! Until then an async program drives [`runwire_core`] itself, as `examples/src/bin/custom_loop.rs` shows.

pub use runwire_core as core;
