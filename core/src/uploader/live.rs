//! Files that are watched: looked at from time to time, uploaded again when they look different.

use super::{Action, Kind, Path, Tag, Uploader};
use crate::{
    completion::FileStat,
    time::{Duration, Timer, Wake},
    uplink::Cx,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

#[derive(Debug)]
struct Watched {
    kind: Kind,
    /// How it looked when it was last uploaded.
    seen: Option<FileStat>,
}

/// The watched files of a run.
#[derive(Debug)]
pub(super) struct Live {
    files: BTreeMap<Path, Watched>,
    poll: Option<(Tag, Vec<Path>)>,
    timer: Timer,
    interval: Duration,
    stopped: bool,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            files: BTreeMap::new(),
            poll: None,
            timer: Timer::new("uploader.live"),
            interval: Duration::ZERO,
            stopped: false,
        }
    }
}

impl Live {
    pub(super) fn add(&mut self, path: Path, kind: Kind) {
        self.files.entry(path).or_insert(Watched { kind, seen: None });
        // A new file most likely changes soon.
        self.interval = Duration::ZERO;
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (Path, Kind)> {
        self.files.iter().map(|(path, watched)| (Arc::clone(path), watched.kind))
    }

    /// A job looks at a file: changes count from here on.
    pub(super) fn seen(&mut self, path: &Path, stat: Option<FileStat>) {
        if let Some(watched) = self.files.get_mut(path) {
            watched.seen = stat;
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.poll = None;
        self.timer.cancel();
    }

    pub(super) fn is_poll(&self, tag: Tag) -> bool {
        self.poll.as_ref().is_some_and(|(own, _)| *own == tag)
    }

    pub(super) fn wake(&self) -> Option<Wake> {
        self.timer.wake()
    }
}

impl Uploader {
    /// Plans the next look at live files.
    pub(super) fn watch(&mut self, cx: &mut Cx<'_>) {
        let live = &mut self.live;
        if self.place.is_none() || live.stopped || live.files.is_empty() || live.poll.is_some() {
            return;
        }
        live.interval = live.interval.clamp(cx.limits.live_poll.0, cx.limits.live_poll.1);
        live.timer.set_if_idle(cx.now.after(live.interval));
    }

    pub(super) fn poll(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if !self.live.timer.take_due(cx.now) {
            return;
        }
        // A job that is under way finds out by itself whether its file changed again, which is likely.
        let idle = self.live.files.keys().filter(|path| !self.jobs.contains_key(*path));
        let paths: Vec<Path> = idle.map(Arc::clone).collect();
        if paths.len() < self.live.files.len() {
            self.live.interval = Duration::ZERO;
        }
        if paths.is_empty() {
            return self.watch(cx);
        }
        let tag = self.tag();
        out.push_back(Action::Stat(tag, paths.iter().map(|path| self.whole(path)).collect()));
        self.live.poll = Some((tag, paths));
    }

    /// Files that changed join the batch. A look that failed has no stats: nothing changed.
    pub(super) fn polled(&mut self, cx: &mut Cx<'_>, stats: Vec<Option<FileStat>>) {
        let Some((_, paths)) = self.live.poll.take() else { return };
        let mut changed = false;
        for (path, stat) in paths.into_iter().zip(stats) {
            let Some(watched) = self.live.files.get(&path) else { continue };
            if stat.is_some() && stat != watched.seen && !self.jobs.contains_key(&path) {
                changed = true;
                let kind = watched.kind;
                self.request(cx, path, kind);
            }
        }
        self.live.interval = if changed { Duration::ZERO } else { self.live.interval * 2 };
        self.watch(cx);
    }
}
