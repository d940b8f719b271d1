//! The store on a disk: one redb file.
//!
//! Why redb: it is written in Rust alone (no C compiler, no bundled engine to patch), and its file is consistent after a
//! crash at any moment (copy-on-write pages, two commit slots).
//!
//! Group commit: changes become visible one by one under the backend's lock, but only in memory. Whoever waits for the
//! disk writes all that there are by then in one transaction, outside that lock; what comes meanwhile goes with the next.

use super::{
    Barrier, Op, Store, StoreError, end_of,
    pending::{Entry, Pending, merge},
};
use redb::{AccessGuard, Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition};
use std::{
    cmp::Ordering,
    fmt::Display,
    fs::OpenOptions,
    io,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("runwire");

/// More bytes than that do not wait in memory.
const PENDING_MAX: usize = 32 << 20;

/// Keeps everything in one file.
pub struct DiskStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    path: String,
    pending: Mutex<Pending>,
    /// Changes that are on the disk. The lock is held while one thread waits for the disk; the others find theirs done.
    durable: Mutex<u64>,
}

impl Shared {
    fn failed(&self, cause: impl Display) -> StoreError {
        StoreError::Failed { path: self.path.clone(), cause: cause.to_string() }
    }

    fn flush(&self, wanted: u64) -> Result<(), StoreError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if *durable >= wanted {
            return Ok(());
        }
        let (batch, applied) = self.pending().take();
        let transaction = self.database.begin_write().map_err(|error| self.failed(error))?;
        {
            let mut table = transaction.open_table(TABLE).map_err(|error| self.failed(error))?;
            for (key, value) in batch.iter() {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()),
                    None => table.remove(key.as_slice()),
                }
                .map_err(|error| self.failed(error))?;
            }
        }
        transaction.commit().map_err(|error| self.failed(error))?;
        self.pending().written();
        *durable = applied;
        Ok(())
    }

    /// Whole between any two lines.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries from `from` on and below `end`, forwards or backwards.
    fn walk(
        &self,
        from: &[u8],
        end: Option<&[u8]>,
        forwards: bool,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        if end.is_some_and(|end| end <= from) {
            return Ok(());
        }
        // Before the disk is looked at: what has been written by then is on both.
        let layers = self.pending().layers();
        let changes = layers.between(from, end);
        let transaction = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = transaction.open_table(TABLE).map_err(|error| self.failed(error))?;
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let range = table.range::<&[u8]>((Bound::Included(from), end)).map_err(|error| self.failed(error))?;
        let stored = |entry: Result<_, StorageError>| entry.map(Stored).map_err(|error| self.failed(error));
        if forwards {
            merge(changes.into_iter(), range.map(stored), Ordering::Less, each)
        } else {
            merge(changes.into_iter().rev(), range.rev().map(stored), Ordering::Greater, each)
        }
    }
}

struct Stored((AccessGuard<'static, &'static [u8]>, AccessGuard<'static, &'static [u8]>));

impl Entry for Stored {
    fn key(&self) -> &[u8] {
        self.0.0.value()
    }

    fn value(&self) -> &[u8] {
        self.0.1.value()
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        // Nobody has waited for what is left, so nobody is told if it fails.
        let applied = self.shared.pending().applied();
        let _unasked = self.shared.flush(applied);
    }
}

impl DiskStore {
    /// Opens or makes the file. Folders above it are made, too.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let failed = |cause: String| StoreError::Failed { path: name.clone(), cause };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(error.to_string()))?;
        }
        private(path).map_err(|error| failed(error.to_string()))?;
        let database = match Database::builder().set_cache_size(64 << 20).create(path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse(name)),
            Err(error) => return Err(failed(error.to_string())),
        };
        let transaction = database.begin_write().map_err(|error| failed(error.to_string()))?;
        transaction.open_table(TABLE).map_err(|error| failed(error.to_string()))?;
        transaction.commit().map_err(|error| failed(error.to_string()))?;
        let shared = Shared { database, path: name, pending: Mutex::default(), durable: Mutex::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }
}

/// Makes an empty file that only its owner may read: there is a secret in it, and somebody's data.
fn private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Store for DiskStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let shared = &self.shared;
        let changed = shared.pending().layers().get(key);
        if let Some(value) = changed {
            return Ok(value);
        }
        let transaction = shared.database.begin_read().map_err(|error| shared.failed(error))?;
        let table = transaction.open_table(TABLE).map_err(|error| shared.failed(error))?;
        let found = table.get(key).map_err(|error| shared.failed(error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        self.shared.walk(prefix.max(from), end_of(prefix, &[]).as_deref(), true, each)
    }

    fn scan_back(
        &self,
        prefix: &[u8],
        before: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.shared.walk(prefix, end_of(prefix, before).as_deref(), false, each)
    }

    fn apply(&mut self, ops: Vec<Op>) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        let (applied, bytes) = {
            let mut pending = self.shared.pending();
            pending.apply(ops);
            (pending.applied(), pending.bytes())
        };
        if bytes > PENDING_MAX { self.shared.flush(applied) } else { Ok(()) }
    }

    fn barrier(&self) -> Barrier {
        let shared = Arc::clone(&self.shared);
        let wanted = shared.pending().applied();
        Barrier::new(move || shared.flush(wanted))
    }
}
