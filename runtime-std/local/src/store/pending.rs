//! Changes on their way to the disk, laid over what is there: whoever reads sees both as one.

use super::{Op, StoreError};
use std::{cmp::Ordering, collections::BTreeMap, mem, ops::Bound, sync::Arc};

/// Keys with their new values; none: the key is removed.
pub(super) type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes that are not known to be on the disk.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// What comes with the next write.
    next: Arc<Batch>,
    /// What is being written.
    writing: Arc<Batch>,
    /// Of `next`, about.
    bytes: usize,
    /// Counts changes.
    applied: u64,
}

impl Pending {
    pub(super) fn apply(&mut self, ops: Vec<Op>) {
        let next = Arc::make_mut(&mut self.next);
        for op in ops {
            let (key, value) = match op {
                Op::Put(key, value) => (key, Some(value)),
                Op::Delete(key) => (key, None),
            };
            self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            next.insert(key, value);
        }
        self.applied += 1;
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is to be written now, with what could not be written before, and how many changes that makes in all.
    pub(super) fn take(&mut self) -> (Arc<Batch>, u64) {
        self.bytes = 0;
        let next = mem::take(&mut self.next);
        if self.writing.is_empty() {
            self.writing = next;
        } else {
            Arc::make_mut(&mut self.writing).extend(next.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        (Arc::clone(&self.writing), self.applied)
    }

    /// What was taken has been written.
    pub(super) fn written(&mut self) {
        self.writing = Arc::default();
    }

    /// What lies over the disk.
    pub(super) fn layers(&self) -> Layers {
        Layers([Arc::clone(&self.next), Arc::clone(&self.writing)])
    }
}

/// Changes over the disk, the newest first.
pub(super) struct Layers([Arc<Batch>; 2]);

impl Layers {
    /// The change of a key, if there is one.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.0.iter().find_map(|layer| layer.get(key)).cloned()
    }

    /// The changes of keys from `from` on and below `end` (none: all of them).
    pub(super) fn between(&self, from: &[u8], end: Option<&[u8]>) -> BTreeMap<&[u8], Option<&[u8]>> {
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = BTreeMap::new();
        for layer in self.0.iter().rev() {
            let range = layer.range::<[u8], _>((Bound::Included(from), end));
            found.extend(range.map(|(key, value)| (key.as_slice(), value.as_deref())));
        }
        found
    }
}

/// An entry of the disk, in place.
pub(super) trait Entry {
    fn key(&self) -> &[u8];
    fn value(&self) -> &[u8];
}

/// Calls `each` with the entries of the disk under these changes, until it answers false. Both come in one order: `first`
/// is what a key that comes earlier is to a later one.
pub(super) fn merge<'a, E: Entry>(
    changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    stored: impl Iterator<Item = Result<E, StoreError>>,
    first: Ordering,
    each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), StoreError> {
    let mut changes = changes.peekable();
    for entry in stored {
        let entry = entry?;
        let mut hidden = false;
        while let Some((key, value)) =
            changes.next_if(|(key, _)| [first, Ordering::Equal].contains(&key.cmp(&entry.key())))
        {
            hidden = key == entry.key();
            if value.is_some_and(|value| !each(key, value)) {
                return Ok(());
            }
        }
        if !hidden && !each(entry.key(), entry.value()) {
            return Ok(());
        }
    }
    for (key, value) in changes {
        if value.is_some_and(|value| !each(key, value)) {
            break;
        }
    }
    Ok(())
}
