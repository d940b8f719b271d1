//! Records: what each one of the log means for the server.

use super::{
    Sender, State,
    action::{Action, Mode, Out},
    query::Parts,
};
use crate::{
    console::Stream,
    metrics::{Item, ItemValue},
    notice::Notice,
    rng,
    time::UnixNanos,
    uplink::Cx,
};
use alloc::format;
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    peek::{self, PartialHistory, PeekError, record_kind},
    wire::{self, output_raw_record::OutputType, record::RecordType},
};

const CONFIG: Parts = Parts { params: false, config: true };
const PARAMS: Parts = Parts { params: true, config: false };

impl Sender {
    /// The next record of the log: its bytes, and the log offset behind it. Only rows are on the hot path: they are not
    /// decoded, and their line is built in a buffer that is used again.
    pub(crate) fn on_record(&mut self, cx: &mut Cx<'_>, record: &Bytes, mark: u64, out: &mut Out) {
        let row = match peek::record(record) {
            Ok(seen) if seen.kind == Some(record_kind::HISTORY) => self.on_row(&seen.body, out),
            Ok(_) | Err(PeekError::Unusual) => return self.on_decoded(cx, record, mark, out),
            Err(error) => Err(error),
        };
        match row {
            Ok(()) => {}
            Err(PeekError::Unusual) => self.on_decoded(cx, record, mark, out),
            Err(error) => unreadable(&error, out),
        }
    }

    /// A row, as the body of its `HistoryRecord`.
    fn on_row(&mut self, body: &[u8], out: &mut Out) -> Result<(), PeekError> {
        if self.is_over(out) {
            return Ok(());
        }
        let mut failed = None;
        let items = PartialHistory::new(body)?.map_while(|item| item.map_err(|error| failed = Some(error)).ok());
        let items = items.map(|item| Item { key: item.key, value: ItemValue::scanned(&item), nested: item.nested });
        let left_out = self.metrics.fold_line(items, |logged| self.steps.assign(logged), &mut self.line);
        if let Some(error) = failed {
            unreadable(&error, out);
        }
        self.row_done(left_out, out);
        Ok(())
    }

    fn on_decoded_row(&mut self, record: &wire::HistoryRecord, out: &mut Out) {
        if self.is_over(out) {
            return;
        }
        let items = record.item.iter().map(|item| Item {
            key: &item.key,
            nested: item.nested_key.iter().map(|label| &**label),
            value: ItemValue::of(item),
        });
        let left_out = self.metrics.fold_line(items, |logged| self.steps.assign(logged), &mut self.line);
        self.row_done(left_out, out);
    }

    fn row_done(&mut self, left_out: usize, out: &mut Out) {
        out.push_back(Action::History);
        self.summary_changed(out);
        if left_out > 0 {
            out.push_back(Action::Notice(Notice::error(format!("{left_out} values of a row are not valid JSON"))));
        }
        if self.steps.take_behind() > 0 {
            let step = self.steps.last().unwrap_or_default();
            out.push_back(Action::Notice(Notice::warn(format!(
                "a row's step is behind the running one; it is uploaded as step {step}"
            ))));
        }
    }

