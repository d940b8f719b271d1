//! The end of a run, as the handler does it: the exit record, and the stages that are its own to flush.

use super::{Action, Cx, Handler, Out, PendingExit, field};
use crate::{completion::Failure, defer::DeferState, id::Ticket, notice::Notice, time::UnixNanos};
use alloc::{format, string::String, vec::Vec};
use bytes::Bytes;
use prost::Message;
use runwire_proto::wire;

/// Console text that could not be written is kept up to here, then dropped with a notice.
const FAILED_PATCH_BYTES_MAX: usize = 8 << 20;

impl Handler {
    pub(super) fn on_exit(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Option<Ticket>,
        record: wire::Record,
        mut exit: wire::RunExitRecord,
        out: &mut Out,
    ) {
        if self.exit_code.is_some() {
            return self.refuse(ticket, "No response.", out);
        }
        self.timer.pause(cx.now);
        exit.runtime = i32::try_from(self.timer.elapsed(cx.now).as_secs()).unwrap_or(i32::MAX);
        self.exit_code = Some(exit.exit_code);
        self.metrics.set_runtime(i64::from(exit.runtime));
        self.exit = Some(PendingExit { ticket, record, exit });
        out.push_back(Action::ExitSeen);
    }

    /// Makes up the exit that nobody sent, if the run has none yet.
    pub(crate) fn on_teardown(&mut self, cx: &mut Cx<'_>, exit_code: i32, out: &mut Out) {
        if self.exit_code.is_none() {
            let exit = wire::RunExitRecord { exit_code, ..Default::default() };
            self.on_exit(cx, None, wire::Record::default(), exit, out);
        }
    }

    /// Brings about the condition of `stage` and says so, at once or when a file is written.
    pub(crate) fn on_flush(&mut self, cx: &mut Cx<'_>, stage: DeferState, out: &mut Out) {
        self.stage = Some((stage, cx.now));
        match stage {
            DeferState::FlushStats => {
                self.stats.stop();
                if self.probing {
                    self.awaited = Some(stage);
                    return;
                }
            }
            // The rows of event files that are still read may go into the open row.
            DeferState::FlushPartialHistory if self.tensorboard.is_used() => {}
            DeferState::FlushPartialHistory => self.commit_row(cx, out),
            DeferState::FlushTb => {
                if !self.drain_tensorboard(cx, out) {
                    self.awaited = Some(stage);
                    return;
                }
                self.end_rows(cx, out);
            }
            DeferState::FlushSum => {
                if self.awaited == Some(DeferState::FlushTb) {
                    // Its time was over: what was read so far still counts, and nothing follows the exit.
                    self.awaited = None;
                    self.stop_tensorboard(cx, out);
                    self.end_rows(cx, out);
                }
                self.checkpoint(out);
                self.persist_exit(out);
            }
            DeferState::FlushOutput => {
                self.console_timer.cancel();
                self.write_console(cx.wall, out);
                if self.patch_in_flight.is_some() {
                    self.awaited = Some(stage);
                    return;
                }
            }
            DeferState::FlushDir => {
                self.write_last_files(out);
                for path in core::mem::take(&mut self.console_files) {
                    self.upload(&path, false, out);
                }
                if !self.files.is_idle() {
                    self.awaited = Some(stage);
                    return;
                }
            }
            // What there is to send is the uplink's, and no job exists.
            DeferState::Begin
            | DeferState::FlushRun
            | DeferState::FlushDebouncer
            | DeferState::FlushJob
            | DeferState::FlushFp
            | DeferState::JoinFp
            | DeferState::FlushFs
            | DeferState::FlushFinal
            | DeferState::End => {}
        }
        out.push_back(Action::FlushDone(stage));
    }

    /// What must become records before the log closes, for a run that ends without an exit.
    pub(crate) fn on_close_without_exit(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        self.stats.stop();
        self.stop_tensorboard(cx, out);
        self.commit_row(cx, out);
        self.checkpoint(out);
        self.console_timer.cancel();
        self.write_console(cx.wall, out);
    }

    /// The end is reached: the exit is answered and no long poll waits any more.
    pub(crate) fn on_complete(&mut self, timed_out: bool, out: &mut Out) {
        self.done = true;
        self.stage = None;
        self.messages.end();
        if let Some(exit) = self.exit.take() {
            let result = wire::result::ResultType::ExitResult(wire::RunExitResult { timed_out });
            self.answer(exit.ticket, result, out);
        }
        self.deliver_messages(out);
    }

    /// The run is closed: whoever still waits gets an answer.
    pub(crate) fn on_closed(&mut self, out: &mut Out) {
        self.done = true;
        self.messages.end();
        if let Some(exit) = self.exit.take() {
            self.refuse(exit.ticket, "The run was closed before its end was complete.", out);
        }
        // Clients look for the error of a setup in a run's own answer.
        self.on_init_failed(
            wire::ErrorInfo {
                message: "Error initializing run: it was closed before the server had taken it".into(),
                code: wire::error_info::ErrorCode::Unknown.into(),
            },
            out,
        );
        self.deliver_messages(out);
    }

