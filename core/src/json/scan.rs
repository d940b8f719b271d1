//! The scanner: from a position to the end of one value, checking every byte on the way.

use super::{JsonError, Kind, Value};

/// How many arrays and objects may be open at once. Real metrics need less than ten.
pub const MAX_DEPTH: usize = 512;

/// A cursor over a text. All positions are at character boundaries when a method returns.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
    /// White space was skipped since this was last cleared.
    spaced: bool,
}

/// A string token: the text between the quotes and whether it has escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) raw: &'a str,
    pub(super) escaped: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, pos: usize) -> Self {
        Self { text, pos, spaced: false }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.pos += 1;
            self.spaced = true;
        }
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.pos += 1;
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// White space, then a whole value.
    pub(super) fn value(&mut self) -> Result<Value<'a>, JsonError> {
        self.skip_space();
        self.spaced = false;
        let start = self.pos;
        let kind = match self.peek() {
            Some(b'{') => self.container().map(|()| Kind::Object),
            Some(b'[') => self.container().map(|()| Kind::Array),
            _ => self.scalar(),
        }?;
        Ok(Value { kind, text: &self.text[start..self.pos], compact: !self.spaced })
    }

    /// A string token, its quotes included.
    pub(super) fn string(&mut self) -> Result<Token<'a>, JsonError> {
        self.take(b'"')?;
        let start = self.pos;
        let mut escaped = false;
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.pos) {
                Some(b'"') => {
                    let raw = &self.text[start..self.pos];
                    self.pos += 1;
                    return Ok(Token { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.unexpected()),
                Some(_) => self.pos += 1,
                None => return Err(JsonError::Ended),
            }
        }
    }

    /// A member's name and the colon after it.
    pub(super) fn name(&mut self) -> Result<Token<'a>, JsonError> {
        self.skip_space();
        let token = self.string()?;
        self.skip_space();
        self.take(b':')?;
        Ok(token)
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.pos += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pos += 1,
            Some(b'u') => {
                self.pos += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.pos += 1,
                        Some(_) | None => return Err(self.unexpected()),
                    }
                }
            }
            Some(_) | None => return Err(self.unexpected()),
        }
        Ok(())
    }

    fn scalar(&mut self) -> Result<Kind, JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| Kind::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::Bool(true)),
            Some(b'f') => self.word("false", Kind::Bool(false)),
            Some(b'n') => self.word("null", Kind::Null),
            Some(b'N') => self.word("NaN", Kind::Float(f64::NAN)),
            Some(b'I') => self.word("Infinity", Kind::Float(f64::INFINITY)),
            Some(_) | None => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        for byte in word.bytes() {
            self.take(byte)?;
        }
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        let start = self.pos;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.pos += 1;
            if self.peek() == Some(b'I') {
                return self.word("Infinity", Kind::Float(f64::NEG_INFINITY));
            }
        }
        let digits = self.pos;
        if self.peek() == Some(b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        let whole = digits..self.pos;
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.pos += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.pos];
        if whole.end == self.pos && text != "-0" {
            // 18 digits always fit; the few longer integers take the checked way.
            let int = if whole.len() <= 18 {
                let bytes = self.text[whole].bytes();
                let magnitude = bytes.fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
                Some(if negative { -magnitude } else { magnitude })
            } else {
                text.parse().ok()
            };
            if let Some(int) = int {
                return Ok(Kind::Int(int));
            }
        }
        Ok(Kind::Float(text.parse().expect("the number grammar of JSON is a subset of Rust's")))
    }

    /// One or more digits.
    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.pos..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.pos += count;
        if count == 0 { Err(self.unexpected()) } else { Ok(()) }
    }

    /// An array or object. The stack of open containers is a row of bits, so depth costs no calls.
    fn container(&mut self) -> Result<(), JsonError> {
        let mut open = Open { objects: [0; MAX_DEPTH / 64], depth: 0 };
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'{') => {
                    open.push(true)?;
                    self.pos += 1;
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        self.name()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    open.push(false)?;
                    self.pos += 1;
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            if !self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here; true if another value follows, false if the outermost container is closed.
    fn close(&mut self, open: &mut Open) -> Result<bool, JsonError> {
        loop {
            self.skip_space();
            let object = open.in_object();
            match (self.peek(), object) {
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.pos += 1;
                    open.depth -= 1;
                    if open.depth == 0 {
                        return Ok(false);
                    }
                }
                (Some(b','), true) => {
                    self.pos += 1;
                    self.name()?;
                    return Ok(true);
                }
                (Some(b','), false) => {
                    self.pos += 1;
                    return Ok(true);
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn unexpected(&self) -> JsonError {
        if self.pos < self.text.len() { JsonError::Unexpected { at: self.pos } } else { JsonError::Ended }
    }
}

/// Which of the open containers are objects, one bit each.
struct Open {
    objects: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl Open {
    fn push(&mut self, object: bool) -> Result<(), JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        let bit = 1 << (self.depth % 64);
        let word = &mut self.objects[self.depth / 64];
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let at = self.depth - 1;
        self.objects[at / 64] >> (at % 64) & 1 == 1
    }
}
