//! Any order of files, changes, outcomes and faults.

use super::{super::*, rig::*};
use crate::{completion::FailureKind, limits::Limits, net::Body, time::Duration};
use alloc::{collections::BTreeSet, string::ToString};
use proptest::prelude::*;

/// Files of the made-up run. The server takes all but the last three.
const NAMES: [&str; 8] = ["a", "b", "sub/c", "d", "e", "bad", "forbidden", "nowhere"];

#[derive(Clone, Debug)]
enum Op {
    /// The file is written, and asked for unless it is watched or for the end.
    Write(usize, u8),
    Remove(usize),
    Add(usize, u8),
    Advance(u16),
    Tick,
    /// An open effect gets its outcome.
    Outcome(u16, u8),
    Start,
}

fn op() -> impl Strategy<Value = Op> {
    let name = 0..NAMES.len();
    prop_oneof![
        4 => (name.clone(), 0..4_u8).prop_map(|(name, content)| Op::Write(name, content)),
        1 => name.clone().prop_map(Op::Remove),
        3 => (name, 0..3_u8).prop_map(|(name, policy)| Op::Add(name, policy)),
        2 => (0..7000_u16).prop_map(Op::Advance),
        2 => Just(Op::Tick),
        12 => (any::<u16>(), 0..10_u8).prop_map(|(which, fault)| Op::Outcome(which, fault)),
        1 => Just(Op::Start),
    ]
}

struct World {
    rig: Rig,
    /// What the storage has.
    stored: BTreeMap<String, String>,
    /// Content that is known to have arrived, by file.
    known: BTreeMap<String, [u8; 16]>,
    seen: usize,
    wanted: BTreeSet<usize>,
    /// Wanted now, so that a change is followed by a request.
    followed: BTreeSet<usize>,
}

impl World {
    fn apply(&mut self, op: Op) {
        match op {
            Op::Write(name, content) => {
                self.rig.write(NAMES[name], &"x".repeat(content.into()));
                if self.followed.contains(&name) {
                    self.rig.file(NAMES[name], FilePolicy::Now);
                }
            }
            Op::Remove(name) => {
                self.rig.disk.remove(&format!("{DIR}/{}", NAMES[name]));
            }
            Op::Add(name, policy) => {
                self.wanted.insert(name);
                let policy = match policy {
                    0 => FilePolicy::Now,
                    1 => FilePolicy::Live,
                    _ => FilePolicy::End,
                };
                if policy == FilePolicy::Now {
                    self.followed.insert(name);
                }
                self.rig.file(NAMES[name], policy);
            }
            Op::Advance(millis) => self.rig.advance(Duration::from_millis(millis.into())),
            Op::Tick => {
                if let Some(wake) = self.rig.up.wake() {
                    self.rig.now = self.rig.now.max(wake.at);
                    self.rig.call(|up, cx, out| up.on_tick(cx, out));
                    let next = self.rig.up.wake();
                    assert!(next.is_none_or(|next| next.at > self.rig.now), "{next:?} after {wake:?}");
                }
            }
            Op::Outcome(which, fault) => {
                let count = self.rig.open.len();
                if count > 0 {
                    let tag = *self.rig.open.keys().nth(usize::from(which) % count).unwrap();
                    self.outcome(tag, fault);
                }
            }
            Op::Start => self.rig.start(),
        }
        self.check();
    }

    /// Fault 0 to 3 is none.
    fn outcome(&mut self, tag: Tag, fault: u8) {
        let timed_out = Failure { kind: FailureKind::TimedOut, message: "late".into() };
        match &self.rig.open[&tag] {
            Open::Stat(_) if fault == 9 => {
                self.rig.open.remove(&tag);
                self.rig.call(|up, cx, out| up.on_stats(cx, tag, Err(timed_out), out));
            }
            Open::Hash(_) if fault == 9 => {
                self.rig.open.remove(&tag);
                self.rig.call(|up, cx, out| up.on_hashed(cx, tag, Err(timed_out), out));
            }
            Open::Stat(_) | Open::Hash(_) => self.rig.answer_disk(tag),
            Open::Http(request) => {
                let outcome = match names(request) {
                    Some(names) => answer(&names, fault),
                    None => {
                        let request = request.clone();
                        self.put(&request, fault)
                    }
                };
                self.rig.answer_tag(tag, outcome);
            }
        }
    }