    fn on_decoded(&mut self, cx: &mut Cx<'_>, record: &Bytes, mark: u64, out: &mut Out) {
        let record = match wire::Record::decode(&record[..]) {
            Ok(record) => record,
            Err(error) => return unreadable(&error, out),
        };
        let from_client = record.info.is_some();
        let Some(kind) = record.record_type else { return };
        if matches!(self.state, State::Failed) {
            if let RecordType::Exit(_) = kind {
                out.push_back(Action::Exit { code: None });
            }
            return;
        }
        match kind {
            RecordType::History(row) => self.on_decoded_row(&row, out),
            RecordType::Summary(summary) => {
                if self.is_over(out) {
                    return;
                }
                if from_client {
                    // What can't be taken was reported when it was logged.
                    let _ = self.metrics.update_summary(&summary);
                } else {
                    self.metrics.fold_checkpoint(&summary);
                }
                self.summary_changed(out);
            }
            RecordType::Config(config) => {
                let _ = self.config.apply(&config);
                self.mark_dirty(cx.now, CONFIG);
            }
            RecordType::Telemetry(telemetry) => {
                self.config.merge_telemetry(&telemetry);
                self.mark_dirty(cx.now, CONFIG);
            }
            RecordType::Metric(metric) => {
                if self.metrics.define(&metric).is_ok() {
                    self.summary_changed(out);
                    self.mark_dirty(cx.now, CONFIG);
                }
            }
            RecordType::Environment(environment) => self.on_environment(cx, &environment),
            RecordType::OutputRaw(raw) => {
                if !self.is_over(out) {
                    let stream = match raw.output_type() {
                        OutputType::Stderr => Stream::Stderr,
                        OutputType::Stdout => Stream::Stdout,
                    };
                    self.on_output(cx, stream, &raw.line, micros(raw.timestamp, cx.wall), out);
                }
            }
            RecordType::OutputLogger(logged) => {
                if !self.is_over(out) {
                    self.on_logged_line(cx, &logged.line, cx.wall.micros(), out);
                }
            }
            RecordType::Stats(stats) => {
                if !self.is_over(out) {
                    self.on_stats(cx.wall, &stats, out);
                }
            }
            RecordType::Files(files) => {
                for file in files.files {
                    let (policy, kind) = (file.policy(), file.r#type());
                    out.push_back(Action::File { path: file.path, policy, kind });
                }
            }
            RecordType::Alert(alert) => self.on_alert(cx, alert, mark, out),
            RecordType::Preempting(_) => out.push_back(Action::Preempting),
            RecordType::Run(mut run) => match self.state {
                State::Waiting => self.begin(cx, run, out),
                State::Setup(_) | State::Running | State::Failed => {
                    self.absorb(&run, out);
                    let parts = Parts { params: true, config: run.config.is_some() || run.telemetry.is_some() };
                    self.drop_bad_tags(&mut run, out);
                    self.known.update(run, &self.mode);
                    self.mark_dirty(cx.now, parts);
                }
            },
            RecordType::Exit(exit) => {
                if core::mem::replace(&mut self.exited, true) {
                    return;
                }
                let told = self.settings.settings.x_update_finish_state.unwrap_or(true) && !exit.not_complete;
                out.push_back(Action::Exit { code: told.then_some(exit.exit_code) });
            }
            RecordType::Tbrecord(_) => out.push_back(Action::Notice(Notice::warn(
                "TensorBoard files are not read by this version; log the values as metrics",
            ))),
            RecordType::Artifact(_) | RecordType::UseArtifact(_) => out.push_back(Action::Notice(Notice::warn(
                "artifacts are not uploaded by this version; the record stays in the log",
            ))),
            RecordType::Output(_)
            | RecordType::Final(_)
            | RecordType::Header(_)
            | RecordType::Footer(_)
            | RecordType::NoopLinkArtifact(())
            | RecordType::Request(_) => {}
        }
    }

    /// What a run record says beside its own fields.
    pub(super) fn absorb(&mut self, run: &wire::RunRecord, out: &mut Out) {
        if let Some(telemetry) = &run.telemetry {
            self.config.merge_telemetry(telemetry);
        }
        if let Some(config) = &run.config {
            // A bad item was reported when it was logged; the rest applies.
            let _ = self.config.apply(config);
        }
        if let Some(summary) = run.summary.as_ref().filter(|summary| !summary.update.is_empty()) {
            let _ = self.metrics.update_summary(summary);
            self.summary_changed(out);
        }
    }

    fn on_environment(&mut self, cx: &mut Cx<'_>, environment: &wire::EnvironmentRecord) {
        if !environment.writer_id.is_empty() {
            self.writer_id.clone_from(&environment.writer_id);
        } else if self.writer_id.is_empty() {
            let millis = u64::try_from(cx.wall.0 / 1_000_000).unwrap_or_default();
            self.writer_id = rng::uuid_v7(&mut self.ids, millis);
        }
        self.config.merge_environment(&self.writer_id, environment);
        self.mark_dirty(cx.now, CONFIG);
        if matches!(self.mode, Mode::Sync(_)) && !environment.program.is_empty() {
            self.logged_program.clone_from(&environment.program);
            self.mark_dirty(cx.now, PARAMS);
        }
    }

    /// After its exit a run has no more data; what comes is in the log only.
    fn is_over(&mut self, out: &mut Out) -> bool {
        if !self.exited {
            return matches!(self.state, State::Failed);
        }
        if !core::mem::replace(&mut self.late_told, true) {
            out.push_back(Action::Notice(Notice::error("data was logged after the exit; it is not uploaded")));
        }
        true
    }
}

fn unreadable(error: &dyn core::fmt::Display, out: &mut Out) {
    out.push_back(Action::Notice(Notice::error(format!("a record of the log can't be read and is left out: {error}"))));
}

/// The time in a record, in microseconds since the epoch; `wall` if it has none.
fn micros(timestamp: Option<prost_types::Timestamp>, wall: UnixNanos) -> i64 {
    match timestamp {
        Some(time) if time.seconds > 0 => {
            time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000)
        }
        Some(_) | None => wall.micros(),
    }
}
