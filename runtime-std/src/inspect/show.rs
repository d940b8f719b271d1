//! A report for people, and as JSON.

use super::Report;
use serde_json::{Value, json};
use std::fmt::Write;

/// Metrics shown to people; the rest is counted.
const METRICS_MAX: usize = 40;
const SPARK: usize = 24;

impl Report {
    /// Lines for a terminal: the run, what its log holds, and a table of its metrics.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(run) = &self.run {
            let name = if run.display_name.is_empty() { String::new() } else { format!(" ({})", run.display_name) };
            line(&mut out, "run", &printable(&format!("{}/{}{name}", run.project, run.run_id)));
        }
        for (name, text) in self.facts.lines(self.run.as_ref()) {
            line(&mut out, name, &printable(&text));
        }
        let end = match &self.exit {
            Some(exit) => format!("finished with exit code {} after {} s", exit.exit_code, exit.runtime),
            None => "no exit record: still running, or its writer was killed".into(),
        };
        line(&mut out, "state", &end);
        line(&mut out, "rows", &self.rows.to_string());
        let kinds: Vec<String> = self.records.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        line(&mut out, "records", &format!("{} ({} bytes): {}", self.stored(), self.bytes, kinds.join(", ")));
        line(&mut out, "accounts", &self.accounts_text());
        let events = self.records.get("stats").copied().unwrap_or_default();
        line(&mut out, "delivered", &printable(&self.delivery.to_text(self.rows, events, self.bytes)));
        if self.unreadable > 0 {
            line(&mut out, "unknown", &format!("{} records of unknown type or content", self.unreadable));
        }
        for damage in &self.damage {
            line(&mut out, "damage", &damage.to_string());
        }
        self.table(&mut out);
        out
    }

    /// The same as one JSON object. Numbers that JSON lacks are strings.
    pub fn to_json(&self) -> String {
        let number = |value: Option<f64>| match value {
            Some(value) if value.is_finite() => json!(value),
            Some(value) => json!(value.to_string()),
            None => Value::Null,
        };
        let metrics: Vec<Value> = self
            .series
            .iter()
            .map(|(key, series)| {
                let bounds = (series.numbers > 0).then_some((series.min, series.max));
                json!({"key": key, "count": series.count, "last": number(series.last), "course": series.points(),
                       "min": number(bounds.map(|b| b.0)), "max": number(bounds.map(|b| b.1))})
            })
            .collect();
        let run = self.run.as_ref().map(|run| {
            json!({"id": run.run_id, "project": run.project, "entity": run.entity, "name": run.display_name,
                   "tags": run.tags})
        });
        let accounts = self.accounts.map(|a| {
            json!({"accepted": a.accepted, "refused_disk": a.refused_disk, "refused_closed": a.refused_closed,
                   "rows_behind": a.rows_behind, "bad_values": a.bad_values})
        });
        let damage: Vec<Value> = self
            .damage
            .iter()
            .map(|damage| {
                json!({"kind": damage.kind.name(), "offset": damage.offset, "bytes_lost": damage.length,
                       "records_lost": damage.records_lost_estimate, "text": damage.to_string()})
            })
            .collect();
        json!({
            "bytes": self.bytes, "run": run, "rows": self.rows, "records": self.records,
            "stored": self.stored(), "missing": self.missing(), "unreadable": self.unreadable,
            "delivered": self.delivery.to_value(), "damage": damage, "incomplete": self.incomplete, "accounts": accounts,
            "exit_code": self.exit.as_ref().map(|exit| exit.exit_code), "metrics": metrics,
            "summary_json": self.summary_json(), "facts": self.facts.to_value(self.run.as_ref()),
        })
        .to_string()
    }

    fn accounts_text(&self) -> String {
        let stored = self.stored();
        let last_num = u64::try_from(self.last_num).unwrap_or(0);
        match self.accounts {
            Some(counts) => {
                // The file may have been damaged after its writer counted, and a file can say anything.
                let accepted = counts.accepted.max(last_num).max(stored);
                let refused = counts.refused_disk.saturating_add(counts.refused_closed).min(accepted - stored);
                let missing = accepted - stored - refused;
                let mut text = format!(
                    "accepted {accepted} = stored {stored} + refused {refused} (disk {}, closed {})",
                    counts.refused_disk, counts.refused_closed
                );
                if missing > 0 {
                    text.push_str(&format!(" + missing {missing}"));
                }
                if counts.rows_behind > 0 {
                    text.push_str(&format!("; {} rows had a step behind the run's", counts.rows_behind));
                }
                if counts.bad_values > 0 {
                    text.push_str(&format!("; {} values were not JSON", counts.bad_values));
                }
                text
            }
            None => {
                let accepted = last_num.max(stored);
                format!("accepted {accepted} = stored {stored} + missing {}", accepted - stored)
            }
        }
    }

    fn table(&self, out: &mut String) {
        if self.series.is_empty() {
            return;
        }
        let shown = self.series.iter().take(METRICS_MAX).map(|(key, series)| (printable(key), series));
        let width = shown.clone().map(|(key, _)| key.chars().count()).max().unwrap_or(0).max(6);
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "\n{:width$}  {:>8}  {:>12}  {:>12}  {:>12}  course",
            "metric", "values", "min", "max", "last"
        );
        for (key, series) in shown {
            let bound = |value| if series.numbers > 0 { short(value) } else { "-".into() };
            let last = series.last.map_or_else(|| "-".into(), short);
            let _ = writeln!(
                out,
                "{key:width$}  {:>8}  {:>12}  {:>12}  {last:>12}  {}",
                series.count,
                bound(series.min),
                bound(series.max),
                series.sparkline(SPARK)
            );
        }
        if self.series.len() > METRICS_MAX {
            let _ = writeln!(out, "and {} more metrics; --json has all", self.series.len() - METRICS_MAX);
        }
    }
}

fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e9).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    }
}

/// Names come from a file: they must not move the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn line(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "{name:9} {text}");
}
