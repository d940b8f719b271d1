//! Cases of the console, by page and number, and recordings of the official client.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::grid::Grid;
use super::*;

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// The files after all patches are applied, in order of first use.
#[derive(Default)]
pub(super) struct Disk(pub(super) Vec<(String, Vec<u8>)>);

impl Disk {
    pub(super) fn pull(&mut self, console: &mut Console, wall: i64) {
        while let Some(FilePatch { path, at, bytes }) = console.take_file_patch(wall) {
            let found = self.0.iter().position(|file| file.0 == path);
            let index = found.unwrap_or_else(|| {
                self.0.push((path, vec![]));
                self.0.len() - 1
            });
            let file = &mut self.0[index].1;
            assert!(at as usize <= file.len(), "a patch must not leave a hole");
            file.truncate(at as usize);
            file.extend_from_slice(&bytes);
        }
        assert!(!console.is_file_dirty());
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.0.first().map(|file| core::str::from_utf8(&file.1).unwrap())
    }
}

fn console() -> Console {
    Console::new(ConsoleSettings::default())
}

fn shown(writes: &[(Stream, &str)]) -> String {
    let mut console = console();
    for (stream, text) in writes {
        console.on_raw(*stream, text, 0);
    }
    let mut disk = Disk::default();
    disk.pull(&mut console, 0);
    disk.text().unwrap_or_default().to_string()
}

fn out(text: &str) -> String {
    shown(&[(Stream::Stdout, text)])
}

#[test]
fn run_48_carriage_return_overwrites() {
    assert_eq!(out("a\rb\n"), "b\n");
    assert_eq!(out("progress 1\rprogress 2\rprog\n"), "progress 2\n");
    assert_eq!(out(&format!("l1\nl2\nl3{UP}{UP}X{DOWN}{DOWN}Y\n")), "l1X\nl2\nl3 Y\n");
}

#[test]
fn run_49_other_controls_are_text() {
    for text in ["\x1b[31mred\x1b[0m", "\x1b[2K", "\x1bZ", "tab\tx", "\x08", "\x07", "\x1b[5A"] {
        assert_eq!(out(text), format!("{text}\n"));
    }
}

