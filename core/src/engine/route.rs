//! Who answers to whom: turns each machine's actions into calls of another or into outputs, until nothing is left.
//!
//! Every match lists every action, so that a new one can't be swallowed.

use super::{Closing, Engine, origin::Origin};
use crate::{
    completion::{Completion, Failure},
    defer::{self, DeferState, condition},
    effect::{Effect, EffectKind},
    handler,
    notice::Notice,
    output::{Output, Reply},
    uplink,
    writer::{self, Entry, user_text},
};
use alloc::{boxed::Box, format, string::String, vec::Vec};

/// More steps than any input can honestly cause: a loop of actions is a bug, and a bug must not hang a program.
const STEPS_MAX: usize = 1_000_000;

impl Engine {
    pub(super) fn route(&mut self) {
        for _ in 0..STEPS_MAX {
            if let Some(action) = self.queues.handler.pop_front() {
                self.on_handler(action);
            } else if let Some(action) = self.queues.writer.pop_front() {
                self.on_writer(action);
            } else if let Some(action) = self.queues.defer.pop_front() {
                self.on_defer(action);
            } else if let Some(action) = self.uplink.as_mut().and_then(|uplink| uplink.pop_action()) {
                self.on_uplink(action);
            } else {
                return;
            }
        }
        unreachable!("the machines keep each other busy without end");
    }

    /// Gives the outcome of an effect to the machine that asked for it.
    pub(super) fn settle(&mut self, origin: Origin, completion: Completion) {
        if let Origin::Uplink(tag) = origin {
            return self.with_uplink(|uplink, env| uplink.on_completed(env, tag, completion));
        }
        let failure = match &completion {
            Completion::Failed(failure) => Some(failure.clone()),
            Completion::Opened
            | Completion::Appended
            | Completion::Synced
            | Completion::Closed
            | Completion::Written
            | Completion::Tail { .. }
            | Completion::Sampled(_)
            | Completion::Probed(_)
            | Completion::CodeSaved(_)
            | Completion::Read(_)
            | Completion::Stats(_)
            | Completion::Hashed(_)
            | Completion::Http(_) => None,
        };
        let now = self.last_now;
        let wall = self.wall();
        let Engine { handler, writer, queues, config, rng, .. } = self;
        match (origin, failure) {
            (Origin::Open, Some(failure)) => self.on_open_failed(failure),
            (Origin::Open, None) => {
                writer.on_opened(&config.limits, &mut queues.writer);
                self.reply_opened();
            }
            (Origin::Append, Some(failure)) => {
                writer.on_append_failed(now, rng.next_u64(), failure, &mut queues.writer);
            }
            (Origin::Append, None) => writer.on_appended(&config.limits, &mut queues.writer),
            (Origin::Sync { .. }, Some(failure)) => writer.on_sync_failed(failure, &mut queues.writer),
            (Origin::Sync { upto }, None) => writer.on_synced(upto, &mut queues.writer),
            (Origin::Close, _) => writer.on_closed(&mut queues.writer),
            (Origin::File { path }, failure) => handler.on_file_written(&path, failure, &mut queues.handler),
            (Origin::ConsolePatch, failure) => handler.on_patched(failure, wall, &mut queues.handler),
            (Origin::Tail { watch }, failure) => match (completion, failure) {
                (Completion::Tail { files, bytes }, None) => {
                    self.with_handler(|handler, cx, out| handler.on_tail(cx, watch, Some((&files, &bytes)), out));
                }
                (_, _) => self.with_handler(|handler, cx, out| handler.on_tail(cx, watch, None, out)),
            },
            (Origin::Link { path }, failure) => {
                self.with_handler(|handler, cx, out| handler.on_linked(cx, &path, failure, out));
            }
            (Origin::Sample, None) => {
                if let Completion::Sampled(items) = completion {
                    handler.on_sampled(items, wall, &mut queues.handler);
                }
            }
            (Origin::Sample, Some(_)) => handler.on_sample_failed(),
            (Origin::Uplink(_), _) => unreachable!("handled above"),
            (Origin::Probe, None) => {
                if let Completion::Probed(facts) = completion {
                    handler.on_probed(*facts, &mut queues.handler);
                }
            }
            (Origin::Code, None) => {
                if let Completion::CodeSaved(paths) = completion {
                    handler.on_code_saved(&paths, &mut queues.handler);
                }
            }
            (origin @ (Origin::Probe | Origin::Code), Some(failure)) => {
                if origin == Origin::Probe {
                    handler.on_probe_over(&mut queues.handler);
                }
                self.notice(Notice::warn(format!(
                    "facts about the machine or the code are missing: {}",
                    failure.message
                )));
            }
        }
    }

    pub(super) fn issue_open(&mut self, path: String) {
        let files_dir = self.config.files_dir();
        self.issue(Effect::OpenLog { path, files_dir }, Origin::Open);
    }

