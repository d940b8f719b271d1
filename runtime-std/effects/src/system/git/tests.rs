//! Patches of real repositories.

use super::*;

struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    /// One commit with the file `f`.
    fn new() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q", "-b", "main", "work"], repo.dir.path());
        repo.write("f", "a\n");
        repo.commit("first");
        repo
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    fn git(&self, args: &[&str], dir: &Path) -> String {
        let identity = ["-c", "user.email=a@example.com", "-c", "user.name=n", "-c", "color.ui=always"];
        let output = Command::new("git").args(identity).args(args).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.work().join(name), text).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"], &self.work());
        self.git(&["commit", "-q", "-m", message], &self.work());
        self.git(&["rev-parse", "HEAD"], &self.work())
    }

    /// A bare copy that the branch `main` tracks.
    fn track(&self) {
        self.git(&["clone", "-q", "--bare", "work", "up.git"], self.dir.path());
        self.git(&["remote", "add", "origin", "../up.git"], &self.work());
        self.git(&["fetch", "-q", "origin"], &self.work());
        self.git(&["branch", "-q", "-u", "origin/main"], &self.work());
    }

    /// As a run in the folder `folder` of the work tree would.
    fn save_in(&self, folder: &str, fork_point: bool) -> Vec<String> {
        drop(fs::remove_dir_all(self.files()));
        let root = self.work().join(folder);
        let settings = wire::Settings {
            git_root: Some(root.to_str().unwrap().into()),
            disable_git_fork_point: Some(!fork_point),
            ..Default::default()
        };
        save(&settings, &self.files())
    }

    fn save(&self, fork_point: bool) -> Vec<String> {
        self.save_in("", fork_point)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.files().join(name)).unwrap()
    }
}

#[test]
fn changes_since_the_last_commit() {
    let repo = Repo::new();
    repo.write("f", "a\nb\n");
    repo.write("untracked", "u\n");
    assert_eq!(repo.save(false), ["diff.patch"]);
    let patch = repo.read("diff.patch");
    assert!(patch.starts_with("diff --git a/f b/f\n") && patch.ends_with("\n a\n+b\n"), "{patch}");
    assert_eq!(fs::read_dir(repo.files()).unwrap().count(), 1, "nothing else is left");
    fs::create_dir(repo.work().join("sub")).unwrap();
    assert_eq!(repo.save_in("sub", false), ["diff.patch"], "the whole repository from a folder of it");
}

#[test]
fn a_dirty_tree_that_was_pushed_gives_both_patches() {
    let repo = Repo::new();
    repo.track();
    assert_eq!(repo.save(false), Vec::<String>::new(), "nothing has changed");
    repo.write("f", "dirty\n");
    let head = repo.git(&["rev-parse", "HEAD"], &repo.work());
    for fork_point in [false, true] {
        let second = format!("diff_{head}.patch");
        assert_eq!(repo.save(fork_point), ["diff.patch", second.as_str()]);
        assert_eq!(repo.read("diff.patch"), repo.read(&second));
    }
}

#[test]
fn changes_that_upstream_does_not_have() {
    let repo = Repo::new();
    repo.track();
    let pushed = repo.git(&["rev-parse", "HEAD"], &repo.work());
    repo.write("g", "c\n");
    repo.commit("second");
    let upstream = format!("diff_{pushed}.patch");
    assert_eq!(repo.save(false), [upstream.as_str()]);
    repo.write("f", "dirty\n");
    for fork_point in [false, true] {
        assert_eq!(repo.save(fork_point), ["diff.patch", upstream.as_str()]);
    }
    assert!(repo.read(&upstream).contains("diff --git a/g b/g") && repo.read(&upstream).contains("+dirty"));
    assert!(!repo.read("diff.patch").contains("a/g"));
}

#[test]
fn a_branch_of_ones_own_is_compared_only_with_fork_points() {
    let repo = Repo::new();
    repo.track();
    // A second tracked branch that leaves the history earlier than the first.
    let old = repo.git(&["rev-parse", "HEAD"], &repo.work());
    repo.write("g", "c\n");
    let shared = repo.commit("second");
    repo.git(&["push", "-q", "origin", "main"], &repo.work());
    repo.git(&["push", "-q", "origin", &format!("{old}:refs/heads/aaa")], &repo.work());
    repo.git(&["fetch", "-q", "origin"], &repo.work());
    repo.git(&["branch", "-q", "--track", "aaa", "origin/aaa"], &repo.work());
    repo.git(&["checkout", "-q", "--no-track", "-b", "topic"], &repo.work());
    repo.write("h", "d\n");
    repo.commit("third");
    assert_eq!(repo.save(false), Vec::<String>::new());
    assert_eq!(repo.save(true), [format!("diff_{shared}.patch")]);
}

#[test]
fn nothing_to_compare_is_no_error() {
    let repo = Repo::new();
    assert_eq!(repo.save_in("missing", true), Vec::<String>::new());
    let empty = tempfile::tempdir_in(repo.dir.path()).unwrap();
    repo.git(&["init", "-q", "."], empty.path());
    fs::write(empty.path().join("x"), "x").unwrap();
    let unborn = wire::Settings { git_root: Some(empty.path().to_str().unwrap().into()), ..Default::default() };
    assert_eq!(save(&unborn, &repo.files()), Vec::<String>::new());
    assert_eq!(fs::read_dir(repo.files()).map_or(0, Iterator::count), 0);
}

/// A git that hangs is ended in time, and so is the program that it hangs in.
#[cfg(unix)]
#[test]
fn a_git_that_hangs_is_stopped_with_what_it_started() {
    let repo = Repo::new();
    repo.write(".gitattributes", "f filter=slow\n");
    let (started, survived) = (repo.dir.path().join("started"), repo.dir.path().join("survived"));
    let filter = format!("touch '{}'; sleep 3; touch '{}'", started.display(), survived.display());
    repo.git(&["config", "filter.slow.clean", &filter], &repo.work());
    repo.write("f", "changed\n");
    let git =
        Git { folder: repo.work(), scratch: repo.dir.path().join("out"), end: Instant::now() + Duration::from_secs(1) };
    fs::create_dir(repo.files()).unwrap();
    let start = Instant::now();
    assert_eq!(save_diffs(&git, true, &repo.files()), Vec::<String>::new());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    std::thread::sleep(Duration::from_millis(3500));
    assert!(started.exists(), "the filter never ran");
    assert!(!survived.exists(), "the filter outlived git");
    assert_eq!(fs::read_dir(repo.files()).unwrap().count(), 0);
}

#[test]
fn where_a_run_works() {
    let settings = |root: Option<&str>, program: Option<&str>, relative: Option<&str>| wire::Settings {
        git_root: root.map(str::to_owned),
        program_abspath: program.map(str::to_owned),
        program_relpath: relative.map(str::to_owned),
        ..Default::default()
    };
    let program = Some("/demo/repo/sub/run.py");
    assert_eq!(work_dir(&settings(Some("/root"), program, Some("sub/run.py"))), Some("/root".into()));
    assert_eq!(work_dir(&settings(None, program, Some("sub/run.py"))), Some("/demo/repo".into()));
    assert_eq!(work_dir(&settings(Some(""), program, Some("run.py"))), Some("/demo/repo/sub".into()));
    assert_eq!(work_dir(&settings(None, program, Some("other.py"))), None);
    assert_eq!(work_dir(&settings(None, program, Some(""))), None);
    assert_eq!(work_dir(&settings(None, None, Some("run.py"))), None);
}
