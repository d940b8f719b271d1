//! Live files, files for the end, and files that change under the uploader's hands.

use super::{super::*, rig::*};
use crate::{limits::Limits, time::Duration};

/// Ticks through `seconds`, with a server for which everything works.
fn run(rig: &mut Rig, seconds: u64) {
    let end = rig.now.after(Duration::from_secs(seconds));
    while let Some(wake) = rig.up.wake().filter(|wake| wake.at <= end) {
        rig.now = wake.at;
        rig.call(|up, cx, out| up.on_tick(cx, out));
        rig.serve();
    }
    rig.now = end;
}

#[test]
fn backend_55_a_live_file_goes_when_it_changed_and_at_the_end_only_if_it_changed() {
    let mut rig = Rig::started();
    rig.write("live.txt", "v0");
    rig.file("live.txt", FilePolicy::Live);
    rig.write("end.txt", "end");
    rig.file("end.txt", FilePolicy::End);
    run(&mut rig, 6);
    rig.write("live.txt", "v1 changed");
    run(&mut rig, 20);
    rig.flush();
    rig.serve();
    insta::assert_snapshot!(rig.story);
    assert_eq!(rig.up.wake(), None, "nobody looks at live files after the end");
}

#[test]
fn a_live_file_that_changes_all_the_time_goes_every_five_seconds_or_so() {
    let mut rig = Rig::started();
    rig.write("log", "0");
    rig.file("log", FilePolicy::Live);
    for second in 0..60 {
        rig.write("log", &format!("{second}"));
        run(&mut rig, 1);
    }
    assert!((9..=12).contains(&rig.uploaded.len()), "{}", rig.uploaded.len());
    rig.flush();
    rig.serve();
    assert_eq!(rig.uploaded.last().unwrap().1, Some(digest("59")));
}

#[test]
fn live_files_are_looked_at_less_often_while_nothing_happens() {
    let mut rig = Rig::started();
    rig.write("live.txt", "v0");
    rig.file("live.txt", FilePolicy::Live);
    run(&mut rig, 6);
    rig.story.clear();
    run(&mut rig, 60);
    let looks = rig.story.matches("stat live.txt").count();
    assert!((12..=14).contains(&looks), "{looks}\n{}", rig.story);
    rig.call(|up, cx, out| {
        let poll = up.live.wake().expect("a poll is planned").at;
        cx.now = poll;
        up.on_tick(cx, out);
    });
    let tag = *rig.open.keys().next().unwrap();
    rig.open.clear();
    rig.call(|up, cx, out| up.on_stats(cx, tag, Err(no_answer()), out));
    assert!(rig.up.wake().is_some(), "a look that fails is not the last one");
}

#[test]
fn a_live_file_that_is_not_there_yet_goes_when_it_comes() {
    let mut rig = Rig::started();
    rig.file("live.txt", FilePolicy::Live);
    run(&mut rig, 30);
    assert_eq!(rig.up.failed().count(), 1);
    rig.write("live.txt", "x");
    run(&mut rig, 30);
    assert_eq!((rig.uploaded.len(), rig.up.failed().count()), (1, 0));
    rig.disk.clear();
    rig.flush();
    rig.serve();
    assert_eq!((rig.told.len(), rig.flushed), (0, 1), "a file that arrived and is gone is not missed");
}

#[test]
fn a_file_that_changes_during_each_upload_does_not_hold_up_the_end() {
    let mut rig = Rig::started();
    rig.add("log", "0");
    rig.flush();
    let mut content = String::from("0");
    while rig.flushed == 0 {
        rig.disk();
        if let Some((tag, names)) = rig.next() {
            let answer = names.map_or(status(200, ""), |names| offers(&names, &[]));
            content.push('x');
            rig.write("log", &content);
            rig.answer_tag(tag, answer);
        }
    }
    assert_eq!(rig.uploaded, [("log".into(), None), ("log".into(), None)]);
    assert_eq!(rig.notices, ["log changes while it is uploaded"]);
}

#[test]
fn what_changed_too_often_goes_once_more_at_the_end() {
    let mut rig = Rig::started();
    rig.add("log", "0");
    for round in 0..2 {
        rig.wait();
        rig.disk();
        rig.offer();
        rig.write("log", &format!("round {round}"));
        rig.answer(status(200, ""));
    }
    assert_eq!((rig.up.pending(), rig.up.wake()), (0, None));
    rig.flush();
    rig.serve();
    assert_eq!(rig.uploaded.last().unwrap().1, Some(digest("round 1")));
}

#[test]
fn a_file_that_changed_is_not_sent_with_its_old_length() {
    let mut rig = Rig::with(&settings(), Limits::default());
    rig.add("a", "long content");
    rig.wait();
    rig.disk();
    rig.offer();
    rig.write("a", "short");
    rig.answer(Err(no_answer()));
    rig.wait();
    rig.disk();
    assert_eq!(rig.up.bytes(), (0, 5));
    rig.serve();
    assert_eq!(rig.uploaded, [("a".into(), Some(digest("short")))]);
    insta::assert_snapshot!(rig.story);
}
