//! Checks that hold for any input, as ordinary functions: fuzz targets, property tests and the replay of the committed
//! corpus all call these. Each panics when a promise of this crate is broken.
//!
//! Not part of the API. It must not know libFuzzer.
mod frame;
mod peek;

pub use frame::frame;
pub use peek::peek;
