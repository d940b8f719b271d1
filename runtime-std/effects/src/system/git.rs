//! What git says was changed in the work tree of a run, as patches beside the run's files.
//!
//! No git, no repository, no commit, nothing changed or no time left: no patch, and no error. It never writes to the
//! repository and never asks the user anything.

use runwire_proto::wire;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// For all calls of git together: a huge or a remote work tree must not hold up the run.
const GIT_TIME: Duration = Duration::from_secs(5);

/// How many tracking branches are asked for a common ancestor.
const BRANCHES: usize = 32;

/// Writes `diff.patch` (against the last commit) and `diff_<commit>.patch` (against what the upstream branch has) in
/// `files_dir`, and returns the names of those that are there now. They hold the same if nothing was committed since the
/// last push. An empty difference is not written, and an untracked file is in none.
pub(super) fn save(settings: &wire::Settings, files_dir: &Path) -> Vec<String> {
    let Some(folder) = work_dir(settings).or_else(|| std::env::current_dir().ok()) else { return Vec::new() };
    let git = Git {
        folder,
        scratch: files_dir.join(format!(".git.{}.tmp", std::process::id())),
        end: Instant::now() + GIT_TIME,
    };
    save_diffs(&git, settings.disable_git_fork_point.unwrap_or(true), files_dir)
}

/// A folder of the repository that the run belongs to: what the setting `git_root` says, else where the program's
/// relative path starts. The client makes that path, so it holds although the service may have been started elsewhere.
fn work_dir(settings: &wire::Settings) -> Option<PathBuf> {
    if let Some(root) = settings.git_root.as_deref().filter(|root| !root.is_empty()) {
        return Some(root.into());
    }
    let program = Path::new(settings.program_abspath.as_deref()?);
    let relative = Path::new(settings.program_relpath.as_deref().filter(|path| !path.is_empty())?);
    if relative.is_absolute() || !program.is_absolute() || !program.ends_with(relative) {
        return None;
    }
    program.ancestors().nth(relative.components().count()).map(Path::to_owned)
}

fn save_diffs(git: &Git, tip_only: bool, files_dir: &Path) -> Vec<String> {
    let mut saved = Vec::new();
    if git.line(&["rev-parse", "--verify", "HEAD"]).is_none() {
        return saved;
    }
    saved.extend(git.diff("HEAD", "diff.patch", files_dir));
    let upstream = if tip_only { git.line(&["rev-parse", "--verify", "@{upstream}"]) } else { fork_point(git) };
    if let Some(commit) = upstream.filter(|commit| is_hash(commit)) {
        saved.extend(git.diff(&commit, &format!("diff_{commit}.patch"), files_dir));
    }
    saved
}

/// The nearest commit that HEAD shares with a branch of some remote.
fn fork_point(git: &Git) -> Option<String> {
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

struct Git {
    folder: PathBuf,
    /// Takes what git prints, so that nobody has to read along.
    scratch: PathBuf,
    end: Instant,
}

impl Git {
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
        let mut command = Command::new("git");
        command
            // A repository can name a program for this; one look needs none.
            .args(["-c", "core.fsmonitor=false"])
            .args(args)
            .current_dir(&self.folder)
            // Neither ask for a password nor touch the index of the user's tree.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .stdout(File::create(&self.scratch).ok()?)
            .stderr(Stdio::null());
        // A group of its own, so that the programs it starts can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().ok()?;
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return status.success().then_some(()),
                Ok(None) if Instant::now() < self.end => {}
                Ok(None) | Err(_) => {
                    end(&mut child);
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

/// Ends git and what it has started: filters, helpers, a hanging connection. If it has ended by itself just now, there is
/// nothing to end.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
mod tests;
