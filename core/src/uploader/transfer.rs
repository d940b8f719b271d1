//! Uploads to where the server said. Files are named, never loaded.

use super::{Action, Operation, Path, Stage, Tag, Uploader, report};
use crate::{
    net::{Call, CallError, Class, Outcome, Step},
    time::{Instant, Wake},
    uplink::Cx,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    sync::Arc,
    vec::Vec,
};

/// Addresses of one file that may turn out to be bad.
const RENEWALS_MAX: u8 = 3;

#[derive(Debug)]
struct Transfer {
    call: Call,
    since: Instant,
    /// The next attempt waits for a look at the file.
    is_looking: bool,
}

/// Files that have an address.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    pub(super) waiting: VecDeque<Path>,
    open: BTreeMap<Path, Transfer>,
    tags: BTreeMap<Tag, Path>,
    /// Bytes that arrived.
    pub(super) done: u64,
    /// Bytes that arrived or are to be sent.
    pub(super) total: u64,
}

impl Transfers {
    /// Forgets a transfer.
    pub(super) fn close(&mut self, path: &Path) {
        self.open.remove(path);
    }

    pub(super) fn close_all(&mut self) {
        self.waiting.clear();
        self.open.clear();
        self.tags.clear();
    }

    pub(super) fn wake(&self) -> Option<Wake> {
        let waiting = self.open.values().filter(|transfer| !transfer.is_looking);
        waiting.map(|transfer| transfer.call.wake()).fold(None, Wake::soonest)
    }

    /// Somebody waits: what was to be tried later is tried now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.open.values_mut().for_each(|transfer| transfer.call.hurry(now));
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.open.values().map(|transfer| &transfer.call)
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = Operation> {
        let operation = |(path, transfer): (&Path, &Transfer)| Operation {
            desc: format!("uploading {path}"),
            since: transfer.since,
            trouble: transfer.call.trouble().map(report::retrying),
        };
        self.open.iter().map(operation)
    }
}

impl Uploader {
    pub(super) fn send(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        while self.transfers.open.len() < cx.limits.transfers_max {
            let Some(path) = self.transfers.waiting.pop_front() else { return };
            let whole = self.whole(&path);
            let Some(job) = self.jobs.get_mut(&path) else { continue };
            let (Some(address), Some(digest)) = (job.address.take(), job.digest) else { continue };
            job.stage = Stage::Sending;
            // An attempt may be taken without an answer: from now on it is not known what is there.
            if let Some(arrived) = self.arrived.get_mut(&path) {
                arrived.md5 = None;
            }
            let request = cx.link.put_file(&address.url, address.headers.to_vec(), whole, digest.len);
            let mut call = Call::new(request, Class::Transfer, &self.transfer);
            let request = call.start();
            let tag = self.tag();
            out.push_back(Action::Http(tag, request));
            self.transfers.tags.insert(tag, Arc::clone(&path));
            self.transfers.open.insert(path, Transfer { call, since: cx.now, is_looking: false });
        }
    }

    /// Time has passed: before another attempt the file is looked at, because one that became shorter can't be sent.
    pub(super) fn send_again(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        let mut due: Vec<Path> = Vec::new();
        for (path, transfer) in &mut self.transfers.open {
            if !transfer.is_looking && transfer.call.next_try().is_some_and(|at| at <= cx.now) {
                transfer.is_looking = true;
                due.push(Arc::clone(path));
            }
        }
        for path in due {
            self.look_before_retry(path, out);
        }
    }

    /// The file is as it was: the attempt that is due.
    pub(super) fn attempt(&mut self, cx: &mut Cx<'_>, path: &Path, out: &mut VecDeque<Action>) {
        let tag = self.tag();
        let Some(transfer) = self.transfers.open.get_mut(path) else { return };
        transfer.is_looking = false;
        if let Some(request) = transfer.call.on_tick(cx.now) {
            self.transfers.tags.insert(tag, Arc::clone(path));
            out.push_back(Action::Http(tag, request));
        }
    }

    pub(super) fn sent(&mut self, cx: &mut Cx<'_>, tag: Tag, outcome: Outcome, out: &mut VecDeque<Action>) {
        let Some(path) = self.transfers.tags.remove(&tag) else { return };
        let Some(transfer) = self.transfers.open.get_mut(&path) else { return };
        match transfer.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => {}
            Step::Done(_) => {
                self.transfers.close(&path);
                self.look_after_transfer(path, out);
            }
            Step::Failed(error) => {
                self.transfers.close(&path);
                match self.jobs.get_mut(&path) {
                    Some(job) if job.renewed < RENEWALS_MAX && is_about_address(&error) => {
                        job.renewed += 1;
                        job.stage = Stage::Ready;
                        self.asking.ready.push_back(path);
                    }
                    Some(_) | None => self.fail(cx, &path, report::shown(&error).into(), error.exhausted, out),
                }
            }
        }
    }
}

/// Whether another address may work: this one ran out, or was never good.
fn is_about_address(error: &CallError) -> bool {
    match error.status {
        401 | 403 | 404 | 410 => true,
        400 => error.text.to_ascii_lowercase().contains("expire"),
        _ => false,
    }
}
