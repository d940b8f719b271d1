//! A simulation as text: a hash of all lines, the last lines, or all of them. The lines of engines are those of
//! `runwire_core::trace`, with the run's key before them.

use std::collections::VecDeque;

/// Lines that a failure shows.
pub(super) const SHOWN: usize = 50;

/// The lines so far.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    count: u64,
    last: VecDeque<String>,
    /// All lines from a step on, if they are wanted.
    kept: Option<Vec<String>>,
}

impl Trace {
    /// Keeps all lines only if `keep`.
    pub fn new(keep: bool) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, count: 0, last: VecDeque::new(), kept: keep.then(Vec::new) }
    }

    /// One more line.
    pub fn line(&mut self, line: String, keep: bool) {
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.count += 1;
        if let Some(kept) = self.kept.as_mut().filter(|_| keep) {
            kept.push(line.clone());
        }
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Hash of all lines.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Number of lines.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last lines.
    pub fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }

    /// The kept lines.
    pub fn take(&mut self) -> Vec<String> {
        self.kept.take().unwrap_or_default()
    }
}
