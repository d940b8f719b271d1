//! One stream's terminal: a cursor in a view of the last rows.
//!
//! Owns which row shows which line. Lines are created in the shared [`Lines`] when a character is put, so a row that
//! scrolls away empty never becomes a line. Does not know files, uploads or the other stream.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::escape::{Command, Escape, Step};
use super::lines::Lines;
use super::text::{MAX_COLUMNS, Text, count};
use super::{Emulation, Stream};

/// Rows in which the cursor can move.
pub(super) const VIEW_ROWS: usize = 32;

/// What a row shows.
#[derive(Debug)]
enum Row {
    /// An open line.
    Open(u64),
    /// A line that was settled while still in view: an edit continues it as a new line.
    Settled(Box<Text>),
}

/// The emulator of one stream.
#[derive(Debug)]
pub(super) struct Terminal {
    stream: Stream,
    escape: Escape,
    /// Rows that have a line, from the top; rows below have none yet.
    rows: VecDeque<Row>,
    row: usize,
    column: usize,
}

impl Terminal {
    pub(super) fn new(stream: Stream, emulation: Emulation) -> Self {
        Self { stream, escape: Escape::new(emulation), rows: VecDeque::new(), row: 0, column: 0 }
    }

    /// Feeds text; `wall` (Unix microseconds) becomes the creation time of lines it starts.
    pub(super) fn write(&mut self, mut text: &str, wall: i64, lines: &mut Lines) {
        while !text.is_empty() {
            if self.escape.is_open() {
                text = self.write_escaped(text, wall, lines);
                continue;
            }
            let plain = text.bytes().position(|b| matches!(b, b'\n' | b'\r' | 0x1b)).unwrap_or(text.len());
            if plain > 0 {
                self.put(&text[..plain], wall, lines);
            }
            let Some(control) = text.as_bytes().get(plain) else { return };
            text = &text[plain + 1..];
            match control {
                b'\n' => {
                    self.column = 0;
                    self.down();
                }
                b'\r' => self.column = 0,
                _ => self.escape.open(),
            }
        }
    }

    /// The lowest open line in view.
    pub(super) fn floor(&self) -> Option<u64> {
        self.rows.iter().filter_map(Row::number).min()
    }

    /// The open line that has the cursor.
    pub(super) fn cursor_line(&self) -> Option<u64> {
        self.rows.get(self.row).and_then(Row::number)
    }

    /// Told that line `number` is settled although this view may show it.
    pub(super) fn on_settled(&mut self, number: u64, text: &Text) {
        for row in &mut self.rows {
            if row.number() == Some(number) {
                *row = Row::Settled(Box::new(text.clone()));
            }
        }
    }

    /// Feeds one character to the open sequence and returns the rest.
    fn write_escaped<'t>(&mut self, text: &'t str, wall: i64, lines: &mut Lines) -> &'t str {
        let Some(c) = text.chars().next() else { return text };
        let (head, rest) = text.split_at(c.len_utf8());
        match self.escape.feed(c) {
            Step::More => rest,
            Step::Command(command) => {
                self.run(command, lines);
                rest
            }
            Step::Literal => {
                self.put_seen(wall, lines);
                self.put(head, wall, lines);
                rest
            }
            Step::Broken => {
                self.put_seen(wall, lines);
                text
            }
        }
    }

    fn put_seen(&mut self, wall: i64, lines: &mut Lines) {
        let (seen, len) = self.escape.take_seen();
        let seen = core::str::from_utf8(&seen[..len]).expect("a sequence collects ASCII only");
        self.put(seen, wall, lines);
    }

    /// Puts text without control characters at the cursor.
    fn put(&mut self, run: &str, wall: i64, lines: &mut Lines) {
        let columns = count(run);
        let at = self.column;
        let number = self.line_at_cursor(wall, lines);
        lines.edit(number, |text| text.put(at, run, columns));
        self.column = (at + columns).min(MAX_COLUMNS);
    }

    fn line_at_cursor(&mut self, wall: i64, lines: &mut Lines) -> u64 {
        while self.rows.len() <= self.row {
            self.rows.push_back(Row::Open(lines.allocate(self.stream, wall, Text::default())));
        }
        let text = match &mut self.rows[self.row] {
            Row::Open(number) => return *number,
            Row::Settled(text) => core::mem::take(&mut **text),
        };
        let number = lines.allocate(self.stream, wall, text);
        self.rows[self.row] = Row::Open(number);
        number
    }

    fn run(&mut self, command: Command, lines: &mut Lines) {
        match command {
            Command::Up(rows) => self.row = self.row.saturating_sub(rows),
            Command::Down(rows) => (0..rows).for_each(|_| self.down()),
            Command::Right(columns) => self.column = (self.column + columns).min(MAX_COLUMNS),
            Command::Left(columns) => self.column = self.column.saturating_sub(columns),
            Command::Column(column) => self.column = column.min(MAX_COLUMNS),
            Command::StartOfRow(rows) => {
                self.column = 0;
                match usize::try_from(rows) {
                    Ok(rows) => (0..rows).for_each(|_| self.down()),
                    Err(_) => self.row = self.row.saturating_sub(rows.unsigned_abs()),
                }
            }
            Command::EraseToEnd => self.erase(lines, |text, at| text.cut(at)),
            Command::EraseToStart => self.erase(lines, |text, at| text.blank_through(at)),
            Command::EraseLine => self.erase(lines, |text, _| text.cut(0)),
            Command::Nothing => {}
        }
    }

    /// Erasing starts no line: there is nothing to erase on a row without one.
    fn erase(&mut self, lines: &mut Lines, erase: impl FnOnce(&mut Text, usize) -> bool) {
        if let Some(number) = self.cursor_line() {
            lines.edit(number, |text| erase(text, self.column));
        }
    }

    fn down(&mut self) {
        if self.row + 1 < VIEW_ROWS {
            self.row += 1;
        } else {
            self.rows.pop_front();
        }
    }
}

impl Row {
    fn number(&self) -> Option<u64> {
        match self {
            Row::Open(number) => Some(*number),
            Row::Settled(_) => None,
        }
    }
}
