//! What TensorBoard's files say becomes rows and files of the run.
//!
//! Which folders are read, and when, is the business of [`crate::tensorboard`].

use super::{Action, Cx, Handler, Out, field};
use crate::{
    completion::Failure,
    defer::DeferState,
    metrics::{Item, ItemValue},
    notice::Notice,
    tensorboard::{self, Cell, Run},
};
use alloc::{collections::VecDeque, format, string::String};
use bytes::Bytes;
use runwire_proto::wire::{self, files_item::PolicyType};

type Acts = VecDeque<tensorboard::Action>;

impl Handler {
    pub(super) fn on_tensorboard(&mut self, cx: &mut Cx<'_>, record: &wire::TbRecord, out: &mut Out) {
        // After the exit nothing is logged any more.
        if self.exit_code.is_some() {
            return;
        }
        let mut acts = Acts::new();
        let started = self.run.as_ref().and_then(|run| run.start_time.as_ref()).map(|time| time.seconds);
        let run = Run {
            current_dir: &self.config.current_dir,
            host: self.config.settings.host.as_deref().unwrap_or_default(),
            since: self.config.settings.x_start_time.map_or(started.unwrap_or(0), |seconds| seconds as i64),
        };
        self.tensorboard.on_record(cx.now, &run, record, &mut acts);
        self.obey(cx, acts, out);
    }

    pub(super) fn tick_tensorboard(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        let mut acts = Acts::new();
        self.tensorboard.on_tick(cx.now, &mut acts);
        self.obey(cx, acts, out);
    }

    /// What a watched folder holds, with the bytes that were asked for; `None` if it could not be read.
    pub(crate) fn on_tail(
        &mut self,
        cx: &mut Cx<'_>,
        watch: usize,
        read: Option<(&[(String, u64)], &Bytes)>,
        out: &mut Out,
    ) {
        let mut acts = Acts::new();
        match read {
            Some((files, bytes)) => self.tensorboard.on_tail(cx.now, watch, files, bytes, &mut acts),
            None => self.tensorboard.on_tail_failed(cx.now, watch, &mut acts),
        }
        self.obey(cx, acts, out);
    }

    /// A file was linked into the run's folder, or can't be.
    pub(crate) fn on_linked(&mut self, cx: &mut Cx<'_>, path: &str, failure: Option<Failure>, out: &mut Out) {
        if let Some(failure) = failure {
            out.push_back(Action::Notice(Notice::warn(format!("{path} could not be made: {}", failure.message))));
        }
        let mut acts = Acts::new();
        self.tensorboard.on_linked(&mut acts);
        self.obey(cx, acts, out);
    }

    /// Whether everything is read and logged already.
    pub(super) fn drain_tensorboard(&mut self, cx: &mut Cx<'_>, out: &mut Out) -> bool {
        let mut acts = Acts::new();
        self.tensorboard.on_drain(cx.now, &mut acts);
        let drained = acts.contains(&tensorboard::Action::Drained);
        self.obey(cx, acts, out);
        drained
    }

    pub(super) fn stop_tensorboard(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        let mut acts = Acts::new();
        self.tensorboard.stop(&mut acts);
        self.obey(cx, acts, out);
    }

    fn obey(&mut self, cx: &mut Cx<'_>, acts: Acts, out: &mut Out) {
        for act in acts {
            match act {
                tensorboard::Action::Tail { watch, folder, want } => {
                    out.push_back(Action::Tail(watch, folder, want.map(|want| (want.path, want.at, want.len))));
                }
                tensorboard::Action::Row(_) if self.exit_stored => {}
                tensorboard::Action::Row(cells) => self.log_cells(cx, &cells, out),
                tensorboard::Action::Save { source, path } => {
                    out.push_back(Action::LinkFile(source, format!("{}/{path}", self.files_dir)));
                    let item = wire::FilesItem { path, policy: PolicyType::End.into(), ..Default::default() };
                    self.persist(field::FILES, &wire::FilesRecord { files: [item].into(), info: None }, out);
                }
                tensorboard::Action::Tell(text) => out.push_back(Action::Notice(Notice::warn(text))),
                tensorboard::Action::Drained => {
                    if self.awaited == Some(DeferState::FlushTb) {
                        self.awaited = None;
                        self.end_rows(cx, out);
                        out.push_back(Action::FlushDone(DeferState::FlushTb));
                    }
                }
            }
        }
    }

    /// All rows of event files are there: what is still open is the client's, and the run ends now.
    pub(super) fn end_rows(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        if let Some(exit) = self.exit.as_ref().filter(|_| self.tensorboard.is_used()) {
            self.metrics.set_runtime(i64::from(exit.exit.runtime));
        }
        self.commit_row(cx, out);
    }

    /// A row of an event file takes the next step, and what is in the open row with it.
    fn log_cells(&mut self, cx: &mut Cx<'_>, cells: &[Cell], out: &mut Out) {
        self.steps.begin(self.started.as_ref().map_or(0, |run| run.starting_step));
        for cell in cells {
            let nested = cell.path.iter().map(String::as_str);
            let merged = self.metrics.merge(Item { key: "", nested, value: ItemValue::Json(&cell.json) });
            if let Err(error) = merged {
                self.bad_values += 1;
                out.push_back(Action::Notice(Notice::error(format!("a value of a row was left out: {error}"))));
            }
        }
        self.commit_row(cx, out);
        self.steps.advance();
    }
}
