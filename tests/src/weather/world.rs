//! Performs the effects of an engine without sockets: requests go to the heart of the embedded server, files to a real
//! folder or to a map. Owns neither clock nor order; must not know what an engine is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use md5::{Digest, Md5};
use runwire_core::net::{Body, HttpRequest, HttpResponse, Method};
use runwire_core::{Completion, Effect, Failure, FailureKind, FileDigest, FileStat, UnixNanos, completion};
use runwire_local::{Backend, Request};

/// Where files are.
pub trait Files {
    /// Up to `len` bytes at `at`; `None` if there is no such file.
    fn read(&self, path: &str, at: u64, len: u64) -> Option<Vec<u8>>;
    /// Writes `bytes` at `at` and makes the file end there if `cut`.
    fn write(&mut self, path: &str, at: u64, bytes: &[u8], cut: bool) -> Result<(), String>;
    /// The length of a file.
    fn len(&self, path: &str) -> Option<u64>;
}

/// The real disk.
#[derive(Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str, at: u64, len: u64) -> Option<Vec<u8>> {
        let mut file = fs::File::open(path).ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn write(&mut self, path: &str, at: u64, bytes: &[u8], cut: bool) -> Result<(), String> {
        let kept = if at > 0 || !cut { fs::read(path).unwrap_or_default() } else { Vec::new() };
        let mut file = Memory::from([(path.to_owned(), kept)]);
        file.write(path, at, bytes, cut)?;
        fs::write(path, &file[path]).map_err(|error| error.to_string())
    }

    fn len(&self, path: &str) -> Option<u64> {
        Some(fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len())
    }
}

/// Files by their paths.
pub type Memory = BTreeMap<String, Vec<u8>>;

impl Files for Memory {
    fn read(&self, path: &str, at: u64, len: u64) -> Option<Vec<u8>> {
        let file = self.get(path)?;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(file.len());
        let to = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(file.len());
        Some(file[from..to].to_vec())
    }

    fn write(&mut self, path: &str, at: u64, bytes: &[u8], cut: bool) -> Result<(), String> {
        let file = self.entry(path.to_owned()).or_default();
        let at = usize::try_from(at).map_err(|error| error.to_string())?;
        let end = at + bytes.len();
        if cut || file.len() < end {
            file.resize(end, 0);
        }
        file[at..end].copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self, path: &str) -> Option<u64> {
        self.get(path).map(|file| file.len() as u64)
    }
}

/// Does what `effect` says. `log` is the path that the run's log was opened at; `now_ms` the server's clock.
pub fn perform(effect: Effect, log: &str, now_ms: u64, backend: &mut Backend, files: &mut dyn Files) -> Completion {
    let kind = effect.kind();
    let written = |outcome: Result<(), String>| match outcome {
        Ok(()) => completion::success(kind),
        Err(message) => Completion::Failed(Failure { kind: FailureKind::Other, message }),
    };
    let missing = |path: &str| {
        Completion::Failed(Failure { kind: FailureKind::NotFound, message: format!("{path}: no such file") })
    };
    match effect {
        Effect::AppendLog { at, bytes } => written(files.write(log, at, &bytes, false)),
        Effect::WriteFile { path, bytes } => written(files.write(&path, 0, &bytes, true)),
        Effect::WriteSecret { path, content } => written(files.write(&path, 0, content.reveal().as_bytes(), true)),
        Effect::PatchFile { path, at, bytes } => written(files.write(&path, at, &bytes, true)),
        Effect::ReadFile { path, at, len } => match files.read(&path, at, len.into()) {
            Some(bytes) => Completion::Read(bytes.into()),
            None => missing(&path),
        },
        Effect::StatFiles { paths } => {
            let stat = |path: &String| files.len(path).map(|len| FileStat { len, modified: UnixNanos(0) });
            Completion::Stats(paths.iter().map(stat).collect())
        }
        Effect::HashFile { path } => match files.read(&path, 0, u64::MAX) {
            Some(bytes) => Completion::Hashed(FileDigest { len: bytes.len() as u64, md5: Md5::digest(&bytes).into() }),
            None => missing(&path),
        },
        Effect::Http(request) => Completion::Http(Box::new(ask(&request, now_ms, backend, files))),
        Effect::OpenLog { .. }
        | Effect::SyncLog { .. }
        | Effect::CloseLog
        | Effect::LinkFile { .. }
        | Effect::TailFiles { .. }
        | Effect::SampleSystem(_)
        | Effect::ProbeSystem(_)
        | Effect::SaveCode { .. } => completion::success(kind),
    }
}

/// One request to the heart of the server.
pub fn ask(request: &HttpRequest, now_ms: u64, backend: &mut Backend, files: &dyn Files) -> HttpResponse {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let rest = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let target = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    let body = match &request.body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::File { path, len } => files.read(path, 0, *len).unwrap_or_default(),
    };
    let name = |name: &str| name.to_ascii_lowercase();
    let own = request.headers.iter().map(|h| (name(&h.name), h.value.reveal().to_owned()));
    let headers = [("host".to_owned(), host.to_owned())].into_iter().chain(own).collect();
    let answer = backend.handle(now_ms, &Request { method: method.into(), target, headers, body });
    let mut body = answer.body;
    body.truncate(request.answer_bytes_max);
    let headers = answer.headers.into_iter().map(|(key, value)| (name(&key), value)).collect();
    HttpResponse { status: answer.status, headers, body: Bytes::from(body) }
}
