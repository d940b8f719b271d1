//! What the core takes from the client's settings, and what an embedder may decide beside them.

use crate::{limits::Limits, net::Link, time::Duration, writer::WritePolicy};
use alloc::{collections::BTreeMap, format, string::String};
use runwire_proto::wire;

/// Everything an engine is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The run's settings as the protocol has them (`wandb_internal.Settings`), without secrets.
    pub settings: wire::Settings,
    /// When log bytes go to the disk.
    pub write_policy: WritePolicy,
    /// Bounds.
    pub limits: Limits,
    /// Write `wandb-metadata.json`, `config.yaml` and `wandb-summary.json` although the run is offline. The official
    /// client leaves them to the upload; a program that logs without any client wants them at once.
    pub write_summary_files: bool,
    /// Local time minus UTC, in seconds; names of console files are in local time.
    pub utc_offset_seconds: i32,
    /// The folder of this program, from which the paths of a client begin that are not absolute.
    pub current_dir: String,
    /// What the batch system Slurm told this program: its variables by their names in small letters, without `SLURM_`.
    pub slurm: BTreeMap<String, String>,
    /// How the run's server is reached and who the run is to it: what was secret in the settings.
    pub(crate) link: Link,
}

impl Config {
    /// A configuration with the default policy and limits. Secrets in `settings` are kept apart from them, so that no trace
    /// or file made of settings can show one.
    pub fn new(mut settings: wire::Settings) -> Self {
        let link = Link::new(&settings);
        settings.api_key = None;
        settings.x_extra_http_headers = None;
        settings.azure_account_url_to_access_key = None;
        settings.x_stats_open_metrics_http_headers = None;
        Config {
            settings,
            write_policy: WritePolicy::default(),
            limits: Limits::default(),
            write_summary_files: false,
            utc_offset_seconds: 0,
            current_dir: String::new(),
            slurm: BTreeMap::new(),
            link,
        }
    }

    /// Path of the transaction log; `None` if the run keeps none.
    pub(crate) fn log_path(&self) -> Option<String> {
        let path = text(&self.settings.sync_file);
        (!self.settings.x_skip_transaction_log.unwrap_or(false) && !path.is_empty()).then(|| path.into())
    }

    /// Folder of the run's files.
    pub(crate) fn files_dir(&self) -> String {
        format!("{}/files", text(&self.settings.sync_dir))
    }

    /// Whether the run talks to a server.
    pub(crate) fn is_online(&self) -> bool {
        !self.settings.offline.unwrap_or(false) && !self.link.base().is_empty()
    }

    pub(crate) fn shared(&self) -> bool {
        self.settings.shared.unwrap_or(false)
    }

    pub(crate) fn primary(&self) -> bool {
        self.settings.x_primary.unwrap_or(true)
    }

    pub(crate) fn typed_history(&self) -> bool {
        text(&self.settings.x_history_value_encoding).split(',').any(|part| part.trim() == "typed")
    }

    pub(crate) fn server_side_summary(&self) -> bool {
        self.settings.x_server_side_derived_summary.unwrap_or(false)
    }

    pub(crate) fn machine_info(&self) -> bool {
        !self.settings.x_disable_machine_info.unwrap_or(false)
    }

    /// Time between two samples of the machine; `None` if it is not watched.
    pub(crate) fn stats_interval(&self) -> Option<Duration> {
        if self.settings.x_disable_stats.unwrap_or(false) || !self.machine_info() {
            return None;
        }
        let seconds = self.settings.x_stats_sampling_interval.filter(|s| *s > 0.0).unwrap_or(15.0);
        // Below 100 ms the sampler would mostly measure itself.
        Some(Duration::from_millis((seconds * 1000.0).clamp(100.0, 86_400_000.0) as u64))
    }

    /// Bound of the whole end of the run, if the user set one.
    pub(crate) fn finish_timeout(&self) -> Option<Duration> {
        let seconds = self.settings.finish_timeout.filter(|s| *s > 0.0)?;
        Some(Duration::from_millis((seconds * 1000.0).min(1e12) as u64))
    }
}

pub(crate) fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}
