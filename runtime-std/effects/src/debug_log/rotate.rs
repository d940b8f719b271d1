//! Names and number of the service's log files.
//!
//! The directory is shared with the official sidecar, whose logs have the same names. Ours begin with a line that says
//! so, and only those are ever removed. A log in use is locked by its process (where locks do not hinder readers) and
//! stays however old it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const PREFIX: &str = "core-debug-";
const SUFFIX: &str = ".log";
/// Stands in the first line of our logs.
const MARK: &str = "\"msg\":\"runwire\"";
/// Looked at when old logs are removed; a directory with more is cleaned over several starts.
const LOOK_AT: usize = 500;

/// Creates `core-debug-<stamp>.log`, or a name with our pid and a number if that is taken, and writes the first line.
pub(super) fn create(dir: &Path, stamp: &str) -> io::Result<(File, PathBuf)> {
    private_dir(dir)?;
    let pid = std::process::id();
    let mut attempt = 0_u32;
    loop {
        let name = match attempt {
            0 => format!("{PREFIX}{stamp}{SUFFIX}"),
            1 => format!("{PREFIX}{stamp}-{pid}{SUFFIX}"),
            more => format!("{PREFIX}{stamp}-{pid}-{more}{SUFFIX}"),
        };
        let path = dir.join(name);
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        private(&mut options);
        match options.open(&path) {
            Ok(mut file) => {
                hold(&file);
                let now = jiff::Timestamp::now();
                let version = env!("CARGO_PKG_VERSION");
                writeln!(
                    file,
                    "{{\"time\":\"{now}\",\"level\":\"INFO\",{MARK},\"version\":\"{version}\",\"pid\":{pid}}}"
                )?;
                return Ok((file, path));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Opens a file to append to, with its directory.
pub(super) fn append(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    private(&mut options);
    options.open(path)
}

/// Removes our logs beyond the newest `keep`. What cannot be removed stays.
pub(super) fn remove_old(dir: &Path, keep: usize) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
        .collect();
    if names.len() <= keep {
        return;
    }
    // The stamp sorts by time; the newest come first.
    names.sort_unstable_by(|a, b| b.cmp(a));
    let ours = names.iter().take(LOOK_AT).map(|name| dir.join(name)).filter(|path| is_ours(path));
    for path in ours.skip(keep) {
        if is_free(&path) {
            // Someone else may have been faster.
            fs::remove_file(&path).ok();
        }
    }
}

fn is_ours(path: &Path) -> bool {
    let mut head = [0_u8; 256];
    let Ok(mut file) = File::open(path) else { return false };
    let Ok(length) = file.read(&mut head) else { return false };
    let first = head[..length].split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(first).contains(MARK)
}

fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// Marks the file as in use until it is closed. Elsewhere than on Unix a lock would keep readers out.
#[cfg(unix)]
fn hold(file: &File) {
    // Some network file systems have no locks; then the age alone decides.
    file.try_lock().ok();
}

#[cfg(not(unix))]
fn hold(_: &File) {}

#[cfg(unix)]
fn is_free(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

#[cfg(not(unix))]
fn is_free(_: &Path) -> bool {
    true
}
