//! A row as the server gets it: one JSON object, with the objects that its paths name.

use alloc::string::String;
use alloc::vec::Vec;

use super::Metrics;
use super::summary::Tree;

impl Metrics {
    /// Writes the row to `line`, which is emptied first.
    pub(super) fn write_line(&self, line: &mut String) {
        line.clear();
        if self.row.entries().any(|entry| self.keys.get(entry.slot).depth() > 1) {
            return self.write_nested_line(line);
        }
        let mut open = '{';
        for entry in self.row.entries() {
            line.push(open);
            open = ',';
            line.push_str(self.keys.get(entry.slot).member());
            line.push_str(uploaded(entry.text));
        }
        line.push_str(if open == '{' { "{}" } else { "}" });
    }

    /// Paths are sorted, so that those of one object stand together.
    fn write_nested_line(&self, line: &mut String) {
        let labels = |slot| self.keys.get(slot).labels().collect::<Vec<_>>();
        let mut entries: Vec<_> = self.row.entries().map(|entry| (labels(entry.slot), entry.text)).collect();
        entries.sort_unstable();
        let mut tree = Tree::in_buffer(core::mem::take(line));
        for (labels, text) in &entries {
            tree.enter(labels);
            tree.value(uploaded(text));
        }
        *line = tree.finish();
    }
}

/// A zero has no sign on the wire.
fn uploaded(text: &str) -> &str {
    if text == "-0" { "0" } else { text }
}