#[test]
fn run_50_streams_share_the_numbering_and_keep_their_lines() {
    let mut console = console();
    console.on_raw(Stream::Stderr, "E1\nE2", 1);
    console.on_raw(Stream::Stdout, "out\n", 2);
    console.on_raw(Stream::Stderr, "E3\n", 3);
    let lines: Vec<_> =
        console.take_lines().into_iter().map(|line| (line.number, line.stream, line.created, line.text)).collect();
    let expected = [
        (0, Stream::Stderr, 1, "E1".into()),
        (1, Stream::Stderr, 1, "E2E3".into()),
        (2, Stream::Stdout, 2, "out".into()),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn run_51_only_the_last_rows_can_be_edited() {
    let mut text: String = (0..60).map(|line| format!("line {line}\n")).collect();
    text += &UP.repeat(50);
    text += "TOP\n";
    let shown = out(&text);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!((lines.len(), lines[28], lines[29], lines[30]), (60, "line 28", "TOPe 29", "line 30"));
}

#[test]
fn run_52_a_line_has_4096_columns() {
    assert_eq!(out(&"x".repeat(5000)).len(), 4097);
    assert_eq!(out(&"é".repeat(5000)).chars().count(), 4097);
    assert_eq!(out(&format!("{}{DOWN}y", "x".repeat(4096))), format!("{}\n\n", "x".repeat(4096)));
}

#[test]
fn run_53_labels_in_file_names() {
    let name = |label: &str, multipart| {
        let settings = ConsoleSettings { label: Some(label.into()), multipart, ..ConsoleSettings::default() };
        let mut console = Console::new(settings);
        console.on_raw(Stream::Stdout, "x", 0);
        console.take_file_patch(1_795_573_405_507_656).unwrap().path
    };
    assert_eq!(name("lab/el 1", None), "output_lab_el 1.log");
    assert_eq!(
        name("lab/el 1", Some(Multipart { utc_offset_seconds: 3600, ..Multipart::default() })),
        "logs/output_lab_el 1_20261125_032325_507656000.log"
    );
    // As the official client names them, except that it gives up on long ones.
    for (label, safe) in [
        ("..", ""),
        (".x.", ".x"),
        (". x .", ". x"),
        ("a//b", "a__b"),
        ("\t x\t", "x"),
        (".. /..", ".. _"),
        ("\u{a0}x\u{a0}", "x"),
        ("a\u{85}b\u{2028}c", "ab\u{2028}c"),
        ("\u{1}\u{7f}\tn\n", "n"),
        (&"é".repeat(200), &"é".repeat(90)),
    ] {
        assert_eq!(name(label, None), format!("output_{safe}.log"));
    }
    assert_eq!(name("", None), "output.log");
}

#[test]
fn run_55_logger_lines_are_fixed_and_pass_without_capture() {
    let mut on = console();
    on.on_raw(Stream::Stdout, "a", 0);
    on.on_logger_line("custom\nline\n", 5);
    on.on_logger_line("t\r \x1b[A ", 6);
    on.on_raw(Stream::Stdout, "b", 7);
    let mut disk = Disk::default();
    disk.pull(&mut on, 0);
    assert_eq!(disk.text(), Some("ab\ncustom\nline\nt\r \x1b[A \n"));

    let mut off = Console::new(ConsoleSettings { mode: Mode::Off, ..ConsoleSettings::default() });
    off.on_raw(Stream::Stdout, "ignored\n", 0);
    assert!(!off.has_changed_lines());
    off.on_logger_line("custom\nline\n", 5);
    let texts: Vec<_> = off.take_lines().into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["custom", "line"]);
    assert!(!off.is_file_dirty());
    assert_eq!(off.take_file_patch(0), None);
}

/// Each line of the recording: what was sent, and the file the official client left (null: none). It takes edits only
/// of the 32 newest lines of both streams, so a quiet stream's unfinished line loses its end; ours keeps it.
#[test]
fn files_are_those_of_the_official_client_or_lose_less() {
    let mut kept = 0;
    for recorded in include_str!("testdata/official.jsonl").lines() {
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let mut console = console();
        let mut disk = Disk::default();
        let (mut official, mut whole) = (Grid::with_window(32), Grid::default());
        for write in recorded["in"].as_array().unwrap() {
            let text = write[1].as_str().unwrap();
            let stream = if write[0] == "stderr" { Stream::Stderr } else { Stream::Stdout };
            if write[0] == "log" {
                console.on_logger_line(text, 0);
                [&mut official, &mut whole].into_iter().for_each(|grid| grid.log(text));
            } else {
                console.on_raw(stream, text, 0);
                [&mut official, &mut whole].into_iter().for_each(|grid| grid.write(stream, text));
            }
            disk.pull(&mut console, 0);
        }
        assert_eq!(official.text(), recorded["file"].as_str().unwrap_or_default(), "{recorded}");
        assert_eq!(disk.text().unwrap_or_default(), whole.text(), "{recorded}");
        kept += usize::from(official.text() != whole.text());
    }
    assert!(kept > 0, "the recordings no longer show the difference");
}

#[test]
fn a_rewritten_line_comes_again_under_its_number() {
    let mut console = console();
    console.on_raw(Stream::Stdout, "1/3", 10);
    assert_eq!(console.take_lines()[0].text, "1/3");
    console.on_raw(Stream::Stdout, "\r1/3", 11);
    assert!(!console.has_changed_lines(), "the same text is no change");
    console.on_raw(Stream::Stdout, "\r2/3\nnext", 12);
    let lines = console.take_lines();
    let lines: Vec<_> = lines.iter().map(|line| (line.number, line.created, line.text.as_str())).collect();
    assert_eq!(lines, [(0, 10, "2/3"), (1, 12, "next")]);
}

#[test]
fn a_patch_starts_at_the_first_changed_line() {
    let mut console = console();
    console.on_raw(Stream::Stdout, "one\ntwo\nthree", 0);
    console.take_file_patch(0).unwrap();
    console.on_raw(Stream::Stdout, &format!("{UP}\rTWO!\n"), 0);
    let patch = console.take_file_patch(0).unwrap();
    assert_eq!(patch, FilePatch { path: "output.log".into(), at: 4, bytes: b"TWO!\nthree\n".to_vec() });
}

#[test]
fn memory_does_not_grow_with_the_run() {
    let mut console = console();
    console.on_raw(Stream::Stderr, "waits", 0);
    let mut disk = Disk::default();
    for round in 0..2000 {
        console.on_raw(Stream::Stdout, &"some text of the run\n".repeat(20), round);
        console.take_lines();
        disk.pull(&mut console, 0);
        assert!(console.lines.next() - console.lines.first() <= 4097);
    }
    // The quiet line has left the window: it goes on as a new one, with nothing lost.
    console.on_raw(Stream::Stderr, " long\nnext\n", 0);
    disk.pull(&mut console, 0);
    let text = disk.text().unwrap();
    assert!(text.starts_with("waits\nsome text"));
    assert!(text.ends_with("run\nwaits long\nnext\n"));
    assert_eq!(text.lines().count(), 40_003);
}

#[test]
fn a_flood_is_due_and_lines_nobody_takes_are_counted() {
    let mut console = Console::new(ConsoleSettings { max_line_bytes: Some(1 << 20), ..ConsoleSettings::default() });
    assert!(!console.is_file_due() && !console.are_lines_due());
    console.on_raw(Stream::Stdout, &"x\n".repeat(100_000), 0);
    console.on_raw(Stream::Stdout, &"flood of text\n".repeat(100_000), 0);
    assert!(console.is_file_due() && console.are_lines_due());
    let lines = console.take_lines();
    assert_eq!(lines.len() as u64 + console.dropped_lines(), console.line_count());
    assert_eq!(lines.last().unwrap().number, 199_999);
    console.stop_file();
    assert!(!console.is_file_due() && !console.is_file_dirty());
}

#[test]
fn multipart_files_keep_their_limit_and_no_line_is_split() {
    let multipart = Some(Multipart { max_bytes: 20, ..Multipart::default() });
    let mut console = Console::new(ConsoleSettings { multipart, ..ConsoleSettings::default() });
    let mut disk = Disk::default();
    console.on_raw(Stream::Stdout, &"line number\n".repeat(40), 0);
    console.on_raw(Stream::Stdout, "not yet", 0);
    disk.pull(&mut console, 0);
    console.on_raw(Stream::Stdout, " ended, and long\nlast\n", 0);
    disk.pull(&mut console, 0);
    let texts: Vec<_> = disk.0.iter().map(|file| core::str::from_utf8(&file.1).unwrap()).collect();
    let (lines, rest) = texts.split_at(40);
    assert!(lines.iter().all(|text| *text == "line number\n"), "{texts:?}");
    assert_eq!(rest, ["not yet ended, and long\n", "last\n"]);
}

#[test]
fn multipart_files_end_by_age() {
    let multipart = Some(Multipart { max_seconds: 60, ..Multipart::default() });
    let mut console = Console::new(ConsoleSettings { multipart, ..ConsoleSettings::default() });
    let mut disk = Disk::default();
    for (text, second) in [("a\n", 0), ("b\n", 59), ("c\n", 60), ("d\n", 100), ("e\n", 120)] {
        console.on_raw(Stream::Stdout, text, second * 1_000_000);
        disk.pull(&mut console, second * 1_000_000);
    }
    let texts: Vec<_> = disk.0.iter().map(|file| core::str::from_utf8(&file.1).unwrap()).collect();
    assert_eq!(texts, ["a\nb\n", "c\nd\n", "e\n"]);
    assert_eq!(disk.0[1].0, "logs/output_19700101_000100_000000000.log");
}

#[test]
fn extended_emulation_moves_and_erases() {
    let show = |text: &str| {
        let mut console =
            Console::new(ConsoleSettings { emulation: Emulation::Extended, ..ConsoleSettings::default() });
        console.on_raw(Stream::Stdout, text, 0);
        let mut disk = Disk::default();
        disk.pull(&mut console, 0);
        disk.text().unwrap_or_default().to_string()
    };
    assert_eq!(show("a\nb\nc\n\x1b[3AX\x1b[2BY"), "X\nb\ncY\n");
    assert_eq!(show("50%\r\x1b[Kdone\n"), "done\n");
    assert_eq!(show("abc\x1b[2K\rx"), "x\n");
    assert_eq!(show("abcdef\x1b[3G\x1b[1K"), "   def\n");
    assert_eq!(show("abcdef\x1b[4D\x1b[K"), "ab\n");
    assert_eq!(show("a\nb\n\x1b[2F\x1b[2Cx\x1b[Ey"), "a x\ny\n");
    assert_eq!(show("\x1b[1;31mred\x1b[0m"), "red\n");
    assert_eq!(show("a\x1b\nb\x1b[5\rc"), "a\x1b\nc\x1b[5\n");
    assert_eq!(show("\x1b[10;5Hq\x1b[99999A"), "\x1b[10;5Hq\x1b[99999A\n");
}
