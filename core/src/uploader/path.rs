//! Names of a run's files: relative, with slashes, never out of the folder.

use alloc::string::String;

/// The plain form of a path that a client gave, without empty and `.` parts; or why it cannot name a file of the run.
pub(super) fn relative(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') || is_drive(path) {
        return Err("it is not relative to the run's folder");
    }
    // On some systems a backslash separates parts, on others it is a letter: such a name cannot be judged.
    if path.contains(['\\', '\0']) {
        return Err("it has a character that is not safe in a path");
    }
    let mut plain = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return Err("it leads out of the run's folder");
        }
        if !plain.is_empty() {
            plain.push('/');
        }
        plain.push_str(part);
    }
    if plain.is_empty() { Err("it is empty") } else { Ok(plain) }
}

/// Whether it begins with the letter of a drive, like `C:`.
fn is_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_folder() {
        for good in ["a", "a/b.txt", "sub/d\u{e9} p.txt", "..a", "a..", ".hidden", "ab:c"] {
            assert_eq!(relative(good).as_deref(), Ok(good));
        }
        for (given, plain) in [("./a", "a"), ("a//b", "a/b"), ("a/./b/", "a/b")] {
            assert_eq!(relative(given).as_deref(), Ok(plain));
        }
        let bad =
            ["", ".", "./", "/a", "//h/a", "..", "../a", "a/../b", "a/..", "\\a", "a\\..\\b", "C:\\a", "c:/a", "a\0b"];
        for bad in bad {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
    }
}
