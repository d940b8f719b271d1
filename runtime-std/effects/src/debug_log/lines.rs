//! One line of a log and where it goes: held in memory, written to a file, or dropped.
//!
//! Does not know paths or names of files.

use std::fs::File;
use std::io::{self, Write};

use serde::Serializer;
use serde::ser::SerializeMap;

/// Held lines beyond this are dropped: nothing logs this much before the service listens.
const HELD_LIMIT: usize = 64 * 1024;

/// How bad it is, on the scale of the `--log-level` flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// -4
    Debug,
    /// 0
    Info,
    /// 4
    Warn,
    /// 8
    Error,
}

impl From<runwire_core::Level> for Level {
    fn from(level: runwire_core::Level) -> Self {
        match level {
            runwire_core::Level::Debug => Level::Debug,
            runwire_core::Level::Info => Level::Info,
            runwire_core::Level::Warn => Level::Warn,
            runwire_core::Level::Error => Level::Error,
        }
    }
}

impl Level {
    /// The lowest level that the flag's number lets through: 1 to 4 mean warnings, above 4 errors.
    pub fn from_flag(number: i64) -> Self {
        match number {
            ..=-1 => Self::Debug,
            0 => Self::Info,
            1..=4 => Self::Warn,
            5.. => Self::Error,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The value of an attribute. Texts must be safe to show to anyone who may read the run's directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A number below or above zero.
    Int(i64),
    /// A number from zero.
    Uint(u64),
    /// A fraction; NaN and infinities are written as null.
    Float(f64),
    /// True or false.
    Bool(bool),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Uint(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Uint(u64::from(value))
    }
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Self::Uint(value as u64)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// What [`Sink::write`] takes.
pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) message: &'a str,
    pub(super) fields: &'a [(&'a str, Value<'a>)],
}

impl Line<'_> {
    fn render(&self, buffer: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Serializer::new(&mut *buffer);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("time", &jiff::Timestamp::now().to_string())?;
        map.serialize_entry("level", self.level.name())?;
        map.serialize_entry("msg", self.message)?;
        for (key, value) in self.fields {
            match value {
                Value::Text(v) => map.serialize_entry(key, v)?,
                Value::Int(v) => map.serialize_entry(key, v)?,
                Value::Uint(v) => map.serialize_entry(key, v)?,
                Value::Float(v) => map.serialize_entry(key, v)?,
                Value::Bool(v) => map.serialize_entry(key, v)?,
            }
        }
        map.end()?;
        buffer.push(b'\n');
        Ok(())
    }
}

/// Where lines go.
#[derive(Debug)]
pub(super) struct Sink {
    level: Level,
    to: To,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum To {
    Memory(Vec<u8>),
    /// With the reason of the last failed write, if it failed.
    File(File, Option<String>),
    Nowhere(String),
}

impl Sink {
    /// Lines stay in memory until [`Sink::attach`] or [`Sink::fail`].
    pub(super) fn held(level: Level) -> Self {
        Self { level, to: To::Memory(Vec::new()), buffer: Vec::new() }
    }

    pub(super) fn attach(&mut self, mut file: File) {
        let mut problem = None;
        if let To::Memory(held) = &self.to {
            problem = file.write_all(held).err().map(reason);
        }
        self.to = To::File(file, problem);
    }

    pub(super) fn fail(&mut self, why: String) {
        self.to = To::Nowhere(why);
    }

    pub(super) fn holds_lines(&self) -> bool {
        matches!(&self.to, To::Memory(held) if !held.is_empty())
    }

    pub(super) fn wants(&self, level: Level) -> bool {
        level >= self.level && !matches!(self.to, To::Nowhere(_))
    }

    pub(super) fn warning(&self) -> Option<&str> {
        match &self.to {
            To::Memory(_) => None,
            To::File(_, problem) => problem.as_deref(),
            To::Nowhere(why) => Some(why),
        }
    }

    pub(super) fn write(&mut self, line: &Line<'_>) {
        if !self.wants(line.level) {
            return;
        }
        self.buffer.clear();
        // Every value a line can hold has a JSON form, so this cannot fail; a broken line is not worth a panic.
        if line.render(&mut self.buffer).is_err() {
            return;
        }
        match &mut self.to {
            To::Memory(held) if held.len() + self.buffer.len() <= HELD_LIMIT => held.extend_from_slice(&self.buffer),
            To::Memory(_) | To::Nowhere(_) => {}
            // One write call a line keeps lines whole when two processes append to the same file.
            To::File(file, problem) => *problem = file.write_all(&self.buffer).err().map(reason),
        }
    }
}

fn reason(error: io::Error) -> String {
    format!("lines of the log are lost: {error}")
}
