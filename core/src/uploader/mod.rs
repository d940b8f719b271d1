//! The files of a run on their way to storage: what is uploaded, when, and what became of it.
//!
//! Owns: the batch, one job for each file that is not settled, the question where files go, transfers, live files, and
//! what is known to have arrived. A file is uploaded by one job at a time; a request meanwhile makes one more job after it.
//! Must not know: records, the stream of a run, credentials, where the cursor is kept.
//!
//! A job: batch -> stat -> hash -> (same content as what arrived: settled) -> address -> transfer -> stat again. If the
//! file changed meanwhile, nobody knows what arrived, so it is not counted as known and goes once more.
//!
//! Where the official client differs: it asks for files that did not change, and takes a refused address or a short answer
//! as the end of a file. Whatever is not uploaded is told at the end.
//!
//! - `path`, `glob`: which names are taken. `look`: stats and digests. `live`: files that are watched.
//! - `ask`: the question for addresses. `address`: reading the answer. `transfer`: uploads. `report`: ends of jobs, and words.

mod address;
mod ask;
mod glob;
mod job;
mod live;
mod look;
mod path;
mod report;
mod transfer;

#[cfg(test)]
mod tests;

use crate::{
    completion::{Failure, FileDigest, FileStat},
    net::{HttpRequest, Outcome, Policies, Policy},
    notice::Notice,
    time::{Instant, Timer, Wake},
    uplink::{Cx, Place},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use ask::Asking;
use glob::Glob;
use job::{Address, Job, Path, Stage};
use live::Live;
use look::Looking;
use report::Report;
use runwire_proto::wire::Settings;
use transfer::Transfers;

/// Names one effect of the uploader, so that an outcome that comes too late is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u64);

/// When a file is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilePolicy {
    Now,
    Live,
    End,
}

/// What a file is; for counts, and for whether the user asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The run's own; nobody misses it if it was not made.
    Wandb,
    Media,
    Artifact,
    Other,
}

/// What the uploader wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Look at these files; their paths are whole. Answered by [`Uploader::on_stats`].
    Stat(Tag, Vec<String>),
    /// Digest this file; its path is whole. Answered by [`Uploader::on_hashed`].
    Hash(Tag, String),
    /// Make this request. Answered by [`Uploader::on_http`].
    Http(Tag, HttpRequest),
    /// A file arrived: for `uploaded` of the stream, and for the cursor if there is a digest. Without one the file changed
    /// while it was sent, so that it is not known which content arrived.
    Uploaded { path: String, digest: Option<FileDigest> },
    /// A file did not arrive. It may be tried once more at the end.
    Failed { path: String, why: String },
    /// Everything is settled after a flush; said once for each.
    FlushDone,
    /// For the user.
    TellUser(String),
    /// For the debug log.
    Notice(Notice),
    /// So many more bytes have arrived.
    Progress(u64),
}

/// Files that really arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileCounts {
    pub(crate) wandb: u32,
    pub(crate) media: u32,
    pub(crate) artifact: u32,
    pub(crate) other: u32,
}

/// Something that is under way, for the user.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    /// What is done: `uploading a.txt`.
    pub(crate) desc: String,
    pub(crate) since: Instant,
    /// Why it is tried again.
    pub(crate) trouble: Option<String>,
}

/// A file that arrived at least once.
#[derive(Debug)]
struct Arrived {
    /// The content that is known to be there.
    md5: Option<[u8; 16]>,
    /// What it was counted as; not yet if only an earlier life of the run sent it.
    kind: Option<Kind>,
}

/// The end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    No,
    Wanted,
    Done,
    /// Time is over: nothing is taken any more.
    GivenUp,
}

/// Uploads of one run.
pub(crate) struct Uploader {
    files_dir: String,
    ignored: Vec<Glob>,
    unread_globs: Vec<String>,
    graphql: Policy,
    transfer: Policy,
    place: Option<Place>,
    flush: Flush,
    next_tag: u64,
    jobs: BTreeMap<Path, Job>,
    batch: Vec<Path>,
    batch_timer: Timer,
    /// Files for the end.
    at_end: BTreeMap<Path, Kind>,
    looking: Looking,
    live: Live,
    asking: Asking,
    transfers: Transfers,
    arrived: BTreeMap<Path, Arrived>,
    report: Report,
}

