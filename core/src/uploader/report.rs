//! How jobs end, what is known of files that did and did not arrive, and what the user is told about it.

use super::{Action, Arrived, FileCounts, Flush, Job, Kind, Path, Uploader};
use crate::{
    completion::FileDigest,
    net::{CallError, graphql},
    notice::Notice,
    time::{Duration, Instant},
    uplink::Cx,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    sync::Arc,
};

pub(super) const TIME_IS_OVER: &str = "there was no more time for it";
const NOT_THERE: &str = "there is no such file";

/// Jobs in a row that may end with a changed file before it is left as it is.
const CHANGED_MAX: u8 = 1;
/// Files that a message names.
const NAMED_MAX: usize = 10;
/// Characters of a server's reason that are shown.
const SHOWN_REASON: usize = 200;
/// Time between two messages about failures.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Lost {
    kind: Kind,
    why: Arc<str>,
}

/// Failures since the user was last told.
#[derive(Debug)]
struct Group {
    first: Path,
    why: Arc<str>,
    count: usize,
}

/// What became of files.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) counts: FileCounts,
    lost: BTreeMap<Path, Lost>,
    group: Option<Group>,
    told: Option<Instant>,
}

impl Report {
    pub(super) fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lost.iter().map(|(path, lost)| (&**path, &*lost.why))
    }

    pub(super) fn not_there(&self) -> impl Iterator<Item = &str> {
        self.lost.iter().filter(|(_, lost)| &*lost.why == NOT_THERE).map(|(path, _)| &**path)
    }

    /// Files that did not arrive and could at the next try.
    pub(super) fn worth_a_try(&self) -> impl Iterator<Item = (Path, Kind)> {
        let is_file = |path: &Path| super::path::relative(path).is_ok_and(|plain| plain == **path);
        self.lost.iter().filter(move |(path, _)| is_file(path)).map(|(path, lost)| (Arc::clone(path), lost.kind))
    }

    pub(super) fn lost(&mut self, path: Path, kind: Kind, why: Arc<str>) {
        self.lost.insert(path, Lost { kind, why });
    }

    /// One message for all failures since the last one.
    pub(super) fn tell_group(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        if self.group.is_none() || self.told.is_some_and(|told| now.since(told) < TELL_INTERVAL) {
            return;
        }
        let Some(Group { first, why, count }) = self.group.take() else { return };
        self.told = Some(now);
        let what = match count {
            1 => format!("The file '{first}' could not be uploaded"),
            count => format!("{count} files could not be uploaded, '{first}' among them"),
        };
        out.push_back(Action::TellUser(format!("{what} ({why}). The run goes on; another try is made when it ends.")));
    }

    /// Everything that is missing at the end.
    pub(super) fn tell_end(&mut self, files_dir: &str, out: &mut VecDeque<Action>) {
        self.group = None;
        let count = self.lost.len();
        if count == 0 {
            return;
        }
        let mut text = match count {
            1 => String::from("1 file of this run was not uploaded:"),
            count => format!("{count} files of this run were not uploaded:"),
        };
        for (path, lost) in self.lost.iter().take(NAMED_MAX) {
            text.push_str(&format!("\n  {path}: {}", lost.why));
        }
        if count > NAMED_MAX {
            text.push_str(&format!("\n  and {} more; the run's debug log names them all.", count - NAMED_MAX));
        }
        text.push_str(&format!("\nWhat exists is kept in {files_dir}; `runwire sync` tries again."));
        out.push_back(Action::TellUser(text));
    }
}

impl Uploader {
    /// A file is on the server; `digest` if it is known as what.
    pub(super) fn arrived(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        digest: Option<FileDigest>,
        out: &mut VecDeque<Action>,
    ) {
        let Some(job) = self.jobs.remove(path) else { return };
        self.account_arrival(path, &job, digest, out);
        if digest.is_some() {
            return self.follow(cx, path, &job);
        }
        if job.changed < CHANGED_MAX {
            let next = Job { changed: job.changed + 1, last: job.last, ..Job::new(job.kind) };
            return self.add(cx, Arc::clone(path), next);
        }
        out.push_back(Action::Notice(Notice::warn(format!("{path} changes while it is uploaded"))));
        self.follow(cx, path, &job);
    }

    /// The server has this content already.
    pub(super) fn unchanged(&mut self, cx: &mut Cx<'_>, path: &Path, digest: FileDigest, out: &mut VecDeque<Action>) {
        let Some(job) = self.jobs.remove(path) else { return };
        self.report.lost.remove(path);
        // An earlier life brought it, and may have ended before it told the server so.
        if self.arrived.get(path).is_some_and(|arrived| arrived.kind.is_none()) {
            out.push_back(Action::Uploaded { path: path.to_string(), digest: Some(digest) });
        }
        self.count(path, job.kind);
        self.follow(cx, path, &job);
    }

