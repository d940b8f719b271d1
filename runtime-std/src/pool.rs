//! Threads that perform effects. They grow with what is waiting, because an effect may hang on a dead disk and must not
//! hold up the effects of other runs; they end when idle.

use crate::http;
use runwire_core::{Completion, Effect, EffectId, Failure, FailureKind, StreamKey};
use runwire_effects::disk::{self, RunFiles};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Enough for this many hanging disks at a time.
pub(crate) const DISK_THREADS_MAX: usize = 64;
/// Enough for every transfer of a run that the core has under way at a time, and the requests beside them.
pub(crate) const NETWORK_THREADS_MAX: usize = 160;
const IDLE: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 512 << 10;

/// An effect and whom its outcome is for.
pub(crate) struct Job {
    pub(crate) key: StreamKey,
    pub(crate) id: EffectId,
    pub(crate) effect: Effect,
    pub(crate) files: Arc<RunFiles>,
}

/// Called on a worker's thread with each outcome; with none while something that takes long moves on.
pub(crate) type Done = dyn Fn(StreamKey, EffectId, Option<Completion>) + Send + Sync;

/// How often is told that something moves on.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What a worker does with an effect.
pub(crate) type Perform = dyn Fn(&RunFiles, Effect, &mut dyn FnMut()) -> Completion + Send + Sync;

/// Does what `effect` says, on this machine or over the network.
pub(crate) fn perform(files: &RunFiles, effect: Effect, moving: &mut dyn FnMut()) -> Completion {
    disk::perform(files, effect).unwrap_or_else(|request| http::perform(&request, moving))
}

pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    threads_max: usize,
    perform: Arc<Perform>,
    done: Arc<Done>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

impl Pool {
    pub(crate) fn new(threads_max: usize, done: Arc<Done>) -> Self {
        Self::that(Arc::new(perform), threads_max, done)
    }

    /// A pool whose workers do this.
    pub(crate) fn that(perform: Arc<Perform>, threads_max: usize, done: Arc<Done>) -> Self {
        Pool { shared: Arc::new(Shared { queue: Mutex::default(), more: Condvar::new(), threads_max, perform, done }) }
    }

    pub(crate) fn submit(&self, job: Job) {
        let mut queue = self.shared.lock();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads >= self.shared.threads_max {
            self.shared.more.notify_one();
            return;
        }
        let shared = Arc::clone(&self.shared);
        let spawned =
            std::thread::Builder::new().name("runwire-io".into()).stack_size(STACK_BYTES).spawn(move || shared.work());
        match spawned {
            Ok(_) => queue.threads += 1,
            // The machine has no thread left; one that is there already will take the job, or this one fails.
            Err(_) if queue.threads > 0 => self.shared.more.notify_one(),
            Err(error) => {
                let Some(job) = queue.jobs.pop_back() else { return };
                drop(queue);
                (self.shared.done)(job.key, job.id, Some(Completion::Failed(disk::failure(&error))));
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                let mut told = Instant::now();
                let mut moving = || {
                    if told.elapsed() >= TOLD_EVERY {
                        told = Instant::now();
                        (self.done)(job.key, job.id, None);
                    }
                };
                let completion = catch_unwind(AssertUnwindSafe(|| (self.perform)(&job.files, job.effect, &mut moving)))
                    .unwrap_or_else(|_| {
                        let message = "performing the effect panicked; please report this".into();
                        Completion::Failed(Failure { kind: FailureKind::Other, message })
                    });
                (self.done)(job.key, job.id, Some(completion));
                queue = self.lock();
                continue;
            }
            queue.idle += 1;
            let (guard, wait) = self.more.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            queue.idle -= 1;
            if wait.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}
