//! The threaded runtime of Runwire.

pub mod debug_log;
pub mod flags;
