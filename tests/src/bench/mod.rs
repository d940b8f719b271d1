//! Measures two sidecars side by side. Owns the work given to them and how it is measured.
//! Must not know anything of either sidecar but its command line and the protocol.

pub mod client;
pub mod error;
pub mod first_look;
pub mod frames;
pub mod in_process;
pub mod instructions;
pub mod machine;
pub mod measure;
pub mod online;
pub mod online_plan;
pub mod options;
pub mod plan;
pub mod report;
pub mod sidecar;
