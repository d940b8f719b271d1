//! The store of tests and simulators: a map. Everything is lost with it.

use super::{Barrier, Op, Store, StoreError, end_of};
use std::{collections::BTreeMap, ops::Bound};

/// Keeps everything in memory.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        for (key, value) in self.map.range(prefix.max(from).to_vec()..) {
            if !key.starts_with(prefix) || !each(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(
        &self,
        prefix: &[u8],
        before: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let end = end_of(prefix, before);
        if end.as_deref().is_some_and(|end| end <= prefix) {
            return Ok(());
        }
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, value) in self.map.range((Bound::Included(prefix.to_vec()), end)).rev() {
            if !each(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, ops: Vec<Op>) -> Result<(), StoreError> {
        for op in ops {
            match op {
                Op::Put(key, value) => {
                    self.map.insert(key, value);
                }
                Op::Delete(key) => {
                    self.map.remove(&key);
                }
            }
        }
        Ok(())
    }

    fn barrier(&self) -> Barrier {
        Barrier::none()
    }
}
