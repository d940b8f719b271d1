//! Laws under any order of records, answers and time.

use super::*;
use alloc::collections::BTreeMap;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    Row,
    Config,
    Run,
    Output,
    Alert,
    /// An answer to one of the outstanding requests: which, and its status; zero is none.
    Answer(usize, u16),
    Pass(u64),
    Flush,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Row),
        Just(Event::Config),
        Just(Event::Run),
        Just(Event::Output),
        Just(Event::Alert),
        (0..4_usize, prop::sample::select(vec![0, 200, 200, 403, 409, 500, 503]))
            .prop_map(|(n, s)| Event::Answer(n, s)),
        (0..8000_u64).prop_map(Event::Pass),
        Just(Event::Flush),
    ]
}

/// The rig with what is outstanding: at most one request a tag.
struct Chaos {
    rig: Rig,
    open: BTreeMap<Tag, String>,
}

impl Chaos {
    fn settle(&mut self) {
        for (tag, operation, variables) in self.rig.sent.drain(..) {
            assert!(self.open.insert(tag, operation.clone()).is_none(), "{tag:?} has two attempts outstanding");
            assert!(operation != "UpsertBucket" || variables["name"] == "r");
        }
    }

    fn answer(&mut self, tag: Tag, status: u16) {
        let Some(operation) = self.open.remove(&tag) else { return };
        let body = match operation.as_str() {
            "UpsertBucket" => upserted("r", 0),
            _ => r#"{"data":{}}"#.into(),
        };
        match status {
            0 => self.rig.no_answer(tag, FailureKind::TimedOut, "timed out"),
            200 => self.rig.answer(tag, 200, &body),
            status => self.rig.answer(tag, status, "why"),
        }
        self.settle();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn one_attempt_a_wish_and_the_end_always_comes(events in prop::collection::vec(event(), 0..60)) {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(run("r")));
        let mut chaos = Chaos { rig, open: BTreeMap::new() };
        chaos.settle();
        let (mut rows, mut lines) = (0, 0);
        for event in events {
            let reads = chaos.rig.sender.wants_records();
            match event {
                Event::Row if reads => {
                    rows += 1;
                    chaos.rig.row(&[("a", "1")]);
                }
                Event::Config if reads => chaos.rig.record(RecordType::Config(config(&[("a", "1")]))),
                Event::Run if reads => {
                    let update = wire::RunRecord { notes: "n".into(), ..Default::default() };
                    chaos.rig.record(RecordType::Run(update));
                }
                Event::Output if reads => {
                    lines += 1;
                    let raw = wire::OutputRawRecord { line: "x\n".into(), ..Default::default() };
                    chaos.rig.record(RecordType::OutputRaw(raw));
                }
                Event::Alert if reads => chaos.rig.record(RecordType::Alert(wire::AlertRecord::default())),
                Event::Row | Event::Config | Event::Run | Event::Output | Event::Alert => {}
                Event::Answer(which, status) => {
                    let tag = chaos.open.keys().nth(which).copied();
                    tag.into_iter().for_each(|tag| chaos.answer(tag, status));
                }
                Event::Pass(millis) => {
                    chaos.rig.pass(Duration::from_millis(millis));
                    chaos.settle();
                }
                Event::Flush => chaos.rig.flush(),
            }
            chaos.settle();
        }
        let failed = |rig: &Rig| rig.rest.iter().any(|action| matches!(action, Action::InitFailed(_)));
        chaos.rig.flush_done();
        chaos.rig.flush();
        chaos.settle();
        for _ in 0..200 {
            while let Some(tag) = chaos.open.keys().next().copied() {
                chaos.answer(tag, 200);
            }
            chaos.rig.pass(Duration::from_secs(1));
            chaos.settle();
        }
        prop_assert!(chaos.rig.flush_done());
        prop_assert!(chaos.open.is_empty() && chaos.rig.sender.wake().is_none(), "{:?}", chaos.rig.sender.wake());
        if !failed(&chaos.rig) {
            prop_assert_eq!(chaos.rig.rows.len(), rows);
            prop_assert_eq!(chaos.rig.lines.len(), lines, "no line was left or came twice");
        }
    }
}
