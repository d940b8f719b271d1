//! The uplink of a log that is there already.

use super::{Action, CURSOR_SUFFIX, Env, Life, Place, Source, Tag, Uplink, store::Store};
use crate::{
    effect::Effect,
    sender,
    settings::{Config, text},
    sync::{Delivered, Overrides},
};
use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// Cursors are small; one that is not is no cursor.
const CURSOR_BYTES_MAX: u32 = 64 << 20;

impl Uplink {
    /// The upload of the log at `path`. Call `begin` next.
    pub(crate) fn sync(config: &Config, seed: u64, path: String, follow: bool, overrides: Overrides) -> Self {
        let elsewhere = [&overrides.entity, &overrides.project, &overrides.run_id].iter().any(|text| !text.is_empty());
        // Under another name it is another upload: what is known about the first one says nothing about it.
        let store = Store::new((!elsewhere).then(|| format!("{path}{CURSOR_SUFFIX}")));
        let source = Source::File { path, follow };
        Uplink::new(config, seed, source, sender::Mode::Sync(overrides), store, Life::Loading)
    }

    /// Asks for the cursor of an earlier life.
    pub(crate) fn begin(&mut self, env: &Env<'_>) {
        match self.store.path() {
            Some(path) => {
                let effect = Effect::ReadFile { path: path.to_string(), at: 0, len: CURSOR_BYTES_MAX };
                self.actions.push_back(Action::Effect(Tag::LoadCursor, effect));
            }
            None => self.on_cursor_read(env, &[]),
        }
    }

    /// Whether the run's exit was read, or stands for one that is missing.
    pub(crate) fn is_at_exit(&self) -> bool {
        self.exit.is_some()
    }

    /// The code that the server is told.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.exit.flatten()
    }

    /// Whether everything that is there reached the server, files included.
    pub(crate) fn is_complete(&self) -> bool {
        self.store.cursor.complete && self.files_arrived()
    }

    /// Whether all files that are there reached the server.
    pub(super) fn files_arrived(&self) -> bool {
        self.uploader.failed().count() == self.uploader.not_there().count()
    }

    /// Files that the log names and that are not there.
    pub(crate) fn missing_files(&self) -> impl Iterator<Item = &str> {
        self.uploader.not_there()
    }

    /// The files that the run itself would have made, from its records: name and content.
    pub(crate) fn own_files(&mut self) -> Vec<(String, String)> {
        vec![
            ("wandb-summary.json".to_string(), self.sender.summary_json()),
            ("config.yaml".to_string(), self.sender.config_yaml()),
        ]
    }

    /// Where the run is on the server, once it is known.
    pub(crate) fn place(&self) -> Option<&Place> {
        Some(&self.store.cursor.first.place).filter(|place| !place.run_id.is_empty())
    }

    /// The same for people: `entity/project/run`.
    pub(crate) fn place_shown(&self) -> Option<String> {
        self.place().map(|place| format!("{}/{}/{}", place.entity, place.project, place.run_id))
    }

    /// Address of the server for people.
    pub(crate) fn app_url(config: &Config) -> String {
        let own = text(&config.settings.app_url).trim_end_matches('/');
        if !own.is_empty() {
            return own.to_string();
        }
        config.link.base().replace("://api.wandb.", "://wandb.")
    }

    /// What the server has.
    pub(crate) fn delivered(&self) -> Delivered {
        let cursor = &self.store.cursor;
        let (rows, events, console) = cursor.lines();
        Delivered { rows, events, console, files: cursor.files(), log_bytes: cursor.mark() }
    }
}
