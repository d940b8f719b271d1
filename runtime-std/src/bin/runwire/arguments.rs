//! The one way in which subcommands read `--flag value` and `--flag=value`.

use std::{ffi::OsString, str::FromStr};

/// Words that are left.
pub(crate) struct Arguments<'a> {
    words: std::slice::Iter<'a, OsString>,
}

/// One word: a flag, perhaps with its value, or something else.
pub(crate) struct Word {
    /// Up to `=`.
    pub(crate) name: String,
    /// After `=`.
    inline: Option<OsString>,
    /// As it was given.
    pub(crate) whole: OsString,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(words: &'a [OsString]) -> Self {
        Arguments { words: words.iter() }
    }

    pub(crate) fn next(&mut self) -> Option<Word> {
        let whole = self.words.next()?.clone();
        let text = whole.to_string_lossy().into_owned();
        Some(match text.split_once('=').filter(|_| text.starts_with("--")) {
            Some((name, value)) => Word { name: name.into(), inline: Some(value.into()), whole },
            None => Word { name: text, inline: None, whole },
        })
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> Vec<OsString> {
        self.words.by_ref().cloned().collect()
    }

    pub(crate) fn value(&mut self, flag: &Word) -> Result<OsString, String> {
        let value = flag.inline.clone().or_else(|| self.words.next().cloned());
        value.ok_or_else(|| format!("{} needs a value", flag.name))
    }

    pub(crate) fn text(&mut self, flag: &Word) -> Result<String, String> {
        self.value(flag)?.into_string().map_err(|_| format!("the value of {} is not text", flag.name))
    }

    pub(crate) fn parsed<T: FromStr>(&mut self, flag: &Word) -> Result<T, String> {
        let text = self.text(flag)?;
        text.parse().map_err(|_| format!("{text:?} is no value for {}", flag.name))
    }
}
