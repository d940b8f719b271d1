//! The machine as a whole, over files that are held in memory.

use super::support::{event, record, scalar};
use super::*;
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec,
};
use proptest::prelude::*;

const RUN: Run<'static> = Run { current_dir: "/home", host: "vm", since: 100 };
const A: &str = "events.out.tfevents.100.vm.1";

/// A machine, a folder, and what came out.
struct World {
    machine: TensorBoard,
    now: Instant,
    files: BTreeMap<String, Vec<u8>>,
    /// No folder is there.
    missing: bool,
    /// Bytes that one reading gives at most.
    most: usize,
    rows: Vec<BTreeMap<String, String>>,
    saved: Vec<(String, String)>,
    told: Vec<String>,
    folders: Vec<String>,
    drained: usize,
    calls: usize,
}

impl World {
    fn new() -> Self {
        World {
            machine: TensorBoard::new(),
            now: Instant::ZERO,
            files: BTreeMap::new(),
            missing: false,
            most: usize::MAX,
            rows: Vec::new(),
            saved: Vec::new(),
            told: Vec::new(),
            folders: Vec::new(),
            drained: 0,
            calls: 0,
        }
    }

    /// Watches `/tb/train` below `/tb`.
    fn watching() -> Self {
        let mut world = Self::new();
        world.record(&watched("/tb/train", "/tb"));
        world
    }

    fn record(&mut self, record: &wire::TbRecord) {
        self.act(|machine, now, out| machine.on_record(now, &RUN, record, out));
    }

    fn put(&mut self, path: &str, bytes: &[u8]) {
        self.files.entry(path.into()).or_default().extend_from_slice(bytes);
    }

    fn after(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.act(TensorBoard::on_tick);
    }

    fn drain(&mut self) {
        self.act(TensorBoard::on_drain);
    }

    /// Does one thing and all that follows from it.
    fn act(&mut self, act: impl FnOnce(&mut TensorBoard, Instant, &mut VecDeque<Action>)) {
        let mut out = VecDeque::new();
        act(&mut self.machine, self.now, &mut out);
        while let Some(action) = out.pop_front() {
            match action {
                Action::Tail { watch, folder, want } => {
                    self.calls += 1;
                    assert!(self.calls < 10_000, "it reads without end");
                    if !self.folders.contains(&folder) {
                        self.folders.push(folder);
                    }
                    if self.missing {
                        self.machine.on_tail_failed(self.now, watch, &mut out);
                        continue;
                    }
                    let sizes: Vec<(String, u64)> =
                        self.files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64)).collect();
                    let bytes = want.map_or_else(Bytes::new, |want| {
                        let most = self.most.min(want.len as usize);
                        let rest = self.files[&want.path].get(want.at as usize..).unwrap_or_default();
                        Bytes::copy_from_slice(&rest[..rest.len().min(most)])
                    });
                    self.machine.on_tail(self.now, watch, &sizes, &bytes, &mut out);
                }
                Action::Row(cells) => {
                    let cells = cells.into_iter().map(|cell| (cell.path.join("."), cell.json));
                    self.rows.push(cells.collect());
                }
                Action::Save { source, path } => {
                    self.saved.push((source, path));
                    self.machine.on_linked(&mut out);
                }
                Action::Tell(text) => self.told.push(text),
                Action::Drained => self.drained += 1,
            }
        }
    }

    /// The steps of all rows.
    fn steps(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row["global_step"].as_str()).collect()
    }
}

fn watched(log_dir: &str, root_dir: &str) -> wire::TbRecord {
    wire::TbRecord { log_dir: log_dir.into(), root_dir: root_dir.into(), save: true, ..Default::default() }
}

fn at(step: i64, tag: &str, value: f32) -> Vec<u8> {
    record(&event(7.5, step, &scalar(tag, value)))
}

