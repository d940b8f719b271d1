//! The law: whatever the network does, each line is on the server once, in order, without a gap, and what is said to be
//! delivered is there.

use super::rig::{Rig, body_of, said};
use crate::{completion::FailureKind, limits::Limits, uplink::Offsets};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use proptest::prelude::*;
use runwire_proto::wire::Settings;

#[derive(Clone, Debug)]
enum Input {
    History(usize),
    Event,
    /// A new line, or a rewrite of one of the last few.
    Console(u64),
    Summary,
    Uploaded,
    Preempting,
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    Status(u16),
    /// Refused for some requests, whatever is in them.
    Locked(u16, usize),
    /// Nothing came back; the server may have it all the same.
    Lost {
        applied: bool,
        slow: bool,
    },
    /// Applied, but somebody else answered.
    Garbage,
}

/// Idempotent by file and offset.
#[derive(Default)]
struct Server {
    files: BTreeMap<String, BTreeMap<u64, String>>,
    uploaded: Vec<String>,
    complete: Option<i64>,
    /// Largest body that is taken.
    limit: usize,
    /// Requests that are refused with this status from now on.
    locked: usize,
    status: u16,
    /// Requests after that which go well: a refusal that comes back for data alone is another story.
    calm: usize,
}

impl Server {
    fn apply(&mut self, body: &str) {
        let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(self.complete, None, "nothing follows the end: {body}");
        for (name, part) in json["files"].as_object().into_iter().flatten() {
            let offset = part["offset"].as_u64().expect("an offset");
            for (at, line) in part["content"].as_array().expect("a list").iter().enumerate() {
                let file = self.files.entry(name.clone()).or_default();
                file.insert(offset + at as u64, line.as_str().expect("a string").into());
            }
        }
        self.uploaded
            .extend(json["uploaded"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().into()));
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let file = self.files.get(name).cloned().unwrap_or_default();
        assert_eq!(
            file.keys().copied().collect::<Vec<_>>(),
            (0..file.len() as u64).collect::<Vec<_>>(),
            "no gap in {name}"
        );
        file.into_values().collect()
    }
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => (1_usize..60).prop_map(Input::History),
        2 => Just(Input::Event),
        4 => (0_u64..4).prop_map(Input::Console),
        3 => Just(Input::Summary),
        1 => Just(Input::Uploaded),
        1 => Just(Input::Preempting),
        3 => (0_u64..3_000).prop_map(Input::Wait),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Fine),
        3 => prop::sample::select(&[500_u16, 503, 429][..]).prop_map(Fate::Status),
        1 => (prop::sample::select(&[403_u16, 401, 404, 302, 400][..]), 2_usize..5).prop_map(|(s, n)| Fate::Locked(s, n)),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(applied, slow)| Fate::Lost { applied, slow }),
        1 => Just(Fate::Garbage),
    ]
}

/// What was given to the stream.
#[derive(Default)]
struct Given {
    history: Vec<String>,
    events: Vec<String>,
    console: BTreeMap<u64, String>,
    uploaded: Vec<String>,
    /// For each record: its mark and how many rows there are after it.
    marks: Vec<(u64, usize, usize)>,
}

fn answer(rig: &mut Rig, server: &mut Server, mut fate: Fate) {
    if let Fate::Locked(status, requests) = fate
        && server.calm == 0
    {
        (server.status, server.locked, server.calm) = (status, requests, 2);
    }
    if server.locked > 0 {
        server.locked -= 1;
        return rig.status(server.status);
    }
    if server.calm > 0 {
        server.calm -= 1;
        fate = Fate::Fine;
    }
    let body = body_of(&rig.asked.front().expect("a request").1);
    if body.len() > server.limit {
        return rig.status(413);
    }
    let applied = match fate {
        Fate::Fine | Fate::Garbage => true,
        Fate::Lost { applied, .. } => applied,
        Fate::Status(_) | Fate::Locked(..) => false,
    };
    let end = serde_json::from_str::<serde_json::Value>(&body).expect("JSON")["exitcode"].as_i64();
    if applied {
        server.apply(&body);
    }
    match fate {
        Fate::Fine => {
            server.complete = end;
            rig.ok();
        }
        Fate::Status(status) | Fate::Locked(status, _) => rig.status(status),
        Fate::Garbage => rig.answer(said(200, "<html>", &[])),
        Fate::Lost { slow: true, .. } => rig.fail(FailureKind::TimedOut),
        Fate::Lost { .. } => rig.fail(FailureKind::Unreachable),
    }
}

fn check_acked(rig: &Rig, server: &Server, given: &Given) {
    let Some((next, mark)) = rig.acked else { return };
    let count = |name: &str| server.files.get(name).map_or(0, BTreeMap::len) as u64;
    assert!(next.history <= count("wandb-history.jsonl"));
    assert!(next.events <= count("wandb-events.jsonl"));
    let (history, events) =
        given.marks.iter().take_while(|(at, ..)| *at <= mark).last().map_or((0, 0), |(_, h, e)| (*h, *e));
    assert!(history as u64 <= next.history && events as u64 <= next.events, "{mark} {next:?} {history} {events}");
}

