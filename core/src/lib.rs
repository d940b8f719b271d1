//! Every decision of a run, as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod config;
pub mod console;
