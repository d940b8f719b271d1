//! Laws of the service on random bytes and random cuts.
use proptest::prelude::*;
use runwire_core::service::ServiceInput;
use runwire_core::service::fuzzing::{self, World, exit, finish, frames, init, row};
use runwire_core::time::Duration;
use runwire_core::{ClientId, Limits, StreamKey};

const CLIENT: ClientId = ClientId(1);

fn bytes_of_a_run() -> Vec<u8> {
    let mut requests = vec![init("i", "a")];
    requests.extend((0..12).map(|n| row("a", n)));
    requests.extend([exit("e", "a"), finish("f", "a"), init("j", "b"), row("b", 1), exit("g", "b")]);
    frames(&requests)
}

fn committed() -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/service");
    let files = std::fs::read_dir(dir).expect("the corpus is committed");
    let mut paths: Vec<_> = files.map(|file| file.expect("a folder can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("the corpus can be read")).collect()
}

#[test]
fn the_committed_corpus_keeps_every_promise() {
    let corpus = committed();
    assert!(corpus.len() >= 10);
    corpus.iter().for_each(|data| fuzzing::service(data));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_a_connections_bytes_gives_the_same_logs_and_answers(
        cuts in prop::collection::vec(1..400_usize, 1..40),
    ) {
        let bytes = bytes_of_a_run();
        let run = |cuts: &[usize]| {
            let mut world = World::new(Limits::default());
            world.give(ServiceInput::Connected(CLIENT));
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (part, later) = rest.split_at(rest.len().min(*cut));
                world.give(ServiceInput::Received(CLIENT, part.to_vec().into()));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            world.advance(Duration::from_secs(2));
            // Answers of different requests may overtake each other: which waits for the disk depends on the cut.
            let mut answers = world.answers.remove(&CLIENT).unwrap_or_default();
            answers.sort_by(|a, b| a.request_id.cmp(&b.request_id));
            (world.logs, answers)
        };
        prop_assert_eq!(run(&[usize::MAX]), run(&cuts));
    }

    #[test]
    fn bytes_that_are_flipped_never_disturb_another_connection(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let corpus = committed();
        let mut data = corpus[which.index(corpus.len())].clone();
        for (place, value) in flips {
            let place = place.index(data.len());
            data[place] = value;
        }
        data.truncate(end.index(data.len()) + 1);
        fuzzing::service(&data);
    }

    #[test]
    fn a_run_takes_no_more_than_its_credit_from_a_disk_that_hangs(
        sizes in prop::collection::vec(1..60_u32, 1..60),
    ) {
        let soft = 500;
        let mut world = World::new(Limits { backlog_bytes_soft: soft, ..Limits::default() });
        world.give(ServiceInput::Connected(CLIENT));
        world.send(CLIENT, &[init("i", "a")]);
        world.hanging.insert(StreamKey(1));
        let before = world.logs[&StreamKey(1)].len();
        let mut sent = 0;
        for size in sizes {
            if world.paused.contains(&CLIENT) {
                break;
            }
            // One at a time, as a reader does that stops when it is told to.
            world.send(CLIENT, &[row("a", size)]);
            sent += 1;
        }
        world.hanging.clear();
        world.advance(Duration::from_millis(100));
        let taken = world.logs[&StreamKey(1)].len() - before;
        prop_assert!(taken < soft + 200, "{} rows made {} bytes", sent, taken);
    }
}
