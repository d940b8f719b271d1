//! Looking at files and digesting them: before an upload, before another attempt, and after it.

use super::{Action, Operation, Path, Stage, Tag, Uploader};
use crate::{
    completion::{Failure, FailureKind, FileDigest, FileStat},
    time::{Duration, Instant, Timer, Wake},
    uplink::Cx,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    vec::Vec,
};

/// Files of one look.
const LOOK_AT_MOST: usize = 1000;
/// Looks at a file that may fail before the file does.
const BLIND_MAX: u8 = 3;
const BLIND_WAIT: Duration = Duration::from_secs(1);
/// Changes between two attempts that are followed before a file counts as one that never stands still.
const RESTARTS_MAX: u8 = 5;

/// Why one file is looked at while its transfer is open.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// Another attempt is due: the same length must still be there.
    Retry,
    /// It was sent.
    Verify,
}

/// Looks and digests that are wanted and under way.
#[derive(Debug)]
pub(super) struct Looking {
    pub(super) to_look: VecDeque<Path>,
    batch: Option<(Tag, Vec<Path>)>,
    again: Timer,
    singles: BTreeMap<Tag, (Path, Why)>,
    to_hash: VecDeque<Path>,
    hashing: BTreeMap<Tag, (Path, Instant)>,
}

impl Default for Looking {
    fn default() -> Self {
        Looking {
            to_look: VecDeque::new(),
            batch: None,
            again: Timer::new("uploader.look"),
            singles: BTreeMap::new(),
            to_hash: VecDeque::new(),
            hashing: BTreeMap::new(),
        }
    }
}

impl Looking {
    pub(super) fn wake(&self) -> Option<Wake> {
        self.again.wake()
    }

    pub(super) fn on_tick(&mut self, now: Instant) {
        self.again.take_due(now);
    }

    /// Whether files are on their way to being asked for.
    pub(super) fn is_busy(&self) -> bool {
        !self.to_look.is_empty() || self.batch.is_some() || !self.to_hash.is_empty() || !self.hashing.is_empty()
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = Operation> {
        let operation = |(path, since): &(Path, Instant)| Operation {
            desc: format!("reading {path}"),
            since: *since,
            trouble: None,
        };
        self.hashing.values().map(operation)
    }
}

impl Uploader {
    pub(super) fn look(&mut self, _cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if self.looking.batch.is_some() || self.looking.again.is_set() || self.looking.to_look.is_empty() {
            return;
        }
        let count = self.looking.to_look.len().min(LOOK_AT_MOST);
        let paths: Vec<Path> = self.looking.to_look.drain(..count).collect();
        for path in &paths {
            self.set_stage(path, Stage::Looking);
        }
        let tag = self.tag();
        out.push_back(Action::Stat(tag, paths.iter().map(|path| self.whole(path)).collect()));
        self.looking.batch = Some((tag, paths));
    }

    pub(super) fn hash(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        while self.looking.hashing.len() < cx.limits.hashes_max {
            let Some(path) = self.looking.to_hash.pop_front() else { return };
            self.set_stage(&path, Stage::Hashing);
            let tag = self.tag();
            out.push_back(Action::Hash(tag, self.whole(&path)));
            self.looking.hashing.insert(tag, (path, cx.now));
        }
    }

    /// One file, outside of the batch.
    pub(super) fn look_before_retry(&mut self, path: Path, out: &mut VecDeque<Action>) {
        self.look_at(path, Why::Retry, out);
    }

    pub(super) fn look_after_transfer(&mut self, path: Path, out: &mut VecDeque<Action>) {
        self.set_stage(&path, Stage::Verifying);
        self.look_at(path, Why::Verify, out);
    }

    fn look_at(&mut self, path: Path, why: Why, out: &mut VecDeque<Action>) {
        let tag = self.tag();
        out.push_back(Action::Stat(tag, alloc::vec![self.whole(&path)]));
        self.looking.singles.insert(tag, (path, why));
    }

