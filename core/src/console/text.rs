//! The text of one console line, written at columns.
//!
//! Owns the rule of what a line holds, at most [`MAX_COLUMNS`] code points, and of what it shows: blanks put behind the
//! text show only once something else changes, as in the official client. Knows nothing of rows, streams or files.

use alloc::string::String;

/// Code points a line can hold; what is written further right is dropped.
pub(super) const MAX_COLUMNS: usize = 4096;

/// Characters of a line. A column is one code point, whatever its width on a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    text: String,
    columns: usize,
    /// Bytes that show. Behind them there are only blanks.
    shown: usize,
}

impl Text {
    /// A line that is never edited, so no column limit applies.
    pub(super) fn fixed(text: &str) -> Self {
        Self { text: text.into(), columns: count(text), shown: text.len() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text[..self.shown]
    }

    pub(super) fn into_string(mut self) -> String {
        self.text.truncate(self.shown);
        self.text
    }

    /// Bytes of memory that count against the window.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Writes `run` (of `columns` code points) from column `at` on. True if the line now reads differently.
    pub(super) fn put(&mut self, at: usize, run: &str, columns: usize) -> bool {
        let room = MAX_COLUMNS.saturating_sub(at);
        let (run, columns) = if columns > room { (&run[..byte_of(run, room)], room) } else { (run, columns) };
        if columns == 0 {
            return false;
        }
        let inside = self.columns.saturating_sub(at).min(columns);
        let (over, beyond) = if inside == columns { (run, "") } else { run.split_at(byte_of(run, inside)) };
        let replaced = inside > 0 && self.replace(at, inside, over);
        if beyond.is_empty() {
            return replaced;
        }
        self.text.extend(core::iter::repeat_n(' ', at.saturating_sub(self.columns)));
        self.text.push_str(beyond);
        self.columns = at + columns;
        let blanks = beyond.len() - beyond.trim_end_matches(' ').len();
        if blanks < beyond.len() {
            self.shown = self.text.len() - blanks;
        }
        replaced || blanks < beyond.len()
    }

    /// Removes everything from column `at` on. True if something was there.
    pub(super) fn cut(&mut self, at: usize) -> bool {
        if at >= self.columns {
            return false;
        }
        self.text.truncate(self.byte_at(at));
        self.columns = at;
        let shown = self.text.trim_end_matches(' ').len();
        core::mem::replace(&mut self.shown, shown) != shown
    }

    /// Blanks the columns from the line's start through `last`. True if the line now reads differently.
    pub(super) fn blank_through(&mut self, last: usize) -> bool {
        if last + 1 >= self.columns {
            return self.cut(0);
        }
        self.replace(0, last + 1, &" ".repeat(last + 1))
    }

    fn replace(&mut self, at: usize, columns: usize, with: &str) -> bool {
        let from = self.byte_at(at);
        let to = if at + columns == self.columns {
            self.text.len()
        } else if self.is_ascii() {
            from + columns
        } else {
            from + byte_of(&self.text[from..], columns)
        };
        if &self.text[from..to] == with {
            return false;
        }
        self.text.replace_range(from..to, with);
        self.shown = self.text.len();
        true
    }

    fn byte_at(&self, column: usize) -> usize {
        if self.is_ascii() { column } else { byte_of(&self.text, column) }
    }

    fn is_ascii(&self) -> bool {
        self.text.len() == self.columns
    }
}

/// Code points in `text`: every byte that does not continue one. Written so that it vectorises.
pub(super) fn count(text: &str) -> usize {
    text.bytes().map(|byte| usize::from(byte as i8 >= -0x40)).sum()
}

/// Byte position of code point `column`, or the end.
fn byte_of(text: &str, column: usize) -> usize {
    text.char_indices().nth(column).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(text: &mut Text, at: usize, run: &str) -> bool {
        text.put(at, run, count(run))
    }

    #[test]
    fn blanks_at_the_end_show_with_the_next_change() {
        let mut text = Text::default();
        assert!(put(&mut text, 0, "a  "));
        assert_eq!(text.as_str(), "a");
        assert!(!put(&mut text, 3, "  "));
        assert!(put(&mut text, 5, "b"));
        assert_eq!(text.as_str(), "a    b");
        assert!(!put(&mut text, 6, " "));
        assert!(put(&mut text, 0, "c"));
        assert_eq!(text.as_str(), "c    b ");
    }

    #[test]
    fn blanks_over_text_show() {
        let mut text = Text::default();
        put(&mut text, 0, "abc");
        assert!(put(&mut text, 0, "     "));
        assert_eq!(text.as_str(), "   ");
    }

    #[test]
    fn the_same_text_again_is_no_change() {
        let mut text = Text::default();
        put(&mut text, 0, "é漢x");
        assert!(!put(&mut text, 1, "漢"));
        assert!(put(&mut text, 1, "ab"));
        assert_eq!(text.as_str(), "éab");
    }

    #[test]
    fn cut_leaves_no_blanks_behind() {
        let mut text = Text::default();
        put(&mut text, 0, "é  b");
        assert!(text.cut(3));
        assert_eq!((text.as_str(), text.columns), ("é", 3));
        assert!(!text.cut(1));
    }

    #[test]
    fn the_column_limit_holds_for_overwriting_too() {
        let mut text = Text::default();
        put(&mut text, 0, &"é".repeat(5000));
        assert_eq!(text.columns, MAX_COLUMNS);
        assert!(put(&mut text, MAX_COLUMNS - 1, "xyz"));
        assert!(!put(&mut text, MAX_COLUMNS, "xyz"));
        assert_eq!(count(text.as_str()), MAX_COLUMNS);
        assert!(text.as_str().ends_with("éx"));
    }
}