    pub(super) fn missing(&mut self, cx: &mut Cx<'_>, path: &Path, out: &mut VecDeque<Action>) {
        let Some(job) = self.close(path) else { return };
        out.push_back(Action::Notice(Notice::warn(format!("{path} is not uploaded: {NOT_THERE}"))));
        // A file that arrived and was deleted then is not missed, nor one of the run's own that was never made.
        if job.kind == Kind::Wandb || self.arrived.contains_key(path) {
            self.report.lost.remove(path);
        } else {
            self.report.lost(Arc::clone(path), job.kind, NOT_THERE.into());
        }
        self.follow(cx, path, &job);
    }

    /// A file will not arrive. `is_exhausted`: many attempts were made.
    pub(super) fn fail(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        why: Arc<str>,
        is_exhausted: bool,
        out: &mut VecDeque<Action>,
    ) {
        let Some(job) = self.close(path) else { return };
        // It was on its way when the run ended: the other try at the end is due now.
        let is_due_again = self.flush == Flush::Wanted && !job.last && !is_exhausted;
        if is_due_again {
            out.push_back(Action::Notice(Notice::warn(format!("{path} is tried once more ({why})"))));
            return self.add(cx, Arc::clone(path), Job { last: true, ..Job::new(job.kind) });
        }
        self.account_loss(path, &job, why, out);
        self.follow(cx, path, &job);
    }

    pub(super) fn account_arrival(
        &mut self,
        path: &Path,
        job: &Job,
        digest: Option<FileDigest>,
        out: &mut VecDeque<Action>,
    ) {
        let len = job.digest.map_or(0, |digest| digest.len);
        self.transfers.done += len;
        self.report.lost.remove(path);
        self.count(path, job.kind);
        if let Some(arrived) = self.arrived.get_mut(path) {
            arrived.md5 = digest.map(|digest| digest.md5);
        }
        out.push_back(Action::Uploaded { path: path.to_string(), digest });
        out.push_back(Action::Progress(len));
    }

    pub(super) fn account_loss(&mut self, path: &Path, job: &Job, why: Arc<str>, out: &mut VecDeque<Action>) {
        out.push_back(Action::Notice(Notice::error(format!("{path} could not be uploaded: {why}"))));
        out.push_back(Action::Failed { path: path.to_string(), why: why.to_string() });
        match &mut self.report.group {
            Some(group) => group.count += 1,
            None => self.report.group = Some(Group { first: Arc::clone(path), why: Arc::clone(&why), count: 1 }),
        }
        self.report.lost(Arc::clone(path), job.kind, why);
    }

    /// A job is over without an arrival.
    fn close(&mut self, path: &Path) -> Option<Job> {
        self.transfers.close(path);
        let job = self.jobs.remove(path)?;
        self.transfers.total -= job.digest.map_or(0, |digest| digest.len);
        Some(job)
    }

    /// The job that was asked for meanwhile.
    fn follow(&mut self, cx: &mut Cx<'_>, path: &Path, job: &Job) {
        if job.again {
            self.request(cx, Arc::clone(path), job.kind);
        }
    }

    fn count(&mut self, path: &Path, kind: Kind) {
        let arrived = self.arrived.entry(Arc::clone(path)).or_insert(Arrived { md5: None, kind: None });
        if arrived.kind.is_some() {
            return;
        }
        arrived.kind = Some(kind);
        let counts = &mut self.report.counts;
        match kind {
            Kind::Wandb => counts.wandb += 1,
            Kind::Media => counts.media += 1,
            Kind::Artifact => counts.artifact += 1,
            Kind::Other => counts.other += 1,
        }
    }
}

/// Status and reason, short: a storage's answer may quote the request.
pub(super) fn shown(error: &CallError) -> String {
    let said = match error.status {
        0 => error.text.clone(),
        status if error.text.is_empty() => format!("HTTP {status}"),
        status => {
            let reason = tag_text(&error.text, "Message").map_or_else(|| graphql::reason(error), ToString::to_string);
            let line = reason.split_whitespace().fold(String::new(), |line, word| {
                let gap = if line.is_empty() { "" } else { " " };
                line + gap + word
            });
            format!("HTTP {status}: {}", line.chars().take(SHOWN_REASON).collect::<String>())
        }
    };
    if error.exhausted { format!("{said}, after {} attempts", error.attempts) } else { said }
}

/// Why something is tried again, in the form of the protocol's `error_status`.
pub(super) fn retrying(error: &CallError) -> String {
    format!("retrying{}{}", if error.status == 0 { ": " } else { " " }, shown(error))
}

/// The text of an element in a storage's answer.
fn tag_text<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let rest = text.split_once(&format!("<{tag}>"))?.1;
    Some(rest.split_once(&format!("</{tag}>"))?.0)
}
