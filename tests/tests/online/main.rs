//! Online runs against an embedded server with scripted faults. The number in a test's name is its case: `backend_`, of
//! what is sent to a server and what is made of its answers; `run_`, of a run's life; `ipc_`, of the socket.
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]

mod access;
mod branch;
mod files;
mod ipc;
mod lines;
mod lives;
mod push;
mod reports;
mod run;
mod setup;
