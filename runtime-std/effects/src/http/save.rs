//! An answer that becomes a file: written beside its path, and it takes its name when it is whole.

use super::failure::of_file;
use runwire_core::Failure;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A file under way. Dropped before it is whole, it is removed.
#[derive(Debug)]
pub struct Saving {
    path: String,
    scratch: PathBuf,
    file: File,
    whole: bool,
}

impl Saving {
    /// Begins the file at `path`; its folder is made if it is missing.
    pub fn begin(path: &str) -> Result<Self, Failure> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = Path::new(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|error| of_file(path, &error))?;
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let scratch = target.with_file_name(format!("{name}.{}-{unique}.part", std::process::id()));
        let file = File::create(&scratch).map_err(|error| of_file(path, &error))?;
        Ok(Saving { path: path.into(), scratch, file, whole: false })
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| of_file(&self.path, &error))
    }

    /// It is whole.
    pub fn finish(mut self) -> Result<(), Failure> {
        fs::rename(&self.scratch, &self.path).map_err(|error| of_file(&self.path, &error))?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if !self.whole {
            // Whoever took it away first has done no harm.
            let _ = fs::remove_file(&self.scratch);
        }
    }
}
