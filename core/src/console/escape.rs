//! Recognises the control sequences of the console.
//!
//! Owns the state between an escape character and the end of its sequence, which may lie in a later record.
//! Does not know what moves: it turns characters into [`Step`]s.

use super::Emulation;

/// Longest parameter list that is understood.
const MAX_PARAMETERS: usize = 16;

/// What a character did to the recogniser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The sequence goes on.
    More,
    /// Put the collected characters and this one as text.
    Literal,
    /// Put the collected characters as text, then take this one as if nothing had come before.
    Broken,
    /// A whole command.
    Command(Command),
}

/// A command with its effect on the cursor or the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Up(usize),
    Down(usize),
    Right(usize),
    Left(usize),
    /// To a column, counted from 0.
    Column(usize),
    /// Cursor to the line's start, so many rows down (negative: up).
    StartOfRow(isize),
    EraseToEnd,
    EraseToStart,
    EraseLine,
    /// Understood, and nothing to do: colours.
    Nothing,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Escape {
    /// The characters so far, all ASCII; empty means not in a sequence.
    seen: [u8; MAX_PARAMETERS + 2],
    len: usize,
    emulation: Emulation,
}

impl Escape {
    pub(super) fn new(emulation: Emulation) -> Self {
        Self { emulation, ..Self::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.len > 0
    }

    /// Starts a sequence at its escape character.
    pub(super) fn open(&mut self) {
        self.seen[0] = 0x1b;
        self.len = 1;
    }

    /// Takes the characters collected so far, and closes the sequence.
    pub(super) fn take_seen(&mut self) -> ([u8; MAX_PARAMETERS + 2], usize) {
        (self.seen, core::mem::take(&mut self.len))
    }

    /// Feeds the next character. After [`Step::Command`] the sequence is closed.
    pub(super) fn feed(&mut self, c: char) -> Step {
        let step = match (self.len, c, self.emulation) {
            (1, '[', _) => self.push(b'['),
            (1, _, Emulation::Official) => Step::Literal,
            (1, _, Emulation::Extended) => Step::Broken,
            (2, 'A', _) => Step::Command(Command::Up(1)),
            (2, 'B', _) => Step::Command(Command::Down(1)),
            (_, _, Emulation::Official) => Step::Literal,
            (_, ' '..='?', Emulation::Extended) if self.len < self.seen.len() => self.push(c as u8),
            (_, '@'..='~', Emulation::Extended) => self.command(c).map_or(Step::Literal, Step::Command),
            (_, _, Emulation::Extended) => Step::Broken,
        };
        if let Step::Command(_) = step {
            self.len = 0;
        }
        step
    }

    fn push(&mut self, byte: u8) -> Step {
        self.seen[self.len] = byte;
        self.len += 1;
        Step::More
    }

    fn command(&self, last: char) -> Option<Command> {
        if last == 'm' {
            return Some(Command::Nothing);
        }
        let number = core::str::from_utf8(&self.seen[2..self.len]).ok()?;
        let given = if number.is_empty() { None } else { Some(number.parse::<u16>().ok()? as usize) };
        let count = given.unwrap_or(1).max(1);
        Some(match (last, given.unwrap_or(0)) {
            ('A', _) => Command::Up(count),
            ('B', _) => Command::Down(count),
            ('C', _) => Command::Right(count),
            ('D', _) => Command::Left(count),
            ('E', _) => Command::StartOfRow(count as isize),
            ('F', _) => Command::StartOfRow(-(count as isize)),
            ('G', _) => Command::Column(count - 1),
            ('K', 0) => Command::EraseToEnd,
            ('K', 1) => Command::EraseToStart,
            ('K', 2) => Command::EraseLine,
            _ => return None,
        })
    }
}
