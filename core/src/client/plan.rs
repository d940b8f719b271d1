//! What a run is: its names, whom it is sent to, and how the protocol says both. Every front end fills one in.
//!
//! It knows no file system: folders are texts that the front end has chosen.

use super::{RowError, to_json};
use crate::net::Secret;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire;
use serde::Serialize;

/// What a run is called, what it is made of and where it is sent. The default is an unnamed offline run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Its id, unique in the project.
    pub id: String,
    /// Its project; `uncategorized` if there is none.
    pub project: Option<String>,
    /// Whose run it is on the server; otherwise that of the key.
    pub entity: Option<String>,
    /// Its name for people.
    pub name: Option<String>,
    /// Notes for people.
    pub notes: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// First values of its config.
    pub config: Vec<wire::ConfigItem>,
    /// Whether the machine is measured.
    pub measured: bool,
    /// Whether it goes on with the run that the server has under this id, if it has one.
    pub resumed: bool,
    /// Whom it is sent to while it goes on; without one it only keeps its log.
    pub server: Option<Account>,
}

/// A server and the key that it knows the user by.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its address without a slash at the end.
    pub url: String,
    /// The key.
    pub key: Secret,
}

/// Where a run is kept, and by which program it is made; all as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// The folder that `wandb` is in.
    pub root: String,
    /// The folder of all runs.
    pub wandb: String,
    /// The folder of the run.
    pub dir: String,
    /// Its transaction log.
    pub log: String,
    /// Folder of its debug log; empty for none.
    pub logs: String,
    /// Path of the debug log; empty for none.
    pub debug_log: String,
    /// The program, if it is a file.
    pub program: Option<String>,
    /// Name of the system.
    pub system: String,
    /// The process that is measured.
    pub pid: Option<i32>,
}

impl Account {
    /// An account on the server at `url`.
    pub fn new(url: &str, key: impl Into<String>) -> Self {
        Account { url: url.trim_end_matches('/').into(), key: Secret::new(key) }
    }
}

impl Plan {
    /// Adds a value of the config.
    pub fn set_config(&mut self, key: &str, value: &impl Serialize) -> Result<(), RowError> {
        let item = wire::ConfigItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
        self.config.push(item);
        Ok(())
    }

    /// Whether the id can stand in a file's name and in an address.
    pub fn has_usable_id(&self) -> bool {
        let forbidden = |c: char| c.is_control() || "/\\#?%:".contains(c);
        (1..=128).contains(&self.id.chars().count()) && !self.id.contains(forbidden)
    }

    /// Sets an id of eight characters of `a-z0-9` made from these bits.
    pub fn set_random_id(&mut self, mut bits: u64) {
        self.id.clear();
        for _ in 0..8 {
            self.id.extend(char::from_digit((bits % 36) as u32, 36));
            bits /= 36;
        }
    }

    /// Name of the run's folder; `stamp` is the local time as `%Y%m%d_%H%M%S`.
    pub fn folder_name(&self, stamp: &str) -> String {
        let mode = if self.server.is_some() { "run" } else { "offline-run" };
        format!("{mode}-{stamp}-{}", self.id)
    }

    /// Name of the run's transaction log.
    pub fn log_name(&self) -> String {
        format!("run-{}.wandb", self.id)
    }

    /// Address of the run on its server, once that has said what it is called there.
    pub fn address(&self, run: &wire::RunRecord) -> Option<String> {
        let server = self.server.as_ref()?.url.replace("://api.wandb.", "://wandb.");
        Some(format!("{server}/{}/{}/runs/{}", run.entity, run.project, run.run_id))
    }

    /// Its settings (`Settings`).
    pub fn settings(&self, folders: &Folders) -> wire::Settings {
        let text = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
        wire::Settings {
            run_id: Some(self.id.clone()),
            project: self.project.clone(),
            entity: self.entity.clone(),
            resume: self.resumed.then(|| "allow".into()),
            offline: Some(self.server.is_none()),
            base_url: self.server.as_ref().map(|server| server.url.clone()),
            api_key: self.server.as_ref().map(|server| server.key.reveal().into()),
            silent: Some(true),
            console: Some("off".into()),
            root_dir: text(&folders.root),
            wandb_dir: text(&folders.wandb),
            sync_dir: text(&folders.dir),
            sync_file: text(&folders.log),
            log_dir: text(&folders.logs),
            log_internal: text(&folders.debug_log),
            program: folders.program.clone(),
            x_executable: folders.program.clone(),
            os: text(&folders.system),
            x_disable_stats: Some(!self.measured),
            x_stats_pid: folders.pid,
            ..Default::default()
        }
    }

    /// Its first record (`RunRecord`).
    pub fn record(&self, start_time: prost_types::Timestamp) -> wire::RunRecord {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        wire::RunRecord {
            run_id: self.id.clone(),
            entity: text(&self.entity),
            project: self.project.clone().unwrap_or_else(|| "uncategorized".into()),
            display_name: text(&self.name),
            notes: text(&self.notes),
            tags: self.tags.clone(),
            config: Some(wire::ConfigRecord { update: self.config.clone(), ..Default::default() }),
            start_time: Some(start_time),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_eight_letters_or_digits_and_usable() {
        let mut plan = Plan::default();
        assert!(!plan.has_usable_id());
        for bits in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            plan.set_random_id(bits);
            assert!(plan.id.len() == 8 && plan.has_usable_id(), "{}", plan.id);
        }
        plan.id = "a%2e".into();
        assert!(!plan.has_usable_id());
    }

    #[test]
    fn the_key_is_in_the_settings_and_not_in_what_is_shown() {
        let plan = Plan { id: "r".into(), server: Some(Account::new("http://h/", "hidden")), ..Default::default() };
        let settings = plan.settings(&Folders::default());
        assert_eq!((settings.base_url.as_deref(), settings.api_key.as_deref()), (Some("http://h"), Some("hidden")));
        assert_eq!((settings.sync_file, settings.program), (None, None));
        assert!(!format!("{plan:?}").contains("hidden"));
    }

    #[test]
    fn a_page_of_the_cloud_is_not_at_the_address_of_its_api() {
        let run = wire::RunRecord { entity: "e".into(), project: "p".into(), run_id: "r".into(), ..Default::default() };
        let at = |url| Plan { server: Some(Account::new(url, "k")), ..Default::default() }.address(&run);
        assert_eq!(at("https://api.wandb.ai").as_deref(), Some("https://wandb.ai/e/p/runs/r"));
        assert_eq!(at("http://h:1").as_deref(), Some("http://h:1/e/p/runs/r"));
        assert_eq!(Plan::default().address(&run), None);
    }
}
