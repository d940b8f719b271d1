//! The lines that are neither rows nor console: measurements of the machine, and the summary.

use super::{
    Sender,
    action::{Action, Out},
};
use crate::{
    json::{self, write_f64, write_string},
    time::UnixNanos,
};
use alloc::{format, string::String};
use runwire_proto::wire;

/// Values that are too long for the summary are told by name up to this many.
const TOLD_MAX: usize = 32;

impl Sender {
    /// A `StatsRecord`; its keys have their label already.
    pub(super) fn on_stats(&mut self, wall: UnixNanos, stats: &wire::StatsRecord, out: &mut Out) {
        let at = stats.timestamp.map_or_else(|| seconds(&wall.timestamp()), |time| seconds(&time));
        let start = match (&self.known.run.start_time, self.settings.settings.x_start_time) {
            (Some(time), _) => seconds(time),
            (None, Some(start)) => start,
            (None, None) => *self.first_stats.get_or_insert(at),
        };
        let line = &mut self.line;
        line.clear();
        line.push_str("{\"_wandb\":true,\"_timestamp\":");
        write_f64(at, line);
        line.push_str(",\"_runtime\":");
        // The difference of two times has digits that neither of them had.
        write_f64(libm::round((at - start) * 1e6) / 1e6, line);
        for item in &stats.item {
            if let Ok(value) = json::parse(&item.value_json) {
                line.push(',');
                write_string(&format!("system.{}", item.key), line);
                line.push(':');
                json::write_compact(value, line);
            }
        }
        line.push('}');
        out.push_back(Action::Event);
    }

    pub(super) fn summary_changed(&mut self, out: &mut Out) {
        self.has_summary = true;
        if !core::mem::replace(&mut self.summary_told, true) {
            out.push_back(Action::SummaryChanged);
        }
    }

    /// The whole summary as one line of at most `limit` bytes; `None` if there is none. If it is longer, its longest
    /// values are left out, and the user is told which.
    pub(crate) fn summary_line(&mut self, limit: usize, out: &mut Out) -> Option<String> {
        self.summary_told = false;
        if !self.has_summary {
            return None;
        }
        let (line, left_out) = json::shorten(&self.summary_json(), limit);
        for (key, len) in left_out {
            self.tell_left_out(&key, len, limit, out);
        }
        Some(line)
    }

    fn tell_left_out(&mut self, key: &str, len: usize, limit: usize, out: &mut Out) {
        if self.left_out_told.len() < TOLD_MAX && self.left_out_told.insert(key.into()) {
            out.push_back(Action::TellUser(format!(
                "The value of {key} is left out of the uploaded summary because it is too long ({len} bytes; the whole \
                 summary may have {limit}). It is in the run's files. Log large values as files or tables."
            )));
        }
    }

    /// The summary as it is uploaded, whatever its length.
    pub(crate) fn summary_json(&self) -> String {
        self.metrics.summary_json(self.steps.last())
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of this era keep their microseconds")]
fn seconds(time: &prost_types::Timestamp) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}
