//! What must hold in every world: one law a file. A check sees all that happens and says when its law is broken.

#![allow(clippy::wildcard_enum_match_arm, reason = "a law is about some of what happens")]
mod accounts;
mod answers;
mod bounds;
mod durable;
mod files;
mod heartbeats;
mod ids;
mod logs;
mod order;
mod remote;
mod retry_after;
mod state;
mod wakes;
mod write_ahead;

use std::collections::BTreeMap;

use runwire_core::{Instant, StreamKey};

use crate::model::Model;
use crate::sim::{Counts, Disk, Plan, Seen};

/// A law.
pub trait Check: Send {
    /// Its name.
    fn law(&self) -> &'static str;

    /// Something has happened.
    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String>;

    /// All is over.
    fn end(&mut self, _at: &Moment<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// What checks may look at.
pub struct Moment<'a> {
    /// The time since the start.
    pub now: Instant,
    /// Number of the service.
    pub life: u64,
    /// The disk.
    pub disk: &'a Disk,
    /// What ought to be.
    pub model: &'a Model,
    /// The seed's plan.
    pub plan: &'a Plan,
    /// How often each fault has fired.
    pub counts: &'a Counts,
    /// Since when faults are over.
    pub healed: Option<Instant>,
    /// Effects of this service without an answer.
    pub open: usize,
    /// Logs of this service's runs.
    pub logs: Option<&'a BTreeMap<StreamKey, String>>,
    /// At the end: what the server has of each run.
    pub remote: &'a BTreeMap<String, serde_json::Value>,
}

/// All laws.
pub fn all() -> Vec<Box<dyn Check>> {
    vec![
        Box::<accounts::Accounts>::default(),
        Box::<answers::Answers>::default(),
        Box::<bounds::Bounds>::default(),
        Box::<durable::Durable>::default(),
        Box::<files::Files>::default(),
        Box::<heartbeats::Heartbeats>::default(),
        Box::<ids::Ids>::default(),
        Box::<logs::Logs>::default(),
        Box::<order::Order>::default(),
        Box::<remote::Remote>::default(),
        Box::<retry_after::RetryAfter>::default(),
        Box::<state::State>::default(),
        Box::<wakes::Wakes>::default(),
        Box::<write_ahead::WriteAhead>::default(),
    ]
}
