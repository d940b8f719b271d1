//! Saves the source of a run beside its other files: the program, and what git says was changed.
//!
//! Best effort: what cannot be saved is left out, and no run fails for it. Uploading is not done here.

use runwire_proto::wire;
use std::{
    fs::{self, File},
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// For all calls of git together: a huge or a remote work tree must not hold up the run.
const GIT_TIME: Duration = Duration::from_secs(5);

/// How many tracking branches are asked for a common ancestor.
const BRANCHES: usize = 32;

/// Copies the program to `code/` and writes `diff.patch` and `diff_<commit>.patch` (the last against the upstream
/// branch) in `files_dir`. Returns the paths, below `files_dir` and with `/`, of those that are there now. An empty
/// difference is not written, and an untracked file is in none.
pub fn save(settings: &wire::Settings, files_dir: &Path) -> Vec<String> {
    let mut saved = Vec::new();
    let program = Path::new(settings.program_abspath.as_deref().unwrap_or_default());
    if !settings.disable_code.unwrap_or(false)
        && let Some(path) = copy_program(program, settings.program_relpath.as_deref().unwrap_or_default(), files_dir)
    {
        saved.push(path);
    }
    let folder = program.parent().filter(|folder| program.is_absolute() && folder.is_dir());
    if !settings.disable_git.unwrap_or(false)
        && let Some(folder) = folder
    {
        let git = Git {
            folder,
            scratch: files_dir.join(format!(".git.{}.tmp", std::process::id())),
            end: Instant::now() + GIT_TIME,
        };
        saved.extend(save_diffs(&git, settings.disable_git_fork_point.unwrap_or(true), files_dir));
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

fn save_diffs(git: &Git<'_>, tip_only: bool, files_dir: &Path) -> Vec<String> {
    let mut saved = Vec::new();
    let Some(head) = git.line(&["rev-parse", "--verify", "HEAD"]) else { return saved };
    saved.extend(git.diff("HEAD", "diff.patch", files_dir));
    let upstream = if tip_only { git.line(&["rev-parse", "--verify", "@{upstream}"]) } else { fork_point(git) };
    // Of the same commit it would be the same file again.
    if let Some(commit) = upstream.filter(|commit| *commit != head && is_hash(commit)) {
        saved.extend(git.diff(&commit, &format!("diff_{commit}.patch"), files_dir));
    }
    saved
}

/// The nearest commit that HEAD shares with a branch of some remote.
fn fork_point(git: &Git<'_>) -> Option<String> {
    let branches = git.text(&["for-each-ref", "--format=%(upstream)", "refs/heads"])?;
    let bases = branches.lines().map(str::trim).filter(|branch| !branch.is_empty()).take(BRANCHES);
    let bases = bases.filter_map(|branch| git.line(&["merge-base", "HEAD", branch])).filter(|base| is_hash(base));
    let distance = |base: String| {
        let count: u64 = git.line(&["rev-list", "--count", &format!("{base}..HEAD")])?.parse().ok()?;
        Some((count, base))
    };
    bases.filter_map(distance).min().map(|(_, base)| base)
}

fn is_hash(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Git<'a> {
    folder: &'a Path,
    /// Takes what git prints, so that nobody has to read along.
    scratch: PathBuf,
    end: Instant,
}

impl Git<'_> {
    fn diff(&self, from: &str, name: &str, files_dir: &Path) -> Option<String> {
        let done = self.run(&["diff", from, "--submodule=diff", "--no-color", "--no-ext-diff"]).is_some();
        let filled = fs::metadata(&self.scratch).is_ok_and(|meta| meta.len() > 0);
        if done && filled && fs::rename(&self.scratch, files_dir.join(name)).is_ok() {
            return Some(name.to_owned());
        }
        self.clean();
        None
    }

    fn line(&self, args: &[&str]) -> Option<String> {
        Some(self.text(args)?.trim().to_owned()).filter(|line| !line.is_empty())
    }

    fn text(&self, args: &[&str]) -> Option<String> {
        let text = self.run(args).and_then(|()| fs::read_to_string(&self.scratch).ok());
        self.clean();
        text
    }

    /// Nothing if git failed, is missing, or took too long.
    fn run(&self, args: &[&str]) -> Option<()> {
        fs::create_dir_all(self.scratch.parent()?).ok()?;
        let mut child = Command::new("git")
            .args(args)
            .current_dir(self.folder)
            // Neither ask for a password nor touch the index of the user's tree.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .stdout(File::create(&self.scratch).ok()?)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return status.success().then_some(()),
                Ok(None) if Instant::now() < self.end => {}
                Ok(None) | Err(_) => {
                    // It may have ended by itself just now; then there is nothing to end.
                    drop(child.kill());
                    drop(child.wait());
                    return None;
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn clean(&self) {
        // Not there is as good as removed.
        drop(fs::remove_file(&self.scratch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, args: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"];
        let done = Command::new("git").args(identity).args(args).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

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

    #[test]
    fn differences_to_the_last_commit_and_to_upstream() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, files) = (dir.path().join("tree"), dir.path().join("files"));
        fs::create_dir(&tree).unwrap();
        let program = tree.join("a.py");
        fs::write(&program, "one\n").unwrap();
        git(&tree, &["init", "-q"]);
        git(&tree, &["add", "."]);
        git(&tree, &["commit", "-qm", "first"]);
        let wanted = settings(&program, "a.py");
        assert_eq!(save(&wanted, &files), ["code/a.py"], "nothing has changed");

        git(&tree, &["branch", "base"]);
        git(&tree, &["branch", "-q", "--set-upstream-to=base"]);
        fs::write(&program, "two\n").unwrap();
        git(&tree, &["commit", "-qam", "second"]);
        fs::write(&program, "three\n").unwrap();
        for tip_only in [true, false] {
            let wanted = wire::Settings { disable_git_fork_point: Some(tip_only), ..wanted.clone() };
            let saved = save(&wanted, &files);
            assert_eq!(saved.len(), 3, "{saved:?}");
            assert!(fs::read_to_string(files.join("diff.patch")).unwrap().contains("-two\n+three"));
            assert!(fs::read_to_string(files.join(&saved[2])).unwrap().contains("-one\n+three"));
        }
        let left: Vec<_> = fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn git_is_stopped_when_the_time_is_up() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git { folder: dir.path(), scratch: dir.path().join("out"), end: Instant::now() };
        // The time is up before it starts, so it is ended in the first round (or has failed: there is no repository).
        let start = Instant::now();
        assert_eq!(git.text(&["rev-parse", "HEAD"]), None);
        assert!(start.elapsed() < GIT_TIME);
        assert!(!dir.path().join("out").exists());
    }
}
