//! The committed corpora of the fuzz targets whose functions are here, and some bytes by chance.
#![cfg(unix)]

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use runwire_tests::fuzzing;

fn replay(target: &str, play: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "{target} has {} inputs", paths.len());
    for path in paths {
        println!("{}", path.display());
        play(&std::fs::read(&path).expect("it can be read"));
    }
}

#[test]
fn operations_of_the_corpus_break_no_law() {
    replay("operations", fuzzing::operations);
}

#[test]
fn bytes_of_the_corpus_leave_the_embedded_server_whole() {
    replay("backend", fuzzing::backend);
}

#[test]
fn answers_of_the_corpus_lose_no_row_in_silence() {
    replay("answers", fuzzing::answers);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn operations_by_chance_break_no_law(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::operations(&data);
    }

    #[test]
    fn answers_by_chance_lose_no_row_in_silence(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::answers(&data);
    }
}
