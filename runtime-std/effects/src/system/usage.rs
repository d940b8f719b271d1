//! How busy a set of processes that come and go was between two looks.
//!
//! A sum of processor times over those that live falls when a busy one ends, and says nothing of those that lived between
//! two looks. So the work of each is counted by itself, and what the system tells a parent of children that have ended is
//! counted with it, less what was counted while they lived.

use super::host::Process;
use std::{collections::BTreeMap, time::Instant};

/// Remembers the last look.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: Option<Instant>,
    /// By id and start, because ids are used again.
    seen: BTreeMap<(u32, u64), Process>,
    /// Whether children that have ended belong to it.
    tree: bool,
}

impl Meter {
    /// With `tree`, children that have ended count.
    pub(super) fn new(tree: bool) -> Self {
        Self { tree, ..Self::default() }
    }

    /// Processors kept busy on average since the look before, 2.0 for two of them. Nothing at the first look, or if
    /// nobody was there then or is now.
    pub(super) fn busy(&mut self, now: Instant, processes: &[Process]) -> Option<f64> {
        let seen = processes.iter().map(|process| ((process.pid, process.started), *process)).collect();
        let before = std::mem::replace(&mut self.seen, seen);
        let then = self.last.replace(now)?;
        let wall = now.saturating_duration_since(then).as_secs_f64() * 1000.0;
        if before.is_empty() || processes.is_empty() || wall <= 0.0 {
            return None;
        }
        let mut worked: u64 = 0;
        let mut told: u64 = 0;
        for (id, process) in &self.seen {
            let earlier = before.get(id).copied().unwrap_or_default();
            worked = worked.saturating_add(process.cpu_ms.saturating_sub(earlier.cpu_ms));
            told = told.saturating_add(process.waited_ms.saturating_sub(earlier.waited_ms));
        }
        if self.tree {
            let gone = before.iter().filter(|(id, _)| !self.seen.contains_key(id));
            let counted = gone
                .fold(0_u64, |sum, (_, process)| sum.saturating_add(process.cpu_ms).saturating_add(process.waited_ms));
            worked = worked.saturating_add(told.saturating_sub(counted));
        }
        Some(worked as f64 / wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn process(pid: u32, cpu_ms: u64, waited_ms: u64) -> Process {
        Process { pid, started: u64::from(pid), cpu_ms, waited_ms, ..Default::default() }
    }

    fn looks(tree: bool, looks: &[&[Process]]) -> Vec<Option<f64>> {
        let mut meter = Meter::new(tree);
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        (0..).zip(looks).map(|(second, look)| meter.busy(at(second), look)).collect()
    }

    #[test]
    fn one_process_is_measured_since_the_last_look() {
        let seen = looks(false, &[&[process(1, 1000, 0)], &[process(1, 3000, 0)], &[process(1, 3000, 9999)], &[]]);
        assert_eq!(seen, [None, Some(2.0), Some(0.0), None]);
    }

    #[test]
    fn a_child_that_ends_takes_no_work_away_and_adds_its_last() {
        let busy = [process(1, 100, 0), process(2, 50_000, 0)];
        // It worked for another half second before it ended; the parent has waited for it.
        assert_eq!(looks(true, &[&busy, &[process(1, 350, 50_500)]]), [None, Some(0.75)]);
        // Nobody waits for it: its last bit is lost, and nothing else.
        assert_eq!(looks(true, &[&busy, &[process(1, 350, 0)]]), [None, Some(0.25)]);
    }

    #[test]
    fn children_between_two_looks_count() {
        assert_eq!(looks(true, &[&[process(1, 0, 0)], &[process(1, 0, 800)]]), [None, Some(0.8)]);
        let new = [process(1, 0, 0), process(2, 500, 100)];
        assert_eq!(looks(true, &[&[process(1, 0, 0)], &new]), [None, Some(0.6)]);
        // A grandchild that ended is handed up when its parent ends.
        assert_eq!(looks(true, &[&new, &[process(1, 0, 600)]]), [None, Some(0.0)]);
    }

    #[test]
    fn an_id_that_is_used_again_is_another_process() {
        let again = Process { started: 77, ..process(2, 250, 0) };
        let first = [process(1, 0, 0), process(2, 9000, 0)];
        assert_eq!(looks(true, &[&first, &[process(1, 0, 9000), again]]), [None, Some(0.25)]);
    }
}
