//! Performs effects on files, one call each, and turns every error into a failure that the core understands.
//!
//! Nothing is retried, ordered or batched here.

use crate::{system, tail};
use md5::{Digest, Md5};
use runwire_core::{Completion, Effect, Failure, FailureKind, FileDigest, FileStat, UnixNanos, net::HttpRequest};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// The open files of one run.
#[derive(Debug, Default)]
pub struct RunFiles {
    log: Mutex<Option<OpenLog>>,
    sampler: Mutex<Option<system::metrics::Sampler>>,
}

#[derive(Debug)]
struct OpenLog {
    path: String,
    file: File,
}

/// Does what `effect` says, or gives back a request, which is for the network.
pub fn perform(files: &RunFiles, effect: Effect) -> Result<Completion, Box<HttpRequest>> {
    let outcome = match effect {
        Effect::OpenLog { path, files_dir } => open_log(files, path, &files_dir).map(|()| Completion::Opened),
        Effect::AppendLog { at, bytes } => append(files, at, &bytes).map(|()| Completion::Appended),
        Effect::SyncLog { .. } => with_log(files, |log| log.file.sync_data()).map(|()| Completion::Synced),
        Effect::CloseLog => {
            drop(lock(&files.log).take());
            Ok(Completion::Closed)
        }
        Effect::WriteFile { path, bytes } => write_file(&path, &bytes).map(|()| Completion::Written),
        Effect::WriteSecret { path, content } => write_secret(&path, content.reveal()).map(|()| Completion::Written),
        Effect::PatchFile { path, at, bytes } => patch_file(&path, at, &bytes).map(|()| Completion::Written),
        Effect::LinkFile { source, path } => {
            tail::link(Path::new(&source), Path::new(&path)).map(|()| Completion::Written)
        }
        Effect::TailFiles { folder, read } => tail::tail(Path::new(&folder), read),
        Effect::SampleSystem(settings) => {
            let mut sampler = lock(&files.sampler);
            let sampler = sampler.get_or_insert_with(|| {
                system::metrics::Sampler::new(system::metrics::SamplerConfig::from_settings(&settings))
            });
            Ok(Completion::Sampled(sampler.sample()))
        }
        Effect::ProbeSystem(settings) => Ok(Completion::Probed(Box::new(system::environment::probe(&settings)))),
        Effect::SaveCode { settings, files_dir } => {
            Ok(Completion::CodeSaved(system::code::save(&settings, Path::new(&files_dir))))
        }
        Effect::ReadFile { path, at, len } => read_file(&path, at, len).map(|bytes| Completion::Read(bytes.into())),
        Effect::StatFiles { paths } => Ok(Completion::Stats(paths.iter().map(|path| stat(path)).collect())),
        Effect::HashFile { path } => hash(&path).map(Completion::Hashed),
        Effect::Http(request) => return Err(request),
    };
    Ok(outcome.unwrap_or_else(|error| Completion::Failed(failure(&error))))
}

/// The class of an I/O error.
#[allow(clippy::wildcard_enum_match_arm)]
pub fn failure(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::AlreadyExists => FailureKind::Exists,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FailureKind::NoSpace,
        ErrorKind::NotFound => FailureKind::NotFound,
        ErrorKind::TimedOut => FailureKind::TimedOut,
        // `ErrorKind` is open: whatever else there is, has no treatment of its own.
        _ => FailureKind::Other,
    };
    Failure { kind, message: error.to_string() }
}

fn open_log(files: &RunFiles, path: String, files_dir: &str) -> io::Result<()> {
    make_parent(&path)?;
    fs::create_dir_all(files_dir)?;
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    mark_as_written(&file);
    *lock(&files.log) = Some(OpenLog { path, file });
    Ok(())
}

/// Locks the log for as long as it is open, so that an upload knows that its run goes on. Nobody waits for it: where locks
/// hang or are not known, the log is as good without one.
#[cfg(unix)]
fn mark_as_written(file: &File) {
    if let Ok(file) = file.try_clone() {
        let _ = std::thread::Builder::new().name("runwire-lock".into()).stack_size(64 << 10).spawn(move || {
            let _ = file.try_lock();
        });
    }
}

/// There a lock would keep readers out.
#[cfg(not(unix))]
fn mark_as_written(_: &File) {}

fn append(files: &RunFiles, at: u64, bytes: &[u8]) -> io::Result<()> {
    with_log(files, |log| {
        let written = write_all_at(&log.file, bytes, at);
        if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::StaleNetworkFileHandle) {
            // The server of a network file system restarted: the path is good, the handle is not.
            log.file = OpenOptions::new().write(true).open(&log.path)?;
            return write_all_at(&log.file, bytes, at);
        }
        written
    })
}

