//! Which logs are meant by the paths that a user names, and which of them have nothing left to send.

use runwire_core::Cursor;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Logs to upload, in the order they were named; each once.
    pub logs: Vec<PathBuf>,
    /// Logs below a named folder that are delivered already.
    pub delivered: usize,
    /// Paths that lead to no log, with the reason.
    pub problems: Vec<(PathBuf, String)>,
}

/// Finds the logs. A path is a log, a run's folder, a folder `wandb` with runs in it, or the folder that holds that one.
/// `again`: also those below folders that are delivered.
pub fn find(paths: &[PathBuf], again: bool) -> Found {
    let (mut found, mut seen) = (Found::default(), BTreeSet::new());
    for path in paths {
        let (logs, named) = match expand(path) {
            Ok(expanded) => expanded,
            Err(why) => {
                found.problems.push((path.clone(), why));
                continue;
            }
        };
        for log in logs {
            if !seen.insert(fs::canonicalize(&log).unwrap_or_else(|_| log.clone())) {
                continue;
            }
            if named || again || !is_delivered(&log) {
                found.logs.push(log);
            } else {
                found.delivered += 1;
            }
        }
    }
    found
}

/// The note beside a log, or the mark that an upload leaves there.
pub(super) fn beside(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_delivered(log: &Path) -> bool {
    let cursor = || fs::read_to_string(beside(log, ".delivered")).ok().and_then(|text| Cursor::from_json(&text));
    beside(log, ".synced").exists() || cursor().is_some_and(|cursor| cursor.is_complete())
}

/// The logs of one path, and whether it named a log itself.
fn expand(path: &Path) -> Result<(Vec<PathBuf>, bool), String> {
    let facts = fs::metadata(path).map_err(|error| error.to_string())?;
    if facts.is_file() {
        return Ok((vec![path.to_path_buf()], true));
    }
    let unread = |error: std::io::Error| error.to_string();
    let direct = logs_in(path).map_err(unread)?;
    if !direct.is_empty() {
        return Ok((direct, false));
    }
    let mut logs = Vec::new();
    for place in [path.to_path_buf(), path.join("wandb"), path.join(".wandb")] {
        for folder in folders_of_runs(&place) {
            logs.extend(logs_in(&folder).map_err(unread)?);
        }
    }
    if logs.is_empty() { Err("there is no run in it".into()) } else { Ok((logs, false)) }
}

fn logs_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wandb") && path.is_file() {
            logs.push(path);
        }
    }
    logs.sort();
    Ok(logs)
}

/// Folders of runs by their names, oldest first; links to them are not followed.
fn folders_of_runs(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let is_run = |name: &str| name.starts_with("run-") || name.starts_with("offline-run-");
    let mut folders: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_run))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_log_a_run_or_a_place_of_runs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let log = |folder: &str, id: &str| {
            let folder = root.join("wandb").join(folder);
            fs::create_dir_all(&folder).unwrap();
            let log = folder.join(format!("run-{id}.wandb"));
            fs::write(&log, "").unwrap();
            log
        };
        let (a, b) = (log("offline-run-20250101_000000-a", "a"), log("run-20250102_000000-b", "b"));
        fs::create_dir_all(root.join("wandb/other")).unwrap();
        fs::write(beside(&b, ".synced"), "").unwrap();
        for place in [root.to_path_buf(), root.join("wandb")] {
            let found = find(std::slice::from_ref(&place), false);
            assert_eq!((found.logs, found.delivered), (vec![a.clone()], 1), "{}", place.display());
        }
        assert_eq!(find(&[root.to_path_buf()], true).logs, [a.clone(), b.clone()]);
        assert_eq!(find(std::slice::from_ref(&b), false).logs, *std::slice::from_ref(&b), "who names a log means it");
        let twice = find(&[a.clone(), a.parent().unwrap().to_path_buf()], false);
        assert_eq!(twice.logs, [a]);
        let none = find(&[root.join("nowhere"), root.join("wandb/other")], false);
        assert_eq!((none.logs.len(), none.problems.len()), (0, 2));
    }
}
