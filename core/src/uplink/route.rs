//! Who answers to whom inside the uplink: turns each machine's actions into calls of another or into wishes of the engine,
//! until nothing is left that can be done now.

use super::{Action, CURSOR_SUFFIX, Cursor, Cx, Env, Life, Tag, Uplink, reader::Next};
use crate::{
    completion::{Failure, FailureKind},
    effect::Effect,
    filestream, net,
    notice::Notice,
    sender,
    time::Duration,
    uploader::{self, FilePolicy},
};
use alloc::{boxed::Box, format};
use bytes::Bytes;
use runwire_proto::wire::files_item;

/// More steps than any input can honestly cause.
const STEPS_MAX: usize = 10_000_000;
/// How often a file is looked at again that may grow, or could not be read.
const REREAD_INTERVAL: Duration = Duration::from_secs(1);
/// How often the note of an earlier life is asked for before the upload ends without it.
const CURSOR_TRIES: u32 = 5;

/// Exit code of a run whose log ends without one.
const FAILED: i32 = 1;

fn upload_policy(policy: files_item::PolicyType) -> FilePolicy {
    match policy {
        files_item::PolicyType::Now => FilePolicy::Now,
        files_item::PolicyType::End => FilePolicy::End,
        files_item::PolicyType::Live => FilePolicy::Live,
    }
}

fn upload_kind(kind: files_item::FileType) -> uploader::Kind {
    match kind {
        files_item::FileType::Other => uploader::Kind::Other,
        files_item::FileType::Wandb => uploader::Kind::Wandb,
        files_item::FileType::Media => uploader::Kind::Media,
        files_item::FileType::Artifact => uploader::Kind::Artifact,
    }
}

impl Uplink {
    /// Takes records and routes actions until everything waits for something.
    pub(super) fn pump(&mut self, env: &Env<'_>) {
        for _ in 0..STEPS_MAX {
            if self.life == Life::Loading {
                return;
            }
            if let Some(action) = self.queues.credentials.pop_front() {
                self.on_credentials(env, action);
            } else if let Some(action) = self.queues.stream.pop_front() {
                self.on_stream(env, action);
            } else if let Some(action) = self.queues.uploader.pop_front() {
                self.on_uploader(env, action);
            } else if self.store.is_awaited() {
                return self.store_if_due(env);
            } else if let Some(action) = self.queues.sender.pop_front() {
                self.on_sender(env, action);
            } else if self.life == Life::Over || !self.read(env) {
                return self.advance_stage(env);
            }
        }
        unreachable!("the machines of the uplink keep each other busy without end");
    }

    /// Gives one record to the sender. Returns whether there may be more to do.
    fn read(&mut self, env: &Env<'_>) -> bool {
        if self.read_all || !self.sender.wants_records() || self.stream.credit() == 0 {
            return false;
        }
        match self.reader.next() {
            Next::Record { bytes, mark } => {
                self.mark = mark;
                self.with_sender(env, |sender, cx, out| sender.on_record(cx, &bytes, mark, out));
                true
            }
            Next::Damage(damage) => {
                self.actions.push_back(Action::Notice(Notice::error(format!("the log is damaged: {damage}"))));
                true
            }
            Next::Read { path, at, len } => {
                self.actions.push_back(Action::Effect(Tag::Log, Effect::ReadFile { path, at, len }));
                false
            }
            Next::Wait => {
                if self.reader.is_waiting_for_time() {
                    self.reread.set_if_idle(env.now.after(REREAD_INTERVAL));
                }
                self.sender.on_idle(&mut self.queues.sender);
                !self.queues.sender.is_empty()
            }
            Next::End => {
                self.read_all = true;
                if !self.sender.has_run() {
                    self.actions.push_back(Action::Unreadable("The log holds no run.".into()));
                    return false;
                }
                self.sender.on_idle(&mut self.queues.sender);
                if self.exit.is_none() {
                    // Nobody wrote how the run ended: it did not end well.
                    self.exit = Some(Some(FAILED).filter(|_| !self.is_end_quiet()));
                }
                true
            }
            Next::Unreadable(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Denied) => {
                self.read_all = true;
                self.actions.push_back(Action::Unreadable(format!("The log can't be read: {}.", failure.message)));
                false
            }
            Next::Unreadable(failure) => {
                self.actions.push_back(Action::Notice(Notice::warn(format!(
                    "the log can't be read back: {}; it is tried again",
                    failure.message
                ))));
                self.reread.set_if_idle(env.now.after(REREAD_INTERVAL));
                false
            }
            Next::Fatal(error) => {
                self.read_all = true;
                self.actions.push_back(Action::Unreadable(format!("The run's log can't be read: {error}.")));
                false
            }
        }
    }

