//! An uploader with a disk in memory and a clock that a test moves. What happens is kept as text.

use super::super::*;
use crate::{
    completion::FailureKind,
    limits::Limits,
    net::{Body, HttpResponse, Link, Purpose},
    rng::Rng,
    time::{Duration, UnixNanos},
};
use alloc::string::ToString;
use core::fmt::Write;

pub(super) const DIR: &str = "/run/files";

/// An effect that is not answered.
#[derive(Debug)]
pub(super) enum Open {
    Stat(Vec<String>),
    Hash(String),
    Http(HttpRequest),
}

pub(super) struct Rig {
    pub(super) up: Uploader,
    pub(super) limits: Limits,
    rng: Rng,
    link: Link,
    pub(super) now: Instant,
    /// Content and time of change by whole path.
    pub(super) disk: BTreeMap<String, (String, i64)>,
    clock: i64,
    pub(super) open: BTreeMap<Tag, Open>,
    pub(super) uploaded: Vec<(String, Option<FileDigest>)>,
    pub(super) failed: Vec<String>,
    pub(super) told: Vec<String>,
    pub(super) notices: Vec<String>,
    pub(super) flushed: usize,
    pub(super) story: String,
}

pub(super) fn settings() -> Settings {
    Settings { base_url: Some("http://h".into()), ..Default::default() }
}

/// Not MD5, but as good for a test.
pub(super) fn digest(content: &str) -> FileDigest {
    let fnv = |basis: u64| {
        content.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)).to_be_bytes()
    };
    let mut md5 = [0; 16];
    md5[..8].copy_from_slice(&fnv(0xcbf2_9ce4_8422_2325));
    md5[8..].copy_from_slice(&fnv(0x9ae1_6a3b_2f90_404f));
    FileDigest { len: content.len() as u64, md5 }
}

pub(super) fn status(status: u16, body: &str) -> Outcome {
    Ok(HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec().into() })
}

pub(super) fn no_answer() -> Failure {
    Failure { kind: FailureKind::Unreachable, message: "connection reset".into() }
}

impl Rig {
    pub(super) fn unplaced(settings: &Settings, limits: Limits) -> Self {
        Rig {
            up: Uploader::new(settings, &Policies::new(settings), DIR.into()),
            limits,
            rng: Rng::new(7),
            link: Link::new(settings),
            now: Instant::ZERO,
            disk: BTreeMap::new(),
            clock: 0,
            open: BTreeMap::new(),
            uploaded: Vec::new(),
            failed: Vec::new(),
            told: Vec::new(),
            notices: Vec::new(),
            flushed: 0,
            story: String::new(),
        }
    }

    pub(super) fn started() -> Self {
        Self::with(&settings(), Limits::default())
    }

    pub(super) fn with(settings: &Settings, limits: Limits) -> Self {
        let mut rig = Self::unplaced(settings, limits);
        rig.start();
        rig
    }

    pub(super) fn start(&mut self) {
        let place = Place { entity: "e".into(), project: "p".into(), run_id: "r".into() };
        self.call(|up, cx, out| up.on_start(cx, place, out));
    }

