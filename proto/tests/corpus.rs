//! The committed fuzz corpus goes through the same checks as in the fuzzer.
use runwire_proto::fuzzing;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        // Shown when the check fails.
        println!("{}", path.display());
        check(&std::fs::read(path).expect("an input"));
        inputs += 1;
    }
    assert!(inputs >= 5, "{} is empty", folder.display());
}

#[test]
fn frame() {
    replay("frame", fuzzing::frame);
}

#[test]
fn log() {
    replay("log", fuzzing::log);
}

#[test]
fn peek() {
    replay("peek", fuzzing::peek);
}
