//! Refusals, outages, and answers that make no sense.

use super::{super::*, rig::*};
use crate::{completion::FailureKind, limits::Limits, time::Duration};
use alloc::string::ToString;

/// Files that are asked for: the question is open.
fn asked(names: &[&str]) -> Rig {
    let mut rig = Rig::started();
    for name in names {
        rig.add(name, name);
    }
    rig.wait();
    rig.disk();
    rig
}

/// One file whose transfer is open.
fn sending() -> Rig {
    let mut rig = asked(&["a"]);
    rig.offer();
    assert_eq!(rig.puts().len(), 1);
    rig
}

fn answer(value: serde_json::Value) -> Outcome {
    status(200, &serde_json::json!({"data": {"createRunFiles": value}}).to_string())
}

#[test]
fn paths_out_of_the_folder_are_refused() {
    let mut rig = Rig::started();
    for bad in ["/etc/passwd", "../x", "a/../../x", "..\\x", "C:\\x", ""] {
        rig.file(bad, FilePolicy::Now);
    }
    assert_eq!((rig.notices.len(), rig.up.pending()), (6, 0));
    rig.flush();
    assert_eq!((rig.flushed, rig.told.len(), rig.up.failed().count()), (1, 1, 6));
    assert!(rig.told[0].contains("/etc/passwd: it is not relative to the run's folder"), "{}", rig.told[0]);
}

