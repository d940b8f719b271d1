//! What is asked for, when, and what is sent.

use super::{super::*, rig::*};
use crate::{limits::Limits, net::Body, time::Duration};
use alloc::string::ToString;
use runwire_proto::wire;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn backend_54_four_files_within_five_seconds_are_one_question() {
    let mut rig = Rig::started();
    for name in ["now.txt", "empty.txt", "live.txt", "sub/d\u{e9} p.txt"] {
        rig.add(name, if name.starts_with('e') { "" } else { "text" });
        rig.advance(SECOND);
    }
    assert!(rig.open.is_empty());
    rig.advance(SECOND);
    rig.serve();
    insta::assert_snapshot!(rig.story);
    assert_eq!(rig.up.counts().other, 4);
    assert_eq!(rig.up.bytes(), (12, 12));
    assert_eq!((rig.up.pending(), rig.up.wake()), (0, None));
}

#[test]
fn the_question_names_the_run() {
    let mut rig = Rig::started();
    rig.add("a \"b\"", "x");
    rig.advance(SECOND * 5);
    rig.disk();
    let (_, request) = rig.request();
    let Body::Bytes(body) = &request.body else { panic!("no body") };
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(request.url, "http://h/graphql");
    assert_eq!(body["operationName"], "CreateRunFiles");
    let variables = serde_json::json!({"entity": "e", "project": "p", "run": "r", "files": ["a \"b\""]});
    assert_eq!(body["variables"], variables);
}

#[test]
fn files_added_while_others_are_read_join_their_question() {
    let mut rig = Rig::started();
    rig.flush();
    rig.add("a", "1");
    rig.add("b", "2");
    rig.disk();
    let (_, request) = rig.request();
    assert_eq!(names(request).unwrap(), ["a", "b"]);
}

#[test]
fn a_file_that_takes_long_to_read_holds_others_up_for_a_bounded_time() {
    let mut rig = Rig::started();
    rig.add("slow", "1");
    rig.add("quick", "2");
    rig.advance(SECOND * 5);
    let tags: Vec<Tag> = rig.open.keys().copied().collect();
    rig.answer_disk(tags[0]);
    let quick = rig.open.iter().find(|(_, o)| matches!(o, Open::Hash(p) if p.ends_with("quick"))).map(|(tag, _)| *tag);
    rig.answer_disk(quick.unwrap());
    assert_eq!(rig.requests().count(), 0);
    rig.wait();
    assert_eq!(rig.now, Instant::from_nanos(10_000_000_000));
    assert_eq!(names(rig.request().1).unwrap(), ["quick"]);
    assert_eq!(rig.up.operations().len(), 2);
    rig.serve();
    assert_eq!(rig.up.counts().other, 2);
}

#[test]
fn backend_56_an_empty_file_is_sent_without_a_body() {
    let mut rig = Rig::started();
    rig.add("empty.txt", "");
    rig.flush();
    rig.disk();
    rig.offer();
    assert_eq!(rig.request().1.body, Body::Empty);
    rig.serve();
    assert_eq!(rig.uploaded.len(), 1);
}

#[test]
fn backend_57_ignored_files_are_not_asked_for() {
    let globs = ["*.tmp", "d/*", "[broken"].map(ToString::to_string).to_vec();
    let settings = Settings { ignore_globs: Some(wire::ListStringValue { value: globs }), ..settings() };
    let mut rig = Rig::with(&settings, Limits::default());
    for name in ["a.tmp", "d/x", "d/e/x", "e/a.tmp", "a.txt"] {
        rig.add(name, "x");
    }
    rig.write("late.tmp", "x");
    rig.file("late.tmp", FilePolicy::End);
    rig.flush();
    rig.disk();
    assert_eq!(names(rig.request().1).unwrap(), ["d/e/x", "e/a.tmp", "a.txt"]);
    assert_eq!(rig.notices, ["the pattern '[broken' of ignore_globs cannot be read"]);
}

