//! Counts the core's instructions with callgrind and compares them with the committed table.
//! A count does not depend on the machine's load, so it shows a change of a per cent that no clock would show.
//! Must not know how the stream is driven.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::error::{BenchError, Doing, Result};
use super::in_process::Stream;

/// A row may differ from the committed one by so many per cent before `--check` complains.
pub const TOLERANCE: f64 = 2.0;

/// One line of the table: the difference of two counts, divided by the difference in work.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What one unit is.
    pub name: &'static str,
    /// The smaller stream.
    pub small: Stream,
    /// The larger stream, which differs in steps or in runs.
    pub large: Stream,
}

impl Case {
    /// Units that the larger stream has more.
    pub fn units(&self) -> u64 {
        if self.large.runs == self.small.runs {
            (self.large.steps - self.small.steps) * self.small.runs
        } else {
            self.large.runs - self.small.runs
        }
    }
}

/// All lines. What start-up and preparation cost is the same in both streams of a case and falls out.
pub fn cases() -> Vec<Case> {
    let steps = |name, metrics, frames_per_read, steps| {
        let small = Stream { metrics, steps, runs: 1, frames_per_read };
        Case { name, small, large: Stream { steps: steps * 3, ..small } }
    };
    let no_steps = Stream { metrics: 1, steps: 0, runs: 10, frames_per_read: 1 };
    vec![
        steps("a step of 10 metrics, 64 frames a read", 10, 64, 6_400),
        steps("a step of 10 metrics, 1 frame a read", 10, 1, 6_400),
        steps("a step of 100 metrics, 16 frames a read", 100, 16, 1_600),
        steps("a step of 1000 metrics, 1 frame a read", 1000, 1, 192),
        Case { name: "a run without steps", small: no_steps, large: Stream { runs: 110, ..no_steps } },
    ]
}

/// Instructions per unit of `case`. `driver` is the program `fixed_stream`.
pub fn measure(driver: &Path, case: &Case) -> Result<f64> {
    let small = count(driver, case.small)?;
    let large = count(driver, case.large)?;
    Ok((large as f64 - small as f64) / case.units() as f64)
}

/// The table as markdown.
pub fn table(rows: &[(&str, f64)], compiler: &str) -> String {
    let mut out = String::from(
        "# Instructions of the core\n\n\
         Written by `bench_instructions`; docs/BENCHMARKS.md says how to run it. \
         Counted by callgrind on a fixed stream of frames through `Service`, with a disk that\n\
         answers at once and without sockets. \
         Each line is the difference of two streams that differ only in that unit, so preparation falls out.\n\n",
    );
    writeln!(out, "Compiler: {compiler}, release profile.\n").expect("writing to a String cannot fail");
    out.push_str("| one unit | instructions |\n|---|---|\n");
    for (name, value) in rows {
        writeln!(out, "| {name} | {value:.0} |").expect("writing to a String cannot fail");
    }
    out
}

/// Lines of `now` that differ from the committed `text` by more than [`TOLERANCE`], in words.
pub fn differences(text: &str, now: &[(&str, f64)]) -> Vec<String> {
    let known = |name: &str| -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix("| ")?.strip_prefix(name)?.trim_matches([' ', '|']).parse().ok())
    };
    now.iter()
        .filter_map(|(name, value)| match known(name) {
            None => Some(format!("{name}: {value:.0}, not in the committed table")),
            Some(before) => {
                let change = (value / before - 1.0) * 100.0;
                (change.abs() > TOLERANCE).then(|| format!("{name}: {before:.0} -> {value:.0} ({change:+.1} %)"))
            }
        })
        .collect()
}

/// Instructions of one whole run of the driver.
fn count(driver: &Path, stream: Stream) -> Result<u64> {
    let Stream { metrics, steps, runs, frames_per_read } = stream;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(driver)
        .args([metrics as u64, steps, runs, frames_per_read as u64].map(|n| n.to_string()))
        .output()
        .doing("starting valgrind (is it installed?)")?;
    let said = String::from_utf8_lossy(&out.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(count) if out.status.success() => Ok(count),
        Some(_) | None => Err(BenchError::Sidecar {
            program: driver.display().to_string(),
            what: format!("failed under callgrind: {}", said.lines().last().unwrap_or_default()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_units_and_a_name_of_its_own() {
        let cases = cases();
        assert!(cases.iter().all(|case| case.units() > 0));
        let names: std::collections::BTreeSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        assert_eq!(cases[0].units(), 12_800);
        assert_eq!(cases[4].units(), 100);
    }

    #[test]
    fn changes_are_found_in_the_table_as_written() {
        let text = table(&[("a", 1000.0), ("b", 500.0)], "rustc 1");
        assert!(differences(&text, &[("a", 1015.0), ("b", 495.0)]).is_empty());
        assert_eq!(differences(&text, &[("a", 1030.0), ("b", 500.0)]), ["a: 1000 -> 1030 (+3.0 %)"]);
        assert_eq!(differences(&text, &[("c", 1.0)]), ["c: 1, not in the committed table"]);
    }
}
