//! The small files of a run: at most one write of a path is outstanding, the newest content wins.

use alloc::{collections::BTreeMap, string::String};
use bytes::Bytes;

/// Writes by path. An entry exists while a write is outstanding; its value is the content that must follow.
#[derive(Debug, Default)]
pub(super) struct Files {
    busy: BTreeMap<String, Option<Bytes>>,
}

impl Files {
    /// Wants `path` to hold `bytes`. Returns them if the write can start now.
    pub(super) fn write(&mut self, path: &str, bytes: Bytes) -> Option<Bytes> {
        if let Some(next) = self.busy.get_mut(path) {
            *next = Some(bytes);
            return None;
        }
        self.busy.insert(path.into(), None);
        Some(bytes)
    }

    /// A write of `path` has ended. Returns newer content that must be written now.
    pub(super) fn on_written(&mut self, path: &str) -> Option<Bytes> {
        let next = self.busy.get_mut(path)?.take();
        if next.is_none() {
            self.busy.remove(path);
        }
        next
    }

    pub(super) fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_of_one_path_never_overlap_and_the_newest_wins() {
        let mut files = Files::default();
        assert_eq!(files.write("a", Bytes::from_static(b"1")), Some(Bytes::from_static(b"1")));
        assert_eq!(files.write("a", Bytes::from_static(b"2")), None);
        assert_eq!(files.write("a", Bytes::from_static(b"3")), None);
        assert!(files.write("b", Bytes::new()).is_some());
        assert_eq!(files.on_written("a"), Some(Bytes::from_static(b"3")));
        assert_eq!(files.on_written("a"), None);
        assert!(!files.is_idle());
        assert_eq!(files.on_written("b"), None);
        assert!(files.is_idle());
    }
}