impl Uploader {
    /// Uploads from `files_dir`. Reads `ignore_globs`.
    pub(crate) fn new(settings: &Settings, policies: &Policies, files_dir: String) -> Self {
        let globs = settings.ignore_globs.as_ref().map(|list| list.value.as_slice()).unwrap_or_default();
        let (ignored, unread_globs) = glob::read(globs);
        Uploader {
            files_dir,
            ignored,
            unread_globs,
            graphql: policies.graphql.clone(),
            transfer: policies.transfer.clone(),
            place: None,
            flush: Flush::No,
            next_tag: 0,
            jobs: BTreeMap::new(),
            batch: Vec::new(),
            batch_timer: Timer::new("uploader.batch"),
            at_end: BTreeMap::new(),
            looking: Looking::default(),
            live: Live::default(),
            asking: Asking::default(),
            transfers: Transfers::default(),
            arrived: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// The server knows the run. Nothing is asked before.
    pub(crate) fn on_start(&mut self, cx: &mut Cx<'_>, place: Place, out: &mut VecDeque<Action>) {
        self.place = Some(place);
        for glob in core::mem::take(&mut self.unread_globs) {
            out.push_back(Action::Notice(Notice::warn(format!("the pattern '{glob}' of ignore_globs cannot be read"))));
        }
        // A timer that is not set has run out while there was no place.
        if !self.batch_timer.is_set() {
            self.cut();
        }
        self.watch(cx);
        self.pump(cx, out);
    }

    /// Content of a file that an earlier life of the run uploaded; told before the file is asked for.
    pub(crate) fn delivered(&mut self, path: &str, md5: [u8; 16]) {
        self.arrived.insert(path.into(), Arrived { md5: Some(md5), kind: None });
    }

    /// A file is wanted on the server. `path` is relative to the folder of the run's files.
    pub(crate) fn on_file(
        &mut self,
        cx: &mut Cx<'_>,
        path: &str,
        policy: FilePolicy,
        kind: Kind,
        out: &mut VecDeque<Action>,
    ) {
        let plain = match path::relative(path) {
            Ok(plain) => plain,
            Err(why) => {
                out.push_back(Action::Notice(Notice::error(format!("the file {path:?} is not uploaded: {why}"))));
                if kind != Kind::Wandb {
                    self.report.lost(path.into(), kind, why.into());
                }
                return;
            }
        };
        if self.ignored.iter().any(|glob| glob.matches(&plain)) {
            return;
        }
        let is_media = kind == Kind::Other && plain.starts_with("media/");
        let kind = if is_media { Kind::Media } else { kind };
        let path = Path::from(plain);
        if self.flush == Flush::GivenUp {
            return self.report.lost(path, kind, report::TIME_IS_OVER.into());
        }
        match (policy, self.flush) {
            (FilePolicy::End, Flush::No) => {
                self.at_end.insert(path, kind);
            }
            (FilePolicy::Live, Flush::No) => {
                self.live.add(Arc::clone(&path), kind);
                self.watch(cx);
                self.request(cx, path, kind);
            }
            (FilePolicy::Now, _)
            | (FilePolicy::Live | FilePolicy::End, Flush::Wanted | Flush::Done | Flush::GivenUp) => {
                self.request(cx, path, kind);
            }
        }
        self.pump(cx, out);
    }

    /// The run ends: files for the end and live files go, everything else without delay, and what failed gets another try.
    /// Answered by [`Action::FlushDone`].
    pub(crate) fn on_flush(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if self.flush == Flush::GivenUp {
            return out.push_back(Action::FlushDone);
        }
        self.flush = Flush::Wanted;
        self.live.stop();
        self.asking.forgive();
        self.asking.hurry(cx.now);
        self.transfers.hurry(cx.now);
        for job in self.jobs.values_mut() {
            job.changed = 0;
            job.restarts = 0;
            job.last = matches!(job.stage, Stage::Batch | Stage::ToLook);
        }
        let at_end = core::mem::take(&mut self.at_end).into_iter();
        let wanted: Vec<(Path, Kind)> = at_end.chain(self.live.files()).collect();
        for (path, kind) in wanted {
            self.request(cx, path, kind);
        }
        let unsure = self.arrived.iter().filter(|(_, arrived)| arrived.md5.is_none());
        let unsure = unsure.map(|(path, arrived)| (Arc::clone(path), arrived.kind.unwrap_or(Kind::Other)));
        let more: Vec<(Path, Kind)> = self.report.worth_a_try().chain(unsure).collect();
        for (path, kind) in more {
            if !self.jobs.contains_key(&path) {
                self.request(cx, path, kind);
            }
        }
        self.cut();
        self.pump(cx, out);
    }

    /// Time is over: what is not settled counts as failed.
    pub(crate) fn give_up(&mut self, _cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        let was_waited_for = self.flush == Flush::Wanted;
        let trouble = self.trouble().map(|(why, _)| why);
        let why = trouble.map_or_else(|| report::TIME_IS_OVER.into(), |t| format!("{}: {t}", report::TIME_IS_OVER));
        self.flush = Flush::GivenUp;
        self.batch_timer.cancel();
        self.batch = Vec::new();
        self.live.stop();
        self.looking = Looking::default();
        self.asking = Asking::default();
        self.transfers.close_all();
        for (path, kind) in core::mem::take(&mut self.at_end) {
            self.jobs.entry(path).or_insert_with(|| Job::new(kind));
        }
        let why: Arc<str> = why.into();
        for (path, job) in core::mem::take(&mut self.jobs) {
            if job.stage == Stage::Verifying {
                self.account_arrival(&path, &job, None, out);
            } else {
                self.account_loss(&path, &job, Arc::clone(&why), out);
            }
        }
        self.transfers.total = self.transfers.done;
        self.report.tell_end(&self.files_dir, out);
        if was_waited_for {
            out.push_back(Action::FlushDone);
        }
    }

    /// The outcome of [`Action::Stat`].
    pub(crate) fn on_stats(
        &mut self,
        cx: &mut Cx<'_>,
        tag: Tag,
        outcome: Result<Vec<Option<FileStat>>, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        if self.live.is_poll(tag) {
            self.polled(cx, outcome.unwrap_or_default());
        } else {
            self.looked(cx, tag, outcome, out);
        }
        self.pump(cx, out);
    }

    /// The outcome of [`Action::Hash`].
    pub(crate) fn on_hashed(
        &mut self,
        cx: &mut Cx<'_>,
        tag: Tag,
        outcome: Result<FileDigest, Failure>,
        out: &mut VecDeque<Action>,
    ) {
        self.hashed(cx, tag, outcome, out);
        self.pump(cx, out);
    }

    /// The outcome of [`Action::Http`].
    pub(crate) fn on_http(&mut self, cx: &mut Cx<'_>, tag: Tag, outcome: Outcome, out: &mut VecDeque<Action>) {
        if self.asking.is_answer(tag) {
            self.answered(cx, outcome, out);
        } else {
            self.sent(cx, tag, outcome, out);
        }
        self.pump(cx, out);
    }

    /// Time has passed.
    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        if self.batch_timer.take_due(cx.now) {
            self.cut();
        }
        self.poll(cx, out);
        self.looking.on_tick(cx.now);
        self.ask_again(cx, out);
        self.send_again(cx, out);
        self.pump(cx, out);
    }

    /// When [`Uploader::on_tick`] is next wanted.
    pub(crate) fn wake(&self) -> Option<Wake> {
        let timers = [self.batch_timer.wake(), self.live.wake(), self.looking.wake(), self.asking.wake()];
        timers.into_iter().fold(self.transfers.wake(), Wake::soonest)
    }

    /// Files that are not settled, those for the end included.
    pub(crate) fn pending(&self) -> usize {
        self.jobs.len() + self.at_end.keys().filter(|path| !self.jobs.contains_key(*path)).count()
    }

    /// Files that arrived, each counted once.
    pub(crate) fn counts(&self) -> FileCounts {
        self.report.counts
    }

    /// Files that did not arrive, and why.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.report.failed()
    }