    /// Whether the server is to hear nothing of the end: another writer of the run tells it.
    fn is_end_quiet(&self) -> bool {
        self.quiet_end || self.store.cursor.quiet_end
    }

    pub(super) fn on_log_read(&mut self, _env: &Env<'_>, outcome: Result<Bytes, Failure>) {
        self.reader.on_read(outcome);
    }

    pub(super) fn on_cursor_read(&mut self, env: &Env<'_>, bytes: &[u8]) {
        if self.life != Life::Loading {
            return;
        }
        self.life = Life::Going;
        let cursor = core::str::from_utf8(bytes).ok().and_then(Cursor::from_json);
        match cursor {
            Some(cursor) if cursor.server != self.link.base() => {
                self.actions.push_back(Action::Notice(Notice::info(format!(
                    "what is noted as delivered is on {}, not on {}",
                    cursor.server,
                    self.link.base()
                ))));
            }
            Some(cursor) => {
                for (path, md5) in &cursor.files {
                    self.uploader.delivered(path, *md5);
                }
                self.sender.restore(sender::Restored { mark: cursor.mark, ..cursor.first.clone() });
                if !cursor.writer.is_empty() {
                    self.link = self.link.clone().with_writer(&cursor.writer);
                }
                if cursor.complete {
                    self.life = Life::Over;
                    self.actions.push_back(Action::AlreadyDelivered);
                }
                self.store.cursor = cursor;
            }
            None if bytes.is_empty() => {}
            None => self.actions.push_back(Action::Notice(Notice::warn(format!(
                "the note of what was delivered (*{CURSOR_SUFFIX}) can't be read; everything is sent again"
            )))),
        }
        self.pump(env);
    }

    pub(super) fn on_cursor_stored(&mut self) {
        self.store.on_stored();
    }

    pub(super) fn on_cursor_not_stored(&mut self, env: &Env<'_>, failure: &Failure) {
        let text = format!("what was delivered can't be noted beside the log: {}", failure.message);
        let stops_all = self.store.on_failed(env.now);
        if stops_all && self.life == Life::Going {
            self.actions.push_back(Action::TellUser(format!(
                "Nothing is uploaded for now: {text}. Without that note rows could be sent twice. It is tried again; the run \
                 is logged on this disk meanwhile."
            )));
        }
        self.actions.push_back(Action::Notice(Notice::warn(text)));
    }

    /// The note of an earlier life is there, or may be, and can't be read now. Without it rows would be sent twice.
    pub(super) fn on_cursor_unreadable(&mut self, env: &Env<'_>, failure: &Failure) {
        if self.life != Life::Loading {
            return;
        }
        self.cursor_tries += 1;
        if self.cursor_tries < CURSOR_TRIES {
            self.reread.set(env.now.after(REREAD_INTERVAL * self.cursor_tries));
            return;
        }
        self.actions.push_back(Action::Unreadable(format!(
            "The note of what was delivered (*{CURSOR_SUFFIX}) can't be read: {}. Nothing is sent, as rows could come twice.",
            failure.message
        )));
    }

    pub(super) fn store_if_due(&mut self, env: &Env<'_>) {
        let at_once = self.wants_cursor_now();
        if let Some((path, text)) = self.store.take(env.now, at_once) {
            let effect = Effect::WriteFile { path, bytes: Bytes::from(text) };
            self.actions.push_back(Action::Effect(Tag::StoreCursor, effect));
        }
    }

    fn http(&mut self, env: &Env<'_>, tag: Tag, request: net::HttpRequest) {
        self.with_credentials(env, |credentials, cx, out| credentials.on_request(cx, tag, Box::new(request), out));
    }

    fn on_stream(&mut self, env: &Env<'_>, action: filestream::Action) {
        match action {
            filestream::Action::Http(tag, request) => self.http(env, Tag::Stream(tag), request),
            filestream::Action::WantSummary => {
                let line = self.sender.summary_line(self.stream.summary_limit(), &mut self.queues.sender);
                self.with_stream(env, |stream, cx, out| stream.on_summary(cx, line, out));
            }
            filestream::Action::Acked { next, mark } => {
                self.store.cursor.delivered = next;
                self.store.cursor.delivered.history += u64::from(planted!(CursorAhead));
                self.store.cursor.mark = mark.min(self.sender.undelivered_mark().unwrap_or(mark));
                self.store.mark(env.now, env.limits);
                self.actions.push_back(Action::Progress);
            }
            filestream::Action::LeftOut { mark } => {
                self.store.cursor.leave_out(mark);
                self.store.mark(env.now, env.limits);
            }
            filestream::Action::Stopped => self.actions.push_back(Action::Stopped),
            filestream::Action::TellUser(text) => self.actions.push_back(Action::TellUser(text)),
            filestream::Action::Notice(notice) => self.actions.push_back(Action::Notice(notice)),
            filestream::Action::Progress => {}
            filestream::Action::Finished(outcome) => self.on_stream_finished(env, outcome),
        }
    }

