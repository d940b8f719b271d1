//! Effects on files, which are pieces in the page's store. What a page has no way to do is a failure, so that the run goes on.

use crate::host;
use js_sys::{Array, Uint8Array};
use md5::{Digest, Md5};
use runwire_core::{Completion, Effect, Failure, FailureKind, FileDigest, FileStat, UnixNanos, net::HttpRequest};
use runwire_proto::wire;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Bytes of a file that are digested at a time.
const HASHED: u64 = 1 << 20;

/// What is kept about the log of one run.
#[derive(Default)]
pub(crate) struct Log {
    path: String,
}

/// Does what `effect` says, or gives back a request, which is for the network.
pub(crate) async fn perform(log: &std::cell::RefCell<Log>, effect: Effect) -> Result<Completion, Box<HttpRequest>> {
    let path = || log.borrow().path.clone();
    let outcome = match effect {
        Effect::OpenLog { path, .. } => {
            let made = JsFuture::from(host::create(&path)).await;
            log.borrow_mut().path = path;
            made.map(|_| Completion::Opened)
        }
        Effect::AppendLog { at, bytes } => {
            JsFuture::from(host::put(&path(), at as f64, host::copied(&bytes))).await.map(|_| Completion::Appended)
        }
        Effect::SyncLog { .. } => JsFuture::from(host::sync(&path())).await.map(|_| Completion::Synced),
        Effect::CloseLog => Ok(Completion::Closed),
        Effect::WriteFile { path, bytes } => patch(&path, 0, &bytes).await,
        Effect::PatchFile { path, at, bytes } => patch(&path, at, &bytes).await,
        Effect::ReadFile { path, at, len } => {
            read(&path, at, len.into()).await.map(|bytes| Completion::Read(bytes.into()))
        }
        Effect::StatFiles { paths } => {
            let mut stats = Vec::new();
            for path in paths {
                stats.push(stat(&path).await);
            }
            Ok(Completion::Stats(stats))
        }
        Effect::HashFile { path } => hash(&path).await.map(Completion::Hashed),
        Effect::Http(request) => return Err(request),
        Effect::WriteSecret { .. } => return Ok(lacking(FailureKind::Denied, "a page keeps no secrets")),
        Effect::LinkFile { .. } | Effect::TailFiles { .. } => {
            return Ok(lacking(FailureKind::NotFound, "a page sees no files of the machine"));
        }
        Effect::ProbeSystem(_) => Ok(Completion::Probed(Box::new(environment()))),
        Effect::SampleSystem(_) | Effect::SaveCode { .. } => {
            return Ok(lacking(FailureKind::Other, "a page can't look at the machine"));
        }
    };
    Ok(outcome.unwrap_or_else(|error| Completion::Failed(failure(&error))))
}

/// Bytes of a file; fewer at its end.
pub(crate) async fn read(path: &str, at: u64, len: u64) -> Result<Vec<u8>, JsValue> {
    let bytes = JsFuture::from(host::read(path, at as f64, len as f64)).await?;
    Ok(bytes.unchecked_into::<Uint8Array>().to_vec())
}

pub(crate) async fn patch(path: &str, at: u64, bytes: &[u8]) -> Result<Completion, JsValue> {
    JsFuture::from(host::patch(path, at as f64, host::copied(bytes))).await.map(|_| Completion::Written)
}

/// A file's length and age; none if it is not there or can't be looked at.
pub(crate) async fn stat(path: &str) -> Option<FileStat> {
    let facts: Array = JsFuture::from(host::stat(path)).await.ok()?.dyn_into().ok()?;
    let number = |at| facts.get(at).as_f64().unwrap_or_default();
    Some(FileStat { len: number(0) as u64, modified: UnixNanos((number(1) * 1e6) as i64) })
}

async fn hash(path: &str) -> Result<FileDigest, JsValue> {
    let mut digest = Md5::new();
    let mut len = 0;
    loop {
        let bytes = read(path, len, HASHED).await?;
        digest.update(&bytes);
        len += bytes.len() as u64;
        if (bytes.len() as u64) < HASHED {
            return Ok(FileDigest { len, md5: digest.finalize().into() });
        }
    }
}

/// What a page may know of where it runs.
fn environment() -> wire::EnvironmentRecord {
    let facts = host::facts();
    let text = |at| facts.get(at).as_string().unwrap_or_default();
    wire::EnvironmentRecord {
        os: text(0),
        cpu_count_logical: facts.get(1).as_f64().unwrap_or_default() as u32,
        program: text(2),
        ..Default::default()
    }
}

/// The class of an error of the page.
pub(crate) fn failure(error: &JsValue) -> Failure {
    let (name, message) = match error.dyn_ref::<js_sys::Error>() {
        Some(error) => (String::from(error.name()), String::from(error.message())),
        None => (String::new(), error.as_string().unwrap_or_default()),
    };
    let kind = match &*name {
        "ConstraintError" => FailureKind::Exists,
        "NotFoundError" => FailureKind::NotFound,
        "QuotaExceededError" => FailureKind::NoSpace,
        "SecurityError" | "NotAllowedError" => FailureKind::Denied,
        "TimeoutError" => FailureKind::TimedOut,
        "NetworkError" => FailureKind::Unreachable,
        "TypeError" => FailureKind::BadRequest,
        _ => FailureKind::Other,
    };
    Failure { kind, message: if message.is_empty() { name } else { message } }
}

fn lacking(kind: FailureKind, message: &str) -> Completion {
    Completion::Failed(Failure { kind, message: message.into() })
}
