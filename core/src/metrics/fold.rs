//! Reading a log back: rows and checkpoints that were written before change the summary as they did then.
//!
//! The same engine, without stamps and without missing steps, which logged rows have already. Folding the records of a
//! log in their order gives the summary that the writer had.

use alloc::string::String;
use runwire_proto::wire;

use super::{Item, ItemValue, Kind, Metrics, write_value};
use crate::json;

impl Metrics {
    /// Takes a row out of a log, written by this or the official client. Items that are not valid are left out. The
    /// pending row stays as it is.
    pub fn fold(&mut self, record: &wire::HistoryRecord) {
        self.begin_fold();
        for item in &record.item {
            let nested = item.nested_key.iter().map(|label| &**label);
            let item = Item { key: &item.key, nested, value: ItemValue::of(item) };
            // A bad item in a log has been reported when it was logged.
            let _ = self.merge(item);
        }
        self.end_fold();
    }

    /// Takes a row as [`Self::fold`] does, and writes it to `line` as one JSON object, the form in which a server gets it.
    /// `assign` is told the row's `_step`, if it is a whole number, and says which one the line has. Returns how many
    /// items were not valid.
    pub(crate) fn fold_line<'a, N: Iterator<Item = &'a str>>(
        &mut self,
        items: impl Iterator<Item = Item<'a, N>>,
        assign: impl FnOnce(Option<i64>) -> i64,
        line: &mut String,
    ) -> usize {
        self.begin_fold();
        let left_out = items.map(|item| self.merge(item)).filter(Result::is_err).count();
        let logged = self.row.entries().find(|entry| entry.slot == self.step).map(|entry| entry.kind);
        let step = assign(if let Some(Kind::Int(step)) = logged { Some(step) } else { None });
        if logged != Some(Kind::Int(step)) {
            self.row.put(&self.keys, self.step, Kind::Int(step), |out| json::write_i64(step, out));
        }
        self.write_line(line);
        self.end_fold();
        left_out
    }

    fn begin_fold(&mut self) {
        core::mem::swap(&mut self.row, &mut self.spare_row);
        self.keys.begin_row();
    }

    fn end_fold(&mut self) {
        if self.defs.epoch() > 0 {
            self.bind_row();
        }
        let runtime = self.row.entries().find(|entry| entry.slot == self.runtime).map(|entry| entry.kind);
        #[expect(clippy::cast_possible_truncation, reason = "it saturates, and whole seconds are what is wanted")]
        let seconds = match runtime {
            Some(Kind::Int(seconds)) => Some(seconds),
            Some(Kind::Float(seconds)) => Some(seconds as i64),
            Some(Kind::Null | Kind::Bool(_) | Kind::String | Kind::Array | Kind::Object) | None => None,
        };
        if let Some(seconds) = seconds.filter(|_| !self.server_side_summary) {
            self.summarise_runtime(seconds);
        }
        self.summarise_row();
        self.row.clear();
        core::mem::swap(&mut self.row, &mut self.spare_row);
    }

    /// Takes a derived `SummaryRecord` out of a log, one that [`Self::checkpoint`] or the official client wrote. Plain
    /// values are taken over where rows gave others or none; aggregated ones follow from the rows alone. Records of the
    /// user go to [`Self::update_summary`].
    pub fn fold_checkpoint(&mut self, record: &wire::SummaryRecord) {
        for item in &record.update {
            let Some(slot) = self.summary_slot(item) else { continue };
            let Ok(value) = json::parse(&item.value_json) else { continue };
            self.text.clear();
            if value.kind != Kind::Null {
                write_value(value, &mut self.text);
            }
            self.summary.derived(&self.keys, slot, &self.text);
        }
        for item in &record.remove {
            if let Some(slot) = self.summary_slot(item) {
                self.summary.remove_visible(&self.keys, slot);
            }
        }
    }
}