fn give(rig: &mut Rig, given: &mut Given, at: usize, input: &Input) {
    match input {
        Input::History(len) => {
            given.history.push(format!("{at}{}", "\"h".repeat(*len)));
            rig.history(&given.history[given.history.len() - 1]);
        }
        Input::Event => {
            given.events.push(format!("e{at}"));
            rig.event(&given.events[given.events.len() - 1]);
        }
        Input::Console(back) => {
            let number = (given.console.len() as u64).saturating_sub(*back);
            given.console.insert(number, format!("c{at}"));
            rig.console(number, &format!("c{at}"));
        }
        Input::Summary => {
            rig.summary = Some(format!("s{at}"));
            return rig.call(|s, cx, out| s.on_summary_changed(cx, out));
        }
        Input::Uploaded => {
            given.uploaded.push(format!("f{at}"));
            return rig.call(|s, cx, out| s.on_uploaded(cx, format!("f{at}"), out));
        }
        Input::Preempting => return rig.call(|s, cx, out| s.on_preempting(cx, out)),
        Input::Wait(millis) => return rig.pass(*millis as f64 / 1e3),
    }
    let mark = rig.mark();
    given.marks.push((mark, given.history.len(), given.events.len()));
}

proptest! {
    #[test]
    fn each_line_arrives_once_in_order(
        inputs in prop::collection::vec(input(), 1..120),
        fates in prop::collection::vec(fate(), 1..80),
        limit in 400_usize..3_000,
        push_bytes in 100_usize..2_000,
        place in 0_usize..20,
    ) {
        let settings = Settings { base_url: Some("http://h".into()), ..Default::default() };
        let limits = Limits { stream_push_bytes: push_bytes, stream_queue_bytes: 1_000, ..Limits::default() };
        let mut rig = Rig::unplaced(settings, limits);
        let (mut server, mut given) = (Server { limit, ..Server::default() }, Given::default());
        let mut fates = fates.into_iter();
        for (at, input) in inputs.iter().enumerate() {
            if at == place {
                rig.start(Offsets::default(), Offsets::default());
            }
            // A reader waits for credit: time passes and answers come until there is some.
            let mut patience = 0;
            while rig.stream.credit() == 0 && at > place {
                if rig.asked.is_empty() { rig.next_wake() } else { answer(&mut rig, &mut server, fates.next().unwrap_or(Fate::Fine)) }
                patience += 1;
                prop_assert!(patience < 1000, "no credit:\n{}", rig.story);
            }
            give(&mut rig, &mut given, at, input);
            if at > place {
                prop_assert!(rig.stream.pending().bytes <= 1_000 + 2_200 + push_bytes.max(300), "{:?}", rig.stream.pending());
            }
            if !rig.asked.is_empty() && at % 2 == 0 {
                answer(&mut rig, &mut server, fates.next().unwrap_or(Fate::Fine));
                check_acked(&rig, &server, &given);
            }
        }
        rig.start(Offsets::default(), Offsets::default());
        // The faults are over before the end is said: a server that refuses it is another story.
        let mut rounds = 0;
        while rig.stream.pending().rows > 0 || rig.stream.trouble().is_some() {
            if rig.asked.is_empty() { rig.next_wake() } else { answer(&mut rig, &mut server, fates.next().unwrap_or(Fate::Fine)) }
            check_acked(&rig, &server, &given);
            rounds += 1;
            prop_assert!(rounds < 5_000, "no end:\n{}", rig.story);
        }
        server.locked = 0;
        rig.finish(Some(3));
        while rig.finished.is_none() {
            if rig.asked.is_empty() { rig.next_wake() } else { answer(&mut rig, &mut server, Fate::Fine) }
        }
        prop_assert_eq!(&rig.finished, &Some(Ok(())));
        prop_assert_eq!(server.complete, Some(3));
        prop_assert_eq!(server.lines("wandb-history.jsonl"), given.history);
        prop_assert_eq!(server.lines("wandb-events.jsonl"), given.events);
        prop_assert_eq!(server.lines("output.log"), given.console.into_values().collect::<Vec<_>>());
        prop_assert_eq!(server.lines("wandb-summary.json"), rig.summary.clone().into_iter().collect::<Vec<_>>());
        server.uploaded.sort();
        server.uploaded.dedup();
        given.uploaded.sort();
        prop_assert_eq!(server.uploaded, given.uploaded);
        let last = given.marks.last().map_or(0, |(mark, ..)| *mark);
        prop_assert_eq!(rig.acked.map_or(0, |(_, mark)| mark), last);
    }
}