#[test]
fn backend_58_59_headers_of_the_answer_are_sent_and_any_success_counts() {
    let mut rig = Rig::started();
    rig.add("a", "x");
    rig.flush();
    rig.disk();
    let headers = ["X-Up: v1", "Content-Type: text/zzz", "bad", "x-ms-blob-type: BlockBlob"];
    rig.answer(offers(&["a".into()], &headers));
    let sent: Vec<_> = rig.request().1.headers.iter().map(|h| format!("{}: {}", h.name, h.value.reveal())).collect();
    let own = String::from("User-Agent: wandb-core");
    assert_eq!(sent, ["X-Up: v1", "Content-Type: text/zzz", "x-ms-blob-type: BlockBlob", &own]);
    assert_eq!(rig.notices.len(), 1);
    rig.answer(status(204, ""));
    assert_eq!((rig.uploaded.len(), rig.flushed), (1, 1));
}

#[test]
fn storage_does_not_see_the_users_headers_but_the_server_does() {
    let extra = [("authorization".into(), "secret".into())].into_iter().collect();
    let settings =
        Settings { x_extra_http_headers: Some(wire::MapStringKeyStringValue { value: extra }), ..settings() };
    for (url, expected) in [("http://store/a", false), ("/s/a", true)] {
        let mut rig = Rig::with(&settings, Limits::default());
        rig.add("a", "x");
        rig.flush();
        rig.disk();
        let files = serde_json::json!([{"name": "a", "uploadUrl": url}]);
        let answer = serde_json::json!({"data": {"createRunFiles": {"files": files}}});
        rig.answer(status(200, &answer.to_string()));
        let (_, request) = rig.request();
        assert_eq!(request.headers.iter().any(|h| h.is("authorization")), expected, "{url}");
        assert!(request.url.ends_with("/a") && request.url.starts_with("http://"));
    }
}

#[test]
fn backend_63_no_more_than_128_transfers_and_8_digests_at_a_time() {
    let mut rig = Rig::started();
    for n in 0..200 {
        rig.add(&format!("f{n}"), &format!("content {n}"));
    }
    rig.flush();
    let looks = rig.open.keys().copied().collect::<Vec<_>>();
    assert_eq!(looks.len(), 1, "one look for all");
    rig.answer_disk(looks[0]);
    assert_eq!(rig.open.len(), 8);
    rig.disk();
    assert_eq!(names(rig.request().1).unwrap().len(), 200);
    rig.offer();
    assert_eq!(rig.puts().len(), 128);
    for _ in 0..128 {
        rig.answer(status(200, ""));
    }
    assert_eq!(rig.puts().len(), 72);
    rig.serve();
    assert_eq!((rig.up.counts().other, rig.flushed), (200, 1));
}

#[test]
fn many_files_are_asked_for_in_parts_and_addresses_do_not_pile_up() {
    let limits = Limits { upload_names_max: 10, transfers_max: 4, ..Limits::default() };
    let mut rig = Rig::with(&settings(), limits);
    for n in 0..35 {
        rig.add(&format!("f{n}"), &format!("content {n}"));
    }
    rig.flush();
    rig.disk();
    let mut asked = Vec::new();
    while let Some((_, names)) = rig.next() {
        if let Some(names) = names {
            asked.push(names.len());
            rig.offer();
        } else {
            rig.answer(status(200, ""));
        }
        assert!(rig.up.transfers.waiting.len() < 20);
    }
    assert_eq!(asked, [10, 10, 10, 5]);
    assert_eq!(rig.up.counts().other, 35);
}

#[test]
fn the_same_content_is_not_sent_again() {
    let mut rig = Rig::started();
    rig.add("a", "x");
    rig.wait();
    rig.serve();
    rig.add("a", "x");
    rig.wait();
    rig.serve();
    assert_eq!(rig.uploaded.len(), 1);
    rig.add("a", "y");
    rig.wait();
    rig.serve();
    assert_eq!(rig.uploaded.len(), 2);
    assert_eq!(rig.up.counts().other, 1, "a file counts once");
}

