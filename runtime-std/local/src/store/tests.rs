//! Both stores keep the same promises.

use super::*;
use proptest::prelude::*;

fn keys(store: &dyn Store, prefix: &[u8], from: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    store
        .scan(prefix, from, &mut |key, _| {
            found.push(key.to_vec());
            true
        })
        .unwrap();
    found
}

fn promises(store: &mut dyn Store) {
    let put = |key: &[u8]| Op::Put(key.to_vec(), key.to_vec());
    store.apply(vec![put(b"a1"), put(b"a2"), put(b"b"), put(b"a\xff"), Op::Delete(b"zz".to_vec())]).unwrap();
    assert_eq!(keys(store, b"a", b""), [b"a1".to_vec(), b"a2".to_vec(), b"a\xff".to_vec()]);
    assert_eq!(keys(store, b"a", b"a2"), [b"a2".to_vec(), b"a\xff".to_vec()]);
    assert_eq!(store.get(b"b").unwrap(), Some(b"b".to_vec()));
    let back = |prefix: &[u8], before: &[u8]| {
        let mut found = Vec::new();
        let mut each = |key: &[u8], value: &[u8]| {
            assert_eq!(key, value);
            found.push(key.to_vec());
            found.len() < 2
        };
        store.scan_back(prefix, before, &mut each).unwrap();
        found
    };
    assert_eq!(back(b"a", b""), [b"a\xff".to_vec(), b"a2".to_vec()]);
    assert_eq!(back(b"", b""), [b"b".to_vec(), b"a\xff".to_vec()]);
    assert_eq!(back(b"", b"a2"), [b"a1".to_vec()]);
    assert_eq!(back(b"a", b"zz"), back(b"a", b""));
    assert_eq!(back(b"b", b"a"), Vec::<Vec<u8>>::new());
    assert_eq!(back(b"a\xff", b""), [b"a\xff".to_vec()]);
    assert_eq!(back(b"\xff", b""), Vec::<Vec<u8>>::new());
    store.apply(vec![Op::Delete(b"a2".to_vec()), Op::Put(b"b".to_vec(), b"new".to_vec())]).unwrap();
    assert_eq!(keys(store, b"a", b"a2"), [b"a\xff".to_vec()]);
    assert_eq!(store.get(b"b").unwrap(), Some(b"new".to_vec()));
    assert_eq!(store.get(b"c").unwrap(), None);
    store.barrier().wait().unwrap();
}

#[test]
fn memory_keeps_the_promises() {
    promises(&mut MemoryStore::default());
}

#[test]
fn disk_keeps_the_promises_and_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data.redb");
    let mut store = DiskStore::open(&path).unwrap();
    promises(&mut store);
    assert!(matches!(DiskStore::open(&path), Err(StoreError::InUse(_))));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "others may read it");
    }
    drop(store);
    let store = DiskStore::open(&path).unwrap();
    assert_eq!(keys(&store, b"", b""), [b"a1".to_vec(), b"a\xff".to_vec(), b"b".to_vec()]);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![7u8; 100_000]).unwrap();
    assert!(matches!(DiskStore::open(file.path()), Err(StoreError::Failed { .. })));
}

fn change() -> impl Strategy<Value = Op> {
    let key = || prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 1..4);
    prop_oneof![
        3 => (key(), any::<u8>()).prop_map(|(key, value)| Op::Put(key, vec![value])),
        1 => key().prop_map(Op::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// What waits in memory, what is being written and what is on the disk are read as one, and all of it stays.
    #[test]
    fn the_disk_reads_like_memory_at_any_time(
        groups in prop::collection::vec((prop::collection::vec(change(), 1..6), 0u8..4), 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.redb");
        let (mut disk, mut memory) = (DiskStore::open(&path).unwrap(), MemoryStore::default());
        let read = |store: &dyn Store, prefix: &[u8], mark: &[u8]| {
            let (mut found, mut back) = (Vec::new(), Vec::new());
            let mut each = |key: &[u8], value: &[u8]| { found.push((key.to_vec(), value.to_vec())); found.len() < 5 };
            store.scan(prefix, mark, &mut each).unwrap();
            let mut each = |key: &[u8], value: &[u8]| { back.push((key.to_vec(), value.to_vec())); back.len() < 5 };
            store.scan_back(prefix, mark, &mut each).unwrap();
            (found, back, store.get(mark).unwrap())
        };
        for (ops, then) in groups {
            disk.apply(ops.clone()).unwrap();
            memory.apply(ops).unwrap();
            match then {
                0 => disk.barrier().wait().unwrap(),
                1 => {
                    drop(disk);
                    disk = DiskStore::open(&path).unwrap();
                }
                _ => {}
            }
            for prefix in [&[][..], &[0], &[0, 255], &[255], &[255, 255]] {
                for mark in [&[][..], &[0, 1], &[255], &[1]] {
                    prop_assert_eq!(read(&disk, prefix, mark), read(&memory, prefix, mark), "{:?} {:?}", prefix, mark);
                }
            }
        }
    }
}
