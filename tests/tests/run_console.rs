//! Captured console output as the file `output.log` (run cases 48 to 55).
#![cfg(unix)]
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{OutputLoggerRecord, Settings};
use runwire_tests::client::Scene;

fn capture(change: impl FnOnce(&mut Settings)) -> Scene {
    Scene::with(|settings| {
        settings.console = Some("wrap".into());
        change(settings);
    })
}

/// The lines of `output.log` after these prints and an exit.
fn lines(prints: &[&str]) -> Vec<String> {
    let mut scene = capture(|_| {});
    for text in prints {
        scene.print(text);
    }
    scene.exit(0);
    let text = scene.file("output.log").expect("output was captured");
    text.lines().map(str::to_owned).collect()
}

// official: same
#[test]
fn run_48_carriage_return() {
    assert_eq!(lines(&["a\rb\n"]), ["b"]);
    assert_eq!(lines(&["progress 1\r", "progress 2\r", "prog\n"]), ["progress 2"]);
    assert_eq!(lines(&["abc", "\rX", "\n"]), ["Xbc"]);
}

// official: same
#[test]
fn run_48_cursor_up_and_down() {
    assert_eq!(lines(&["l1\nl2\nl3", "\x1b[A\x1b[A", "X", "\x1b[B\x1b[B", "Y"]), ["l1X", "l2", "l3 Y"]);
}

// official: same
#[test]
fn run_49_other_escapes_stay() {
    let text = "\x1b[31mred\x1b[0m \x1b[2K \x1bZ tab\t back\x08 bell\x07";
    assert_eq!(lines(&[text, "\n"]), [text]);
}

// official: same
#[test]
fn run_49_wide_letters_count_as_one() {
    assert_eq!(lines(&["日本語\rX\n"]), ["X本語"]);
}

// official: same
#[test]
fn run_50_two_streams_keep_their_lines() {
    let mut scene = capture(|_| {});
    scene.output(OutputType::Stderr, "E1\nE2");
    scene.output(OutputType::Stdout, "out\n");
    scene.output(OutputType::Stderr, "E3\n");
    scene.exit(0);
    let text = scene.file("output.log").expect("output was captured");
    assert_eq!(text.lines().collect::<Vec<_>>(), ["E1", "E2E3", "out"]);
}

// official: same
#[test]
fn run_50_empty_lines_stay() {
    assert_eq!(lines(&["a\n", "\n", "\n", "b\n"]), ["a", "", "", "b"]);
}

// official: same
#[test]
fn run_51_edits_reach_32_rows() {
    let mut prints: Vec<String> = (0..60).map(|line| format!("line {line}\n")).collect();
    prints.push("\x1b[A".repeat(50));
    prints.push("TOP".into());
    let prints: Vec<&str> = prints.iter().map(String::as_str).collect();
    let got = lines(&prints);
    assert_eq!(got.len(), 60);
    assert_eq!(got[29], "TOPe 29");
    assert_eq!((got[28].as_str(), got[30].as_str()), ("line 28", "line 30"));
}

// official: same
#[test]
fn run_52_long_lines_are_cut() {
    let got = lines(&[&"x".repeat(5000), "\nnext\n"]);
    assert_eq!(got.iter().map(String::len).collect::<Vec<_>>(), [4096, 4]);
}

// official: same
#[test]
fn run_53_file_of_a_labelled_writer() {
    let mut scene = capture(|settings| settings.x_label = Some("lab/el 1".into()));
    scene.print("text\n");
    scene.exit(0);
    assert_eq!(scene.file("output_lab_el 1.log").as_deref(), Some("text\n"));
    assert_eq!(scene.file("output.log"), None);
}

// official: same
#[test]
fn run_53_multipart_files() {
    let mut scene = capture(|settings| {
        settings.console_multipart = Some(true);
        settings.x_label = Some("lab/el 1".into());
    });
    scene.print("text\n");
    scene.exit(0);
    let dir = scene.dir().join("files").join("logs");
    let names: Vec<String> = std::fs::read_dir(dir)
        .expect("the folder of the parts is there")
        .map(|entry| entry.expect("a folder can be listed").file_name().into_string().expect("names are text"))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let stamp = names[0].strip_prefix("output_lab_el 1_").and_then(|name| name.strip_suffix(".log"));
    let parts: Vec<usize> = stamp.expect("prefix and suffix").split('_').map(str::len).collect();
    assert_eq!(parts, [8, 6, 9], "{names:?}");
    assert_eq!(scene.file(&format!("logs/{}", names[0])).as_deref(), Some("text\n"));
}

// official: same
#[test]
fn run_55_written_logs() {
    let mut scene = capture(|_| {});
    scene.send(RecordType::OutputLogger(OutputLoggerRecord { line: "custom\nline\n".into() }));
    scene.print("printed\n");
    scene.send(RecordType::OutputLogger(OutputLoggerRecord { line: "a\rb".into() }));
    scene.exit(0);
    let text = scene.file("output.log").expect("output was captured");
    assert_eq!(text.split('\n').collect::<Vec<_>>(), ["custom", "line", "printed", "a\rb", ""]);
    assert_eq!(scene.end().count("output_logger"), 2);
}

// official: same
#[test]
fn run_55_no_file_without_capture() {
    let mut scene = Scene::new();
    scene.send(RecordType::OutputLogger(OutputLoggerRecord { line: "custom\n".into() }));
    scene.print("printed\n");
    scene.exit(0);
    assert_eq!(scene.file("output.log"), None);
    let log = scene.end();
    assert_eq!((log.count("output_logger"), log.count("output_raw")), (1, 1));
}
