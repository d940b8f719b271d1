//! The service's own log and each run's `debug-internal.log`: JSON lines `time`, `level`, `msg`, then attributes.
//!
//! Owns where the files are, their names, their number and the shape of a line. It takes texts that are already safe to
//! show: it cannot tell a secret from a word. A log that cannot be written is no reason to stop: lines are then dropped,
//! never printed, since the user's terminal belongs to the user's script.

mod lines;
mod rotate;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use lines::{Level, Value};
use lines::{Line, Sink};

/// How many logs of this program the cache keeps.
const KEEP: usize = 20;

/// The service's own log. Cheap to clone; all clones write to the same file.
///
/// [`CoreLog::open`] touches no file, so that starting the service does not wait for a disk. Lines are held in memory
/// until [`CoreLog::activate`], which the service calls once it listens.
#[derive(Debug, Clone)]
pub struct CoreLog {
    shared: Arc<Mutex<Core>>,
}

#[derive(Debug)]
struct Core {
    /// When the service started: the file's name. Taken when the file is made.
    started: Option<jiff::Timestamp>,
    sink: Sink,
    dir: Option<PathBuf>,
    path: Option<PathBuf>,
}

impl CoreLog {
    /// A log below `<cache>/wandb/logs` that takes lines at or above `level`.
    pub fn open(level: Level) -> Self {
        Self::open_in(level, cache_dir(|name| std::env::var_os(name)).map(|cache| cache.join("wandb").join("logs")))
    }

    /// As [`CoreLog::open`], in a directory of the caller's choice; `None` = drop everything.
    pub fn open_in(level: Level, dir: Option<PathBuf>) -> Self {
        let core = Core { started: Some(jiff::Timestamp::now()), sink: Sink::held(level), dir, path: None };
        Self { shared: Arc::new(Mutex::new(core)) }
    }

    /// Creates the file, writes what was held, and removes this program's oldest logs. Does nothing the second time.
    pub fn activate(&self) {
        self.lock().activate();
    }

    /// Writes one line. `fields` keep their order.
    pub fn write(&self, level: Level, message: &str, fields: &[(&str, Value<'_>)]) {
        self.lock().sink.write(&Line { level, message, fields });
    }

    /// The file, if there is one. Activates the log.
    pub fn path(&self) -> Option<PathBuf> {
        let mut core = self.lock();
        core.activate();
        core.path.clone()
    }

    /// Why lines are being dropped, if they are: for a warning where the user looks.
    pub fn warning(&self) -> Option<String> {
        self.lock().sink.warning().map(str::to_owned)
    }

    /// Puts the link `debug-core.log` into a run's log directory (made if missing). An older link is replaced. Nothing
    /// happens if there is no file to point at.
    pub fn link_into(&self, run_logs: &Path) -> io::Result<()> {
        let Some(target) = self.path() else { return Ok(()) };
        std::fs::create_dir_all(run_logs)?;
        let link = run_logs.join("debug-core.log");
        match std::fs::symlink_metadata(&link) {
            Ok(meta) if meta.file_type().is_symlink() => std::fs::remove_file(&link)?,
            Ok(_) | Err(_) => {}
        }
        symlink(&target, &link)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A line cut short by a panic elsewhere is no reason to lose the next ones.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn activate(&mut self) {
        let Some(started) = self.started.take() else { return };
        let Some(dir) = self.dir.take() else {
            self.sink.fail("no cache directory is known: set WANDB_CACHE_DIR or HOME".to_owned());
            return;
        };
        // Reading the system's time zone is a disk access too, so it waits until here.
        let local = started.to_zoned(jiff::tz::TimeZone::system());
        match rotate::create(&dir, &local.strftime("%Y%m%d_%H%M%S").to_string()) {
            Ok((file, path)) => {
                self.sink.attach(file);
                self.path = Some(path);
                rotate::remove_old(&dir, KEEP);
            }
            Err(error) => self.sink.fail(format!("no log of the service in {}: {error}", dir.display())),
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // A service that fails before it listens still leaves its reason in a file.
        if self.sink.holds_lines() {
            self.activate();
        }
    }
}

/// One run's `debug-internal.log` (setting `log_internal`): same lines, appended. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RunLog {
    sink: Arc<Mutex<Sink>>,
}

impl RunLog {
    /// Opens or creates the file and its directory. Never fails: see [`RunLog::warning`].
    pub fn open(path: &Path, level: Level) -> Self {
        let mut sink = Sink::held(level);
        match rotate::append(path) {
            Ok(file) => sink.attach(file),
            Err(error) => sink.fail(format!("no log of the run at {}: {error}", path.display())),
        }
        Self { sink: Arc::new(Mutex::new(sink)) }
    }

    /// The log of a run at `path`, with a link to the service's beside it; none if the path is empty.
    pub fn of_run(path: &str, core: &CoreLog, level: Level) -> Self {
        if path.is_empty() {
            return Self::none();
        }
        let path = Path::new(path);
        if let Some(folder) = path.parent() {
            // Without its folder the log stays silent; the run goes on.
            let _ = std::fs::create_dir_all(folder);
            let _ = core.link_into(folder);
        }
        let log = Self::open(path, level);
        let fields = [("core version", Value::Text(env!("CARGO_PKG_VERSION")))];
        log.write(Level::Info, "stream: starting", &fields);
        // Each log says what is wrong with the other one.
        if let Some(trouble) = core.warning() {
            log.write(Level::Warn, &trouble, &[]);
        }
        if let Some(trouble) = log.warning() {
            core.write(Level::Warn, &trouble, &[]);
        }
        log
    }

    /// A log that drops every line: for runs without a `log_internal`.
    pub fn none() -> Self {
        let mut sink = Sink::held(Level::Error);
        sink.fail(String::new());
        Self { sink: Arc::new(Mutex::new(sink)) }
    }

    /// Writes one line. `fields` keep their order.
    pub fn write(&self, level: Level, message: &str, fields: &[(&str, Value<'_>)]) {
        self.lock().write(&Line { level, message, fields });
    }

    /// Why lines are being dropped, if they are: for the service's own log.
    pub fn warning(&self) -> Option<String> {
        self.lock().warning().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `WANDB_CACHE_DIR`, else the user's cache directory of this platform.
fn cache_dir(get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let var = |name: &str| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = var("WANDB_CACHE_DIR") {
        return Some(dir);
    }
    if cfg!(windows) {
        return var("LocalAppData");
    }
    if cfg!(target_os = "macos") {
        return var("HOME").map(|home| home.join("Library").join("Caches"));
    }
    // The XDG rules say to ignore a relative path.
    var("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).or_else(|| var("HOME").map(|home| home.join(".cache")))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(test)]
mod tests;
