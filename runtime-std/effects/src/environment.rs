//! What a user may set by environment variables, beside the protocol's own settings.

use runwire_core::{
    Limits,
    service::ServiceConfig,
    writer::{SyncPolicy, WritePolicy},
};
use std::{collections::BTreeMap, ffi::OsString, hash::BuildHasher, time::Duration};

/// Largest frame in bytes.
const MAX_FRAME: &str = "RUNWIRE_MAX_FRAME";
/// Milliseconds that an accepted record may stay in memory before it is given to the operating system.
const FLUSH_MS: &str = "RUNWIRE_FLUSH_MS";
/// When the log is forced to the device: `never`, `exit` or `always`.
const FSYNC: &str = "RUNWIRE_FSYNC";
/// Seconds without any progress that the end of an online run, or an upload, waits for the server.
const FINISH_WAIT: &str = "RUNWIRE_FINISH_WAIT";
/// MiB of log bytes that are kept in memory while a disk fails; beyond that records are refused and counted.
const DISK_BACKLOG: &str = "RUNWIRE_DISK_BACKLOG";

/// A service as the environment wants it. A value that can't be read counts as not set.
pub fn service_config() -> ServiceConfig {
    let mut limits = limits();
    if let Some(bytes) = number(MAX_FRAME).and_then(|n| u32::try_from(n).ok()) {
        limits.frame_bytes_max = bytes;
    }
    if let Some(mib) = number(DISK_BACKLOG).and_then(|n| usize::try_from(n).ok()) {
        limits.backlog_bytes_hard = mib.saturating_mul(1 << 20);
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
        current_dir: std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        slurm: slurm(std::env::vars_os()),
    }
}

/// Bounds as the environment wants them, but for those of a service.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    if let Some(seconds) = number(FINISH_WAIT) {
        limits.finish_patience = Duration::from_secs(seconds);
    }
    limits
}

/// The one place where a random number enters: the standard library's keyed hasher is seeded by the system.
pub fn seed() -> u64 {
    std::hash::RandomState::new().hash_one(std::process::id())
}

/// Local time minus UTC, for names of files.
pub fn utc_offset() -> i32 {
    jiff::Zoned::now().offset().seconds()
}

/// The variables of the batch system Slurm, by their names in small letters and without `SLURM_`.
fn slurm(variables: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    let named = |(name, value): (OsString, OsString)| {
        let name = name.to_str()?.strip_prefix("SLURM_")?.to_lowercase();
        Some((name, value.to_string_lossy().into_owned()))
    };
    variables.filter_map(named).filter(|(name, _)| !name.is_empty()).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_batch_system_lose_their_prefix() {
        let variables = [("SLURM_JOB_ID", "77"), ("SLURM_STEP_GPUS", ""), ("SLURM_", "x"), ("HOME", "/h")];
        let found = slurm(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        let wanted = [("job_id", "77"), ("step_gpus", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeMap::from(wanted));
    }
}
