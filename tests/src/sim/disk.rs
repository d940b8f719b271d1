//! A disk in memory that knows what a power cut would leave. Performs orders whole, torn or not at all, as told; decides
//! nothing itself.

use std::collections::BTreeMap;

use runwire_core::{Failure, FailureKind, FileStat, UnixNanos};

use super::dice::Dice;
use crate::weather::world::Files;

/// A file, as the running system sees it and as the device has it.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// What a reader gets.
    pub data: Vec<u8>,
    /// So many bytes of it are on the device.
    pub durable: usize,
    /// What stood there before the file was replaced as a whole, until the device has the new content.
    old: Option<Option<Vec<u8>>>,
    modified: i64,
}

/// All files by their paths.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
    clock: i64,
}

impl Disk {
    /// A file.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Paths and files, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Sets the time that files are stamped with.
    pub fn set_clock(&mut self, wall: UnixNanos) {
        self.clock = wall.0;
    }

    /// Makes an empty file that must not be there.
    pub fn create(&mut self, path: &str) -> Result<(), Failure> {
        if self.files.contains_key(path) {
            return Err(failure(FailureKind::Exists, format!("{path}: exists")));
        }
        self.files.insert(path.to_owned(), File { modified: self.clock, ..File::default() });
        Ok(())
    }

    /// Replaces a file as a whole.
    pub fn replace(&mut self, path: &str, bytes: &[u8]) {
        let clock = self.clock;
        let known = self.files.remove(path);
        let old = match &known {
            Some(File { old: Some(old), .. }) => old.clone(),
            Some(file) => Some(file.data[..file.durable.min(file.data.len())].to_vec()),
            None => None,
        };
        // The runtime forces the note of what was delivered to the device before it takes its place.
        let old = (!path.ends_with(".delivered")).then_some(old);
        let file = File { data: bytes.to_vec(), durable: bytes.len(), old, modified: clock };
        self.files.insert(path.to_owned(), file);
    }

    /// Makes a file durable up to a length.
    pub fn sync(&mut self, path: &str) {
        if let Some(file) = self.files.get_mut(path) {
            file.durable = file.data.len();
            file.old = None;
        }
    }

    /// What is left after a power cut: of each file the durable part and some of the rest, the last bytes of it perhaps torn;
    /// of a file that was replaced lately the new or the old content, or none.
    pub fn cut_power(&mut self, dice: &mut Dice) {
        let mut gone = Vec::new();
        for (path, file) in &mut self.files {
            if let Some(old) = file.old.take() {
                match (dice.below(3), old) {
                    (0, Some(old)) => file.data = old,
                    (0, None) => gone.push(path.clone()),
                    (1, _) => file.data.clear(),
                    _ => {}
                }
            } else {
                let rest = file.data.len().saturating_sub(file.durable);
                let kept = file.durable + dice.index(rest + 1);
                file.data.truncate(kept);
                // A sector whose length was written before its content.
                let torn = dice.index(64).min(kept - file.durable.min(kept));
                if dice.coin() {
                    file.data[kept - torn..].fill(0);
                }
            }
            file.durable = file.data.len();
        }
        for path in gone {
            self.files.remove(&path);
        }
    }
}

impl Files for Disk {
    fn read(&self, path: &str, at: u64, len: u64) -> Option<Vec<u8>> {
        let data = &self.files.get(path)?.data;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
        let to = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(data.len());
        Some(data[from..to].to_vec())
    }

    fn write(&mut self, path: &str, at: u64, bytes: &[u8], cut: bool) -> Result<(), String> {
        let file = self.files.entry(path.to_owned()).or_default();
        file.modified = self.clock;
        let at = usize::try_from(at).map_err(|error| error.to_string())?;
        let end = at + bytes.len();
        if cut || file.data.len() < end {
            file.data.resize(end, 0);
        }
        if file.data[at..end] != *bytes {
            file.durable = file.durable.min(at);
        }
        file.data[at..end].copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self, path: &str) -> Option<u64> {
        self.files.get(path).map(|file| file.data.len() as u64)
    }
}

impl Disk {
    /// What a file looks like from outside.
    pub fn stat(&self, path: &str) -> Option<FileStat> {
        let file = self.files.get(path)?;
        Some(FileStat { len: file.data.len() as u64, modified: UnixNanos(file.modified) })
    }
}

/// A failure in the words of an adapter.
pub(super) fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into() }
}
