//! The store on a disk: one redb file.
//!
//! Why redb: it is written in Rust alone (no C compiler, no bundled engine to patch), its file is consistent after a
//! crash at any moment (copy-on-write pages, two commit slots), and a commit that does not wait for the disk can be
//! followed by one that does. That is what makes group commit small: requests become visible one by one under the
//! backend's lock, and whoever waits for the disk waits for all of them at once, outside that lock.

use super::{Barrier, Op, Store, StoreError, end_of};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, TableDefinition};
use std::{
    fmt::Display,
    fs::OpenOptions,
    io,
    ops::Bound,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("runwire");

/// Keeps everything in one file.
pub struct DiskStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    path: String,
    /// Changes that are visible.
    applied: AtomicU64,
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
        let transaction = self.database.begin_write().map_err(|error| self.failed(error))?;
        // Read while no other write can run: what is counted here is part of this commit.
        let applied = self.applied.load(Ordering::SeqCst);
        transaction.commit().map_err(|error| self.failed(error))?;
        *durable = applied;
        Ok(())
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
        let shared = Shared { database, path: name, applied: AtomicU64::new(0), durable: Mutex::new(0) };
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
        let transaction = shared.database.begin_read().map_err(|error| shared.failed(error))?;
        let table = transaction.open_table(TABLE).map_err(|error| shared.failed(error))?;
        let found = table.get(key).map_err(|error| shared.failed(error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        let shared = &self.shared;
        let transaction = shared.database.begin_read().map_err(|error| shared.failed(error))?;
        let table = transaction.open_table(TABLE).map_err(|error| shared.failed(error))?;
        let range = table.range::<&[u8]>(prefix.max(from)..).map_err(|error| shared.failed(error))?;
        for entry in range {
            let (key, value) = entry.map_err(|error| shared.failed(error))?;
            if !key.value().starts_with(prefix) || !each(key.value(), value.value()) {
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
        let shared = &self.shared;
        let transaction = shared.database.begin_read().map_err(|error| shared.failed(error))?;
        let table = transaction.open_table(TABLE).map_err(|error| shared.failed(error))?;
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = table.range::<&[u8]>((Bound::Included(prefix), end)).map_err(|error| shared.failed(error))?;
        for entry in range.rev() {
            let (key, value) = entry.map_err(|error| shared.failed(error))?;
            if !each(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, ops: Vec<Op>) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        let shared = &self.shared;
        let mut transaction = shared.database.begin_write().map_err(|error| shared.failed(error))?;
        transaction.set_durability(Durability::None).map_err(|error| shared.failed(error))?;
        {
            let mut table = transaction.open_table(TABLE).map_err(|error| shared.failed(error))?;
            for op in ops {
                match op {
                    Op::Put(key, value) => {
                        table.insert(key.as_slice(), value.as_slice()).map_err(|error| shared.failed(error))?;
                    }
                    Op::Delete(key) => {
                        table.remove(key.as_slice()).map_err(|error| shared.failed(error))?;
                    }
                }
            }
        }
        transaction.commit().map_err(|error| shared.failed(error))?;
        shared.applied.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn barrier(&self) -> Barrier {
        let shared = Arc::clone(&self.shared);
        let wanted = shared.applied.load(Ordering::SeqCst);
        Barrier::new(move || shared.flush(wanted))
    }
}