    fn put(&mut self, request: &HttpRequest, fault: u8) -> Outcome {
        let name = request.url.strip_prefix("http://store/").unwrap();
        if name == "forbidden" {
            return status(403, "not yours");
        }
        if (4..9).contains(&fault) {
            // Nobody can tell from this answer what the storage has.
            self.known.remove(name);
        }
        let sent = match &request.body {
            Body::Empty => String::new(),
            Body::Bytes(_) => panic!("files are not loaded"),
            Body::File { path, len } => match self.rig.disk.get(path) {
                Some((content, _)) if content.len() as u64 >= *len => content[..*len as usize].to_string(),
                Some(_) | None => {
                    self.known.remove(name);
                    return Err(Failure { kind: FailureKind::Other, message: "too short".into() });
                }
            },
        };
        match fault {
            4 => status(503, "busy"),
            5 => status(403, "expired"),
            6 => status(400, "no"),
            7 => Err(no_answer()),
            8 => {
                self.stored.insert(name.into(), sent);
                Err(no_answer())
            }
            _ => {
                self.stored.insert(name.into(), sent);
                status(200, "")
            }
        }
    }

    fn check(&mut self) {
        let puts = self.rig.puts();
        assert!(puts.len() <= self.rig.limits.transfers_max);
        assert_eq!(puts.iter().collect::<BTreeSet<_>>().len(), puts.len(), "a file is sent once at a time");
        let hashes: Vec<_> = self.rig.open.values().filter(|open| matches!(open, Open::Hash(_))).collect();
        assert!(hashes.len() <= self.rig.limits.hashes_max);
        assert!(self.rig.requests().count() <= puts.len() + 1, "one question at a time");
        for (path, digest) in &self.rig.uploaded[self.seen..] {
            assert!(self.stored.contains_key(path), "{path} is said to have arrived");
            match digest {
                Some(digest) => {
                    assert_ne!(self.known.insert(path.clone(), digest.md5), Some(digest.md5), "{path} went twice");
                }
                None => {
                    self.known.remove(path);
                }
            }
        }
        self.seen = self.rig.uploaded.len();
        let (done, total) = self.rig.up.bytes();
        assert!(done <= total);
    }

    /// Nothing fails any more: the end comes.
    fn finish(&mut self) {
        self.rig.start();
        self.rig.flush();
        for _ in 0..2000 {
            self.check();
            if self.rig.flushed > 0 {
                return;
            }
            match self.rig.open.keys().next().copied() {
                Some(tag) => self.outcome(tag, 0),
                None => self.apply(Op::Tick),
            }
        }
        panic!("no end\n{}", self.rig.story);
    }
}

fn answer(names: &[String], fault: u8) -> Outcome {
    let has_bad = names.iter().any(|name| name == "bad");
    match fault {
        4 => return status(503, "busy"),
        5 => return status(403, "no"),
        6 => return status(200, r#"{"errors":[{"message":"no"}]}"#),
        7 => return Err(no_answer()),
        8 => return status(200, "<html>"),
        _ if has_bad => return status(422, "bad name"),
        _ => {}
    }
    let files: Vec<serde_json::Value> = names
        .iter()
        .skip(usize::from(fault == 9))
        .map(|name| {
            let url = (name != "nowhere").then(|| format!("http://store/{name}"));
            serde_json::json!({"name": name, "uploadUrl": url})
        })
        .collect();
    status(200, &serde_json::json!({"data": {"createRunFiles": {"files": files}}}).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_exists_and_is_accepted_is_on_the_server_at_the_end(
        started in any::<bool>(),
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        let limits = Limits { transfers_max: 3, hashes_max: 2, upload_names_max: 4, ..Limits::default() };
        let mut rig = Rig::unplaced(&settings(), limits);
        if started {
            rig.start();
        }
        let mut world = World {
            rig,
            stored: BTreeMap::new(),
            known: BTreeMap::new(),
            seen: 0,
            wanted: BTreeSet::new(),
            followed: BTreeSet::new(),
        };
        for op in ops {
            world.apply(op);
        }
        world.finish();
        let rig = &world.rig;
        let failed: BTreeSet<&str> = rig.up.failed().map(|(path, _)| path).collect();
        for name in world.wanted.iter().map(|index| NAMES[*index]) {
            let content = rig.disk.get(&format!("{DIR}/{name}")).map(|(content, _)| content);
            let is_taken = !["bad", "forbidden", "nowhere"].contains(&name);
            match content {
                Some(content) if is_taken => {
                    prop_assert_eq!(world.stored.get(name), Some(content), "{} {}", name, rig.story);
                    prop_assert!(!failed.contains(name));
                }
                Some(_) => prop_assert!(failed.contains(name), "{} {}", name, rig.story),
                None => prop_assert!(failed.contains(name) != rig.uploaded.iter().any(|(path, _)| path == name)),
            }
        }
        let arrived: BTreeSet<&String> = rig.uploaded.iter().map(|(path, _)| path).collect();
        prop_assert_eq!(rig.up.counts().other as usize, arrived.len());
        prop_assert_eq!((rig.up.pending(), rig.flushed), (0, 1));
        let (done, total) = rig.up.bytes();
        prop_assert_eq!(done, total);
        prop_assert_eq!(rig.up.wake(), None);
        prop_assert!(rig.open.values().all(|open| matches!(open, Open::Stat(_))), "only a last look at live files");
    }
}
