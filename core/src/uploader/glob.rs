//! Patterns of files that are not uploaded (setting `ignore_globs`): the shell's, for a whole relative path.
//!
//! `*` is any text and `?` any character, both within one part of the path; `[a-z]` one of these and `[!a-z]` or `[^a-z]`
//! none of them; a backslash takes the meaning from what follows.

use alloc::{string::String, vec::Vec};

#[derive(Debug)]
enum Token {
    Char(char),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// One pattern.
#[derive(Debug)]
pub(super) struct Glob(Vec<Token>);

impl Glob {
    /// Reads a pattern; `None` if it is not complete.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => Token::Char(rest.next()?),
                '[' => class(&mut rest)?,
                c => Token::Char(c),
            });
        }
        Some(Glob(tokens))
    }

    /// Whether the pattern is the whole of `path`.
    pub(super) fn matches(&self, path: &str) -> bool {
        let text: Vec<char> = path.chars().collect();
        let tokens = &self.0;
        let (mut at, mut token) = (0, 0);
        // Where the last star stands and how far it reaches. An earlier one need not be tried again: a star does not cross
        // a slash, so what it could reach, the later one reaches too.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() || token < tokens.len() {
            let fits = match (tokens.get(token), text.get(at)) {
                (Some(Token::Star), _) => {
                    star = Some((token, at));
                    token += 1;
                    continue;
                }
                (Some(one), Some(c)) => one.fits(*c),
                (Some(_), None) | (None, _) => false,
            };
            if fits {
                at += 1;
                token += 1;
                continue;
            }
            match star {
                Some((star_token, reach)) if text.get(reach).is_some_and(|c| *c != '/') => {
                    star = Some((star_token, reach + 1));
                    token = star_token + 1;
                    at = reach + 1;
                }
                Some(_) | None => return false,
            }
        }
        true
    }
}

impl Token {
    fn fits(&self, c: char) -> bool {
        match self {
            Token::Char(own) => *own == c,
            Token::Any => c != '/',
            Token::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
            Token::Star => false,
        }
    }
}

fn class(rest: &mut core::str::Chars<'_>) -> Option<Token> {
    let mut negated = false;
    if rest.as_str().starts_with(['!', '^']) {
        negated = true;
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            // A bracket that comes first stands for itself.
            ']' if !ranges.is_empty() => return Some(Token::Class { negated, ranges }),
            '\\' => rest.next()?,
            c => c,
        };
        let is_range = rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]");
        let high = if is_range {
            rest.next();
            match rest.next()? {
                '\\' => rest.next()?,
                c => c,
            }
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// The patterns of a setting, and those of them that cannot be read.
pub(super) fn read(patterns: &[String]) -> (Vec<Glob>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match Glob::new(pattern) {
            Some(glob) => good.push(glob),
            None => bad.push(pattern.clone()),
        }
    }
    (good, bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::new(pattern).expect("a pattern").matches(path)
    }

    #[test]
    fn the_whole_path_is_matched_part_by_part() {
        let yes = [
            ("*.tmp", "a.tmp"),
            ("*.tmp", ".tmp"),
            ("d/*", "d/a"),
            ("*/*", "d/a"),
            ("a?c", "abc"),
            ("[a-c]x[!0-9]", "bxy"),
            ("[^a]", "b"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("\\*", "*"),
            ("*a*b*", "xaxbx"),
            ("*", ""),
            ("", ""),
            ("d\u{e9}?", "d\u{e9}\u{e8}"),
        ];
        for (pattern, path) in yes {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        let no = [
            ("*.tmp", "d/a.tmp"),
            ("*.tmp", "a.tmpx"),
            ("d/*", "d/a/b"),
            ("*", "a/b"),
            ("a?c", "a/c"),
            ("a[!x]c", "a/c"),
            ("[a-c]", "d"),
            ("\\*", "a"),
            ("a", ""),
            ("", "a"),
        ];
        for (pattern, path) in no {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        for bad in ["[a", "[", "[!", "a\\", "[a-"] {
            assert!(Glob::new(bad).is_none(), "{bad}");
        }
    }

    /// The definition, without any cleverness.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => {
                naive(rest, text) || text.first().is_some_and(|c| *c != '/') && naive(pattern, &text[1..])
            }
            Some(('?', rest)) => text.first().is_some_and(|c| *c != '/') && naive(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_trying_everything_finds(pattern in "[ab/*?]{0,9}", path in "[ab/]{0,9}") {
            let chars = |s: &str| s.chars().collect::<Vec<char>>();
            prop_assert_eq!(matches(&pattern, &path), naive(&chars(&pattern), &chars(&path)));
        }
    }
}
