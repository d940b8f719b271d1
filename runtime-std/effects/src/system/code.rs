//! Saves the source of a run beside its other files: the program, and what git says was changed.
//!
//! Best effort: what cannot be saved is left out, and no run fails for it. What git says is `git.rs`; uploading is not done
//! here.

use super::git;
use runwire_proto::wire;
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// Copies the program to `code/` and writes what git says was changed, in `files_dir`. Returns the paths, below
/// `files_dir` and with `/`, of what is there now.
pub fn save(settings: &wire::Settings, files_dir: &Path) -> Vec<String> {
    let mut saved = Vec::new();
    let program = Path::new(settings.program_abspath.as_deref().unwrap_or_default());
    if !settings.disable_code.unwrap_or(false)
        && let Some(path) = copy_program(program, settings.program_relpath.as_deref().unwrap_or_default(), files_dir)
    {
        saved.push(path);
    }
    if !settings.disable_git.unwrap_or(false) {
        saved.extend(git::save(settings, files_dir));
    }
    saved
}

fn copy_program(program: &Path, relative: &str, files_dir: &Path) -> Option<String> {
    let relative = inside(relative)?;
    if !program.is_absolute() || !program.is_file() {
        return None;
    }
    let target = files_dir.join("code").join(&relative);
    if !target.exists() {
        fs::create_dir_all(target.parent()?).ok()?;
        fs::copy(program, &target).ok()?;
    }
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    Some(format!("code/{}", parts.join("/")))
}

/// The path without `.`; nothing if it is empty, absolute, or leads out by `..`.
fn inside(relative: &str) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in Path::new(relative).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!plain.as_os_str().is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(program: &Path, relative: &str) -> wire::Settings {
        wire::Settings {
            program_abspath: Some(program.to_str().unwrap().into()),
            program_relpath: Some(relative.into()),
            ..Default::default()
        }
    }

    #[test]
    fn the_program_is_copied_once_and_never_outside() {
        let dir = tempfile::tempdir().unwrap();
        let (program, files) = (dir.path().join("train.py"), dir.path().join("files"));
        fs::write(&program, "one").unwrap();
        let mut wanted = settings(&program, "./sub/train.py");
        wanted.disable_git = Some(true);
        assert_eq!(save(&wanted, &files), ["code/sub/train.py"]);
        fs::write(&program, "two").unwrap();
        assert_eq!(save(&wanted, &files), ["code/sub/train.py"]);
        assert_eq!(fs::read_to_string(files.join("code/sub/train.py")).unwrap(), "one");
        for bad in ["../../train.py", "/train.py", "", "sub/../../../x"] {
            wanted.program_relpath = Some(bad.into());
            assert_eq!(save(&wanted, &files), [""; 0], "{bad}");
        }
        wanted.program_abspath = Some(dir.path().join("missing.py").to_str().unwrap().into());
        wanted.program_relpath = Some("missing.py".into());
        assert_eq!(save(&wanted, &files), [""; 0]);
    }
}
