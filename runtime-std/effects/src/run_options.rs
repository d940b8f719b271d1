//! What a run of a program is called and where it is kept.

use super::RunError;
use runwire_core::client::{Account, Folders, Plan, RowError};
use serde::Serialize;
use std::{
    fs,
    hash::BuildHasher,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Options of a run. The default is an unnamed run in the project `uncategorized`, below `./wandb`.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    plan: Plan,
    /// `None` for a random one.
    id: Option<String>,
    dir: Option<PathBuf>,
}

impl RunOptions {
    /// A run of this project.
    pub fn new(project: impl Into<String>) -> Self {
        RunOptions { plan: Plan { project: Some(project.into()), ..Plan::default() }, ..Default::default() }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.plan.name = Some(name.into());
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
        self.plan.notes = Some(notes.into());
        self
    }

    /// One more tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.plan.tags.push(tag.into());
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
        self.plan.server = Some(Account::new(&url.into(), key));
        self
    }

    /// Whose run it is on the server; otherwise that of the key.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.plan.entity = Some(entity.into());
        self
    }

    /// Goes on with the run that the server has under this id, if it has one.
    #[must_use]
    pub fn resume(mut self, on: bool) -> Self {
        self.plan.resumed = on;
        self
    }

    /// Whether the machine is measured every 15 seconds.
    #[must_use]
    pub fn system_metrics(mut self, on: bool) -> Self {
        self.plan.measured = on;
        self
    }

    /// One value of the config.
    pub fn config(mut self, key: &str, value: &impl Serialize) -> Result<Self, RowError> {
        self.plan.set_config(key, value)?;
        Ok(self)
    }

    /// The folder that `wandb/` is below. Absolute: the program may change its current folder while the run goes on.
    pub fn root(&self) -> Result<PathBuf, RunError> {
        let chosen = self.dir.as_deref().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::path::absolute(chosen).map_err(|source| RunError::Folder { path: chosen.into(), source })
    }

    /// Makes the run's folder as the official layout has it: `wandb/offline-run-<local time>-<id>`, or `run-` online.
    pub fn make_folder(&self) -> Result<Place, RunError> {
        let root = self.root()?;
        let parent = root.join("wandb");
        let mut plan = self.plan.clone();
        match &self.id {
            Some(id) => plan.id.clone_from(id),
            // From the system's own seed.
            None => plan.set_random_id(std::hash::RandomState::new().hash_one(std::time::SystemTime::now())),
        }
        if !plan.has_usable_id() {
            return Err(RunError::Id { id: plan.id });
        }
        let fail = |path: &Path, source| RunError::Folder { path: path.into(), source };
        fs::create_dir_all(&parent).map_err(|error| fail(&parent, error))?;
        let name = plan.folder_name(&jiff::Zoned::now().strftime("%Y%m%d_%H%M%S").to_string());
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
        Ok(Place { log: dir.join(plan.log_name()), dir, root, plan })
    }
}

/// Where a run is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The run itself.
    pub plan: Plan,
    /// The folder that `wandb/` is in.
    pub root: PathBuf,
    /// The folder of the run.
    pub dir: PathBuf,
    /// Its transaction log.
    pub log: PathBuf,
}

impl Place {
    /// The same as texts, with what is known of this process.
    pub fn folders(&self) -> Folders {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Folders {
            root: text(&self.root),
            wandb: text(&self.root.join("wandb")),
            dir: text(&self.dir),
            log: text(&self.log),
            logs: text(&self.dir.join("logs")),
            debug_log: text(&self.dir.join("logs").join("debug-internal.log")),
            program: std::env::current_exe().ok().as_deref().map(text),
            system: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            pid: i32::try_from(std::process::id()).ok(),
        }
    }
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
