//! Paths and names: where a folder's values go in a row, where its files are saved, and which files are the run's.
//!
//! All paths here are absolute, with `/` between their parts and none at their end.

use alloc::{format, string::String, vec::Vec};

/// `path` as it is meant in the folder `current`.
pub(super) fn absolute(path: &str, current: &str) -> String {
    let path = if has_drive(path) { path.replace('\\', "/") } else { String::from(path) };
    let whole = if path.starts_with('/') || has_drive(&path) { path } else { format!("{current}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let root = if whole.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// `C:\` and the like.
fn has_drive(path: &str) -> bool {
    let mut chars = path.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':')
}

/// Whether a path names a store in the network, not a folder.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://")
}

/// What follows `root` in `path`; empty if they are the same.
pub(super) fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// The deepest folder that holds all of them.
pub(super) fn common(paths: &[String]) -> String {
    let mut shared: Vec<&str> = paths.first().map(|path| path.split('/').collect()).unwrap_or_default();
    for path in paths {
        let same = shared.iter().zip(path.split('/')).take_while(|(a, b)| **a == *b).count();
        shared.truncate(same);
    }
    let joined = shared.join("/");
    if joined.is_empty() { String::from("/") } else { joined }
}

/// Which event files belong to the run: the writer puts the time in seconds and the machine's name into theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    /// Files of before are of other runs.
    pub(super) since: Option<i64>,
    pub(super) host: Option<String>,
}

impl Filter {
    /// Whether the file at `path`, below the watched folder, is wanted.
    pub(super) fn takes(&self, path: &str) -> bool {
        const MARK: &str = "tfevents.";
        // Left behind by other tools, with nothing in them.
        const OTHERS: [&str; 2] = [".profile-empty", ".sagemaker-uploaded"];
        let name = path.rsplit('/').next().unwrap_or_default();
        let starts = |at: usize| {
            let (seconds, host) = name[at + MARK.len()..].split_once('.')?;
            let seconds: i64 = seconds.parse().ok()?;
            let in_time = self.since.is_none_or(|since| seconds >= since);
            Some(in_time && self.host.as_ref().is_none_or(|wanted| host.starts_with(wanted.as_str())))
        };
        !OTHERS.iter().any(|end| name.ends_with(end))
            && name.match_indices(MARK).any(|(at, _)| starts(at) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn paths_are_made_plain() {
        for (path, wanted) in [
            ("/a/b/", "/a/b"),
            ("logs/./x//y", "/home/logs/x/y"),
            ("../b", "/b"),
            ("/../..", "/"),
            ("", "/home"),
            ("C:\\logs\\x", "C:/logs/x"),
        ] {
            assert_eq!(absolute(path, "/home"), wanted, "{path}");
        }
        assert!(is_remote("gs://bucket/x") && !is_remote("/a/b"));
    }

    #[test]
    fn what_lies_below() {
        assert_eq!(below("/a/b/c", "/a"), Some("b/c"));
        assert_eq!(below("/a", "/a"), Some(""));
        assert_eq!(below("/a/b", "/"), Some("a/b"));
        assert_eq!(below("/ab", "/a"), None);
        let common = |paths: &[&str]| common(&paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(common(&["/a/x/t", "/a/x/u"]), "/a/x");
        assert_eq!(common(&["/a/x", "/a/x/u"]), "/a/x");
        assert_eq!(common(&["/a/x", "/b"]), "/");
    }

    #[test]
    fn files_of_this_run_and_machine() {
        let filter = Filter { since: Some(100), host: Some("vm".into()) };
        for name in ["events.out.tfevents.100.vm.1.0", "sub/tfevents.101.vm", "x.tfevents.150.vmx"] {
            assert!(filter.takes(name), "{name}");
        }
        for name in [
            "events.out.tfevents.99.vm.1",
            "events.out.tfevents.100.other",
            "a.tfevents.100.0.vm",
            "events.out.tfevents.100.vm.profile-empty",
            "events.out.tfevents.100.vm.sagemaker-uploaded",
            "events.out.tfevents.x.vm",
            "events.out.tfevents.100",
            "tfevents.100.vm/model.bin",
            "",
        ] {
            assert!(!filter.takes(name), "{name}");
        }
        assert!(Filter::default().takes("events.out.tfevents.1.anything"));
    }
}
