//! Full and hanging disks. They are real ones, so these cases need the right to mount.
//!
//! Where that right is missing the cases fail and say so; `RUNWIRE_TEST_NO_MOUNT=1` states that it is meant.
#![cfg(target_os = "linux")]
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runwire_proto::wire::InternalMessagesRequest;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::result::ResultType;
use runwire_tests::client::{Run, Scene, exit_record, response, result, settings, warnings};
use runwire_tests::logs::Log;
use runwire_tests::sidecar::{Sidecar, is_official};
use tempfile::TempDir;

/// Time in which an exit must be answered even when nothing can be written.
const EXIT_LIMIT: Duration = Duration::from_secs(15);

fn may_not_mount() -> bool {
    std::env::var_os("RUNWIRE_TEST_NO_MOUNT").is_some_and(|value| value == "1")
}

fn tool(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A small disk of its own, gone when dropped.
struct Disk {
    dir: TempDir,
}

impl Disk {
    fn mount(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let at = dir.path().to_str().expect("test paths are UTF-8").to_owned();
        assert!(
            tool("mount", &[arguments, &[at.as_str()]].concat()),
            "no disk can be mounted here; run as root, or say RUNWIRE_TEST_NO_MOUNT=1 to leave this case out"
        );
        Self { dir }
    }

    /// A disk in memory.
    fn small(kib: u32) -> Self {
        Self::mount(&["-t", "tmpfs", "-o", &format!("size={kib}k"), "runwire-test"])
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        tool("umount", &["--lazy", self.dir.path().to_str().expect("test paths are UTF-8")]);
    }
}

/// A file system that can be made to hang: every write waits until it is thawed.
struct Freezer {
    disk: Disk,
    _image: TempDir,
}

impl Freezer {
    fn new() -> Self {
        let image = tempfile::tempdir().expect("a temporary folder can be made");
        let file = image.path().join("disk");
        let made = fs::File::create(&file).and_then(|file| file.set_len(16 << 20));
        made.expect("a temporary folder takes a file");
        let file = file.to_str().expect("test paths are UTF-8");
        assert!(
            tool("mkfs.ext4", &["-q", file]),
            "mkfs.ext4 is missing; say RUNWIRE_TEST_NO_MOUNT=1 to leave this out"
        );
        let disk = Disk::mount(&["-o", "loop", file]);
        Self { disk, _image: image }
    }

    fn freeze(&self) -> Frozen<'_> {
        assert!(tool("fsfreeze", &["--freeze", self.disk.path().to_str().expect("test paths are UTF-8")]));
        Frozen(self)
    }
}

/// Thaws when dropped.
struct Frozen<'a>(&'a Freezer);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        tool("fsfreeze", &["--unfreeze", self.0.disk.path().to_str().expect("test paths are UTF-8")]);
    }
}

fn run_on(sidecar: &Sidecar, disk: &Path) -> Run {
    Run::begin(sidecar.connect(), settings::offline(disk, "stuck"))
}

fn fill(run: &mut Run, from: usize, count: usize) {
    let text = format!("\"{}\"", "x".repeat(100));
    for value in from..from + count {
        run.row(&[("x", &value.to_string()), ("text", &text)]);
    }
}

/// Waits until the user is told that the disk is full.
fn await_warning(run: &mut Run) {
    let id = run.post(RequestType::InternalMessages(InternalMessagesRequest { wait: true, info: None }));
    let texts = warnings(response(run.client.answer(&id)));
    assert!(texts.iter().any(|text| text.to_lowercase().contains("no space")), "{texts:?}");
}

/// Exit as ever; with a disk that stays full the answer may admit that it gave up.
fn timed_exit(run: &mut Run) {
    let start = Instant::now();
    let answer = result(run.ask_record(exit_record(0)));
    assert!(matches!(answer, ResultType::ExitResult(_)), "unexpected result {answer:?}");
    assert!(start.elapsed() < EXIT_LIMIT, "took {:?}", start.elapsed());
}

// official: differs, the user is told nothing
#[test]
fn better_full_disk_is_reported_and_survived() {
    if may_not_mount() {
        return;
    }
    let disk = Disk::small(256);
    let sidecar = Sidecar::start();
    let mut other = Run::begin(sidecar.connect(), settings::offline(sidecar.dir(), "other"));
    let mut run = run_on(&sidecar, disk.path());
    fill(&mut run, 0, 3000);
    assert_eq!(run.step(), 3000);
    if !is_official() {
        await_warning(&mut run);
    }
    fill(&mut run, 3000, 10);
    assert_eq!(run.step(), 3010);
    other.row(&[("y", "1")]);
    assert_eq!(other.step(), 1);
    timed_exit(&mut run);
    // What was stored is whole: the first rows without a gap. How many were refused is in the exit record's account.
    let steps = Log::salvage(&run.log_path()).steps();
    assert!(steps.len() > 300, "only {} rows were stored", steps.len());
    assert!(steps.is_sorted());
    assert_eq!(steps[..300], (0..300).collect::<Vec<_>>());
    other.exit(0);
}

// official: differs, after one failed write nothing more is stored
#[test]
fn better_full_disk_that_gets_room_again() {
    if may_not_mount() || is_official() {
        return;
    }
    let disk = Disk::small(512);
    let sidecar = Sidecar::start();
    let mut run = run_on(&sidecar, disk.path());
    let filler = disk.path().join("filler");
    fs::write(&filler, vec![0; 300 << 10]).expect("the disk has room for this");
    fill(&mut run, 0, 2000);
    await_warning(&mut run);
    fs::remove_file(filler).expect("a file can be removed from a full disk");
    for value in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        run.row(&[("after", &value.to_string())]);
    }
    timed_exit(&mut run);
    let log = Log::salvage(&run.log_path());
    assert_eq!(log.column("after").last().map(String::as_str), Some("29"));
    assert_eq!(log.kinds().last(), Some(&"exit"));
}

// official: differs, the run stops answering when its log cannot be written
#[test]
fn better_hanging_disk_stops_nobody_else() {
    if may_not_mount() || is_official() {
        return;
    }
    let freezer = Freezer::new();
    let mut scene = Scene::new();
    let mut stuck = run_on(&scene.sidecar, freezer.disk.path());
    stuck.row(&[("x", "first")]);
    stuck.settle();
    let frozen = freezer.freeze();
    fill(&mut stuck, 1, 300);
    assert_eq!(stuck.step(), 301, "questions need no disk");
    for value in 0..50 {
        scene.row(&[("y", &value.to_string())]);
    }
    assert_eq!(scene.step(), 50);
    timed_exit(&mut scene);
    assert_eq!(scene.log().steps().len(), 50);
    let mut late = scene.another("late");
    timed_exit(&mut late);
    drop(frozen);
    stuck.exit(0);
    let log = stuck.log();
    assert_eq!(log.steps(), (1..301).collect::<Vec<_>>());
    assert_eq!(log.exit_code(), 0);
}
