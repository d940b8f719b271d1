//! Going through objects: one level ([`Members`]) or down to every leaf ([`Walk`]).

use alloc::borrow::Cow;
use alloc::string::String;

use super::scan::{Scanner, Token};
use super::{JsonError, Kind, Value, unescape};

/// The name of an object's member, still as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a>(Token<'a>);

impl<'a> Key<'a> {
    /// The name with its escapes resolved; a copy is made only if there are any.
    pub fn decode(self) -> Cow<'a, str> {
        if self.0.escaped {
            let mut out = String::new();
            unescape(self.0.raw, &mut out);
            Cow::Owned(out)
        } else {
            Cow::Borrowed(self.0.raw)
        }
    }
}

/// Iterates over the members of one object, in the order of the text. After an error it ends.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    scanner: Scanner<'a>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Inside,
    Done,
}

impl<'a> Members<'a> {
    /// `text` is an object; anything else gives one error.
    pub fn new(text: &'a str) -> Self {
        Self { scanner: Scanner::new(text, 0), state: State::Start }
    }

    fn advance(&mut self) -> Result<Option<(Key<'a>, Value<'a>)>, JsonError> {
        let scanner = &mut self.scanner;
        scanner.skip_space();
        match self.state {
            State::Start => {
                scanner.take(b'{')?;
                scanner.skip_space();
                self.state = State::Inside;
                if scanner.peek() == Some(b'}') {
                    return Ok(None);
                }
            }
            State::Inside if scanner.peek() == Some(b'}') => return Ok(None),
            State::Inside => scanner.take(b',')?,
            State::Done => return Ok(None),
        }
        let name = scanner.name()?;
        Ok(Some((Key(name), scanner.value()?)))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Key<'a>, Value<'a>), JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance();
        if !matches!(item, Ok(Some(_))) {
            self.state = State::Done;
        }
        item.transpose()
    }
}

/// A step of a [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    /// An object begins under this name.
    Open(Key<'a>),
    /// The object that began last ends. The outermost object has no events of its own.
    Close,
    /// A value that is not an object; arrays are leaves, whatever is in them.
    Leaf(Key<'a>, Value<'a>),
}

/// Walks down an object to its leaves in one pass over the text.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    scanner: Scanner<'a>,
    depth: usize,
    /// A `{` was just taken: no comma stands before the next member.
    first: bool,
}

impl<'a> Walk<'a> {
    /// `text` is an object that [`super::parse`] has accepted; on any other text the walk just ends early.
    pub fn new(text: &'a str) -> Self {
        let mut scanner = Scanner::new(text, 0);
        scanner.skip_space();
        let depth = usize::from(scanner.take(b'{').is_ok());
        Self { scanner, depth, first: true }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let scanner = &mut self.scanner;
        if self.depth == 0 {
            return None;
        }
        scanner.skip_space();
        if scanner.take(b'}').is_ok() {
            self.depth -= 1;
            self.first = false;
            return (self.depth > 0).then_some(Event::Close);
        }
        if !self.first {
            scanner.take(b',').ok()?;
        }
        let key = Key(scanner.name().ok()?);
        scanner.skip_space();
        if scanner.peek() == Some(b'{') {
            scanner.take(b'{').ok()?;
            self.depth += 1;
            self.first = true;
            return Some(Event::Open(key));
        }
        self.first = false;
        let value = scanner.value().ok()?;
        debug_assert!(value.kind != Kind::Object, "objects are opened above");
        Some(Event::Leaf(key, value))
    }
}