#[test]
fn missing_files_are_told_at_the_end_if_the_user_wanted_them() {
    let mut rig = Rig::started();
    rig.call(|up, cx, out| up.on_file(cx, "diff.patch", FilePolicy::Now, Kind::Wandb, out));
    rig.file("gone.txt", FilePolicy::Now);
    rig.add("late.txt", "x");
    rig.disk.clear();
    rig.wait();
    rig.serve();
    assert_eq!(rig.notices.len(), 3);
    assert!(rig.told.is_empty());
    rig.write("late.txt", "x");
    rig.flush();
    rig.serve();
    assert_eq!(rig.uploaded.len(), 1, "it came later");
    insta::assert_snapshot!(rig.told.concat(), @r"
    1 file of this run was not uploaded:
      gone.txt: there is no such file
    What exists is kept in /run/files; `runwire sync` tries again.
    ");
}

#[test]
fn backend_64_a_refused_address_is_asked_for_again_three_times() {
    for code in [401, 403, 404, 410] {
        let mut rig = sending();
        for _ in 0..3 {
            rig.answer(status(code, "<Error><Message>Request has\n expired</Message></Error>"));
            rig.offer();
        }
        rig.answer(status(code, "<Error><Message>Request has\n expired</Message><Key>K</Key></Error>"));
        assert_eq!(rig.failed, ["a"]);
        let why = format!("HTTP {code}: Request has expired");
        assert_eq!(rig.up.failed().collect::<Vec<_>>(), [("a", why.as_str())]);
        assert_eq!(rig.up.bytes(), (0, 0));
        let told =
            format!("The file 'a' could not be uploaded ({why}). The run goes on; another try is made when it ends.");
        assert_eq!(rig.told, [told]);
        rig.flush();
        rig.serve();
        assert_eq!((rig.up.counts().other, rig.up.failed().count(), rig.told.len()), (1, 0, 1));
    }
}

#[test]
fn an_expired_signature_is_renewed_and_another_bad_request_is_not() {
    let mut rig = sending();
    rig.answer(status(400, "<Error><Code>ExpiredToken</Code></Error>"));
    rig.offer();
    rig.answer(status(400, "no such bucket"));
    assert_eq!(rig.up.failed().collect::<Vec<_>>(), [("a", "HTTP 400: no such bucket")]);
}

#[test]
fn backend_65_an_upload_survives_outages_and_is_told_once() {
    let mut rig = sending();
    let applied_and_closed = || Err(no_answer());
    for fault in [status(503, "busy"), status(503, ""), status(429, ""), applied_and_closed()] {
        rig.answer(fault);
        assert!(rig.up.trouble().is_some_and(|(_, next)| next.is_some()));
        assert_eq!(rig.puts().len(), 0);
        rig.wait();
        rig.disk();
    }
    let operation = rig.up.operations().remove(0);
    let trouble = operation.trouble.as_deref();
    assert_eq!((operation.desc.as_str(), trouble), ("uploading a", Some("retrying: connection reset")));
    rig.serve();
    assert_eq!(rig.uploaded, [("a".into(), Some(digest("a")))]);
    assert_eq!(rig.up.trouble(), None);
}

#[test]
fn an_upload_that_uses_up_its_attempts_fails_and_the_end_does_not_repeat_them() {
    let settings = Settings { x_file_transfer_retry_max: Some(1), ..settings() };
    let mut rig = Rig::with(&settings, Limits::default());
    rig.add("a", "x");
    rig.wait();
    rig.disk();
    rig.offer();
    rig.flush();
    rig.answer(status(503, "busy"));
    rig.wait();
    rig.disk();
    rig.answer(status(503, "busy"));
    assert_eq!(rig.flushed, 1);
    assert!(rig.told[0].contains("\n  a: HTTP 503: busy, after 2 attempts\n"), "{}", rig.told[0]);
}

#[test]
fn a_refusal_after_the_end_has_begun_gets_one_more_try() {
    let mut rig = sending();
    rig.flush();
    rig.answer(status(413, "too large"));
    assert_eq!(rig.flushed, 0);
    rig.offer();
    rig.answer(status(413, "too large"));
    assert_eq!((rig.flushed, rig.failed.len(), rig.told.len()), (1, 1, 1));
}

#[test]
fn a_refused_question_is_halved_until_the_file_at_fault_stands_alone() {
    let mut rig = asked(&["a", "b", "c", "bad", "e", "f"]);
    while let Some((_, names)) = rig.next() {
        match names {
            Some(names) if names.contains(&"bad".to_string()) => {
                rig.answer(status(400, r#"{"errors":[{"message":"invalid name"}]}"#));
            }
            Some(names) => rig.answer(offers(&names, &[])),
            None => rig.answer(status(200, "")),
        }
    }
    insta::assert_snapshot!(rig.story);
    assert_eq!(rig.up.failed().collect::<Vec<_>>(), [("bad", "HTTP 400: invalid name")]);
    assert_eq!(rig.up.counts().other, 5);
}

#[test]
fn a_server_that_takes_no_file_is_not_asked_for_each_of_them() {
    for (fault, questions) in [
        (status(403, "forbidden"), 1),
        (status(200, r#"{"errors":[{"message":"no"}]}"#), 13),
        (Err(Failure { kind: FailureKind::Certificate, message: "self-signed".into() }), 1),
    ] {
        let names: Vec<String> = (0..32).map(|n| format!("f{n}")).collect();
        let mut rig = asked(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut asked = 0;
        while rig.next().is_some() {
            asked += 1;
            rig.answer(fault.clone());
        }
        assert_eq!((rig.failed.len(), rig.told.len(), rig.up.pending()), (32, 1, 0));
        assert!(asked <= questions, "{asked}");
    }
}

#[test]
fn a_question_is_tried_again_when_it_may_pass() {
    let mut rig = asked(&["a"]);
    rig.answer(status(503, "busy"));
    assert_eq!(rig.up.trouble().map(|(why, _)| why).as_deref(), Some("HTTP 503: busy"));
    let operation = rig.up.operations().remove(0);
    assert_eq!(operation.desc, "asking where 1 file may go");
    rig.wait();
    rig.serve();
    assert_eq!(rig.uploaded.len(), 1);
}

#[test]
fn backend_60_those_that_are_listed_are_uploaded_and_the_others_are_asked_for_once_more() {
    let mut rig = asked(&["a", "b", "c"]);
    rig.answer(offers(&["b".into()], &[]));
    let asked: Vec<_> = rig.requests().filter_map(|(_, request)| names(request)).collect();
    assert_eq!(asked, [["a", "c"]]);
    let (tag, _) = rig.requests().find(|(_, request)| names(request).is_some()).unwrap();
    rig.answer_tag(tag, offers(&["a".into()], &[]));
    rig.serve();
    assert_eq!(rig.up.counts().other, 2);
    assert_eq!(rig.up.failed().collect::<Vec<_>>(), [("c", "the server's answer does not have it")]);
}

#[test]
fn an_answer_that_is_none_is_asked_for_once_more() {
    for nonsense in
        ["<html>", "{}", r#"{"data":{"createRunFiles":null}}"#, r#"{"data":{"createRunFiles":{"files":7}}}"#]
    {
        let mut rig = asked(&["a", "b"]);
        rig.answer(status(200, nonsense));
        rig.serve();
        assert_eq!(rig.uploaded.len(), 2, "{nonsense}");
    }
}

#[test]
fn backend_61_62_other_names_and_missing_addresses_are_not_used() {
    let mut rig = asked(&["a", "b", "c"]);
    let files = serde_json::json!([
        {"name": "../../f.txt", "uploadUrl": "http://store/f"},
        {"name": "z", "uploadUrl": "http://store/z"},
        {"name": "a", "uploadUrl": null},
        {"name": "b", "uploadUrl": "/s/b"},
        {"name": "b", "uploadUrl": "http://store/second"},
        {"name": "c", "uploadUrl": "file:///etc/passwd"},
        {"uploadUrl": "http://store/nameless"},
        "nonsense",
    ]);
    rig.answer(answer(serde_json::json!({ "files": files })));
    assert_eq!(rig.puts(), ["http://h/s/b"]);
    assert_eq!(rig.failed, ["a", "c"]);
    assert_eq!(rig.notices.iter().filter(|n| n.contains("was not asked for")).count(), 2);
    rig.serve();
    assert_eq!(rig.uploaded.len(), 1);
}

#[test]
fn a_disk_that_does_not_answer_fails_the_file_in_the_end() {
    let mut rig = Rig::started();
    rig.add("a", "x");
    rig.wait();
    let late = || Failure { kind: FailureKind::TimedOut, message: "no answer before the deadline".into() };
    for _ in 0..3 {
        let tag = *rig.open.keys().next().unwrap();
        rig.open.clear();
        rig.call(|up, cx, out| up.on_stats(cx, tag, Err(late()), out));
        if rig.up.wake().is_some() {
            rig.wait();
        }
    }
    assert_eq!(rig.failed, ["a"]);
    rig.add("b", "x");
    rig.wait();
    let tag = *rig.open.keys().next().unwrap();
    rig.answer_disk(tag);
    let tag = *rig.open.keys().next().unwrap();
    rig.open.clear();
    rig.call(|up, cx, out| up.on_hashed(cx, tag, Err(late()), out));
    assert_eq!(rig.failed, ["a", "b"]);
    assert_eq!(rig.told.len(), 1, "the second one within a minute is not told");
}

#[test]
fn time_that_is_over_fails_what_is_open() {
    let mut rig = Rig::started();
    rig.add("sent", "x");
    rig.wait();
    rig.disk();
    rig.offer();
    rig.add("waiting", "x");
    rig.write("end", "x");
    rig.file("end", FilePolicy::End);
    rig.flush();
    rig.answer(status(503, "busy"));
    let late = rig.next().map(|(tag, _)| tag);
    rig.call(|up, cx, out| up.give_up(cx, out));
    assert_eq!((rig.flushed, rig.up.wake(), rig.up.pending()), (1, None, 0));
    insta::assert_snapshot!(rig.told.concat(), @r"
    3 files of this run were not uploaded:
      end: there was no more time for it: HTTP 503: busy
      sent: there was no more time for it: HTTP 503: busy
      waiting: there was no more time for it: HTTP 503: busy
    What exists is kept in /run/files; `runwire sync` tries again.
    ");
    let Some(tag) = late else { return };
    rig.answer_tag(tag, offers(&["waiting".into()], &[]));
    assert!(rig.puts().is_empty(), "a late answer changes nothing");
}

#[test]
fn what_was_sent_before_time_was_over_arrived() {
    let mut rig = sending();
    let (tag, _) = rig.request();
    rig.answer_tag(tag, status(200, ""));
    rig.call(|up, cx, out| up.give_up(cx, out));
    assert_eq!((rig.uploaded.len(), rig.up.failed().count(), rig.flushed), (1, 0, 0));
    rig.file("late", FilePolicy::Now);
    rig.flush();
    assert_eq!((rig.up.failed().count(), rig.flushed), (1, 1));
}

#[test]
fn messages_are_few() {
    let mut rig = Rig::started();
    for n in 0..30 {
        rig.add(&format!("f{n}"), "x");
        rig.wait();
        rig.disk();
        rig.answer(status(403, "no"));
    }
    assert_eq!(rig.failed.len(), 30);
    assert_eq!(rig.told.len(), 3, "one a minute: {:?}", rig.told);
    rig.now = rig.now.after(Duration::from_secs(60));
    rig.flush();
    rig.disk();
    for _ in 0..2 {
        while rig.next().is_some() {
            rig.answer(status(403, "no"));
        }
        rig.now = rig.now.after(Duration::from_secs(2));
        rig.call(|up, cx, out| up.on_tick(cx, out));
    }
    assert_eq!((rig.told.len(), rig.flushed), (4, 1));
    assert!(rig.told[3].contains("and 20 more"), "{}", rig.told[3]);
}

#[test]
fn a_question_that_is_refused_at_the_end_is_asked_once_more() {
    for fault in [status(403, "forbidden"), status(200, r#"{"errors":[{"message":"not now"}]}"#)] {
        let mut rig = Rig::started();
        rig.write("a", "x");
        rig.file("a", FilePolicy::End);
        rig.flush();
        rig.disk();
        rig.answer(fault.clone());
        assert_eq!((rig.flushed, rig.next().is_some()), (0, false), "after a rest");
        rig.wait();
        rig.serve();
        assert_eq!((rig.uploaded.len(), rig.flushed, rig.told.len()), (1, 1, 0), "{}", rig.story);

        let mut rig = Rig::started();
        rig.write("a", "x");
        rig.file("a", FilePolicy::End);
        rig.flush();
        rig.disk();
        rig.answer(fault.clone());
        rig.wait();
        rig.answer(fault);
        assert_eq!((rig.failed.len(), rig.flushed), (1, 1), "only once:\n{}", rig.story);
    }
}
