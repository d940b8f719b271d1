//! The emulation as one would first write it: cells in a grid, one character at a time. A reference for tests.

use alloc::string::String;
use alloc::vec::Vec;

use super::Stream;

#[derive(Default)]
pub(super) struct Grid {
    /// Only so many of the newest lines take edits; 0 is no limit.
    window: usize,
    lines: Vec<Line>,
    screens: [Screen; 2],
}

/// Cells, and how many there were when one last changed: a blank put behind the text is no change.
#[derive(Default)]
struct Line {
    cells: Vec<char>,
    shown: usize,
}

#[derive(Default)]
struct Screen {
    rows: Vec<Option<usize>>,
    row: usize,
    column: usize,
    escape: String,
}

impl Grid {
    pub(super) fn with_window(window: usize) -> Self {
        Self { window, ..Self::default() }
    }

    pub(super) fn write(&mut self, stream: Stream, text: &str) {
        for c in text.chars() {
            let screen = &mut self.screens[stream as usize];
            screen.rows.resize(32, None);
            match (screen.escape.as_str(), c) {
                ("", '\x1b') | ("\x1b", '[') => screen.escape.push(c),
                ("\x1b[", 'A') => {
                    screen.escape.clear();
                    screen.row = screen.row.saturating_sub(1);
                }
                ("\x1b[", 'B') => {
                    screen.escape.clear();
                    screen.down();
                }
                ("", '\r') => screen.column = 0,
                ("", '\n') => {
                    screen.column = 0;
                    screen.down();
                }
                _ => {
                    let mut literal = core::mem::take(&mut screen.escape);
                    literal.push(c);
                    literal.chars().for_each(|c| self.put(stream, c));
                }
            }
        }
    }

    fn put(&mut self, stream: Stream, c: char) {
        let screen = &mut self.screens[stream as usize];
        for row in 0..=screen.row {
            if screen.rows[row].is_none() {
                screen.rows[row] = Some(self.lines.len());
                self.lines.push(Line::default());
            }
        }
        let number = screen.rows[screen.row].unwrap();
        let takes_edits = self.window == 0 || number + self.window >= self.lines.len();
        let line = &mut self.lines[number];
        if screen.column < 4096 && takes_edits {
            if screen.column >= line.cells.len() {
                line.cells.resize(screen.column + 1, ' ');
            }
            if core::mem::replace(&mut line.cells[screen.column], c) != c {
                line.shown = line.cells.len();
            }
        }
        screen.column += 1;
    }

    pub(super) fn log(&mut self, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        for line in text.split('\n') {
            self.lines.push(Line { cells: line.chars().collect(), shown: line.chars().count() });
        }
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| line.cells[..line.shown].iter().collect::<String>() + "\n").collect()
    }
}

impl Screen {
    fn down(&mut self) {
        if self.row < 31 {
            self.row += 1;
        } else {
            self.rows.remove(0);
            self.rows.push(None);
        }
    }
}
