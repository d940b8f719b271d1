//! Makes an object fit: what costs a reader least is that the longest values are missing.

use super::{Members, write_string};
use alloc::{string::String, vec, vec::Vec};

/// The object `whole` without its longest values, so that it has at most `limit` bytes, and the keys and lengths of what
/// is left out, in the object's order. `{}` is the least that can be left.
pub fn shorten(whole: &str, limit: usize) -> (String, Vec<(String, usize)>) {
    if whole.len() <= limit {
        return (whole.into(), Vec::new());
    }
    let members: Vec<_> = Members::new(whole).filter_map(Result::ok).collect();
    let mut by_size: Vec<usize> = (0..members.len()).collect();
    by_size.sort_by_key(|at| core::cmp::Reverse(members[*at].1.text.len()));
    let mut stays = vec![true; members.len()];
    let mut len = whole.len();
    for at in by_size {
        if len <= limit {
            break;
        }
        let (key, value) = &members[at];
        // Quotes, colon and comma go with them. What a key loses or gains by being written again does not count here, so
        // the estimate of its length is the shorter one.
        len = len.saturating_sub(value.text.len() + key.decode().len() + 4);
        stays[at] = false;
    }
    let mut line = String::with_capacity(len);
    let mut left_out = Vec::new();
    let mut open = '{';
    for ((key, value), stays) in members.iter().zip(stays) {
        if !stays {
            left_out.push((key.decode().into_owned(), value.text.len()));
            continue;
        }
        line.push(open);
        open = ',';
        write_string(&key.decode(), &mut line);
        line.push(':');
        line.push_str(value.text);
    }
    line.push_str(if open == '{' { "{}" } else { "}" });
    (line, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_values_go_and_the_others_keep_their_order() {
        let whole = r#"{"a":1,"long":"xxxxxxxxxxxxxxxxxxxx","b":[1,2,3],"longer":"xxxxxxxxxxxxxxxxxxxxxxxxx","c":NaN}"#;
        let (line, left_out) = shorten(whole, 40);
        assert_eq!(line, r#"{"a":1,"b":[1,2,3],"c":NaN}"#);
        assert_eq!(left_out, [("long".into(), 22), ("longer".into(), 27)]);
        assert_eq!(shorten(whole, whole.len()), (whole.into(), Vec::new()));
    }

    #[test]
    fn nothing_fits_into_nothing() {
        assert_eq!(shorten(r#"{"a":1}"#, 3), ("{}".into(), [("a".into(), 1)].into()));
    }
}