    pub(super) fn looked(
        &mut self,
        cx: &mut Cx<'_>,
        tag: Tag,
        outcome: Result<Vec<Option<FileStat>>, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        if let Some((path, why)) = self.looking.singles.remove(&tag) {
            let seen = outcome.map(|stats| stats.into_iter().next().flatten());
            return match why {
                Why::Retry => self.looked_before_retry(cx, path, seen, out),
                Why::Verify => self.verified(cx, &path, seen, out),
            };
        }
        let Some((_, paths)) = self.looking.batch.take_if(|(own, _)| *own == tag) else { return };
        match outcome {
            Ok(stats) => {
                let stats = stats.into_iter().chain(core::iter::repeat(None));
                for (path, stat) in paths.into_iter().zip(stats) {
                    self.seen(cx, path, stat, out);
                }
            }
            Err(failure) => {
                self.looking.again.set(cx.now.after(BLIND_WAIT));
                for path in paths {
                    self.not_seen(cx, path, &failure, out);
                }
            }
        }
    }

    pub(super) fn hashed(
        &mut self,
        cx: &mut Cx<'_>,
        tag: Tag,
        outcome: Result<FileDigest, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        let Some((path, _)) = self.looking.hashing.remove(&tag) else { return };
        match outcome {
            Ok(digest) => {
                let known = self.arrived.get(&path).and_then(|arrived| arrived.md5);
                if known == Some(digest.md5) {
                    return self.unchanged(cx, &path, digest, out);
                }
                if let Some(job) = self.jobs.get_mut(&path) {
                    job.stage = Stage::Ready;
                    job.digest = Some(digest);
                    self.transfers.total += digest.len;
                    self.asking.ready.push_back(path);
                }
            }
            Err(failure) if failure.kind == FailureKind::NotFound => self.missing(cx, &path, out),
            Err(failure) => {
                self.fail(cx, &path, format!("it cannot be read ({})", failure.message).into(), false, out);
            }
        }
    }

    fn seen(&mut self, cx: &mut Cx<'_>, path: Path, stat: Option<FileStat>, out: &mut VecDeque<Action>) {
        self.live.seen(&path, stat);
        let Some(job) = self.jobs.get_mut(&path) else { return };
        if stat.is_none() {
            return self.missing(cx, &path, out);
        }
        job.stat = stat;
        job.stage = Stage::ToHash;
        self.looking.to_hash.push_back(path);
    }

    fn not_seen(&mut self, cx: &mut Cx<'_>, path: Path, failure: &Failure, out: &mut VecDeque<Action>) {
        let Some(job) = self.jobs.get_mut(&path) else { return };
        job.blind += 1;
        if job.blind >= BLIND_MAX {
            return self.fail(cx, &path, format!("it cannot be looked at ({})", failure.message).into(), false, out);
        }
        job.stage = Stage::ToLook;
        self.looking.to_look.push_back(path);
    }

    fn looked_before_retry(
        &mut self,
        cx: &mut Cx<'_>,
        path: Path,
        seen: Result<Option<FileStat>, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        let Some(job) = self.jobs.get_mut(&path) else { return };
        match seen {
            Ok(None) => self.missing(cx, &path, out),
            Ok(stat) if stat != job.stat => {
                self.transfers.close(&path);
                job.restarts += 1;
                if job.restarts > RESTARTS_MAX {
                    return self.fail(cx, &path, "it changes faster than it can be uploaded".into(), false, out);
                }
                self.transfers.total -= job.digest.take().map_or(0, |digest| digest.len);
                job.stage = Stage::ToLook;
                self.looking.to_look.push_back(path);
            }
            // A look that failed says nothing; the last one will tell.
            Ok(_) | Err(_) => self.attempt(cx, &path, out),
        }
    }

    fn verified(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        seen: Result<Option<FileStat>, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        let Some(job) = self.jobs.get(path) else { return };
        let is_same = seen.is_ok_and(|stat| stat.is_some() && stat == job.stat);
        let digest = job.digest.filter(|_| is_same);
        self.arrived(cx, path, digest, out);
    }

    pub(super) fn set_stage(&mut self, path: &Path, stage: Stage) {
        if let Some(job) = self.jobs.get_mut(path) {
            job.stage = stage;
        }
    }
}
