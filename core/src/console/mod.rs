//! Console output of a run: what a terminal would show of it, as a file and as lines to upload.
//!
//! Owns the two emulators (stdout, stderr) over one numbering of lines, and hands out changes. Memory is bounded by the
//! editing window, plus what the caller has not taken yet. Must not know timers, requests, or what a disk is: the
//! caller decides when to take changes (see [`Console::is_file_due`]) and where they go.
//!
//! Where this differs from the official client: that one drops edits of lines older than the 32 newest of both streams,
//! here a quiet stream's unfinished line takes them much longer, and then is continued as a new line; the limits of a multipart console hold for the bytes a file ends up with, at any
//! line, not for bytes written at a flush; and no line is cut off from its file while a cursor is on it.

mod changed;
mod escape;
mod file;
mod lines;
mod stamp;
mod terminal;
mod text;

#[cfg(test)]
mod grid;
#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub use changed::ChangedLine;
pub use file::FilePatch;

use changed::Changed;
use file::OutputFile;
use lines::Lines;
use terminal::Terminal;
use text::Text;

/// Text is fed to the emulators in pieces, so that one huge record does not make a huge window.
const PIECE_BYTES: usize = 64 << 10;
/// Held bytes above which the caller should not wait for its timer.
const DUE_BYTES: usize = 256 << 10;
/// Bytes of settled lines kept for upload unless the settings say otherwise.
const LINE_BYTES: usize = 16 << 20;
/// Longest label in a file name, in bytes: the whole name must stay below the 255 that file systems take.
const LABEL_BYTES: usize = 180;

/// The stream a line belongs to; `OutputRawRecord.output_type` in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output, and lines of `run.write_logs`.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The setting `console`: anything but `off` captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Raw output is ignored and no file is made; `run.write_logs` still reaches the upload stream.
    Off,
    /// Raw output is captured.
    #[default]
    On,
}

/// How much of a terminal is emulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emulation {
    /// Line feed, carriage return, `ESC[A` and `ESC[B`; every other sequence is text, as in the official client.
    #[default]
    Official,
    /// Also counts (`ESC[5A`), left and right, columns (`ESC[G`), line erasing (`ESC[K`); colours are dropped.
    Extended,
}

/// Settings `console_multipart`, `console_chunk_max_bytes` and `console_chunk_max_seconds`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multipart {
    /// A file ends before the line that would make it larger; 0 is no limit.
    pub max_bytes: u64,
    /// A file gets no more lines once it is this old; 0 is no limit.
    pub max_seconds: i64,
    /// Local time minus UTC, for the file names.
    pub utc_offset_seconds: i32,
}

/// What a [`Console`] needs to know of the run's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Capture or not.
    pub mode: Mode,
    /// The setting `x_label`: goes into file names. (For line text see [`ChangedLine::to_plain`].)
    pub label: Option<String>,
    /// Several files under `logs/` instead of one `output.log`.
    pub multipart: Option<Multipart>,
    /// How much of a terminal to emulate.
    pub emulation: Emulation,
    /// Bytes of settled lines kept for [`Console::take_lines`], beyond which the oldest are given up;
    /// `None` if nobody will take lines.
    pub max_line_bytes: Option<usize>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            label: None,
            multipart: None,
            emulation: Emulation::default(),
            max_line_bytes: Some(LINE_BYTES),
        }
    }
}

/// Console output of one run.
#[derive(Debug)]
pub struct Console {
    mode: Mode,
    stdout: Terminal,
    stderr: Terminal,
    lines: Lines,
    file: Option<OutputFile>,
    changed: Option<Changed>,
}

impl Console {
    /// A console that has shown nothing yet.
    pub fn new(settings: ConsoleSettings) -> Self {
        let ConsoleSettings { mode, label, multipart, emulation, max_line_bytes } = settings;
        Self {
            mode,
            stdout: Terminal::new(Stream::Stdout, emulation),
            stderr: Terminal::new(Stream::Stderr, emulation),
            lines: Lines::default(),
            file: (mode == Mode::On).then(|| OutputFile::new(Label::new(label.as_deref()), multipart)),
            changed: max_line_bytes.map(Changed::new),
        }
    }

