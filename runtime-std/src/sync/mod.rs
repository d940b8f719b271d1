//! Uploads logs that are there already, several at a time: [`sync`]. The core's [`SyncRun`] decides everything about one log;
//! this drives it with threads for its effects, and decides which logs go side by side.
//!
//! Logs of one run follow each other, oldest first, because a later one goes on where the earlier one ended. What a server
//! has is noted beside each log, so an upload that was cut short in any way is taken up by the next one.

pub mod credentials;
mod head;
pub mod paths;

use crate::pool::{self, Job, Pool};
use credentials::Server;
use runwire_core::{
    Completion, Config, Effect, EffectId, Input, Output, StreamKey, Wake,
    input::CloseReason,
    sync::{Overrides, Severity, SyncOutcome, SyncRun},
};
use runwire_effects::{Clock, disk::RunFiles, environment};
use runwire_proto::wire;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

/// How often a watcher hears how far an upload is, and an interrupt is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How to upload.
#[derive(Clone)]
pub struct SyncOptions {
    /// Where to.
    pub server: Server,
    /// What is uploaded in place of what was recorded.
    pub overrides: Overrides,
    /// Follow logs that are still being written, until their runs end.
    pub watch: bool,
    /// Forget what was delivered before: for a server that does not have it.
    pub again: bool,
    /// Logs at a time; at least one.
    pub parallel: usize,
}

/// What became of one log.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The log.
    pub log: PathBuf,
    /// What the server has, and what is left.
    pub outcome: SyncOutcome,
    /// Size of the log in bytes.
    pub bytes: u64,
}

impl Uploaded {
    /// Whether the server has everything that was ever in this log.
    pub fn is_whole(&self) -> bool {
        self.outcome.error.is_none() && self.outcome.losses.is_empty()
    }

    fn failed(log: &Path, why: String) -> Uploaded {
        let outcome = SyncOutcome { error: Some(why), ..SyncOutcome::default() };
        Uploaded { log: log.to_path_buf(), outcome, bytes: size(log) }
    }
}

/// Hears what happens meanwhile.
pub trait Watcher {
    /// The upload of this log begins.
    fn started(&mut self, log: &Path);
    /// The log has a message for its user.
    fn message(&mut self, log: &Path, severity: Severity, text: &str);
    /// How far it is; called often, also without any change.
    fn progress(&mut self, log: &Path, outcome: &SyncOutcome, bytes: u64);
    /// Its upload is over.
    fn ended(&mut self, uploaded: &Uploaded);
}

/// Uploads `logs` and returns what became of each, in the order in which they ended. When `interrupted` is set, it ends at
/// once; so it does with a log that nothing arrives of for `RUNWIRE_FINISH_WAIT` seconds, 60 otherwise, in spite of retries.
pub fn sync(
    logs: &[PathBuf],
    options: &SyncOptions,
    interrupted: &AtomicBool,
    watcher: &mut dyn Watcher,
) -> Vec<Uploaded> {
    let (sender, outcomes) = mpsc::channel();
    let done: Arc<pool::Done> = Arc::new(move |key, id, completion| {
        // Nobody listens any more once all uploads are over.
        let _ = sender.send((key, id, completion));
    });
    let mut uploads = Uploads {
        options,
        clock: Clock::start(),
        disk: Pool::new(pool::DISK_THREADS_MAX, Arc::clone(&done)),
        network: Pool::new(pool::NETWORK_THREADS_MAX, done),
        groups: groups(logs, &options.overrides),
        running: BTreeMap::new(),
        last: 0,
        seed: environment::seed(),
        watcher,
        ended: Vec::new(),
    };
    uploads.run(&outcomes, interrupted);
    uploads.ended
}

