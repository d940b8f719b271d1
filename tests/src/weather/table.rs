//! What is printed, and whether what must hold does.

use super::scene::Outcome;

/// Memory that bad weather may take, as a multiple of that in calm weather.
pub const MEMORY_MAX: f64 = 1.25;

/// One line.
#[derive(Debug)]
pub struct Line {
    /// The weather.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Rows may come twice, because the server took some without an answer; it recognises them.
    pub repeats: bool,
}

impl Line {
    /// What must hold and does not. `calm`: peak memory in calm weather, KiB.
    pub fn faults(&self, calm_kib: u64) -> Vec<String> {
        let Line { outcome, .. } = self;
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{}: {what}", self.name));
            }
        };
        must(outcome.lost() == 0, format!("{} durable rows are not on the server", outcome.lost()));
        must(outcome.strange() == 0, format!("{} rows on the server are double or strange", outcome.strange()));
        must(outcome.logged.twice == 0, format!("{} steps are twice in the log", outcome.logged.twice));
        must(outcome.logged.damages == 0, format!("the log is damaged in {} places", outcome.logged.damages));
        must(!outcome.logged.steps.is_empty(), "nothing was logged at all".into());
        let again = outcome.served.counters.duplicates;
        must(self.repeats || again == 0, format!("{again} rows were sent twice"));
        let ratio = self.memory(calm_kib);
        let most_kib = (calm_kib as f64 * MEMORY_MAX) as u64;
        must(outcome.peak_kib <= most_kib, format!("peak memory is {ratio:.2} times that in calm weather"));
        faults
    }

    fn memory(&self, calm_kib: u64) -> f64 {
        self.outcome.peak_kib as f64 / calm_kib.max(1) as f64
    }

    fn cells(&self, calm_kib: u64) -> String {
        let Outcome { sent, logged, served, peak_kib, drain, remark } = &self.outcome;
        format!(
            "| {} | {sent} | {} | {} | {} | {} | {:.1} ({:+.0} %) | {} | {remark} |",
            self.name,
            logged.steps.len(),
            served.steps.len(),
            self.outcome.lost(),
            self.outcome.strange(),
            *peak_kib as f64 / 1024.0,
            (self.memory(calm_kib) - 1.0) * 100.0,
            drain.map_or("-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64())),
        )
    }
}

/// The table as markdown.
pub fn markdown(lines: &[Line], calm_kib: u64) -> String {
    let head = "| weather | rows sent | durable in the log | on the server | durable rows lost | duplicates on the server \
                | peak RSS, MiB (against calm) | drained after | remarks |\n|---|---|---|---|---|---|---|---|---|\n";
    lines.iter().fold(head.to_owned(), |text, line| text + &line.cells(calm_kib) + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Logged, Served};
    use super::*;

    fn line(logged: &[u64], served: &[u64], peak_kib: u64) -> Line {
        let outcome = Outcome {
            sent: 3,
            logged: Logged { steps: logged.iter().copied().collect(), ..Logged::default() },
            served: Served { steps: served.iter().copied().collect(), ..Served::default() },
            peak_kib,
            drain: None,
            remark: String::new(),
        };
        Line { name: "x".into(), outcome, repeats: false }
    }

    #[test]
    fn whatever_must_hold_is_looked_at() {
        assert!(line(&[0, 1], &[0, 1], 125).faults(100).is_empty());
        let bad = [
            (line(&[0, 1], &[0], 100), "1 durable rows"),
            (line(&[0], &[0, 1], 100), "1 rows on the server"),
            (line(&[0], &[0], 130), "1.30 times"),
            (line(&[], &[], 100), "nothing was logged"),
        ];
        for (line, word) in bad {
            let faults = line.faults(100);
            assert!(faults.len() == 1 && faults[0].contains(word), "{faults:?}");
        }
        let mut twice = line(&[0], &[0], 100);
        twice.outcome.served.counters.duplicates = 1;
        assert_eq!(twice.faults(100).len(), 1);
        twice.repeats = true;
        assert!(twice.faults(100).is_empty());
        twice.outcome.served.counters.conflicts = 1;
        assert_eq!(twice.faults(100).len(), 1);
    }
}