fn with_log<T>(files: &RunFiles, call: impl FnOnce(&mut OpenLog) -> io::Result<T>) -> io::Result<T> {
    match lock(&files.log).as_mut() {
        Some(log) => call(log),
        None => Err(io::Error::new(ErrorKind::NotFound, "the log is not open")),
    }
}

fn write_file(path: &str, bytes: &[u8]) -> io::Result<()> {
    make_parent(path)?;
    // Renamed into place, so that a reader or a crash never finds half of it.
    let scratch = format!("{path}.{}.tmp", std::process::id());
    let written = File::create(&scratch).and_then(|mut file| {
        file.write_all(bytes)?;
        // Without it a power cut can leave an empty note, and rows would be sent twice. There is about one a second.
        if path.ends_with(".delivered") { file.sync_data() } else { Ok(()) }
    });
    written?;
    fs::rename(&scratch, path).inspect_err(|_| drop(fs::remove_file(&scratch)))
}

fn write_secret(path: &str, content: &str) -> io::Result<()> {
    make_parent(path)?;
    let scratch = format!("{path}.{}.tmp", std::process::id());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One that an earlier process left may be open to others.
    let _ = fs::remove_file(&scratch);
    let written = options.open(&scratch).and_then(|mut file| io::Write::write_all(&mut file, content.as_bytes()));
    written.and_then(|()| fs::rename(&scratch, path)).inspect_err(|_| drop(fs::remove_file(&scratch)))
}

fn read_file(path: &str, at: u64, len: u32) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len.into()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn stat(path: &str) -> Option<FileStat> {
    let facts = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let since_epoch = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = UnixNanos(since_epoch.map_or(0, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
    Some(FileStat { len: facts.len(), modified })
}

fn hash(path: &str) -> io::Result<FileDigest> {
    let mut file = File::open(path)?;
    let mut digest = Md5::new();
    let len = io::copy(&mut file, &mut digest)?;
    Ok(FileDigest { len, md5: digest.finalize().into() })
}

fn patch_file(path: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
    make_parent(path)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    write_all_at(&file, bytes, at)?;
    file.set_len(at + bytes.len() as u64)
}

fn make_parent(path: &str) -> io::Result<()> {
    Path::new(path).parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        if n == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        (bytes, at) = (&bytes[n..], at + n as u64);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while the lock was held has been reported as a failed effect; the file is still the file.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn perform(files: &RunFiles, effect: Effect) -> Completion {
        super::perform(files, effect).expect("no request")
    }

    #[test]
    fn a_log_is_never_opened_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/run.wandb").to_str().unwrap().to_string();
        let files_dir = dir.path().join("deep/files").to_str().unwrap().to_string();
        let open = || Effect::OpenLog { path: path.clone(), files_dir: files_dir.clone() };
        let files = RunFiles::default();
        assert_eq!(perform(&files, open()), Completion::Opened);
        let append = Effect::AppendLog { at: 2, bytes: Bytes::from_static(b"cd") };
        assert_eq!(perform(&files, append.clone()), Completion::Appended);
        assert_eq!(perform(&files, append), Completion::Appended);
        assert_eq!(perform(&files, Effect::SyncLog { upto: 4 }), Completion::Synced);
        assert_eq!(perform(&files, Effect::CloseLog), Completion::Closed);
        assert_eq!(fs::read(&path).unwrap(), b"\0\0cd");
        let Completion::Failed(failure) = perform(&RunFiles::default(), open()) else { panic!("opened twice") };
        assert_eq!(failure.kind, FailureKind::Exists);
        assert!(std::path::Path::new(&files_dir).is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/credentials.json").to_str().unwrap().to_string();
        for text in ["one", "two"] {
            let effect = Effect::WriteSecret { path: path.clone(), content: runwire_core::net::Secret::new(text) };
            assert_eq!(perform(&RunFiles::default(), effect), Completion::Written);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_patch_cuts_the_file_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output.log").to_str().unwrap().to_string();
        let files = RunFiles::default();
        let patch = |at, text: &'static str| Effect::PatchFile { path: path.clone(), at, bytes: text.into() };
        assert_eq!(perform(&files, patch(0, "one\nprogress 99")), Completion::Written);
        assert_eq!(perform(&files, patch(4, "two\n")), Completion::Written);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn errors_have_a_class() {
        let Completion::Failed(failure) = perform(&RunFiles::default(), Effect::SyncLog { upto: 0 }) else { panic!() };
        assert_eq!(failure.kind, FailureKind::NotFound);
        let full = failure_of(28);
        assert_eq!(full.kind, FailureKind::NoSpace);
    }

    fn failure_of(errno: i32) -> Failure {
        failure(&io::Error::from_raw_os_error(errno))
    }
}