#[test]
fn an_earlier_life_is_believed() {
    let mut rig = Rig::started();
    rig.up.delivered("same", digest("x").md5);
    rig.up.delivered("changed", digest("x").md5);
    rig.up.delivered("unwanted", digest("x").md5);
    rig.add("same", "x");
    rig.add("changed", "y");
    rig.flush();
    rig.disk();
    assert_eq!(names(rig.request().1).unwrap(), ["changed"]);
    rig.serve();
    assert_eq!(rig.up.counts().other, 2);
}

#[test]
fn nothing_happens_before_the_run_is_known() {
    let mut rig = Rig::unplaced(&settings(), Limits::default());
    rig.add("a", "x");
    rig.file("b", FilePolicy::Live);
    rig.wait();
    rig.flush();
    assert!(rig.open.is_empty());
    assert_eq!((rig.up.wake(), rig.up.pending(), rig.flushed), (None, 2, 0));
    rig.start();
    rig.serve();
    assert_eq!((rig.uploaded.len(), rig.flushed), (1, 1));
}

#[test]
fn kinds_are_counted_as_what_they_are() {
    let mut rig = Rig::started();
    let files = [
        ("media/images/a.png", Kind::Other),
        ("media/b.png", Kind::Media),
        ("config.yaml", Kind::Wandb),
        ("c", Kind::Artifact),
        ("mediocre", Kind::Other),
    ];
    for (name, kind) in files {
        rig.write(name, "x");
        rig.call(|up, cx, out| up.on_file(cx, name, FilePolicy::End, kind, out));
    }
    assert_eq!(rig.up.pending(), 5);
    rig.flush();
    rig.serve();
    assert_eq!(rig.up.counts(), FileCounts { wandb: 1, media: 2, artifact: 1, other: 1 });
}

#[test]
fn a_flush_with_nothing_to_do_is_done_and_another_one_too() {
    let mut rig = Rig::started();
    rig.flush();
    rig.flush();
    assert_eq!((rig.flushed, rig.told.len()), (2, 0));
    rig.add("late", "x");
    rig.serve();
    assert_eq!((rig.flushed, rig.uploaded.len()), (2, 1), "later files go at once");
}

#[test]
fn a_request_during_an_upload_makes_one_more_job() {
    let mut rig = Rig::started();
    rig.add("a", "1");
    rig.wait();
    rig.disk();
    rig.offer();
    rig.add("a", "2");
    rig.add("a", "3");
    assert_eq!(rig.puts(), ["http://store/a"]);
    rig.answer(status(200, ""));
    assert_eq!(rig.uploaded, [("a".into(), None)], "it is not known what arrived");
    rig.wait();
    rig.serve();
    assert_eq!(rig.uploaded.len(), 2);
    assert_eq!(rig.uploaded[1].1, Some(digest("3")));
    assert_eq!(rig.up.pending(), 0);
}

#[test]
fn a_request_while_the_old_content_is_read_is_not_lost() {
    let mut rig = Rig::started();
    rig.add("a", "x");
    rig.wait();
    rig.serve();
    rig.file("a", FilePolicy::Now);
    rig.wait();
    let look = *rig.open.keys().next().unwrap();
    rig.answer_disk(look);
    let hash = *rig.open.keys().next().unwrap();
    rig.add("a", "y");
    rig.open.clear();
    rig.call(|up, cx, out| up.on_hashed(cx, hash, Ok(digest("x")), out));
    assert_eq!((rig.uploaded.len(), rig.up.pending()), (1, 1));
    rig.wait();
    rig.serve();
    assert_eq!(rig.uploaded[1..], [("a".into(), Some(digest("y")))]);
}

#[test]
fn a_request_during_an_upload_that_fails_is_not_lost() {
    let mut rig = Rig::started();
    rig.add("a", "x");
    rig.wait();
    rig.disk();
    rig.offer();
    rig.file("a", FilePolicy::Now);
    rig.answer(status(413, "too large"));
    assert_eq!((rig.failed.len(), rig.up.failed().count()), (1, 1));
    rig.wait();
    rig.serve();
    assert_eq!((rig.uploaded.len(), rig.up.failed().count()), (1, 0));
}
