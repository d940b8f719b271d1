//! The files of a run that are made from its records, for a log whose run left none or old ones.

use super::{Origin, SyncRun};
use crate::{defer::DeferState, effect::Effect};
use alloc::{format, string::String, vec::Vec};
use bytes::Bytes;

impl SyncRun {
    /// Writes `config.yaml` and `wandb-summary.json`, and wants them and what else the run left uploaded.
    pub(super) fn write_files(&mut self) {
        let files: Vec<(String, String)> = self.uplink.own_files();
        let folder = self.config.files_dir();
        self.writing = files.len();
        for name in ["output.log", "wandb-metadata.json"] {
            self.with_uplink(|uplink, env| uplink.on_own_file(env, name, false));
        }
        for (name, text) in files {
            self.with_uplink(|uplink, env| uplink.on_own_file(env, &name, false));
            let path = format!("{folder}/{name}");
            self.issue(Effect::WriteFile { path, bytes: Bytes::from(text) }, Origin::Own);
        }
        if self.writing == 0 {
            self.flushed(DeferState::FlushDir);
        }
    }
}