    fn on_handler(&mut self, action: handler::Action) {
        let now = self.last_now;
        let Engine { handler, writer, queues, config, .. } = self;
        match action {
            handler::Action::PersistRaw(record) => {
                writer.on_persist(now, &config.limits, Entry::Raw(&record), &mut queues.writer);
            }
            handler::Action::PersistMade(field, body) => {
                writer.on_persist(now, &config.limits, Entry::Made(field, &body), &mut queues.writer);
                handler.recycle(body);
            }
            handler::Action::PersistExit(around, body) => {
                let record = self.exit_record(around, body);
                let Engine { writer, queues, config, .. } = self;
                writer.on_persist(now, &config.limits, Entry::Exit(&record), &mut queues.writer);
            }
            handler::Action::Reply(ticket, reply) => self.outbox.push_back(Output::Reply(ticket, reply)),
            handler::Action::Notice(notice) => self.notice(notice),
            handler::Action::WriteFile(path, bytes) => {
                self.issue(Effect::WriteFile { path: path.clone(), bytes }, Origin::File { path });
            }
            handler::Action::PatchFile(path, at, bytes) => {
                self.issue(Effect::PatchFile { path, at, bytes }, Origin::ConsolePatch);
            }
            handler::Action::LinkFile(source, path) => {
                self.issue(Effect::LinkFile { source, path: path.clone() }, Origin::Link { path });
            }
            handler::Action::Tail(watch, folder, read) => {
                self.issue(Effect::TailFiles { folder, read }, Origin::Tail { watch });
            }
            handler::Action::Sample => {
                let settings = Box::new(self.config.settings.clone());
                self.issue(Effect::SampleSystem(settings), Origin::Sample);
            }
            handler::Action::Probe => {
                let settings = Box::new(self.config.settings.clone());
                self.issue(Effect::ProbeSystem(settings), Origin::Probe);
            }
            handler::Action::SaveCode => {
                let settings = Box::new(self.config.settings.clone());
                let files_dir = self.config.files_dir();
                self.issue(Effect::SaveCode { settings, files_dir }, Origin::Code);
            }
            handler::Action::ExitSeen => {
                let Engine { defer, queues, config, .. } = self;
                defer.on_exit_seen(now, &config.limits, config.finish_timeout(), &mut queues.defer);
            }
            handler::Action::Hurry => writer.hurry(&config.limits, &mut queues.writer),
            handler::Action::FlushDone(stage) if self.uplink.is_some() => {
                // The server waits for what is in the log, and the device can take its time beside the server.
                if stage < DeferState::FlushSum {
                    writer.hurry(&config.limits, &mut queues.writer);
                } else {
                    writer.begin_flush(&config.limits, &mut queues.writer);
                }
                self.with_uplink(|uplink, env| uplink.on_flush(env, stage));
            }
            handler::Action::FlushDone(stage) => {
                let Engine { defer, queues, config, .. } = self;
                defer.on_flushed(now, &config.limits, stage, &mut queues.defer);
            }
            handler::Action::Upload { path, now } => {
                self.with_uplink(|uplink, env| uplink.on_own_file(env, &path, now));
            }
            handler::Action::Ask(ticket, question) => {
                let wall = self.wall();
                let Engine { uplink, handler, queues, config, last_now, .. } = self;
                let env = uplink::Env { now: *last_now, wall, limits: &config.limits };
                let report = uplink.as_mut().map(|uplink| uplink.report(&env, question)).unwrap_or_default();
                let mut cx = handler::Cx { now: *last_now, wall, limits: &config.limits };
                handler.on_report(&mut cx, ticket, question, report, &mut queues.handler);
            }
        }
    }

    fn on_writer(&mut self, action: writer::Action) {
        match action {
            writer::Action::Append { at, bytes } => self.issue(Effect::AppendLog { at, bytes }, Origin::Append),
            writer::Action::Sync { upto } => self.issue(Effect::SyncLog { upto }, Origin::Sync { upto }),
            writer::Action::Durable { at, bytes } => {
                self.with_uplink(|uplink, env| uplink.on_durable(env, at, &bytes));
            }
            writer::Action::Close => {
                // Time is up: what the disk was still to do is counted as lost, and nothing may run beside the close.
                for id in self.ledger.abandon_kinds(&[EffectKind::AppendLog, EffectKind::SyncLog]) {
                    self.outbox.push_back(Output::Cancel(id));
                }
                self.issue(Effect::CloseLog, Origin::Close);
            }
            writer::Action::FlushDone(outcome) => self.on_log_flushed(outcome),
            writer::Action::Failing(failure) => {
                let text = format!(
                    "The run's log can't be written: {} ({}). Rows are kept in memory and written when the disk works \
                     again; when memory for them is full, new ones are refused and counted.",
                    user_text(&failure),
                    failure.message
                );
                self.tell_user(text);
            }
            writer::Action::Recovered { refused: 0 } => {
                self.tell_user("The run's log is written again; nothing is lost.".into())
            }
            writer::Action::Recovered { refused } => {
                self.tell_user(format!("The run's log is written again; {refused} records were refused meanwhile."));
            }
            writer::Action::Closed => self.finish(None),
        }
    }

