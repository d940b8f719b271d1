//! Event files of TensorBoard: which there are below a folder, a piece of one, and a link to one beside the run's files.
//!
//! What a piece means, which file is read and how far, is the core's business.

use bytes::Bytes;
use runwire_core::Completion;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

/// Deeper folders are not looked into.
const DEPTH: usize = 16;
/// More files than this are not listed.
const FILES_MAX: usize = 10_000;

/// Lists the files and reads what is wanted of one. A folder that is not there is an error; one below it that can't be
/// read is left out.
pub(crate) fn tail(folder: &Path, read: Option<(String, u64, u32)>) -> io::Result<Completion> {
    let bytes = match read {
        Some((path, at, len)) => piece(&folder.join(path), at, len)?,
        None => Bytes::new(),
    };
    let mut files = Vec::new();
    // After the reading, so that no size is smaller than what was read.
    list(folder, "", DEPTH, &mut files)?;
    files.sort();
    Ok(Completion::Tail { files, bytes })
}

fn piece(path: &Path, at: u64, len: u32) -> io::Result<Bytes> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // It was removed since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Bytes::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(u64::from(len)).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn list(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if depth > 0 {
                // One that is not ours to read must not hide the others.
                let _ = list(&entry.path(), &format!("{prefix}{name}/"), depth - 1, files);
            }
        } else if name.contains("tfevents")
            && files.len() < FILES_MAX
            && let Ok(meta) = fs::metadata(entry.path())
            && meta.is_file()
        {
            files.push((format!("{prefix}{name}"), meta.len()));
        }
    }
    Ok(())
}

/// Shows `source` at `path`.
pub(crate) fn link(source: &Path, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    match symbolic(source, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::hard_link(source, path),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn symbolic(source: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(source, path)
}

#[cfg(windows)]
fn symbolic(source: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(source, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(completion: Completion) -> (Vec<(String, u64)>, Bytes) {
        let Completion::Tail { files, bytes } = completion else { panic!("{completion}") };
        (files, bytes)
    }

    #[test]
    fn files_are_listed_in_order_and_read_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        for (name, text) in
            [("z.tfevents.2.h", "0123456789"), ("a.tfevents.1.h", "x"), ("sub/tfevents.3", ""), ("n", "n")]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let (files, bytes) = parts(tail(dir.path(), None).unwrap());
        let wanted = [("a.tfevents.1.h", 1), ("sub/tfevents.3", 0), ("z.tfevents.2.h", 10)];
        assert_eq!(files, wanted.map(|(path, size)| (path.to_owned(), size)));
        assert!(bytes.is_empty());
        let read = |path: &str, at, len| parts(tail(dir.path(), Some((path.into(), at, len))).unwrap()).1;
        assert_eq!(read("z.tfevents.2.h", 4, 3), "456");
        assert_eq!(read("z.tfevents.2.h", 8, 100), "89");
        assert_eq!(read("z.tfevents.2.h", 20, 100), "");
        assert_eq!(read("gone", 0, 100), "");
        assert!(tail(&dir.path().join("missing"), None).is_err());
    }

    #[test]
    fn a_link_follows_its_file_and_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let (source, path) = (dir.path().join("source"), dir.path().join("deep/er/link"));
        fs::write(&source, "one").unwrap();
        link(&source, &path).unwrap();
        fs::write(&source, "two").unwrap();
        link(&source, &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    }
}
