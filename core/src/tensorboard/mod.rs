//! TensorBoard: watches folders of event files (`TBRecord`) and makes rows of what they say.
//!
//! Owns which folders are watched, how far each file was read, when to look again, and the rows that may still grow. It
//! has no clock and reads nothing: it says which file it wants from where, and is told the bytes. It does not know what
//! becomes of a row.
//!
//! Of a file it remembers an offset and no bytes. What is cut or damaged is read again, because the writer may still be
//! at it and a network file system may show zeros for a while; at the end of the run damage is passed over and told.

mod event;
mod framing;
mod histogram;
mod place;
mod row;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use row::Cell;

use crate::time::{Duration, Instant, Timer, Wake};
use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use bytes::Bytes;
use place::{Filter, absolute, below, common, is_remote};
use runwire_proto::wire;
use watch::Watch;

/// Time between two looks into a folder.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long a folder without a root waits for a second one, from which a common root follows.
const ROOT_WAIT: Duration = Duration::from_secs(10);

/// What is to be read of a file: up to `len` bytes at `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// Path below the folder.
    pub(crate) path: String,
    pub(crate) at: u64,
    pub(crate) len: u32,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// List the event files of `folder` and read what is wanted of one. Answered by `on_tail` or `on_tail_failed`.
    Tail { watch: usize, folder: String, want: Option<Want> },
    /// A row is complete.
    Row(Vec<Cell>),
    /// Show the file at `source` as `path` in the folder of the run's files. Answered by `on_linked`.
    Save { source: String, path: String },
    /// Something the user should know.
    Tell(String),
    /// Everything is read and every row is out.
    Drained,
}

/// What the machine must know of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run<'a> {
    /// Where paths that are not absolute begin.
    pub(crate) current_dir: &'a str,
    /// Event files of other machines are not taken.
    pub(crate) host: &'a str,
    /// Event files from before this second are not taken.
    pub(crate) since: i64,
}

/// All watched folders of one run.
#[derive(Debug)]
pub(crate) struct TensorBoard {
    watches: Vec<Watch>,
    /// Folders that came without a root.
    rootless: Vec<String>,
    poll: Timer,
    root: Timer,
    links: usize,
    draining: bool,
}

impl TensorBoard {
    pub(crate) fn new() -> Self {
        TensorBoard {
            watches: Vec::new(),
            rootless: Vec::new(),
            poll: Timer::new("tensorboard.poll"),
            root: Timer::new("tensorboard.root"),
            links: 0,
            draining: false,
        }
    }

    /// Whether there is anything to wait for at the end of the run.
    pub(crate) fn is_used(&self) -> bool {
        !self.watches.is_empty()
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        Wake::soonest(self.poll.wake(), self.root.wake())
    }

    /// A folder is to be watched.
    pub(crate) fn on_record(
        &mut self,
        now: Instant,
        run: &Run<'_>,
        record: &wire::TbRecord,
        out: &mut VecDeque<Action>,
    ) {
        if is_remote(&record.log_dir) {
            return out.push_back(Action::Tell(format!(
                "TensorBoard logs at {} are not read: only folders of this machine are. Copy them to one, or log the \
                 values with run.log.",
                record.log_dir
            )));
        }
        let folder = absolute(&record.log_dir, run.current_dir);
        let filter = Filter {
            since: (!record.ignore_timestamp).then_some(run.since),
            host: (!record.ignore_hostname).then(|| run.host.into()),
        };
        let mut watch = Watch::new(folder.clone(), filter, record.save, run.current_dir.into());
        if !record.save_path.is_empty() {
            watch.save_path = Some(record.save_path.clone());
        }
        watch.namespace = record.namespace.clone();
        if !record.root_dir.is_empty() {
            let root = absolute(&record.root_dir, run.current_dir);
            if below(&folder, &root).is_none() {
                out.push_back(Action::Tell(format!(
                    "The TensorBoard folder {folder} is not below {root}: its values are logged without a prefix."
                )));
            }
            watch.settle(Some(root));
        } else if watch.namespace.is_some() {
            watch.settle(None);
        }
        if self.watches.iter().any(|known| known.is_same(&watch)) {
            return;
        }
        let waits = watch.waits();
        self.watches.push(watch);
        if waits {
            if !self.rootless.contains(&folder) {
                self.rootless.push(folder);
            }
            match self.rootless.len() {
                1 if !self.draining => self.root.set_if_idle(now.after(ROOT_WAIT)),
                1 => self.settle_roots(None),
                _ => self.settle_roots(Some(common(&self.rootless))),
            }
        }
        self.look(now, out);
    }

    pub(crate) fn on_tick(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        if self.root.take_due(now) {
            self.settle_roots(None);
            self.look(now, out);
        }
        if self.poll.take_due(now) {
            self.watches.iter_mut().for_each(Watch::look_again);
            self.look(now, out);
        }
    }

    /// A folder was listed, with the sizes of its files, and the bytes that were wanted were read.
    pub(crate) fn on_tail(
        &mut self,
        now: Instant,
        watch: usize,
        files: &[(String, u64)],
        bytes: &Bytes,
        out: &mut VecDeque<Action>,
    ) {
        let Some(known) = self.watches.get_mut(watch) else { return };
        let before = out.len();
        known.on_tail(files, bytes, self.draining, out);
        self.links += out.iter().skip(before).filter(|action| matches!(action, Action::Save { .. })).count();
        self.look(now, out);
    }

    /// A folder could not be listed; it may not be there yet.
    pub(crate) fn on_tail_failed(&mut self, now: Instant, watch: usize, out: &mut VecDeque<Action>) {
        if let Some(known) = self.watches.get_mut(watch) {
            known.on_tail_failed();
        }
        self.look(now, out);
    }

    /// A file was saved, or can't be.
    pub(crate) fn on_linked(&mut self, out: &mut VecDeque<Action>) {
        self.links = self.links.saturating_sub(1);
        self.finish_drain(out);
    }

    /// The run ends: reads everything to its end, gives out what is left and says [`Action::Drained`].
    pub(crate) fn on_drain(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.draining = true;
        self.root.cancel();
        self.poll.cancel();
        self.settle_roots(None);
        self.watches.iter_mut().for_each(Watch::look_again);
        self.look(now, out);
        self.finish_drain(out);
    }

    /// Gives out the rows that may still grow and reads nothing more.
    pub(crate) fn stop(&mut self, out: &mut VecDeque<Action>) {
        self.draining = true;
        self.root.cancel();
        self.poll.cancel();
        self.flush(out);
    }

    fn flush(&mut self, out: &mut VecDeque<Action>) {
        self.watches.iter_mut().for_each(|watch| watch.flush(out));
    }

    fn settle_roots(&mut self, root: Option<String>) {
        self.root.cancel();
        self.watches.iter_mut().filter(|watch| watch.waits()).for_each(|watch| watch.settle(root.clone()));
    }

    /// Lets every folder that has something to do ask for it, and sees to the next look.
    fn look(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        for (at, watch) in self.watches.iter_mut().enumerate() {
            if let Some(want) = watch.next_want() {
                out.push_back(Action::Tail { watch: at, folder: watch.folder().into(), want });
            }
        }
        if self.draining {
            self.finish_drain(out);
        } else if self.watches.iter().any(|watch| !watch.is_busy()) {
            self.poll.set_if_idle(now.after(INTERVAL));
        }
    }

    fn finish_drain(&mut self, out: &mut VecDeque<Action>) {
        if !self.draining || self.watches.iter().any(Watch::is_busy) {
            return;
        }
        self.flush(out);
        if self.links == 0 {
            out.push_back(Action::Drained);
        }
    }
}
