//! Refusals, lost answers, parking.

use super::rig::{Rig, base, eager, said};
use crate::{completion::FailureKind, uplink::Offsets};
use alloc::{format, string::String, vec::Vec};
use runwire_proto::wire::Settings;

fn content(rig: &Rig) -> Vec<String> {
    let json = rig.json();
    let lines = json["files"]["wandb-history.jsonl"]["content"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|line| line.as_str().expect("a string").into()).collect()
}

/// Answers as a server that does not take some rows, until all is said; returns the rows that it took, with offsets.
fn serve(rig: &mut Rig, refusal: u16, refuses: impl Fn(&str) -> bool) -> Vec<(u64, String)> {
    let mut taken = Vec::new();
    for _ in 0..10_000 {
        if rig.asked.is_empty() {
            if rig.finished.is_some() {
                return taken;
            }
            rig.next_push();
            continue;
        }
        let rows = content(rig);
        if rows.iter().any(|row| refuses(row)) {
            rig.status(refusal);
            continue;
        }
        let offset = rig.json()["files"]["wandb-history.jsonl"]["offset"].as_u64().unwrap_or_default();
        taken.extend(rows.into_iter().enumerate().map(|(at, row)| (offset + at as u64, row)));
        rig.ok();
    }
    panic!("no end:\n{}", rig.story);
}

#[test]
fn an_outage_is_met_with_the_same_push_and_the_rest_follows_in_one() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.next_push();
    let body = rig.body();
    let mut last = rig.now;
    for nominal in [1.0, 2.0, 4.0] {
        rig.status(503);
        rig.history("x");
        rig.next_push();
        assert_eq!(rig.body(), body);
        let gap = rig.now.since(last).as_secs_f64();
        assert!(gap >= nominal && gap <= nominal * 1.25, "{gap} for {nominal}");
        last = rig.now;
    }
    rig.ok();
    rig.next_push();
    assert_eq!(content(&rig).len(), 3);
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.next_push();
    let from = rig.now;
    rig.answer(said(429, "", &[("retry-after", "3")]));
    rig.next_push();
    let gap = rig.now.since(from).as_secs_f64();
    assert!((3.0..3.31).contains(&gap), "{gap}");
}

#[test]
fn a_lost_answer_is_met_with_the_same_push_and_a_late_one_with_nothing() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.next_push();
    let (stale, body) = (rig.asked[0].0, rig.body());
    rig.fail(FailureKind::Unreachable);
    rig.next_push();
    assert_eq!(rig.body(), body);
    rig.call(|s, cx, out| s.on_http(cx, stale, said(200, "{}", &[]), out));
    assert_eq!(rig.acked, None);
    rig.ok();
    assert_eq!(rig.acked.map(|(next, _)| next.history), Some(1));
}

#[test]
fn a_refusal_parks_the_stream_until_the_server_takes_it_again() {
    let mut rig = Rig::started(eager());
    rig.log("0");
    rig.next_push();
    rig.answer(said(403, r#"{"error":"run is locked"}"#, &[]));
    rig.pass(4.0);
    assert!(rig.asked.is_empty(), "one request");
    let (why, next) = rig.stream.trouble().expect("trouble");
    assert_eq!((why.as_str(), next.is_some(), rig.stream.credit()), ("HTTP 403: run is locked", true, 0));
    for _ in 0..3 {
        rig.next_push();
        assert_eq!(rig.body(), "{}", "a heartbeat asks whether the stream is welcome");
        rig.status(403);
    }
    rig.next_push();
    rig.ok();
    assert_eq!(content(&rig), ["0"]);
    rig.ok();
    assert!(rig.stream.trouble().is_none() && rig.stream.credit() > 0);
    insta::assert_snapshot!(rig.story);
}

#[test]
fn each_status_that_is_not_about_the_content_parks_after_one_request() {
    for status in [302, 304, 401, 403, 404, 409, 410, 501] {
        let mut rig = Rig::started(eager());
        rig.history("0");
        rig.next_push();
        rig.status(status);
        assert!(rig.told[0].contains(&format!("HTTP {status}")), "{:?}", rig.told);
        assert!(rig.told[0].contains("runwire sync"));
        rig.pass(4.9);
        assert!(rig.asked.is_empty());
    }
    for kind in [FailureKind::Certificate, FailureKind::BadRequest] {
        let mut rig = Rig::started(eager());
        rig.history("0");
        rig.next_push();
        rig.fail(kind);
        assert_eq!((rig.told.len(), rig.stream.credit()), (1, 0));
    }
}

#[test]
fn used_up_attempts_park_too() {
    let mut rig = Rig::started(Settings { x_file_stream_retry_max: Some(3), ..eager() });
    rig.history("0");
    rig.next_push();
    for _ in 0..3 {
        rig.status(500);
        rig.next_push();
    }
    rig.status(500);
    assert!(rig.told[0].contains("in 4 attempts (HTTP 500)"), "{:?}", rig.told);
    // The end of the run does not wait for the next probe.
    rig.finish(Some(0));
    rig.ok();
    rig.ok();
    assert_eq!((rig.acked.map(|(next, _)| next.history), rig.told.len()), (Some(1), 2));
}

#[test]
fn the_end_of_a_run_does_not_wait_long_for_a_server_that_refuses() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.next_push();
    rig.status(403);
    rig.finish(Some(0));
    for _ in 0..2 {
        rig.status(403);
        rig.next_push();
    }
    rig.status(403);
    assert_eq!(rig.finished, Some(Err("HTTP 403".into())));
    assert!(rig.now.nanos() < 6_000_000_000, "{}", rig.now);
    let mut late = Rig::started(eager());
    late.history("0");
    late.next_push();
    late.status(404);
    late.finish(Some(0));
    late.ok();
    late.ok();
    assert_eq!(late.finished, Some(Ok(())), "it may have thought better of it");
}

#[test]
fn giving_up_names_the_cause() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.finish(Some(0));
    rig.status(500);
    rig.call(|s, _, out| s.give_up(out));
    assert_eq!(rig.finished, Some(Err("HTTP 500".into())));
    assert_eq!(rig.stream.pending().rows, 1);
    assert!(rig.stream.wake().is_none());
}

