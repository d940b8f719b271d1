//! The end of an upload: the stages of the run's end that wait for the server, what the user is told meanwhile, and what is
//! left when the time is over.

use super::{Action, Env, Left, Life, Question, Report, Uplink};
use crate::{
    defer::{DeferState, is_remote},
    net::in_seconds,
    time::{Duration, Instant},
    uploader::FileCounts,
};
use alloc::{format, string::String, vec::Vec};
use runwire_proto::wire;

/// How long the end may wait for the server before the user hears about it.
const ANNOUNCED_AFTER: Duration = Duration::from_secs(5);

fn counts(arrived: FileCounts) -> wire::FileCounts {
    let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
    wire::FileCounts {
        wandb_count: number(arrived.wandb),
        media_count: number(arrived.media),
        artifact_count: number(arrived.artifact),
        other_count: number(arrived.other),
    }
}

impl Uplink {
    /// Brings about the server's part of `stage` and says so, now or later.
    pub(crate) fn on_flush(&mut self, env: &Env<'_>, stage: DeferState) {
        self.stage = Some(stage);
        if is_remote(stage) && self.life == Life::Going {
            self.announce.set_if_idle(env.now.after(ANNOUNCED_AFTER));
            match stage {
                DeferState::JoinFp => self.with_uploader(env, |uploader, cx, out| uploader.on_flush(cx, out)),
                DeferState::FlushFs => {
                    let exit = self.exit.flatten();
                    self.with_stream(env, |stream, cx, out| stream.on_finish(cx, exit, out));
                }
                DeferState::FlushRun => self.with_sender(env, |sender, cx, _| sender.hurry_setup(cx)),
                DeferState::FlushDebouncer
                | DeferState::Begin
                | DeferState::FlushStats
                | DeferState::FlushPartialHistory
                | DeferState::FlushTb
                | DeferState::FlushSum
                | DeferState::FlushOutput
                | DeferState::FlushJob
                | DeferState::FlushDir
                | DeferState::FlushFp
                | DeferState::FlushFinal
                | DeferState::End => {}
            }
        }
        self.pump(env);
    }

