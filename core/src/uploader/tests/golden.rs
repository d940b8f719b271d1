//! A recorded run: files for now, live and the end, against the server's recorded answers.

use super::{super::*, rig::*};
use crate::{net::Body, time::Duration};
use alloc::{collections::BTreeSet, string::ToString};
use serde_json::Value;

fn recorded() -> Vec<Value> {
    let lines = include_str!("../testdata/files.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a recorded line")).collect()
}

/// What is asked for, as sets, and what is sent, by name.
#[derive(Debug, Default, PartialEq)]
struct Traffic {
    asked: Vec<BTreeSet<String>>,
    sent: BTreeSet<(String, String)>,
}

fn expected(recorded: &[Value]) -> Traffic {
    let mut traffic = Traffic::default();
    for line in recorded {
        if let Some(put) = line["put"].as_str() {
            traffic.sent.insert((put.to_string(), line["body"].as_str().unwrap().to_string()));
        } else {
            let names = line["asked"]["files"].as_array().unwrap().iter();
            traffic.asked.push(names.map(|name| name.as_str().unwrap().to_string()).collect());
        }
    }
    traffic
}

/// Answers everything that is open with the next recorded answers.
fn serve(rig: &mut Rig, answers: &mut impl Iterator<Item = String>, traffic: &mut Traffic) {
    rig.disk();
    while let Some((tag, names)) = rig.next() {
        if let Some(names) = names {
            traffic.asked.push(names.into_iter().collect());
            rig.answer_tag(tag, status(200, &answers.next().expect("a recorded answer")));
        } else {
            let (_, request) = rig.request();
            let body = match &request.body {
                Body::File { path, len } => rig.disk[path].0[..*len as usize].to_string(),
                Body::Empty | Body::Bytes(_) => String::new(),
            };
            traffic.sent.insert((request.url.strip_prefix("http://SERVER").unwrap().to_string(), body));
            rig.answer_tag(tag, status(200, "{}"));
        }
        rig.disk();
    }
}

#[test]
fn the_recorded_run_asks_for_and_sends_the_same() {
    let recorded = recorded();
    let mut expected = expected(&recorded);
    // The one difference: a live file that did not change is not asked for at the end.
    assert!(expected.asked[2].remove("live.txt"));
    let contents: BTreeMap<&str, &str> =
        recorded.iter().filter_map(|line| Some((line["put"].as_str()?, line["body"].as_str()?))).collect();
    let content = |name: &str| *contents.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
    let mut answers = recorded.iter().filter(|line| line["asked"].is_object()).map(|line| line["response"].to_string());

    let (mut rig, mut traffic) = (Rig::started(), Traffic::default());
    rig.add("now.txt", "now");
    rig.add("empty.txt", "");
    rig.write("live.txt", "v0");
    rig.file("live.txt", FilePolicy::Live);
    rig.write("end.txt", "end");
    rig.file("end.txt", FilePolicy::End);
    rig.add("sub/d\u{e9} p.txt", "x");
    let until = |rig: &mut Rig, traffic: &mut Traffic, answers: &mut dyn Iterator<Item = String>, seconds| {
        let end = Instant::ZERO.after(Duration::from_secs(seconds));
        while let Some(wake) = rig.up.wake().filter(|wake| wake.at <= end) {
            rig.now = wake.at;
            rig.call(|up, cx, out| up.on_tick(cx, out));
            serve(rig, &mut &mut *answers, traffic);
        }
    };
    until(&mut rig, &mut traffic, &mut answers, 6);
    rig.write("live.txt", "v1 changed");
    until(&mut rig, &mut traffic, &mut answers, 15);
    for name in ["wandb-summary.json", "config.yaml"] {
        rig.write(name, content(name));
        rig.call(|up, cx, out| up.on_file(cx, name, FilePolicy::End, Kind::Wandb, out));
    }
    rig.flush();
    serve(&mut rig, &mut answers, &mut traffic);
    assert_eq!(traffic, expected);
    assert_eq!(rig.up.counts(), FileCounts { wandb: 2, other: 5, ..FileCounts::default() });
}
