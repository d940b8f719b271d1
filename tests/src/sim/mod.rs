//! The deterministic simulator: from one number, whole trainings with disks, networks, servers, clocks and clients that
//! fail. The service under test is the one of the program; only the world around it is made up.
//!
//! ```
//! use runwire_tests::sim::{self, Options};
//! let outcome = sim::run(7, &Options::default());
//! assert!(outcome.failure.is_none(), "{}", outcome.report());
//! ```

#![allow(clippy::wildcard_enum_match_arm, reason = "a world reacts to some of what happens")]
mod agenda;
mod client;
pub mod command;
mod dice;
mod disk;
mod effects;
mod faults;
mod many;
mod net;
mod outcome;
mod plan;
mod scenario;
mod script;
mod strike;
mod swarm;
mod trace;
mod world;

pub use client::State;
pub use dice::Dice;
pub use disk::{Disk, File};
pub use effects::Place;
pub use faults::{Counts, Fault, Weights};
pub use many::{Sum, many};
pub use outcome::{Options, Outcome, run, run_plan};
pub use plan::{Aim, ClientPlan, Plan, RunPlan, bound};
pub use scenario::{Scenario, Script};
pub use script::{Act, Reduction, Said};
pub use swarm::settings;
pub use world::{Failure, Gift, Seen, World};