/// Logs of one run together, oldest first; in the order of their first ones.
fn groups(logs: &[PathBuf], overrides: &Overrides) -> VecDeque<VecDeque<PathBuf>> {
    type Begun = (i64, i32);
    type Named = (String, String, String);
    let or = |wish: &str, text: String| if wish.is_empty() { text } else { wish.to_string() };
    let mut by_run: BTreeMap<Named, Vec<(Begun, PathBuf)>> = BTreeMap::new();
    for log in logs {
        let run = head::run_of(log).unwrap_or_default();
        let start = run.start_time.map_or((i64::MAX, 0), |start| (start.seconds, start.nanos));
        // A log without a run belongs to no other.
        let id = if run.run_id.is_empty() { log.to_string_lossy().into_owned() } else { run.run_id };
        let key = (or(&overrides.entity, run.entity), or(&overrides.project, run.project), or(&overrides.run_id, id));
        by_run.entry(key).or_default().push((start, log.clone()));
    }
    let mut groups: Vec<Vec<((i64, i32), PathBuf)>> = by_run.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    groups.into_iter().map(|group| group.into_iter().map(|(_, log)| log).collect()).collect()
}

struct Uploads<'a> {
    options: &'a SyncOptions,
    clock: Clock,
    disk: Pool,
    network: Pool,
    /// Logs that wait, those of one run together.
    groups: VecDeque<VecDeque<PathBuf>>,
    running: BTreeMap<StreamKey, Upload>,
    last: u64,
    seed: u64,
    watcher: &'a mut dyn Watcher,
    ended: Vec<Uploaded>,
}

struct Upload {
    log: PathBuf,
    run: SyncRun,
    wake: Option<Wake>,
    files: Arc<RunFiles>,
    /// Held as long as this process uploads the log.
    _lock: Option<File>,
    rest: VecDeque<PathBuf>,
}

type Outcome = (StreamKey, EffectId, Option<Completion>);