    pub(crate) fn on_file_written(&mut self, path: &str, failure: Option<Failure>, out: &mut Out) {
        if let Some(failure) = failure {
            out.push_back(Action::Notice(Notice::warn(format!("{path} could not be written: {}", failure.message))));
        }
        match self.files.on_written(path) {
            Some(newer) => out.push_back(Action::WriteFile(path.into(), newer)),
            None if self.files.is_idle() && self.awaited == Some(DeferState::FlushDir) => {
                self.awaited = None;
                out.push_back(Action::FlushDone(DeferState::FlushDir));
            }
            None => {}
        }
    }

    pub(crate) fn on_patched(&mut self, failure: Option<Failure>, wall: UnixNanos, out: &mut Out) {
        let patch = self.patch_in_flight.take();
        let failed = failure.is_some();
        if let (Some(failure), Some(patch)) = (failure, patch) {
            out.push_back(Action::Notice(Notice::warn(format!(
                "console output could not be written to {}: {}",
                patch.0, failure.message
            ))));
            if patch.2.len() <= FAILED_PATCH_BYTES_MAX {
                self.failed_patch = Some(patch);
            } else {
                self.console.stop_file();
                out.push_back(Action::Notice(Notice::error("console output is no longer written to its file")));
            }
        }
        // At the end, or with several files, another part may follow at once.
        if !failed && (self.awaited.is_some() || self.console.is_file_due()) {
            self.write_console(wall, out);
            if self.patch_in_flight.is_some() {
                return;
            }
        }
        if self.awaited == Some(DeferState::FlushOutput) {
            self.awaited = None;
            out.push_back(Action::FlushDone(DeferState::FlushOutput));
        }
    }

    pub(crate) fn on_sampled(&mut self, items: Vec<(String, f64)>, wall: UnixNanos, out: &mut Out) {
        if let Some(record) = self.stats.on_sampled(items, wall) {
            self.persist(field::STATS, &record, out);
        }
    }

    pub(crate) fn on_sample_failed(&mut self) {
        self.stats.on_failed();
    }

    /// Hands console output to its file, unless the last part is still being written: then it follows later.
    pub(super) fn write_console(&mut self, wall: UnixNanos, out: &mut Out) {
        if self.patch_in_flight.is_some() {
            return;
        }
        let (path, at, bytes) = match (self.console.take_file_patch(wall.micros()), self.failed_patch.take()) {
            (None, None) => return,
            (None, Some(failed)) => failed,
            (Some(patch), failed) => {
                if !self.console_files.contains(&patch.path) {
                    self.console_files.insert(patch.path.clone());
                }
                let path = format!("{}/{}", self.files_dir, patch.path);
                match failed {
                    Some((old_path, old_at, old)) if old_path == path && old_at <= patch.at => {
                        let mut whole = old[..old.len().min((patch.at - old_at) as usize)].to_vec();
                        whole.extend_from_slice(&patch.bytes);
                        (path, old_at, Bytes::from(whole))
                    }
                    other => {
                        if let Some((old_path, ..)) = other {
                            out.push_back(Action::Notice(Notice::error(format!("the end of {old_path} is lost"))));
                        }
                        (path, patch.at, Bytes::from(patch.bytes))
                    }
                }
            }
        };
        self.patch_in_flight = Some((path.clone(), at, bytes.clone()));
        out.push_back(Action::PatchFile(path, at, bytes));
    }

    /// Lets console output follow to its file: after a while, or at once if much is held.
    pub(super) fn mark_console(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if self.console.is_file_due() {
            self.write_console(cx.wall, out);
        } else if self.console.is_file_dirty() {
            self.console_timer.set_if_idle(cx.now.after(cx.limits.console_interval));
        }
    }

    fn write_last_files(&mut self, out: &mut Out) {
        if (self.config.write_summary_files || self.config.is_online()) && self.config.primary() {
            self.put_metrics_in_config();
            let config = self.run_config.to_yaml();
            self.write_file("config.yaml", Bytes::from(config), out);
            self.write_file("wandb-summary.json", Bytes::from(self.metrics.summary_json(None)), out);
            self.upload("config.yaml", false, out);
            self.upload("wandb-summary.json", false, out);
        }
    }

    fn persist_exit(&mut self, out: &mut Out) {
        let Some(pending) = &self.exit else { return };
        self.exit_stored = true;
        let mut around = pending.record.clone();
        around.num = 0;
        around.record_type = None;
        out.push_back(Action::PersistExit(around.encode_to_vec(), pending.exit.encode_to_vec()));
        let behind = self.steps.rows_behind();
        if behind > 0 {
            out.push_back(Action::Notice(Notice::warn(format!(
                "rows refused because their step was behind: {behind}"
            ))));
        }
    }
}
