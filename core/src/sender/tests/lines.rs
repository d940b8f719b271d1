//! Console lines and the server's features.

use super::*;

fn output(text: &str, stderr: bool) -> RecordType {
    RecordType::OutputRaw(wire::OutputRawRecord {
        output_type: i32::from(!stderr),
        timestamp: Some(UnixNanos(1_000_000_000_250_000_000).timestamp()),
        line: text.into(),
        info: None,
    })
}

fn features(names: &[&str]) -> String {
    let features: Vec<_> = names.iter().map(|name| json!({"name": name, "isEnabled": true})).collect();
    json!({"data": {"serverInfo": {"features": features}}}).to_string()
}

#[test]
fn backend_46_lines_wait_for_the_answer_and_have_the_time_of_their_record() {
    for (answer, expected) in [
        (features(&[]), ["2001-09-09T01:46:40.250000 out <1>", "ERROR 2001-09-09T01:46:40.250000 bad"]),
        (
            features(&["STRUCTURED_CONSOLE_LOGS", "OTHER"]),
            [
                r#"{"ts":"2001-09-09T01:46:40.250000","content":"out \u003c1\u003e"}"#,
                r#"{"level":"error","ts":"2001-09-09T01:46:40.250000","content":"bad"}"#,
            ],
        ),
    ] {
        let mut rig = Rig::running(settings());
        rig.record(output("out <1>\n", false));
        let (tag, operation, variables) = rig.one();
        assert_eq!((tag, operation.as_str(), variables), (Tag::Features, "ServerFeaturesQuery", Value::Null));
        rig.record(output("bad\n", true));
        assert!(rig.lines.is_empty() && rig.sent.is_empty());
        rig.answer(tag, 200, &answer);
        assert_eq!(rig.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>(), expected);
        rig.record(output("a\rb", false));
        rig.pass(Duration::from_millis(10));
        rig.record(output("\rc\n", false));
        rig.call(|sender, _, out| sender.on_idle(out));
        let numbers: Vec<_> = rig.lines.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2, 2], "a line that changes comes again");
    }
}

#[test]
fn a_server_that_can_not_say_gets_the_plain_form_after_two_seconds_for_good() {
    let mut rig = Rig::running(settings());
    rig.record(output("one\n", false));
    rig.pass(Duration::from_millis(1999));
    assert!(rig.lines.is_empty());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.lines.len(), 1);
    rig.answer(Tag::Features, 200, &features(&["STRUCTURED_CONSOLE_LOGS"]));
    rig.record(output("two\n", false));
    rig.pass(Duration::from_millis(10));
    assert!(rig.lines[1].1.ends_with(" two"));
}

#[test]
fn backend_48_a_refused_query_means_text() {
    let mut rig = Rig::running(settings());
    rig.record(output("one\n", false));
    rig.answer(Tag::Features, 400, "");
    assert_eq!(rig.lines.len(), 1);
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn the_end_waits_for_the_form_of_lines_only_while_the_server_is_well() {
    let mut rig = Rig::running(settings());
    rig.record(output("one\n", false));
    rig.flush();
    assert!(!rig.flush_done());
    rig.answer(Tag::Features, 200, &features(&["STRUCTURED_CONSOLE_LOGS"]));
    assert!(rig.flush_done() && rig.lines[0].1.starts_with('{'));

    let mut rig = Rig::running(settings());
    rig.record(output("one\n", false));
    rig.answer(Tag::Features, 500, "");
    rig.flush();
    assert!(rig.flush_done() && rig.lines.len() == 1);

    let mut rig = Rig::running(settings());
    rig.record(output("one\n", false));
    rig.flush();
    rig.answer(Tag::Features, 500, "");
    assert!(rig.flush_done() && rig.lines.len() == 1);
}

#[test]
fn backend_47_49_features_are_asked_for_only_if_they_matter() {
    let mut plain = Rig::running(settings());
    plain.row(&[("a", "1")]);
    plain.flush();
    assert!(plain.sent.is_empty());
    for (names, gzip) in [(&["FILESTREAM_GZIP"][..], true), (&[], false)] {
        let mut rig = Rig::new(wire::Settings { x_file_stream_no_gzip: Some(false), ..settings() }, Mode::Live);
        rig.record(RecordType::Run(run("r")));
        rig.answer(Tag::Setup, 200, &upserted("r", 0));
        assert_eq!(rig.sent.len(), 2);
        rig.answer(Tag::Features, 200, &features(names));
        assert_eq!(rig.rest.contains(&Action::Gzip(true)), gzip);
    }
}

#[test]
fn run_53_a_label_and_lines_of_a_logger() {
    let mut rig =
        Rig::running(wire::Settings { x_label: Some("lab/el 1".into()), console: Some("off".into()), ..settings() });
    rig.record(output("ignored\n", false));
    assert!(rig.sent.is_empty());
    rig.record(RecordType::OutputLogger(wire::OutputLoggerRecord { line: "custom\nline\n".into() }));
    rig.answer(Tag::Features, 200, &features(&[]));
    let lines: Vec<_> = rig.lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines, ["2026-11-25T02:23:25.500000 [lab/el 1] custom", "2026-11-25T02:23:25.500000 [lab/el 1] line"]);
}

#[test]
fn lines_before_the_run_are_kept() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(output("early\n", false));
    rig.record(RecordType::Run(run("r")));
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    rig.answer(Tag::Features, 200, &features(&[]));
    assert_eq!(rig.lines.len(), 1);
}