    /// Looks whether the stage that is waited for is done, as far as nobody reports it.
    pub(super) fn advance_stage(&mut self, env: &Env<'_>) {
        self.store_if_due(env);
        match self.stage {
            None => {}
            Some(DeferState::FlushFs) if self.life == Life::Over && !self.store.is_settled() => {}
            Some(stage) if self.life == Life::Over || !is_remote(stage) => self.stage_done(stage),
            // A run whose record never came has nothing to wait for.
            Some(DeferState::FlushRun)
                if self.sender.wants_records() && (self.sender.has_run() || self.reader.is_caught_up()) =>
            {
                self.stage_done(DeferState::FlushRun);
            }
            Some(DeferState::FlushDebouncer) if self.exit.is_some() && !self.flush_asked => {
                self.flush_asked = true;
                self.with_sender(env, |sender, cx, out| sender.on_flush(cx, out));
                if !self.queues.sender.is_empty() {
                    self.pump(env);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn on_sender_flushed(&mut self) {
        if self.stage == Some(DeferState::FlushDebouncer) {
            self.stage_done(DeferState::FlushDebouncer);
        }
    }

    pub(super) fn on_files_flushed(&mut self) {
        if self.stage == Some(DeferState::JoinFp) {
            self.stage_done(DeferState::JoinFp);
        }
    }

    pub(super) fn on_stream_finished(&mut self, env: &Env<'_>, outcome: Result<(), String>) {
        let was_going = self.life == Life::Going;
        self.life = Life::Over;
        self.announce.cancel();
        match outcome {
            Ok(()) => {
                // With a file left behind there is something to do for a later upload.
                self.store.cursor.complete = self.exit.is_some() && self.files_arrived();
                self.store.mark(env.now, env.limits);
            }
            Err(why) if was_going => {
                let text = self.words_of_what_is_left(&Left { trouble: Some(why), ..self.left() });
                self.actions.push_back(Action::TellUser(text));
            }
            Err(_) => {}
        }
    }

    /// What is left, why, and what the user can do.
    fn words_of_what_is_left(&self, left: &Left) -> String {
        let mut text = String::from("Not everything of this run has reached the server");
        let mut parts: Vec<String> = Vec::new();
        if left.rows > 0 || left.log_bytes > 0 {
            parts.push(format!("{} lines", left.rows));
        }
        if left.log_bytes > 0 {
            parts.push(format!("{} KiB of its log", left.log_bytes.div_ceil(1024)));
        }
        if left.files > 0 {
            parts.push(format!("{} files", left.files));
        }
        if !parts.is_empty() {
            text.push_str(&format!(" (left: {})", parts.join(", ")));
        }
        if let Some(trouble) = &left.trouble {
            text.push_str(&format!("; the last error was: {trouble}"));
        }
        text.push_str(&format!(
            ". Nothing is lost: it is on this disk, and `runwire sync {}` delivers it.",
            self.folder
        ));
        text
    }

    /// Whether the cursor is to be written without waiting for its time.
    pub(super) fn wants_cursor_now(&self) -> bool {
        self.life == Life::Over
    }

    /// The time for the server is over: nothing more is sent, and the user hears what is left.
    pub(crate) fn give_up(&mut self, env: &Env<'_>) {
        if self.life == Life::Over {
            return;
        }
        let text = self.words_of_what_is_left(&self.left());
        self.sender.abandon(&mut self.queues.sender);
        self.stream.give_up(&mut self.queues.stream);
        self.with_uploader(env, |uploader, cx, out| uploader.give_up(cx, out));
        self.life = Life::Over;
        self.store.stop_waiting();
        self.announce.cancel();
        self.reread.cancel();
        self.actions.push_back(Action::TellUser(text));
        self.pump(env);
    }

    pub(super) fn say_what_is_awaited(&mut self, env: &Env<'_>) {
        let Some((trouble, next)) = self.trouble() else {
            if self.stage.is_some_and(is_remote) {
                self.announce.set(env.now.after(ANNOUNCED_AFTER));
            }
            return;
        };
        if self.announced {
            return;
        }
        self.announced = true;
        let left = self.left();
        let next = next.map_or_else(String::new, |at| format!("; the next try is {}", in_seconds(at.since(env.now))));
        self.actions.push_back(Action::TellUser(format!(
            "The end of the run waits for the server: {trouble}{next}. Left: {} lines, {} files. The wait ends after {} s \
             without progress; what is left then stays on this disk for `runwire sync`.",
            left.rows,
            left.files,
            env.limits.finish_patience.as_secs()
        )));
    }

    /// What has not reached the server.
    pub(crate) fn left(&self) -> Left {
        let pending = self.stream.pending();
        Left {
            log_bytes: self.reader.behind(),
            rows: pending.rows as u64,
            files: self.uploader.pending() + self.uploader.failed().count(),
            trouble: self.trouble().map(|(text, _)| text),
        }
    }

    /// The answer to what a client asks about the upload.
    pub(crate) fn report(&mut self, env: &Env<'_>, question: Question) -> Report {
        let mut report = Report { counts: counts(self.uploader.counts()), ..Report::default() };
        (report.bytes_done, report.bytes_total) = self.uploader.bytes();
        match question {
            Question::NetworkStatus => report.responses = self.sender.responses(),
            Question::PollExit | Question::Operations => {
                report.operations.extend(self.sender.operations().into_iter().map(|operation| wire::Operation {
                    desc: operation.desc,
                    runtime_seconds: env.now.since(operation.since).as_secs_f64(),
                    error_status: operation.error_status,
                    ..Default::default()
                }));
                report.operations.extend(self.uploader.operations().into_iter().map(|operation| wire::Operation {
                    desc: operation.desc,
                    runtime_seconds: env.now.since(operation.since).as_secs_f64(),
                    error_status: operation.trouble.unwrap_or_default(),
                    ..Default::default()
                }));
                if self.reader.is_following() {
                    let desc = "waiting for more data".into();
                    report.operations.push(wire::Operation { desc, ..Default::default() });
                }
                if let Some((trouble, _)) = self.stream.trouble() {
                    report.operations.push(wire::Operation {
                        desc: "uploading data".into(),
                        error_status: trouble,
                        ..Default::default()
                    });
                }
            }
        }
        report
    }

    fn trouble(&self) -> Option<(String, Option<Instant>)> {
        self.stream.trouble().or_else(|| self.sender.trouble()).or_else(|| self.uploader.trouble())
    }

    fn stage_done(&mut self, stage: DeferState) {
        self.stage = None;
        self.actions.push_back(Action::FlushDone(stage));
    }
}