    /// Those of them that are not there, so that no later try brings them.
    pub(crate) fn not_there(&self) -> impl Iterator<Item = &str> {
        self.report.not_there()
    }

    /// Bytes that arrived, and bytes that are known to be wanted.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.transfers.done, self.transfers.total)
    }

    /// What is under way; what is in trouble comes first.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut all: Vec<Operation> = self.asking.operation().into_iter().collect();
        all.extend(self.transfers.operations());
        all.extend(self.looking.operations());
        all.sort_by_key(|operation| operation.trouble.is_none());
        all
    }

    /// Why files do not arrive, and when the next attempt is made; `None` there if one is under way.
    pub(crate) fn trouble(&self) -> Option<(String, Option<Instant>)> {
        let call =
            self.asking.call().into_iter().chain(self.transfers.calls()).find(|call| call.trouble().is_some())?;
        Some((call.trouble().map(report::shown).unwrap_or_default(), call.next_try()))
    }

    /// Makes a job, unless one is there that has not looked at the file yet.
    fn request(&mut self, cx: &mut Cx<'_>, path: Path, kind: Kind) {
        if let Some(job) = self.jobs.get_mut(&path) {
            job.again |= !matches!(job.stage, Stage::Batch | Stage::ToLook);
            return;
        }
        let job = Job { last: self.flush != Flush::No, ..Job::new(kind) };
        self.add(cx, path, job);
    }

    fn add(&mut self, cx: &mut Cx<'_>, path: Path, job: Job) {
        self.batch.push(Arc::clone(&path));
        self.jobs.insert(path, job);
        if self.flush == Flush::No {
            self.batch_timer.set_if_idle(cx.now.after(cx.limits.upload_batch_interval));
        } else {
            self.cut();
        }
    }

    /// Ends the batch. Without a place it waits.
    fn cut(&mut self) {
        if self.place.is_none() {
            return;
        }
        self.batch_timer.cancel();
        for path in core::mem::take(&mut self.batch) {
            if let Some(job) = self.jobs.get_mut(&path) {
                job.stage = Stage::ToLook;
                self.looking.to_look.push_back(path);
            }
        }
    }

    /// Starts whatever may start.
    fn pump(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.look(cx, out);
        self.hash(cx, out);
        self.ask(cx, out);
        self.send(cx, out);
        if self.flush == Flush::No {
            self.report.tell_group(cx.now, out);
        }
        if self.flush == Flush::Wanted && self.jobs.is_empty() {
            self.flush = Flush::Done;
            self.report.tell_end(&self.files_dir, out);
            out.push_back(Action::FlushDone);
        }
    }

    fn tag(&mut self) -> Tag {
        self.next_tag += 1;
        Tag(self.next_tag)
    }

    fn whole(&self, path: &str) -> String {
        format!("{}/{path}", self.files_dir)
    }
}