    /// Takes an `OutputRawRecord`: text as the program wrote it, cut anywhere. `wall` is Unix microseconds now.
    pub fn on_raw(&mut self, stream: Stream, mut text: &str, wall: i64) {
        if self.mode == Mode::Off {
            return;
        }
        while !text.is_empty() {
            let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES));
            match stream {
                Stream::Stdout => self.stdout.write(piece, wall, &mut self.lines),
                Stream::Stderr => self.stderr.write(piece, wall, &mut self.lines),
            }
            text = rest;
            self.settle();
        }
    }

    /// Takes an `OutputLoggerRecord` (`run.write_logs`): whole lines that are never edited. `wall` as in [`Self::on_raw`].
    pub fn on_logger_line(&mut self, text: &str, wall: i64) {
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.lines.allocate(Stream::Stdout, wall, Text::fixed(line));
            self.settle();
        }
    }

    /// Would [`Self::take_file_patch`] give a patch?
    pub fn is_file_dirty(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_dirty(&self.lines))
    }

    /// Is so much held that the file should be written before the usual interval is over?
    pub fn is_file_due(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.held_bytes() >= DUE_BYTES)
    }

    /// The next change of the file; call until `None`, since a multipart console may start several files at once.
    /// Patches are to be applied in order. `wall` is Unix microseconds now.
    pub fn take_file_patch(&mut self, wall: i64) -> Option<FilePatch> {
        let busy = [self.stdout.cursor_line(), self.stderr.cursor_line()];
        let busy_from = busy.into_iter().flatten().min().unwrap_or(u64::MAX);
        self.file.as_mut()?.take(&self.lines, busy_from, wall)
    }

    /// Gives the file up, for good: after a disk error nothing is held for it any more.
    pub fn stop_file(&mut self) {
        self.file = None;
    }

    /// Would [`Self::take_lines`] give lines?
    pub fn has_changed_lines(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| changed.is_dirty(&self.lines))
    }

    /// Is so much held that lines should be taken before the usual interval is over?
    pub fn are_lines_due(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| changed.bytes() >= DUE_BYTES)
    }

    /// Every line that is new or changed since the last call, by ascending number.
    pub fn take_lines(&mut self) -> Vec<ChangedLine> {
        self.changed.as_mut().map(|changed| changed.take(&mut self.lines)).unwrap_or_default()
    }

    /// Lines given up because nobody took them in time.
    pub fn dropped_lines(&self) -> u64 {
        self.changed.as_ref().map_or(0, Changed::dropped)
    }

    /// Lines so far, over both streams.
    pub fn line_count(&self) -> u64 {
        self.lines.next()
    }

    /// Lets go of lines that no cursor can reach, and of the oldest ones if the window is over its limit.
    fn settle(&mut self) {
        if let (Some(from), Some(file)) = (self.lines.take_changed_from(), &mut self.file) {
            file.on_changed(from);
        }
        loop {
            let reachable = [self.stdout.floor(), self.stderr.floor()].into_iter().flatten().min();
            let floor = reachable.unwrap_or(self.lines.next());
            while self.lines.first() < floor {
                self.settle_first(false);
            }
            if !self.lines.is_over_limit() {
                return;
            }
            self.settle_first(true);
        }
    }

    fn settle_first(&mut self, in_view: bool) {
        let Some((number, line)) = self.lines.settle_first() else { return };
        if in_view {
            self.stdout.on_settled(number, &line.text);
            self.stderr.on_settled(number, &line.text);
        }
        if let Some(file) = &mut self.file {
            file.on_settled(number, line.text.as_str());
        }
        if let Some(changed) = &mut self.changed {
            changed.on_settled(number, line);
        }
    }
}

/// A label made safe for a file name.
#[derive(Clone, Debug, Default)]
struct Label(Option<String>);

impl Label {
    /// Path separators become `_`, control characters go, and so do blanks around and dots behind.
    fn new(label: Option<&str>) -> Self {
        let Some(label) = label.filter(|label| !label.is_empty()) else { return Self(None) };
        let safe: String = label.chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '_' } else { c }).collect();
        let safe = &safe[..safe.floor_char_boundary(LABEL_BYTES)];
        Self(Some(safe.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace()).into()))
    }

    fn suffix(&self) -> String {
        self.0.as_deref().map(|label| format!("_{label}")).unwrap_or_default()
    }
}