    fn on_uploader(&mut self, env: &Env<'_>, action: uploader::Action) {
        match action {
            uploader::Action::Stat(tag, paths) => {
                self.actions.push_back(Action::Effect(Tag::Stat(tag), Effect::StatFiles { paths }));
            }
            uploader::Action::Hash(tag, path) => {
                self.actions.push_back(Action::Effect(Tag::Hash(tag), Effect::HashFile { path }));
            }
            uploader::Action::Http(tag, request) => self.http(env, Tag::Uploader(tag), request),
            uploader::Action::Uploaded { path, digest } => {
                match digest {
                    Some(digest) => drop(self.store.cursor.files.insert(path.clone(), digest.md5)),
                    // It changed on its way: which content arrived is not known.
                    None => drop(self.store.cursor.files.remove(&path)),
                }
                self.store.mark(env.now, env.limits);
                self.with_stream(env, |stream, cx, out| stream.on_uploaded(cx, path, out));
                self.actions.push_back(Action::Progress);
            }
            uploader::Action::Failed { path, why } => {
                self.actions.push_back(Action::Notice(Notice::error(format!("{path} was not uploaded: {why}"))));
            }
            uploader::Action::FlushDone => self.on_files_flushed(),
            uploader::Action::TellUser(text) => self.actions.push_back(Action::TellUser(text)),
            uploader::Action::Notice(notice) => self.actions.push_back(Action::Notice(notice)),
            uploader::Action::Progress(_) => self.actions.push_back(Action::Progress),
        }
    }

    fn on_sender(&mut self, env: &Env<'_>, action: sender::Action) {
        match action {
            sender::Action::Http(tag, request) => self.http(env, Tag::Sender(tag), request),
            sender::Action::Upserted(run) => {
                self.actions.push_back(Action::Progress);
                self.actions.push_back(Action::Upserted(run));
            }
            sender::Action::InitFailed(error) => {
                self.life = Life::Over;
                self.actions.push_back(Action::InitFailed(error));
            }
            sender::Action::Remember(restored) => {
                let server = self.link.base().into();
                let cursor = &mut self.store.cursor;
                cursor.server = server;
                cursor.delivered = restored.base;
                cursor.writer = self.link.writer().into();
                cursor.quiet_end = self.quiet_end;
                cursor.first = *restored;
                self.store.mark_awaited();
            }
            sender::Action::Start { place, base } => {
                let delivered = self.store.cursor.delivered;
                let uploads = place.clone();
                self.with_uploader(env, |uploader, cx, out| uploader.on_start(cx, uploads, out));
                self.with_stream(env, |stream, cx, out| stream.on_start(cx, place, base, delivered, out));
            }
            // An earlier life has left this row out, and the rows behind it have their offsets by that.
            sender::Action::History | sender::Action::Event if self.store.cursor.left_out.contains(&self.mark) => {}
            sender::Action::History => {
                let Uplink { sender, stream, rng, link, queues, mark, .. } = self;
                let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
                stream.on_history(&mut cx, sender.line(), *mark, &mut queues.stream);
            }
            sender::Action::Event => {
                let Uplink { sender, stream, rng, link, queues, mark, .. } = self;
                let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
                stream.on_event(&mut cx, sender.line(), *mark, &mut queues.stream);
            }
            sender::Action::Console { number, line } => {
                let mark = self.mark;
                self.with_stream(env, |stream, cx, out| stream.on_console(cx, number, line, mark, out));
            }
            sender::Action::SummaryChanged => {
                self.with_stream(env, |stream, cx, out| stream.on_summary_changed(cx, out))
            }
            sender::Action::File { path, policy, kind } => {
                let (policy, kind) = (upload_policy(policy), upload_kind(kind));
                self.with_uploader(env, |uploader, cx, out| uploader.on_file(cx, &path, policy, kind, out));
            }
            sender::Action::Gzip(on) => self.stream.on_gzip(on),
            sender::Action::Preempting => self.with_stream(env, |stream, cx, out| stream.on_preempting(cx, out)),
            sender::Action::Exit { code } => self.exit = Some(code.filter(|_| !self.is_end_quiet())),
            sender::Action::FlushDone => self.on_sender_flushed(),
            sender::Action::TellUser(text) => self.actions.push_back(Action::TellUser(text)),
            sender::Action::Notice(notice) => self.actions.push_back(Action::Notice(notice)),
        }
    }
}
