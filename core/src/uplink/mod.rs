//! The half of a run that talks to a server. It reads the run's own log and nothing else: what is on its way is an offset
//! into the log, never a copy of it, and a run that was cut short is taken up again from its log in the same way.

use crate::{
    limits::Limits,
    net::Link,
    rng::Rng,
    time::{Instant, UnixNanos},
};
use alloc::string::String;

/// What is passed to a machine of the uplink with each call and never stored.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) wall: UnixNanos,
    pub(crate) limits: &'a Limits,
    pub(crate) rng: &'a mut Rng,
    /// Builds requests: addresses and headers of this run's server.
    pub(crate) link: &'a Link,
}

/// Where a run is on its server, in the server's own words: it may have renamed what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) entity: String,
    pub(crate) project: String,
    pub(crate) run_id: String,
}

/// Lines that the server already has of each file of the stream: the offset of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) history: u64,
    pub(crate) events: u64,
    pub(crate) console: u64,
}
