//! The browser runtime of Runwire.
//!
//! There is nothing here yet but the crate's place in the house: `fetch`, timers and the IndexedDB log are a later step.
//! The core that it will drive builds for `wasm32-unknown-unknown` today, without any host import.

pub use runwire_core as core;