    fn on_uplink(&mut self, action: uplink::Action) {
        let now = self.last_now;
        match action {
            uplink::Action::Effect(tag, effect) => self.issue(effect, Origin::Uplink(tag)),
            uplink::Action::Upserted(run) => {
                self.with_handler(|handler, cx, out| handler.on_upserted(cx, *run, out));
            }
            uplink::Action::InitFailed(error) => self.handler.on_init_failed(error, &mut self.queues.handler),
            uplink::Action::Unreadable(text) => self.tell_user(text),
            uplink::Action::AlreadyDelivered => {}
            uplink::Action::Stopped => self.handler.on_stopped(),
            uplink::Action::FlushDone(stage) => {
                let Engine { defer, queues, config, .. } = self;
                defer.on_flushed(now, &config.limits, stage, &mut queues.defer);
            }
            uplink::Action::Progress => self.defer.on_progress(now, &self.config.limits),
            uplink::Action::TellUser(text) => self.tell_user(text),
            uplink::Action::Notice(notice) => self.notice(notice),
        }
    }

    fn on_defer(&mut self, action: defer::Action) {
        match action {
            defer::Action::Flush(DeferState::FlushFinal) => {
                self.writer.on_flush(&self.config.limits, &mut self.queues.writer);
            }
            defer::Action::Flush(stage) => {
                self.with_handler(|handler, cx, out| handler.on_flush(cx, stage, out));
            }
            // What is told of a stage of this machine's own says so already.
            defer::Action::TimeOver(stage) if self.uplink.is_none() || !defer::is_remote(stage) => {}
            defer::Action::TimeOver(_) => {
                self.tell_user("Timed out finishing run: the time that finish_timeout gives is over.".into());
            }
            defer::Action::Stuck(stage) | defer::Action::CutShort(stage)
                if self.uplink.is_some() && defer::is_remote(stage) =>
            {
                // The uplink knows what is left and says it.
                self.with_uplink(|uplink, env| uplink.give_up(env));
            }
            defer::Action::Stuck(stage) => {
                self.tell_user(format!("The end of the run no longer waits for {}.", condition(stage)));
            }
            defer::Action::CutShort(stage) => {
                self.with_uplink(|uplink, env| uplink.give_up(env));
                self.tell_user(format!(
                    "The time for finishing the run is over; it was waiting for {}.",
                    condition(stage)
                ));
            }
            defer::Action::Complete { timed_out } => {
                self.summary.timed_out = timed_out;
                self.handler.on_complete(timed_out, &mut self.queues.handler);
                if self.closing == Closing::AfterEnd {
                    self.begin_last_flush();
                }
            }
        }
    }

    fn on_log_flushed(&mut self, outcome: Result<(), String>) {
        let now = self.last_now;
        if let Err(why) = &outcome {
            self.tell_user(format!("The run's log may not survive a power cut: {why}."));
        }
        if self.defer.state() == DeferState::FlushFinal {
            let Engine { defer, queues, config, .. } = self;
            match outcome {
                Ok(()) => defer.on_flushed(now, &config.limits, DeferState::FlushFinal, &mut queues.defer),
                Err(_) => defer.on_failed(now, &config.limits, DeferState::FlushFinal, &mut queues.defer),
            }
        } else if self.closing == Closing::LastFlush {
            self.close_log();
        }
    }

    /// Without its log an offline run would keep nothing: it ends here, and whoever opened it hears why.
    fn on_open_failed(&mut self, failure: Failure) {
        let path = self.config.log_path().unwrap_or_default();
        let text = format!(
            "The run's log {path} can't be made: {} ({}). Choose another directory, for example with WANDB_DIR.",
            user_text(&failure),
            failure.message
        );
        self.notice(Notice::error(text.clone()));
        if let Some(ticket) = self.open_ticket.take() {
            self.outbox.push_back(Output::Reply(ticket, Reply::Error(text.clone())));
        }
        self.writer.on_close(&mut self.queues.writer);
        self.queues.writer.clear();
        self.finish(Some(text));
    }

    fn exit_record(&self, mut around: Vec<u8>, mut body: Vec<u8>) -> Vec<u8> {
        let mut accounts = self.accounts();
        accounts.accepted += 1;
        body.extend_from_slice(&accounts.encode());
        prost::encoding::encode_key(handler::field::EXIT, prost::encoding::WireType::LengthDelimited, &mut around);
        prost::encoding::encode_varint(body.len() as u64, &mut around);
        around.extend_from_slice(&body);
        around
    }

    fn issue(&mut self, effect: Effect, origin: Origin) {
        // Several deadlines may pass in one tick, and the first of them may have ended the run.
        if self.closing == Closing::Done {
            return;
        }
        let within = effect.deadline(&self.config.limits);
        let id = self.ledger.issue(effect.kind(), origin, self.last_now, within);
        self.outbox.push_back(Output::Effect(id, effect));
    }

    fn tell_user(&mut self, text: String) {
        let Engine { handler, queues, config, .. } = self;
        handler.tell_user(text, &config.limits, &mut queues.handler);
    }

    fn notice(&mut self, notice: Notice) {
        self.outbox.push_back(Output::Notice(notice));
    }
}