    /// One call of the uploader; what it wants is kept.
    pub(super) fn call(&mut self, f: impl FnOnce(&mut Uploader, &mut Cx<'_>, &mut VecDeque<Action>)) {
        let mut out = VecDeque::new();
        let mut cx =
            Cx { now: self.now, wall: UnixNanos(0), limits: &self.limits, rng: &mut self.rng, link: &self.link };
        f(&mut self.up, &mut cx, &mut out);
        for action in out {
            self.note(action);
        }
    }

    fn note(&mut self, action: Action) {
        let text = match action {
            Action::Stat(tag, paths) => {
                let text = format!("stat {}", paths.iter().map(|p| short(p)).collect::<Vec<_>>().join(" "));
                assert!(self.open.insert(tag, Open::Stat(paths)).is_none());
                text
            }
            Action::Hash(tag, path) => {
                let text = format!("hash {}", short(&path));
                assert!(self.open.insert(tag, Open::Hash(path)).is_none());
                text
            }
            Action::Http(tag, request) => {
                let text = match names(&request) {
                    Some(names) => format!("> ask {}", names.join(" ")),
                    None => format!("> PUT {} len={}", request.url, request.body.len()),
                };
                assert!(self.open.insert(tag, Open::Http(request)).is_none());
                text
            }
            Action::Uploaded { path, digest } => {
                let text = format!("  uploaded {path}{}", if digest.is_none() { ", but it changed" } else { "" });
                self.uploaded.push((path, digest));
                text
            }
            Action::Failed { path, why } => {
                let text = format!("  failed {path}: {why}");
                self.failed.push(path);
                text
            }
            Action::FlushDone => {
                self.flushed += 1;
                "  flush done".into()
            }
            Action::TellUser(text) => {
                self.told.push(text.clone());
                format!("  tell: {text}")
            }
            Action::Notice(notice) => {
                self.notices.push(notice.message.clone());
                format!("  {notice}")
            }
            Action::Progress(bytes) => format!("  progress {bytes}"),
        };
        writeln!(self.story, "{} {text}", self.now).unwrap();
    }

    pub(super) fn write(&mut self, path: &str, content: &str) {
        self.clock += 1;
        self.disk.insert(format!("{DIR}/{path}"), (content.into(), self.clock));
    }

    pub(super) fn file(&mut self, path: &str, policy: FilePolicy) {
        self.call(|up, cx, out| up.on_file(cx, path, policy, Kind::Other, out));
    }

    /// A file that is there and wanted now.
    pub(super) fn add(&mut self, path: &str, content: &str) {
        self.write(path, content);
        self.file(path, FilePolicy::Now);
    }

    pub(super) fn flush(&mut self) {
        self.call(|up, cx, out| up.on_flush(cx, out));
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now.after(by);
        self.call(|up, cx, out| up.on_tick(cx, out));
    }

    /// To the next wake.
    pub(super) fn wait(&mut self) {
        let wake = self.up.wake().expect("something is waited for");
        assert!(wake.at > self.now || self.now == Instant::ZERO, "{wake:?} is due already");
        self.now = wake.at;
        self.call(|up, cx, out| up.on_tick(cx, out));
    }

    pub(super) fn stat_of(&self, whole: &str) -> Option<FileStat> {
        let (content, time) = self.disk.get(whole)?;
        Some(FileStat { len: content.len() as u64, modified: UnixNanos(*time) })
    }

    /// Answers one look or digest as the disk is now.
    pub(super) fn answer_disk(&mut self, tag: Tag) {
        match self.open.remove(&tag).expect("an open effect") {
            Open::Stat(paths) => {
                let stats = paths.iter().map(|path| self.stat_of(path)).collect();
                self.call(|up, cx, out| up.on_stats(cx, tag, Ok(stats), out));
            }
            Open::Hash(path) => {
                let missing = Failure { kind: FailureKind::NotFound, message: "no such file".into() };
                let outcome = self.disk.get(&path).map(|(content, _)| digest(content)).ok_or(missing);
                self.call(|up, cx, out| up.on_hashed(cx, tag, outcome, out));
            }
            Open::Http(request) => panic!("{request} is not for the disk"),
        }
    }

    /// Answers every look and digest.
    pub(super) fn disk(&mut self) {
        while let Some(tag) = self.open.iter().find(|(_, open)| !matches!(open, Open::Http(_))).map(|(tag, _)| *tag) {
            self.answer_disk(tag);
        }
    }

    /// The oldest request.
    pub(super) fn request(&self) -> (Tag, &HttpRequest) {
        self.requests().next().unwrap_or_else(|| panic!("no request is open\n{}", self.story))
    }

    /// The oldest request, and the names that it asks for if it does.
    pub(super) fn next(&self) -> Option<(Tag, Option<Vec<String>>)> {
        self.requests().next().map(|(tag, request)| (tag, names(request)))
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = (Tag, &HttpRequest)> {
        self.open.iter().filter_map(|(tag, open)| match open {
            Open::Http(request) => Some((*tag, request)),
            Open::Stat(_) | Open::Hash(_) => None,
        })
    }

    pub(super) fn puts(&self) -> Vec<String> {
        self.requests().filter(|(_, r)| r.purpose == Purpose::PutFile).map(|(_, r)| r.url.clone()).collect()
    }

    /// Answers the oldest request, then the disk.
    pub(super) fn answer(&mut self, outcome: Outcome) {
        let (tag, _) = self.request();
        self.answer_tag(tag, outcome);
        self.disk();
    }

    pub(super) fn answer_tag(&mut self, tag: Tag, outcome: Outcome) {
        self.open.remove(&tag).expect("an open request");
        self.call(|up, cx, out| up.on_http(cx, tag, outcome, out));
    }

    /// Answers the oldest request, which asks for files, as a good server does.
    pub(super) fn offer(&mut self) {
        let (_, request) = self.request();
        let names = names(request).unwrap_or_else(|| panic!("{request} asks for nothing"));
        self.answer(offers(&names, &[]));
    }

    /// Everything works from now on, until nothing is open and nothing is due for a while.
    pub(super) fn serve(&mut self) {
        self.disk();
        while let Some((tag, names)) = self.next() {
            let outcome = match names {
                Some(names) => offers(&names, &[]),
                None => status(200, ""),
            };
            self.answer_tag(tag, outcome);
            self.disk();
        }
    }
}

/// Names that a request asks for.
pub(super) fn names(request: &HttpRequest) -> Option<Vec<String>> {
    let Body::Bytes(bytes) = &request.body else { return None };
    let body: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let files = body["variables"]["files"].as_array()?;
    Some(files.iter().map(|name| name.as_str().expect("a name").to_string()).collect())
}

/// The answer that gives each name its address.
pub(super) fn offers(names: &[String], headers: &[&str]) -> Outcome {
    let files: Vec<serde_json::Value> =
        names.iter().map(|n| serde_json::json!({"name": n, "uploadUrl": format!("http://store/{n}")})).collect();
    let answer = serde_json::json!({"data": {"createRunFiles": {"files": files, "uploadHeaders": headers}}});
    status(200, &answer.to_string())
}

fn short(path: &str) -> &str {
    path.strip_prefix(DIR).and_then(|path| path.strip_prefix('/')).expect("a path in the folder")
}