#[test]
fn run_69_equal_steps_are_one_row_with_the_last_value() {
    let mut world = World::new();
    let both = [scalar("loss", 0.5), scalar("acc", 0.25)].concat();
    world.put(A, &record(&event(7.0, 1, &both)));
    world.put(A, &at(2, "loss", 0.4));
    world.put(A, &at(2, "loss", f32::NAN));
    world.record(&watched("/tb/train", "/tb"));
    let row = |cells: &[(&str, &str)]| cells.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let first = row(&[("_timestamp", "7"), ("global_step", "1"), ("train/acc", "0.25"), ("train/loss", "0.5")]);
    assert_eq!(world.rows, [first], "the last row may still grow");
    world.drain();
    assert_eq!(world.rows[1], row(&[("_timestamp", "7.5"), ("global_step", "2"), ("train/loss", "NaN")]));
    assert_eq!((world.rows.len(), world.drained), (2, 1));
    assert_eq!(world.saved, [(format!("/tb/train/{A}"), format!("train/{A}"))]);
    assert_eq!(world.told, Vec::<String>::new());
}

#[test]
fn what_comes_later_is_read_every_five_seconds() {
    let mut world = World::watching();
    world.missing = true;
    world.after(5);
    world.missing = false;
    let bytes = [at(1, "a", 1.0), at(2, "a", 2.0), at(3, "a", 3.0)].concat();
    world.put(A, &bytes[..70]);
    world.after(4);
    assert_eq!(world.files.len(), 1);
    assert_eq!(world.steps(), [""; 0]);
    world.after(1);
    assert_eq!(world.steps(), [""; 0], "the first row may still grow");
    world.put(A, &bytes[70..]);
    world.after(5);
    assert_eq!(world.steps(), ["1", "2"]);
    // A second file; both may still be written to.
    world.put("events.out.tfevents.200.vm.2", &at(4, "a", 4.0));
    world.after(5);
    world.put(A, &at(5, "a", 5.0));
    world.drain();
    assert_eq!(world.steps(), ["1", "2", "3", "4", "5"]);
    assert_eq!(world.saved.len(), 2);
    assert_eq!(world.machine.wake(), None, "after the end nothing is looked at");
}

#[test]
fn a_look_that_finds_nothing_new_makes_one_call() {
    let mut world = World::new();
    world.put(A, &at(1, "a", 1.0));
    world.put(A, &at(2, "a", 1.0)[..10]);
    world.record(&watched("/tb/train", "/tb"));
    let before = world.calls;
    world.after(5);
    assert!(world.calls - before <= 2, "{}", world.calls - before);
    world.files.clear();
    let before = world.calls;
    world.after(5);
    assert_eq!(world.calls - before, 1);
}

#[test]
fn a_block_of_zeros_is_read_again() {
    let mut world = World::watching();
    let good = at(2, "a", 2.0);
    world.put(A, &at(1, "a", 1.0));
    world.put(A, &vec![0; good.len()]);
    for _ in 0..20 {
        world.after(5);
    }
    let len = world.files[A].len();
    world.files.get_mut(A).unwrap()[len - good.len()..].copy_from_slice(&good);
    world.after(5);
    world.drain();
    assert_eq!(world.steps(), ["1", "2"]);
    assert_eq!(world.told, Vec::<String>::new());
}

#[test]
fn damage_is_passed_over_and_told() {
    let mut world = World::watching();
    let mut bad = at(2, "a", 2.0);
    bad[20] ^= 1;
    world.put(A, &[at(1, "a", 1.0), bad, at(3, "a", 3.0)].concat());
    for _ in 0..5 {
        world.after(5);
    }
    world.put(A, &record(b"\xff\xff"));
    let mut lost = at(5, "a", 5.0);
    lost[0] ^= 1;
    world.put(A, &[at(4, "a", 4.0), lost, at(6, "a", 6.0)].concat());
    world.drain();
    assert_eq!(world.steps(), ["1", "3", "4"]);
    assert_eq!(world.told.len(), 3, "{:?}", world.told);
    assert!(world.told[0].contains("/tb/train/") && world.told[0].contains("byte 39"), "{}", world.told[0]);
    assert!(world.told[2].contains("what follows is not logged"), "{}", world.told[2]);
}

#[test]
fn records_that_are_longer_than_a_reading() {
    let mut world = World::watching();
    let long: String = core::iter::repeat_n('x', 3 << 20).collect();
    world.put(A, &[at(1, "a", 1.0), at(2, &long, 2.0), at(3, "a", 3.0)].concat());
    world.drain();
    assert_eq!(world.steps(), ["1", "2", "3"]);
}

#[test]
fn the_same_trouble_is_told_once() {
    let mut world = World::watching();
    for step in 0..50 {
        world.put(A, &at(step, "", 1.0));
    }
    world.drain();
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
    assert_eq!(world.rows.len(), 0);
}

