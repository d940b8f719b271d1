//! What a run is called and where it is kept.

use super::RunError;
use runwire_core::client::{RowError, to_json};
use runwire_proto::wire;
use serde::Serialize;
use std::{
    fs,
    hash::BuildHasher,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Options of [`Run::init`](super::Run::init). The default is an unnamed run in the project `uncategorized`, below `./wandb`.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    project: Option<String>,
    name: Option<String>,
    id: Option<String>,
    notes: Option<String>,
    tags: Vec<String>,
    dir: Option<PathBuf>,
    config: Vec<wire::ConfigItem>,
    stats: bool,
    entity: Option<String>,
    server: Option<Server>,
}

/// Whom an online run is sent to.
#[derive(Clone)]
struct Server {
    url: String,
    key: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}

impl RunOptions {
    /// A run of this project.
    pub fn new(project: impl Into<String>) -> Self {
        RunOptions { project: Some(project.into()), ..Default::default() }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its id, unique in the project; a random one otherwise.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Notes for people.
    #[must_use]
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Some(notes.into());
        self
    }

    /// One more tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The folder below which `wandb/` is made; the current one otherwise.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sends the run to this server while it goes on; without one it only keeps its log, which `runwire sync` sends later.
    #[must_use]
    pub fn server(mut self, url: impl Into<String>, key: impl Into<String>) -> Self {
        let url: String = url.into();
        self.server = Some(Server { url: url.trim_end_matches('/').into(), key: key.into() });
        self
    }

    /// Whose run it is on the server; otherwise that of the key.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// Address of the server, if the run has one.
    pub(super) fn server_url(&self) -> Option<&str> {
        self.server.as_ref().map(|server| &*server.url)
    }

    /// Whether the machine is measured every 15 seconds.
    #[must_use]
    pub fn system_metrics(mut self, on: bool) -> Self {
        self.stats = on;
        self
    }

    /// One value of the config.
    pub fn config(mut self, key: &str, value: &impl Serialize) -> Result<Self, RowError> {
        let item = wire::ConfigItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
        self.config.push(item);
        Ok(self)
    }

    /// The folder that `wandb/` is below. Absolute: the program may change its current folder while the run goes on.
    pub(super) fn root(&self) -> Result<PathBuf, RunError> {
        let chosen = self.dir.as_deref().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::path::absolute(chosen).map_err(|source| RunError::Folder { path: chosen.into(), source })
    }

    /// Makes the run's folder as the official layout has it: `wandb/offline-run-<local time>-<id>`, or `run-` online.
    pub(super) fn make_folder(&self) -> Result<Place, RunError> {
        let root = self.root()?;
        let parent = root.join("wandb");
        let id = self.id.clone().unwrap_or_else(random_id);
        if !is_usable(&id) {
            return Err(RunError::Id { id });
        }
        let stamp = jiff::Zoned::now().strftime("%Y%m%d_%H%M%S").to_string();
        let fail = |path: &Path, source| RunError::Folder { path: path.into(), source };
        fs::create_dir_all(&parent).map_err(|error| fail(&parent, error))?;
        let mode = if self.server.is_some() { "run" } else { "offline-run" };
        let name = format!("{mode}-{stamp}-{id}");
        // Runs of one second and one id get a number, as in the official layout.
        let mut dir = parent.join(&name);
        for suffix in 1.. {
            match fs::create_dir(&dir) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists && suffix < 1000 => {
                    dir = parent.join(format!("{name}-{suffix}"));
                }
                Err(error) => return Err(fail(&dir, error)),
            }
        }
        for folder in ["files", "logs"] {
            fs::create_dir_all(dir.join(folder)).map_err(|error| fail(&dir, error))?;
        }
        link_latest(&parent, &dir);
        Ok(Place { log: dir.join(format!("run-{id}.wandb")), dir, root, id })
    }
}

/// Whether an id can stand in a file's name and in an address.
fn is_usable(id: &str) -> bool {
    let forbidden = |c: char| c.is_control() || "/\\#?%:".contains(c);
    (1..=128).contains(&id.chars().count()) && !id.contains(forbidden)
}

/// Where a run is.
pub(super) struct Place {
    pub(super) id: String,
    pub(super) root: PathBuf,
    pub(super) dir: PathBuf,
    pub(super) log: PathBuf,
}

impl Place {
    pub(super) fn settings(&self, options: &RunOptions) -> wire::Settings {
        let text = |path: &Path| Some(path.to_string_lossy().into_owned());
        let program = std::env::current_exe().ok();
        wire::Settings {
            run_id: Some(self.id.clone()),
            project: options.project.clone(),
            entity: options.entity.clone(),
            offline: Some(options.server.is_none()),
            base_url: options.server.as_ref().map(|server| server.url.clone()),
            api_key: options.server.as_ref().map(|server| server.key.clone()),
            silent: Some(true),
            console: Some("off".into()),
            root_dir: text(&self.root),
            wandb_dir: text(&self.root.join("wandb")),
            sync_dir: text(&self.dir),
            sync_file: text(&self.log),
            log_dir: text(&self.dir.join("logs")),
            log_internal: text(&self.dir.join("logs").join("debug-internal.log")),
            program: program.as_deref().and_then(text),
            x_executable: program.as_deref().and_then(text),
            os: Some(format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)),
            x_disable_stats: Some(!options.stats),
            x_stats_pid: i32::try_from(std::process::id()).ok(),
            ..Default::default()
        }
    }

    pub(super) fn record(
        &self,
        options: &RunOptions,
        start_time: prost_types::Timestamp,
    ) -> Result<wire::RunRecord, RowError> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Ok(wire::RunRecord {
            run_id: self.id.clone(),
            entity: text(&options.entity),
            project: options.project.clone().unwrap_or_else(|| "uncategorized".into()),
            display_name: text(&options.name),
            notes: text(&options.notes),
            tags: options.tags.clone(),
            config: Some(wire::ConfigRecord { update: options.config.clone(), ..Default::default() }),
            start_time: Some(start_time),
            ..Default::default()
        })
    }
}

/// Eight characters of `a-z0-9`, from the system's own seed.
fn random_id() -> String {
    let mut bits = std::hash::RandomState::new().hash_one(std::time::SystemTime::now());
    let mut id = String::new();
    for _ in 0..8 {
        id.extend(char::from_digit((bits % 36) as u32, 36));
        bits /= 36;
    }
    id
}

/// `latest-run` beside the runs. A file system without links just has none.
fn link_latest(parent: &Path, dir: &Path) {
    #[cfg(unix)]
    if let Some(name) = dir.file_name() {
        let scratch = parent.join(format!("latest-run.{}", std::process::id()));
        let linked = std::os::unix::fs::symlink(name, &scratch);
        if linked.and_then(|()| fs::rename(&scratch, parent.join("latest-run"))).is_err() {
            let _ = fs::remove_file(&scratch);
        }
    }
    #[cfg(not(unix))]
    let _ = (parent, dir);
}
