//! What a user may set by environment variables, beside the protocol's own settings.

use runwire_core::{
    Limits,
    service::ServiceConfig,
    writer::{SyncPolicy, WritePolicy},
};
use std::{hash::BuildHasher, time::Duration};

/// Largest frame in bytes.
const MAX_FRAME: &str = "RUNWIRE_MAX_FRAME";
/// Milliseconds that an accepted record may stay in memory before it is given to the operating system.
const FLUSH_MS: &str = "RUNWIRE_FLUSH_MS";
/// When the log is forced to the device: `never`, `exit` or `always`.
const FSYNC: &str = "RUNWIRE_FSYNC";

/// A service as the environment wants it. A value that can't be read counts as not set.
pub(crate) fn service_config() -> ServiceConfig {
    let mut limits = Limits::default();
    if let Some(bytes) = number(MAX_FRAME).and_then(|n| u32::try_from(n).ok()) {
        limits.frame_bytes_max = bytes;
    }
    let mut write_policy = WritePolicy::default();
    if let Some(millis) = number(FLUSH_MS) {
        write_policy.flush_interval = Duration::from_millis(millis);
    }
    match std::env::var(FSYNC).as_deref() {
        Ok("never") => write_policy.sync = SyncPolicy::Never,
        Ok("exit") => write_policy.sync = SyncPolicy::AtExit,
        Ok("always") => write_policy.sync = SyncPolicy::EachAppend,
        Ok(_) | Err(_) => {}
    }
    ServiceConfig {
        seed: seed(),
        limits,
        write_policy,
        idle_timeout: None,
        write_summary_files: false,
        utc_offset_seconds: utc_offset(),
    }
}

/// The one place where a random number enters: the standard library's keyed hasher is seeded by the system.
fn seed() -> u64 {
    std::hash::RandomState::new().hash_one(std::process::id())
}

/// Local time minus UTC, for names of files.
fn utc_offset() -> i32 {
    jiff::Zoned::now().offset().seconds()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.trim().parse().ok()
}