#[test]
fn a_folder_without_a_root_waits_for_a_second_one() {
    let mut world = World::new();
    world.put(A, &[at(1, "a", 1.0), at(2, "a", 2.0)].concat());
    world.record(&watched("/tb/x/t", ""));
    world.after(9);
    assert_eq!(world.calls, 0);
    world.record(&watched("x/u", ""));
    world.drain();
    assert_eq!(world.folders, ["/tb/x/t", "/home/x/u"]);
    let keys: Vec<&str> = world.rows.iter().flat_map(|row| row.keys().map(String::as_str)).collect();
    assert!(keys.contains(&"tb/x/t/a") && keys.contains(&"home/x/u/a"), "{keys:?}");

    let mut alone = World::new();
    alone.put(A, &at(1, "a", 1.0));
    alone.record(&watched("logs", ""));
    alone.after(10);
    assert_eq!(alone.saved, [(format!("/home/logs/{A}"), format!("logs/{A}"))], "as named from the program's folder");
    let mut ended = World::new();
    ended.put(A, &at(1, "a", 1.0));
    ended.record(&watched("/elsewhere", ""));
    ended.drain();
    assert!(ended.rows[0].contains_key("a"), "the end waits for no second folder: {:?}", ended.rows);
    assert_eq!(ended.saved, [(format!("/elsewhere/{A}"), String::from(A))]);
}

#[test]
fn a_folder_is_watched_once_under_one_name() {
    let mut world = World::new();
    world.put(A, &at(1, "a", 1.0));
    for (folder, root) in [("/tb/train", "/tb"), ("/tb/./train/", "/tb/"), ("/tb/train", "/")] {
        world.record(&watched(folder, root));
    }
    world.drain();
    let keys: Vec<&str> = world.rows.iter().flat_map(|row| row.keys().map(String::as_str)).collect();
    assert_eq!(keys.iter().filter(|key| key.ends_with("/a")).count(), 2, "{keys:?}");
}

#[test]
fn what_is_not_watched_is_told() {
    let mut world = World::new();
    world.record(&watched("gs://bucket/x", ""));
    assert!(world.told[0].contains("gs://bucket/x"), "{:?}", world.told);
    assert!(!world.machine.is_used());
    world.put(A, &at(1, "a", 1.0));
    world.record(&watched("/tb/train", "/other"));
    world.drain();
    assert!(world.rows[0].contains_key("a"), "{:?}", world.rows);
    assert_eq!((world.saved.len(), world.told.len()), (0, 3), "{:?}", world.told);
}

#[test]
fn own_names_and_places() {
    let mut world = World::new();
    world.put("events.out.tfevents.1.elsewhere", &at(1, "a", 1.0));
    world.record(&wire::TbRecord {
        log_dir: "/tb/train".into(),
        namespace: Some("ns".into()),
        save: true,
        save_path: "kept/".into(),
        ignore_timestamp: true,
        ignore_hostname: true,
        ..Default::default()
    });
    world.drain();
    assert!(world.rows[0].contains_key("ns/a"), "{:?}", world.rows);
    assert_eq!(world.saved[0].1, "kept/events.out.tfevents.1.elsewhere");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the file grows and however little a reading gives, the rows are the same.
    #[test]
    fn pieces_make_no_difference(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        most in 60usize..200,
        steps in prop::collection::vec(0i64..4, 1..20),
    ) {
        let bytes: Vec<u8> = steps.iter().flat_map(|step| at(*step, "a", *step as f32)).collect();
        let mut whole = World::watching();
        whole.put(A, &bytes);
        whole.drain();

        let mut world = World::watching();
        world.most = most;
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut from = 0;
        for end in ends {
            world.put(A, &bytes[from..end]);
            from = end;
            world.after(5);
        }
        world.drain();
        prop_assert_eq!(&world.rows, &whole.rows);
        prop_assert_eq!(world.told.len(), 0);
    }

    /// Whatever a file holds, it is read to an end without a panic.
    #[test]
    fn changed_files_are_read_to_their_end(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes: Vec<u8> = (0..6).flat_map(|step| at(step, "a", 1.0)).collect();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let mut world = World::watching();
        world.put(A, &bytes[..cut.index(bytes.len())]);
        world.after(5);
        world.drain();
        prop_assert_eq!(world.drained, 1);
    }
}
