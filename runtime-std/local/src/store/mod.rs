//! What the server needs from a place that keeps bytes: ordered keys, and writes that happen together or not at all.
//! Knows no run: the layout of keys is the model's.

mod disk;
mod memory;
mod pending;

pub use disk::DiskStore;
pub use memory::MemoryStore;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file open.
    #[error("{0} is in use by another server: stop that one or choose another file")]
    InUse(String),
    /// The data are laid out in a way that came later than this program.
    #[error("the data were written by a newer version (format {0}): use that one, or another file")]
    Newer(u64),
    /// Any other failure of the disk or the file.
    #[error("cannot use the data file {path}: {cause}")]
    Failed {
        /// The file.
        path: String,
        /// What the database says.
        cause: String,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key, if it is there.
    Delete(Vec<u8>),
}

/// An ordered map of bytes.
pub trait Store: Send {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` with every key that begins with `prefix` and is not below `from`, in order, until it answers false.
    fn scan(&self, prefix: &[u8], from: &[u8], each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError>;

    /// Calls `each` with every key that begins with `prefix` and is below `before` (empty: with all of them), the last one
    /// first, until it answers false.
    fn scan_back(
        &self,
        prefix: &[u8],
        before: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError>;

    /// Makes all changes visible at once. They need not be on the disk yet: see [`Store::barrier`].
    fn apply(&mut self, ops: Vec<Op>) -> Result<(), StoreError>;

    /// Something to wait on, away from the store: when it returns, all changes made so far survive a crash.
    fn barrier(&self) -> Barrier;
}

/// Waits until changes are on the disk. Made by [`Store::barrier`].
pub struct Barrier(Option<Box<dyn FnOnce() -> Result<(), StoreError> + Send>>);

impl Barrier {
    /// Nothing to wait for.
    pub fn none() -> Self {
        Self(None)
    }

    /// Waits by calling `wait`.
    pub fn new(wait: impl FnOnce() -> Result<(), StoreError> + Send + 'static) -> Self {
        Self(Some(Box::new(wait)))
    }

    /// Blocks until the changes are safe.
    pub fn wait(self) -> Result<(), StoreError> {
        self.0.map_or(Ok(()), |wait| wait())
    }
}

/// Above every key that begins with `prefix`, and not above `before`; none if nothing is.
fn end_of(prefix: &[u8], before: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while end.pop_if(|byte| *byte == u8::MAX).is_some() {}
    match end.last_mut() {
        Some(byte) => *byte += 1,
        None => return (!before.is_empty()).then(|| before.to_vec()),
    }
    Some(if before.is_empty() { end } else { end.min(before.to_vec()) })
}

#[cfg(test)]
mod tests;