#[test]
fn the_end_of_a_run_does_not_wait_for_a_late_retry() {
    let mut rig = Rig::started(Settings { x_file_stream_retry_wait_min_seconds: None, ..eager() });
    rig.history("0");
    rig.next_push();
    for _ in 0..7 {
        rig.status(503);
        rig.next_push();
    }
    rig.status(503);
    let before = rig.now;
    rig.finish(Some(0));
    assert_eq!(content(&rig), ["0"], "the push goes out at once");
    assert_eq!(rig.now, before);
}

#[test]
fn a_push_that_is_too_large_is_halved_and_nothing_is_lost() {
    let mut rig = Rig::started(eager());
    (0..40).for_each(|row| rig.history(&format!("{row:05}")));
    rig.finish(Some(0));
    let mut taken = Vec::new();
    while rig.finished.is_none() {
        let rows = content(&rig);
        if rows.len() > 7 {
            rig.status(413);
        } else {
            taken.extend(rows);
            rig.ok();
        }
    }
    assert_eq!(taken, (0..40).map(|row| format!("{row:05}")).collect::<Vec<_>>());
    assert!(rig.told.is_empty());
}

#[test]
fn a_row_that_alone_is_too_large_is_left_out_and_told() {
    let mut rig = Rig::started(eager());
    let huge = "h".repeat(5000);
    for row in ["a", "b", &huge, "c", &huge, "d"] {
        rig.history(row);
    }
    rig.finish(Some(0));
    let taken = serve(&mut rig, 413, |row| row.len() > 1000);
    let expected = [(0, "a"), (1, "b"), (2, "c"), (3, "d")].map(|(at, row)| (at, String::from(row)));
    assert_eq!((taken, &rig.finished), (expected.to_vec(), &Some(Ok(()))));
    assert_eq!(rig.told.len(), 1, "{:?}", rig.told);
    assert!(rig.told[0].contains("5003 bytes (HTTP 413)"), "{:?}", rig.told);
    assert_eq!(rig.acked, Some((Offsets { history: 4, ..Offsets::default() }, 600)));
}

#[test]
fn a_row_at_fault_is_found_and_stepped_around() {
    let mut rig = Rig::started(eager());
    for row in 0..8 {
        rig.log(if row == 5 { "bad" } else { "good" });
    }
    rig.summary = Some("s".into());
    rig.finish(Some(0));
    let taken = serve(&mut rig, 400, |row| row == "bad");
    assert_eq!(taken, (0..7).map(|at| (at, String::from("good"))).collect::<Vec<_>>());
    insta::assert_snapshot!(rig.story);
}

#[test]
fn a_console_line_at_fault_leaves_its_number_empty() {
    let mut rig = Rig::started(eager());
    ["a", "bad", "c"].iter().enumerate().for_each(|(at, line)| rig.console(at as u64, line));
    rig.finish(Some(0));
    let mut lines = Vec::new();
    while rig.finished.is_none() {
        let body = rig.body();
        if body.contains("bad") {
            rig.status(422);
            continue;
        }
        let log = &rig.json()["files"]["output.log"];
        let offset = log["offset"].as_u64().unwrap_or_default();
        let content = log["content"].as_array().cloned().unwrap_or_default();
        lines.extend(content.iter().enumerate().map(|(at, line)| (offset + at as u64, line.as_str().unwrap().into())));
        rig.ok();
    }
    lines.sort();
    assert_eq!(lines, [(0, "a"), (1, ""), (2, "c")].map(|(at, line)| (at, String::from(line))));
}