impl Uploads<'_> {
    fn run(&mut self, outcomes: &mpsc::Receiver<Outcome>, interrupted: &AtomicBool) {
        let mut closing = false;
        loop {
            while self.running.len() < self.options.parallel.max(1)
                && let Some(group) = self.groups.pop_front()
            {
                self.start_next(group);
            }
            if self.running.is_empty() {
                return;
            }
            let now = self.clock.now();
            let wake = self.running.values().filter_map(|upload| upload.wake).map(|wake| wake.at).min();
            let wait = wake.map_or(LOOK, |at| at.since(now).min(LOOK));
            if let Ok(outcome) = outcomes.recv_timeout(wait) {
                self.complete(outcome);
                while let Ok(outcome) = outcomes.try_recv() {
                    self.complete(outcome);
                }
            }
            let now = self.clock.now();
            let due = |upload: &Upload| upload.wake.is_some_and(|wake| wake.at <= now);
            for key in self.keys(due) {
                self.feed(key, Input::Tick);
            }
            if interrupted.load(Ordering::Acquire) && !closing {
                closing = true;
                self.interrupt();
            }
            for upload in self.running.values() {
                self.watcher.progress(&upload.log, &upload.run.outcome(), size(&upload.log));
            }
        }
    }

    fn keys(&self, wanted: impl Fn(&Upload) -> bool) -> Vec<StreamKey> {
        self.running.iter().filter(|(_, upload)| wanted(upload)).map(|(key, _)| *key).collect()
    }

    /// Starts the first log of a group whose turn has come.
    fn start_next(&mut self, mut group: VecDeque<PathBuf>) {
        let Some(log) = group.pop_front() else { return };
        let lock = match lock(&log, self.options.watch) {
            Ok(lock) => lock,
            Err(why) => {
                self.end(Uploaded::failed(&log, why), group);
                return;
            }
        };
        let log = std::path::absolute(&log).unwrap_or(log);
        if self.options.again {
            for suffix in [".delivered", ".synced"] {
                // Not there is what is wanted.
                let _ = fs::remove_file(paths::beside(&log, suffix));
            }
        }
        self.watcher.started(&log);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut config = Config::new(settings(&self.options.server, &log));
        config.limits = environment::limits();
        config.utc_offset_seconds = environment::utc_offset();
        self.last += 1;
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let (overrides, watch) = (self.options.overrides.clone(), self.options.watch);
        let run = SyncRun::new(config, text(&log), overrides, watch, self.seed, self.clock.now(), self.clock.wall());
        let key = StreamKey(self.last);
        self.running.insert(key, Upload { log, run, wake: None, files: Arc::default(), _lock: lock, rest: group });
        self.drain(key);
    }

    fn complete(&mut self, (key, id, completion): Outcome) {
        let input = match completion {
            Some(completion) => Input::Completed(id, completion),
            None => Input::Moving(id),
        };
        self.feed(key, input);
    }

    fn feed(&mut self, key: StreamKey, input: Input) {
        let now = self.clock.now();
        let Some(upload) = self.running.get_mut(&key) else { return };
        // An answer that nobody waits for any more is no news.
        if upload.run.handle_input(now, input).is_ok() {
            self.drain(key);
        }
    }

    fn drain(&mut self, key: StreamKey) {
        loop {
            let Some(upload) = self.running.get_mut(&key) else { return };
            let output = upload.run.poll_output();
            for (severity, text) in upload.run.take_messages() {
                self.watcher.message(&upload.log, severity, &text);
            }
            match output {
                Output::Effect(id, effect) => {
                    let pool = if matches!(effect, Effect::Http(_)) { &self.network } else { &self.disk };
                    pool.submit(Job { key, id, effect, files: Arc::clone(&upload.files) });
                }
                // Blocking calls can't be interrupted; nobody asks an upload; its messages were taken above.
                Output::Cancel(_) | Output::Reply(..) | Output::Notice(_) => {}
                Output::Wait(wake) => {
                    upload.wake = wake;
                    return;
                }
                Output::Finished(_) => {
                    let Some(upload) = self.running.remove(&key) else { return };
                    let uploaded =
                        Uploaded { bytes: size(&upload.log), log: upload.log, outcome: upload.run.outcome() };
                    return self.end(uploaded, upload.rest);
                }
            }
        }
    }

    /// A log is done with. One that failed takes along the later ones of its run: they would begin at the wrong step.
    fn end(&mut self, uploaded: Uploaded, rest: VecDeque<PathBuf>) {
        let failed = uploaded.outcome.error.is_some();
        let shown = uploaded.log.display().to_string();
        self.watcher.ended(&uploaded);
        self.ended.push(uploaded);
        if !failed {
            return self.start_next(rest);
        }
        for log in rest {
            let left = Uploaded::failed(&log, format!("it belongs after {shown}, which was not delivered"));
            self.watcher.ended(&left);
            self.ended.push(left);
        }
    }

    fn interrupt(&mut self) {
        for log in std::mem::take(&mut self.groups).into_iter().flatten() {
            let left = Uploaded::failed(&log, "it was not begun".into());
            self.watcher.ended(&left);
            self.ended.push(left);
        }
        for key in self.keys(|_| true) {
            self.feed(key, Input::Close(CloseReason::Finish));
        }
    }
}

/// The settings of an upload: where to, and the folder of the run.
fn settings(server: &Server, log: &Path) -> wire::Settings {
    let folder = log.parent().map(|folder| folder.to_string_lossy().into_owned());
    wire::Settings {
        base_url: Some(server.base_url.clone()),
        api_key: Some(server.api_key.clone()),
        sync_dir: folder,
        ..Default::default()
    }
}

/// Makes sure that nobody else writes the log or uploads it, as far as the system tells. When it is followed, somebody does.
fn lock(log: &Path, watch: bool) -> Result<Option<File>, String> {
    let file = File::open(log).map_err(|error| format!("it can't be read: {error}"))?;
    if watch || cfg!(windows) {
        // There a lock would keep this process itself from reading.
        return Ok(None);
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => {
            Err("its run still goes on, or another upload of it does; --watch follows it until its end".into())
        }
        // A file system without locks.
        Err(fs::TryLockError::Error(_)) => Ok(None),
    }
}

fn size(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |facts| facts.len())
}