#[test]
fn a_server_that_refuses_every_row_costs_three_of_them() {
    let mut rig = Rig::started(eager());
    (0..100).for_each(|row| rig.history(&format!("{row}")));
    rig.next_push();
    for _ in 0..60 {
        while !rig.asked.is_empty() {
            if content(&rig).is_empty() { rig.ok() } else { rig.status(400) }
        }
        rig.next_push();
    }
    assert_eq!(rig.stream.pending().rows, 97);
    while !rig.asked.is_empty() {
        rig.ok();
    }
    assert_eq!(rig.acked.map(|(next, _)| next.history), Some(97));
}

#[test]
fn a_server_that_refuses_everything_as_bad_parks_and_nothing_is_left_out() {
    let mut rig = Rig::started(eager());
    (0..100).for_each(|row| rig.history(&format!("{row}")));
    rig.next_push();
    for _ in 0..5 {
        rig.status(400);
        if rig.asked.is_empty() {
            rig.next_push();
        }
    }
    assert_eq!((rig.stream.pending().rows, rig.told.len()), (100, 1));
}

#[test]
fn a_firewall_that_dislikes_one_row_is_found_out() {
    let mut rig = Rig::started(eager());
    ["a", "<script>", "b"].iter().for_each(|row| rig.history(row));
    rig.next_push();
    for _ in 0..40 {
        while !rig.asked.is_empty() {
            if rig.body().contains("<script>") { rig.status(403) } else { rig.ok() }
        }
        if rig.stream.pending().rows == 0 {
            break;
        }
        rig.next_push();
    }
    assert_eq!(rig.acked, Some((Offsets { history: 2, ..Offsets::default() }, 300)), "{}", rig.story);
}

#[test]
fn an_end_that_is_refused_alone_is_an_error() {
    let mut rig = Rig::started(eager());
    rig.finish(Some(0));
    while rig.finished.is_none() {
        if rig.body() == "{}" { rig.ok() } else { rig.status(400) }
    }
    assert!(matches!(&rig.finished, Some(Err(why)) if why.contains("HTTP 400")), "{:?}", rig.finished);
}

#[test]
fn an_answer_that_makes_no_sense_is_asked_for_again_and_at_last_believed() {
    let mut rig = Rig::started(eager());
    rig.history("0");
    rig.next_push();
    let body = rig.body();
    for _ in 0..3 {
        rig.answer(said(200, "<html>", &[]));
        assert_eq!(rig.acked, None);
        rig.next_push();
        assert_eq!(rig.body(), body);
    }
    rig.answer(said(200, "<html>", &[]));
    assert_eq!(rig.acked.map(|(next, _)| next.history), Some(1));
    assert!(rig.now.nanos() < 5_000_000_000);
}

#[test]
fn a_push_that_is_too_slow_shrinks_and_grows_again() {
    let mut rig = Rig::started(base());
    while rig.stream.credit() > 0 {
        rig.history(&"r".repeat(1000));
    }
    let mut sizes = Vec::new();
    for _ in 0..2 {
        sizes.push(content(&rig).len());
        rig.fail(FailureKind::TimedOut);
    }
    for _ in 0..3 {
        sizes.push(content(&rig).len());
        rig.ok();
        while rig.stream.credit() > 0 {
            rig.history(&"r".repeat(1000));
        }
    }
    assert_eq!(sizes, [1045, 522, 261, 522, 1044]);
    let offset = rig.json()["files"]["wandb-history.jsonl"]["offset"].as_u64();
    assert_eq!(offset, Some(261 + 522 + 1044));
}

#[test]
fn rows_that_were_left_out_are_told_with_the_place_of_their_records() {
    let mut rig = Rig::started(Settings { x_file_stream_max_line_bytes: Some(20), ..eager() });
    for row in ["0", "bad", "2", "this one is longer than a line may be", "4"] {
        rig.history(row);
    }
    rig.finish(Some(0));
    let taken = serve(&mut rig, 400, |row| row == "bad");
    assert_eq!(taken, [(0, "0".into()), (1, "2".into()), (2, "4".into())]);
    let told: Vec<&str> = rig.story.lines().filter_map(|line| line.split_once("left out ").map(|(_, at)| at)).collect();
    assert_eq!(told.iter().filter(|at| ["200", "400"].contains(at)).count(), 2, "{told:?}");
}

#[test]
fn the_end_is_told_although_no_row_is_taken() {
    let mut rig = Rig::started(eager());
    (0..8).for_each(|_| rig.history("bad"));
    rig.finish(Some(7));
    let taken = serve(&mut rig, 400, |row| row == "bad");
    assert_eq!(taken, []);
    let last = rig.story.lines().rev().find(|line| line.contains(" > ")).expect("a push");
    assert!(last.ends_with(r#"> {"complete":true,"exitcode":7}"#), "{last}");
    assert!(matches!(rig.finished, Some(Err(_))), "what is left is not delivered: {:?}", rig.finished);
}
